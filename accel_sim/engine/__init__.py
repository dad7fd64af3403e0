"""Engines: when each command of a tile program issues and ends.

Two engines, one answer. May import program, kernels and what lies below; knows no dataflow and no energy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from accel_sim.engine.timeline import Timeline
from accel_sim.program.layer_program import LayerProgram
from accel_sim.program.machine import Machine

__all__ = ["Engine", "Timeline", "run"]

Engine = Literal["compiled", "reference"]


def run(
    machine: Machine, programs: Iterable[LayerProgram], engine: Engine = "compiled", *, record: bool = False
) -> Timeline:
    """Run ``programs``, in order, on ``machine`` and return where every cycle went.

    Both engines give the same answer to the cycle; ``reference`` is written to be read, ``compiled`` to be fast.
    With ``record``, the timeline holds the issue and end cycle of every command.

    Raises
    ------
    ProgramError
        A program that cannot finish, points outside its machine, or may outlast the clock.
    """
    if engine == "compiled":
        from accel_sim.engine.compiled import run_compiled

        return run_compiled(machine, programs, record=record)
    from accel_sim.engine.reference import run_reference

    return run_reference(machine, programs, record=record)
