"""Mapping files: what they may say, and every mistake at its file, line and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accel_sim.arch import Accelerator, load_arch
from accel_sim.config import Document
from accel_sim.engine.simulate import prepare, simulate
from accel_sim.errors import MappingError
from accel_sim.mapping.reader import load_mapping, mapping_from_data
from accel_sim.workload import Network
from accel_sim.workload.reader import network_of

LAYERS: list[dict[str, Any]] = [
    {"name": "conv1", "op": "conv2d", "ifmap": [16, 14, 14], "filter": [32, 16, 3, 3], "padding": 1},
    {"name": "pool1", "op": "pool", "ifmap": [32, 14, 14], "window": 2, "inputs": ["conv1"]},
    {"name": "block.0.conv", "op": "conv2d", "ifmap": [32, 7, 7], "filter": [32, 32, 3, 3], "padding": 1},
    {"name": "fc", "op": "linear", "in_features": 500, "out_features": 40},
]
GOOD_NLR = "{tn: 1, tp: 4, tq: 4, tk: 16, tc: 16, order: bkc}"
GOOD_RS = "{m: 32, n: 1, e: 7, p: 8, q: 2, r: 2, t: 2}"


@pytest.fixture(scope="module")
def network() -> Network:
    return network_of(Document.from_data({"name": "small", "layers": LAYERS}))


def faults(path: Path, network: Network, arch: Accelerator, text: str) -> list[str]:
    """What the command line would print of a mapping file, without the folder."""
    path.write_text(text)
    with pytest.raises(MappingError) as caught:
        prepare(network, arch, mapping=str(path))
    return [str(fault).removeprefix(f"{path.parent}/") for fault in caught.value.faults]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "map.yaml"


def test_a_named_layer_is_mapped_as_told_and_others_by_the_mapper(network: Network, file: Path) -> None:
    file.write_text(f"dataflow: no_local_reuse\nlayers:\n  conv1: {GOOD_NLR}\n")
    result = simulate(network, load_arch("diannao"), mapping=str(file), steady=False)
    assert result.layer("conv1").mapping == {"tn": 1, "tp": 4, "tq": 4, "tk": 16, "tc": 16, "order": "bkc"}
    free = simulate(network, load_arch("diannao"), steady=False)
    assert result.layer("fc").mapping == free.layer("fc").mapping
    assert result.layer("conv1").mapping != free.layer("conv1").mapping


def test_letters_of_row_stationary(network: Network, file: Path) -> None:
    file.write_text(f"dataflow: row_stationary\nlayers:\n  conv1: {GOOD_RS}\n")
    letters = prepare(network, load_arch("eyeriss"), mapping=str(file)).mappings["conv1"].params
    assert letters == {"m": 32, "n": 1, "e": 7, "p": 8, "q": 2, "r": 2, "t": 2, "order": "mne"}


def test_the_same_content_as_a_dictionary(network: Network) -> None:
    data = {
        "dataflow": "no_local_reuse",
        "layers": {"fc": {"tn": 1, "tp": 1, "tq": 1, "tk": 8, "tc": 8, "order": "kbc"}},
    }
    assert prepare(network, load_arch("diannao"), mapping=data).mappings["fc"].params == data["layers"]["fc"]
    with pytest.raises(MappingError, match=r"^layers\.fc6: small has no such layer; did you mean 'fc'\?"):
        mapping_from_data({"dataflow": "no_local_reuse", "layers": {"fc6": {}}}, network, load_arch("diannao"))


def test_every_mistake_of_a_file_is_told_at_its_place(network: Network, file: Path) -> None:
    text = f"""\
dataflow: no_local_reuse
layers:
  conv1: {{tn: 0, tp: 2.5, tq: true, tk: 16, tv: 3, order: bck}}
  pool1: {{tn: 1}}
  conv2: {GOOD_NLR}
  block.0.conv: {{tn: 1, tp: 99, tq: 1, tk: 1, tc: 1, order: cab}}
  fc: {{tn: 1, tp: 1, tq: 1, tk: 41, tc: 500, order: bkc}}
"""
    assert faults(file, network, load_arch("diannao"), text) == [
        "map.yaml:3:10: layers.conv1: parameter 'tc' is missing",
        "map.yaml:3:15: layers.conv1.tn: found 0; must be at least 1",
        "map.yaml:3:22: layers.conv1.tp: found 2.5; allowed: whole numbers from 1",
        "map.yaml:3:31: layers.conv1.tq: found True; allowed: whole numbers from 1",
        "map.yaml:3:49: layers.conv1.tv: unknown parameter; allowed: tn, tp, tq, tk, tc, order",
        "map.yaml:4:3: layers.pool1: this layer has no MACs to map; allowed: conv1, block.0.conv, fc",
        "map.yaml:5:3: layers.conv2: small has no such layer; did you mean 'conv1'?; allowed: conv1, block.0.conv, fc",
        "map.yaml:6:61: layers.block.0.conv.order: found 'cab'; allowed: bkc, bck, kbc, kcb, cbk, ckb",
        "map.yaml:7:33: layers.fc.tk: found 41; the layer has only 40",
    ]


def test_tiles_that_fit_nowhere_say_by_how_much_and_where(network: Network, file: Path) -> None:
    text = """\
