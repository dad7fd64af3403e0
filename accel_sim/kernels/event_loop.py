"""The compiled event loop: which command issues and ends in which cycle.

One cycle ``now``, as every engine has it:

1. commands end: per unit in queue order, the oldest one in flight ends once ``issue + own_cycles`` has come and none
   of its demands is outstanding; its signals apply at once;
2. units issue: per unit in queue order, while fewer than ``depth`` commands are in flight and all waits of the next
   command are there (all are taken, or none);
3. steps 1 and 2 repeat until nothing changes (a command of length zero ends in the cycle in which it issues; demands
   on ideal servers are served when issued, so they never keep a command in flight);
4. if every command of the oldest live layer has ended, it retires, the next layer is admitted, and the cycle goes
   back to step 1; at most two layers are live;
5. demands of the commands issued in this cycle go to their servers: by unit, then in issue order, then as listed.

A semaphore has one waiting unit and a queue one head, so steps 1 to 4 reach the same fixpoint in any order of units:
the loop may visit only the units that something touched. Then time jumps to the next end of a command or
completion of a demand.

Times of each unit are booked when its state changes (busy, stalled for one semaphore, idle), cut at window
boundaries; the current window is the number of leading layers whose primary unit has ended its last command.

The arrays are those of :mod:`accel_sim.kernels.loop_state`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.loop_state import (
    ADMITTED,
    ALONE_CYCLES,
    ALONE_END,
    BUSY,
    COMMAND,
    COMMAND_SIZE,
    COMMANDS_AT,
    CURSOR,
    DEADLOCK,
    DEMANDS,
    DEPTH,
    DOING,
    ENDED,
    FLIGHT_SIZE,
    HAVE,
    IDLE,
    ISSUED,
    LAST_CYCLE,
    LAST_SERVER,
    LAYER,
    LAYER_ROW,
    LEFT,
    NOW,
    OUTSTANDING,
    OWN_CYCLES,
    OWN_END,
    PRIMARY,
    PRIMARY_LEFT,
    PUSHED,
    QUEUE_END,
    RECORD_AT,
    RETIRED,
    RETIRED_LAYERS,
    SEMAPHORE_SIZE,
    SIGNALS,
    SINCE,
    SINCE_WINDOW,
    TOUCHED,
    UNIT_PTR,
    UNIT_SIZE,
    WAITER,
    WAITS,
    WINDOW,
    Layout,
)
from accel_sim.kernels.servers import NEVER, advance, peek, push, take

I64 = NDArray[np.int64]


@njit
def spread(books: I64, column: int, first: int, last: int, window: int, current: int) -> None:
    """Add the cycles ``first`` to ``last`` (exclusive) to ``column``; ``first`` is not before ``window`` begins."""
    while window < current and first < last:
        cut = min(last, books[window, 0])
        if cut > first:
            books[window, column] += cut - first
            first = cut
        window += 1
    if first < last:
        books[window, column] += last - first


@njit
def close_windows(state: I64, live: I64, books: I64, now: int) -> None:
    """Close every leading window whose layer's primary unit has nothing left."""
    while state[WINDOW] < state[ADMITTED] and live[state[WINDOW] & 1, PRIMARY_LEFT] == 0:
        books[state[WINDOW], 0] = now
        state[WINDOW] += 1


@njit
def change_state(at: Layout, state: I64, books: I64, unit: int, doing: int, now: int) -> None:
    """Book what ``unit`` did since its last change and start ``doing`` (a semaphore, ``BUSY`` or ``IDLE``)."""
    me = at.units + unit * UNIT_SIZE
    if now > state[me + SINCE]:
        was = state[me + DOING]
        if was == BUSY:
            column = at.busy + unit
        elif was == IDLE:
            column = at.idle + unit
        else:
            column = at.stalled + was
        spread(books, column, state[me + SINCE], now, state[me + SINCE_WINDOW], state[WINDOW])
    state[me + DOING] = doing
    state[me + SINCE] = now
    state[me + SINCE_WINDOW] = state[WINDOW]


@njit
def book_loss(at: Layout, state: I64, books: I64, unit: int, flight: int, now: int) -> None:
    """Split a flight that took longer than its command needs alone: from there on it is a stall on its last server."""
    me = at.units + unit * UNIT_SIZE
    alone_end = state[flight + ALONE_END]
    window, current = state[me + SINCE_WINDOW], state[WINDOW]
    spread(books, at.busy + unit, state[me + SINCE], alone_end, window, current)
    column = at.lost + unit * at.n_servers + state[flight + LAST_SERVER]
    spread(books, column, alone_end, now, window, current)
    state[me + SINCE] = now
    state[me + SINCE_WINDOW] = current


