"""Lays a tile on the PEs of Eyeriss v2: channels and filters of a PE, and which sets of PEs stand side by side.

The weights are known when a network is compiled, so a PE takes as many output channels as its scratch pad holds of the
compressed weights (Chen et al., JETCAS 2019, section IV). Among what fits, the estimated time decides: passes times the
slowest of PEs and ports at the tile's mean densities. The chip has one configuration a layer, here one a tile.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch.arrays.eyeriss_v2 import EyerissV2
from accel_sim.errors import Fault, MappingError
from accel_sim.kernels.sparse.eyeriss_v2 import FETCH_STAGES, MAC_STAGES
from accel_sim.kernels.sparse.eyeriss_v2_array import column_counts, longest_weights
from accel_sim.kernels.sparse.eyeriss_v2_types import Grid, Ports, Slide, Spread
from accel_sim.mapping.base import WordBits
from accel_sim.units import ceil_div
from accel_sim.workload import MacShape

Mask = NDArray[np.bool_]
I64 = NDArray[np.int64]
ROW_OVERHEAD = FETCH_STAGES + MAC_STAGES - 1
"""Cycles of a row in which the PE's pipeline fills."""


class _Sizes(NamedTuple):
    """A tile: filters and channels of a group; ``seen`` and ``kept`` are densities of the ifmap and of the filters."""

    groups: int
    filters: int
    channels: int
    rows: int
    taps: int
    images: int
    width: int
    seen: float
    kept: float


def grid_of(array: EyerissV2) -> Grid:
    """Return the clusters and their PEs as the kernels see them."""
    return Grid(array.cluster_rows, array.cluster_cols, array.pe_rows, array.pe_cols, array.macs)


def ports_of(array: EyerissV2, bits: WordBits, dense_iacts: bool, dense_weights: bool) -> Ports:
    """Return the routers' ports, and the length of what they bring: an operand without zeros comes as it is."""
    run = array.run_bits
    return Ports(
        iact_bits=array.iact_routers * array.iact_port_bits,
        weight_bits=array.weight_port_bits,
        psum_bits=array.psum_port_bits,
        iact_word_bits=bits.ifmap if dense_iacts else bits.ifmap + run,
        iact_address_bits=0 if dense_iacts else array.iact_addr_bits,
        weight_word_bits=bits.filter if dense_weights else array.macs * (bits.filter + run),
        weights_a_word=1 if dense_weights else array.macs,
        weight_address_bits=0 if dense_weights else array.weight_addr_bits,
        psum_word_bits=bits.psum,
    )


def slide_of(shape: MacShape, rows: int, top: int) -> Slide:
    """Return how windows slide over a tile of ``rows`` ofmap rows that sees ``top`` rows of padding."""
    return Slide(rows, shape.q, shape.stride_h, shape.stride_w, top, shape.pad_w)


def require_fit(array: EyerissV2, shape: MacShape) -> None:
    """Refuse windows that the scratch pads cannot hold, however a layer is laid on the PEs.

    Raises
    ------
    MappingError
        One fault a key.
    """
    faults = []
    if shape.s > array.iact_data_words:
        message = f"found {array.iact_data_words} words; a window of one channel has {shape.s} activations"
        faults.append(Fault(key="array.iact_data_words", message=message))
    if shape.s > array.weight_data_words:
        message = f"found {array.weight_data_words} words; a filter row of one channel has {shape.s} columns of weights"
        faults.append(Fault(key="array.weight_data_words", message=message))
    segments = ceil_div(shape.s, shape.stride_w)
    if segments + 1 > array.iact_addr_words:
        message = f"found {array.iact_addr_words} words; a window has {segments} segments, and an end"
        faults.append(Fault(key="array.iact_addr_words", message=message))
    if faults:
        raise MappingError(faults)


def choose_spread(array: EyerissV2, ifmap: Mask, filters: Mask, n_groups: int, slide: Slide, ports: Ports) -> Spread:
    """Return how a tile is laid on the PEs; the same tile always gives the same answer.

    Parameters
    ----------
    ifmap, filters, slide, ports
        As in `accel_sim.kernels.sparse.eyeriss_v2_array.array_work`.
    n_groups
        Groups of the layer in the tile.
    """
    n_filters, (n_channels, n_rows, taps) = len(filters) // n_groups, filters.shape[1:]
    sizes = _Sizes(
        n_groups,
        n_filters,
        n_channels,
        n_rows,
        taps,
        len(ifmap),
        ifmap.shape[3],
        float(ifmap.mean()) if ifmap.size else 0.0,
        float(filters.mean()),
    )
    estimates = sorted((*_estimate(array, sizes, slide, ports, *option), *option) for option in _options(array, sizes))
    for _, _, height, rows, side, groups, c0, m0 in estimates:
        if _fits(array, filters, n_groups, c0, m0):
            return Spread(c0, m0, height, rows, side, groups)
    raise AssertionError("a weight a column always fits")


