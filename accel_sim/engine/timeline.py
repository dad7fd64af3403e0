"""What an engine returns: where every cycle of every unit went, one row a layer window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accel_sim.engine.dram import DramCounts
from accel_sim.program.layer_program import I64
from accel_sim.program.machine import Machine


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timeline:
    """Times of one run; L layers, U units, N semaphores, S servers, all int64 cycles.

    Window ``i`` ends at ``boundary_cycles[i]``: when the primary units of layers 0 to i have ended their last commands
    of these layers, for the last layer when everything has ended. In each window each unit's busy, stalled and idle
    cycles add up to the window.

    Parameters
    ----------
    machine
        What the program ran on; gives the order of units, semaphores and servers.
    layer_names, primary_unit
        Names; int64 [L].
    boundary_cycles
        [L], not falling.
    busy_cycles
        [L, U]: something in flight. For a unit of depth 1 only up to what each command would have needed alone: the
        larger of its own cycles and of each of its demands by itself.
    stall_cycles_by_semaphore
        [L, N]: the semaphore's unit had a next command, nothing in flight, and this was its first wait (in template
        order) that was not satisfied.
    stall_cycles_by_server
        [L, U, S]: a unit of depth 1 was in flight longer than alone; booked on the server that completed last (of
        several in the same cycle: the lowest).
    idle_cycles
        [L, U]: nothing in flight and no admitted command left.
    n_commands
        [L]: commands executed.
    server_quanta
        [S, U]: quanta that each unit asked of each server that takes time; 0 for ideal ones.
    dram_counts
        What the DRAM controller counted, up to the end with its buffered writes done; ``None`` without one.
    issue_cycle, end_cycle
        One int64 [n_commands] a layer in program order (by unit, then queue order); empty unless recorded.
    """

    machine: Machine
    layer_names: tuple[str, ...]
    primary_unit: I64
    boundary_cycles: I64
    busy_cycles: I64
    stall_cycles_by_semaphore: I64
    stall_cycles_by_server: I64
    idle_cycles: I64
    n_commands: I64
    server_quanta: I64
    dram_counts: DramCounts | None = None
    issue_cycle: tuple[I64, ...] = ()
    end_cycle: tuple[I64, ...] = ()

    @property
    def total_cycles(self) -> int:
        """The cycle in which everything has ended."""
        return int(self.boundary_cycles[-1]) if self.boundary_cycles.size else 0

    @property
    def window_cycles(self) -> I64:
        """Length of each window, int64 [L]."""
        return np.diff(self.boundary_cycles, prepend=0)

    @property
    def accounted_cycles(self) -> I64:
        """Busy, stalled and idle cycles of each window and unit, int64 [L, U]; each row equals its window's length."""
        total: I64 = self.busy_cycles + self.idle_cycles + self.stall_cycles_by_server.sum(axis=2)
        for i, semaphore in enumerate(self.machine.semaphores):
            total[:, self.machine.unit_index(semaphore.unit)] += self.stall_cycles_by_semaphore[:, i]
        return total
