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
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.references import inlined

I64 = NDArray[np.int64]

NEVER = 4611686018427387904


class Servers(NamedTuple):
    """All servers of a machine; S servers, U units, up to F demands of a unit at a server. All int64.

    ``rate_num``, ``rate_den``, ``latency_cycles``, ``fixed_priority`` (0 or 1): [S], never written here.
    ``free_tick`` [S]: when the quantum in service ends. ``last_unit`` [S]: unit served last. ``n_asking`` [S]: units
    with a demand. ``quanta``, ``tag`` [S, U, F]: rings of quanta left and of the pusher's own mark; ``first``,
    ``n_waiting`` [S, U]: oldest entry and length. ``done_cycle``, ``done_unit``, ``done_tag`` [S, U * F]: ring of
    served demands in order of completion; ``done_first``, ``n_done`` [S].
    """

    rate_num: I64
    rate_den: I64
    latency_cycles: I64
    fixed_priority: I64
    free_tick: I64
    last_unit: I64
    n_asking: I64
    quanta: I64
    tag: I64
    first: I64
    n_waiting: I64
    done_cycle: I64
    done_unit: I64
    done_tag: I64
    done_first: I64
    n_done: I64


@inlined
def lowest_asking(servers: Servers, server: int) -> int:
    """Return the lowest unit that asks; there must be one."""
    unit = 0
    while servers.n_waiting[server, unit] == 0:
        unit += 1
    return unit


@inlined
def next_served(servers: Servers, server: int) -> tuple[int, int]:
    """Return (quanta until a demand is served, its unit) if nothing more is pushed; at least one unit must ask."""
    n_asking = servers.n_asking[server]
    if n_asking == 1 or servers.fixed_priority[server]:
        winner = lowest_asking(servers, server)
        return servers.quanta[server, winner, servers.first[server, winner]], winner
    best = NEVER
    winner = -1
    place = 0
    unit = servers.last_unit[server]
    while place < n_asking:
        unit += 1
        if unit >= servers.n_waiting.shape[1]:
            unit = 0
        if servers.n_waiting[server, unit] > 0:
            place += 1
            # The unit in place p of a round gets its r-th quantum as number (r - 1) * n_asking + p.
            total = (servers.quanta[server, unit, servers.first[server, unit]] - 1) * n_asking + place
            if total < best:
                best = total
                winner = unit
    return best, winner


@inlined
def hand_out(servers: Servers, server: int, total: int) -> None:
    """Give the next ``total`` quanta (at least 1, at most up to the next served demand) to the units that ask."""
    servers.free_tick[server] += total * servers.rate_den[server]
    n_asking = servers.n_asking[server]
    if n_asking == 1 or servers.fixed_priority[server]:
        unit = lowest_asking(servers, server)
        servers.quanta[server, unit, servers.first[server, unit]] -= total
        servers.last_unit[server] = unit
        return
    rounds = total // n_asking
    extra = total - rounds * n_asking
    last_place = extra if extra > 0 else n_asking
    place = 0
    unit = servers.last_unit[server]
    while place < n_asking:
        unit += 1
        if unit >= servers.n_waiting.shape[1]:
            unit = 0
        if servers.n_waiting[server, unit] > 0:
            place += 1
            servers.quanta[server, unit, servers.first[server, unit]] -= rounds + 1 if place <= extra else rounds
            if place == last_place:
                servers.last_unit[server] = unit


@inlined
def finish_oldest(servers: Servers, server: int, unit: int) -> None:
    """Move the oldest demand of ``unit``, now served, to the ring of completions."""
    oldest = servers.first[server, unit]
    ring = servers.done_cycle.shape[1]
    slot = servers.done_first[server] + servers.n_done[server]
    if slot >= ring:
        slot -= ring
    rate_num = servers.rate_num[server]
    served = (servers.free_tick[server] + rate_num - 1) // rate_num
    servers.done_cycle[server, slot] = served + servers.latency_cycles[server]
    servers.done_unit[server, slot] = unit
    servers.done_tag[server, slot] = servers.tag[server, unit, oldest]
    servers.n_done[server] += 1
    servers.first[server, unit] = 0 if oldest + 1 == servers.quanta.shape[2] else oldest + 1
    servers.n_waiting[server, unit] -= 1
    if servers.n_waiting[server, unit] == 0:
        servers.n_asking[server] -= 1


@inlined
def advance(servers: Servers, server: int, until: int) -> None:
    """Start every quantum whose tick lies strictly before cycle ``until``."""
    rate_den = servers.rate_den[server]
    until_tick = until * servers.rate_num[server]
    while servers.n_asking[server] > 0 and servers.free_tick[server] < until_tick:
        room = (until_tick - servers.free_tick[server] + rate_den - 1) // rate_den
        total, unit = next_served(servers, server)
        hand_out(servers, server, min(total, room))
        if total <= room:
            finish_oldest(servers, server, unit)


@inlined
def push(servers: Servers, server: int, unit: int, quanta: int, tag: int, now: int) -> None:
    """Ask for ``quanta`` (at least 1) in cycle ``now``; ``tag`` comes back with the completion.

    Everything that starts before ``now`` is settled first. Pushes of one cycle by different units commute.
    """
    advance(servers, server, now)
    if servers.n_asking[server] == 0:
        servers.free_tick[server] = max(servers.free_tick[server], now * servers.rate_num[server])
    ring = servers.quanta.shape[2]
    slot = servers.first[server, unit] + servers.n_waiting[server, unit]
    if slot >= ring:
        slot -= ring
    servers.quanta[server, unit, slot] = quanta
    servers.tag[server, unit, slot] = tag
    servers.n_waiting[server, unit] += 1
    if servers.n_waiting[server, unit] == 1:
        servers.n_asking[server] += 1


@inlined
def peek(servers: Servers, server: int) -> int:
    """Return the cycle of the earliest completion if nothing more is pushed; ``NEVER`` when nothing is asked."""
    cycle: int = NEVER
    if servers.n_done[server] > 0:
        # Latency is the same for all, so what was served first completes first.
        cycle = servers.done_cycle[server, servers.done_first[server]]
    elif servers.n_asking[server] > 0:
        total, _ = next_served(servers, server)
        rate_num = servers.rate_num[server]
        tick = servers.free_tick[server] + total * servers.rate_den[server]
        cycle = (tick + rate_num - 1) // rate_num + servers.latency_cycles[server]
    return cycle


@inlined
def take(servers: Servers, server: int, now: int) -> tuple[int, int]:
    """Return (unit, tag) of the oldest completion due by ``now`` and forget it; (-1, -1) when there is none.

    ``advance`` to ``now`` comes first; take until nothing is left.
    """
    slot = servers.done_first[server]
    if servers.n_done[server] == 0 or servers.done_cycle[server, slot] > now:
        return -1, -1
    servers.done_first[server] = 0 if slot + 1 == servers.done_cycle.shape[1] else slot + 1
    servers.n_done[server] -= 1
    return servers.done_unit[server, slot], servers.done_tag[server, slot]
