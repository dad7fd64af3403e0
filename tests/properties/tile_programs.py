"""Machines and tile programs for hypothesis: decoded from bytes, so that drawing is cheap and zeros are simple."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

from accel_sim.arch.dram_device import load_dram_preset
from accel_sim.program import Demand, LayerBuilder, LayerProgram, Machine, Semaphore, Server, Unit
from accel_sim.program.machine import DramSetup, UnitRole

T = TypeVar("T")

DEPTHS = (1, 1, 1, 2, 3, 8)
ROLES: tuple[UnitRole, ...] = ("array", "vector", "dma", "transform", "allocator")
OWN_CYCLES = (0, 1, 0, 2, 3, 5, 9, 17)
QUANTA = (1, 2, 3, 5, 8, 13, 21)
RATES = ((1, 1), (2, 1), (1, 2), (3, 2), (2, 3), (7, 5), (1, 4), (5, 1))
MEMORY = "dram"
PRESETS = ("ddr4_2400", "ddr3_1600", "hbm2")
CORE_CLOCKS_HZ = (200_000_000, 1_000_000_000, 980_000_000, 2_400_000_000)
STRIDES_BYTES = (64, 16, 320, 8192, 100_000)
ADDRESS_BYTES = 1200
BYTES_PER_COMMAND = 16


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


def decode_machine(choices: Choices, memory: bool) -> Machine:
    """Return a machine of up to five units, six semaphores, three servers, and a DRAM controller."""
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
    if memory:
        setup = DramSetup(device=load_dram_preset(choices.of(PRESETS)), core_clock_hz=choices.of(CORE_CLOCKS_HZ))
        place = choices.below(len(servers) + 1)
        servers.insert(place, Server(name=MEMORY, kind="dram", quantum_bytes=64, setup=setup))
    return Machine(units=tuple(units), semaphores=semaphores, servers=tuple(servers))


def decode_demand(machine: Machine, choices: Choices) -> Demand:
    """Return a demand on any server; of the memory, runs of bytes that touch or not."""
    server = choices.of(machine.servers).name
    quanta = choices.of(QUANTA)
    if server != MEMORY:
        return Demand(server, quanta)
    inner_stride, outer_stride = choices.of(STRIDES_BYTES), choices.of(STRIDES_BYTES)
    inner, outer = 1 + choices.below(3), 1 + choices.below(2)
    return Demand(server, 16 * quanta, inner, inner_stride, outer, outer_stride, choices.below(2) == 1)


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
        demands = [decode_demand(machine, choices) for _ in range(choices.below(3) if machine.servers else 0)]
        if [demand.server for demand in demands].count(MEMORY) > 1:
            demands.pop()
        builder = builders[layer]
        row = builder.template(waits=waits, signals=signals, demands=demands)
        builder.queue(unit, row, choices.of(OWN_CYCLES), ADDRESS_BYTES * choices.below(256))
    return [builder.build(unit) for builder, unit in zip(builders, primary, strict=True)]


@st.composite
def machines_and_programs(
    draw: st.DrawFn, max_commands: int = 40, memory: bool = False
) -> tuple[Machine, list[LayerProgram]]:
    """A machine, and layers of about up to ``max_commands`` commands together."""
    size = 40 + BYTES_PER_COMMAND * draw(st.integers(0, max_commands))
    choices = Choices(draw(st.binary(min_size=size, max_size=size)))
    machine = decode_machine(choices, memory)
    return machine, decode_programs(machine, choices)
