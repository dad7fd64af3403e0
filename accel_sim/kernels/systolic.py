"""The fast path of a systolic array: cycles and accesses of a gemm, fold by fold, by formula.

``docs/systolic.md`` derives each term; the stepped twins arrive at the same cycles by moving the operands.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.systolic_array import (
    DRAIN_COLLECTOR,
    DRAIN_COLUMNS,
    DRAIN_ROWS,
    OUTPUT_STATIONARY,
    PSUM_READ_BACK,
    Accesses,
    GemmShape,
    SystolicArray,
)
from accel_sim.kernels.systolic_folds import Fold, FoldGrid, fold_accesses, fold_at, fold_grid

I64 = NDArray[np.int64]


class LayerCost(NamedTuple):
    """A whole gemm: cycles, folds, words moved, and PEs holding work summed over folds."""

    cycles: int
    n_folds: int
    mapped_pes: int
    accesses: Accesses


class FoldTable(NamedTuple):
    """Consecutive folds, one per row; all arrays int64, (count,).

    ``own_cycles`` add up to the layer's cycles. ``load_cycles`` (of stationary values), ``stream_cycles`` and
    ``tail_cycles`` (last operand in to last result out) are what a fold takes by itself; conventions differ in
    how far they overlap with the neighbours. The rest are words.
    """

    group: I64
    col_fold: I64
    row_fold: I64
    rows_used: I64
    cols_used: I64
    own_cycles: I64
    load_cycles: I64
    stream_cycles: I64
    tail_cycles: I64
    ifmap_reads: I64
    filter_reads: I64
    psum_reads: I64
    psum_writes: I64
    accumulator_reads: I64
    accumulator_writes: I64
    ofmap_writes: I64


@njit
def load_cycles(fold: Fold, array: SystolicArray) -> int:
    """Stationary values enter row by row from the top; outputs need no load."""
    return 0 if array.dataflow == OUTPUT_STATIONARY else fold.rows


@njit
def drain_cycles(fold: Fold, array: SystolicArray) -> int:
    """Cycles from the last MAC of an output stationary fold to its last result.

    The collector's queue receives anti-diagonals of results, at most min(rows, cols) a cycle, and retires half
    of what it holds, rounded up. It runs one result behind unless the anti-diagonals are single results.
    """
    if array.drain == DRAIN_ROWS:
        return fold.rows
    if array.drain == DRAIN_COLUMNS:
        return fold.cols
    if array.drain == DRAIN_COLLECTOR:
        return 1 if min(fold.rows, fold.cols) > 1 else 0
    return 0


@njit
def tail_cycles(fold: Fold, array: SystolicArray) -> int:
    """Cycles from the entry of the fold's last operand to its last result."""
    if array.dataflow == OUTPUT_STATIONARY:
        return fold.rows - 1 + fold.cols - 1 + array.latency_cycles + drain_cycles(fold, array)
    return array.row_skew_cycles * (fold.rows - 1) + fold.cols - 1 + array.latency_cycles


@njit
def _interval_held(now: Fold, after: Fold, stream: int, array: SystolicArray) -> int:
    """Cycles from the first operand of a fold to that of the next; the operand that stays must be loaded."""
    # The load follows the stream down the array, a row a cycle; with psums two cycles a row, it must let them lead.
    load = (array.row_skew_cycles - 1) * (min(now.rows, after.rows) - 1) + after.rows
    if not array.pipelined:
        done = stream + tail_cycles(now, array)
        return max(done, load) if array.double_buffered else done + after.rows
    # A register takes its next value at the end of the cycle that uses the last time the one before.
    interval = max(stream, load) if array.double_buffered else stream - 1 + load
    # A shorter fold's psums reach the bottom sooner; they wait for the port that the taller one still uses.
    interval = max(interval, stream + array.row_skew_cycles * (now.rows - after.rows))
    if array.psum_path == PSUM_READ_BACK and after.row_fold > 0:
        interval = max(interval, array.row_skew_cycles * (now.rows - 1) + array.latency_cycles + 1)
    return interval


@njit
def _interval_outputs(now: Fold, after: Fold, stream: int, array: SystolicArray) -> int:
    """Cycles from the first operand of a fold to that of the next, when the outputs stay."""
    if not array.pipelined:
        return stream + tail_cycles(now, array)
    drain = drain_cycles(now, array)
    # The drain registers are free a drain later; a shorter next drain must not overtake this one at the port.
    return max(stream, drain + max(0, drain - drain_cycles(after, array)))


