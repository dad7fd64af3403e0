"""How a gemm is cut into folds of a systolic array, and the words each fold moves.

A fold is the part of a gemm that the array holds at once. The stationary operand lies over rows and columns, the
streamed one passes for ``stream_cycles``:

======================  ==========  ==========  ======
dataflow                rows        columns     stream
======================  ==========  ==========  ======
weight stationary       K           N           M
input stationary        K           M           N
output stationary       M           N           K
======================  ==========  ==========  ======

Folds run row folds first, then column folds, then groups.
"""

from __future__ import annotations

from typing import NamedTuple

from accel_sim.kernels.jit import njit
from accel_sim.kernels.systolic_array import (
    INPUT_STATIONARY,
    OUTPUT_STATIONARY,
    PSUM_ACCUMULATED,
    PSUM_READ_BACK,
    WEIGHT_STATIONARY,
    Accesses,
    GemmShape,
    SystolicArray,
)


class FoldGrid(NamedTuple):
    """How a gemm is cut: sizes over rows and columns, cycles of the stream, folds of each kind."""

    row_size: int
    col_size: int
    stream_cycles: int
    row_folds: int
    col_folds: int
    n_folds: int


class Fold(NamedTuple):
    """One fold: its place, the PEs that hold work, and the rows and columns whose time is charged."""

    group: int
    col_fold: int
    row_fold: int
    rows_used: int
    cols_used: int
    rows: int
    cols: int


@njit
def fold_grid(gemm: GemmShape, array: SystolicArray) -> FoldGrid:
    """Cut a gemm into folds of the array."""
    if array.dataflow == OUTPUT_STATIONARY:
        row_size, col_size, stream = gemm.m, gemm.n, gemm.k
    elif array.dataflow == INPUT_STATIONARY:
        row_size, col_size, stream = gemm.k, gemm.m, gemm.n
    else:
        row_size, col_size, stream = gemm.k, gemm.n, gemm.m
    row_folds = (row_size + array.rows - 1) // array.rows
    col_folds = (col_size + array.cols - 1) // array.cols
    return FoldGrid(row_size, col_size, stream, row_folds, col_folds, gemm.groups * row_folds * col_folds)


@njit
def fold_at(index: int, grid: FoldGrid, array: SystolicArray) -> Fold:
    """The fold that runs ``index``-th."""
    row_fold = index % grid.row_folds
    col_fold = index // grid.row_folds % grid.col_folds
    rows_used = min(array.rows, grid.row_size - row_fold * array.rows)
    cols_used = min(array.cols, grid.col_size - col_fold * array.cols)
    rows, cols = (rows_used, cols_used) if array.skip_edges else (array.rows, array.cols)
    return Fold(index // (grid.row_folds * grid.col_folds), col_fold, row_fold, rows_used, cols_used, rows, cols)


@njit
def fold_accesses(fold: Fold, grid: FoldGrid, array: SystolicArray) -> Accesses:
    """Words that one fold moves; unused PEs move none."""
    stream = grid.stream_cycles
    if array.dataflow == OUTPUT_STATIONARY:
        ifmap, filters, results = fold.rows_used * stream, fold.cols_used * stream, fold.rows_used * fold.cols_used
        return Accesses(ifmap, filters, 0, 0, 0, 0, results)
    streamed, held, sums = fold.rows_used * stream, fold.rows_used * fold.cols_used, fold.cols_used * stream
    ifmap, filters = (streamed, held) if array.dataflow == WEIGHT_STATIONARY else (held, streamed)
    final = fold.row_fold == grid.row_folds - 1
    ofmap = sums if final else 0
    if array.psum_path == PSUM_ACCUMULATED:
        # Read to be added to from the second row fold on, and once more when final.
        reads = (sums if fold.row_fold > 0 else 0) + ofmap
        return Accesses(ifmap, filters, 0, 0, reads, sums, ofmap)
    back = sums if array.psum_path == PSUM_READ_BACK and fold.row_fold > 0 else 0
    return Accesses(ifmap, filters, back, sums - ofmap, 0, 0, ofmap)
