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
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.dram.server import advance_until, push_at, take_due
from accel_sim.kernels.jit import njit
from accel_sim.kernels.loop_state import (
    ADMITTED,
    BUSY,
    CLOCKS,
    IDLE,
    NOW,
    PER_CYCLES,
    RETIRED,
    SERVER,
    UNDER_WAY,
    WINDOW,
    Books,
    Flights,
    Live,
    Memory,
    Units,
)
from accel_sim.kernels.references import borrow, inlined
from accel_sim.kernels.servers import NEVER, Servers, advance, peek, push, take

I64 = NDArray[np.int64]

FARTHEST_LOOK = 65536
"""Cycles that the memory is advanced at a time while nothing else happens."""


@inlined
def spread(books: Books, cycles: I64, column: int, first: int, last: int, window: int) -> None:
    """Add cycles ``first`` to ``last`` (exclusive) to a column of ``cycles``; ``first`` is not before ``window``."""
    while window < books.clock[WINDOW] and first < last:
        cut = min(last, books.boundary[window])
        if cut > first:
            cycles[window, column] += cut - first
            first = cut
        window += 1
    if first < last:
        cycles[window, column] += last - first


@inlined
def close_windows(live: Live, books: Books, now: int) -> None:
    """Close every leading window whose layer's primary unit has nothing left."""
    while books.clock[WINDOW] < books.clock[ADMITTED] and live.primary_left[books.clock[WINDOW] & 1] == 0:
        books.boundary[books.clock[WINDOW]] = now
        books.clock[WINDOW] += 1


@inlined
def change_state(units: Units, books: Books, unit: int, doing: int, now: int) -> None:
    """Book what ``unit`` did since its last change and start ``doing`` (a semaphore, ``BUSY`` or ``IDLE``)."""
    was, since, window = units.doing[unit], units.since[unit], units.since_window[unit]
    if was == BUSY:
        spread(books, books.busy, unit, since, now, window)
    elif was == IDLE:
        spread(books, books.idle, unit, since, now, window)
    else:
        spread(books, books.semaphore, was, since, now, window)
    units.doing[unit] = doing
    units.since[unit] = now
    units.since_window[unit] = books.clock[WINDOW]


@inlined
def book_loss(units: Units, books: Books, unit: int, alone_end: int, server: int, now: int) -> None:
    """Split a flight that took longer than its command needs alone: from there on it is a stall on ``server``."""
    since, window = units.since[unit], units.since_window[unit]
    spread(books, books.busy, unit, since, alone_end, window)
    spread(books, books.server, unit * books.quanta.shape[0] + server, alone_end, now, window)
    units.since[unit] = now
    units.since_window[unit] = books.clock[WINDOW]


@inlined
def end_command(live: Live, flights: Flights, units: Units, books: Books, unit: int, slot: int, now: int) -> None:
    """End the oldest command in flight of ``unit``, which is in ``slot`` of its ring."""
    if units.depth[unit] == 1 and flights.alone_end[unit, slot] < now:
        book_loss(units, books, unit, flights.alone_end[unit, slot], flights.last_server[unit, slot], now)
    units.ended[unit] += 1
    row = flights.row[unit, slot]
    command = flights.command[unit, slot]
    template = live.template[row, command]
    for i in range(live.signal_ptr[row, template], live.signal_ptr[row, template + 1]):
        semaphore = live.signal_semaphore[row, i]
        units.have[semaphore] += live.signal_amount[row, i]
        units.touched[units.waiter[semaphore]] = 1
    if live.end_cycle.shape[1] > 0:
        live.end_cycle[row, command] = now
    live.left[row] -= 1
    if live.primary[row] == unit:
        live.primary_left[row] -= 1
        if live.primary_left[row] == 0:
            close_windows(live, books, now)


@inlined
def find_next(live: Live, units: Units, books: Books, unit: int) -> bool:
    """Move ``unit`` to its next admitted command; False when there is none."""
    while units.cursor[unit] == units.queue_end[unit] and units.layer[unit] + 1 < books.clock[ADMITTED]:
        units.layer[unit] += 1
        row = units.layer[unit] & 1
        units.cursor[unit] = live.unit_ptr[row, unit]
        units.queue_end[unit] = live.unit_ptr[row, unit + 1]
    found: bool = units.cursor[unit] < units.queue_end[unit]
    return found


