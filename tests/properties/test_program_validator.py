"""The validator against the engines on deadlock, and against brute force on every pair of a read and a write."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.engine.compiled import run_compiled
from accel_sim.errors import ProgramError
from accel_sim.program import Demand, LayerBuilder, LayerProgram, Machine, Semaphore, Server, Unit
from accel_sim.program.validate import validate
from tests.properties.tile_programs import Choices, machines_and_programs
from tests.reference.naive_replay import NaiveCommand, NaiveProgram, hazards, issued

EXAMPLES = settings(max_examples=600, deadline=None, derandomize=True, database=None)

COMMAND = r"unit 'unit(\d)' at command (\d+) of layer 'layer(\d)' \(bytes \d+ to \d+\)"
HAZARD = re.compile(f"{COMMAND} reads the memory where {COMMAND} writes, and nothing keeps them in order")


def complaint(run, *arguments) -> str:
    """Return what ``run`` raises as :class:`ProgramError`, or nothing."""
    try:
        run(*arguments)
    except ProgramError as error:
        return str(error)
    return ""


def test_validator_finds_the_deadlocks_of_the_engines() -> None:
    seen: Counter[str] = Counter()

    @settings(EXAMPLES, max_examples=1000)
    @given(machines_and_programs())
    def check(drawn: tuple[Machine, list[LayerProgram]]) -> None:
        machine, programs = drawn
        found = complaint(validate, machine, iter(programs))
        assert found == complaint(run_compiled, machine, iter(programs))
        seen["deadlock" if found else "finished"] += 1

    check()
    assert min(seen["deadlock"], seen["finished"]) >= 50


@st.composite
def memory_programs(draw: st.DrawFn) -> tuple[Machine, list[LayerProgram], NaiveProgram]:
    """A machine whose units read and write a few bytes of memory, and the same program for the twin."""
    size = draw(st.integers(40, 260))
    choices = Choices(draw(st.binary(min_size=size, max_size=size)))
    n_units = 1 + choices.below(3)
    units = tuple(Unit(name=f"unit{i}", role="dma", depth=choices.of((1, 1, 2, 3))) for i in range(n_units))
    semaphores = tuple(
        Semaphore(name=f"semaphore{i}", unit=choices.of(units).name, initial=choices.below(2), reason="reason")
        for i in range(choices.below(6))
    )
    machine = Machine(
        units=units,
        semaphores=semaphores,
        servers=(Server(name="port", kind="bandwidth"), Server(name="dram", kind="bandwidth")),
    )
    n_layers = 1 + choices.below(4)
    builders = [LayerBuilder(machine, f"layer{i}", i) for i in range(n_layers)]
    plain = NaiveProgram(
        [[[] for _ in units] for _ in builders], [u.depth for u in units], [s.initial for s in semaphores]
    )
    have = [semaphore.initial for semaphore in semaphores]
    layer = 0
    while choices.left > 0:
        if choices.below(5) == 4:
            layer = min(layer + 1, n_layers - 1)
        unit = choices.below(n_units)
        own = [i for i, semaphore in enumerate(semaphores) if semaphore.unit == units[unit].name]
        waits = {}
        for _ in range(choices.below(3) if own else 0):
            semaphore = choices.of(own)
            waits[semaphore] = min(1 + choices.below(2), have[semaphore])
        signals = {choices.below(len(semaphores)): 1 for _ in range(choices.below(3)) if semaphores}
        address = choices.below(24)
        demands, reads, writes = [], set(), set()
        for _ in range(choices.of((1, 1, 0, 2))):
            demand = Demand(
                choices.of(("dram", "dram", "dram", "port")),
                run_bytes=choices.of((1, 2, 4)),
                inner=choices.of((1, 1, 2, 3)),
                inner_stride_bytes=choices.of((4, 1, 2, 6)),
                outer=choices.of((1, 1, 2)),
                outer_stride_bytes=choices.of((8, 4, 11)),
                write=choices.below(2) == 1,
            )
            demands.append(demand)
            touched = {
                address + o * demand.outer_stride_bytes + i * demand.inner_stride_bytes + byte
                for o in range(demand.outer)
                for i in range(demand.inner)
                for byte in range(demand.run_bytes)
            }
            if demand.server == "dram":
                (writes if demand.write else reads).update(touched)
        for semaphore, amount in waits.items():
            have[semaphore] -= amount
        for semaphore, amount in signals.items():
            have[semaphore] += amount
        builder = builders[layer]
        row = builder.template(
            waits={f"semaphore{semaphore}": amount for semaphore, amount in waits.items()},
            signals={f"semaphore{semaphore}": amount for semaphore, amount in signals.items()},
            demands=demands,
        )
        builder.queue(units[unit].name, row, addresses=address)
        plain.layers[layer][unit].append(NaiveCommand(list(waits.items()), list(signals.items()), reads, writes))
    return machine, [builder.build(units[0].name) for builder in builders], plain


def test_validator_finds_the_hazards_of_brute_force() -> None:
    seen: Counter[str] = Counter()

    @EXAMPLES
    @given(memory_programs())
    def check(drawn: tuple[Machine, list[LayerProgram], NaiveProgram]) -> None:
        machine, programs, plain = drawn
        n_commands = sum(len(queue) for layer in plain.layers for queue in layer)
        assert len(issued(plain, None)) == n_commands, "drawn so that it can finish"
        expected = hazards(plain)
        found = complaint(validate, machine, iter(programs))
        if not expected:
            assert found == ""
            seen["clean"] += any(reads_what_was_written(plain))
            return
        match = HAZARD.fullmatch(found)
        assert match is not None, found
        numbers = [int(text) for text in match.groups()]
        (unit, number, layer), (other_unit, other_number, other_layer) = numbers[:3], numbers[3:]
        assert ((layer, unit, number), (other_layer, other_unit, other_number)) in expected
        seen["in one layer" if layer == other_layer else "across layers"] += 1
        seen["in one queue"] += unit == other_unit

    check()
    assert min(seen[kind] for kind in ("clean", "in one layer", "across layers", "in one queue")) >= 20, seen


def reads_what_was_written(plain: NaiveProgram):
    """Yield, for each two layers that follow one another or are the same, whether one reads what the other writes."""
    for first, second in [*pairwise(plain.layers), *((layer, layer) for layer in plain.layers)]:
        writes = [command.writes for queue in first for command in queue]
        reads = [command.reads for queue in second for command in queue]
        yield bool(set().union(*writes) & set().union(*reads))


def test_large_tiled_layers_are_checked_quickly() -> None:
    """Tiles of 64 x 256 outputs in strided runs: 20,000 reads against 20,000 writes of the layer before."""
    machine = Machine(
        units=(Unit(name="load", role="dma", depth=8), Unit(name="store", role="dma", depth=8)),
        semaphores=(Semaphore(name="stored", unit="load", reason="producer"),),
        servers=(Server(name="dram", kind="bandwidth"),),
    )
    n_tiles = 20_000
    addresses = np.arange(n_tiles) * 64
    shape = {"run_bytes": 64, "inner": 8, "inner_stride_bytes": 64 * n_tiles}
    first, second = (LayerBuilder(machine, name, index) for index, name in enumerate(("first", "second")))
    store = first.template(demands=[Demand("dram", write=True, **shape)], signals={"stored": 1})
    first.queue("store", np.full(n_tiles, store), addresses=addresses)
    load = second.template(demands=[Demand("dram", **shape)], waits={"stored": 1})
    second.queue("load", np.full(n_tiles, load), addresses=addresses)
    programs = [first.build("store"), second.build("load")]
    validate(machine, programs)
    programs[1].address[n_tiles // 2] += 64
    error = complaint(validate, machine, programs)
    assert error.startswith("unit 'load' at command 10000 of layer 'second'")
    assert "unit 'store' at command 10001 of layer 'first'" in error
