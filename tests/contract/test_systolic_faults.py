"""Systolic machines and machines that keep fmaps on chip: what cannot be is refused by name, in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from accel_sim.arch import load_arch
from accel_sim.cli import main
from accel_sim.config import Document
from accel_sim.engine.simulate import prepare
from accel_sim.errors import ArchError, MappingError
from accel_sim.workload import Network
from accel_sim.workload.reader import network_of


def network(*entries: dict[str, Any], bits: int = 8, batch: int = 1) -> Network:
    widths = {"ifmap": bits, "filter": bits, "ofmap": bits, "psum": 32}
    data = {"name": "net", "batch": batch, "defaults": {"bits": widths}, "layers": list(entries)}
    return network_of(Document.from_data(data))


GEMM = {"name": "g", "op": "matmul", "m": 50, "k": 70, "n": 90}


@pytest.mark.parametrize(
    ("arch", "sets", "fault"),
    [
        ("systolic_os", {"array.drain": "collector"}, "array.drain: 'collector' excludes array.pipelined"),
        ("systolic_os", {"array.psum_path": "written"}, "array.psum_path: excludes dataflow 'output_stationary'"),
        ("systolic_os", {"array.row_skew_cycles": 2}, "array.row_skew_cycles: excludes dataflow 'output_stationary'"),
        ("systolic_os", {"array.whole_tiles": True}, "array.whole_tiles: excludes dataflow 'output_stationary'"),
        ("systolic_ws", {"array.drain": "rows"}, "array.drain: excludes dataflow 'weight_stationary'"),
        ("systolic_is", {"array.partial_windows": True}, "array.partial_windows: excludes array.psum_path 'accumul"),
        ("systolic_ws", {"array.psum_path": "written"}, "array.psum_path: 'written' excludes buffers that keep psum"),
        ("rtl_ws", {"activations": "on_chip"}, "array.psum_path: 'accumulated' excludes activations 'on_chip' while"),
        ("systolic_os", {"array.operand_words": 2}, "array.operand_words: excludes dataflow 'output_stationary'"),
        ("systolic_ws", {"array.operand_words": 2, "array.cols": 3}, "array.operand_words: 2 excludes an odd arr"),
        ("systolic_ws", {"array.operand_words": 2, "mac.sparsity": "gate_ifmap"}, "array.operand_words: excludes mac."),
        ("rtl_ws", {"array.operand_words": 2}, "array.operand_words: excludes a buffer 'ofmap_sram' that keeps both"),
        ("systolic_ws", {"array.rows": 0}, "array.rows: found 0; allowed: greater than 0"),
        ("systolic_ws", {"array.row_skew_cycles": 3}, "array.row_skew_cycles: found 3; allowed: 1 or 2"),
        ("systolic_ws", {"dataflow": "row_stationary"}, "dataflow: 'row_stationary' cannot run on array.organisation"),
        ("systolic_ws", {"array.drian": "rows"}, "array.drian: unknown key 'drian'; did you mean 'drain'?"),
        ("eyeriss", {"activations": "on_chip"}, "activations: 'on_chip' is not possible with array.organisation 'row_"),
        ("shidiannao", {"array.fifo_words": -1}, "array.fifo_words: found -1; allowed: greater than 0"),
    ],
)
def test_keys_that_exclude_each_other(arch: str, sets: dict[str, Any], fault: str) -> None:
    with pytest.raises(ArchError) as caught:
        load_arch(arch, sets)
    (found,) = caught.value.faults
    assert str(found).removeprefix("--set: ").startswith(fault)


def test_whole_tiles_and_packed_filters() -> None:
    with pytest.raises(ArchError, match="array.whole_tiles: excludes a compressed formats.filter"):
        load_arch("tpu_v1", {"formats.filter": "run_length", "codec": load_arch("eyeriss").codec})


@pytest.mark.parametrize(
    ("params", "faults"),
    [
        ({"tn": 2, "tp": 1, "tq": 1}, ["layers.g.tn: found 2; the layer has only 1"]),
        ({"tn": 1, "tp": 51, "tq": 1}, ["layers.g.tp: found 51; the layer has only 50"]),
        ({"tn": 1, "tp": 0, "tq": 1}, ["layers.g.tp: found 0; must be at least 1"]),
        ({"tn": 1, "tp": 5}, ["layers.g: parameter 'tq' is missing"]),
        ({"tn": 1, "tp": 5, "tq": 1, "tw": 33}, ["layers.g.tw: found 33; allowed: multiples of 32, the rows of the"]),
        ({"tn": 1, "tp": 5, "tq": 1, "tk": 8}, ["layers.g.tk: found 8; allowed: 32, the columns of the array"]),
        ({"tn": 1, "tp": 5, "tq": 1, "keep_ifmap": "blok"}, ["layers.g.keep_ifmap: found 'blok'; did you mean 'bloc"]),
        ({"tn": 1, "tp": 5, "tq": 1, "te": 1}, ["layers.g.te: unknown parameter; allowed: tn, tp, tq, tk, tw, keep"]),
    ],
)
def test_mappings_that_cannot_be(params: dict[str, Any], faults: list[str]) -> None:
    mapping = {"dataflow": "weight_stationary", "layers": {"g": params}}
    with pytest.raises(MappingError) as caught:
        prepare(network(GEMM), load_arch("systolic_ws"), mapping=mapping)
    found = [str(fault) for fault in caught.value.faults]
    assert len(found) == len(faults)
    for line, start in zip(found, faults, strict=True):
        assert line.startswith(start), line


@pytest.mark.parametrize(
    ("arch", "params", "fault"),
    [
        ("systolic_os", {"tn": 1, "tp": 50, "tq": 1, "tw": 71}, "layers.g.tw: found 71; the layer's window has only"),
        ("systolic_os", {"tn": 1, "tp": 50, "tq": 1, "keep_ifmap": "tile"}, "layers.g.keep_ifmap: 'tile' needs a blo"),
        ("systolic_is", {"tn": 1, "tp": 50, "tq": 1, "tk": 91}, "layers.g.tk: found 91; the layer has only 90"),
    ],
)
def test_mappings_that_one_dataflow_cannot_have(arch: str, params: dict[str, Any], fault: str) -> None:
    machine = load_arch(arch)
    with pytest.raises(MappingError) as caught:
        prepare(network(GEMM), machine, mapping={"dataflow": machine.dataflow, "layers": {"g": params}})
    (found,) = caught.value.faults
    assert str(found).startswith(fault)


@pytest.mark.parametrize("arch", ["systolic_ws", "systolic_os", "systolic_is"])
def test_a_buffer_that_holds_nothing_is_named(arch: str) -> None:
    tiny = load_arch(arch, {"buffers.ifmap_buffer.size_bytes": 32, "buffers.ifmap_buffer.width_bits": 8})
    large = {"name": "c", "op": "conv2d", "ifmap": [64, 40, 40], "filter": [8, 64, 9, 9]}
    with pytest.raises(MappingError) as caught:
        prepare(network(large), tiny)
    (fault,) = caught.value.faults
    assert str(fault).startswith("layers.c: needs ")
    assert "of buffer 'ifmap_buffer'" in fault.message
    assert "bytes more than the 32 B" in fault.message


@pytest.mark.parametrize("arch", ["systolic_ws", "systolic_os", "systolic_is"])
def test_a_layer_larger_than_all_buffers_runs(arch: str) -> None:
    names = ("ifmap_buffer", "filter_buffer", "ofmap_buffer")
    small = load_arch(arch, {f"buffers.{name}.size_bytes": 8192 for name in names})
    layer = {"name": "fc", "op": "linear", "in_features": 25088, "out_features": 512}
    (mapping,) = prepare(network(layer), small).mappings.values()
    assert mapping.bounds.dram_bytes >= 25088 * 512


def test_fmaps_that_do_not_fit_on_chip() -> None:
    arch = load_arch("shidiannao")
    chain: list[dict[str, Any]] = [
        {"name": "a", "op": "conv2d", "ifmap": [1, 200, 200], "filter": [2, 1, 1, 1]},
        {"name": "b", "op": "pool", "inputs": ["a"], "ifmap": [2, 200, 200], "window": 2, "stride": 2},
    ]
    with pytest.raises(MappingError) as caught:
        prepare(network(*chain, bits=16), arch)
    assert [str(fault) for fault in caught.value.faults] == [
        "layers.a: its fmaps and those that wait take 78.12 KiB of nbin, 14464 bytes more than the 64 KiB there are; "
        "activations 'on_chip' needs them whole",
        "layers.a: its fmaps and those that wait take 156.2 KiB of nbout, 94464 bytes more than the 64 KiB there are; "
        "activations 'on_chip' needs them whole",
        "layers.b: its fmaps and those that wait take 156.2 KiB of nbin, 94464 bytes more than the 64 KiB there are; "
        "activations 'on_chip' needs them whole",
    ]


def test_a_window_that_does_not_fit_its_buffer() -> None:
    layer = {"name": "fc", "op": "linear", "in_features": 9216, "out_features": 64}
    with pytest.raises(MappingError, match="layers.fc: needs 1.125 MiB of buffer 'sb', 1048576 bytes more than the"):
        prepare(network(layer, bits=16), load_arch("shidiannao"))


@pytest.mark.parametrize("arch", ["systolic_ws", "tpu_v1", "shidiannao"])
def test_another_machines_dataflow_is_refused(arch: str) -> None:
    machine = load_arch(arch)
    with pytest.raises(MappingError, match="dataflow: found 'row_stationary'"):
        prepare(network(GEMM), machine, mapping={"dataflow": "row_stationary", "layers": {}})


def refusal(*arguments: str | Path) -> list[str]:
    """Run a command that must be refused; return its lines."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert (done.exit_code, done.stdout) == (2, ""), (done.output, done.exception)
    lines = done.stderr.splitlines()
    assert all(line.startswith("accel-sim: error: ") for line in lines)
    return [line.removeprefix("accel-sim: error: ") for line in lines]


