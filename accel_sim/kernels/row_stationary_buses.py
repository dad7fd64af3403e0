"""The four buses of a row-stationary array, and what one pass leaves behind for the next.

A state vector holds times, counted from the end of the last slot that the array issued: first the head (places
below), then three rings that start at their oldest word: for each word of the ifmap RF and of the psum read FIFO
when its place becomes free, for each word of the psum write FIFO when it has left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.row_stationary_types import ArrayTiming, Pass, Window

I64 = NDArray[np.int64]

# places in the head: when the last pass had left the PEs, and the one before it; when the filter bus was done and
# how many words it brought to each PE; when the other buses were done; when the last pass's psums were stored, and
# those of the pass before it
MAC_END = 0
MAC_END_BEFORE = 1
FILTER_BUS_FREE = 2
FILTER_WORDS = 3
IFMAP_BUS_FREE = 4
PSUM_READ_FREE = 5
PSUM_WRITE_FREE = 6
STORED = 7
STORED_BEFORE = 8
N_HEAD = 9

# places in the counters of a pass
FILTER_BEATS = 0
COLUMNS_SENT = 1
COLUMNS_DONE = 2
READ_BEATS = 3
READ_WORDS = 4
MADE_WORDS = 5
LEFT_WORDS = 6
N_COUNTERS = 7

LONG_AGO = -(1 << 60)


@njit
def state_length(timing: ArrayTiming) -> int:
    """Return the length of a state vector."""
    return N_HEAD + timing.ifmap_rf_words + 2 * timing.psum_fifo_words


@njit
def bus_cycles(words: int, bus_words: int) -> int:
    """Return the cycles that a bus takes for some words: 0 on a bus that is switched off."""
    if bus_words == 0:
        return 0
    return (words + bus_words - 1) // bus_words


@njit
def sent_ifmap_rows(work: Pass, window: Window) -> int:
    """Return the ifmap rows that a pass brings to the array; rows between windows (stride above R) stay behind."""
    return (work.e - 1) * min(window.stride_rows, window.filter_rows) + window.filter_rows


@njit
def sent_ifmap_columns(window: Window) -> int:
    """Return the ifmap columns that a pass brings to the array; columns between windows stay behind."""
    return (window.ofmap_cols - 1) * min(window.stride_cols, window.filter_cols) + window.filter_cols


@njit
def load_filters(timing: ArrayTiming, window: Window, work: Pass, words: int, head: I64, count: I64) -> int:
    """Return when the first `words` words of each PE's filters are there; `LONG_AGO` if none had to be sent for it.

    A beat brings ``filter_bus_words`` words to each PE row in turn. It goes where the pass at work leaves room, else
    it waits until that pass has done its last MAC.

    ``head`` int64 [`N_HEAD`] and ``count`` int64 [`N_COUNTERS`] are changed in place.
    """
    all_words = work.p * work.q * window.filter_cols
    beats = bus_cycles(all_words, timing.filter_bus_words) * work.loads_filters
    ready = LONG_AGO
    while count[FILTER_BEATS] < beats and count[FILTER_BEATS] * timing.filter_bus_words < words:
        count[FILTER_BEATS] += 1
        start = max(head[FILTER_BUS_FREE], head[MAC_END_BEFORE])
        held = head[FILTER_WORDS] + min(count[FILTER_BEATS] * timing.filter_bus_words, all_words)
        if timing.filter_prefetch == 0 or held > timing.filter_rf_words:
            start = max(start, head[MAC_END])
        ready = start + window.filter_rows * work.r * work.t
        head[FILTER_BUS_FREE] = ready
    return ready


@njit
def fetch_column(column_cycles: int, q: int, head: I64, count: I64, ifmap_free: I64) -> int:
    """Return when the next ifmap column has arrived, for which `q` words of each PE's RF must become free.

    ``head``, ``count`` as in `load_filters`, changed in place; ``ifmap_free`` int64 [ifmap RF words].
    """
    count[COLUMNS_SENT] += 1
    room = ifmap_free[(count[COLUMNS_SENT] * q - 1) % ifmap_free.shape[0]]
    head[IFMAP_BUS_FREE] = max(head[IFMAP_BUS_FREE], room) + column_cycles
    return int(head[IFMAP_BUS_FREE])


@njit
def read_psums(chains: int, words: int, stored: int, head: I64, count: I64, read_free: I64) -> int:
    """Return when the next beat of `words` psums, in the GLB since `stored`, has arrived at all chains.

    ``head``, ``count`` as in `load_filters`, changed in place; ``read_free`` int64 [psum FIFO words].
    """
    count[READ_BEATS] += 1
    count[READ_WORDS] += words
    room = read_free[(count[READ_WORDS] - 1) % read_free.shape[0]]
    head[PSUM_READ_FREE] = max(head[PSUM_READ_FREE], room, stored) + chains
    return int(head[PSUM_READ_FREE])


@njit
def write_psums(chains: int, words: int, made: int, head: I64, count: I64, write_free: I64) -> None:
    """Send a beat of `words` psums, the last of them made at `made`, from all chains in turn.

    ``head``, ``count`` as in `load_filters`, ``write_free`` int64 [psum FIFO words]: all changed in place.
    """
    head[PSUM_WRITE_FREE] = max(head[PSUM_WRITE_FREE], made) + chains
    for _ in range(words):
        write_free[count[LEFT_WORDS] % write_free.shape[0]] = head[PSUM_WRITE_FREE]
        count[LEFT_WORDS] += 1


@njit
def turn(ring: I64, first: int, now: int, floor: int) -> None:
    """Make entry `first` of a ring the first one, count its times from `now`, and raise times below `floor` to it.

    ``ring`` int64 [capacity], changed in place.
    """
    n = ring.shape[0]
    turned = np.empty(n, np.int64)
    for i in range(n):
        turned[i] = max(ring[(first + i) % n] - now, floor)
    ring[:] = turned


@njit
def settle(timing: ArrayTiming, state: I64, count: I64, q: int, now: int, mac_end: int) -> None:
    """Count all times of a state from the end of the pass, `now`.

    Times that can no longer decide anything are raised to the earliest one that can, so that equal situations are
    equal vectors. ``state`` int64 [`state_length`], changed in place; ``count`` int64 [`N_COUNTERS`].
    """
    head = state[:N_HEAD]
    fifos = N_HEAD + timing.ifmap_rf_words
    ifmap_free = state[N_HEAD:fifos]
    read_free = state[fifos : fifos + timing.psum_fifo_words]
    turn(ifmap_free, count[COLUMNS_DONE] * q, now, LONG_AGO)
    turn(read_free, count[MADE_WORDS], now, LONG_AGO)
    turn(state[fifos + timing.psum_fifo_words :], count[LEFT_WORDS], now, 0)
    head[MAC_END_BEFORE] = head[MAC_END] - now
    head[MAC_END] = mac_end - now
    head[FILTER_BUS_FREE] = max(head[FILTER_BUS_FREE] - now, head[MAC_END_BEFORE])
    head[IFMAP_BUS_FREE] = max(head[IFMAP_BUS_FREE] - now, ifmap_free[0])
    head[PSUM_READ_FREE] = max(head[PSUM_READ_FREE] - now, read_free[0])
    head[STORED_BEFORE] = max(head[STORED] - now, read_free[0])
    head[STORED] = max(head[PSUM_WRITE_FREE] - now, read_free[0])
    head[PSUM_WRITE_FREE] = max(head[PSUM_WRITE_FREE] - now, 0)
