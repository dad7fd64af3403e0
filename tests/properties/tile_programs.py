"""Machines and tile programs for hypothesis: decoded from bytes, so that drawing is cheap and zeros are simple."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

from accel_sim.program import Demand, LayerBuilder, LayerProgram, Machine, Semaphore, Server, Unit
from accel_sim.program.machine import UnitRole

T = TypeVar("T")

DEPTHS = (1, 1, 1, 2, 3, 8)
ROLES: tuple[UnitRole, ...] = ("array", "vector", "dma", "transform", "allocator")
OWN_CYCLES = (0, 1, 0, 2, 3, 5, 9, 17)
QUANTA = (1, 2, 3, 5, 8, 13, 21)
RATES = ((1, 1), (2, 1), (1, 2), (3, 2), (2, 3), (7, 5), (1, 4), (5, 1))
BYTES_PER_COMMAND = 12


class Choices:
    """Bytes to choose from; zeros when they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)
        self.left = len(data)

    def below(self, limit: int) -> int:
        """Return a number in ``range(limit)``, 0 if ``limit`` is 0."""
        self.left -= 1
        value = next(self._data, 0)
        return value % limit if limit else 0

    def of(self, values: Sequence[T]) -> T:
        """Return one of ``values``."""
        return values[self.below(len(values))]


def decode_machine(choices: Choices) -> Machine:
    """Return a machine of up to five units, six semaphores and three servers."""
    units = []
    for i in range(1 + choices.below(5)):
        depth = choices.of(DEPTHS)
        role = "dma" if depth > 1 else choices.of(ROLES)
        units.append(Unit(name=f"unit{i}", role=role, depth=depth))
    semaphores = tuple(
        Semaphore(name=f"semaphore{i}", unit=choices.of(units).name, initial=choices.below(3), reason="reason")
        for i in range(choices.below(7))
    )
    servers = []
    for i in range(choices.below(4)):
        rate_num, rate_den = choices.of(RATES)
        servers.append(
            Server(
                name=f"server{i}",
                kind="ideal" if choices.below(5) == 4 else "bandwidth",
                rate_num=rate_num,
                rate_den=rate_den,
                latency_cycles=choices.of((0, 1, 4, 11)),
                arbitration="fixed_priority" if choices.below(2) else "round_robin",
            )
        )
    return Machine(units=tuple(units), semaphores=semaphores, servers=tuple(servers))


def decode_programs(machine: Machine, choices: Choices) -> list[LayerProgram]:
    """Return up to five layers.

    Commands are made in an order in which they could run one by one, each waiting for no more than there is; so the
    program can finish. In some programs any command may wait for more.
    """
    builders = [LayerBuilder(machine, f"layer{i}", i) for i in range(1 + choices.below(5))]
    primary = [choices.of(machine.units).name for _ in builders]
    greedy = choices.below(3) == 2
    have = {semaphore.name: semaphore.initial for semaphore in machine.semaphores}
    layer = 0
    while choices.left > 0:
        if choices.below(6) == 5:
            layer = min(layer + 1 + choices.below(2), len(builders) - 1)
        unit = choices.of(machine.units).name
        own = tuple(semaphore.name for semaphore in machine.semaphores if semaphore.unit == unit)
        waits: dict[str, int] = {}
        for _ in range(choices.below(3) if own else 0):
            name, amount = choices.of(own), 1 + choices.below(3)
            waits[name] = amount if greedy and choices.below(4) == 3 else max(0, min(amount, have[name]))
        signals = {choices.of(machine.semaphores).name: 1 + choices.below(4) for _ in range(choices.below(3)) if have}
        for name, amount in waits.items():
            have[name] -= amount
        for name, amount in signals.items():
            have[name] += amount
        demands = [
            Demand(choices.of(machine.servers).name, choices.of(QUANTA))
            for _ in range(choices.below(3) if machine.servers else 0)
        ]
        builder = builders[layer]
        row = builder.template(waits=waits, signals=signals, demands=demands)
        builder.queue(unit, row, choices.of(OWN_CYCLES))
    return [builder.build(unit) for builder, unit in zip(builders, primary, strict=True)]


@st.composite
def machines_and_programs(draw: st.DrawFn, max_commands: int = 40) -> tuple[Machine, list[LayerProgram]]:
    """A machine, and layers of about up to ``max_commands`` commands together."""
    size = 40 + BYTES_PER_COMMAND * draw(st.integers(0, max_commands))
    choices = Choices(draw(st.binary(min_size=size, max_size=size)))
    machine = decode_machine(choices)
    return machine, decode_programs(machine, choices)
