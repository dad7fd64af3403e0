"""SCALE-Sim's files: topologies as workloads, configurations as architectures, each mistake at its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from accel_sim.arch import load_arch
from accel_sim.arch.import_scalesim import import_config
from accel_sim.cli import main
from accel_sim.engine.simulate import simulate
from accel_sim.errors import ArchError, WorkloadError
from accel_sim.workload import MacShape, Network, load_workload
from accel_sim.workload.import_scalesim import import_topology

CONV = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
GEMM = "Layer,M,N,K,\n"
# measured with SCALE-Sim 3.0.0 on 8 x 8 PEs; it runs the four channels of the depthwise layer as four layers
SMALL = (
    CONV
    + "hanging, 14,14,1,1,3,5,2,\n"
    + "ragged, 17,23,3,2,4,9,3,\n\n"
    + "dw DP, 9,11,3,3,4,2,2,\n"
    + "fc,1,1,1,1,40,33,1,\n"
)
SMALL_CYCLES = {
    "ws": [86, 420, 4 * 84, 575],
    "os": [136, 456, 4 * 69, 270],
    "is": [216, 558, 4 * 144, 275],
}
CONFIG = """
[general]
run_name = example
[architecture_presets]
ArrayHeight:    16
ArrayWidth:     8
IfmapSramSzkB:    64
FilterSramSzkB:   32
OfmapSramSzkB:    16
IfmapOffset:    0
Dataflow : os
Bandwidth : 10
[run_presets]
InterfaceBandwidth: CALC
"""


def network(tmp_path: Path, text: str, name: str = "net.csv") -> Network:
    source, target = tmp_path / name, tmp_path / "net.yaml"
    source.write_bytes(text.encode())
    target.write_text(import_topology(source).text)
    return load_workload(str(target))


def shapes(tmp_path: Path, text: str) -> list[dict[str, Any]]:
    kept = ("k", "c", "h", "w", "r", "s", "groups", "stride_h", "stride_w")
    found = [layer.shape for layer in network(tmp_path, text).layers]
    return [{key: getattr(shape, key) for key in kept} for shape in found if isinstance(shape, MacShape)]


def faults(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(WorkloadError) as caught:
        import_topology(path)
    return [str(fault).removeprefix(f"{path}:") for fault in caught.value.faults]


@pytest.mark.parametrize(
    "text",
    [
        CONV + "c1, 31, 33, 5, 3, 4, 7, 2,\n",
        CONV + "\n\n  c1,31,33,5,3,4,7,2\n\n",
        CONV + "c1, 31, 33, 5, 3, 4, 7, 2, 1:1,\n",
        CONV + "c1, 31, 33, 5, 3, 4, 7, 2, , , some words,\n",
        CONV.replace("\n", "\r\n") + "c1, 31, 33, 5, 3, 4, 7, 2,\r\n",
        "\ufeff" + CONV + "c1, 31, 33, 5, 3, 4, 7, 2,",
        "c1, 31, 33, 5, 3, 4, 7, 2,\n",
        CONV.replace("Strides,", "Stride height, Stride width,") + "c1, 31, 33, 5, 3, 4, 7, 2, 2,\n",
    ],
    ids=["plain", "blank", "ratio", "extra", "crlf", "bom", "headless", "two_strides"],
)
def test_forms_of_a_convolution(tmp_path: Path, text: str) -> None:
    (shape,) = shapes(tmp_path, text)
    assert shape == {
        "k": 7, "c": 4, "h": 31, "w": 33, "r": 5, "s": 3, "groups": 1, "stride_h": 2, "stride_w": 2
    }  # fmt: skip


@pytest.mark.parametrize("text", [GEMM + "g, 10, 20, 30,\n", GEMM + "\ng,10,20,30\n", "g,10,20,30,\n"])
def test_forms_of_a_gemm(tmp_path: Path, text: str) -> None:
    (shape,) = shapes(tmp_path, text)
    assert (shape["h"], shape["k"], shape["c"]) == (10, 20, 30)


def test_horizontal_stride(tmp_path: Path) -> None:
    header = CONV.replace("Strides,", "Stride height, Stride width,")
    (shape,) = shapes(tmp_path, header + "c, 31, 33, 5, 3, 4, 7, 2, 3,\n")
    assert (shape["stride_h"], shape["stride_w"]) == (2, 3)


def test_names(tmp_path: Path) -> None:
    text = CONV + "a b*, 9,9,3,3,1,1,1,\na b*, 9,9,3,3,1,1,1,\n, 9,9,3,3,1,1,1,\ntrue, 9,9,3,3,1,1,1,\n"
    named = network(tmp_path, text, "2 nets!.csv")
    assert [layer.name for layer in named.layers] == ["a_b_", "a_b__2", "layer3", "true"]
    assert named.name == "2_nets"


def test_depthwise_names(tmp_path: Path) -> None:
    path = tmp_path / "dw.csv"
    path.write_text(CONV + "one_DP, 9,9,3,3,8,1,1,\ntwo_dw, 9,9,3,3,8,1,1,\n")
    imported = import_topology(path)
    assert "op: depthwise_conv2d, ifmap: [8, 9, 9], filter: [8, 1, 3, 3]" in imported.text
    assert "op: conv2d, ifmap: [8, 9, 9], filter: [1, 8, 3, 3]" in imported.text
    (note,) = imported.notes
    assert note.startswith("two_dw is named as a depthwise layer; as in SCALE-Sim it is a convolution over all 8")


def test_a_sparsity_ratio_is_not_taken_over_and_said(tmp_path: Path) -> None:
    path = tmp_path / "sparse.csv"
    path.write_text(CONV + "c, 9,9,3,3,8,1,1, 2:4,\n")
    assert import_topology(path).notes == (
        "c has sparsity 2:4, which is not taken over; give the layer a pattern n_of_m",
    )


@pytest.mark.parametrize("dataflow", list(SMALL_CYCLES))
def test_cycles_are_those_of_scalesim(tmp_path: Path, dataflow: str) -> None:
    arch = load_arch(f"scalesim_{dataflow}", {"array.rows": 8, "array.cols": 8})
    result = simulate(network(tmp_path, SMALL), arch, steady=False)
    assert [layer.compute_cycles for layer in result.layers] == SMALL_CYCLES[dataflow]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CONV + "c, -9,9,3,3,8,1,1,\n", ["2:1: layer 'c': the IFMAP height is -9; allowed: 1 to 2147483647"]),
        (CONV + "c, 9,9,3,3,0,1,1,\n", ["2:1: layer 'c': the channels is 0; allowed: 1 to 2147483647"]),
        (CONV + "\nc, 9,9,3,x,8,1,1,\n", ["3:1: layer 'c': the filter width is 'x'; allowed: a whole number from 1"]),
        (CONV + "c, 9,9,3,3.5,8,1,1,\n", ["2:1: layer 'c': the filter width is '3.5'; allowed: a whole number"]),
        (CONV + "c, 9,9,,3,8,1,1,\n", ["2:1: layer 'c': the filter height is missing; allowed: IFMAP height, IFMAP"]),
        (CONV + "c, 9,9,3,3,8,1\n", ["2:1: layer 'c': the stride is missing"]),
        (CONV + "c, 9,9,3,3,8,1,99999999999,\n", ["2:1: layer 'c': the stride is 99999999999; allowed: 1 to 2147"]),
        (CONV + "c, 9,9,3,11,8,1,1,\n", ["2:1: layer 'c': the filter width is 11; allowed: at most 9, that of the"]),
        (CONV + "c, 9,9,70000,3,8,1,1,\n", ["2:1: layer 'c': the filter height is 70000; allowed: 1 to 65536"]),
        (GEMM + "g,1,2,\n,3,-4,5\n", ["2:1: layer 'g': the K is missing", "3:1: layer without a name: the N is -4"]),
        (GEMM.replace("N,K", "K,N") + "g,1,2,3,\n", ["1:1: the columns are headed M, K, N; SCALE-Sim reads them as"]),
        (CONV, [" has no layers; allowed: a header line and one line a layer"]),
        ("", [" has no layers"]),
    ],
)
def test_mistakes_in_a_topology(tmp_path: Path, text: str, expected: list[str]) -> None:
    found = faults(tmp_path, text)
    assert len(found) == len(expected)
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start), line


def test_configuration_without_a_bandwidth(tmp_path: Path) -> None:
    path = tmp_path / "My example-1.cfg"
    path.write_text(CONFIG)
    imported = import_config(path)
    target = tmp_path / "arch.yaml"
    target.write_text(imported.text)
    arch = load_arch(target)
    assert (arch.name, arch.dataflow) == ("my_example_1", "output_stationary")
    assert arch.array.n_pes == 128
    assert arch.array.model_dump()["rows"] == 16
    assert arch.dram.kind == "ideal"
    assert arch.buffer_for("ifmap").size_bytes == 1 << 30
    assert "IfmapSramSzkB = 64, FilterSramSzkB = 32, OfmapSramSzkB = 16" in imported.notes[0]
    assert imported.notes[1] == "run_name = example, IfmapOffset = 0"
    assert all(" ".join(note.split()) in " ".join(arch.is_not.split()) for note in imported.notes)


def test_configuration_with_a_bandwidth(tmp_path: Path) -> None:
    path = tmp_path / "user.cfg"
    path.write_text(CONFIG.replace("CALC", "USER").replace("os", "ws"))
    target = tmp_path / "arch.yaml"
    target.write_text(import_config(path).text)
    arch = load_arch(target)
    sizes = {buffer.name: buffer.size_bytes for buffer in arch.buffers}
    assert sizes == {"ifmap_sram": 64 << 10, "filter_sram": 32 << 10, "ofmap_sram": 16 << 10}
    assert arch.dram_bytes_per_cycle() == 30


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("ArrayHeight:    16", "ArrayHeight: 0", ":5:1: ArrayHeight: found '0'; allowed: a whole number from 1 to"),
        ("ArrayWidth:     8\n", "", ": the key ArrayWidth is required and missing"),
        ("Dataflow : os", "Dataflow : oss", ":11:1: Dataflow: found 'oss'; did you mean 'os'?; allowed: ws, os, is"),
        ("CALC", "AUTO", ":14:1: InterfaceBandwidth: found 'AUTO'; allowed: CALC, USER"),
        ("CALC", "CALC\nbandwidth = 5", ":15:1: bandwidth: given twice; first in line 12"),
        ("[general]", "general", ":2:1: found 'general'; allowed: [section], key = value or key : value"),
    ],
)
def test_mistakes_in_a_configuration(tmp_path: Path, old: str, new: str, fault: str) -> None:
    path = tmp_path / "bad.cfg"
    path.write_text(CONFIG.replace(old, new))
    with pytest.raises(ArchError) as caught:
        import_config(path)
    (found,) = caught.value.faults
    assert str(found).startswith(f"{path}{fault}")


def test_a_bandwidth_that_cannot_be(tmp_path: Path) -> None:
    path = tmp_path / "bad.cfg"
    path.write_text(CONFIG.replace("CALC", "USER").replace("Bandwidth : 10", "Bandwidth : -1"))
    with pytest.raises(ArchError, match=":12:1: Bandwidth: found '-1'; allowed: a whole number from 1"):
        import_config(path)


def test_command(tmp_path: Path) -> None:
    source, target = tmp_path / "net.csv", tmp_path / "net.yaml"
    source.write_text(SMALL)
    done = CliRunner().invoke(main, ["import", str(source), "-o", str(target)])
    assert (done.exit_code, done.stdout) == (0, f"wrote {target}: a workload of 4 layers\n")
    assert CliRunner().invoke(main, ["import", str(source), "-o", "-"]).stdout == target.read_text()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net.txt", "found a file of type '.txt'; allowed: .csv (SCALE-Sim topology), .cfg (SCALE-Sim)"),
        ("net.csv", "no such file"),
        ("net.cfg", "no such file"),
    ],
)
def test_command_with_files_that_are_none(tmp_path: Path, name: str, message: str) -> None:
    done = CliRunner().invoke(main, ["import", str(tmp_path / name), "-o", str(tmp_path / "out.yaml")])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"accel-sim: error: {tmp_path / name}: {message}\n"
    assert not (tmp_path / "out.yaml").exists()
