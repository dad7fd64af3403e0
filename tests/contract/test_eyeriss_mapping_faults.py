"""Mistakes in Eyeriss's letters: one line each, with its place in the file, what was found, how much is too much."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from accel_sim.cli import main

GOOD = {
    "conv1": "{m: 96, n: 1, e: 7, p: 16, q: 1, r: 1, t: 2}",
    "conv2": "{m: 64, n: 1, e: 27, p: 16, q: 2, r: 1, t: 1}",
    "conv3": "{m: 64, n: 4, e: 13, p: 16, q: 3, r: 2, t: 2}",
}


def run_with(tmp_path: Path, text: str) -> tuple[int, list[str]]:
    """Run AlexNet with a mapping file; return the exit code and the error lines without the file's name."""
    path = tmp_path / "letters.yaml"
    path.write_text(text)
    done = CliRunner().invoke(main, ["run", "eyeriss", "alexnet_conv", "--batch", "4", "--mapping", str(path)])
    assert done.stdout == ""
    return done.exit_code, [line.removeprefix(f"accel-sim: error: {path}:") for line in done.stderr.splitlines()]


@pytest.mark.parametrize(
    ("layer", "old", "new", "expected"),
    [
        ("conv2", "p: 16", "p: 24", [
            "3:34: layers.conv2.p: p*q*S = 24*2*5 = 240 words, 16 more than the 224 of the filter RF"
        ]),
        ("conv3", "q: 3, r: 2", "q: 5, r: 1", [
            "3:34: layers.conv3.p: p*q*S = 16*5*3 = 240 words, 16 more than the 224 of the filter RF",
            "3:41: layers.conv3.q: q*S = 5*3 = 15 words, 3 more than the 12 of the ifmap RF",
        ]),
        ("conv3", "p: 16, q: 3", "p: 25, q: 1", [
            "3:34: layers.conv3.p: p = 25 words, 1 more than the 24 of the psum RF"
        ]),
        ("conv3", "m: 64", "m: 72", [
            "3:14: layers.conv3.m: 10800 bytes of ifmap and 97344 of psums need 27 GLB banks of 4096 bytes, "
            "2 (8192 bytes) more than its 25"
        ]),
        ("conv3", "m: 64", "m: 16", ["3:14: layers.conv3.m: a pass runs p*t = 16*2 = 32 filters, 16 more than m"]),
        ("conv2", "e: 27", "e: 28", ["3:27: layers.conv2.e: found 28; the layer has only 27 ofmap rows"]),
        ("conv3", "t: 2", "t: 3", [
            "3:27: layers.conv3.e: 3 sets (t) of 6 x 13 PEs do not fit the array's 12 x 14 PEs; e up to 7 does"
        ]),
        ("conv1", "r: 1", "r: 2", [
            "3:14: layers.conv1.m: 31780 bytes of ifmap and 73920 of psums need 27 GLB banks of 4096 bytes, "
            "2 (8192 bytes) more than its 25",
            "3:46: layers.conv1.r: R*r = 11*2 = 22 rows of PEs, 10 more than the array's 12 x 14 PEs",
        ]),
        ("conv1", "n: 1", "n: 5", ["3:21: layers.conv1.n: found 5; the layer has only 4 ifmaps"]),
        ("conv1", "n: 1", "n: 0", ["3:21: layers.conv1.n: found 0; must be at least 1"]),
        ("conv1", "n: 1", "n: -2", ["3:21: layers.conv1.n: found -2; must be at least 1"]),
        ("conv1", ", t: 2", "", ["3:10: layers.conv1: parameter 't' is missing"]),
        ("conv1", "t: 2", "t: 2, z: 1", [
            "3:58: layers.conv1.z: unknown parameter; allowed: m, n, e, p, q, r, t, order"
        ]),
        ("conv1", "t: 2", "t: 2, order: nnn", [
            "3:62: layers.conv1.order: found 'nnn'; allowed: mne, men, nme, nem, emn, enm"
        ]),
    ],
)  # fmt: skip
def test_one_line_a_fault(tmp_path: Path, layer: str, old: str, new: str, expected: list[str]) -> None:
    assert old in GOOD[layer]
    text = f"dataflow: row_stationary\nlayers:\n  {layer}: {GOOD[layer].replace(old, new)}\n"
    code, lines = run_with(tmp_path, text)
    assert code == 2
    assert sorted(lines) == sorted(expected)


def test_faults_of_all_layers_come_together(tmp_path: Path) -> None:
    no_rows = GOOD["conv2"].replace("27", "0")
    text = f"dataflow: row_stationary\nlayers:\n  conv1: {{m: 0}}\n  conv2: {no_rows}\n  conv9: {{m: 1}}\n"
    code, lines = run_with(tmp_path, text)
    assert code == 2
    assert [line.split(":")[0] for line in lines] == ["3"] * 7 + ["4", "5"]


def test_a_mapping_is_found_by_its_name_and_runs_some_layers(tmp_path: Path) -> None:
    arguments = ["run", "eyeriss", "alexnet_conv", "--batch", "4", "--mapping", "eyeriss_alexnet"]
    done = CliRunner().invoke(main, [*arguments, "--layers", "conv[45]"])
    assert done.exit_code == 0, done.stderr
    wrong = CliRunner().invoke(main, [*arguments[:-1], "eyeriss_alexnt"])
    assert wrong.exit_code == 2
    assert "did you mean 'eyeriss_alexnet'?" in wrong.stderr