@pytest.mark.parametrize(
    ("keys", "faults"),
    [
        ("dilation: 4", [":3:60: layers[0].filter[2]: the filter covers 9 rows; allowed: at most 8, the padded ifmap"]),
        ("dilation: [1, 4], padding: [0, 0]", [":3:63: layers[0].filter[3]: the filter covers 9 columns; allowed: at"]),
        ("dilation: 0", [":3:77: layers[0].dilation: found 0; allowed: at least 1"]),
        ("dilation: [1, -1]", [":3:81: layers[0].dilation[1]: found -1; allowed: at least 1"]),
        ("dilation: [1, 2, 3]", [":3:77: layers[0].dilation: "]),
        (f"dilation: {10**21}", [f":3:77: layers[0].dilation: found {10**21}; allowed: at most 2147483647"]),
        (f"padding: {10**9}", [":3:5: layers[0]: 432000002592000003888 MACs exceed what 64-bit counters hold"]),
        ("groups: 2", [":3:75: layers[0].groups: 2 groups do not divide the 3 channels of the ifmap"]),
    ],
)
def test_layers_that_cannot_be(tmp_path: Path, keys: str, faults: list[str]) -> None:
    path = tmp_path / "net.yaml"
    side = "filter: [4, 3, 3, 1]" if keys == "dilation: 4" else "filter: [4, 3, 3, 3]"
    path.write_text(f"name: n\nlayers:\n  - {{name: a, op: conv2d, ifmap: [3, 8, 8], {side}, {keys}}}\n")
    lines = refusal("run", "systolic_ws", path)
    assert len(lines) == len(faults)
    for line, fault in zip(lines, faults, strict=True):
        assert line.startswith(f"{path}{fault}"), line


