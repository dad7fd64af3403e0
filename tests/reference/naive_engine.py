"""Tile programs by brute force: every cycle is visited, every tick of every server, with lists and nothing else."""

from __future__ import annotations

from typing import Any, NamedTuple

Pairs = list[tuple[int, int]]


class NaiveServer(NamedTuple):
    """``ticks`` of a cycle, ``quantum_ticks`` of a quantum; a server that takes no time has 0 ticks."""

    ticks: int
    quantum_ticks: int
    latency_cycles: int
    fixed_priority: bool


class NaiveCommand(NamedTuple):
    """Own cycles; (semaphore, amount) of waits and signals; (server, quanta) of demands."""

    own_cycles: int
    waits: Pairs
    signals: Pairs
    demands: Pairs


class NaiveLayer(NamedTuple):
    """A queue of commands for each unit; the last command of the primary unit closes the layer's window."""

    primary_unit: int
    queues: list[list[NaiveCommand]]


class NaiveMachine(NamedTuple):
    """Depth of each unit, first amount of each semaphore, servers."""

    depths: list[int]
    initial: list[int]
    servers: list[NaiveServer]


class Flight:
    """A command in flight."""

    def __init__(self, layer: int, place: int, command: NaiveCommand, now: int) -> None:
        self.layer, self.place, self.command, self.issued = layer, place, command, now
        self.own_end = now + command.own_cycles
        self.outstanding = 0
        self.last_cycle = self.last_server = -1
        self.late_windows: list[int] = []


class ServerState:
    """A server that is stepped tick by tick."""

    def __init__(self, spec: NaiveServer, n_units: int) -> None:
        self.spec, self.n_units = spec, n_units
        self.lanes: list[list[list[Any]]] = [[] for _ in range(n_units)]
        self.last_unit = n_units - 1
        self.serving: list[Any] | None = None
        self.ticks_left = 0
        self.done: list[tuple[int, Any]] = []

    def step(self, cycle: int) -> None:
        """Live through one cycle."""
        for tick in range(self.spec.ticks):
            if self.ticks_left == 0:
                self.start()
            if self.ticks_left > 0:
                self.ticks_left -= 1
                if self.ticks_left == 0:
                    self.finish(cycle * self.spec.ticks + tick + 1)

    def start(self) -> None:
        """Take up one quantum of the unit whose turn it is."""
        if self.spec.fixed_priority:
            order = list(range(self.n_units))
        else:
            order = [(self.last_unit + 1 + i) % self.n_units for i in range(self.n_units)]
        for unit in order:
            if self.lanes[unit]:
                self.serving = self.lanes[unit][0]
                self.serving[0] -= 1
                if self.serving[0] == 0:
                    self.lanes[unit].pop(0)
                self.last_unit = unit
                self.ticks_left = self.spec.quantum_ticks
                return

    def finish(self, tick: int) -> None:
        """End a quantum at ``tick``; with its last one a demand completes, ``latency_cycles`` later."""
        assert self.serving is not None
        if self.serving[0] == 0:
            cycle = 0
            while cycle * self.spec.ticks < tick:
                cycle += 1
            self.done.append((cycle + self.spec.latency_cycles, self.serving[1]))


def cycles_alone(spec: NaiveServer, quanta: int) -> int:
    """Cycles of a demand that nobody disturbs."""
    if spec.ticks == 0:
        return 0
    state = ServerState(spec, 1)
    state.lanes[0].append([quanta, None])
    cycle = 0
    while not state.done:
        state.step(cycle)
        cycle += 1
    return state.done[0][0]


