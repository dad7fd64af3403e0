"""SRAM ports: an access is refused in the cycle before its turn and served in its turn, whatever ports and banks."""

from __future__ import annotations

import pytest

from accel_sim.arch import load_arch
from accel_sim.engine import Engine, run
from accel_sim.lowering.machine import ARRAY, DMA_IFMAP, port, standard_machine
from accel_sim.program import Demand, LayerBuilder

ENGINES: tuple[Engine, ...] = ("compiled", "reference")
BUFFERS = {"nbin": DMA_IFMAP, "sb": "dma_filter"}


def spans(engine: Engine, name: str, ports: int, banks: int, n_array: int, n_dma: int) -> tuple[int, int]:
    """Cycles in which the array's and the DMA's accesses to one buffer end, when both ask in cycle 0."""
    arch = load_arch(
        "diannao",
        {
            f"buffers.{name}.dma_shares_port": "true",
            f"buffers.{name}.ports": str(ports),
            f"buffers.{name}.banks": str(banks),
        },
    )
    machine = standard_machine(arch)
    buffer = next(buffer for buffer in arch.buffers if buffer.name == name)
    builder = LayerBuilder(machine, "layer", 0)
    loader = BUFFERS[name]
    for unit, accesses in ((ARRAY, n_array), (loader, n_dma)):
        if accesses:
            demand = Demand(port(buffer), accesses * buffer.width_bytes)
            builder.queue(unit, builder.template(demands=[demand]))
    timeline = run(machine, [builder.build(ARRAY)], engine, record=True)
    ends = dict.fromkeys((ARRAY, loader), 0)
    order = [unit for unit in (unit.name for unit in machine.units) if unit in ends]
    present = [unit for unit in order if {ARRAY: n_array, loader: n_dma}[unit]]
    ends.update(zip(present, (int(cycle) for cycle in timeline.end_cycle[0]), strict=True))
    return ends[ARRAY], ends[loader]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", sorted(BUFFERS))
@pytest.mark.parametrize(("ports", "banks"), [(1, 1), (2, 1), (1, 2), (2, 4)])
def test_one_access_too_many_takes_one_cycle_more(engine: Engine, name: str, ports: int, banks: int) -> None:
    """``ports x banks`` accesses fit a cycle; the next one is refused until the cycle after."""
    a_cycle = ports * banks
    assert spans(engine, name, ports, banks, 3 * a_cycle, 0)[0] == 3
    assert spans(engine, name, ports, banks, 3 * a_cycle + 1, 0)[0] == 4


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", sorted(BUFFERS))
def test_array_and_dma_take_turns_at_one_port(engine: Engine, name: str) -> None:
    """With one port, each of two equal streams has every second cycle: the second to be served ends one cycle later."""
    array, dma = spans(engine, name, 1, 1, 5, 5)
    assert sorted((array, dma)) == [9, 10]
    assert sorted(spans(engine, name, 2, 1, 5, 5)) == [5, 5]
