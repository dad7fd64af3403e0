"""Where the cycles of a reference run went: what each unit did from when to when, folded into layer windows."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from typing import Literal, NamedTuple

import numpy as np

from accel_sim.engine.dram import DramCounts
from accel_sim.engine.timeline import Timeline
from accel_sim.program.layer_program import I64
from accel_sim.program.machine import Machine


class Account(NamedTuple):
    """What a unit did: was busy, stalled for a semaphore or on a server (``cause`` is its index), or had nothing."""

    what: Literal["busy", "idle", "semaphore", "server"]
    unit: int
    cause: int = 0


class Books:
    """The ledger of one run. Memory grows with layers, never with commands, unless cycles are recorded."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.names: list[str] = []
        self.primary: list[int] = []
        self.n_commands: list[int] = []
        self.boundaries: list[int] = []
        self.quanta: Counter[tuple[int, int]] = Counter()
        self.issue_cycle: list[I64] = []
        self.end_cycle: list[I64] = []
        self._windows: defaultdict[int, Counter[Account]] = defaultdict(Counter)

    def admit(self, name: str, primary_unit: int, n_commands: int) -> None:
        """Open the books of one more layer."""
        self.names.append(name)
        self.primary.append(primary_unit)
        self.n_commands.append(n_commands)

    def book(self, account: Account, first: int, last: int) -> None:
        """Book the cycles ``first`` to ``last`` (exclusive), cut where windows end.

        Every window that ends before ``last`` is closed by then: ``last`` is never in the future.
        """
        window = bisect_right(self.boundaries, first)
        while first < last:
            open_window = window == len(self.boundaries)
            cut = last if open_window else min(last, self.boundaries[window])
            self._windows[window][account] += cut - first
            first = cut
            window += 1

    def timeline(self, total_cycles: int, dram_counts: DramCounts | None) -> Timeline:
        """Return the account of the whole run; what came after the last layer's window belongs to it."""
        n_layers, n_units = len(self.names), len(self.machine.units)
        n_semaphores, n_servers = len(self.machine.semaphores), len(self.machine.servers)
        busy, idle = (np.zeros((n_layers, n_units), dtype=np.int64) for _ in range(2))
        by_semaphore = np.zeros((n_layers, n_semaphores), dtype=np.int64)
        by_server = np.zeros((n_layers, n_units, n_servers), dtype=np.int64)
        for window, accounts in self._windows.items():
            layer = min(window, n_layers - 1)
            for (what, unit, cause), cycles in accounts.items():
                if what == "busy":
                    busy[layer, unit] += cycles
                elif what == "idle":
                    idle[layer, unit] += cycles
                elif what == "semaphore":
                    by_semaphore[layer, cause] += cycles
                else:
                    by_server[layer, unit, cause] += cycles
        quanta = np.zeros((n_servers, n_units), dtype=np.int64)
        for (server, unit), count in self.quanta.items():
            quanta[server, unit] = count
        return Timeline(
            machine=self.machine,
            layer_names=tuple(self.names),
            primary_unit=np.array(self.primary, dtype=np.int64),
            boundary_cycles=np.array([*self.boundaries[:-1], total_cycles][:n_layers], dtype=np.int64),
            busy_cycles=busy,
            stall_cycles_by_semaphore=by_semaphore,
            stall_cycles_by_server=by_server,
            idle_cycles=idle,
            n_commands=np.array(self.n_commands, dtype=np.int64),
            server_quanta=quanta,
            dram_counts=dram_counts,
            issue_cycle=tuple(self.issue_cycle),
            end_cycle=tuple(self.end_cycle),
        )
