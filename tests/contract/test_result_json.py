"""The result JSON, schema 1: every key of the contract with its type, counters that add up, the same bytes always."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import accel_sim
from accel_sim.arch import Accelerator, load_arch
from accel_sim.config import Document
from accel_sim.engine.simulate import simulate
from accel_sim.workload import Network
from accel_sim.workload.reader import network_of

ROOT = Path(__file__).parents[2]
MACHINES = ["diannao", "eyeriss"]
LAYERS: list[dict[str, Any]] = [
    {"name": "conv", "op": "conv2d", "ifmap": [12, 15, 15], "filter": [32, 12, 3, 3], "padding": 1,
     "density": {"ifmap": 0.4, "filter": 0.5}},
    {"name": "pool", "op": "pool", "ifmap": [32, 15, 15], "window": 3, "stride": 2, "inputs": ["conv"]},
    {"name": "fc", "op": "linear", "in_features": 1568, "out_features": 30, "inputs": ["pool"]},
    {"name": "soft", "op": "softmax", "ifmap": [30, 1, 1], "inputs": ["fc"]},
]  # fmt: skip
TENSORS = {"ifmap", "filter", "psum", "ofmap"}
LAYER_TYPES = {
    "name": str,
    "op": str,
    "algorithm": str,
    "dataflow": str,
    "mapping": dict,
    "n_macs": int,
    "n_effectual_macs": int,
    "start_cycle": int,
    "end_cycle": int,
    "total_cycles": int,
    "compute_cycles": int,
    "stall_cycles": dict,
    "active_pes": int,
    "utilization": float,
    "latency_ms": float,
    "units": dict,
    "accesses": dict,
    "energy_pj": dict,
}
TOTAL_TYPES = {
    "n_macs": int,
    "n_effectual_macs": int,
    "total_cycles": int,
    "compute_cycles": int,
    "stall_cycles": dict,
    "utilization": float,
    "units": dict,
    "accesses": dict,
    "energy_pj": dict,
    "latency_ms": float,
    "power_mw": float,
    "gops": float,
    "gops_per_w": float,
    "area_mm2": float,
}


@pytest.fixture(scope="module")
def network() -> Network:
    return network_of(Document.from_data({"name": "four", "batch": 2, "layers": LAYERS}))


def result_of(network: Network, arch: Accelerator, **options: Any) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(simulate(network, arch, **options).to_json())
    return result


@pytest.fixture(scope="module", params=MACHINES)
def result(request: pytest.FixtureRequest, network: Network) -> dict[str, Any]:
    return result_of(network, load_arch(request.param))


def of_type(value: Any, kind: type) -> bool:
    """Whether a JSON value has a type; a truth value is no integer, and 3.0 is no integer either."""
    return type(value) is kind or (kind is float and type(value) is int)


def test_every_key_of_the_contract_with_its_type(result: dict[str, Any]) -> None:
    assert set(result) == {"schema", "arch", "workload", "layers", "total", "balance"}
    assert result["schema"] == 1
    arch, workload = result["arch"], result["workload"]
    assert [type(arch[key]) for key in ("name", "clock_mhz", "technology_nm", "n_pes")] == [str, float, float, int]
    assert workload == {"name": "four", "batch": 2}
    assert result["balance"]["failed"] == 0
    for row in result["layers"]:
        assert {key: type(row.get(key)) for key, kind in LAYER_TYPES.items() if not of_type(row.get(key), kind)} == {}
    total = result["total"]
    assert {key: type(total.get(key)) for key, kind in TOTAL_TYPES.items() if not of_type(total.get(key), kind)} == {}


def test_counters_are_integers_and_energies_numbers(result: dict[str, Any]) -> None:
    buffers = {buffer.name for buffer in load_arch(result["arch"]["name"]).buffers}
    for row in (*result["layers"], result["total"]):
        assert all(type(cycles) is int and cycles > 0 for cycles in row["stall_cycles"].values())
        assert all(type(cycles["busy_cycles"]) is int for cycles in row["units"].values())
        assert set(row["accesses"]) <= {"dram", "rf", *buffers}
        for tensors in row["accesses"].values():
            assert set(tensors) <= TENSORS
            for moved in tensors.values():
                assert {key: type(n_bytes) for key, n_bytes in moved.items()} == {"read_bytes": int, "write_bytes": int}
        energy_pj = row["energy_pj"]
        parts = [value for name, value in energy_pj.items() if name != "total"]
        assert energy_pj["total"] == pytest.approx(sum(parts), rel=1e-12)
        assert min(parts) >= 0


def test_windows_follow_each_other_and_add_up(result: dict[str, Any]) -> None:
    layers, total, end = result["layers"], result["total"], 0
    for row in layers:
        assert row["start_cycle"] == end
        end = row["end_cycle"]
        assert row["total_cycles"] == end - row["start_cycle"]
        assert row["compute_cycles"] + sum(row["stall_cycles"].values()) == row["total_cycles"]
        for cycles in row["units"].values():
            assert sum(cycles.values()) == row["total_cycles"]
        assert row["latency_ms"] == pytest.approx(row["total_cycles"] / result["arch"]["clock_mhz"] / 1e3, rel=1e-12)
    assert total["total_cycles"] == end
    assert total["latency_ms"] == pytest.approx(end / result["arch"]["clock_mhz"] / 1e3, rel=1e-12)
    for key in ("n_macs", "n_effectual_macs", "compute_cycles"):
        assert total[key] == sum(row[key] for row in layers)


def test_the_total_sums_every_nested_counter(result: dict[str, Any]) -> None:
    for key in ("stall_cycles", "units", "accesses", "energy_pj"):
        summed: dict[tuple[str, ...], float] = {}
        for row in result["layers"]:
            for path, value in leaves(row[key]):
                summed[path] = summed.get(path, 0) + value
        assert dict(leaves(result["total"][key])) == pytest.approx(summed, rel=1e-12)


def leaves(tree: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], float]]:
    if not isinstance(tree, dict):
        return [(path, tree)]
    return [leaf for name, below in tree.items() for leaf in leaves(below, (*path, name))]


def test_the_totals_ratios_follow_from_its_counters(result: dict[str, Any]) -> None:
    total, arch = result["total"], result["arch"]
    seconds = total["latency_ms"] / 1e3
    on_chip_pj = total["energy_pj"]["total"] - total["energy_pj"]["dram"]
    assert total["gops"] == pytest.approx(2 * total["n_macs"] / seconds / 1e9)
    assert total["power_mw"] == pytest.approx(on_chip_pj * 1e-9 / seconds)
    assert total["dram_power_mw"] == pytest.approx(total["energy_pj"]["dram"] * 1e-9 / seconds)
    assert total["gops_per_w"] == pytest.approx(total["gops"] / (total["power_mw"] / 1e3))
    assert total["utilization"] == pytest.approx(total["n_macs"] / arch["n_pes"] / total["total_cycles"])


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("layer", ["conv", "pool", "fc"])
def test_a_layer_by_itself_computes_or_stalls(network: Network, name: str, layer: str) -> None:
    alone = result_of(network, load_arch(name), layers=layer, steady=False)
    (row,) = alone["layers"]
    assert row["name"] == layer
    assert row["compute_cycles"] + sum(row["stall_cycles"].values()) == row["total_cycles"]
    assert row["total_cycles"] == alone["total"]["total_cycles"]
    assert min(row["bounds_cycles"].values()) >= 0
    assert max(row["bounds_cycles"].values()) <= row["total_cycles"]


@pytest.mark.parametrize("name", MACHINES)
def test_ideal_memory_takes_no_time_and_is_still_counted(network: Network, name: str) -> None:
    real = result_of(network, load_arch(name), dram="bandwidth:0.5", steady=False)
    ideal = result_of(network, load_arch(name), dram="ideal", steady=False)
    for row in ideal["layers"]:
        assert [reason for reason in row["stall_cycles"] if reason.startswith("dram")] == []
        assert {
            unit: cycles["busy_cycles"] for unit, cycles in row["units"].items() if unit.startswith("dma")
        } == dict.fromkeys((unit for unit in row["units"] if unit.startswith("dma")), 0)
    assert ideal["total"]["total_cycles"] < real["total"]["total_cycles"]
    assert sum(value for _, value in leaves(ideal["total"]["accesses"]["dram"])) > 0
    assert ideal["total"]["energy_pj"]["dram"] > 0
    # with one mapping for both, the memory changes nothing but time
    mapping = {
        "dataflow": ideal["layers"][0]["dataflow"],
        "layers": {row["name"]: row["mapping"] for row in ideal["layers"] if row["n_macs"]},
    }
    same = result_of(network, load_arch(name), mapping=mapping, dram="bandwidth:0.5", steady=False)
    assert same["total"]["accesses"] == ideal["total"]["accesses"]
    assert same["total"]["energy_pj"]["dram"] == ideal["total"]["energy_pj"]["dram"]


@pytest.mark.parametrize("name", MACHINES)
def test_relative_energy_has_no_picojoules(network: Network, name: str) -> None:
    sets: dict[str, Any] = {"energy": {"mode": "relative"}}
    relative = result_of(network, load_arch(name, sets), steady=False)
    for row in (*relative["layers"], relative["total"]):
        assert "energy_pj" not in row
        parts = [value for part, value in row["energy_relative"].items() if part != "total"]
        assert row["energy_relative"]["total"] == pytest.approx(sum(parts))
        # a DRAM access of a word is 200 times one of a register file (Eyeriss, ISCA 2016)
        moved = sum(value for _, value in leaves(row["accesses"]["dram"]))
        assert row["energy_relative"]["dram"] == pytest.approx(200 * moved / 2)
    assert {"power_mw", "dram_power_mw", "gops_per_w"} & set(relative["total"]) == set()


def test_the_seed_draws_other_masks(network: Network) -> None:
    arch = load_arch("eyeriss")
    runs = [simulate(network, arch, seed=seed, steady=False) for seed in (0, 0, 1)]
    assert runs[0].to_json() == runs[1].to_json()
    effectual = [run.layer("conv").n_effectual_macs for run in runs]
    assert effectual[0] != effectual[2]
    assert effectual[0] == pytest.approx(effectual[2], rel=0.1)
    assert runs[0].layer("fc").n_effectual_macs == runs[2].layer("fc").n_effectual_macs


@pytest.mark.parametrize("name", MACHINES)
def test_a_fresh_process_writes_the_same_bytes(name: str) -> None:
    written = {
        subprocess.run(
            [sys.executable, "-m", "accel_sim", "run", name, "lenet5", "--json", "-"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert written == {simulate(accel_sim.load_workload("lenet5"), load_arch(name)).to_json().encode()}
