"""What mappings on a systolic array need and cost: room in the buffers, DRAM traffic, cycles; many at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator
from accel_sim.kernels.systolic_array import (
    DRAIN_COLLECTOR,
    DRAIN_COLUMNS,
    DRAIN_ROWS,
    INPUT_STATIONARY,
    OUTPUT_STATIONARY,
    SystolicArray,
)
from accel_sim.mapping.base import WordBits
from accel_sim.mapping.loop_nest import ceil_div, input_extent
from accel_sim.mapping.systolic_plan import KeepFilter, KeepIfmap, SystolicPlan, window_of
from accel_sim.workload import MacShape

I64 = NDArray[np.int64]
Hanging = tuple[int, int]
"""Rows and columns of windows that hang over the ifmap's edge: 0 or 1 each."""
TENSORS = ("ifmap", "filter", "psum", "ofmap")
KEEP_IFMAP: tuple[KeepIfmap, ...] = ("tile", "block")
KEEP_FILTER: tuple[KeepFilter, ...] = ("tile", "block", "layer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """Mappings of one layer: the fields of `SystolicPlan`, as numbers or as int64 arrays [candidates].

    ``keep_ifmap`` is an index into ``KEEP_IFMAP``, ``keep_filter`` into ``KEEP_FILTER``.
    """

    tn: Any
    tp: Any
    tq: Any
    tk: Any
    tw: Any
    keep_ifmap: Any
    keep_filter: Any

    @classmethod
    def of(cls, plan: SystolicPlan) -> Cuts:
        """Return a plan as numbers."""
        return cls(
            tn=plan.tn,
            tp=plan.tp,
            tq=plan.tq,
            tk=plan.tk,
            tw=plan.tw,
            keep_ifmap=KEEP_IFMAP.index(plan.keep_ifmap),
            keep_filter=KEEP_FILTER.index(plan.keep_filter),
        )

    @property
    def pixels(self) -> Any:
        """ofmap pixels of a block."""
        return self.tn * self.tp * self.tq


def blocks_of(shape: MacShape, cuts: Cuts) -> Any:
    """Blocks of pixels of one group."""
    return ceil_div(shape.n, cuts.tn) * ceil_div(shape.p, cuts.tp) * ceil_div(shape.q, cuts.tq)


def plane_words(shape: MacShape, cuts: Cuts) -> Any:
    """ifmap words of one channel that a block needs; several images come whole."""
    rows = input_extent(cuts.tp, shape.r, shape.stride_h, shape.dilation_h, shape.h)
    cols = input_extent(cuts.tq, shape.s, shape.stride_w, shape.dilation_w, shape.w)
    return np.where(np.asarray(cuts.tn) > 1, cuts.tn * shape.h * shape.w, cuts.tn * rows * cols)


def tile_channels(shape: MacShape, tw: Any) -> Any:
    """Channels that a window tile needs besides those that the tile before has brought."""
    return np.minimum(ceil_div(tw, shape.r * shape.s), shape.c)


def room_bytes(shape: MacShape, arch: Accelerator, bits: WordBits, cuts: Cuts, tiles: int) -> dict[str, Any]:
    """Bytes of each buffer that a mapping takes when it holds ``tiles`` (1 or 2) of all that passes through."""
    n_filters = shape.k * bits.filter_words
    array_columns = np.minimum(cuts.tk, n_filters)
    window, blocks = window_of(shape), blocks_of(shape, cuts) * shape.groups
    columns = ceil_div(n_filters, cuts.tk)
    plane = plane_words(shape, cuts)
    # A channel whose taps lie in two tiles stays for both.
    split = 1 if shape.r * shape.s > 1 else 0
    passing = np.minimum(tiles * tile_channels(shape, cuts.tw) + split, shape.c)
    filter_tile = np.minimum(cuts.tw, window) * array_columns
    filter_tiles = ceil_div(window, cuts.tw) * columns * blocks
    words = {
        "ifmap": plane * np.where(np.asarray(cuts.keep_ifmap) > 0, shape.c * np.minimum(tiles, blocks), passing),
        "filter": np.select(
            [np.asarray(cuts.keep_filter) == 2, np.asarray(cuts.keep_filter) == 1],
            [window * n_filters, window * array_columns * np.minimum(tiles, columns * blocks)],
            filter_tile * np.minimum(tiles, filter_tiles),
        ),
        "sums": cuts.pixels * array_columns * np.minimum(tiles, columns * blocks),
    }
    taken = {
        "ifmap": ceil_div(words["ifmap"] * bits.ifmap, 8),
        "filter": ceil_div(words["filter"] * bits.filter, 8 * bits.filter_words),
        "psum": ceil_div(words["sums"] * bits.ifmap_words * bits.psum, 8),
        "ofmap": ceil_div(words["sums"] * bits.ofmap, 8 * bits.filter_words),
    }
    if arch.activations == "on_chip":
        taken["ifmap"] = taken["ofmap"] = 0 * taken["ifmap"]
    holders = {tensor: arch.buffer_for(tensor).name for tensor in TENSORS}
    if not leaves_psums(arch):
        taken["psum"] = 0 * taken["psum"]
    elif holders["psum"] == holders["ofmap"]:
        # A sum becomes an ofmap value where it is.
        taken["psum"] = np.maximum(taken["psum"], taken["ofmap"])
        taken["ofmap"] = 0 * taken["ofmap"]
    room: dict[str, Any] = {}
    for tensor, name in holders.items():
        room[name] = room.get(name, 0) + taken[tensor]
    return room


def leaves_psums(arch: Accelerator) -> bool:
    """Whether sums leave the array before they are final; output stationary ones never do."""
    return arch.dataflow != "output_stationary"


def fits(shape: MacShape, arch: Accelerator, bits: WordBits, cuts: Cuts, tiles: int) -> Any:
    """Whether all buffers hold ``tiles`` of what passes; one must fit the part that the array may use at a time."""
    legal: Any = True
    sizes = {buffer.name: buffer.tile_bytes if tiles == 1 else buffer.size_bytes for buffer in arch.buffers}
    for name, taken in room_bytes(shape, arch, bits, cuts, tiles).items():
        legal = legal & (taken <= sizes[name])
    return legal


def dram_words(shape: MacShape, array: SystolicArray, bits: WordBits, cuts: Cuts, hanging: Hanging) -> dict[str, Any]:
    """ifmap and filter values that one group brings from DRAM; full blocks are taken for smaller ones at the edges."""
    blocks, columns = blocks_of(shape, cuts), ceil_div(shape.k * bits.filter_words, cuts.tk)
    again = np.where(np.asarray(cuts.keep_ifmap) > 0, 1, columns)
    folds = pixel_folds(array, cuts, hanging)
    times = np.select(
        [np.asarray(cuts.keep_filter) == 2, np.asarray(cuts.keep_filter) == 1], [1, blocks], blocks * folds
    )
    return {
        "ifmap": blocks * plane_words(shape, cuts) * shape.c * again,
        "filter": window_of(shape) * shape.k * times,
    }


def pixel_folds(array: SystolicArray, cuts: Cuts, hanging: Hanging) -> Any:
    """Folds over the pixels of a block at most; weight stationary arrays stream them."""
    pixels = cuts.tn * (cuts.tp + hanging[0]) * (cuts.tq + hanging[1])
    if array.dataflow == OUTPUT_STATIONARY:
        return ceil_div(pixels, array.rows)
    if array.dataflow == INPUT_STATIONARY:
        return ceil_div(pixels, array.cols)
    return 1


def array_cycles(shape: MacShape, array: SystolicArray, bits: WordBits, cuts: Cuts, hanging: Hanging) -> Any:
    """Cycles of the array for all groups, near enough to rank mappings; edge folds are taken as full ones.

    ``hanging`` are the rows and columns of windows over the ifmap's edge that the last blocks work on besides.
    """
    total: Any = 0
    for tn, n_times in _block_sizes(shape.n, cuts.tn, 0):
        for tp, p_times in _block_sizes(shape.p, cuts.tp, hanging[0]):
            for tq, q_times in _block_sizes(shape.q, cuts.tq, hanging[1]):
                gemm = (bits.ifmap_words * tn * tp * tq, window_of(shape), shape.k * bits.filter_words)
                total = total + n_times * p_times * q_times * _gemm_cycles(gemm, array, cuts.tk)
    return shape.groups * total


def _block_sizes(size: int, cut: Any, more: int) -> tuple[tuple[Any, Any], tuple[Any, int]]:
    """Return size and number of all blocks but the last one, and of that."""
    whole = ceil_div(size, cut) - 1
    return (cut, whole), (size - whole * cut + more, 1)


def _gemm_cycles(gemm: tuple[Any, int, int], array: SystolicArray, tk: Any) -> Any:
    """Folds of one block times the interval between two of them; ``gemm`` is its pixels, window and filters."""
    pixels, window, filters = gemm
    if array.dataflow == OUTPUT_STATIONARY:
        row_size, col_size, stream, parts = pixels, filters, window, 1
    elif array.dataflow == INPUT_STATIONARY:
        row_size, col_size, stream, parts = window, pixels, np.minimum(tk, filters), ceil_div(filters, tk)
    else:
        row_size, col_size, stream, parts = window, filters, pixels, 1
    rows = np.minimum(row_size, array.rows) if array.skip_edges else array.rows
    cols = np.minimum(col_size, array.cols) if array.skip_edges else array.cols
    folds = ceil_div(row_size, array.rows) * ceil_div(col_size, array.cols) * parts
    if array.dataflow == OUTPUT_STATIONARY:
        drain = {DRAIN_ROWS: rows, DRAIN_COLUMNS: cols, DRAIN_COLLECTOR: 1}.get(array.drain, 0)
        tail = rows + cols - 2 + array.latency_cycles + drain
        return folds * (np.maximum(stream, drain) if array.pipelined else stream + tail)
    tail = array.row_skew_cycles * (rows - 1) + cols - 1 + array.latency_cycles
    busy = stream if array.pipelined else stream + tail
    interval = np.maximum(busy, rows) if array.double_buffered else busy + rows - int(array.pipelined)
    return folds * interval
