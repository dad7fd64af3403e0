"""Which tiles the steps of a systolic array use: where each begins and ends, its box, and the room it takes.

Equal layers with equal mappings share these tables, which nobody may change.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.systolic_array import INPUT_STATIONARY
from accel_sim.mapping.spans import Span, axes_of
from accel_sim.mapping.systolic_plan import StepTable, SystolicPlan, step_table
from accel_sim.workload import MacShape

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tiles:
    """The tiles of one operand.

    ``begins`` marks the steps that need a tile which is not there yet, bool [steps]. ``size`` and ``start`` are the
    box of each step's tile in the tensor, ``room_bytes`` what it takes in its buffer, ``freed_bytes`` what the buffer
    gets back after the step; int64 [steps] each.
    """

    begins: Mask
    size: tuple[I64, ...]
    start: tuple[I64, ...]
    room_bytes: I64
    freed_bytes: I64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """The ofmap tiles in the order in which they are finished; int64 [tiles].

    ``opens`` and ``closes`` are the steps that begin and finish each tile; ``size`` and ``start`` its box: images,
    channels, rows, columns.
    """

    opens: I64
    closes: I64
    size: tuple[I64, I64, I64, I64]
    start: tuple[I64, I64, I64, I64]

    @property
    def words(self) -> I64:
        """Words of each tile."""
        images, channels, rows, columns = self.size
        return images * channels * rows * columns


@lru_cache(maxsize=64)
def ifmap_tiles(shape: MacShape, plan: SystolicPlan) -> Tiles:
    """Return the ifmap tiles: the channels that a step's window needs and no step before has brought."""
    table = step_table(shape, plan)
    steps, blocks, taps = table.steps, table.blocks, shape.r * shape.s
    first, end = -(-steps.window_first // taps), -(-steps.window_end // taps)
    begins = ends = np.ones(table.count, dtype=np.bool_)
    if plan.keep_ifmap == "block":
        begins = (table.column == 0) & table.first_use
        ends = (table.column == table.n_columns - 1) & table.last_use
    n, p, q = blocks.n[table.block], blocks.p[table.block], blocks.q[table.block]
    row_axis, col_axis = axes_of(shape)
    y, x = row_axis.cover(blocks.p_span), col_axis.cover(blocks.q_span)
    if plan.tn > 1:
        # Several images come whole, so that they lie in one run.
        y, x = Span.cut(shape.h, shape.h), Span.cut(shape.w, shape.w)
    plane_bits = blocks.n_span.size[n] * y.size[p] * x.size[q] * plan.bits.ifmap
    # Rooms are differences of rounded sums, so that what was taken comes back, whatever the width of a word.
    room = -(-plane_bits * end // 8) - -(-plane_bits * first // 8)
    going, gone = steps.window_end // taps, steps.window_first // taps
    freed = -(-plane_bits * going // 8) - -(-plane_bits * gone // 8)
    return Tiles(
        begins=begins & (end > first),
        size=(blocks.n_span.size[n], end - first, y.size[p], x.size[q]),
        start=(blocks.n_span.start[n], table.group * shape.c + first, y.start[p], x.start[q]),
        room_bytes=room,
        freed_bytes=np.where(ends, freed, 0),
    )


@lru_cache(maxsize=64)
def filter_tiles(shape: MacShape, plan: SystolicPlan) -> Tiles:
    """Return the filter tiles: filters (one for each word of a weight) and window elements."""
    table = step_table(shape, plan)
    steps = table.steps
    begins = ends = np.ones(table.count, dtype=np.bool_)
    if plan.keep_filter != "tile":
        begins, ends = table.first_use, table.last_use
    if plan.keep_filter == "layer":
        begins = begins & (table.block == 0)
        ends = ends & (table.block == table.blocks.pixels.size - 1)
    filters, elements = steps.filter_end - steps.filter_first, steps.window_end - steps.window_first
    room = -(-filters * elements * plan.bits.filter // (8 * plan.bits.filter_words))
    return Tiles(
        begins=begins,
        size=(filters, elements),
        start=(table.group * shape.k * plan.bits.filter_words + _first_filter(plan, table), steps.window_first),
        room_bytes=room,
        freed_bytes=np.where(ends, room, 0),
    )


@lru_cache(maxsize=64)
def sum_tiles(shape: MacShape, plan: SystolicPlan) -> Sums:
    """Return the ofmap tiles: a block's pixels of one group of filters."""
    table = step_table(shape, plan)
    steps, blocks = table.steps, table.blocks
    closes = np.flatnonzero(table.closes)
    block = table.block[closes]
    n, p, q = blocks.n[block], blocks.p[block], blocks.q[block]
    return Sums(
        opens=np.flatnonzero(table.opens),
        closes=closes,
        size=(
            blocks.n_span.size[n],
            (steps.filter_end - steps.filter_first)[closes] // plan.bits.filter_words,
            blocks.p_span.size[p],
            blocks.q_span.size[q],
        ),
        start=(
            blocks.n_span.start[n],
            (table.group * shape.k + _first_filter(plan, table) // plan.bits.filter_words)[closes],
            blocks.p_span.start[p],
            blocks.q_span.start[q],
        ),
    )


def _first_filter(plan: SystolicPlan, table: StepTable) -> I64:
    """First filter of each step within its group; streamed filters count from the first of their gemm."""
    streamed = plan.array.dataflow == INPUT_STATIONARY
    return table.steps.filter_first + table.column * plan.tk * streamed
