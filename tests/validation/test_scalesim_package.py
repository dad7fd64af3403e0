"""SCALE-Sim 3.0.0 once more, from the shipped machines to the JSON: every run we have, exactly."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from accel_sim.arch import Accelerator, load_arch
from accel_sim.config import Document
from accel_sim.engine.simulate import simulate
from accel_sim.workload import Network
from accel_sim.workload.reader import network_of

DATA = json.loads((Path(__file__).parent / "data" / "scalesim.json").read_text())
ROWS = [dict(zip(DATA["columns"], row, strict=True)) for row in DATA["rows"]]


@cache
def machine(dataflow: str) -> Accelerator:
    return load_arch(f"scalesim_{dataflow}")


def layer_of(row: dict[str, Any]) -> dict[str, Any]:
    if row["conv"] is None:
        return {"name": "only", "op": "matmul", "m": row["m"], "k": row["k"], "n": row["n"]}
    height, width, filter_height, filter_width, channels, filters, stride = row["conv"]
    sizes = {"ifmap": [channels, height, width], "filter": [filters, channels, filter_height, filter_width]}
    return {"name": "only", "op": "conv2d", **sizes, "stride": stride}


def network_with(layer: dict[str, Any]) -> Network:
    bits = {"ifmap": 8, "filter": 8, "ofmap": 8, "psum": 8}
    return network_of(Document.from_data({"name": "one", "defaults": {"bits": bits}, "layers": [layer]}))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['dataflow']}{row['rows']}x{row['cols']}_{row['m']}")
def test_every_run(row: dict[str, Any]) -> None:
    arch = machine(row["dataflow"]).with_set({"array.rows": row["rows"], "array.cols": row["cols"]})
    result = simulate(network_with(layer_of(row)), arch, dram="ideal", steady=False)
    (layer,) = json.loads(result.to_json())["layers"]
    assert layer["compute_cycles"] == layer["total_cycles"] == row["cycles"]
    assert layer["stall_cycles"] == {}
    assert layer["accesses"]["ifmap_sram"]["ifmap"]["read_bytes"] == row["ifmap_reads"]
    assert layer["accesses"]["filter_sram"]["filter"]["read_bytes"] == row["filter_reads"]
    assert 100 * layer["mapping_efficiency"] == pytest.approx(row["mapping_efficiency_pct"])
    n_folds = -(-row["m"] // row["rows"]) * -(-row["n"] // row["cols"])
    surplus = n_folds * (row["rows"] + row["cols"]) if row["dataflow"] == "os" else 0
    assert layer["accesses"]["ofmap_sram"]["ofmap"]["write_bytes"] + surplus == row["ofmap_writes"]


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
def test_a_hanging_window_counts_in_cycles_and_not_in_macs(dataflow: str) -> None:
    """A 1 x 1 window with stride 2 makes 8 pixels of 14 in SCALE-Sim, 7 in the network."""
    layer = {"name": "only", "op": "conv2d", "ifmap": [3, 14, 14], "filter": [5, 3, 1, 1], "stride": 2}
    hanging = simulate(network_with(layer), machine(dataflow), steady=False).layers[0]
    whole = {"name": "only", "op": "matmul", "m": 64, "k": 3, "n": 5}
    reference = simulate(network_with(whole), machine(dataflow), steady=False).layers[0]
    assert hanging.compute_cycles == reference.compute_cycles
    for buffer, tensor in (("ifmap_sram", "ifmap"), ("filter_sram", "filter")):
        assert hanging.accesses[buffer][tensor]["read_bytes"] == reference.accesses[buffer][tensor]["read_bytes"]
    assert hanging.n_macs == 7 * 7 * 3 * 5
    assert hanging.accesses["dram"]["ofmap"]["write_bytes"] == 7 * 7 * 5