@njit
def start_interval_cycles(now: Fold, after: Fold, grid: FoldGrid, array: SystolicArray) -> int:
    """Cycles from the entry of a fold's first operand to the entry of the next fold's."""
    if array.dataflow == OUTPUT_STATIONARY:
        return _interval_outputs(now, after, grid.stream_cycles, array)
    return _interval_held(now, after, grid.stream_cycles, array)


@njit
def _last_start_to_end_cycles(grid: FoldGrid, array: SystolicArray) -> int:
    """Cycles from the start of the last fold to the layer's last result, which a larger fold may give."""
    after = fold_at(grid.n_folds - 1, grid, array)
    end = grid.stream_cycles + tail_cycles(after, array)
    first = fold_at(0, grid, array)
    longest = tail_cycles(first, array)
    lead = 0
    index = grid.n_folds - 2
    while index >= 0 and lead <= longest:
        now = fold_at(index, grid, array)
        lead += start_interval_cycles(now, after, grid, array)
        end = max(end, grid.stream_cycles + tail_cycles(now, array) - lead)
        after = now
        index -= 1
    return end


@njit
def layer_cost(gemm: GemmShape, array: SystolicArray) -> LayerCost:
    """Cycles and accesses of a whole gemm, from the first load to the last result."""
    grid = fold_grid(gemm, array)
    now = fold_at(0, grid, array)
    cycles = load_cycles(now, array)
    mapped = 0
    totals = np.zeros(7, dtype=np.int64)
    for index in range(grid.n_folds):
        words = fold_accesses(now, grid, array)
        for field in range(7):
            totals[field] += words[field]
        mapped += now.rows_used * now.cols_used
        if index + 1 < grid.n_folds:
            after = fold_at(index + 1, grid, array)
            cycles += start_interval_cycles(now, after, grid, array)
            now = after
    cycles += _last_start_to_end_cycles(grid, array)
    accesses = Accesses(totals[0], totals[1], totals[2], totals[3], totals[4], totals[5], totals[6])
    return LayerCost(cycles, grid.n_folds, mapped, accesses)


@njit
def _fold_rows(gemm: GemmShape, array: SystolicArray, first: int, count: int) -> I64:
    """The columns of `FoldTable` as rows of one array, int64, (16, count)."""
    grid = fold_grid(gemm, array)
    table = np.empty((16, count), dtype=np.int64)
    for place in range(count):
        index = first + place
        now = fold_at(index, grid, array)
        load = load_cycles(now, array)
        # With one stationary register a fold begins with its load; with two, only the first fold does.
        own = load if index == 0 or not array.double_buffered else 0
        if index + 1 < grid.n_folds:
            after = fold_at(index + 1, grid, array)
            own += start_interval_cycles(now, after, grid, array)
            if not array.double_buffered:
                own -= load_cycles(after, array)
        else:
            own += _last_start_to_end_cycles(grid, array)
        place_and_size = (now.group, now.col_fold, now.row_fold, now.rows_used, now.cols_used)
        for field in range(5):
            table[field, place] = place_and_size[field]
        table[5, place] = own
        table[6, place] = load
        table[7, place] = grid.stream_cycles
        table[8, place] = tail_cycles(now, array)
        words = fold_accesses(now, grid, array)
        for field in range(7):
            table[9 + field, place] = words[field]
    return table


def fold_table(gemm: GemmShape, array: SystolicArray, first: int, count: int) -> FoldTable:
    """Folds ``first`` to ``first + count - 1``, one per row; a layer may be read in chunks."""
    return FoldTable(*_fold_rows(gemm, array, first, count))


@njit
def fold_starts_and_ends(gemm: GemmShape, array: SystolicArray) -> tuple[I64, I64]:
    """Cycle in which each fold's first operand enters, and the cycle after its last result; int64 (n_folds,)."""
    grid = fold_grid(gemm, array)
    starts = np.empty(grid.n_folds, dtype=np.int64)
    ends = np.empty(grid.n_folds, dtype=np.int64)
    now = fold_at(0, grid, array)
    start = load_cycles(now, array)
    for index in range(grid.n_folds):
        starts[index] = start
        ends[index] = start + grid.stream_cycles + tail_cycles(now, array)
        if index + 1 < grid.n_folds:
            after = fold_at(index + 1, grid, array)
            start += start_interval_cycles(now, after, grid, array)
            now = after
    return starts, ends


def mapping_efficiency(gemm: GemmShape, array: SystolicArray) -> float:
    """Share of PEs that hold work, averaged over folds."""
    cost = layer_cost(gemm, array)
    return cost.mapped_pes / (cost.n_folds * array.rows * array.cols)
