"""``accel-sim verify``: the contract's JSON, a table, code 1 where anything differs."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from accel_sim import load_arch
from accel_sim.cli import main
from accel_sim.validation.verify import run
from accel_sim.validation.verify.verdict import Difference, LayerVerdict

ROOT = Path(__file__).parent.parent.parent
KEYS = ["name", "outputs_equal", "stepped_cycles", "fast_cycles", "accesses_equal", "n_macs_stepped"]
SIXTEEN_BITS = ("--set", "mac.bits.ifmap=16", "--set", "mac.bits.filter=16")
LENET_MACS = {"c1": 117_600, "c3": 240_000, "c5": 48_000, "f6": 10_080, "output": 840}


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["verify", *(str(argument) for argument in arguments)], catch_exceptions=False)


def layers_of(result: Result) -> list[dict[str, Any]]:
    assert result.stderr == ""
    document = json.loads(result.stdout)
    assert list(document) == ["layers"]
    layers: list[dict[str, Any]] = document["layers"]
    return layers


@pytest.mark.parametrize("arch", ["diannao", "eyeriss", "systolic_ws", "scalesim_os"])
def test_json(arch: str) -> None:
    options = SIXTEEN_BITS if load_arch(arch).mac.bits.ifmap == 8 else ()
    result = invoke(arch, "lenet5", *options, "--json", "-")
    layers = layers_of(result)
    assert result.exit_code == 0
    assert [list(layer) for layer in layers] == [KEYS] * 5
    assert {layer["name"]: layer["n_macs_stepped"] for layer in layers} == LENET_MACS
    for layer in layers:
        assert layer["outputs_equal"] is True
        assert layer["accesses_equal"] is True
        assert layer["stepped_cycles"] == layer["fast_cycles"] > 0


@pytest.mark.soak
@pytest.mark.parametrize(
    ("arch", "workload", "options", "n_layers", "n_macs"),
    [
        ("diannao", "alexnet", (), 8, 724_406_816),
        ("eyeriss", "alexnet", (), 8, 724_406_816),
        ("diannao", "resnet50", (), 54, 4_089_184_256),
        ("systolic_ws", "resnet50", SIXTEEN_BITS, 54, 4_089_184_256),
        ("systolic_os", "resnet50", SIXTEEN_BITS, 54, 4_089_184_256),
        ("systolic_is", "resnet50", SIXTEEN_BITS, 54, 4_089_184_256),
    ],
)
def test_whole_networks(arch: str, workload: str, options: tuple[str, ...], n_layers: int, n_macs: int) -> None:
    """Every PE, every clock, every output: the command that docs/verify.md shows, and its like."""
    result = invoke(arch, workload, *options, "--json", "-")
    layers = layers_of(result)
    assert result.exit_code == 0
    assert len(layers) == n_layers
    assert sum(layer["n_macs_stepped"] for layer in layers) == n_macs


def test_the_same_command_prints_the_same_bytes() -> None:
    first, second = (invoke("diannao", "lenet5", "--layers", "c*", "--json", "-") for _ in range(2))
    assert first.stdout == second.stdout


def test_table_and_file(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.json"
    result = invoke("diannao", "lenet5", "--layers", "c1,output", "--json", path)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "lenet5 (batch 1) on diannao: 2 of 2 layers proven, 118 kMACs and 19.6 kclocks stepped"
    assert [line.split()[0] for line in lines[3:5]] == ["c1", "output"]
    assert lines[-1].split() == ["total", "118,440", "19,622", "19,622", "equal", "equal"]
    assert [layer["name"] for layer in json.loads(path.read_text())["layers"]] == ["c1", "output"]


def test_set_changes_the_machine_and_batch_the_network() -> None:
    sets = ("--set", "array.tn=7", "--set", "array.pipeline_stages=1")
    (layer,) = layers_of(invoke("diannao", "lenet5", "--layers", "f6", "--batch", "3", *sets, "--json", "-"))
    assert layer["n_macs_stepped"] == 3 * LENET_MACS["f6"]
    assert layer["stepped_cycles"] == layer["fast_cycles"] == 3 * 12 * 8 + 1


def test_mapping_objective_and_seed(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("dataflow: no_local_reuse\nlayers:\n  f6: {tn: 1, tp: 1, tq: 1, tk: 5, tc: 100, order: ckb}\n")
    options = ("--layers", "f6", "--objective", "energy", "--seed", "9", "--json", "-")
    (layer,) = layers_of(invoke("diannao", "lenet5", "--mapping", mapping, *options))
    # 16 tiles of 5 filters and one of 4, each with 7 rows of channels and then 2
    assert layer["stepped_cycles"] == layer["fast_cycles"] == 17 * (7 + 2) + 8


def test_progress_goes_to_a_terminal_only() -> None:
    """On a terminal, standard error shows a bar with the layer's name; standard output stays JSON."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "accel_sim", "verify", "diannao", "lenet5", "--layers", "f6", "--json", "-"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=theirs, check=True)
    os.close(theirs)
    seen = b""
    # reading a terminal that nobody holds open any more is an error on Linux
    with contextlib.suppress(OSError):
        while part := os.read(ours, 4096):
            seen += part
    os.close(ours)
    assert b"f6" in seen
    assert b"%" in seen
    assert [layer["name"] for layer in json.loads(done.stdout)["layers"]] == ["f6"]


