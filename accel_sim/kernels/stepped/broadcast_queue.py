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

BROADCASTS, STALLS, POINTER_READS, MATRIX_READS, ACCUMULATOR_READS, ACCUMULATOR_WRITES, EFFECTUAL_MACS = range(7)
# words put on the bus and words that queues took, of all channels; multiplies, and those by weights that are not zero
WORDS_SENT, WORDS_QUEUED, MULTIPLIES, WEIGHT_MULTIPLIES, N_EVENTS = range(7, 12)


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
    this module's constants.
    """

    outputs: NDArray[np.int64]
    total_cycles: int
    pe_busy_cycles: NDArray[np.int64]
    pe_padding_cycles: NDArray[np.int64]
    events: NDArray[np.int64]


class _State(NamedTuple):
    """Registers of all PEs; a row of -1 marks an empty pipeline stage."""

    queue_column: NDArray[np.int64]
    queue_value: NDArray[np.int64]
    head: NDArray[np.int64]
    n_queued: NDArray[np.int64]
    n_visible: NDArray[np.int64]
    n_issued: NDArray[np.int64]
    place: NDArray[np.int64]
    waited: NDArray[np.int64]
    sram_row: NDArray[np.int64]
    row2: NDArray[np.int64]
    weight2: NDArray[np.int64]
    value2: NDArray[np.int64]
    row3: NDArray[np.int64]
    product3: NDArray[np.int64]
    read3: NDArray[np.int64]
    row4: NDArray[np.int64]
    sum4: NDArray[np.int64]


@njit
def _new_state(n_pes: int, depth: int, n_channels: int) -> _State:
    return _State(
        np.zeros((n_pes, depth), dtype=np.int64),
        np.zeros((n_pes, depth, n_channels), dtype=np.int64),
        np.zeros(n_pes, dtype=np.int64),
        np.zeros(n_pes, dtype=np.int64),
        np.zeros(n_pes, dtype=np.int64),
        np.zeros(n_pes, dtype=np.int64),
        np.zeros(n_pes, dtype=np.int64),
        np.zeros(n_pes, dtype=np.int64),
        np.full(n_pes, -1, dtype=np.int64),
        np.full(n_pes, -1, dtype=np.int64),
        np.zeros(n_pes, dtype=np.int64),
        np.zeros((n_pes, n_channels), dtype=np.int64),
        np.full(n_pes, -1, dtype=np.int64),
        np.zeros((n_pes, n_channels), dtype=np.int64),
        np.zeros((n_pes, n_channels), dtype=np.int64),
        np.full(n_pes, -1, dtype=np.int64),
        np.zeros((n_pes, n_channels), dtype=np.int64),
    )


@njit
def _advance_pipeline(state: _State, pe: int, accumulators: NDArray[np.int64], events: NDArray[np.int64]) -> None:
    """Move one PE's stages 4, 3 and 2 on by one clock; stage 2 is left empty."""
    n_channels = accumulators.shape[0]
    forward = state.row4[pe] >= 0 and state.row4[pe] == state.row3[pe]
    if state.row4[pe] >= 0:
        events[ACCUMULATOR_WRITES] += 1
    for channel in range(n_channels):
        if state.row4[pe] >= 0:
            accumulators[channel, state.row4[pe]] = state.sum4[pe, channel]
        addend = state.sum4[pe, channel] if forward else state.read3[pe, channel]
        state.sum4[pe, channel] = addend + state.product3[pe, channel]
    state.row4[pe] = state.row3[pe]
    state.row3[pe] = state.row2[pe]
    if state.row2[pe] >= 0:
        events[ACCUMULATOR_READS] += 1
        for channel in range(n_channels):
            state.read3[pe, channel] = accumulators[channel, state.row2[pe]]
            state.product3[pe, channel] = state.weight2[pe] * state.value2[pe, channel]
            events[MULTIPLIES] += 1
            if state.weight2[pe] != 0:
                events[WEIGHT_MULTIPLIES] += 1
            if state.product3[pe, channel] != 0:
                events[EFFECTUAL_MACS] += 1
    state.row2[pe] = -1


@njit
def _pop(state: _State, pe: int, depth: int, events: NDArray[np.int64]) -> None:
    state.head[pe] = (state.head[pe] + 1) % depth
    state.n_queued[pe] -= 1
    state.n_visible[pe] -= 1
    state.n_issued[pe] = 0
    state.place[pe] = 0
    state.waited[pe] = 0
    events[POINTER_READS] += 2


