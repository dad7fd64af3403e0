"""Weight stationary systolic array, stepped: one operand stays in the PEs, the other crosses, sums fall.

Each PE has four registers: the value that stays, a second one being loaded (where the array double buffers), the
streamed operand on its way right, and the psum on its way down. In every clock every PE takes the operand from the
left and the psum from above and passes on psum + operand x weight. An input stationary array is the same array
with its operands exchanged.

The registers of all PEs form frames of (rows + 1) x (cols + 1) words; row 0 and column 0 of a frame are the wires
that feed the array. Frames with two rows are the registers now and next, by turns. They are plain variables rather
than a tuple of arrays because numba counts references at each use of an array inside a tuple, which costs more than
a clock of a small array.
"""

from __future__ import annotations

import numpy as np

from accel_sim.kernels.im2col import Operand
from accel_sim.kernels.jit import njit
from accel_sim.kernels.stepped.systolic_run import I64, Cut, Moves, Probe, SteppedRun, Values, cut_at, sample
from accel_sim.kernels.systolic_array import PSUM_ACCUMULATED, PSUM_READ_BACK, Accesses, SystolicArray


@njit
def step_weight_stationary(
    streamed: Operand, held: Operand, array: SystolicArray, cuts: I64, probe: Probe
) -> SteppedRun:
    """Run folds with the window over the rows and the stationary operand's outer index over the columns.

    Parameters
    ----------
    streamed, held
        Operands of one dtype: int16 where all values fit, else the sums'.
    cuts
        The folds in order, int64, (n_folds, 11); see `cut_folds`.
    probe
        Sum registers to record; its samples have the sums' dtype (int32 or int64).
    """
    dtype = probe.samples.dtype
    n_folds, col_size, all_streamed = cuts.shape[0], held.outer.size, streamed.outer.size
    values, group_offset, outer_offset, window_offset = streamed
    skew = array.row_skew_cycles
    # Where edges are skipped, PEs that no fold uses are bypassed: the array is no larger than the layer.
    rows, cols = cuts[:, 9].max(), cuts[:, 10].max()
    pitch = cols + 1
    frame = (rows + 1) * pitch
    weights = np.zeros(frame, dtype=values.dtype)
    shadow = np.zeros(frame, dtype=values.dtype) if array.double_buffered else weights
    operands = np.zeros((2, frame), dtype=values.dtype)
    sums = np.zeros((2, frame), dtype=dtype)
    # The PE's second psum register, where it has one.
    above = np.zeros((2, frame if skew == 2 else 0), dtype=dtype)
    # Vectors that entered, one a clock: row i of the array sees what entered i x skew clocks ago.
    fifo = np.zeros((skew * (rows - 1) + 1, rows), dtype=values.dtype)
    # Psums that left the bottom and have not reached the buffer.
    exits = np.zeros((array.latency_cycles + 1, cols), dtype=dtype)
    # Sums that are not final, in the accumulator or the buffer.
    partial = np.zeros(cuts[:, 8].max() * cols, dtype=dtype)
    outputs = np.zeros((held.group.size, all_streamed, col_size), dtype=dtype)
    loads = np.full(n_folds, -1, dtype=np.int64)
    starts = np.full(n_folds, -1, dtype=np.int64)
    ends = np.full(n_folds, -1, dtype=np.int64)
    retired = np.zeros(n_folds, dtype=np.int64)
    # Words at the ports, then streamed words that PEs take, and MACs.
    moved = np.zeros(9, dtype=np.int64)
    # Folds are loaded, then streamed, in order; `oldest` still has psums on their way, `unloaded` values to load.
    loading = newest = -1
    oldest = unloaded = 0
    # `tick` counts clocks of the PEs: they are gated while no operand or psum is on its way.
    clock = tick = 0
    cut = after = following = cut_at(cuts, 0)
    entered = cut.stream
    while oldest < n_folds:
        if loading > newest and entered == cut.stream and clock >= loads[loading] + after.rows:
            previous = starts[newest] if newest >= 0 else -1
            if newest < 0 or _may_stream(cut, after, clock - previous, ends[newest] >= 0, array):
                newest, cut, entered = newest + 1, after, 0
                starts[newest] = clock
        if loading == newest < n_folds - 1:
            previous = starts[newest] if newest >= 0 else -1
            if newest < 0 or _may_load(cut, following, clock - previous, ends[newest] >= 0, array):
                loading += 1
                loads[loading] = clock
                after = following
                following = cut_at(cuts, loading + 1)
        if newest >= oldest:
            now, slot = tick & 1, tick % fifo.shape[0]
            fifo[slot, :] = 0
            if entered < cut.stream:
                base = group_offset[cut.group] + outer_offset[cut.first_stream + entered]
                for row in range(cut.rows_used):
                    fifo[slot, row] = values[base + window_offset[cut.first_row + row]]
                moved[0] += cut.rows_used
                moved[7] += cut.rows_used * cut.cols_used
                entered += 1
            for row in range(rows):
                entry = slot - skew * row
                operands[now, (row + 1) * pitch] = fifo[entry if entry >= 0 else entry + fifo.shape[0], row]
            if skew == 1:
                sums[now, :pitch] = 0
            else:
                above[now, pitch : 2 * pitch] = 0
            for fold in range(oldest, newest + 1):
                place = cut
                if fold < newest:
                    place = cut_at(cuts, fold)
                if array.double_buffered:
                    _swap_weights(place, clock - starts[fold], skew, weights, shadow, pitch)
                if array.psum_path == PSUM_READ_BACK and place.row_fold > 0:
                    wires = sums[now, 1:pitch] if skew == 1 else above[now, pitch + 1 : 2 * pitch]
                    moved[2] += _feed_psums(place, clock - starts[fold], partial, wires)
            # Rows that no operand has reached, and rows that all have left, are gated as well.
            begin = max(0, (clock - starts[newest] - cut.stream - cols) // skew)
            stop = min(rows, (clock - starts[oldest]) // skew + 2)
            if skew == 1:
                _clock_edge(operands, sums, weights, pitch, now, begin, stop)
            else:
                _clock_edge_two_registers(operands, sums, above, weights, pitch, now, begin, stop)
            sample(probe, sums[1 - now], clock, array.cols, pitch)
            for fold in range(oldest, newest + 1):
                place = cut
                if fold < newest:
                    place = cut_at(cuts, fold)
                age = clock - starts[fold] - skew * (place.rows - 1)
                psums = sums[1 - now, place.rows * pitch + 1 : (place.rows + 1) * pitch]
                if array.latency_cycles > 0:
                    _pass_exit(place, age, psums, exits[tick % exits.shape[0]])
                    psums = exits[(tick + 1) % exits.shape[0]]
                    age -= array.latency_cycles
                retired[fold] += _write_psums(place, age, psums, partial, outputs, moved, array)
                if ends[fold] < 0 and retired[fold] == place.stream * place.cols:
                    ends[fold] = clock + 1
            tick += 1
        for fold in range(unloaded, loading + 1):
            place = after
            if fold < loading:
                place = cut_at(cuts, fold)
            moved[1] += _shift_load(place, clock - loads[fold], held, shadow, pitch)
            if fold == unloaded and clock - loads[fold] >= place.rows + place.cols - 2:
                unloaded = fold + 1
        while oldest < n_folds and ends[oldest] >= 0:
            oldest += 1
        clock += 1
    accesses = Accesses(moved[0], moved[1], moved[2], moved[3], moved[4], moved[5], moved[6])
    # Each psum gets a product in every row, and each stationary value that is read stays in one PE.
    moves = Moves(moved[7], moved[1], moved[8], moved[8])
    return SteppedRun(outputs, clock, starts, ends, accesses, moves)


@njit
def _may_load(cut: Cut, after: Cut, age: int, ended: bool, array: SystolicArray) -> bool:
    """Whether the stationary values of ``after`` may start to enter in this clock.

    ``cut`` is the fold now streamed, ``age`` the clocks since its first operand entered, ``ended`` whether its last
    psum was written.
    """
    # The load moves down a row a clock; with a row skew of two it would overtake the values still in use.
    lead = (array.row_skew_cycles - 1) * (min(cut.rows, after.rows) - 1)
    if array.double_buffered:
        return age >= lead
    return age >= cut.stream - 1 + lead if array.pipelined else ended


@njit
def _may_stream(cut: Cut, after: Cut, age: int, ended: bool, array: SystolicArray) -> bool:
    """Whether the next fold's operands may enter in this clock; as `_may_load`, all of the current have."""
    if not array.pipelined:
        return ended
    # Column 0 decides, as all others lag it by the same clocks in both folds.
    fall, fall_after = array.row_skew_cycles * (cut.rows - 1), array.row_skew_cycles * (after.rows - 1)
    if age + fall_after <= cut.stream - 1 + fall:
        return False
    reads_back = array.psum_path == PSUM_READ_BACK and after.row_fold > 0
    return not reads_back or age > fall + array.latency_cycles


@njit
def _swap_weights(cut: Cut, age: int, skew: int, weights: Values, shadow: Values, pitch: int) -> None:
    """Where a fold's first operand arrives in this clock, the loaded value comes into use."""
    for row in range(cut.rows):
        col = age - skew * row
        if 0 <= col < cut.cols:
            pe = (row + 1) * pitch + col + 1
            weights[pe] = shadow[pe]


@njit
def _feed_psums(cut: Cut, age: int, partial: Values, wires: Values) -> int:
    """Put the psums of the row folds before on the top wires, skewed as the operands; return how many."""
    cols = wires.size
    begin, stop = max(0, age - cut.stream + 1), min(cut.cols_used, age + 1)
    for col in range(begin, stop):
        wires[col] = partial[(age - col) * cols + col]
    return max(0, stop - begin)


@njit
def _clock_edge(operands: Values, sums: Values, weights: Values, pitch: int, now: int, begin: int, stop: int) -> None:
    """One clock of the PEs of rows ``begin`` to ``stop - 1``: operand from the left, psum from above, sum down."""
    pes = (stop - begin) * pitch - 1
    here = (begin + 1) * pitch + 1
    from_left = operands[now, here - 1 : here - 1 + pes]
    from_above = sums[now, here - pitch : here - pitch + pes]
    next_operands = operands[1 - now, here:]
    next_sums = sums[1 - now, here:]
    held = weights[here:]
    for pe in range(pes):
        next_operands[pe] = from_left[pe]
        next_sums[pe] = from_above[pe] + np.int64(held[pe]) * from_left[pe]


@njit
def _clock_edge_two_registers(
    operands: Values, sums: Values, above: Values, weights: Values, pitch: int, now: int, begin: int, stop: int
) -> None:
    """As `_clock_edge`, of PEs that register the psum from above before they add to it."""
    pes = (stop - begin) * pitch - 1
    here = (begin + 1) * pitch + 1
    from_left = operands[now, here - 1 : here - 1 + pes]
    from_above = sums[now, here - pitch : here - pitch + pes]
    registered = above[now, here:]
    next_operands = operands[1 - now, here:]
    next_above = above[1 - now, here:]
    next_sums = sums[1 - now, here:]
    held = weights[here:]
    for pe in range(pes):
        next_operands[pe] = from_left[pe]
        next_above[pe] = from_above[pe]
        next_sums[pe] = registered[pe] + np.int64(held[pe]) * from_left[pe]


@njit
def _pass_exit(cut: Cut, age: int, psums: Values, exit_register: Values) -> None:
    """Take the psums that reached the fold's last row into the first exit register.

    ``age`` counts clocks since the first did: column c gives the psum of stream position age - c.
    """
    for col in range(max(0, age - cut.stream + 1), min(cut.cols, age + 1)):
        exit_register[col] = psums[col]


@njit
def _write_psums(
    cut: Cut, age: int, psums: Values, partial: Values, outputs: Values, moved: I64, array: SystolicArray
) -> int:
    """Write the psums that leave in this clock where they belong; return how many left.

    ``age`` is that of `_pass_exit` at the last exit register; ``partial`` is (longest stream x cols,) and ``outputs``
    (groups, streamed indices, columns).
    """
    cols = psums.size
    begin, stop = max(0, age - cut.stream + 1), min(cut.cols, age + 1)
    stop_used = min(stop, cut.cols_used)
    adds = cut.row_fold > 0 and array.psum_path != PSUM_READ_BACK
    place = (age - begin) * cols + begin
    for col in range(begin, stop_used):
        psum = psums[col]
        if adds:
            psum += partial[place]
        if cut.final:
            outputs[cut.group, cut.first_stream + age - col, cut.first_col + col] = psum
        else:
            partial[place] = psum
        place -= cols - 1
    written = max(0, stop_used - begin)
    moved[8] += written * cut.rows_used
    if cut.final:
        moved[6] += written
    if array.psum_path == PSUM_ACCUMULATED:
        moved[4] += written * (int(adds) + int(cut.final))
        moved[5] += written
    elif not cut.final:
        moved[3] += written
    return max(0, stop - begin)


@njit
def _shift_load(cut: Cut, age: int, held: Operand, shadow: Values, pitch: int) -> int:
    """One clock of a load: values step down a row, the next enter on top; return how many were read.

    The last row's values enter first. Column j runs j clocks behind column 0, and a row stops taking values from
    above when its own has come, so that those below stay in use as long as possible.
    """
    begin, stop = max(0, age - cut.rows + 1), min(cut.cols, age + 1)
    for row in range(min(cut.rows - 1, age - begin), 0, -1):
        first = (row + 1) * pitch + 1 + begin
        own, from_above = shadow[first:], shadow[first - pitch :]
        for col in range(min(stop, age - row + 1) - begin):
            own[col] = from_above[col]
    read = 0
    for col in range(begin, stop):
        row = cut.rows - 1 - (age - col)
        value = 0
        if row < cut.rows_used and col < cut.cols_used:
            value = held.values[
                held.group[cut.group] + held.outer[cut.first_col + col] + held.window[cut.first_row + row]
            ]
            read += 1
        shadow[pitch + 1 + col] = value
    return read
