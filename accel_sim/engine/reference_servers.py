"""Servers of the reference engine: SimPy processes that tell each demand when it has been served.

A server of your own is a class with the two methods of :class:`ServerProcess`, and a line in ``SERVERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol

import simpy

from accel_sim.engine.tables import grow_servers, server_arrays
from accel_sim.kernels import servers as kernel
from accel_sim.program.machine import Machine


class Clock(simpy.Environment):
    """A SimPy environment whose time is counted in whole cycles."""

    @property
    def cycle(self) -> int:
        """The current cycle."""
        return int(self.now)


class Bandwidth:
    """The bandwidth servers of a machine: the one place that touches their kernels.

    Time may not go back from call to call. ``push`` comes after ``completed`` of the same cycle.
    """

    def __init__(self, machine: Machine) -> None:
        self._capacity = 1
        self._arrays = server_arrays(machine, self._capacity)
        self._waiting = {(i, unit): 0 for i in range(len(machine.servers)) for unit in range(len(machine.units))}

    def push(self, server: int, unit: int, quanta: int, number: int, now: int) -> None:
        """Ask ``server`` for ``quanta`` in cycle ``now``; ``number`` comes back with the completion."""
        if self._waiting[server, unit] == self._capacity:
            self._capacity *= 2
            self._arrays = grow_servers(self._arrays, self._capacity)
        kernel.push(self._arrays, server, unit, quanta, number, now)
        self._waiting[server, unit] += 1

    def next_completion(self, server: int) -> int | None:
        """Return the cycle of the earliest completion if nothing more is pushed; ``None`` when nothing is asked."""
        cycle = int(kernel.peek(self._arrays, server))
        return None if cycle == kernel.NEVER else cycle

    def completed(self, server: int, now: int) -> list[int]:
        """Return the numbers of all demands that complete by cycle ``now``, each once."""
        kernel.advance(self._arrays, server, now)
        numbers: list[int] = []
        while True:
            unit, number = kernel.take(self._arrays, server, now)
            if unit < 0:
                return numbers
            self._waiting[server, int(unit)] -= 1
            numbers.append(int(number))


class ServerProcess(Protocol):
    """What the engine asks of a server.

    It is told of demands after all units have issued in a cycle, by ascending unit, then in issue order; it
    answers each by triggering an event, in that cycle or later.
    """

    takes_time: bool
    """Whether its quanta are counted, and loss of cycles to it is a stall."""

    def __init__(self, env: Clock, index: int, bandwidth: Bandwidth) -> None: ...

    def push(self, unit: int, quanta: int) -> simpy.Event:
        """Return the event that is triggered in the cycle in which this demand completes."""
        ...


class IdealServer:
    """Serves in the cycle in which it is asked."""

    takes_time = False

    def __init__(self, env: Clock, index: int, bandwidth: Bandwidth) -> None:
        self._env = env

    def push(self, unit: int, quanta: int) -> simpy.Event:
        """Return an event that has been triggered."""
        return self._env.event().succeed()


class BandwidthServer:
    """Quanta at a rate, then a latency: sleeps until its next completion, or until a demand may have moved it."""

    takes_time = True

    def __init__(self, env: Clock, index: int, bandwidth: Bandwidth) -> None:
        self._env, self._index, self._bandwidth = env, index, bandwidth
        self._served: dict[int, simpy.Event] = {}
        self._n_pushed = 0
        self._pushed = env.event()
        env.process(self._run())

    def push(self, unit: int, quanta: int) -> simpy.Event:
        """Return the event of the demand's completion."""
        number = self._n_pushed
        self._n_pushed += 1
        self._bandwidth.push(self._index, unit, quanta, number, self._env.cycle)
        self._served[number] = self._env.event()
        if not self._pushed.triggered:
            self._pushed.succeed()
        return self._served[number]

    def _run(self) -> Generator[simpy.Event, None, None]:
        while True:
            wake = self._pushed
            cycle = self._bandwidth.next_completion(self._index)
            if cycle is not None:
                wake = wake | self._env.timeout(cycle - self._env.cycle)
            yield wake
            if self._pushed.triggered:
                self._pushed = self._env.event()
            for number in self._bandwidth.completed(self._index, self._env.cycle):
                self._served.pop(number).succeed()


SERVERS: dict[str, Callable[[Clock, int, Bandwidth], ServerProcess]] = {
    "ideal": IdealServer,
    "bandwidth": BandwidthServer,
}