class NaiveRun:
    """One run: ``deadlock`` tells whether it got stuck, the rest are the times of a run that did not."""

    def __init__(self, machine: NaiveMachine, layers: list[NaiveLayer]) -> None:
        n_units, n_layers = len(machine.depths), len(layers)
        self.machine, self.layers = machine, layers
        self.have = list(machine.initial)
        self.flights: list[list[Flight]] = [[] for _ in range(n_units)]
        self.servers = [ServerState(spec, n_units) for spec in machine.servers]
        self.waiting = [
            [(i, place, command) for i, layer in enumerate(layers) for place, command in enumerate(layer.queues[unit])]
            for unit in range(n_units)
        ]
        self.left = [sum(len(queue) for queue in layer.queues) for layer in layers]
        self.primary_left = [len(layer.queues[layer.primary_unit]) for layer in layers]
        self.n_admitted = min(2, n_layers)
        self.n_retired = 0
        self.boundaries: list[int] = []
        self.issue = [[[-1] * len(queue) for queue in layer.queues] for layer in layers]
        self.end = [[[-1] * len(queue) for queue in layer.queues] for layer in layers]
        self.busy = [[0] * n_units for _ in layers]
        self.idle = [[0] * n_units for _ in layers]
        self.by_semaphore = [[0] * len(machine.initial) for _ in layers]
        self.by_server = [[[0] * len(machine.servers) for _ in range(n_units)] for _ in layers]
        self.quanta = [[0] * n_units for _ in machine.servers]
        self.deadlock = False
        self.now = 0
        while True:
            self.step()
            if self.n_retired == n_layers:
                break
            if not any(self.flights):
                self.deadlock = True
                return
            self.account()
            for server in self.servers:
                server.step(self.now)
            self.now += 1
        if layers:
            self.boundaries[-1] = self.now

    def step(self) -> None:
        """Everything that happens in the cycle ``now``."""
        for index, server in enumerate(self.servers):
            for cycle, flight in server.done:
                if cycle == self.now:
                    flight.outstanding -= 1
                    if flight.last_cycle < self.now:
                        flight.last_cycle, flight.last_server = self.now, index
            server.done = [entry for entry in server.done if entry[0] > self.now]
        fresh: list[list[Flight]] = [[] for _ in self.flights]
        moved = True
        while moved:
            moved = self.end_all()
            while self.n_retired < self.n_admitted and self.left[self.n_retired] == 0:
                self.n_retired += 1
                self.n_admitted = min(self.n_admitted + 1, len(self.layers))
                moved = True
            n_closed = len(self.boundaries)
            while n_closed < self.n_admitted and self.primary_left[n_closed] == 0:
                self.boundaries.append(self.now)
                n_closed += 1
            for unit in range(len(self.flights)):
                moved |= self.issue_all(unit, fresh)
        for unit, flights in enumerate(fresh):
            for flight in flights:
                for index, quanta in flight.command.demands:
                    if self.machine.servers[index].ticks:
                        self.servers[index].lanes[unit].append([quanta, flight])
                        self.quanta[index][unit] += quanta

    def end_all(self) -> bool:
        ended = []
        for unit, flights in enumerate(self.flights):
            while flights and flights[0].outstanding == 0 and flights[0].own_end <= self.now:
                ended.append((unit, flights.pop(0)))
        for unit, flight in ended:
            for semaphore, amount in flight.command.signals:
                self.have[semaphore] += amount
            self.end[flight.layer][unit][flight.place] = self.now
            self.left[flight.layer] -= 1
            if self.layers[flight.layer].primary_unit == unit:
                self.primary_left[flight.layer] -= 1
            for window in flight.late_windows:
                self.by_server[window][unit][flight.last_server] += 1
        return bool(ended)

    def issue_all(self, unit: int, fresh: list[list[Flight]]) -> bool:
        issued = False
        while len(self.flights[unit]) < self.machine.depths[unit]:
            command = self.next_command(unit)
            if command is None or self.first_unmet(command) is not None:
                break
            layer, place, _ = self.waiting[unit].pop(0)
            for semaphore, amount in command.waits:
                self.have[semaphore] -= amount
            flight = Flight(layer, place, command, self.now)
            flight.outstanding = sum(self.machine.servers[server].ticks > 0 for server, _ in command.demands)
            self.flights[unit].append(flight)
            fresh[unit].append(flight)
            self.issue[layer][unit][place] = self.now
            issued = True
        return issued

    def next_command(self, unit: int) -> NaiveCommand | None:
        if self.waiting[unit] and self.waiting[unit][0][0] < self.n_admitted:
            return self.waiting[unit][0][2]
        return None

    def first_unmet(self, command: NaiveCommand) -> int | None:
        for semaphore, amount in command.waits:
            if self.have[semaphore] < amount:
                return semaphore
        return None

    def account(self) -> None:
        """Book the cycle from ``now`` to ``now + 1``."""
        window = min(len(self.boundaries), len(self.layers) - 1)
        for unit, flights in enumerate(self.flights):
            command = self.next_command(unit)
            if flights and self.machine.depths[unit] == 1 and self.now >= self.alone_end(flights[0]):
                flights[0].late_windows.append(window)
            elif flights:
                self.busy[window][unit] += 1
            elif command is None:
                self.idle[window][unit] += 1
            else:
                semaphore = self.first_unmet(command)
                assert semaphore is not None
                self.by_semaphore[window][semaphore] += 1

    def alone_end(self, flight: Flight) -> int:
        alone = [cycles_alone(self.machine.servers[server], quanta) for server, quanta in flight.command.demands]
        return flight.issued + max([flight.command.own_cycles, *alone])