@njit
def end_command(at: Layout, state: I64, live: I64, unit: int, flight: int, now: int) -> bool:
    """End the oldest command in flight of ``unit``; True if it was the last one of its layer's primary unit."""
    state[at.units + unit * UNIT_SIZE + ENDED] += 1
    row = state[flight + LAYER_ROW]
    command = state[flight + COMMAND]
    template = live[row, command]
    for entry in range(live[row, template + SIGNALS], live[row, template + SIGNALS + 1], 2):
        semaphore = at.semaphores + live[row, entry] * SEMAPHORE_SIZE
        state[semaphore + HAVE] += live[row, entry + 1]
        state[at.units + state[semaphore + WAITER] * UNIT_SIZE + TOUCHED] = 1
    if live[row, RECORD_AT] > 0:
        live[row, live[row, RECORD_AT] + command - live[row, COMMANDS_AT] + 1] = now
    live[row, LEFT] -= 1
    closes = False
    if live[row, PRIMARY] == unit:
        live[row, PRIMARY_LEFT] -= 1
        closes = live[row, PRIMARY_LEFT] == 0
    return closes


@njit
def find_next(at: Layout, state: I64, live: I64, unit: int) -> bool:
    """Move ``unit`` to its next admitted command; False when there is none."""
    me = at.units + unit * UNIT_SIZE
    while state[me + CURSOR] == state[me + QUEUE_END] and state[me + LAYER] + 1 < state[ADMITTED]:
        state[me + LAYER] += 1
        row = state[me + LAYER] & 1
        state[me + CURSOR] = live[row, UNIT_PTR + unit]
        state[me + QUEUE_END] = live[row, UNIT_PTR + unit + 1]
    found: bool = state[me + CURSOR] < state[me + QUEUE_END]
    return found


@njit
def unmet_wait(at: Layout, state: I64, live: I64, unit: int) -> int:
    """Return where the first wait of the next command that is not satisfied stands in its row; -1 if all are."""
    me = at.units + unit * UNIT_SIZE
    row = state[me + LAYER] & 1
    template = live[row, state[me + CURSOR]]
    entry = live[row, template + WAITS]
    last = live[row, template + WAITS + 1]
    while entry < last and state[at.semaphores + live[row, entry] * SEMAPHORE_SIZE + HAVE] >= live[row, entry + 1]:
        entry += 2
    return entry if entry < last else -1


@njit
def issue_command(at: Layout, state: I64, live: I64, unit: int, now: int) -> None:
    """Take the waits of the next command of ``unit`` and put it in flight."""
    me = at.units + unit * UNIT_SIZE
    row = state[me + LAYER] & 1
    command = state[me + CURSOR]
    template = live[row, command]
    for entry in range(live[row, template + WAITS], live[row, template + WAITS + 1], 2):
        state[at.semaphores + live[row, entry] * SEMAPHORE_SIZE + HAVE] -= live[row, entry + 1]
    own_cycles = live[row, command + OWN_CYCLES]
    flight = at.flights + (unit * at.ring + (state[me + ISSUED] & (at.ring - 1))) * FLIGHT_SIZE
    state[flight + LAYER_ROW] = row
    state[flight + COMMAND] = command
    state[flight + OWN_END] = now + own_cycles
    state[flight + ALONE_END] = now + max(own_cycles, live[row, template + ALONE_CYCLES])
    state[flight + OUTSTANDING] = (live[row, template + DEMANDS + 1] - live[row, template + DEMANDS]) // 2
    state[flight + LAST_CYCLE] = -1
    state[me + ISSUED] += 1
    state[me + CURSOR] += COMMAND_SIZE
    if live[row, RECORD_AT] > 0:
        live[row, live[row, RECORD_AT] + command - live[row, COMMANDS_AT]] = now


