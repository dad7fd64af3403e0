"""Bandwidth servers: quanta handed out one after another to the units that ask, computed in closed form.

Time inside a server runs in **ticks**: one cycle is ``rate_num`` ticks and one quantum takes ``rate_den`` ticks, so
rational rates stay integers. Each unit has a FIFO of demands at each server. Whenever the server is free it starts
one quantum of the unit that arbitration picks among the units with a demand at that tick: round robin takes the
next unit after the last one served (ascending, cyclic; at first the lowest), fixed priority the lowest unit. A
quantum is never interrupted. A demand pushed in cycle ``t`` takes part from tick ``t * rate_num`` on. A demand is
served when its last quantum ends, at tick ``x``, and completes in cycle ``ceil(x / rate_num) + latency_cycles``.

While no unit joins or leaves, round robin repeats the same round; so everything up to the next served demand is one
multiplication, and the work is per demand, never per quantum.

A caller keeps ``now`` from going back, and takes the completions of each cycle that ``peek`` names. Numbers are int64;
callers keep ``cycles * max(rate_num) * n_units`` below 2**62 (the engines check it before they admit a layer),
which bounds every product formed here.

All servers are one array ``servers``, int64 [S, width]: numba counts references to each array that it hands from
function to function, which would cost more than the work itself. A row holds the fields below (``RATE_NUM`` ...
``DONE_COUNT``); from ``LANES`` on one lane a unit: ``FIRST``, ``N_WAITING``, then a ring of ``CAPACITY`` pairs (quanta
left, tag); then a ring of ``N_UNITS * CAPACITY`` triples (completion cycle, unit, tag): served demands, in order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit

I64 = NDArray[np.int64]

NEVER = 4611686018427387904

# What a row holds. The first six are never written here; FREE_TICK is when the quantum in service ends.
RATE_NUM = 0
RATE_DEN = 1
LATENCY = 2
FIXED_PRIORITY = 3
N_UNITS = 4
CAPACITY = 5
FREE_TICK = 6
LAST_UNIT = 7
N_ASKING = 8
DONE_FIRST = 9
DONE_COUNT = 10
LANES = 11
# What a lane holds before its ring.
FIRST = 0
N_WAITING = 1
RING = 2


@njit
def row_width(n_units: int, capacity: int) -> int:
    """Return the width of a row for ``n_units`` units with up to ``capacity`` demands each."""
    return LANES + n_units * (RING + 2 * capacity) + 3 * n_units * capacity


@njit
def lane_of(servers: I64, server: int, unit: int) -> int:
    """Return where the lane of ``unit`` starts in the row of ``server``."""
    lane: int = LANES + unit * (RING + 2 * servers[server, CAPACITY])
    return lane


@njit
def head_of(servers: I64, server: int, lane: int) -> int:
    """Return where the oldest demand of ``lane`` stands: quanta left, then its tag."""
    head: int = lane + RING + 2 * servers[server, lane + FIRST]
    return head


@njit
def lowest_asking(servers: I64, server: int) -> int:
    """Return the lowest unit that asks; there must be one."""
    unit = 0
    while servers[server, lane_of(servers, server, unit) + N_WAITING] == 0:
        unit += 1
    return unit


@njit
def next_served(servers: I64, server: int) -> tuple[int, int]:
    """Return (quanta until a demand is served, its unit) if nothing more is pushed; at least one unit must ask."""
    n_asking = servers[server, N_ASKING]
    if n_asking == 1 or servers[server, FIXED_PRIORITY]:
        winner = lowest_asking(servers, server)
        best = servers[server, head_of(servers, server, lane_of(servers, server, winner))]
    else:
        best = NEVER
        winner = -1
        place = 0
        unit = servers[server, LAST_UNIT]
        while place < n_asking:
            unit += 1
            if unit >= servers[server, N_UNITS]:
                unit = 0
            lane = lane_of(servers, server, unit)
            if servers[server, lane + N_WAITING] > 0:
                place += 1
                # The unit in place p of a round gets its r-th quantum as number (r - 1) * n_asking + p.
                total = (servers[server, head_of(servers, server, lane)] - 1) * n_asking + place
                if total < best:
                    best = total
                    winner = unit
    return best, winner


@njit
def hand_out(servers: I64, server: int, total: int) -> None:
    """Give the next ``total`` quanta (at least 1, at most up to the next served demand) to the units that ask."""
    servers[server, FREE_TICK] += total * servers[server, RATE_DEN]
    n_asking = servers[server, N_ASKING]
    if n_asking == 1 or servers[server, FIXED_PRIORITY]:
        unit = lowest_asking(servers, server)
        servers[server, head_of(servers, server, lane_of(servers, server, unit))] -= total
        servers[server, LAST_UNIT] = unit
    else:
        rounds = total // n_asking
        extra = total - rounds * n_asking
        last_place = extra if extra > 0 else n_asking
        place = 0
        unit = servers[server, LAST_UNIT]
        while place < n_asking:
            unit += 1
            if unit >= servers[server, N_UNITS]:
                unit = 0
            lane = lane_of(servers, server, unit)
            if servers[server, lane + N_WAITING] > 0:
                place += 1
                servers[server, head_of(servers, server, lane)] -= rounds + 1 if place <= extra else rounds
                if place == last_place:
                    servers[server, LAST_UNIT] = unit


@njit
def finish_head(servers: I64, server: int, unit: int) -> None:
    """Move the served demand at the head of ``unit``'s lane to the ring of completions."""
    rate_num = servers[server, RATE_NUM]
    capacity = servers[server, CAPACITY]
    lane = lane_of(servers, server, unit)
    slot = servers[server, DONE_FIRST] + servers[server, DONE_COUNT]
    if slot >= servers[server, N_UNITS] * capacity:
        slot -= servers[server, N_UNITS] * capacity
    done = lane_of(servers, server, servers[server, N_UNITS]) + 3 * slot
    ended = (servers[server, FREE_TICK] + rate_num - 1) // rate_num
    servers[server, done] = ended + servers[server, LATENCY]
    servers[server, done + 1] = unit
    servers[server, done + 2] = servers[server, head_of(servers, server, lane) + 1]
    servers[server, DONE_COUNT] += 1
    servers[server, lane + FIRST] += 1
    if servers[server, lane + FIRST] == capacity:
        servers[server, lane + FIRST] = 0
    servers[server, lane + N_WAITING] -= 1
    if servers[server, lane + N_WAITING] == 0:
        servers[server, N_ASKING] -= 1


