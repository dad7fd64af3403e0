"""What a stepped systolic array is given and gives back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.im2col import Operand
from accel_sim.kernels.jit import njit
from accel_sim.kernels.systolic_array import Accesses

I64 = NDArray[np.int64]
Values = NDArray[Any]


class Probe(NamedTuple):
    """Which sum registers to record, and when.

    Parameters
    ----------
    pes
        Row x cols + column of each watched PE, int64, (n_pes,).
    first_cycle
        Cycle of the first sample.
    samples
        Written by the array: the registers at the end of each cycle, sums' dtype, (n_cycles, n_pes).
    """

    pes: I64
    first_cycle: int
    samples: Values


class SteppedRun(NamedTuple):
    """What happened: the products, and when and how often words moved.

    Parameters
    ----------
    outputs
        Sums, (groups, M, N); an input stationary array gives (groups, N, M) before its operands are swapped back.
    cycles
        Clock edges until the last result was written.
    fold_starts, fold_ends
        Cycle in which a fold's first operand entered; cycle after its last result; int64, (n_folds,).
    accesses
        Words at the ports. The stepped kernels count the streamed (or row) operand as ``ifmap`` and the
        stationary (or column) operand as ``filter``.
    """

    outputs: Values
    cycles: int
    fold_starts: I64
    fold_ends: I64
    accesses: Accesses


class Cut(NamedTuple):
    """The part of a gemm that one fold holds: its first row and column, PEs used, PEs of the array in play.

    ``final`` marks the last row fold.
    """

    group: int
    row_fold: int
    final: bool
    first_row: int
    first_col: int
    rows_used: int
    cols_used: int
    rows: int
    cols: int


@njit
def cut_fold(index: int, row_size: int, col_size: int, array_rows: int, array_cols: int, skip_edges: bool) -> Cut:
    """The ``index``-th fold: row folds first, then column folds, then groups."""
    row_folds = -(-row_size // array_rows)
    col_folds = -(-col_size // array_cols)
    columns_done, row_fold = divmod(index, row_folds)
    group, col_fold = divmod(columns_done, col_folds)
    first_row, first_col = row_fold * array_rows, col_fold * array_cols
    rows_used = min(row_size - first_row, array_rows)
    cols_used = min(col_size - first_col, array_cols)
    rows, cols = (rows_used, cols_used) if skip_edges else (array_rows, array_cols)
    final = row_fold == row_folds - 1
    return Cut(group, row_fold, final, first_row, first_col, rows_used, cols_used, rows, cols)


@njit
def read_vector(operand: Operand, group: int, first: int, tick: int, port: Values) -> None:
    """Read one word for each element of ``port``: outer indices from ``first`` on, at window element ``tick``."""
    base = operand.group[group] + operand.window[tick]
    for lane in range(port.size):
        port[lane] = operand.values[base + operand.outer[first + lane]]


@njit
def sample(probe: Probe, sums: Values, clock: int, array_cols: int, pitch: int) -> None:
    """Record the watched PEs' sums, if this clock is watched; ``pitch`` is the row length of the sums' frame."""
    row = clock - probe.first_cycle
    if 0 <= row < probe.samples.shape[0]:
        for place in range(probe.pes.size):
            pe_row, pe_col = divmod(probe.pes[place], array_cols)
            probe.samples[row, place] = sums[(pe_row + 1) * pitch + pe_col + 1]
