"""What to say about a program that cannot go on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from accel_sim.errors import ProgramError
from accel_sim.program.machine import Machine


class Blocked(NamedTuple):
    """A unit that cannot issue: its layer, the command's number in that layer's queue, and the first unmet wait."""

    unit: int
    layer: str
    command: int
    semaphore: int
    has: int
    needs: int


def deadlock(machine: Machine, blocked: Iterable[Blocked]) -> ProgramError:
    """Return the error that names every blocked unit and what it waits for, by ascending unit."""
    lines = [
        f"unit {machine.units[b.unit].name!r} at command {b.command} of layer {b.layer!r} waits for"
        f" {b.needs} of semaphore {machine.semaphores[b.semaphore].name!r}, which has {b.has}"
        for b in sorted(blocked)
    ]
    return ProgramError("the program cannot finish: " + "; ".join(lines))
