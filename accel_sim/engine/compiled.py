"""The compiled engine: streams layer programs through one state of the numba event loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from accel_sim.engine.blocks import (
    empty_books,
    fill_row,
    idle_units,
    longer_books,
    memory_counts,
    memory_of,
    no_flights,
    no_layers,
)
from accel_sim.engine.tables import TimeBudget, column, grow_servers, server_arrays, timed_servers
from accel_sim.engine.timeline import Timeline
from accel_sim.kernels.event_loop import change_state, run_until_retired, unmet_wait
from accel_sim.kernels.loop_state import ADMITTED, IDLE, NOW, RETIRED
from accel_sim.program.bounds import check_bounds
from accel_sim.program.deadlock import Blocked, deadlock
from accel_sim.program.layer_program import I64, LayerProgram
from accel_sim.program.machine import Machine


def run_compiled(machine: Machine, programs: Iterable[LayerProgram], *, record: bool = False) -> Timeline:
    """Run ``programs`` on ``machine`` to the cycle.

    A program is taken from the iterator when its layer is admitted, and copied: memory holds two layers.

    Raises
    ------
    ProgramError
        A program that cannot finish, points outside its machine, or may outlast the clock.
    """
    run = _Run(machine, record)
    waiting = iter(programs)
    run.admit_next(waiting)
    run.admit_next(waiting)
    while run.clock[RETIRED] < run.clock[ADMITTED]:
        if not run_until_retired(run.live, run.flights, run.units, run.books, run.servers, run.memory):
            raise deadlock(machine, run.blocked())
        run.retire()
        run.admit_next(waiting)
    return run.finish()


class _Run:
    """The memory of one run, and what happens to it between calls of the event loop."""

    def __init__(self, machine: Machine, record: bool) -> None:
        timed_servers(machine)
        self.machine = machine
        self.record = record
        self.budget = TimeBudget(machine)
        self.names: list[str] = []
        self.primary: list[int] = []
        self.n_commands: list[int] = []
        self.issue_cycle: list[I64] = []
        self.end_cycle: list[I64] = []
        self.live = no_layers()
        self.flights = no_flights(machine)
        self.units = idle_units(machine)
        self.books = empty_books(machine, 8)
        self.servers = server_arrays(machine, self.ring)
        self.memory = memory_of(machine, self.ring)
        self.clock = self.books.clock

    @property
    def ring(self) -> int:
        """Commands that a unit may have in flight, rounded up to a power of two."""
        return int(self.flights.row.shape[1])

    def admit_next(self, waiting: Iterator[LayerProgram]) -> None:
        """Take the next program, if there is one, into the row that the oldest layer left."""
        program = next(waiting, None)
        if program is None:
            return
        check_bounds(self.machine, program)
        self.budget.spend(program)
        self.live = fill_row(self.live, len(self.names) % 2, self.machine, program, self.record)
        capacity = int(np.diff(program.templates.demand_ptr).max(initial=0)) * self.ring
        if capacity > self.servers.quanta.shape[2]:
            self.servers = grow_servers(self.servers, capacity)
        self.names.append(program.name)
        self.primary.append(program.primary_unit)
        self.n_commands.append(program.n_commands)
        self.clock[ADMITTED] += 1
        # The current window may be one ahead of the layers admitted so far.
        if len(self.names) + 1 > self.books.boundary.size:
            self.books = longer_books(self.books)

    def retire(self) -> None:
        """Let the oldest layer go."""
        layer = int(self.clock[RETIRED])
        if self.record:
            self.issue_cycle.append(self.live.issue_cycle[layer % 2, : self.n_commands[layer]].copy())
            self.end_cycle.append(self.live.end_cycle[layer % 2, : self.n_commands[layer]].copy())
        self.clock[RETIRED] += 1

    def blocked(self) -> list[Blocked]:
        """Return every unit that has a next command and cannot issue it."""
        blocked = []
        for unit in np.flatnonzero(self.units.cursor < self.units.queue_end).tolist():
            layer = int(self.units.layer[unit])
            wait = unmet_wait(self.live, self.units, unit)
            semaphore = int(self.live.wait_semaphore[layer % 2, wait])
            blocked.append(
                Blocked(
                    unit=unit,
                    layer=self.names[layer],
                    command=int(self.units.cursor[unit] - self.live.unit_ptr[layer % 2, unit]),
                    semaphore=semaphore,
                    has=int(self.units.have[semaphore]),
                    needs=int(self.live.wait_amount[layer % 2, wait]),
                )
            )
        return blocked

    def finish(self) -> Timeline:
        """Book the last state of every unit; what came after the last layer's window belongs to it."""
        machine, books, now, n_layers = self.machine, self.books, int(self.clock[NOW]), len(self.names)
        for unit in range(len(machine.units)):
            change_state(self.units, books, unit, IDLE, now)

        def windows(table: I64) -> I64:
            rows = table[:n_layers].copy()
            rows[-1:] += table[n_layers:].sum(axis=0)
            return rows

        boundary = books.boundary[:n_layers].copy()
        boundary[-1:] = now
        return Timeline(
            machine=machine,
            layer_names=tuple(self.names),
            primary_unit=column(self.primary),
            boundary_cycles=boundary,
            busy_cycles=windows(books.busy),
            stall_cycles_by_semaphore=windows(books.semaphore),
            stall_cycles_by_server=windows(books.server).reshape(n_layers, len(machine.units), len(machine.servers)),
            idle_cycles=windows(books.idle),
            n_commands=column(self.n_commands),
            server_quanta=books.quanta,
            dram_counts=memory_counts(self.memory, now),
            issue_cycle=tuple(self.issue_cycle),
            end_cycle=tuple(self.end_cycle),
        )
