"""The CSV holds every number of every layer, under its path in the JSON."""

from __future__ import annotations

import csv
import io
from typing import Any

from accel_sim.report.csv import layer_rows, to_csv


def test_columns_are_json_paths(eyeriss_result: Any) -> None:
    row = layer_rows(eyeriss_result)[0]
    layer = eyeriss_result["layers"][0]
    assert list(row)[:5] == ["arch", "workload", "batch", "layer", "op"]
    assert (row["arch"], row["workload"], row["batch"], row["layer"]) == ("eyeriss", "alexnet", 4, "conv1")
    assert "name" not in row
    assert row["stall_cycles.full:glb"] == layer["stall_cycles"]["full:glb"]
    assert row["accesses.glb.ifmap.read_bytes"] == layer["accesses"]["glb"]["ifmap"]["read_bytes"]
    assert row["energy_pj.total"] == layer["energy_pj"]["total"]
    assert row["mapping.m"] == 64


def test_columns_that_a_layer_lacks_are_empty(eyeriss_result: Any, diannao_result: Any) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv([eyeriss_result, diannao_result]))))
    assert [row["layer"] for row in rows] == [layer["name"] for layer in eyeriss_result["layers"]] * 2
    assert rows[0]["accesses.sb.filter.read_bytes"] == ""
    assert rows[11]["accesses.glb.filter.read_bytes"] == ""
    assert int(rows[11]["total_cycles"]) == diannao_result["layers"][0]["total_cycles"]
    assert float(rows[1]["energy_pj.total"]) == eyeriss_result["layers"][1]["energy_pj"]["total"]


def test_names_with_commas_survive(eyeriss_result: Any) -> None:
    eyeriss_result["layers"][0]["name"] = 'conv, "1"'
    rows = list(csv.DictReader(io.StringIO(to_csv([eyeriss_result]))))
    assert rows[0]["layer"] == 'conv, "1"'
