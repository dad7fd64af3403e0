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


class Moves(NamedTuple):
    """Words inside the array, and what was done with them; PEs without work count nothing.

    ``ifmap_taken``, ``filter_taken``: by PEs, from the buffer or a neighbour; values that stay are taken by the PE
    that keeps them. ``psum_hops``: sums that a PE passes on, on their way through the rows or out. ``macs`` done.
    """

    ifmap_taken: int
    filter_taken: int
    psum_hops: int
    macs: int


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
    moves
        Words inside the array, the operands named as those of ``accesses``.
    """

    outputs: Values
    cycles: int
    fold_starts: I64
    fold_ends: I64
    accesses: Accesses
    moves: Moves


class Cut(NamedTuple):
    """One fold: the part of an operation's three dimensions that the array holds, and that it streams.

    ``first_row``, ``first_col`` and ``first_stream`` are indices into the window and the outer axes, ``rows_used``,
    ``cols_used`` and ``stream`` how many of each; ``rows`` and ``cols`` are the PEs in play. ``row_fold`` counts the
    folds that add to the same sums, ``final`` marks the last of them.
    """

    group: int
    row_fold: int
    final: bool
    first_row: int
    first_col: int
    first_stream: int
    rows_used: int
    cols_used: int
    stream: int
    rows: int
    cols: int


@njit
def cut_folds(boxes: I64, array_rows: int, array_cols: int, skip_edges: bool) -> I64:
    """Cut gemms that follow each other into folds: row folds first, then column folds.

    Parameters
    ----------
    boxes
        A gemm a row, int64, (gemms, 7): group, then first index and size of the rows', columns' and streamed dimension.

    Returns
    -------
    I64
        The folds in order, (n_folds, 11), columns as the fields of `Cut`.
    """
    n_folds = 0
    for gemm in range(boxes.shape[0]):
        n_folds += -(-boxes[gemm, 2] // array_rows) * -(-boxes[gemm, 4] // array_cols)
    cuts = np.empty((n_folds, 11), dtype=np.int64)
    place = 0
    for gemm in range(boxes.shape[0]):
        group, first_row, row_size, first_col, col_size, first_stream, stream = boxes[gemm]
        for col in range(0, col_size, array_cols):
            for row in range(0, row_size, array_rows):
                rows_used, cols_used = min(row_size - row, array_rows), min(col_size - col, array_cols)
                rows, cols = (rows_used, cols_used) if skip_edges else (array_rows, array_cols)
                cuts[place, 0], cuts[place, 1] = group, row // array_rows
                cuts[place, 2] = row + array_rows >= row_size
                cuts[place, 3], cuts[place, 4], cuts[place, 5] = first_row + row, first_col + col, first_stream
                cuts[place, 6], cuts[place, 7], cuts[place, 8] = rows_used, cols_used, stream
                cuts[place, 9], cuts[place, 10] = rows, cols
                place += 1
    return cuts


@njit
def cut_at(cuts: I64, index: int) -> Cut:
    """Row ``index`` of the table that `cut_folds` returns; the last one for any beyond it."""
    row = cuts[min(index, cuts.shape[0] - 1)]
    return Cut(row[0], row[1], row[2] == 1, row[3], row[4], row[5], row[6], row[7], row[8], row[9], row[10])


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
