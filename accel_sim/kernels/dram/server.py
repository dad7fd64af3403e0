"""The DRAM as a server of the event engines: the same transfers, in core cycles.

In each core cycle the caller (1) takes completions with :func:`take_due` until there is none, (2) pushes with
:func:`push_at`; then it asks :func:`advance_until` how far it may jump. ``ratio`` is the pair of
:func:`accel_sim.kernels.dram.domains.clock_ratio`.
"""

from __future__ import annotations

from typing import Any

from accel_sim.kernels.dram.clients import advance, take
from accel_sim.kernels.dram.domains import to_core_cycle, to_dram_clock
from accel_sim.kernels.dram.layout import NEVER
from accel_sim.kernels.dram.transfers import Dram, Shape, push
from accel_sim.kernels.jit import njit

Ratio = tuple[int, int]


@njit
def advance_until(dram: Dram, until_cycle: int, ratio: Ratio) -> int:
    """Simulate up to core cycle ``until_cycle``, or up to the one in which the next transfer completes; return it.

    Pushes of the returned cycle still take part in it: its first DRAM clock is not simulated yet.
    """
    advance(dram, to_dram_clock(until_cycle, ratio[0], ratio[1]))
    system: Any = dram.system[0]
    if system.next_done == NEVER:
        return until_cycle
    done_cycle = to_core_cycle(system.next_done, ratio[0], ratio[1])
    return min(done_cycle, until_cycle)


@njit
def take_due(dram: Dram, cycle: int, ratio: Ratio) -> tuple[int, int]:
    """Return (client, tag) of a transfer that completes by core cycle ``cycle``, and forget it; (-1, -1) if none does.

    When it returns (-1, -1), the memory has been simulated up to ``cycle``.
    """
    system: Any = dram.system[0]
    target = to_dram_clock(cycle, ratio[0], ratio[1])
    while True:
        # A completion between two core cycles belongs to the later one.
        if system.next_done < NEVER and to_core_cycle(system.next_done, ratio[0], ratio[1]) <= cycle:
            if system.clock < system.next_done:
                advance(dram, system.next_done)
            return take(dram)
        if system.clock >= target:
            return -1, -1
        advance(dram, target)


@njit
def push_at(dram: Dram, client: int, address: int, shape: Shape, tag: int, cycle: int, ratio: Ratio) -> bool:
    """Ask for a transfer in core cycle ``cycle``, after all completions of that cycle were taken.

    It takes part from the first DRAM clock that is not before the cycle. For the other parameters and the result
    see :func:`accel_sim.kernels.dram.transfers.push`.
    """
    advance(dram, to_dram_clock(cycle, ratio[0], ratio[1]))
    return push(dram, client, address, shape, tag)
