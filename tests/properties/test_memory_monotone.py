"""More capacity, ports or banks are never slower, under the same mapping, where servers are not shared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from accel_sim.arch import Accelerator
from accel_sim.engine import run
from accel_sim.engine.simulate import Job, prepare, simulate
from accel_sim.errors import MappingError
from tests.properties.small_jobs import MAC_KINDS, layers, machines, network, shipped

NARROW = {"width_bits": 8, "ports": 1}
EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def cycles(job: Job, arch: Accelerator) -> int:
    """Cycles of a mapped network on another machine that the same mapping fits."""
    one = job.network.select(job.network.layers[0].name)
    machine = prepare(one, arch, mapping=None).machine
    other = replace(job, arch=arch, machine=machine, kept=[])
    return int(run(machine, other.programs()).boundary_cycles[-1])


def private(arch: Accelerator) -> Accelerator:
    """The machine with no server that two units share."""
    ports = {f"buffers.{buffer.name}.dma_shares_port": False for buffer in arch.buffers}
    return arch.with_set({"dram": "ideal", **ports})


def larger(arch: Accelerator, key: str, factor: int) -> Accelerator:
    """The machine with ``factor`` times as much of ``key`` in every buffer."""
    sets: dict[str, Any] = {}
    for buffer in arch.buffers:
        sets[f"buffers.{buffer.name}.{key}"] = getattr(buffer, key) * factor
        if key == "banks":
            sets[f"buffers.{buffer.name}.size_bytes"] = buffer.size_bytes * factor
    return arch.with_set(sets)


@pytest.mark.parametrize("name", ["diannao", "eyeriss"])
@pytest.mark.parametrize("key", ["size_bytes", "ports", "banks"])
def test_more_is_never_slower(name: str, key: str) -> None:
    """On a memory without time; the DMA fills buffers through ports of its own."""
    seen = {"runs": 0, "faster": 0}

    @EXAMPLES
    @given(machines(name), st.data())
    def check(arch: Accelerator, data: st.DataObject) -> None:
        arch = private(arch)
        entry = data.draw(layers("layer", data.draw(st.sampled_from(MAC_KINDS))))
        try:
            job = prepare(network([entry], arch), arch)
            before, after = cycles(job, arch), cycles(job, larger(arch, key, 2))
        except MappingError:
            assume(False)
            return
        assert after <= before, (before, after)
        seen["runs"] += 1
        seen["faster"] += after < before

    check()
    assert seen["runs"] >= 10


@pytest.mark.parametrize("name", ["diannao", "eyeriss"])
def test_shared_ports_show_as_a_stall(name: str) -> None:
    """Narrow ports that DMA and array share cost time; an array that needs more than they give says so."""
    arch = shipped(name)
    sets: dict[str, Any] = {}
    for buffer in arch.buffers:
        sets[f"buffers.{buffer.name}.dma_shares_port"] = True
    shared = arch.with_set(sets)
    entry = {"name": "conv", "op": "conv2d", "ifmap": [16, 14, 14], "filter": [16, 16, 3, 3], "padding": 1}
    for buffer in arch.buffers:
        narrow = shared.with_set({f"buffers.{buffer.name}.{key}": n for key, n in NARROW.items()})
        result = simulate(network([entry], narrow), narrow, dram="ideal", steady=False)
        alone = simulate(network([entry], arch), arch, dram="ideal", steady=False)
        assert result.total["total_cycles"] > alone.total["total_cycles"]
        assert not any(reason.startswith("port") for reason in alone.total["stall_cycles"])
        if "ifmap" in buffer.holds and name == "diannao":  # 25 banks of the other are enough even for one byte each
            assert result.total["stall_cycles"][f"port:{buffer.name}"] > 0
