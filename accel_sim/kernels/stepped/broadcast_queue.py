"""The stepped broadcast machine: real operands move through queues and a four-stage pipeline, clock by clock.

The twin of EIE and ESE. It knows entries, pointers and registers, and none of the sums of the fast path.

Pipeline of an entry: (1) issue: the weight is decoded and the run added to the place; (2) the accumulator is read and
the product made; (3) the sum, which takes the sum in stage 4 when that belongs to the same accumulator; (4) the write,
which a read of the same cycle sees.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.runs import EntryLists

I64 = NDArray[np.int64]

BROADCASTS, STALLS, POINTER_READS, MATRIX_READS, ACCUMULATOR_READS, ACCUMULATOR_WRITES, EFFECTUAL_MACS = range(7)
# words put on the bus and words that queues took, of all channels; multiplies, and those by weights that are not zero
WORDS_SENT, WORDS_QUEUED, MULTIPLIES, WEIGHT_MULTIPLIES, N_EVENTS = range(7, 12)

# registers of a PE: its queue, the column in work, and the stages of its pipeline
HEAD, QUEUED, VISIBLE, ISSUED, PLACE, WAITED, ROW_HELD, ROW2, ROW3, ROW4, WEIGHT2, N_REGISTERS = range(12)
VALUE2, PRODUCT3, READ3, SUM4 = range(4)


class BroadcastArray(NamedTuple):
    """Keys of the stepped array; ``skip_zeros``: only activations that are not zero in some channel are sent."""

    n_pes: int
    queue_depth: int
    entries_per_read: int
    empty_slice_cycles: int
    skip_zeros: bool


class BroadcastRun(NamedTuple):
    """What the stepped array did.

    ``outputs`` int64[n_channels, n_rows]. ``pe_busy_cycles`` int64[n_pes]: cycles in which each PE issued an entry,
    ``pe_padding_cycles`` those with a weight of zero. ``events`` int64[N_EVENTS]: counts of all PEs, in the order of
    this module's constants. ``ends`` int64[n]: the clock at which each product, or round of products, was done.
    """

    outputs: I64
    total_cycles: int
    pe_busy_cycles: I64
    pe_padding_cycles: I64
    events: I64
    ends: I64


class _Pes(NamedTuple):
    """What the PEs hold.

    ``registers`` int64[n_pes, N_REGISTERS]: in the order of this module's constants; ``n_rows`` in ``ROW2`` to ``ROW4``
    marks an empty stage, ``ROW_HELD`` is the first address of the matrix row that was read last. ``operands``
    int64[n_pes, 4, n_channels]: `VALUE2` to `SUM4` of each channel. ``queue_column`` int64[n_pes, depth],
    ``queue_value`` int64[n_pes, depth, n_channels]: the queues, as rings. ``accumulators`` int64[n_rows + 1,
    n_channels]: the sums of all PEs, and what empty stages write. ``busy``, ``padding`` int64[n_pes]: see
    `BroadcastRun`.
    """

    registers: I64
    operands: I64
    queue_column: I64
    queue_value: I64
    accumulators: I64
    busy: I64
    padding: I64


@njit
def _new_pes(array: BroadcastArray, n_channels: int, n_rows: int) -> _Pes:
    registers = np.zeros((array.n_pes, N_REGISTERS), dtype=np.int64)
    registers[:, ROW_HELD] = -array.entries_per_read
    registers[:, ROW2 : ROW4 + 1] = n_rows
    return _Pes(
        registers,
        np.zeros((array.n_pes, 4, n_channels), dtype=np.int64),
        np.zeros((array.n_pes, array.queue_depth), dtype=np.int64),
        np.zeros((array.n_pes, array.queue_depth, n_channels), dtype=np.int64),
        np.zeros((n_rows + 1, n_channels), dtype=np.int64),
        np.zeros(array.n_pes, dtype=np.int64),
        np.zeros(array.n_pes, dtype=np.int64),
    )


@njit
def _advance_pipelines(pes: _Pes, events: I64) -> None:
    """Move stages 4, 3 and 2 of all PEs on by one clock; stage 2 is left empty.

    An empty stage is a bubble: it works on the row behind the last one, with a weight of zero. (Without a branch a
    stage, which nothing could predict, this takes half the time.)
    """
    registers, operands, accumulators = pes.registers, pes.operands, pes.accumulators
    n_pes, _, n_channels = operands.shape
    bubble = accumulators.shape[0] - 1
    n_reads = n_writes = n_effectual = n_by_weights = 0
    for pe in range(n_pes):
        row4, row3, row2 = registers[pe, ROW4], registers[pe, ROW3], registers[pe, ROW2]
        weight = registers[pe, WEIGHT2]
        addend = SUM4 if row4 == row3 else READ3
        for channel in range(n_channels):
            accumulators[row4, channel] = operands[pe, SUM4, channel]
            operands[pe, SUM4, channel] = operands[pe, addend, channel] + operands[pe, PRODUCT3, channel]
            operands[pe, READ3, channel] = accumulators[row2, channel]
            product = weight * operands[pe, VALUE2, channel]
            operands[pe, PRODUCT3, channel] = product
            n_effectual += 1 if product != 0 else 0
        n_writes += 1 if row4 < bubble else 0
        n_reads += 1 if row2 < bubble else 0
        n_by_weights += 1 if weight != 0 else 0
        registers[pe, ROW4] = row3
        registers[pe, ROW3] = row2
        registers[pe, ROW2] = bubble
        registers[pe, WEIGHT2] = 0
    events[ACCUMULATOR_READS] += n_reads
    events[ACCUMULATOR_WRITES] += n_writes
    events[EFFECTUAL_MACS] += n_effectual
    events[MULTIPLIES] += n_reads * n_channels
    events[WEIGHT_MULTIPLIES] += n_by_weights * n_channels


@njit
def _pop(registers: I64, pe: int, depth: int) -> None:
    """Take the head off a PE's queue, and clear what belongs to it."""
    head = registers[pe, HEAD] + 1
    registers[pe, HEAD] = head if head < depth else 0
    registers[pe, QUEUED] -= 1
    registers[pe, VISIBLE] -= 1
    registers[pe, ISSUED] = 0
    registers[pe, PLACE] = 0
    registers[pe, WAITED] = 0


