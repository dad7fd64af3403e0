"""The commands do what the contract says, with every option."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import accel_sim
from accel_sim.cli import main
from accel_sim.report.load import load_results

ROOT = Path(__file__).parent.parent.parent
HEAVY = {"numba", "numpy", "matplotlib", "pandas", "scipy", "simpy", "pydantic", "ruamel", "rich"}


def invoke(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert (result.exit_code, result.stderr) == (0, "")
    return result


def result_of(*arguments: str | Path) -> Any:
    return json.loads(invoke("run", *arguments, "--json", "-").stdout)


@pytest.fixture(scope="module")
def lenet() -> Any:
    return result_of("diannao", "lenet5")


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["compare", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from accel_sim.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        "print('\\nloaded:', *{name.partition('.')[0] for name in sys.modules})\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(done.stdout.rpartition("loaded:")[2].split())


def test_import_loads_nothing_heavy() -> None:
    code = "import sys, accel_sim; dir(accel_sim); print(*{name.partition('.')[0] for name in sys.modules})"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(done.stdout.split())


def test_module_is_the_same_program() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "accel_sim", "--version"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"accel-sim, version {accel_sim.__version__}\n"


def test_run_prints_a_table() -> None:
    lines = invoke("run", "diannao", "lenet5").stdout.splitlines()
    assert lines[0] == "lenet5 (batch 1) on diannao: 256 PEs, 980 MHz, 65 nm"
    assert [line.split()[0] for line in lines[3:11]] == ["c1", "s2", "c3", "s4", "c5", "f6", "output", "softmax"]
    assert lines[12].startswith("total ")


def test_json_to_standard_output_is_all_there_is(lenet: Any) -> None:
    assert lenet["schema"] == 1
    assert set(lenet) == {"schema", "arch", "workload", "layers", "total", "balance"}
    assert set(lenet["arch"]) >= {"name", "clock_mhz", "technology_nm", "n_pes"}
    assert lenet["workload"] == {"name": "lenet5", "batch": 1}
    for layer in lenet["layers"]:
        assert set(layer) >= {
            *("name", "op", "algorithm", "dataflow", "mapping", "n_macs", "n_effectual_macs", "start_cycle"),
            *("end_cycle", "total_cycles", "compute_cycles", "stall_cycles", "active_pes", "utilization", "latency_ms"),
            *("units", "accesses", "energy_pj"),
        }
        assert layer["compute_cycles"] + sum(layer["stall_cycles"].values()) == layer["total_cycles"]
    assert set(lenet["total"]) >= {"latency_ms", "power_mw", "gops", "gops_per_w", "area_mm2", "energy_pj", "accesses"}
    assert lenet["total"]["total_cycles"] == sum(layer["total_cycles"] for layer in lenet["layers"])


def test_same_command_same_bytes(lenet: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        invoke("run", "diannao", "lenet5", "--out", tmp_path / name, "--trace", tmp_path / f"{name}.trace")
    files = sorted(os.listdir(tmp_path / "a"))
    assert files == sorted(os.listdir(tmp_path / "b"))
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)
    assert (tmp_path / "a.trace").read_bytes() == (tmp_path / "b.trace").read_bytes()


def test_files_of_a_run(lenet: Any, tmp_path: Path) -> None:
    json_file, csv_file, trace, out = (tmp_path / name for name in ("x.json", "x.csv", "x.trace", "o"))
    invoke("run", "diannao", "lenet5", "--json", json_file, "--csv", csv_file, "--trace", trace, "--out", out)
    assert load_results(json_file) == [lenet]
    assert json_file.read_bytes() == (out / "diannao__lenet5.json").read_bytes()
    assert csv_file.read_bytes() == (out / "diannao__lenet5.csv").read_bytes()
    rows = csv.DictReader(io.StringIO(csv_file.read_text()))
    assert [row["layer"] for row in rows] == [layer["name"] for layer in lenet["layers"]]
    events = json.loads(trace.read_text())["traceEvents"]
    computing = [event for event in events if event["ph"] == "X" and event["name"] == "c1" and event["tid"] != 0]
    array = [e["tid"] for e in events if e["name"] == "thread_name" and e["args"]["name"] == "array"][0]
    busy = sum(event["args"]["cycles"] for event in computing if event["tid"] == array)
    assert busy >= lenet["layers"][0]["compute_cycles"]


def test_compare_writes_what_the_demo_needs(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    text = invoke("compare", *("--arch", "diannao") * 2, "--workload", "lenet5", "--out", out).stdout
    assert "lenet5 (batch 1) side by side" in text
    plots = [f"{name}.{kind}" for name in ("latency", "energy", "stalls", "roofline") for kind in ("png", "svg")]
    results = ["diannao-1__lenet5.json", "diannao-2__lenet5.json"]
    assert sorted(os.listdir(out)) == sorted([*plots, *results, "compare.csv"])


def test_compare_as_json(lenet: Any) -> None:
    text = invoke("compare", "--arch", "diannao", "--arch", "diannao", "--workload", "lenet5", "--json", "-").stdout
    assert json.loads(text) == {"schema": 1, "results": [lenet, lenet]}


def test_batch_layers_and_machine(lenet: Any) -> None:
    four = result_of("diannao", "lenet5", "--batch", "4")
    assert four["workload"]["batch"] == 4
    assert four["total"]["n_macs"] == 4 * lenet["total"]["n_macs"]
    convs = result_of("diannao", "lenet5", "--layers", "c*")
    assert [layer["name"] for layer in convs["layers"]] == ["c1", "c3", "c5"]
    slow = result_of("diannao", "lenet5", "--set", "clock_mhz=490", "--dram", "ideal")
    ideal = result_of("diannao", "lenet5", "--dram", "ideal")
    assert slow["total"]["total_cycles"] == ideal["total"]["total_cycles"]
    assert slow["total"]["latency_ms"] == pytest.approx(2 * ideal["total"]["latency_ms"])
    assert ideal["total"]["total_cycles"] < lenet["total"]["total_cycles"]
    starved = result_of("diannao", "lenet5", "--dram", "bandwidth:0.1")
    assert starved["total"]["total_cycles"] > 10 * lenet["total"]["total_cycles"]
    n_weights = 6 * 25 + 16 * 6 * 25 + 120 * 16 * 25 + 84 * 120 + 10 * 84
    # time is free, bytes and energy are still counted
    assert ideal["total"]["accesses"]["dram"]["filter"]["read_bytes"] >= 2 * n_weights
    assert ideal["total"]["energy_pj"]["dram"] > 0


def test_mapping_file(lenet: Any, tmp_path: Path) -> None:
    mapping = lenet["layers"][2]["mapping"]
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps({"dataflow": "no_local_reuse", "layers": {"c3": mapping}}))
    assert result_of("diannao", "lenet5", "--mapping", path) == lenet


@pytest.mark.parametrize("objective", ["energy", "edp"])
def test_objectives(lenet: Any, objective: str) -> None:
    chosen = result_of("diannao", "lenet5", "--objective", objective)
    assert chosen["total"]["n_macs"] == lenet["total"]["n_macs"]


def test_engines_give_the_same_bytes() -> None:
    texts = [invoke("run", "diannao", "lenet5", "--json", "-", "--engine", e).stdout for e in ("compiled", "reference")]
    assert texts[0] == texts[1]


def test_explain(lenet: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(lenet))
    lines = invoke("explain", path).stdout.splitlines()
    assert len(lines) == 1 + len(lenet["layers"])
    assert lines[1].startswith("c1 takes ")


def test_constants_on_request() -> None:
    lines = invoke("run", "diannao", "lenet5", "--energy-table", "--set", "energy.mac.done_pj=1.25").stdout.splitlines()
    (mac,) = (line for line in lines if line.startswith("mac done_pj "))
    assert mac.split()[2:4] == ["1.25", "pJ/op"]
    assert "energy and area constants of diannao" in lines


def test_books_on_request(lenet: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(lenet))
    lines = invoke("explain", path, "--balance").stdout.splitlines()
    assert f"the books of lenet5 (batch 1) on diannao: {lenet['balance']['checks']} checks hold" in lines
    (macs,) = (line for line in lines if line.startswith("macs "))
    assert macs.split()[-3:] == ["416,520", "==", "416,520"]


@pytest.mark.parametrize(
    ("kind", "some"),
    [
        ("arch", {"diannao", "eyeriss"}),
        ("workload", {"alexnet", "vgg16", "resnet18", "resnet50", "mobilenet_v1", "lenet5"}),
        ("dataflow", {"no_local_reuse", "row_stationary"}),
        ("mac", {"bit_parallel"}),
        ("format", {"dense", "bitmap", "run_length"}),
        ("dram", {"ideal", "bandwidth:GBPS", "ddr3_1600"}),
    ],
)
def test_list(kind: str, some: set[str]) -> None:
    lines = invoke("list", kind).stdout.splitlines()
    assert some <= {line.split()[0] for line in lines}
    assert all(len(line.split()) > 1 for line in lines)


def test_lazy_names_of_the_package() -> None:
    for name in accel_sim.__all__:
        assert getattr(accel_sim, name)
    assert set(accel_sim.__all__) <= set(dir(accel_sim))
    with pytest.raises(AttributeError, match="has no attribute 'simulat'"):
        accel_sim.simulat  # noqa: B018


def test_compare_from_python(lenet: Any) -> None:
    network, arch = accel_sim.load_workload("lenet5"), accel_sim.load_arch("diannao")
    comparison = accel_sim.compare(network, [arch, arch], dram="ideal")
    assert [result.total["total_cycles"] for result in comparison.results][0] < lenet["total"]["total_cycles"]
    frame = comparison.to_frame()
    assert len(frame) == 2 * len(lenet["layers"])
    assert comparison.to_json() == json.dumps({"schema": 1, "results": comparison.to_dicts()}, indent=1) + "\n"
    assert '"X"' not in comparison.to_trace()