CONV = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
GEMM_HEADER = "Layer, M, N, K,\n"
CONFIG = "[architecture_presets]\nArrayHeight : 8\nArrayWidth : 8\nDataflow : os\nBandwidth : 10\n"


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        (
            "t.csv",
            CONV + "c, 10, 10, 3, 3, -4, 8, 1,\n",
            ":2:1: layer 'c': the channels is -4; allowed: 1 to 2147483647",
        ),
        ("t.csv", CONV + "c, 10, 10, 0, 3, 4, 8, 1,\n", ":2:1: layer 'c': the filter height is 0; allowed: 1 to 65536"),
        ("t.csv", CONV + "c, 10, 10, 3, 3, 4, 8,\n", ":2:1: layer 'c': the stride is missing; allowed: IFMAP height, "),
        (
            "t.csv",
            CONV + "c, ten, 10, 3, 3, 4, 8, 1,\n",
            ":2:1: layer 'c': the IFMAP height is 'ten'; allowed: a whole",
        ),
        (
            "t.csv",
            CONV + "c, 10.5, 10, 3, 3, 4, 8, 1,\n",
            ":2:1: layer 'c': the IFMAP height is '10.5'; allowed: a who",
        ),
        (
            "t.csv",
            CONV + f"c, 10, 10, 3, 3, {10**22}, 8, 1,\n",
            f":2:1: layer 'c': the channels is {10**22}; allowed: ",
        ),
        ("t.csv", CONV + f"c, {10**9}, {10**9}, 3, 3, {10**9}, 8, 1,\n", ": layers[0]: 7199999971200000028800000000"),
        (
            "t.csv",
            CONV + "c, 10, 2, 3, 3, 4, 8, 1,\n",
            ":2:1: layer 'c': the filter width is 3; allowed: at most 2, th",
        ),
        ("t.csv", GEMM_HEADER + "g, -1, 20, 30,\n", ":2:1: layer 'g': the M is -1; allowed: 1 to 2147483647"),
        ("t.csv", GEMM_HEADER + "g, 10, x, 30,\n", ":2:1: layer 'g': the N is 'x'; allowed: a whole number from 1"),
        ("t.csv", GEMM_HEADER + "g, 10, 20\n", ":2:1: layer 'g': the K is missing; allowed: M, N, K, in this order"),
        ("t.csv", CONV, ": has no layers; allowed: a header line and one line a layer"),
        ("t.csv", "", ": has no layers; allowed: a header line and one line a layer"),
        ("t.csv", "\n ,,,\n", ": has no layers; allowed: a header line and one line a layer"),
        ("t.cfg", CONFIG.replace("Height : 8", "Height : 0"), ":2:1: ArrayHeight: found '0'; allowed: a whole number"),
        ("t.cfg", CONFIG.replace("Height : 8", "Height : x"), ":2:1: ArrayHeight: found 'x'; allowed: a whole number"),
        (
            "t.cfg",
            CONFIG.replace("Height : 8", f"Height : {10**30}"),
            f":2:1: ArrayHeight: found '{10**30}'; allowed: ",
        ),
        ("t.cfg", CONFIG.replace("ArrayWidth : 8\n", ""), ": the key ArrayWidth is required and missing"),
        ("t.cfg", CONFIG.replace("os", "oss"), ":4:1: Dataflow: found 'oss'; did you mean 'os'?; allowed: ws, os, is"),
        ("t.cfg", CONFIG + "ArrayWidth = 9\n", ":6:1: ArrayWidth: given twice; first in line 3"),
        ("t.cfg", CONFIG + "[run_presets\n", ":6:1: found '[run_presets'; allowed: [section], key = value or key : va"),
        ("t.cfg", CONFIG + "InterfaceBandwidth : no\n", ":6:1: InterfaceBandwidth: found 'no'; allowed: CALC, USER"),
    ],
)
def test_scalesim_files_that_cannot_be(tmp_path: Path, name: str, text: str, fault: str) -> None:
    path, target = tmp_path / name, tmp_path / "out.yaml"
    path.write_text(text)
    target.write_text("old")
    (line,) = refusal("import", path, "-o", target)
    assert line.startswith(f"{path}{fault}"), line
    assert target.read_text() == "old"


def test_one_line_and_exit_code_2() -> None:
    done = CliRunner().invoke(main, ["run", "systolic_os", "lenet5", "--set", "array.drain=collector"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("accel-sim: error: --set: array.drain: 'collector' excludes array.pipelined")
