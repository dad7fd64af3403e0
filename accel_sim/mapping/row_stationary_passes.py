"""The passes of a row-stationary mapping as arrays: what each one works on and what it moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.row_stationary_types import Pass
from accel_sim.mapping.row_stationary_letters import RowStationaryMapping
from accel_sim.workload import MacShape

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassTable:
    """All passes of a layer in the order they run; int64 [passes] each.

    Parameters
    ----------
    group
        Group of the convolution.
    first_image, images, first_row, rows
        The ifmaps and the strip of ofmap rows.
    first_filter, filters, first_channel, channels
        Within the group.
    p, q, r, t
        The letters as this pass uses them: where filters or channels run out they are spread evenly over the sets,
        and sets without any are left out.
    psum_lag
        How many passes ago these psums were written; 0 where the first channels start them.
    loads_filters
        0 where the array holds the same weights already, else 1.
    loads_ifmap
        0 where the GLB holds the same ifmap tile already, else 1.
    """

    group: I64
    first_image: I64
    images: I64
    first_row: I64
    rows: I64
    first_filter: I64
    filters: I64
    first_channel: I64
    channels: I64
    p: I64
    q: I64
    r: I64
    t: I64
    psum_lag: I64
    loads_filters: I64
    loads_ifmap: I64

    @property
    def count(self) -> int:
        """Number of passes."""
        return int(self.group.size)

    def kinds(self) -> tuple[I64, I64]:
        """Return the distinct passes, int64 [kinds, 9] as the fields of `Pass`, and which of them each pass is."""
        every = np.ones_like(self.group)
        lag = np.minimum(self.psum_lag, 2)
        columns = (self.images, self.rows, self.p, self.q, self.r, self.t, lag, self.loads_filters, every)
        assert len(columns) == len(Pass._fields)
        kinds, kind = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
        return kinds, kind.astype(np.int64).ravel()

    def stepped(self, shape: MacShape) -> I64:
        """Return the table that the stepped twin takes, int64 [passes, 16]; filters count over all groups."""
        first_filter = self.group * shape.k + self.first_filter
        first_ifmap_channel = self.group * shape.c + self.first_channel
        columns = (
            self.first_image,
            self.images,
            self.first_row,
            self.rows,
            first_filter,
            self.filters,
            self.first_channel,
            self.channels,
            first_ifmap_channel,
            self.p,
            self.q,
            self.r,
            self.t,
            self.psum_lag,
            self.loads_filters,
            np.ones_like(self.group),
        )
        return np.ascontiguousarray(np.stack(columns, axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class PassWords:
    """Words that each pass moves, int64 [passes] each; ``macs`` its multiply-accumulates.

    ``ifmap``, ``filter``, ``psum_read`` and ``psum_write`` pass between buffer and array once; ``ifmap_copies`` and
    ``filter_copies`` are the words that PEs take from the multicast.
    """

    ifmap: I64
    filter: I64
    psum_read: I64
    psum_write: I64
    ifmap_copies: I64
    filter_copies: I64
    macs: I64


def enumerate_passes(shape: MacShape, mapping: RowStationaryMapping) -> PassTable:
    """Return the passes of a layer: groups, then the mapping's ``order``, then channels, then the ``m`` filters."""
    tile_filters = [_blocks(size, mapping.p * mapping.t) for size in _blocks(shape.k, mapping.m)[1]]
    m_starts, _ = _blocks(shape.k, mapping.m)
    sizes = {
        "m": np.arange(len(m_starts)),
        "n": _blocks(shape.n, mapping.n)[0],
        "e": _blocks(shape.p, mapping.e)[0],
    }
    channel_starts, channel_sizes = _blocks(shape.c, mapping.q * mapping.r)
    outer = np.meshgrid(np.arange(shape.groups), *(sizes[loop] for loop in mapping.order), indexing="ij")
    tiles = {loop: grid.ravel() for loop, grid in zip("g" + mapping.order, outer, strict=True)}

    # one tile is a run of channels x filters; its length depends on m alone
    inner = {}
    for index, (starts, counts) in enumerate(tile_filters):
        lag = np.repeat(np.where(np.arange(channel_starts.size) > 0, starts.size, 0), starts.size)
        inner[index] = np.stack(
            (
                np.tile(m_starts[index] + starts, channel_starts.size),
                np.tile(counts, channel_starts.size),
                np.repeat(channel_starts, starts.size),
                np.repeat(channel_sizes, starts.size),
                lag,
            )
        )
    rows = np.concatenate([inner[int(m)] for m in tiles["m"]], axis=1)
    lengths = np.array([inner[int(m)].shape[1] for m in tiles["m"]])
    group, image, row = (np.repeat(tiles[loop], lengths) for loop in "gne")
    first_filter, filters, first_channel, channels, lag = rows
    p, t = _spread(filters, mapping.t)
    q, r = _spread(channels, mapping.r)
    return PassTable(
        group=group,
        first_image=image,
        images=np.minimum(mapping.n, shape.n - image),
        first_row=row,
        rows=np.minimum(mapping.e, shape.p - row),
        first_filter=first_filter,
        filters=filters,
        first_channel=first_channel,
        channels=channels,
        p=p,
        q=q,
        r=r,
        t=t,
        psum_lag=lag,
        loads_filters=_changes(group, first_filter, first_channel),
        loads_ifmap=_changes(group, image, row, first_channel),
    )


def pass_words(shape: MacShape, table: PassTable) -> PassWords:
    """Return what each pass moves; every pass reads and writes its psums, also the first one of a tile.

    That initial psums are read too is what the chip's measured GLB accesses show (JSSC 2017, Table V).
    """
    rows = (table.rows - 1) * min(shape.stride_h, shape.r) + shape.r
    columns = (shape.q - 1) * min(shape.stride_w, shape.s) + shape.s
    sent = table.images * table.channels * columns
    weights = table.filters * table.channels * shape.r * shape.s * table.loads_filters
    psums = table.images * table.filters * table.rows * shape.q
    return PassWords(
        ifmap=sent * rows,
        filter=weights,
        psum_read=psums,
        psum_write=psums,
        ifmap_copies=sent * shape.r * table.rows * table.t,
        filter_copies=weights * table.rows,
        macs=psums * table.channels * shape.r * shape.s,
    )


def active_pes(shape: MacShape, table: PassTable) -> int:
    """Return the most PEs that a pass of the layer gives work to."""
    return int((shape.r * table.rows * table.r * table.t).max())


def _blocks(total: int, size: int) -> tuple[I64, I64]:
    """Cut ``total`` into blocks; return where each starts and how large it is, int64 [blocks] each."""
    starts = np.arange(0, total, size, dtype=np.int64)
    return starts, np.minimum(size, total - starts)


def _changes(*columns: I64) -> I64:
    """Return 1 where a row differs from the one before it and at the first row, else 0."""
    changes = np.ones_like(columns[0])
    changes[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return changes


def _spread(count: I64, sets: int) -> tuple[I64, I64]:
    """Spread things over at most ``sets`` sets: how many in each but the last, and how many sets that takes."""
    each = -(-count // sets)
    return each, -(-count // each)