def _options(array: EyerissV2, sizes: _Sizes) -> list[tuple[int, int]]:
    """Return (input channels, output channels) of a PE that could fit its scratch pads."""
    most = min(sizes.channels, array.iact_data_words // sizes.taps)
    return [
        (c0, m0)
        for c0 in sorted({_even(sizes.channels, size) for size in range(1, most + 1)})
        for m0 in _block_sizes(sizes.filters, array.psum_words, array.macs)
        if m0 == 1 or m0 * sizes.kept * c0 * sizes.taps <= array.weight_data_words * array.macs
    ]


def _even(total: int, most: int) -> int:
    """Return the size of blocks of at most ``most`` that divides ``total`` into as few and as equal ones as can be."""
    return ceil_div(total, ceil_div(total, max(1, most)))


def _block_sizes(n_filters: int, most: int, macs: int) -> list[int]:
    """Return sizes of blocks of filters from the most on, each the smallest that needs as many blocks."""
    sizes: list[int] = []
    for n_blocks in range(ceil_div(n_filters, most), n_filters + 1):
        size = min(most, n_filters, ceil_div(ceil_div(n_filters, n_blocks), macs) * macs)
        if not sizes or size < sizes[-1]:
            sizes.append(size)
    return sizes if sizes[-1] == 1 else [*sizes, 1]


def _fits(array: EyerissV2, filters: Mask, n_groups: int, c0: int, m0: int) -> bool:
    if ceil_div(m0, array.macs) * c0 * filters.shape[3] <= array.weight_data_words:
        return True
    counts = column_counts(filters, n_groups, m0)
    return longest_weights(counts, c0, array.macs) <= array.weight_data_words


def _estimate(
    array: EyerissV2, sizes: _Sizes, slide: Slide, ports: Ports, c0: int, m0: int
) -> tuple[float, int, int, int, int, int]:
    """Return the estimated cycles and the passes of the best (height, rows, filters, groups), and these."""
    m_blocks, n_items = ceil_div(sizes.filters, m0), ceil_div(sizes.channels, c0) * sizes.rows
    n_strips = sizes.images * slide.p
    grid_rows, grid_cols = array.cluster_rows * array.pe_rows, array.cluster_cols * array.pe_cols
    heights = _parts(n_items, grid_rows)
    strips = _parts(n_strips, grid_cols * grid_rows)
    height, rows = np.repeat(heights, strips.size), np.tile(strips, heights.size)
    n_sets = grid_cols * (grid_rows // height)
    rows = np.minimum(rows, n_sets)
    side = np.minimum(m_blocks, n_sets // rows)
    groups = np.minimum(sizes.groups, n_sets // (rows * side))
    rounds = -(-n_strips // rows)
    passes = -(-sizes.groups // groups) * -(-m_blocks // side) * -(-n_items // height)

    kept = m0 * sizes.kept
    words = ceil_div(m0, array.macs) if sizes.kept == 1 else kept / array.macs + (array.macs - 1) / (2 * array.macs)
    pe = rounds * (slide.q * c0 * sizes.taps * sizes.seen * words + ROW_OVERHEAD)
    # Different rows that a cluster's PEs see, and different filters in a row of a cluster.
    across = np.minimum(rows, array.pe_cols)
    overlap = sizes.rows >= array.pe_rows and slide.stride_h == 1
    unlike_rows = across + array.pe_rows - 1 if overlap else across * array.pe_rows
    segments = ceil_div(sizes.width, slide.stride_w)
    row_bits = c0 * sizes.width * sizes.seen * ports.iact_word_bits + segments * ports.iact_address_bits
    column_words = kept if ports.weights_a_word == 1 else words
    held_bits = c0 * sizes.taps * (column_words * ports.weight_word_bits + ports.weight_address_bits)
    unlike_filters = np.minimum(-(-array.pe_cols // rows), side * groups)
    psums = rounds * np.maximum(1, array.pe_rows // height) * slide.q * m0
    slowest = np.maximum.reduce(
        [
            pe,
            rounds * unlike_rows * row_bits / (ports.iact_bits or np.inf),
            unlike_filters * held_bits / (ports.weight_bits or np.inf),
            psums / (ports.psum_bits // ports.psum_word_bits or np.inf),
        ]
    )
    best = int(np.lexsort((rows, passes, passes * slowest))[0])
    cycles = float(passes[best] * slowest[best])
    return cycles, int(passes[best]), int(height[best]), int(rows[best]), int(side[best]), int(groups[best])


@lru_cache(maxsize=1024)
def _parts(total: int, most: int) -> I64:
    """Return the sizes up to ``most`` that cut ``total`` into different numbers of parts, each the smallest one."""
    sizes = {ceil_div(total, ceil_div(total, size)) for size in range(1, min(total, most) + 1)}
    return np.array(sorted(sizes), dtype=np.int64)
