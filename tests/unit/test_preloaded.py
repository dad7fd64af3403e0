"""Filters that are on chip before a run: no traffic and no waits for them where they fit, everything as before else."""

from __future__ import annotations

from typing import Any

import pytest

from accel_sim.arch import Accelerator, load_arch
from accel_sim.engine.simulate import simulate
from accel_sim.errors import InputError
from accel_sim.results import NetworkResult
from accel_sim.workload import Network, load_workload
from tests.properties.small_jobs import network

LAYERS = [
    {"name": "first", "op": "linear", "in_features": 96, "out_features": 64, "density": {"ifmap": 0.5, "filter": 0.2}},
    {"name": "second", "op": "linear", "inputs": ["first"], "in_features": 64, "out_features": 40},
]
CONV = {"name": "conv", "op": "conv2d", "ifmap": [2, 12, 12], "filter": [6, 2, 3, 3]}
MATMUL = {"name": "scores", "op": "matmul", "m": 4, "k": 96, "n": 30, "second": "activation"}


def run(arch: Accelerator, *entries: dict[str, Any], **options: Any) -> NetworkResult:
    return simulate(network(list(entries), arch, 1), arch, steady=False, **options)


def not_preloaded(arch: Accelerator) -> Accelerator:
    return arch.with_set({"preloaded": "[]"})


@pytest.mark.parametrize("name", ["eie", "shidiannao"])
@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_filters_that_fit_cost_no_traffic_and_no_wait(name: str, engine: Any) -> None:
    arch = load_arch(name)
    entries = LAYERS if name == "eie" else [CONV, *LAYERS]
    loaded, preloaded = run(not_preloaded(arch), *entries), run(arch, *entries, engine=engine)
    assert loaded.total["accesses"]["dram"]["filter"]["read_bytes"] > 0
    assert "filter" not in preloaded.total["accesses"]["dram"]
    assert "dram:filter" in loaded.total["stall_cycles"]
    assert "dram:filter" not in preloaded.total["stall_cycles"]
    assert preloaded.total["total_cycles"] < loaded.total["total_cycles"]
    assert preloaded.total["compute_cycles"] == loaded.total["compute_cycles"]
    assert preloaded.total["units"]["dma_filter"]["busy_cycles"] == 0
    for before, after in zip(loaded.layers, preloaded.layers, strict=True):
        assert after.details["preload"]["filters_preloaded"] is True
        assert "preload" not in before.details
        # what the array reads is the same
        for buffer in arch.buffers:
            if after.accesses[buffer.name].get("filter"):
                read = [row.accesses[buffer.name]["filter"]["read_bytes"] for row in (before, after)]
                assert read[0] == read[1] > 0


@pytest.mark.parametrize("name", ["eie", "shidiannao"])
def test_filters_that_do_not_fit_together_are_loaded_as_before(name: str) -> None:
    """Room for either layer but not for both: nothing changes but the fact that is told."""
    arch = load_arch(name)
    sizes = {"eie": ("pointer_sram", 15872), "shidiannao": ("sb", 16384)}
    buffer, room = sizes[name]
    arch = arch.with_set({f"buffers.{buffer}.size_bytes": room})
    loaded, tried = run(not_preloaded(arch), *LAYERS), run(arch, *LAYERS)
    fact = tried.layers[0].details["preload"]
    assert not fact["filters_preloaded"]
    assert fact["needed_bytes"][buffer] > fact["room_bytes"][buffer] == room
    assert tried.total == loaded.total
    # one of them alone does
    assert run(arch, LAYERS[0]).layers[0].details["preload"]["filters_preloaded"] is True


def test_the_exact_stored_size_decides() -> None:
    """EIE: 64 lists of 65 pointers of 16 bits for 64 columns; entries of a byte."""
    arch = load_arch("eie")
    fact = run(arch, LAYERS[1] | {"inputs": []}).layers[0].details["preload"]
    assert fact["needed_bytes"] == {"matrix_sram": 64 * 40, "pointer_sram": 2 * 64 * 65}
    for room, fits in ((2 * 64 * 66, True), (2 * 64 * 64, False)):
        tight = arch.with_set({"buffers.pointer_sram.size_bytes": room, "buffers.pointer_sram.banks": 1})
        one = run(tight, LAYERS[1] | {"inputs": []})
        assert one.layers[0].details["preload"]["filters_preloaded"] is fits


@pytest.mark.parametrize("name", ["eie", "shidiannao"])
def test_second_operands_that_are_made_are_never_preloaded(name: str) -> None:
    arch = load_arch(name)
    result = run(arch, LAYERS[0], MATMUL)
    weights, made = result.layers
    assert weights.details["preload"]["filters_preloaded"] is True
    assert "filter" not in weights.accesses["dram"]
    assert made.accesses["dram"]["filter"]["read_bytes"] > 0
    # their room is kept free of weights
    alone = run(arch, LAYERS[0]).layers[0].details["preload"]["needed_bytes"]
    together = weights.details["preload"]["needed_bytes"]
    assert all(together[buffer] > alone[buffer] for buffer in alone)


@pytest.mark.parametrize("name", ["scnn", "ese", "cambricon_x"])
def test_other_skipping_machines_can_be_asked_to(name: str) -> None:
    arch = load_arch(name)
    asked = arch.with_set({"preloaded": "[filter]"})
    before, after = run(arch, *LAYERS), run(asked, *LAYERS)
    assert "preload" not in before.layers[0].details
    assert after.layers[0].details["preload"]["filters_preloaded"] is True
    assert "filter" not in after.total["accesses"]["dram"]


@pytest.mark.parametrize("name", ["eyeriss", "diannao", "tpu_v1"])
def test_machines_that_cannot_say_so(name: str) -> None:
    with pytest.raises(InputError) as caught:
        load_arch(name, {"preloaded": "[filter]"})
    (fault,) = caught.value.faults
    assert fault.key == "preloaded"
    assert "array.organisation" in fault.message


def test_pointers_need_an_array_that_reads_them() -> None:
    buffers = [buffer.model_dump() for buffer in load_arch("scnn").buffers]
    pointers = next(buffer.model_dump() for buffer in load_arch("eie").buffers if buffer.name == "pointer_sram")
    with pytest.raises(InputError, match=r"'filter_pointers' is not possible with array.organisation 'scnn'"):
        load_arch("scnn").with_set({"buffers": [*buffers, pointers]})


@pytest.mark.parametrize("layer", ["alex_7", "alex_8", "vgg_7", "vgg_8"])
def test_a_layer_on_eie_takes_little_more_than_its_work(layer: str) -> None:
    """Inputs come and outputs go over the memory; the matrix is on chip as in the paper."""
    result = simulate(load_workload("eie_layers"), load_arch("eie"), layers=layer, steady=False).layers[0]
    assert set(result.stall_cycles) == {"dram:ifmap", "drain"}
    assert result.total_cycles <= 1.16 * result.compute_cycles


def test_lenet_on_shidiannao_needs_no_weights_from_memory() -> None:
    lenet: Network = load_workload("lenet5")
    arch = load_arch("shidiannao")
    result = simulate(lenet, arch, steady=False)
    fact = result.layers[0].details["preload"]
    weights = sum(layer.filter.n_elements for layer in lenet.layers if layer.filter is not None)
    assert fact == {"filters_preloaded": True, "needed_bytes": {"sb": 2 * weights}, "room_bytes": {"sb": 128 * 1024}}
    assert set(result.total["accesses"]["dram"]) == {"ifmap", "ofmap"}
