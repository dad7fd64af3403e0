"""Units of the reference engine: SimPy processes that put their commands in flight one after another.

A kind of unit of your own is a subclass of :class:`Unit` and a line in ``UNITS``: :meth:`Unit.issue_command` and
:meth:`Unit.execute` say what happens to a command.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import simpy

from accel_sim.engine.reference_books import Account, Books
from accel_sim.engine.reference_servers import Clock, Request, ServerProcess
from accel_sim.kernels.dram.transfers import Shape
from accel_sim.program.layer_program import LayerProgram
from accel_sim.program.machine import Unit as UnitSpec
from accel_sim.program.machine import UnitRole

Pairs = tuple[tuple[int, int], ...]


class Asked(NamedTuple):
    """A demand of a template: of which server, how much, and the shape of the transfer."""

    server: int
    quanta: int
    shape: Shape


class Template(NamedTuple):
    """What commands share: (semaphore, amount) of waits and signals, and demands."""

    waits: Pairs
    signals: Pairs
    demands: tuple[Asked, ...]


def read_templates(program: LayerProgram) -> list[Template]:
    """Return the templates of a layer as plain tuples."""
    rows = program.templates
    waits = list(zip(rows.wait_semaphore.tolist(), rows.wait_amount.tolist(), strict=True))
    signals = list(zip(rows.signal_semaphore.tolist(), rows.signal_amount.tolist(), strict=True))
    shapes = zip(
        rows.demand_run_bytes.tolist(),
        rows.demand_inner.tolist(),
        rows.demand_inner_stride.tolist(),
        rows.demand_outer.tolist(),
        rows.demand_outer_stride.tolist(),
        rows.demand_write.tolist(),
        strict=True,
    )
    demands = [
        Asked(*row) for row in zip(rows.demand_server.tolist(), rows.demand_quanta.tolist(), shapes, strict=True)
    ]
    return [
        Template(
            waits=tuple(waits[slice(*rows.wait_ptr[i : i + 2])]),
            signals=tuple(signals[slice(*rows.signal_ptr[i : i + 2])]),
            demands=tuple(demands[slice(*rows.demand_ptr[i : i + 2])]),
        )
        for i in range(rows.wait_ptr.size - 1)
    ]


@dataclass(slots=True, kw_only=True, eq=False)
class Layer:
    """A layer that has been admitted: its program, and how much of it has not yet ended."""

    number: int
    program: LayerProgram
    templates: list[Template]
    n_left: int
    n_primary_left: int

    def queue(self, unit: int) -> Iterator[Command]:
        """Yield the commands of one unit in queue order."""
        program = self.program
        first, last = int(program.unit_ptr[unit]), int(program.unit_ptr[unit + 1])
        for position in range(first, last):
            yield Command(
                layer=self,
                position=position,
                number=position - first,
                own_cycles=int(program.own_cycles[position]),
                address=int(program.address[position]),
                template=self.templates[program.template[position]],
            )


@dataclass(slots=True, kw_only=True, eq=False)
class Command:
    """One command: ``number`` counts in its unit's queue, ``position`` in the layer's program."""

    layer: Layer
    position: int
    number: int
    own_cycles: int
    address: int
    template: Template
    issue_cycle: int = -1
    over: bool = False
    served: list[tuple[int, int]] = field(default_factory=list)
    """(cycle, server) of each demand that completed at a server that takes time."""


class Unit:
    """One in-order unit.

    The process :meth:`run` offers the next command as ``head`` and sleeps until the arbiter lets it issue. Each
    command in flight is a process of its own, :meth:`execute`. The arbiter calls the other methods, in the order of
    the rules; between its calls, everything that is due in this cycle has happened.
    """

    def __init__(self, env: Clock, spec: UnitSpec, index: int, servers: list[ServerProcess], books: Books) -> None:
        self.env, self.index, self.servers, self.books = env, index, servers, books
        self.depth = spec.depth
        self.layers: simpy.Store = simpy.Store(env)
        self.head: Command | None = None
        self.in_flight: deque[Command] = deque()
        self._may_issue = env.event()
        self._to_push: list[Command] = []
        self._doing = Account("idle", index)
        self._since = 0
        env.process(self.run())

    def run(self) -> Generator[simpy.Event, Layer, None]:
        """Offer the commands of layer after layer, in queue order."""
        while True:
            layer = yield self.layers.get()
            for command in layer.queue(self.index):
                self.head = command
                self._may_issue = self.env.event()
                yield self._may_issue

    def execute(self, command: Command, demands: list[simpy.Event]) -> Generator[simpy.Event, object, None]:
        """Let a command's own cycles pass while servers serve its demands; it is over when all of this is done."""
        yield self.env.timeout(command.issue_cycle + command.own_cycles - self.env.cycle)
        yield self.env.all_of(demands)
        command.over = True

    def may_issue(self, have: Sequence[int]) -> bool:
        """Whether the next command is there, has room in flight, and finds all it waits for in the semaphores."""
        return self.head is not None and len(self.in_flight) < self.depth and self.unmet_wait(have) is None

    def unmet_wait(self, have: Sequence[int]) -> tuple[int, int] | None:
        """Return (semaphore, amount) of the first wait of the next command that is not satisfied, if there is one."""
        assert self.head is not None
        return next((wait for wait in self.head.template.waits if have[wait[0]] < wait[1]), None)

    def issue_command(self, have: list[int]) -> None:
        """Take all that the next command waits for and put it in flight."""
        assert self.head is not None
        command, self.head = self.head, None
        for semaphore, amount in command.template.waits:
            have[semaphore] -= amount
        command.issue_cycle = self.env.cycle
        self.in_flight.append(command)
        if command.template.demands:
            self._to_push.append(command)
        else:
            self.env.process(self.execute(command, []))
        self._may_issue.succeed()

    def push_demands(self) -> bool:
        """Send the demands of newly issued commands to their servers, in issue order; False if there are none."""
        pushed = bool(self._to_push)
        for command in self._to_push:
            self.env.process(self.execute(command, [self._push(command, *asked) for asked in command.template.demands]))
        self._to_push.clear()
        return pushed

    def _push(self, command: Command, server: int, quanta: int, shape: Shape) -> simpy.Event:
        done = self.servers[server].push(Request(self.index, quanta, command.address, shape))
        if self.servers[server].takes_time:
            self.books.quanta[server, self.index] += quanta
            done.callbacks.append(lambda _: command.served.append((self.env.cycle, server)))
        return done

    def end_command(self) -> Command | None:
        """Take the oldest command out of flight if it is over; ``None`` otherwise."""
        if not self.in_flight or not self.in_flight[0].over:
            return None
        command = self.in_flight.popleft()
        if self.depth == 1:
            self._book_loss(command)
        return command

    def _book_loss(self, command: Command) -> None:
        """Book what a command took longer than alone as a stall on the server that completed last."""
        alone_end = command.issue_cycle + self.alone_cycles(command)
        if alone_end < self.env.cycle:
            self.books.book(self._doing, self._since, alone_end)
            # Of several servers that completed in one cycle, the lowest.
            _, server = max(command.served, key=lambda done: (done[0], -done[1]))
            self.books.book(Account("server", self.index, server), alone_end, self.env.cycle)
            self._since = self.env.cycle

    def alone_cycles(self, command: Command) -> int:
        """Return what a command needs by itself: the larger of its own cycles and of each of its demands."""
        demands = command.template.demands
        return max([command.own_cycles, *(self.servers[asked.server].alone_cycles(asked.quanta) for asked in demands)])

    def note_state(self, have: Sequence[int]) -> None:
        """Book what the unit does from this cycle on, now that nothing more happens in it."""
        wait = None if self.head is None else self.unmet_wait(have)
        if self.in_flight:
            self._change(Account("busy", self.index))
        elif wait is None:
            self._change(Account("idle", self.index))
        else:
            self._change(Account("semaphore", self.index, wait[0]))

    def close(self) -> None:
        """Book what the unit has done up to now."""
        self.books.book(self._doing, self._since, self.env.cycle)

    def _change(self, doing: Account) -> None:
        if doing != self._doing:
            self.close()
            self._doing, self._since = doing, self.env.cycle


UNITS: dict[UnitRole, type[Unit]] = {
    "array": Unit,
    "vector": Unit,
    "transform": Unit,
    "dma": Unit,
    "allocator": Unit,
}