@njit
def visit(at: Layout, state: I64, live: I64, books: I64, unit: int, now: int) -> None:
    """End and issue all that ``unit`` can in this cycle, and note its next event and what it waits for."""
    me = at.units + unit * UNIT_SIZE
    flights = at.flights + unit * at.ring * FLIGHT_SIZE
    depth = state[me + DEPTH]
    state[me + TOUCHED] = 0
    going = True
    while going:
        flight = flights + (state[me + ENDED] & (at.ring - 1)) * FLIGHT_SIZE
        in_flight = state[me + ISSUED] - state[me + ENDED]
        if in_flight > 0 and state[flight + OUTSTANDING] == 0 and state[flight + OWN_END] <= now:
            if depth == 1 and state[flight + ALONE_END] < now:
                book_loss(at, state, books, unit, flight, now)
            if end_command(at, state, live, unit, flight, now):
                close_windows(state, live, books, now)
        elif in_flight == depth:
            going = False
        else:
            doing = IDLE
            if find_next(at, state, live, unit):
                wait = unmet_wait(at, state, live, unit)
                doing = BUSY if wait < 0 else live[state[me + LAYER] & 1, wait]
            going = doing == BUSY
            if in_flight == 0 and (going or doing != state[me + DOING]):
                change_state(at, state, books, unit, doing, now)
            if going:
                issue_command(at, state, live, unit, now)
    state[at.events + unit] = NEVER
    if state[me + ISSUED] > state[me + ENDED]:
        flight = flights + (state[me + ENDED] & (at.ring - 1)) * FLIGHT_SIZE
        if state[flight + OUTSTANDING] == 0:
            state[at.events + unit] = state[flight + OWN_END]


@njit
def push_demands(at: Layout, state: I64, live: I64, servers: I64, now: int) -> None:
    """Send the demands of all commands issued in this cycle to their servers (step 5)."""
    for unit in range(at.n_units):
        me = at.units + unit * UNIT_SIZE
        for number in range(max(state[me + PUSHED], state[me + ENDED]), state[me + ISSUED]):
            slot = number & (at.ring - 1)
            flight = at.flights + (unit * at.ring + slot) * FLIGHT_SIZE
            row = state[flight + LAYER_ROW]
            template = live[row, state[flight + COMMAND]]
            for entry in range(live[row, template + DEMANDS], live[row, template + DEMANDS + 1], 2):
                server = live[row, entry]
                quanta = live[row, entry + 1]
                push(servers, server, unit, quanta, slot, now)
                state[at.quanta + server * at.n_units + unit] += quanta
                state[at.events + at.n_units + server] = 0
        state[me + PUSHED] = state[me + ISSUED]
    for server in range(at.n_servers):
        if state[at.events + at.n_units + server] == 0:
            state[at.events + at.n_units + server] = peek(servers, server)


@njit
def deliver(at: Layout, state: I64, servers: I64, server: int, now: int) -> None:
    """Hand out all completions of ``server`` that are due, and touch units whose command has nothing outstanding."""
    advance(servers, server, now)
    unit, slot = take(servers, server, now)
    while unit >= 0:
        flight = at.flights + (unit * at.ring + slot) * FLIGHT_SIZE
        state[flight + OUTSTANDING] -= 1
        # Servers deliver in ascending order, so of several in one cycle the lowest stays.
        if state[flight + LAST_CYCLE] < now:
            state[flight + LAST_CYCLE] = now
            state[flight + LAST_SERVER] = server
        if state[flight + OUTSTANDING] == 0:
            state[at.units + unit * UNIT_SIZE + TOUCHED] = 1
        unit, slot = take(servers, server, now)
    state[at.events + at.n_units + server] = peek(servers, server)


@njit
def next_cycle(at: Layout, state: I64) -> int:
    """Return the cycle of the next event, ``NEVER`` if there is none.

    A clock-stepped server, which cannot peek, is advanced here: at most to the earliest event of all others,
    and it stops at its first completion.
    """
    earliest = NEVER
    for i in range(at.n_units + at.n_servers):
        earliest = min(earliest, state[at.events + i])
    return earliest


@njit
def run_until_retired(at: Layout, state: I64, live: I64, books: I64, servers: I64) -> int:
    """Run until the oldest live layer retires (``RETIRED``, within the cycle, at step 4) or nothing can (``DEADLOCK``).

    The caller replaces the retired layer and calls again; the clock stands still in between.
    """
    now = state[NOW]
    close_windows(state, live, books, now)
    for unit in range(at.n_units):
        state[at.units + unit * UNIT_SIZE + TOUCHED] = 1
    while now < NEVER:
        state[NOW] = now
        for server in range(at.n_servers):
            if state[at.events + at.n_units + server] == now:
                deliver(at, state, servers, server, now)
        for unit in range(at.n_units):
            if state[at.events + unit] == now:
                state[at.units + unit * UNIT_SIZE + TOUCHED] = 1
        again = True
        while again:
            again = False
            for unit in range(at.n_units):
                if state[at.units + unit * UNIT_SIZE + TOUCHED]:
                    visit(at, state, live, books, unit, now)
                    again = True
        if live[state[RETIRED_LAYERS] & 1, LEFT] == 0:
            return RETIRED
        push_demands(at, state, live, servers, now)
        now = next_cycle(at, state)
    return DEADLOCK
