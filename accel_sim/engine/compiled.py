"""The compiled engine: streams layer programs through one state of the numba event loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from accel_sim.engine.blocks import (
    fill_row,
    initial_state,
    layout_of,
    semaphores_of,
    units_of,
)
from accel_sim.engine.tables import TimeBudget, grow_servers, server_arrays, timed_servers
from accel_sim.engine.timeline import Timeline
from accel_sim.kernels import loop_state as loop
from accel_sim.kernels.event_loop import change_state, run_until_retired, unmet_wait
from accel_sim.kernels.servers import CAPACITY
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
    while run.state[loop.RETIRED_LAYERS] < run.state[loop.ADMITTED]:
        if run_until_retired(run.at, run.state, run.live, run.books, run.servers) == loop.DEADLOCK:
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
        self.at = layout_of(machine)
        self.state = initial_state(machine, self.at)
        self.live = np.zeros((2, loop.UNIT_PTR), dtype=np.int64)
        self.books = np.zeros((8, self.at.lost + self.at.n_units * self.at.n_servers), dtype=np.int64)
        self.servers = server_arrays(machine, self.at.ring)

    def admit_next(self, waiting: Iterator[LayerProgram]) -> None:
        """Take the next program, if there is one, into the row that the oldest layer left."""
        program = next(waiting, None)
        if program is None:
            return
        check_bounds(self.machine, program)
        self.budget.spend(program)
        self.live = fill_row(self.live, len(self.names) % 2, self.machine, program, self.record)
        capacity = int(np.diff(program.templates.demand_ptr).max(initial=0)) * self.at.ring
        if self.servers.size and capacity > self.servers[0, CAPACITY]:
            self.servers = grow_servers(self.servers, capacity)
        self.names.append(program.name)
        self.primary.append(program.primary_unit)
        self.n_commands.append(program.n_commands)
        self.state[loop.ADMITTED] += 1
        # The current window may be one ahead of the layers admitted so far.
        if len(self.names) + 1 > len(self.books):
            self.books = np.concatenate((self.books, np.zeros_like(self.books)))

    def retire(self) -> None:
        """Let the oldest layer go."""
        layer = int(self.state[loop.RETIRED_LAYERS])
        if self.record:
            block = self.live[layer % 2]
            start, size = int(block[loop.RECORD_AT]), 2 * self.n_commands[layer]
            self.issue_cycle.append(block[start : start + size : 2].copy())
            self.end_cycle.append(block[start + 1 : start + size : 2].copy())
        self.state[loop.RETIRED_LAYERS] += 1

    def blocked(self) -> list[Blocked]:
        """Return every unit that has a next command and cannot issue it."""
        blocked = []
        for unit, record in enumerate(units_of(self.at, self.state)):
            if record[loop.CURSOR] == record[loop.QUEUE_END]:
                continue
            layer = int(record[loop.LAYER])
            block = self.live[layer % 2]
            wait = unmet_wait(self.at, self.state, self.live, unit)
            semaphore = int(block[wait])
            blocked.append(
                Blocked(
                    unit=unit,
                    layer=self.names[layer],
                    command=int(record[loop.CURSOR] - block[loop.UNIT_PTR + unit]) // loop.COMMAND_SIZE,
                    semaphore=semaphore,
                    has=int(semaphores_of(self.at, self.state)[semaphore, loop.HAVE]),
                    needs=int(block[wait + 1]),
                )
            )
        return blocked

    def finish(self) -> Timeline:
        """Book the last state of every unit; what came after the last layer's window belongs to it."""
        at, now, n_layers = self.at, int(self.state[loop.NOW]), len(self.names)
        for unit in range(at.n_units):
            change_state(at, self.state, self.books, unit, loop.IDLE, now)
        windows = self.books[:n_layers].copy()
        if n_layers:
            windows[-1, 1:] += self.books[n_layers:, 1:].sum(axis=0)
            windows[-1, 0] = now
        boundary, busy, idle, stalled, lost = np.split(windows, [at.busy, at.idle, at.stalled, at.lost], axis=1)
        return Timeline(
            machine=self.machine,
            layer_names=tuple(self.names),
            primary_unit=np.array(self.primary, dtype=np.int64),
            boundary_cycles=boundary[:, 0],
            busy_cycles=busy,
            stall_cycles_by_semaphore=stalled,
            stall_cycles_by_server=lost.reshape(n_layers, at.n_units, at.n_servers),
            idle_cycles=idle,
            n_commands=np.array(self.n_commands, dtype=np.int64),
            server_quanta=self.state[at.quanta :].reshape(at.n_servers, at.n_units).copy(),
            issue_cycle=tuple(self.issue_cycle),
            end_cycle=tuple(self.end_cycle),
        )