@pytest.fixture
def one_layer_differs(monkeypatch: pytest.MonkeyPatch) -> Difference:
    """The first layer is right, the others' outputs are said to be wrong."""
    difference = Difference(
        layer="x", what="outputs", subject="the sum of output [0, 0, 0, 0] (1 of 9 are wrong)",
        part="tile 3 of 4 (group 0)", clock=77, pe="tree 1, multiplier 2", stepped=1000, expected=1001,
    )  # fmt: skip
    real = run.verify_layer

    def pretend(*arguments: Any) -> LayerVerdict:
        verdict = real(*arguments)
        if verdict.name == "c1":
            return verdict
        fields = {name: getattr(verdict, name) for name in KEYS if name != "outputs_equal"}
        return LayerVerdict(**fields, outputs_equal=False, differences=(difference,))

    monkeypatch.setattr(run, "verify_layer", pretend)
    return difference


def test_a_difference_ends_with_1_and_is_named(one_layer_differs: Difference, tmp_path: Path) -> None:
    line = (
        "x: outputs differ in tile 3 of 4 (group 0), clock 77, tree 1, multiplier 2: the sum of output [0, 0, 0, 0] "
        "(1 of 9 are wrong) is 1,000 in the stepped array, 1,001 in numpy"
    )
    assert str(one_layer_differs) == line
    result = invoke("diannao", "lenet5", "--layers", "c1,f6", "--json", tmp_path / "v.json")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.startswith("lenet5 (batch 1) on diannao: 1 of 2 layers proven")
    assert result.stdout.splitlines()[-1] == line
    alone = invoke("diannao", "lenet5", "--layers", "c1,f6", "--json", "-")
    assert alone.exit_code == 1
    first, second = layers_of(alone)
    assert list(first) == KEYS
    assert second == {**second, "name": "f6", "outputs_equal": False, "differences": [line]}
    assert json.loads((tmp_path / "v.json").read_text()) == {"layers": [first, second]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["diannao", "lenet5", "--layers", "softmax"], "layers: none of lenet5 multiplies: nothing to verify"),
        (["diannao", "lenet5", "--layers", "nothing"], "no layer of lenet5 matches 'nothing'"),
        (["diannao", "lenet5", "--set", "array.tn=0"], "array.tn"),
        (["diannao", "lenet5", "--json", "/nowhere/v.json"], "/nowhere"),
        (["diannaoo", "lenet5"], "diannao"),
        (["diannao", "lenet5", "--seed", "-1"], "--seed"),
    ],
)
def test_mistakes_are_one_line_and_code_2(arguments: list[str], message: str) -> None:
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("accel-sim: error: ")
    assert message in line
