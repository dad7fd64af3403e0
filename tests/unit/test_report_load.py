"""Saved results are read back; what is no result is refused with one line per fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from accel_sim.errors import InputError
from accel_sim.report.load import load_results


def faults_of(path: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_results(path)
    return [str(fault).removeprefix(f"{path}") for fault in caught.value.faults]


def test_one_result_and_several(tmp_path: Path, eyeriss_result: Any, diannao_result: Any) -> None:
    one, several = tmp_path / "one.json", tmp_path / "several.json"
    one.write_text(json.dumps(eyeriss_result))
    several.write_text(json.dumps({"schema": 1, "results": [eyeriss_result, diannao_result]}))
    assert load_results(one) == [eyeriss_result]
    assert load_results(several) == [eyeriss_result, diannao_result]


def test_keys_of_later_versions_are_kept(tmp_path: Path, eyeriss_result: Any) -> None:
    eyeriss_result["layers"][0]["queues"] = {"depth": 4}
    path = tmp_path / "result.json"
    path.write_text(json.dumps(eyeriss_result))
    assert load_results(path)[0] == eyeriss_result


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{\n "a": }', ":2:7: is not JSON: Expecting value"),
        ("[]", ": is not a result of accel-sim: it has no key 'schema'"),
        ('{"schema": 7}', ": schema: found 7; allowed: 1"),
    ],
)
def test_no_result(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    assert faults_of(path) == [fault]


def test_all_faults_at_once(tmp_path: Path, eyeriss_result: Any) -> None:
    eyeriss_result["layers"][2]["total_cycles"] = "many"
    del eyeriss_result["layers"][1]["accesses"]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(eyeriss_result))
    assert faults_of(path) == [
        ": layers[1].accesses: the key 'accesses' is required and missing",
        ": layers[2].total_cycles: found 'many' (text); allowed: a whole number",
    ]


def test_unreadable(tmp_path: Path) -> None:
    assert faults_of(tmp_path) == [": is a folder; allowed: a result in JSON"]
    assert faults_of(tmp_path / "missing") == [": cannot be read: No such file or directory"]
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert ": is not JSON: 'utf-8' codec" in faults_of(tmp_path / "binary")[0]
