"""Output stationary systolic array, stepped: operands cross it from the left and the top, sums stay.

Each PE has three registers: the left operand on its way right, the top operand on its way down, and the sum. In
every clock every PE takes both operands from its neighbours and adds their product to its sum. The registers of
all PEs are frames of (rows + 1) x (cols + 1) words; row 0 and column 0 of a frame are the wires that feed the array.
A control bit follows a fold's last operands; where it passes, the sum is complete and leaves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accel_sim.kernels.im2col import Operand
from accel_sim.kernels.jit import njit
from accel_sim.kernels.stepped.systolic_run import (
    I64,
    Cut,
    Moves,
    Probe,
    SteppedRun,
    Values,
    cut_at,
    read_vector,
    sample,
)
from accel_sim.kernels.systolic_array import (
    DRAIN_COLLECTOR,
    DRAIN_COLUMNS,
    DRAIN_NONE,
    DRAIN_ROWS,
    Accesses,
    SystolicArray,
)


class _Exit(NamedTuple):
    """Registers on the way from the PEs to the buffer.

    Parameters
    ----------
    drain
        A second sum register in each PE: (steps to the exit, lanes).
    queue_pes, queue_sums, queue_length
        The collector's write queue: PE index (row x array columns + column) and sum, (rows x cols,); entries
        held, (1,).
    hops
        Sums that PEs with work have passed on so far, int64 (1,).
    """

    drain: Values
    queue_pes: I64
    queue_sums: Values
    queue_length: I64
    hops: I64


@njit
def step_output_stationary(
    ifmap: Operand, filters: Operand, array: SystolicArray, cuts: I64, probe: Probe
) -> SteppedRun:
    """Run folds with ofmap pixels over the rows and filters over the columns.

    Parameters
    ----------
    ifmap, filters
        Operands of one dtype: int16 where all values fit, else the sums'.
    cuts
        The folds in order, int64, (n_folds, 11); see `cut_folds`. Each streams the whole window.
    probe
        Sum registers to record; its samples have the sums' dtype (int32 or int64).
    """
    row_size, col_size, stream = ifmap.outer.size, filters.outer.size, ifmap.window.size
    n_folds = cuts.shape[0]
    # Where edges are skipped, PEs that no fold uses are bypassed: the array is no larger than the layer.
    rows, cols = cuts[:, 9].max(), cuts[:, 10].max()
    pitch = cols + 1
    frame = (rows + 1) * pitch
    word, dtype = ifmap.values.dtype, probe.samples.dtype
    left = np.zeros((2, frame), dtype=word)
    top = np.zeros((2, frame), dtype=word)
    sums = np.zeros(frame, dtype=dtype)
    # Vectors that entered, one a clock: lane x of an edge sees what entered x clocks ago, and the PEs' own
    # pipeline registers are added in front.
    depth = max(rows, cols) + array.latency_cycles
    left_fifo = np.zeros((depth, rows), dtype=word)
    top_fifo = np.zeros((depth, cols), dtype=word)
    by_columns = array.drain == DRAIN_COLUMNS
    way_out = _Exit(
        np.zeros((cols, rows) if by_columns else (rows, cols), dtype=dtype),
        np.zeros(rows * cols, dtype=np.int64),
        np.zeros(rows * cols, dtype=dtype),
        np.zeros(1, dtype=np.int64),
        np.zeros(1, dtype=np.int64),
    )
    outputs = np.zeros((ifmap.group.size, row_size, col_size), dtype=dtype)
    starts = np.full(n_folds, -1, dtype=np.int64)
    ends = np.full(n_folds, -1, dtype=np.int64)
    retired = np.zeros(n_folds, dtype=np.int64)
    ifmap_reads = filter_reads = ofmap_writes = taken = 0
    oldest, newest, entered, clock = 0, -1, stream, 0
    cut = cut_at(cuts, 0)
    while oldest < n_folds:
        if entered == stream and newest + 1 < n_folds:
            after = cut_at(cuts, newest + 1)
            previous = starts[newest] if newest >= 0 else -1
            if newest < 0 or _may_follow(cut, after, clock - previous, stream, ends[newest] >= 0, array):
                newest, cut, entered = newest + 1, after, 0
                starts[newest] = clock
        now, slot = clock & 1, clock % depth
        left_fifo[slot, :] = 0
        top_fifo[slot, :] = 0
        if entered < stream:
            read_vector(ifmap, cut.group, cut.first_row, entered, left_fifo[slot, : cut.rows_used])
            read_vector(filters, cut.group, cut.first_col, entered, top_fifo[slot, : cut.cols_used])
            ifmap_reads += cut.rows_used
            filter_reads += cut.cols_used
            taken += cut.rows_used * cut.cols_used
            entered += 1
        for row in range(rows):
            entry = slot - row - array.latency_cycles
            left[now, (row + 1) * pitch] = left_fifo[entry if entry >= 0 else entry + depth, row]
        for col in range(cols):
            entry = slot - col - array.latency_cycles
            top[now, col + 1] = top_fifo[entry if entry >= 0 else entry + depth, col]
        _clock_edge(left, top, sums, pitch, now)
        sample(probe, sums, clock, array.cols, pitch)
        for fold in range(oldest, newest + 1):
            age = clock - (starts[fold] + stream - 1) - array.latency_cycles
            if age >= 0 and ends[fold] < 0:
                place = cut_at(cuts, fold)
                left_array, written = _let_results_out(place, age, sums, pitch, way_out, outputs, array)
                retired[fold] += left_array
                ofmap_writes += written
                if retired[fold] == place.rows * place.cols:
                    ends[fold] = clock + 1
        while oldest < n_folds and ends[oldest] >= 0:
            oldest += 1
        clock += 1
    accesses = Accesses(ifmap_reads, filter_reads, 0, 0, 0, 0, ofmap_writes)
    moves = Moves(taken, taken, way_out.hops[0], ofmap_writes * stream)
    return SteppedRun(outputs, clock, starts, ends, accesses, moves)


@njit
def _may_follow(cut: Cut, after: Cut, age: int, stream: int, ended: bool, array: SystolicArray) -> bool:
    """Whether the next fold's operands may enter in this clock; all of the current fold's have.

    ``age`` counts clocks since the first operand of the current fold ``cut`` entered, ``ended`` tells whether its
    last result was written.
    """
    if not array.pipelined:
        return ended
    if array.drain == DRAIN_NONE:
        return True
    steps, steps_after = (cut.cols, after.cols) if array.drain == DRAIN_COLUMNS else (cut.rows, after.rows)
    # Lane 0 decides, as all others lag it by the same clocks in both folds. Its drain register nearest the
    # operands is taken when the next sum is complete, and free when its own result first moves; its exit serves
    # one fold at a time.
    first_leaves = stream - 1 + steps
    complete = age + stream - 1
    return complete >= first_leaves and complete + steps_after > first_leaves + steps - 1


@njit
def _clock_edge(left: Values, top: Values, sums: Values, pitch: int, now: int) -> None:
    """One clock of every PE: operands from the left and top neighbour, their product into the sum."""
    pes = sums.size - pitch - 1
    from_left = left[now, pitch : pitch + pes]
    from_top = top[now, 1 : 1 + pes]
    next_left = left[1 - now, pitch + 1 :]
    next_top = top[1 - now, pitch + 1 :]
    own_sums = sums[pitch + 1 :]
    for pe in range(pes):
        next_left[pe] = from_left[pe]
        next_top[pe] = from_top[pe]
        own_sums[pe] += np.int64(from_left[pe]) * from_top[pe]


@njit
def _let_results_out(
    cut: Cut, age: int, sums: Values, pitch: int, way_out: _Exit, outputs: Values, array: SystolicArray
) -> tuple[int, int]:
    """Move a fold's complete sums towards the buffer; return how many left the array, and how many were written.

    ``age`` counts clocks since PE (0, 0) did the fold's last MAC. Sums of PEs without work leave, too, and are
    dropped.
    """
    left_array = written = 0
    if array.drain == DRAIN_ROWS or array.drain == DRAIN_COLUMNS:
        left_array, written = _shift_drain(cut, age, way_out, outputs, array)
    # The control bit behind the last operands stands on an anti-diagonal: these sums are complete.
    for row in range(max(0, age - cut.cols + 1), min(cut.rows, age + 1)):
        col = age - row
        pe = (row + 1) * pitch + col + 1
        if array.drain == DRAIN_NONE:
            left_array += 1
            written += _write(cut, row, col, sums[pe], outputs)
        elif array.drain == DRAIN_ROWS:
            way_out.drain[row, col] = sums[pe]
        elif array.drain == DRAIN_COLUMNS:
            way_out.drain[col, row] = sums[pe]
        else:
            place = way_out.queue_length[0]
            way_out.queue_pes[place] = row * array.cols + col
            way_out.queue_sums[place] = sums[pe]
            way_out.queue_length[0] = place + 1
        sums[pe] = 0
    if array.drain == DRAIN_COLLECTOR:
        left_array, written = _retire_half(cut, way_out, outputs, array.cols)
    if array.drain == DRAIN_COLLECTOR or array.drain == DRAIN_NONE:
        way_out.hops[0] += written
    return left_array, written


@njit
def _shift_drain(cut: Cut, age: int, way_out: _Exit, outputs: Values, array: SystolicArray) -> tuple[int, int]:
    """One clock of the drain registers: the first result of each lane leaves, those behind it close up.

    A lane (a column, or a row where results leave sideways) starts in the clock after its last sum was complete;
    where folds do not overlap, all lanes start together after the array's last. Returns as `_let_results_out`.
    """
    by_rows = array.drain == DRAIN_ROWS
    steps, lanes = (cut.rows, cut.cols) if by_rows else (cut.cols, cut.rows)
    # Lane x is at beat `beat - lag * x` of its `steps`.
    beat, lag = (age - steps, 1) if array.pipelined else (age - (steps + lanes - 1), 0)
    begin = max(0, beat - steps + 1) if array.pipelined else 0
    stop = min(lanes, beat + 1) if array.pipelined else lanes
    if beat < 0 or begin >= stop or (lag == 0 and beat >= steps):
        return 0, 0
    drain, used = way_out.drain, cut.rows_used if by_rows else cut.cols_used
    written = 0
    for lane in range(begin, stop):
        step = steps - 1 - (beat - lag * lane)
        row, col = (step, lane) if by_rows else (lane, step)
        leaves = _write(cut, row, col, drain[steps - 1, lane], outputs)
        way_out.hops[0] += leaves * (used - step)
        written += leaves
    # A lane at beat b has b empty registers behind its results, where the next fold's may already stand.
    for step in range(steps - 1, 0, -1):
        lane_from = max(begin, beat - step + 1) if array.pipelined else (begin if beat < step else stop)
        for lane in range(lane_from, stop):
            drain[step, lane] = drain[step - 1, lane]
    return stop - begin, written


@njit
def _retire_half(cut: Cut, way_out: _Exit, outputs: Values, array_cols: int) -> tuple[int, int]:
    """One clock of the collector's write port: half of what the queue holds, rounded up, oldest first."""
    length = way_out.queue_length[0]
    leaving = (length + 1) // 2
    written = 0
    for place in range(leaving):
        row, col = divmod(way_out.queue_pes[place], array_cols)
        written += _write(cut, row, col, way_out.queue_sums[place], outputs)
    for place in range(leaving, length):
        way_out.queue_pes[place - leaving] = way_out.queue_pes[place]
        way_out.queue_sums[place - leaving] = way_out.queue_sums[place]
    way_out.queue_length[0] = length - leaving
    return leaving, written


@njit
def _write(cut: Cut, row: int, col: int, value: int, outputs: Values) -> int:
    """Write one result to the buffer, unless its PE held no work; count it."""
    if row >= cut.rows_used or col >= cut.cols_used:
        return 0
    outputs[cut.group, cut.first_row + row, cut.first_col + col] = value
    return 1
