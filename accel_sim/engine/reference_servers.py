"""Servers of the reference engine: SimPy processes that tell each demand when it has been served.

A kind of server of your own is a class like :class:`ServerProcess` and a line in ``SERVERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple, Protocol

import simpy

from accel_sim.engine.dram import DramCounts, controller_config, count
from accel_sim.engine.tables import grow_servers, server_arrays
from accel_sim.kernels import servers as kernel
from accel_sim.kernels.dram.clients import flush
from accel_sim.kernels.dram.domains import clock_ratio
from accel_sim.kernels.dram.server import advance_until, push_at, take_due
from accel_sim.kernels.dram.transfers import Shape, new_dram
from accel_sim.program.machine import Machine, Server, ServerKind

FARTHEST_LOOK_CYCLES = 65536


class Clock(simpy.Environment):
    """A SimPy environment whose time is counted in whole cycles."""

    @property
    def cycle(self) -> int:
        """The current cycle."""
        return int(self.now)


class Request(NamedTuple):
    """One demand of a command: how much, and the bytes in DRAM for servers that know addresses."""

    unit: int
    quanta: int
    address: int
    shape: Shape


class ServerProcess(Protocol):
    """What the engine asks of a server.

    It is told of demands after all units have issued in a cycle, by ascending unit, then in issue order. It
    answers each by triggering an event, in that cycle or later.
    """

    takes_time: bool
    """Whether its quanta are counted."""

    def __init__(self, env: Clock, machine: Machine, index: int) -> None: ...

    def push(self, request: Request) -> simpy.Event:
        """Return the event that is triggered in the cycle in which this demand completes."""
        ...

    def alone_cycles(self, quanta: int) -> int:
        """Return what a demand takes when nobody else asks; what a command takes beyond that is lost to others."""
        ...

    def look_ahead(self, until_cycle: float) -> None:
        """Called when nothing more happens in this cycle; the next known event of all others is at ``until_cycle``.

        A server that has no event scheduled for what it will do up to then schedules it now.
        """
        ...


class IdealServer:
    """Serves in the cycle in which it is asked."""

    takes_time = False

    def __init__(self, env: Clock, machine: Machine, index: int) -> None:
        self._env = env

    def push(self, request: Request) -> simpy.Event:
        """Return an event that has been triggered."""
        return self._env.event().succeed()

    def alone_cycles(self, quanta: int) -> int:
        """Return 0."""
        return 0

    def look_ahead(self, until_cycle: float) -> None:
        """Do nothing: all is done."""


class BandwidthQueue:
    """One bandwidth server's kernels and their memory; time may not go back from call to call."""

    def __init__(self, machine: Machine, spec: Server) -> None:
        self._capacity = 1
        self._arrays = server_arrays(Machine(units=machine.units, semaphores=(), servers=(spec,)), self._capacity)
        self._waiting = [0] * len(machine.units)

    def push(self, unit: int, quanta: int, number: int, cycle: int) -> None:
        """Ask for ``quanta`` once what completes by ``cycle`` has been taken; ``number`` comes back at the end."""
        if self._waiting[unit] == self._capacity:
            self._capacity *= 2
            self._arrays = grow_servers(self._arrays, self._capacity)
        kernel.push(self._arrays, 0, unit, quanta, number, cycle)
        self._waiting[unit] += 1

    def next_completion(self) -> int | None:
        """Return the cycle of the earliest completion if nothing more is pushed; ``None`` when nothing is asked."""
        cycle = int(kernel.peek(self._arrays, 0))
        return None if cycle == kernel.NEVER else cycle

    def take(self, cycle: int) -> list[int]:
        """Return the numbers of all demands that complete by ``cycle``, each once."""
        kernel.advance(self._arrays, 0, cycle)
        numbers: list[int] = []
        while True:
            unit, number = kernel.take(self._arrays, 0, cycle)
            if unit < 0:
                return numbers
            self._waiting[int(unit)] -= 1
            numbers.append(int(number))