@inlined
def unmet_wait(live: Live, units: Units, unit: int) -> int:
    """Return the entry of the first wait of the next command that is not satisfied, -1 if all are."""
    row = units.layer[unit] & 1
    template = live.template[row, units.cursor[unit]]
    for i in range(live.wait_ptr[row, template], live.wait_ptr[row, template + 1]):
        if units.have[live.wait_semaphore[row, i]] < live.wait_amount[row, i]:
            return i
    return -1


@inlined
def issue_command(live: Live, flights: Flights, units: Units, unit: int, now: int) -> None:
    """Take the waits of the next command of ``unit`` and put it in flight."""
    row = units.layer[unit] & 1
    command = units.cursor[unit]
    template = live.template[row, command]
    for i in range(live.wait_ptr[row, template], live.wait_ptr[row, template + 1]):
        units.have[live.wait_semaphore[row, i]] -= live.wait_amount[row, i]
    slot = units.issued[unit] & (flights.row.shape[1] - 1)
    own_cycles = live.own_cycles[row, command]
    flights.row[unit, slot] = row
    flights.command[unit, slot] = command
    flights.own_end[unit, slot] = now + own_cycles
    flights.alone_end[unit, slot] = now + max(own_cycles, live.alone_cycles[row, template])
    flights.outstanding[unit, slot] = live.demand_ptr[row, template + 1] - live.demand_ptr[row, template]
    flights.last_cycle[unit, slot] = -1
    units.issued[unit] += 1
    units.cursor[unit] += 1
    if live.issue_cycle.shape[1] > 0:
        live.issue_cycle[row, command] = now


@inlined
def visit(live: Live, flights: Flights, units: Units, books: Books, unit: int, now: int) -> None:
    """End and issue all that ``unit`` can in this cycle; note when its oldest command ends and what it waits for."""
    units.touched[unit] = 0
    units.unit_event[unit] = NEVER
    while True:
        in_flight = units.issued[unit] - units.ended[unit]
        if in_flight > 0:
            slot = units.ended[unit] & (flights.row.shape[1] - 1)
            if flights.outstanding[unit, slot] == 0:
                if flights.own_end[unit, slot] <= now:
                    end_command(live, flights, units, books, unit, slot, now)
                    continue
                units.unit_event[unit] = flights.own_end[unit, slot]
        if in_flight == units.depth[unit]:
            break
        doing = IDLE
        if find_next(live, units, books, unit):
            wait = unmet_wait(live, units, unit)
            doing = BUSY if wait < 0 else live.wait_semaphore[units.layer[unit] & 1, wait]
        if in_flight == 0 and (doing == BUSY or doing != units.doing[unit]):
            change_state(units, books, unit, doing, now)
        if doing != BUSY:
            break
        issue_command(live, flights, units, unit, now)


@inlined
def settle(live: Live, flights: Flights, units: Units, books: Books, now: int) -> None:
    """End and issue until nothing changes (steps 1 to 3)."""
    again = True
    while again:
        again = False
        for unit in range(units.depth.size):
            if units.touched[unit]:
                visit(live, flights, units, books, unit, now)
                again = True


@inlined
def push_demands(
    live: Live, flights: Flights, units: Units, books: Books, servers: Servers, memory: Memory, now: int
) -> None:
    """Send the demands of all commands issued in this cycle to their servers (step 5)."""
    for unit in range(units.depth.size):
        for number in range(max(units.pushed[unit], units.ended[unit]), units.issued[unit]):
            slot = number & (flights.row.shape[1] - 1)
            row = flights.row[unit, slot]
            template = live.template[row, flights.command[unit, slot]]
            for i in range(live.demand_ptr[row, template], live.demand_ptr[row, template + 1]):
                server = live.demand_server[row, i]
                books.quanta[server, unit] += live.demand_quanta[row, i]
                if server == memory.state[SERVER]:
                    push_transfer(
                        memory,
                        unit,
                        live.address[row, flights.command[unit, slot]],
                        live.demand_shape[row, i],
                        slot,
                        now,
                    )
                else:
                    push(servers, server, unit, live.demand_quanta[row, i], slot, now)
                    units.server_event[server] = 0
        units.pushed[unit] = units.issued[unit]
    for server in range(units.server_event.size):
        if units.server_event[server] == 0:
            units.server_event[server] = peek(servers, server)


