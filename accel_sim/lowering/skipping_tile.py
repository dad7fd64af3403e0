"""One tile of a layer as a skipping machine sees it: masks of its ifmap and filters, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator, ArraySpec
from accel_sim.compression.bitmask import BitMask
from accel_sim.kernels.bits import transpose_words
from accel_sim.kernels.effectual import Windows
from accel_sim.kernels.window_bits import Planes, window_bits
from accel_sim.lowering.skipping_cut import Band
from accel_sim.mapping.base import WordBits
from accel_sim.program import Action, ActionKey
from accel_sim.workload import MacShape

Mask = NDArray[np.bool_]
I64 = NDArray[np.int64]
RF, PEER = "rf", "array"


@dataclass(frozen=True, kw_only=True)
class SkipTile:
    """Some images (or a band of rows of one), a group or some, a block of filters, as bits.

    What a machine's kernel wants as booleans is unpacked when it is first asked for: for this tile alone, and no
    longer than it lives.

    Parameters
    ----------
    shape
        The whole layer.
    images
        Mask (N, C of all groups, H, W) of the tile's images, whole.
    filter_bits
        Mask (K, C, R, S) of the block.
    first_c
        The group's first channel.
    band
        Which ofmap rows, and which ifmap rows they see.
    n_groups
        Groups of the layer, where the array takes several together; the block has all their filters then.
    """

    shape: MacShape
    images: BitMask
    filter_bits: BitMask
    first_c: int
    band: Band
    n_groups: int = 1

    @cached_property
    def ifmap(self) -> Mask:
        """bool[N, C, rows, W]: where the values that the tile sees are not zero, without padding."""
        band = self.band
        channels = slice(self.first_c, self.first_c + self.n_groups * self.shape.c)
        return self.images.to_bool()[:, channels, band.first_row : band.first_row + band.rows].copy()

    @cached_property
    def filters(self) -> Mask:
        """bool[K, C, R, S]: where the weights are not zero."""
        return self.filter_bits.to_bool()

    @property
    def p(self) -> int:
        """Ofmap rows."""
        return self.band.p

    @property
    def n_filters(self) -> int:
        """Filters of the block."""
        return self.filter_bits.shape[0]

    @property
    def n_windows(self) -> int:
        """Ofmap pixels of one filter, all images."""
        return self.band.n * self.band.p * self.shape.q

    @property
    def whole_pad(self) -> int | None:
        """The padding, where it is the same on all sides and the tile is no band."""
        shape = self.shape
        return shape.pad_h if shape.pad_h == shape.pad_w and self.p == shape.p else None

    def padded(self) -> Mask:
        """Return bool[N, C, H', W'] with all padding in place, as far as windows reach."""
        shape = self.shape
        right = max(0, (shape.q - 1) * shape.stride_w + shape.dilation_w * (shape.s - 1) + 1 - shape.pad_w - shape.w)
        rows = (self.band.top, self.band.bottom)
        return np.pad(self.ifmap, ((0, 0), (0, 0), rows, (shape.pad_w, right)))

    def windows(self) -> Mask:
        """Return bool[n_windows, C, R, S]: what each ofmap pixel sees."""
        shape = self.shape
        size = (shape.dilation_h * (shape.r - 1) + 1, shape.dilation_w * (shape.s - 1) + 1)
        view = np.lib.stride_tricks.sliding_window_view(self.padded(), size, axis=(2, 3))
        view = view[:, :, :: shape.stride_h, :: shape.stride_w, :: shape.dilation_h, :: shape.dilation_w]
        view = view[:, :, : self.p, : shape.q]
        seen: Mask = np.ascontiguousarray(view.transpose(0, 2, 3, 1, 4, 5)).reshape(-1, shape.c, shape.r, shape.s)
        return seen

    def window_bits(self) -> NDArray[np.uint64]:
        """Return uint64[n_windows, ceil(C * R * S / 64)]: :meth:`windows` packed, made without unpacking the images."""
        shape = self.shape
        slide = Windows(
            self.band.p,
            shape.q,
            shape.r,
            shape.s,
            shape.stride_h,
            shape.stride_w,
            shape.pad_h,
            shape.pad_w,
            shape.dilation_h,
            shape.dilation_w,
        )
        planes = Planes(self.first_c, shape.c, shape.h, shape.w)
        return window_bits(self.images.words, planes, self.band.first_p, slide)

    def filter_columns(self) -> NDArray[np.uint64]:
        """Return uint64[C * R * S, ceil(K / 64)]: the block's mask as a matrix, by columns."""
        return transpose_words(self.filter_bits.words, self.filter_bits.row_bits)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipCost:
    """What a tile costs.

    Parameters
    ----------
    cycles
        Of the array, from its kernel.
    n_done
        MACs of the layer that took a multiplier; the others were skipped.
    actions
        Accesses of buffers and register files.
    work_cycles
        int64[n]: cycles in which each PE, lane or unit worked.
    facts
        More counts, by name: waits, padding zeros, conflicts. ``<wait>_pe_cycles`` (``_lane_``, ``_unit_``) are cycles
        of all PEs, neither among ``work_cycles`` nor among each other; other cycles are those of the array.
    """

    cycles: int
    n_done: int
    actions: tuple[Action, ...]
    work_cycles: I64
    facts: dict[str, int] = field(default_factory=dict)


class SkipMachine(Protocol):
    """What the lowering asks of a machine; one object an organisation."""

    def block(self, array: ArraySpec, shape: MacShape) -> tuple[int, int]:
        """Return the filters that a block is a multiple of, and the most that a block may have."""
        ...

    def cost(self, arch: Accelerator, bits: WordBits, tile: SkipTile) -> SkipCost:
        """Run the machine's kernel on the masks of a tile."""
        ...


def read(level: str, tensor: str, words: int, n_bytes: int, fan_out: int = 1, peer: str = PEER) -> list[Action]:
    """Return the read of ``words`` for ``fan_out`` receivers each, and their arrival."""
    return [
        Action(ActionKey(level, tensor, "read", peer), n_bytes, words, fan_out),
        Action(ActionKey(peer, tensor, "write", level), n_bytes * fan_out, words * fan_out),
    ]


def filter_reads(
    arch: Accelerator, entries: int, entry_bytes: int, pointers: int, pointer_bytes: int
) -> list[Action]:
    """Return the reads of compressed filters: of entries, and of pointers, which may lie in a buffer of their own."""
    apart = arch.pointer_buffer()
    filters = arch.buffer_for("filter")
    if apart is None:
        return read(filters.name, "filter", entries, entry_bytes + pointer_bytes)
    return [
        *read(filters.name, "filter", entries, entry_bytes),
        *read(apart.name, "filter", pointers, pointer_bytes),
    ]


def sums(bits: WordBits, n_products: int) -> list[Action]:
    """Return the accumulator's read and write of every product."""
    n_bytes = bits.bytes_of("psum", n_products)
    return [Action(ActionKey(RF, "psum", event), n_bytes, n_products) for event in ("read", "write")]