@njit
def advance(servers: I64, server: int, until: int) -> None:
    """Start every quantum whose tick lies strictly before cycle ``until``."""
    rate_den = servers[server, RATE_DEN]
    until_tick = until * servers[server, RATE_NUM]
    while servers[server, N_ASKING] > 0 and servers[server, FREE_TICK] < until_tick:
        room = (until_tick - servers[server, FREE_TICK] + rate_den - 1) // rate_den
        total, unit = next_served(servers, server)
        hand_out(servers, server, min(total, room))
        if total <= room:
            finish_head(servers, server, unit)


@njit
def push(servers: I64, server: int, unit: int, quanta: int, tag: int, now: int) -> None:
    """Ask for ``quanta`` (at least 1) in cycle ``now``; ``tag`` comes back with the completion.

    Everything that starts before ``now`` is settled first. Pushes of one cycle by different units commute.
    """
    advance(servers, server, now)
    if servers[server, N_ASKING] == 0:
        servers[server, FREE_TICK] = max(servers[server, FREE_TICK], now * servers[server, RATE_NUM])
    lane = lane_of(servers, server, unit)
    slot = servers[server, lane + FIRST] + servers[server, lane + N_WAITING]
    if slot >= servers[server, CAPACITY]:
        slot -= servers[server, CAPACITY]
    servers[server, lane + RING + 2 * slot] = quanta
    servers[server, lane + RING + 2 * slot + 1] = tag
    servers[server, lane + N_WAITING] += 1
    if servers[server, lane + N_WAITING] == 1:
        servers[server, N_ASKING] += 1


@njit
def peek(servers: I64, server: int) -> int:
    """Return the cycle of the earliest completion if nothing more is pushed; ``NEVER`` when nothing is asked."""
    cycle = NEVER
    if servers[server, DONE_COUNT] > 0:
        # Latency is the same for all, so what was served first completes first.
        done = lane_of(servers, server, servers[server, N_UNITS]) + 3 * servers[server, DONE_FIRST]
        cycle = servers[server, done]
    elif servers[server, N_ASKING] > 0:
        total, _ = next_served(servers, server)
        rate_num = servers[server, RATE_NUM]
        tick = servers[server, FREE_TICK] + total * servers[server, RATE_DEN]
        cycle = (tick + rate_num - 1) // rate_num + servers[server, LATENCY]
    return cycle


@njit
def take(servers: I64, server: int, now: int) -> tuple[int, int]:
    """Return (unit, tag) of the oldest completion due by ``now`` and forget it; (-1, -1) when there is none.

    ``advance`` to ``now`` comes first; take until nothing is left.
    """
    unit = -1
    tag = -1
    if servers[server, DONE_COUNT] > 0:
        slot = servers[server, DONE_FIRST]
        done = lane_of(servers, server, servers[server, N_UNITS]) + 3 * slot
        if servers[server, done] <= now:
            unit = servers[server, done + 1]
            tag = servers[server, done + 2]
            slot += 1
            servers[server, DONE_FIRST] = 0 if slot == servers[server, N_UNITS] * servers[server, CAPACITY] else slot
            servers[server, DONE_COUNT] -= 1
    return unit, tag