class BandwidthServer:
    """Quanta at a rate, then a latency: sleeps until its next completion, or until a demand may have moved it."""

    takes_time = True

    def __init__(self, env: Clock, machine: Machine, index: int) -> None:
        self._env, self._spec = env, machine.servers[index]
        self._queue = BandwidthQueue(machine, self._spec)
        self._served: dict[int, simpy.Event] = {}
        self._n_pushed = 0
        self._pushed = env.event()
        env.process(self._run())

    def push(self, request: Request) -> simpy.Event:
        """Return the event of the demand's completion."""
        number = self._n_pushed
        self._n_pushed += 1
        self._queue.push(request.unit, request.quanta, number, self._env.cycle)
        self._served[number] = self._env.event()
        if not self._pushed.triggered:
            self._pushed.succeed()
        return self._served[number]

    def alone_cycles(self, quanta: int) -> int:
        """Return the time of the quanta at the full rate, and the latency."""
        return self._spec.alone_cycles(quanta)

    def look_ahead(self, until_cycle: float) -> None:
        """Do nothing: the next completion is known as soon as a demand comes."""

    def _run(self) -> Generator[simpy.Event, None, None]:
        while True:
            wake = self._pushed
            cycle = self._queue.next_completion()
            if cycle is not None:
                wake = wake | self._env.timeout(cycle - self._env.cycle)
            yield wake
            if self._pushed.triggered:
                self._pushed = self._env.event()
            for number in self._queue.take(self._env.cycle):
                self._served.pop(number).succeed()


class DramServer:
    """The DRAM controller, clock-stepped: it knows when a transfer completes only once it has been there."""

    takes_time = True

    def __init__(self, env: Clock, machine: Machine, index: int) -> None:
        setup = machine.servers[index].setup
        assert setup is not None
        self._env = env
        self._ratio = clock_ratio(setup.core_clock_hz, setup.device.clock_ps)
        depth = max(unit.depth for unit in machine.units)
        self._dram = new_dram(controller_config(setup.device), len(machine.units), depth)
        self._served: dict[int, simpy.Event] = {}
        self._n_pushed = 0

    def push(self, request: Request) -> simpy.Event:
        """Return the event of the transfer's completion."""
        number = self._n_pushed
        self._n_pushed += 1
        accepted = push_at(
            self._dram, request.unit, request.address, request.shape, number, self._env.cycle, self._ratio
        )
        assert accepted, "more transfers of a unit than it has commands in flight"
        self._served[number] = self._env.event()
        return self._served[number]

    def alone_cycles(self, quanta: int) -> int:
        """Return a time that no command exceeds: what a transfer takes by itself is not known, so nothing is lost."""
        return kernel.NEVER

    def look_ahead(self, until_cycle: float) -> None:
        """Simulate up to the next event of all others, or to the first completion before it; be there then."""
        if self._served:
            farthest = int(min(until_cycle, self._env.cycle + FARTHEST_LOOK_CYCLES))
            cycle = int(advance_until(self._dram, farthest, self._ratio))
            wake = self._env.timeout(cycle - self._env.cycle)
            wake.callbacks.append(self._deliver)

    def _deliver(self, wake: simpy.Event) -> None:
        while True:
            unit, number = take_due(self._dram, self._env.cycle, self._ratio)
            if unit < 0:
                return
            self._served.pop(int(number)).succeed()

    def counts(self) -> DramCounts:
        """Return what the controller counted, once it has run up to now and written back what it buffers."""
        advance_until(self._dram, self._env.cycle, self._ratio)
        return count(self._dram.channels, int(flush(self._dram)))


SERVERS: dict[ServerKind, Callable[[Clock, Machine, int], ServerProcess]] = {
    "ideal": IdealServer,
    "bandwidth": BandwidthServer,
    "dram": DramServer,
}
