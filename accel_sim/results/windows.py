"""Where each cycle of a layer's window went: work, stalls by reason, and every unit's own account."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.program import Machine

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowTable:
    """Cycles of L windows on a machine of U units, N semaphores and S servers, int64.

    ``boundary_cycles`` [L]; ``busy_cycles``, ``idle_cycles`` [L, U]; ``by_semaphore`` [L, N]; ``by_server`` [L, U, S];
    ``primary_unit`` [L].
    """

    machine: Machine
    boundary_cycles: I64
    primary_unit: I64
    busy_cycles: I64
    idle_cycles: I64
    by_semaphore: I64
    by_server: I64

    def span(self, layer: int) -> tuple[int, int]:
        """First and last cycle of a window."""
        start = int(self.boundary_cycles[layer - 1]) if layer else 0
        return start, int(self.boundary_cycles[layer])

    def compute_cycles(self, layer: int) -> int:
        """Cycles in which the layer's primary unit worked."""
        return int(self.busy_cycles[layer, self.primary_unit[layer]])

    def stall_cycles(self, layer: int) -> dict[str, int]:
        """The rest of the window by reason, in the machine's order.

        Time in which the primary unit had nothing left to do is ``drain`` at the end of the run (the last stores), and
        ``layer_window`` elsewhere (its next commands are not admitted yet).
        """
        unit = int(self.primary_unit[layer])
        reasons: dict[str, int] = {}
        for i, semaphore in enumerate(self.machine.semaphores):
            if self.machine.units[unit].name == semaphore.unit and self.by_semaphore[layer, i]:
                cycles = int(self.by_semaphore[layer, i])
                reasons[semaphore.reason] = reasons.get(semaphore.reason, 0) + cycles
        for i, server in enumerate(self.machine.servers):
            if self.by_server[layer, unit, i]:
                reasons[server.name] = reasons.get(server.name, 0) + int(self.by_server[layer, unit, i])
        idle = int(self.idle_cycles[layer, unit])
        if idle:
            reasons["drain" if layer == len(self.boundary_cycles) - 1 else "layer_window"] = idle
        return reasons

    def units(self, layer: int) -> dict[str, dict[str, int]]:
        """Each unit's busy, stalled and idle cycles; that they add up to the window is a line of the books."""
        table = {}
        for i, unit in enumerate(self.machine.units):
            stalled = int(self.by_server[layer, i].sum()) + sum(
                int(self.by_semaphore[layer, s])
                for s, semaphore in enumerate(self.machine.semaphores)
                if semaphore.unit == unit.name
            )
            table[unit.name] = {
                "busy_cycles": int(self.busy_cycles[layer, i]),
                "stall_cycles": stalled,
                "idle_cycles": int(self.idle_cycles[layer, i]),
            }
        return table
