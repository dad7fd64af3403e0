"""Does a stepped gemm equal numpy's product and the fast path's cycles, and if not, where does it first differ?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accel_sim.kernels.im2col import I64, Operand, Values
from accel_sim.kernels.stepped.systolic import gemm_of, step_gemm, sum_bound
from accel_sim.kernels.stepped.systolic_run import SteppedRun
from accel_sim.kernels.systolic import fold_starts_and_ends, layer_cost
from accel_sim.kernels.systolic_array import (
    INPUT_STATIONARY,
    OUTPUT_STATIONARY,
    PSUM_READ_BACK,
    SystolicArray,
)
from accel_sim.kernels.systolic_folds import Fold, fold_at, fold_grid

# Registers recorded at a time while looking for a difference.
_SAMPLE_WORDS = 8_000_000


class Difference(NamedTuple):
    """The first wrong sum: fold (and its place), clock, PE, what stood there and what should.

    ``row`` and ``col`` are -1 where every PE held what it should: the sum was lost on its way out.
    """

    fold: int
    group: int
    col_fold: int
    row_fold: int
    cycle: int
    row: int
    col: int
    found: int
    expected: int


class Verdict(NamedTuple):
    """A stepped gemm beside numpy's product and the fast path.

    ``late_fold`` is the first fold whose start or end differs from the fast path's, -1 if none does.
    """

    outputs_equal: bool
    stepped_cycles: int
    fast_cycles: int
    accesses_equal: bool
    n_macs_stepped: int
    late_fold: int
    difference: Difference | None


def verify_gemm(
    ifmap: Operand, filters: Operand, array: SystolicArray, reference: tuple[Operand, Operand] | None = None
) -> Verdict:
    """Step a gemm and compare it with numpy's product and the fast path's cycles and accesses.

    Parameters
    ----------
    reference
        Operands that the product is expected of, where they are not the ones stepped.

    Raises
    ------
    ValueError
        As `step_gemm`.
    """
    gemm = gemm_of(ifmap, filters)
    run, _ = step_gemm(ifmap, filters, array)
    right_ifmap, right_filters = reference or (ifmap, filters)
    expected = product(right_ifmap, right_filters)
    outputs_equal = bool(np.array_equal(run.outputs, expected))
    cost = layer_cost(gemm, array)
    starts, ends = fold_starts_and_ends(gemm, array)
    late = np.flatnonzero((starts != run.fold_starts) | (ends != run.fold_ends))
    return Verdict(
        outputs_equal=outputs_equal,
        stepped_cycles=run.cycles,
        fast_cycles=cost.cycles,
        accesses_equal=run.accesses == cost.accesses,
        n_macs_stepped=gemm.groups * gemm.m * gemm.k * gemm.n,
        late_fold=int(late[0]) if late.size else -1,
        difference=None
        if outputs_equal
        else _locate(ifmap, filters, array, run, run.outputs != expected, (right_ifmap, right_filters)),
    )


def product(ifmap: Operand, filters: Operand) -> Values:
    """numpy's product, (groups, M, N) int64; through float64 where that is exact, as it is much faster."""
    gemm = gemm_of(ifmap, filters)
    dtype = np.float64 if sum_bound(ifmap, filters) < 2**53 else np.int64
    result = np.empty((gemm.groups, gemm.m, gemm.n), dtype=np.int64)
    rows = max(1, _SAMPLE_WORDS // gemm.k)
    for group in range(gemm.groups):
        right = filters.matrix(group).astype(dtype).T
        for first in range(0, gemm.m, rows):
            part = ifmap._replace(outer=ifmap.outer[first : first + rows])
            result[group, first : first + rows] = part.matrix(group).astype(dtype) @ right
    return result


def _locate(
    ifmap: Operand,
    filters: Operand,
    array: SystolicArray,
    run: SteppedRun,
    wrong: Values,
    reference: tuple[Operand, Operand],
) -> Difference:
    """The first fold with a wrong sum, and in it the first wrong register.

    Parameters
    ----------
    wrong
        Outputs that differ, bool (groups, M, N).
    """
    gemm = gemm_of(ifmap, filters)
    grid = fold_grid(gemm, array)
    by_place = wrong.transpose(0, 2, 1) if array.dataflow == INPUT_STATIONARY else wrong
    stationary_outputs = array.dataflow == OUTPUT_STATIONARY
    suspect = -1
    for index in range(grid.n_folds):
        fold = fold_at(index, grid, array)
        rows = slice(fold.row_fold * array.rows, (fold.row_fold + 1) * array.rows)
        cols = slice(fold.col_fold * array.cols, (fold.col_fold + 1) * array.cols)
        part = by_place[fold.group, rows if stationary_outputs else slice(None), cols]
        if not part.any():
            continue
        suspect = index
        seen_at = part if stationary_outputs else np.asarray(part.any(axis=0))
        pes = _watched(seen_at, fold, grid.stream_cycles, array)
        first_cycle = int(run.fold_starts[index])
        n_cycles = int(run.fold_ends[index]) - first_cycle
        _, samples = step_gemm(ifmap, filters, array, pes, first_cycle, n_cycles)
        found = _first_wrong_register(fold, pes, samples, array, reference)
        if found is not None:
            offset, row, col, value, right = found
            return Difference(
                index, fold.group, fold.col_fold, fold.row_fold, first_cycle + offset, row, col, value, right
            )
    fold = fold_at(suspect, grid, array)
    group, outer, filter_index = (int(axis[0]) for axis in np.nonzero(wrong))
    value = int(run.outputs[group, outer, filter_index])
    right = int(product(*reference)[group, outer, filter_index])
    return Difference(
        suspect, fold.group, fold.col_fold, fold.row_fold, int(run.fold_ends[suspect]) - 1, -1, -1, value, right
    )


def _watched(wrong: Values, fold: Fold, stream: int, array: SystolicArray) -> I64:
    """PEs to record: those of wrong outputs, or the columns they fell through, as far as memory goes."""
    room = max(1, _SAMPLE_WORDS // (stream + array.rows + array.cols))
    if wrong.ndim == 2:
        rows, cols = np.nonzero(wrong)
        return (rows * array.cols + cols)[:room].astype(np.int64)
    cols = np.flatnonzero(wrong)[: max(1, room // fold.rows)]
    return (np.arange(fold.rows)[:, None] * array.cols + cols).reshape(-1).astype(np.int64)


def _first_wrong_register(
    fold: Fold, pes: I64, samples: Values, array: SystolicArray, reference: tuple[Operand, Operand]
) -> tuple[int, int, int, int, int] | None:
    """Cycles since the fold's start, row, column, value and right value of the first wrong sum, if any.

    Parameters
    ----------
    samples
        Sum registers from the fold's first cycle on, (n_cycles, n_pes).
    """
    first: tuple[int, int, int, int, int] | None = None
    for place, (row, col) in enumerate(zip(*np.divmod(pes, array.cols), strict=True)):
        history = _sums_through(fold, int(row), int(col), array, reference)
        if array.dataflow == OUTPUT_STATIONARY:
            arrives = int(row) + int(col) + array.latency_cycles
        else:
            arrives = array.row_skew_cycles * int(row) + int(col)
        seen = samples[arrives : arrives + history.size, place].astype(np.int64)
        late = np.flatnonzero(seen != history[: seen.size])
        if late.size and (first is None or arrives + late[0] < first[0]):
            tick = int(late[0])
            first = (arrives + tick, int(row), int(col), int(seen[tick]), int(history[tick]))
    return first


def _sums_through(fold: Fold, row: int, col: int, array: SystolicArray, reference: tuple[Operand, Operand]) -> Values:
    """What one PE's sum register should hold from its first operand of the fold on, int64 (stream,)."""
    ifmap, filters = reference
    first_row, first_col = fold.row_fold * array.rows, fold.col_fold * array.cols
    if array.dataflow == OUTPUT_STATIONARY:
        left = _elements(ifmap, fold.group, first_row + row, slice(None))
        return np.cumsum(left * _elements(filters, fold.group, first_col + col, slice(None)))
    streamed, held = (filters, ifmap) if array.dataflow == INPUT_STATIONARY else (ifmap, filters)
    begin = 0 if array.psum_path == PSUM_READ_BACK else first_row
    window = slice(begin, first_row + min(row + 1, fold.rows_used))
    stationary = _elements(held, fold.group, first_col + col, window)
    passing = streamed.values[
        streamed.group[fold.group] + streamed.outer[:, None] + streamed.window[None, window]
    ].astype(np.int64)
    sums: Values = passing @ stationary
    return sums


def _elements(operand: Operand, group: int, outer: int, window: slice) -> Values:
    words: Values = operand.values[operand.group[group] + operand.outer[outer] + operand.window[window]]
    return words.astype(np.int64)
