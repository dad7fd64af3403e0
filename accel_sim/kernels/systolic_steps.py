"""A layer on a systolic array as steps: consecutive folds that the memory sees as one, over several gemms in a row.

A layer whose operands do not fit the buffers runs as several gemms, one behind the other. Their folds follow each other
in the array as those of one gemm do: `start_interval_cycles` says when each may start.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.systolic import load_cycles, start_interval_cycles, tail_cycles
from accel_sim.kernels.systolic_array import INPUT_STATIONARY, OUTPUT_STATIONARY, GemmShape, SystolicArray
from accel_sim.kernels.systolic_folds import Fold, FoldGrid, fold_accesses, fold_at, fold_grid

I64 = NDArray[np.int64]

# rows of the kernel's table: the fields of `SystolicSteps`
GEMM, RANGES, FOLDS, OWN, LAST, LOAD, STREAM, MAPPED, COLS, WORDS, N_FIELDS = 0, 1, 7, 8, 9, 10, 11, 12, 13, 14, 21


class SystolicSteps(NamedTuple):
    """Consecutive steps, one a place; all arrays int64, (steps,).

    ``gemm`` is the gemm that a step belongs to, ``pixel``, ``window`` and ``filter`` the ranges of it, from ``first``
    to before ``end``. ``folds`` counts the folds that end here. ``own_cycles`` add up to the cycles of the whole
    layer; ``last_cycles`` are those of the step's last fold among them. ``load_cycles`` a double-buffered array takes
    to load the first fold behind the fold before it. ``stream_cycles`` are those in which operands enter. The rest
    are words, and ``mapped_pes`` the PEs holding work, summed over folds.
    """

    gemm: I64
    pixel_first: I64
    pixel_end: I64
    window_first: I64
    window_end: I64
    filter_first: I64
    filter_end: I64
    folds: I64
    own_cycles: I64
    last_cycles: I64
    load_cycles: I64
    stream_cycles: I64
    mapped_pes: I64
    cols_used: I64
    ifmap_reads: I64
    filter_reads: I64
    psum_reads: I64
    psum_writes: I64
    accumulator_reads: I64
    accumulator_writes: I64
    ofmap_writes: I64


@njit
def _steps_of_column(grid: FoldGrid, array: SystolicArray, folds: int, piece: int) -> int:
    """Steps of one column fold: whole row folds in groups, a smaller last one by itself, each in pieces."""
    whole = grid.row_size // array.rows
    ragged = 1 if grid.row_size % array.rows else 0
    return ((whole + folds - 1) // folds + ragged) * ((grid.stream_cycles + piece - 1) // piece)


@njit
def _grid_of(index: int, sizes: I64, k: int, array: SystolicArray) -> FoldGrid:
    return fold_grid(GemmShape(sizes[index, 0], k, sizes[index, 1], 1), array)


@njit
def _load_behind(now: Fold, after: Fold, array: SystolicArray) -> int:
    """Cycles that the second register of each PE takes to be loaded, counted from the start of the fold before."""
    if array.dataflow == OUTPUT_STATIONARY:
        return 0
    return (array.row_skew_cycles - 1) * (min(now.rows, after.rows) - 1) + after.rows


@njit
def _note_ranges(table: I64, step: int, fold: Fold, array: SystolicArray, first_piece: int, end_piece: int) -> None:
    """Extend the ranges of a step by a fold, of whose stream it takes a part."""
    row_first, col_first = fold.row_fold * array.rows, fold.col_fold * array.cols
    rows = (row_first, row_first + fold.rows_used)
    cols = (col_first, col_first + fold.cols_used)
    stream = (first_piece, end_piece)
    if array.dataflow == OUTPUT_STATIONARY:
        pixels, window, filters = rows, stream, cols
    elif array.dataflow == INPUT_STATIONARY:
        pixels, window, filters = cols, rows, stream
    else:
        pixels, window, filters = stream, rows, cols
    ranges = (pixels, window, filters)
    is_new = table[RANGES + 1, step] == 0
    for i in range(3):
        if is_new:
            table[RANGES + 2 * i, step] = ranges[i][0]
        table[RANGES + 2 * i + 1, step] = ranges[i][1]


@njit
def _note_words(
    table: I64, step: int, fold: Fold, grid: FoldGrid, array: SystolicArray, first_piece: int, end_piece: int
) -> None:
    """Add the words that a fold, or a part of its stream, moves."""
    words = fold_accesses(fold, grid, array)
    if array.dataflow == OUTPUT_STATIONARY:
        table[WORDS, step] += fold.rows_used * (end_piece - first_piece)
        table[WORDS + 1, step] += fold.cols_used * (end_piece - first_piece)
        table[WORDS + 6, step] += words.ofmap_writes if end_piece == grid.stream_cycles else 0
    else:
        for field in range(7):
            table[WORDS + field, step] += words[field]


@njit
def _step_rows(sizes: I64, k: int, array: SystolicArray, folds: int, piece: int) -> I64:
    """The columns of `SystolicSteps` as rows of one array, int64, (N_FIELDS, steps)."""
    n_gemms = sizes.shape[0]
    n_steps = 0
    for gemm in range(n_gemms):
        grid = _grid_of(gemm, sizes, k, array)
        n_steps += grid.col_folds * _steps_of_column(grid, array, folds, piece)
    table = np.zeros((N_FIELDS, n_steps), dtype=np.int64)
    step = -1
    grid = _grid_of(0, sizes, k, array)
    now = fold_at(0, grid, array)
    start = load_cycles(now, array)
    own = start
    load = 0
    end = 0
    for gemm in range(n_gemms):
        grid = _grid_of(gemm, sizes, k, array)
        stream = grid.stream_cycles
        for index in range(grid.n_folds):
            end = max(end, start + stream + tail_cycles(now, array))
            after = now
            is_last = False
            if index + 1 < grid.n_folds:
                after = fold_at(index + 1, grid, array)
            elif gemm + 1 < n_gemms:
                after = fold_at(0, _grid_of(gemm + 1, sizes, k, array), array)
            else:
                is_last = True
            interval = end - start if is_last else start_interval_cycles(now, after, grid, array)
            own += interval
            if not array.double_buffered and not is_last:
                own -= load_cycles(after, array)
            if now.row_fold % folds == 0 or now.rows_used < array.rows:
                step += 1
                table[LOAD, step] = load
            # The pieces of a fold are steps of their own; the last one ends it.
            done = 0
            while True:
                upto = min(done + piece, stream)
                table[GEMM, step] = gemm
                _note_ranges(table, step, now, array, done, upto)
                _note_words(table, step, now, grid, array, done, upto)
                table[STREAM, step] += upto - done
                table[COLS, step] = now.cols_used
                if upto == stream:
                    break
                table[OWN, step] += upto - done
                own -= upto - done
                done = upto
                step += 1
            table[FOLDS, step] += 1
            table[OWN, step] += own
            table[LAST, step] = own
            table[MAPPED, step] += now.rows_used * now.cols_used
            if not is_last:
                load = _load_behind(now, after, array)
                start += interval
                own = 0 if array.double_buffered else load_cycles(after, array)
                now = after
    return table


def systolic_steps(sizes: I64, k: int, array: SystolicArray, folds: int, piece: int) -> SystolicSteps:
    """Cut gemms that run one after another into steps.

    Parameters
    ----------
    sizes
        Pixels and filters of each gemm, int64, (gemms, 2).
    k
        Window of all of them.
    folds
        Row folds of a step; fewer where a column fold ends. A smaller last row fold is a step by itself.
    piece
        Window elements of an output stationary fold in a step; a longer window takes several steps. No effect on the
        other dataflows.

    Raises
    ------
    ValueError
        If several folds and a part of one are asked for at once.
    """
    if array.dataflow != OUTPUT_STATIONARY:
        piece = int(sizes.max())
    elif folds > 1 and k > piece:
        raise ValueError(f"a step of {folds} folds cannot end {piece} elements into a window of {k}")
    return SystolicSteps(*_step_rows(np.ascontiguousarray(sizes, dtype=np.int64), k, array, folds, piece))