@njit
def _work_on_head(
    state: _State,
    pe: int,
    lists: EntryLists,
    array: BroadcastArray,
    events: NDArray[np.int64],
    padding: NDArray[np.int64],
) -> bool:
    """Spend one clock on the head of a PE's queue; return whether an entry was issued."""
    if state.n_visible[pe] == 0:
        return False
    slot = state.head[pe]
    first = lists.pointers[pe, state.queue_column[pe, slot]]
    stop = lists.pointers[pe, state.queue_column[pe, slot] + 1]
    issued = first < stop
    if issued:
        address = first + state.n_issued[pe]
        if address // array.entries_per_read != state.sram_row[pe]:
            state.sram_row[pe] = address // array.entries_per_read
            events[MATRIX_READS] += 1
        entry = lists.starts[pe] + address
        state.place[pe] += lists.runs[entry]
        state.row2[pe] = state.place[pe] * array.n_pes + pe
        state.weight2[pe] = lists.values[entry]
        state.value2[pe] = state.queue_value[pe, slot]
        if state.weight2[pe] == 0:
            padding[pe] += 1
        state.place[pe] += 1
        state.n_issued[pe] += 1
        if address + 1 == stop:
            _pop(state, pe, array.queue_depth, events)
    elif array.empty_slice_cycles > 0:
        state.waited[pe] += 1
        if state.waited[pe] == array.empty_slice_cycles:
            _pop(state, pe, array.queue_depth, events)
    while array.empty_slice_cycles == 0 and state.n_visible[pe] > 0:
        column = state.queue_column[pe, state.head[pe]]
        if lists.pointers[pe, column] < lists.pointers[pe, column + 1]:
            break
        _pop(state, pe, array.queue_depth, events)
    return bool(issued)


@njit
def _next_column(activations: NDArray[np.int64], column: int, skip_zeros: bool) -> int:
    """Return the first column from ``column`` on that is sent, or the number of columns."""
    while skip_zeros and column < activations.shape[1]:
        for channel in range(activations.shape[0]):
            if activations[channel, column] != 0:
                return column
        column += 1
    return column


@njit
def broadcast_run(
    lists: EntryLists, activations: NDArray[np.int64], n_rows: int, array: BroadcastArray
) -> BroadcastRun:
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
    state = _new_state(array.n_pes, array.queue_depth, n_channels)
    accumulators = np.zeros((n_channels, n_rows), dtype=np.int64)
    busy = np.zeros(array.n_pes, dtype=np.int64)
    padding = np.zeros(array.n_pes, dtype=np.int64)
    events = np.zeros(N_EVENTS, dtype=np.int64)
    cycle = np.int64(0)
    to_send = _next_column(activations, 0, array.skip_zeros)
    while True:
        any_full = False
        working = to_send < n_cols
        for pe in range(array.n_pes):
            # What is queued now is what this clock can see; what it writes is seen by the next.
            state.n_visible[pe] = state.n_queued[pe]
            any_full = any_full or state.n_queued[pe] == array.queue_depth
            in_flight = state.row2[pe] >= 0 or state.row3[pe] >= 0 or state.row4[pe] >= 0
            working = working or state.n_queued[pe] > 0 or in_flight
        if not working:
            break
        for pe in range(array.n_pes):
            _advance_pipeline(state, pe, accumulators, events)
            if _work_on_head(state, pe, lists, array, events, padding):
                busy[pe] += 1
        if to_send < n_cols and any_full:
            events[STALLS] += 1
        elif to_send < n_cols:
            for pe in range(array.n_pes):
                slot = (state.head[pe] + state.n_queued[pe]) % array.queue_depth
                state.queue_column[pe, slot] = to_send
                for channel in range(n_channels):
                    state.queue_value[pe, slot, channel] = activations[channel, to_send]
                    events[WORDS_QUEUED] += 1
                state.n_queued[pe] += 1
            events[BROADCASTS] += 1
            events[WORDS_SENT] += n_channels
            to_send = _next_column(activations, to_send + 1, array.skip_zeros)
        cycle += 1
    return BroadcastRun(accumulators, int(cycle), busy, padding, events)