dataflow: no_local_reuse
layers:
  block.0.conv: {tn: 1, tp: 7, tq: 7, tk: 32, tc: 32, order: bkc}
"""
    # 7x7x32, 32x32x3x3 and 7x7x32 words of two bytes in 2, 32 and 2 KiB
    assert faults(file, network, load_arch("diannao", {"buffers.sb.size_bytes": "16 KiB"}), text) == [
        "map.yaml:3:17: layers.block.0.conv: "
        "a tile takes 3.062 KiB of ifmap, 1088 bytes more than the 2 KiB of buffer 'nbin'",
        "map.yaml:3:17: layers.block.0.conv: "
        "a tile takes 18 KiB of filter, 2048 bytes more than the 16 KiB of buffer 'sb'",
        "map.yaml:3:17: layers.block.0.conv: "
        "a tile takes 3.062 KiB of psum, 1088 bytes more than the 2 KiB of buffer 'nbout'",
    ]


def test_tenants_of_one_buffer_are_added_up(network: Network) -> None:
    model = load_arch("diannao").model_dump()
    one = {**model["buffers"][0], "name": "all", "size_bytes": 1024, "holds": ("ifmap", "filter", "psum", "ofmap")}
    arch = Accelerator(**{**model, "provenance": {}, "energy": {"mode": "absolute"}, "buffers": (one,)})
    mapping = {
        "dataflow": "no_local_reuse",
        "layers": {"fc": {"tn": 1, "tp": 1, "tq": 1, "tk": 2, "tc": 200, "order": "bkc"}},
    }
    with pytest.raises(MappingError) as caught:
        prepare(network, arch, mapping=mapping)
    assert str(caught.value) == (
        "layers.fc: a tile takes 400 B of ifmap and 800 B of filter and 4 B of psum, "
        "180 bytes more than the 1 KiB of buffer 'all'"
    )


def test_a_layer_that_fits_nowhere_is_refused_by_the_mapper_too(network: Network) -> None:
    model = load_arch("diannao").model_dump()
    wide = {"ifmap": 64, "filter": 64, "psum": 16}
    arch = Accelerator(
        **{**model, "provenance": {}, "energy": {"mode": "absolute"}, "mac": {**model["mac"], "bits": wide}}
    )
    tiny = arch.with_set({"buffers.nbin.width_bits": 32, "buffers.nbin.size_bytes": 4})
    with pytest.raises(MappingError) as caught:
        prepare(network.select("fc"), tiny)
    assert str(caught.value) == "layers.fc: a tile takes 8 B of ifmap, 4 bytes more than the 4 B of buffer 'nbin'"


def test_overflowed_register_files_say_by_how_many_words(network: Network, file: Path) -> None:
    text = """\
dataflow: row_stationary
layers:
  conv1: {m: 32, n: 1, e: 7, p: 30, q: 5, r: 1, t: 1}
  fc: {m: 40, n: 1, e: 1, p: 24, q: 13, r: 1, t: 1, order: nnn}
"""
    told = faults(file, network, load_arch("eyeriss"), text)
    assert "map.yaml:3:33: layers.conv1.p: p*q*S = 30*5*3 = 450 words, 226 more than the 224 of the filter RF" in told
    assert "map.yaml:3:40: layers.conv1.q: q*S = 5*3 = 15 words, 3 more than the 12 of the ifmap RF" in told
    assert "map.yaml:3:33: layers.conv1.p: p = 30 words, 6 more than the 24 of the psum RF" in told
    assert [line for line in told if line.startswith("map.yaml:4:60: layers.fc.order: found 'nnn'; allowed: mne, ")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("dataflow: row_stationary\nlayers: {}\n", "map.yaml:1:11: dataflow: found 'row_stationary'; diannao runs no_"),
        ("layers: {}\n", "dataflow: the key 'dataflow' is required and missing"),
        ("dataflow: no_local_reuse\nlayers:\n", "map.yaml:2:1: layers: found nothing (null); allowed: a mapping"),
        ("dataflow: no_local_reuse\nlayers: {fc: 3}\n", "map.yaml:2:14: layers.fc: found 3; allowed: a mapping"),
        ("dataflow: no_local_reuse\nlayer: {}\n", "map.yaml:2:1: layer: unknown key 'layer'; did you mean 'layers'?"),
        ("dataflow: [\n", "map.yaml:2:1"),
    ],
)  # fmt: skip
def test_files_that_say_something_else(network: Network, file: Path, text: str, line: str) -> None:
    assert any(line in told for told in faults(file, network, load_arch("diannao"), text))


def test_files_that_cannot_be_read(network: Network, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.yaml", tmp_path):
        with pytest.raises(MappingError, match=str(path)):
            load_mapping(path, network, load_arch("diannao"))


def test_a_file_is_for_the_whole_network_whichever_layers_run(network: Network, file: Path) -> None:
    file.write_text(f"dataflow: no_local_reuse\nlayers:\n  conv1: {GOOD_NLR}\n")
    result = simulate(network, load_arch("diannao"), mapping=str(file), layers="fc", steady=False)
    assert [layer.name for layer in result.layers] == ["fc"]
