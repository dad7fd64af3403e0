"""Cycles of the passes of a row-stationary array, from its buses, register files and psum chains.

The array works in lock step: one sequencer issues slots, and a PE at place ``j`` of a psum chain does the same work
``j`` cycles later. For each ofmap column a pass issues one MAC slot for each filter column (``p*q`` cycles: a word of
each of ``q`` channels meets ``p`` filters), then one psum slot (``p`` cycles: the adder, of which a PE has only one,
adds the psum of the PE below it). A slot starts when its operands have arrived:

* **filter bus**: multicast to a PE row at a time. Weights come while the pass before still works as far as its RF
  leaves room, the rest after its last MAC; the first column works on weights as they arrive.
* **ifmap bus**: column by column, multicast along diagonals, each column once the RF has used enough older words for
  the last time.
* **psum read bus**: to each chain in turn, into a FIFO. A pass reads psums once the pass that wrote them has stored
  the last one (or, if that is longer ago, the last pass but one has).
* **psum write bus**: from each chain in turn. A psum slot waits until its FIFO has room for all that it makes.

So the cycles of a pass are its MAC slots, its psum slots, and waits for one of the buses; passes overlap as far as
these rules let them. Buses, FIFOs, the one adder with a mux between product and incoming psum, and the three stages:
Chen et al., JSSC 2017, sections IV and V.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.row_stationary_buses import (
    COLUMNS_DONE,
    COLUMNS_SENT,
    FILTER_BEATS,
    FILTER_WORDS,
    LONG_AGO,
    MADE_WORDS,
    N_COUNTERS,
    N_HEAD,
    PSUM_WRITE_FREE,
    READ_BEATS,
    STORED,
    STORED_BEFORE,
    bus_cycles,
    fetch_column,
    load_filters,
    read_psums,
    sent_ifmap_columns,
    sent_ifmap_rows,
    settle,
    state_length,
    write_psums,
)
from accel_sim.kernels.row_stationary_types import ArrayTiming, Pass, PassCycles, Window

I64 = NDArray[np.int64]

MOST_STATES = 256


@njit
def advance_pass(timing: ArrayTiming, window: Window, work: Pass, state: I64) -> PassCycles:
    """Run one pass after another and return its cycles.

    ``state`` int64 [`state_length`], changed in place: what the passes before left behind, zeros before the first.
    """
    head = state[:N_HEAD]
    fifos = N_HEAD + timing.ifmap_rf_words
    ifmap_free = state[N_HEAD:fifos]
    read_free = state[fifos : fifos + timing.psum_fifo_words]
    write_free = state[fifos + timing.psum_fifo_words :]
    count = np.zeros(N_COUNTERS, np.int64)

    filter_cols, ofmap_cols = window.filter_cols, window.ofmap_cols
    step = min(window.stride_cols, filter_cols)
    skew = window.chain_pes - 1
    chains = work.e * work.t
    p, q = work.p, work.q
    column_cycles = bus_cycles(q * work.r * sent_ifmap_rows(work, window), timing.ifmap_bus_words)
    row_psums = p * ofmap_cols
    reads = timing.psum_read_words > 0 and work.reads_psums == 1
    stored = LONG_AGO
    if work.psum_lag > 0:
        stored = head[STORED] if work.psum_lag == 1 else head[STORED_BEFORE]

    now = mac_end = 0
    wait_filter = wait_ifmap = wait_read = wait_write = 0
    for image in range(work.n):
        first_column = image * sent_ifmap_columns(window)
        first_beat = image * bus_cycles(row_psums, timing.psum_read_words)
        n_waiting = 0
        for x in range(ofmap_cols):
            for s in range(filter_cols):
                ifmap_ready = filter_ready = LONG_AGO
                while column_cycles > 0 and count[COLUMNS_SENT] <= first_column + x * step + s:
                    ifmap_ready = fetch_column(column_cycles, q, head, count, ifmap_free)
                if image == 0 and x == 0:
                    filter_ready = load_filters(timing, window, work, p * q * (s + 1), head, count)
                start = max(now, filter_ready, ifmap_ready)
                if filter_ready >= ifmap_ready:
                    wait_filter += start - now
                else:
                    wait_ifmap += start - now
                now = start + p * q
                if s < step or x == ofmap_cols - 1:
                    for i in range(q):
                        ifmap_free[(count[COLUMNS_DONE] * q + i) % timing.ifmap_rf_words] = now + skew
                    count[COLUMNS_DONE] += 1
            mac_end = now + skew

            read_ready = room = LONG_AGO
            while reads and (count[READ_BEATS] - first_beat) * timing.psum_read_words < p * (x + 1):
                left = row_psums - (count[READ_BEATS] - first_beat) * timing.psum_read_words
                words = min(timing.psum_read_words, left)
                read_ready = read_psums(chains, words, stored, head, count, read_free)
            if timing.psum_write_words > 0:
                room = write_free[(count[MADE_WORDS] + p - 1) % timing.psum_fifo_words]
            start = max(now, read_ready, room)
            if read_ready >= room:
                wait_read += start - now
            else:
                wait_write += start - now
            now = start
            for k in range(p):
                made = now + skew + timing.pipeline_stages
                now += timing.psum_add_cycles
                read_free[count[MADE_WORDS] % timing.psum_fifo_words] = now
                count[MADE_WORDS] += 1
                n_waiting += 1
                row_ends = x == ofmap_cols - 1 and k == p - 1
                if timing.psum_write_words > 0 and (n_waiting == timing.psum_write_words or row_ends):
                    write_psums(chains, n_waiting, made, head, count, write_free)
                    n_waiting = 0

    if work.loads_filters == 1:
        head[FILTER_WORDS] = p * q * filter_cols
    settle(timing, state, count, q, now, mac_end)
    rows = work.n * chains
    return PassCycles(
        own=now,
        mac=work.n * row_psums * q * filter_cols,
        psum_add=work.n * row_psums * timing.psum_add_cycles,
        wait_filter=wait_filter,
        wait_ifmap=wait_ifmap,
        wait_psum_read=wait_read,
        wait_psum_write=wait_write,
        filter_bus=count[FILTER_BEATS] * window.filter_rows * work.r * work.t,
        ifmap_bus=work.n * sent_ifmap_columns(window) * column_cycles,
        psum_read_bus=rows * bus_cycles(row_psums, timing.psum_read_words) * work.reads_psums,
        psum_write_bus=rows * bus_cycles(row_psums, timing.psum_write_words),
    )


@njit
def layer_cycles(timing: ArrayTiming, window: Window, kinds: I64, sequence: I64) -> tuple[I64, int]:
    """Return the cycles of all passes of a layer, and those from its last slot until its last psum is stored.

    A situation that has come before (equal states, equal passes) is looked up instead of run again, so that a layer
    costs a handful of passes; the answer is the same.

    Parameters
    ----------
    kinds
        int64 [kinds, 9]: the distinct passes, columns as the fields of `Pass`.
    sequence
        int64 [passes]: the row of ``kinds`` that each pass is.

    Returns
    -------
    tuple
        int64 [passes, 11], columns as the fields of `PassCycles`, and the drain cycles.
    """
    length = state_length(timing)
    state = np.zeros(length, np.int64)
    states = np.zeros((MOST_STATES, length), np.int64)
    following = np.full((MOST_STATES, kinds.shape[0]), -1, np.int64)
    known = np.zeros((MOST_STATES, kinds.shape[0], 11), np.int64)
    cycles = np.zeros((sequence.shape[0], 11), np.int64)
    n_states, here = 1, 0
    for i in range(sequence.shape[0]):
        kind = sequence[i]
        if following[here, kind] < 0:
            row = kinds[kind]
            work = Pass(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8])
            state[:] = states[here]
            done = advance_pass(timing, window, work, state)
            for column in range(11):
                known[here, kind, column] = done[column]
            there = 0
            while there < n_states and not np.array_equal(states[there], state):
                there += 1
            following[here, kind] = there
            cycles[i] = known[here, kind]
            if there == MOST_STATES:  # full: forget all but where we are
                following[:] = -1
                n_states, there = 0, 0
            if there == n_states:
                states[there] = state
                n_states += 1
            here = there
        else:
            cycles[i] = known[here, kind]
            here = following[here, kind]
    return cycles, int(states[here][PSUM_WRITE_FREE])