@inlined
def push_transfer(memory: Memory, unit: int, address: int, shape: I64, slot: int, now: int) -> None:
    """Send a demand to the memory; ``shape`` int64 [6] as :data:`accel_sim.kernels.dram.transfers.Shape`."""
    ratio = (memory.state[CLOCKS], memory.state[PER_CYCLES])
    transfer = (shape[0], shape[1], shape[2], shape[3], shape[4], shape[5])
    push_at(memory.dram, unit, address, transfer, slot, now, ratio)
    memory.state[UNDER_WAY] += 1


@inlined
def take_transfer(memory: Memory, now: int) -> tuple[int, int]:
    """Return (unit, slot) of a transfer that is complete by ``now``; (-1, -1) if there is none."""
    if memory.state[UNDER_WAY] == 0:
        return -1, -1
    unit, slot = take_due(memory.dram, now, (memory.state[CLOCKS], memory.state[PER_CYCLES]))
    if unit >= 0:
        memory.state[UNDER_WAY] -= 1
    return unit, slot


@inlined
def deliver_transfers(flights: Flights, units: Units, memory: Memory, now: int) -> None:
    """Hand out all transfers that are complete; as :func:`deliver` does for other servers."""
    unit, slot = take_transfer(memory, now)
    while unit >= 0:
        flights.outstanding[unit, slot] -= 1
        if flights.last_cycle[unit, slot] < now or flights.last_server[unit, slot] > memory.state[SERVER]:
            flights.last_cycle[unit, slot] = now
            flights.last_server[unit, slot] = memory.state[SERVER]
        if flights.outstanding[unit, slot] == 0:
            units.touched[unit] = 1
        unit, slot = take_transfer(memory, now)


@inlined
def deliver(flights: Flights, units: Units, servers: Servers, server: int, now: int) -> None:
    """Hand out all completions of ``server`` that are due, and touch units whose command has nothing outstanding."""
    advance(servers, server, now)
    unit, slot = take(servers, server, now)
    while unit >= 0:
        flights.outstanding[unit, slot] -= 1
        # Servers deliver in ascending order, so of several in one cycle the lowest stays.
        if flights.last_cycle[unit, slot] < now:
            flights.last_cycle[unit, slot] = now
            flights.last_server[unit, slot] = server
        if flights.outstanding[unit, slot] == 0:
            units.touched[unit] = 1
        unit, slot = take(servers, server, now)
    units.server_event[server] = peek(servers, server)


@inlined
def next_cycle(units: Units, memory: Memory, now: int) -> int:
    """Return the cycle of the next event, ``NEVER`` if there is none.

    The memory cannot tell before it has been there: it is advanced, at most to the earliest event of all others, and
    stops at its first completion. A look that ends without one is a cycle in which nothing happens.
    """
    earliest = NEVER
    for cycle in units.unit_event:
        earliest = min(earliest, cycle)
    for cycle in units.server_event:
        earliest = min(earliest, cycle)
    if memory.state[UNDER_WAY] > 0:
        ratio = (memory.state[CLOCKS], memory.state[PER_CYCLES])
        earliest = advance_until(memory.dram, min(earliest, now + FARTHEST_LOOK), ratio)
    return earliest


@njit
def run_until_retired(
    live: Live, flights: Flights, units: Units, books: Books, servers: Servers, memory: Memory
) -> bool:
    """Run until the oldest live layer retires, and stop within the cycle, at step 4; False if nothing can go on.

    The caller replaces the retired layer and calls again; the clock stands still in between.
    """
    live, flights, units = borrow(live), borrow(flights), borrow(units)
    books, servers, memory = borrow(books), borrow(servers), borrow(memory)
    now = books.clock[NOW]
    close_windows(live, books, now)
    units.touched[:] = 1
    while now < NEVER:
        books.clock[NOW] = now
        for server in range(units.server_event.size):
            if units.server_event[server] == now:
                deliver(flights, units, servers, server, now)
        deliver_transfers(flights, units, memory, now)
        for unit in range(units.unit_event.size):
            if units.unit_event[unit] == now:
                units.touched[unit] = 1
        settle(live, flights, units, books, now)
        if live.left[books.clock[RETIRED] & 1] == 0:
            return True
        push_demands(live, flights, units, books, servers, memory, now)
        now = next_cycle(units, memory, now)
    return False