@njit
def _work_on_heads(pes: _Pes, lists: EntryLists, array: BroadcastArray, events: I64) -> None:
    """Spend one clock of every PE on the head of its queue."""
    registers, pointers = pes.registers, lists.pointers
    n_pops = n_rows_read = 0
    for pe in range(array.n_pes):
        if registers[pe, VISIBLE] == 0:
            continue
        slot = registers[pe, HEAD]
        column = pes.queue_column[pe, slot]
        first, stop = pointers[pe, column], pointers[pe, column + 1]
        if first < stop:
            address = first + registers[pe, ISSUED]
            if not 0 <= address - registers[pe, ROW_HELD] < array.entries_per_read:
                registers[pe, ROW_HELD] = address - address % array.entries_per_read
                n_rows_read += 1
            entry = lists.starts[pe] + address
            place = registers[pe, PLACE] + lists.runs[entry]
            weight = lists.values[entry]
            registers[pe, ROW2] = place * array.n_pes + pe
            registers[pe, WEIGHT2] = weight
            for channel in range(pes.queue_value.shape[2]):
                pes.operands[pe, VALUE2, channel] = pes.queue_value[pe, slot, channel]
            pes.busy[pe] += 1
            pes.padding[pe] += 1 if weight == 0 else 0
            registers[pe, PLACE] = place + 1
            registers[pe, ISSUED] += 1
            if address + 1 == stop:
                _pop(registers, pe, array.queue_depth)
                n_pops += 1
        elif array.empty_slice_cycles > 0:
            registers[pe, WAITED] += 1
            if registers[pe, WAITED] == array.empty_slice_cycles:
                _pop(registers, pe, array.queue_depth)
                n_pops += 1
        while array.empty_slice_cycles == 0 and registers[pe, VISIBLE] > 0:
            column = pes.queue_column[pe, registers[pe, HEAD]]
            if pointers[pe, column] < pointers[pe, column + 1]:
                break
            _pop(registers, pe, array.queue_depth)
            n_pops += 1
    events[POINTER_READS] += 2 * n_pops
    events[MATRIX_READS] += n_rows_read


@njit
def _look(registers: I64, depth: int, n_rows: int) -> tuple[bool, bool]:
    """Let PEs see what is queued now, not what this clock writes; return whether any works, whether a queue is full."""
    n_working = n_full = 0
    for pe in range(registers.shape[0]):
        n_queued = registers[pe, QUEUED]
        registers[pe, VISIBLE] = n_queued
        n_full += 1 if n_queued == depth else 0
        last = min(registers[pe, ROW2], registers[pe, ROW3], registers[pe, ROW4])
        n_working += n_queued + (1 if last < n_rows else 0)
    return n_working > 0, n_full > 0


@njit
def _broadcast(pes: _Pes, activations: I64, column: int, depth: int, events: I64) -> None:
    """Write a column's activations into the queues of all PEs."""
    registers = pes.registers
    n_pes, n_channels = registers.shape[0], activations.shape[0]
    for pe in range(n_pes):
        slot = registers[pe, HEAD] + registers[pe, QUEUED]
        slot = slot - depth if slot >= depth else slot
        pes.queue_column[pe, slot] = column
        for channel in range(n_channels):
            pes.queue_value[pe, slot, channel] = activations[channel, column]
        registers[pe, QUEUED] += 1
    events[BROADCASTS] += 1
    events[WORDS_SENT] += n_channels
    events[WORDS_QUEUED] += n_channels * n_pes


@njit
def _next_column(activations: I64, column: int, skip_zeros: bool) -> int:
    """Return the first column from ``column`` on that is sent, or the number of columns."""
    while skip_zeros and column < activations.shape[1]:
        for channel in range(activations.shape[0]):
            if activations[channel, column] != 0:
                return column
        column += 1
    return column


@njit
def broadcast_run(lists: EntryLists, activations: I64, n_rows: int, array: BroadcastArray) -> BroadcastRun:
    """Multiply the matrix with one vector a channel.

    Parameters
    ----------
    lists
        The matrix; row i of it is place ``i // n_pes`` of PE ``i mod n_pes``.
    activations
        int64[n_channels, n_cols]: all channels see the same entries in the same cycle.
    n_rows
        Rows of the matrix.
    array
        The array.
    """
    n_channels, n_cols = activations.shape
    pes = _new_pes(array, n_channels, n_rows)
    events = np.zeros(N_EVENTS, dtype=np.int64)
    cycle = np.int64(0)
    to_send = _next_column(activations, 0, array.skip_zeros)
    while True:
        working, any_full = _look(pes.registers, array.queue_depth, n_rows)
        if not working and to_send == n_cols:
            break
        _advance_pipelines(pes, events)
        _work_on_heads(pes, lists, array, events)
        if to_send < n_cols and any_full:
            events[STALLS] += 1
        elif to_send < n_cols:
            _broadcast(pes, activations, to_send, array.queue_depth, events)
            to_send = _next_column(activations, to_send + 1, array.skip_zeros)
        cycle += 1
    return BroadcastRun(pes.accumulators[:n_rows].T, int(cycle), pes.busy, pes.padding, events, np.array([cycle]))
