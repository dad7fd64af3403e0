"""The reference engine: units and servers as SimPy processes, and the arbiter that orders each cycle.

One cycle, as every engine has it:

1. commands end, by ascending unit; those of one unit in queue order;
2. their signals apply; if every command of the oldest live layer has ended, it retires and the next one is admitted
   (at most two are live);
3. units issue, ascending: all waits of a command are taken, or none; steps 1 to 3 repeat until nothing changes;
4. demands of the commands issued in this cycle go to their servers, by ascending unit, then in issue order; a demand
   that is served in no time leads back to step 1.

Nothing here is shared with the compiled engine but the kernels of servers: not the order of visits, not the accounting.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from accel_sim.engine.reference_books import Books
from accel_sim.engine.reference_servers import SERVERS, Clock, DramServer
from accel_sim.engine.reference_units import UNITS, Command, Layer, read_templates
from accel_sim.engine.tables import TimeBudget
from accel_sim.engine.timeline import Timeline
from accel_sim.errors import ProgramError
from accel_sim.program.bounds import check_bounds
from accel_sim.program.deadlock import Blocked, deadlock
from accel_sim.program.layer_program import I64, LayerProgram
from accel_sim.program.machine import Machine

LIVE_LAYERS = 2


def run_reference(machine: Machine, programs: Iterable[LayerProgram], *, record: bool = False) -> Timeline:
    """Run ``programs`` on ``machine`` to the cycle.

    A program is taken from the iterator when its layer is admitted; memory holds two layers.

    Raises
    ------
    ProgramError
        A program that cannot finish, points outside its machine, or may outlast the clock of the servers.
    """
    return _Arbiter(machine, programs, record).run()


class _Arbiter:
    """Decides, once in every cycle in which something happens, what ends and what issues."""

    def __init__(self, machine: Machine, programs: Iterable[LayerProgram], record: bool) -> None:
        self.machine, self.record = machine, record
        self.programs = iter(programs)
        self.budget = TimeBudget(machine)
        self.books = Books(machine)
        self.env = Clock()
        self.have = [semaphore.initial for semaphore in machine.semaphores]
        self.servers = [SERVERS[server.kind](self.env, machine, i) for i, server in enumerate(machine.servers)]
        self.units = [
            UNITS[unit.role](self.env, unit, i, self.servers, self.books) for i, unit in enumerate(machine.units)
        ]
        self.live: list[Layer] = []
        self.cycles: dict[int, tuple[I64, I64]] = {}

    def run(self) -> Timeline:
        """Run until every layer has retired."""
        self.admit()
        self.settle()
        while self.live:
            if not any(unit.in_flight for unit in self.units):
                raise deadlock(self.machine, self.blocked())
            self.jump()
            self.settle()
        for unit in self.units:
            unit.close()
        dram_counts = next((server.counts() for server in self.servers if isinstance(server, DramServer)), None)
        return self.books.timeline(self.env.cycle, dram_counts)

    def settle(self) -> None:
        """Apply the rules of one cycle until nothing changes."""
        again = True
        while again and self.live:
            # Processes do what is due in this cycle, and units offer their next command.
            while self.env.peek() <= self.env.cycle:
                self.env.step()
            again = self.end_commands()
            again |= self.issue_commands()
            again = again or self.push_demands()
        for unit in self.units:
            unit.note_state(self.have)

    def jump(self) -> None:
        """Go to the next cycle in which anything happens."""
        for server in self.servers:
            server.look_ahead(self.env.peek())
        self.env.step()

    def end_commands(self) -> bool:
        """Steps 1 and 2: end all that is over, apply the signals, let layers go that have ended; False if none did."""
        ended: list[Command] = []
        retired = False
        for unit in self.units:
            while (command := unit.end_command()) is not None:
                ended.append(command)
                self.count_out(unit.index, command)
        for command in ended:
            for semaphore, amount in command.template.signals:
                self.have[semaphore] += amount
        self.close_windows()
        while self.live and self.live[0].n_left == 0:
            self.retire()
            self.admit()
            retired = True
        return bool(ended) or retired

    def issue_commands(self) -> bool:
        """Step 3: let each unit issue its next command if it may."""
        issued = False
        for unit in self.units:
            if unit.may_issue(self.have):
                assert unit.head is not None
                if self.record:
                    issue_cycle, _ = self.cycles[unit.head.layer.number]
                    issue_cycle[unit.head.position] = self.env.cycle
                unit.issue_command(self.have)
                issued = True
        return issued

    def push_demands(self) -> bool:
        """Step 4: all that was issued asks its servers."""
        pushed = False
        for unit in self.units:
            pushed |= unit.push_demands()
        return pushed

    def admit(self) -> None:
        """Take programs until two layers are live or none is left."""
        while len(self.live) < LIVE_LAYERS and (program := next(self.programs, None)) is not None:
            check_bounds(self.machine, program)
            self.budget.spend(program)
            primary = slice(*program.unit_ptr[program.primary_unit : program.primary_unit + 2])
            layer = Layer(
                number=len(self.books.names),
                program=program,
                templates=read_templates(program),
                n_left=program.n_commands,
                n_primary_left=program.template[primary].size,
            )
            self.books.admit(program.name, program.primary_unit, program.n_commands)
            self.live.append(layer)
            if self.record:
                self.cycles[layer.number] = (np.full(layer.n_left, -1), np.full(layer.n_left, -1))
            for unit in self.units:
                unit.layers.put(layer)
        self.close_windows()

    def retire(self) -> None:
        """Let the oldest layer go."""
        layer = self.live.pop(0)
        if self.record:
            issue_cycle, end_cycle = self.cycles.pop(layer.number)
            self.books.issue_cycle.append(issue_cycle)
            self.books.end_cycle.append(end_cycle)

    def count_out(self, unit: int, command: Command) -> None:
        """Note that a command of ``unit`` has ended in this cycle."""
        layer = command.layer
        layer.n_left -= 1
        layer.n_primary_left -= unit == layer.program.primary_unit
        if self.record:
            _, end_cycle = self.cycles[layer.number]
            end_cycle[command.position] = self.env.cycle

    def close_windows(self) -> None:
        """Close the window of each layer whose primary unit has nothing left of it, nor of the layers before."""
        for layer in self.live:
            if layer.number == len(self.books.boundaries) and layer.n_primary_left == 0:
                self.books.boundaries.append(self.env.cycle)

    def blocked(self) -> list[Blocked]:
        """Return every unit that has a next command; none of them can issue."""
        blocked = []
        for unit in self.units:
            if unit.head is not None:
                wait = unit.unmet_wait(self.have)
                if wait is None:
                    raise ProgramError(f"unit {self.machine.units[unit.index].name!r} does not issue what it may")
                semaphore, amount = wait
                blocked.append(
                    Blocked(
                        unit=unit.index,
                        layer=unit.head.layer.program.name,
                        command=unit.head.number,
                        semaphore=semaphore,
                        has=self.have[semaphore],
                        needs=amount,
                    )
                )
        return blocked
