"""The units of a systolic machine: those of all machines, the load of the array's second registers, and activation."""

from __future__ import annotations

from accel_sim.arch import Accelerator
from accel_sim.kernels.systolic_array import WEIGHT_STATIONARY
from accel_sim.lowering.machine import ARRAY, VECTOR, standard_machine
from accel_sim.mapping.systolic_arch import conventions_of
from accel_sim.program import Machine, Semaphore, Unit

PRELOAD = "preload"
"""Unit that shifts the next fold's operand into the second register of each PE."""

ARRIVED, FREE, LOADED = "ready:preload", "free:preload", "done:preload"
SUMS, GRANT_ACTIVATION = "ready:activation", "grant:activation"


def held_tensor(arch: Accelerator) -> str | None:
    """Return the tensor that the preload unit loads; None where PEs have one register, or hold sums."""
    array = conventions_of(arch)
    if not array.double_buffered:
        return None
    return "filter" if array.dataflow == WEIGHT_STATIONARY else "ifmap"


def has_activation(arch: Accelerator) -> bool:
    """Whether final sums move to the ofmap's buffer through the vector unit: where psums have one of their own."""
    apart = arch.buffer_for("psum").name != arch.buffer_for("ofmap").name
    return apart and arch.dataflow != "output_stationary"


def systolic_machine(arch: Accelerator) -> Machine:
    """Return the machine of a systolic array.

    The preload unit waits for the tile and for the second registers to be free, which they are as soon as the fold
    before has taken their values; the array waits for both the tile and the preload, so that a late tile is told from
    the time its load takes.
    """
    units, semaphores = [], []
    held = held_tensor(arch)
    if held is not None:
        units.append(Unit(name=PRELOAD, role="dma"))
        semaphores += [
            Semaphore(name=ARRIVED, unit=PRELOAD, reason=f"dram:{held}"),
            Semaphore(name=FREE, unit=PRELOAD, reason="array"),
            Semaphore(name=LOADED, unit=ARRAY, reason=f"preload:{held}"),
        ]
    if has_activation(arch):
        semaphores += [
            Semaphore(name=SUMS, unit=VECTOR, reason="array"),
            Semaphore(name=GRANT_ACTIVATION, unit=VECTOR, reason=f"full:{arch.buffer_for('ofmap').name}"),
        ]
    return standard_machine(arch, units, semaphores)
