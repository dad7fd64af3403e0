"""Tensors, shapes, layers and networks: derived figures, and everything that cannot be built."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from accel_sim.compression.patterns import PATTERNS
from accel_sim.errors import WorkloadError
from accel_sim.workload import Layer, MacShape, Network, Tensor, VectorShape, load_workload, parse_workload
from accel_sim.workload.patterns import PATTERN_PARAMS, check_pattern


def tensor(name: str = "t", shape: tuple[int, ...] = (1, 3, 5, 5), **other: Any) -> Tensor:
    fields: dict[str, Any] = {"name": name, "shape": shape, "bits": 16, **other}
    return Tensor(**fields)


def mac_layer(name: str = "a", shape: MacShape | None = None, **other: Any) -> Layer:
    shape = shape or MacShape.of(k=4, c=3, h=5, w=5)
    fields: dict[str, Any] = {
        "name": name,
        "op": "conv2d",
        "shape": shape,
        "ifmap": tensor(f"{name}.ifmap", shape.ifmap_shape),
        "filter": tensor(f"{name}.filter", shape.filter_shape, is_weight=True),
        "ofmap": tensor(f"{name}.ofmap", shape.ofmap_shape),
    }
    return Layer(**{**fields, **other})


@pytest.mark.parametrize(
    ("n", "bits", "n_bytes"), [(3, 16, 6), (3, 1, 1), (9, 1, 2), (3, 3, 2), (5, 4, 3), (8, 64, 64)]
)
def test_tensor_bytes_are_packed(n: int, bits: int, n_bytes: int) -> None:
    assert tensor(shape=(n,), bits=bits).n_bytes == n_bytes


def test_tensor_is_dense() -> None:
    assert tensor().is_dense
    assert not tensor(density=0.5).is_dense
    assert not tensor(trace="x.npz").is_dense


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": ()}, "shape"),
        ({"shape": (1, 0)}, "allowed: sizes from 1"),
        ({"bits": 0}, "0 bits; allowed: 1 to 64"),
        ({"bits": 65}, "65 bits"),
        ({"density": 1.01}, "density 1.01; allowed: 0 to 1"),
        ({"density": float("nan")}, "density nan"),
        ({"shape": (2**31, 2**31)}, "exceed what 64-bit counters hold"),
        ({"pattern": "blok"}, "did you mean 'block'"),
    ],
)
def test_tensors_that_cannot_be(change: dict[str, Any], message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        tensor(**change)


def test_patterns_are_those_that_masks_draw() -> None:
    assert {name: set(params) for name, params in PATTERN_PARAMS.items()} == {
        name: set(params) for name, (_, params) in PATTERNS.items()
    }


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        ("n_of_m", {}, "needs n and m"),
        ("n_of_m", {"n": 3, "m": 2}, "n is 3, more than m, which is 2"),
        ("n_of_m", {"n": 0, "m": 2}, "n is 0; allowed: at least 1"),
        ("n_of_m", {"n": 1, "m": 2, "axis": 4}, "axis is 4; allowed: 0 to 3"),
        ("vector", {"lenght": 4}, "no parameter 'lenght'; did you mean 'length'"),
        ("bernoulli", {"n": 1}, "allowed: no parameter"),
        ("block", {"block": (2, 2)}, "allowed: 4 sizes from 1"),
        ("block", {"block": 2}, "allowed: 4 sizes from 1"),
        ("vector", {"length": (1, 2)}, "length is a list"),
        ("lognormal", {"sigma": 0.0}, "sigma is 0.0; allowed: greater than 0"),
    ],
)
def test_patterns_that_cannot_be(kind: str, params: dict[str, int], message: str) -> None:
    assert message in (check_pattern(kind, params) or "")


def test_shapes_know_their_padding() -> None:
    shape = MacShape.of(k=256, c=48, h=27, w=27, r=5, s=5, groups=2, pad=(2, 2))
    assert (shape.p, shape.q, shape.padded_h, shape.padded_w) == (27, 27, 31, 31)
    # of 27 rows, the two outermost on each side lose one or two of their five taps
    assert shape.n_macs_in_bounds == shape.n_macs * (27 * 5 - 6) ** 2 // (27 * 5) ** 2
    assert shape.n_macs == 2 * 256 * 48 * 27**2 * 25


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "k is 0; allowed: whole numbers from 1"),
        ({"h": -3}, "more than the padded ifmap"),
        ({"pad": (-1, 0)}, "pad_h is -1; allowed: whole numbers from 0"),
        ({"stride": (0, 1)}, "stride"),
        ({"r": 9}, "the filter covers 9 x 1, more than the padded ifmap of 5 x 5"),
        ({"r": 70_000, "h": 80_000}, "r is 70000; allowed: at most 65536"),
        ({"c": 2**32, "k": 2**32}, "exceed what 64-bit counters hold"),
    ],
)
def test_shapes_that_cannot_be(change: dict[str, Any], message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        MacShape.of(**{"k": 4, "c": 3, "h": 5, "w": 5, **change})


def test_a_shape_cannot_contradict_its_window() -> None:
    with pytest.raises(WorkloadError, match="the ofmap is 4 x 5, but its window gives 5 x 5"):
        MacShape(n=1, k=1, c=1, h=5, w=5, r=1, s=1, p=4, q=5)
    with pytest.raises(WorkloadError, match="the ofmap is 5 x 4, but its window gives 5 x 5"):
        VectorShape(n=1, c=1, h=5, w=5, p=5, q=4)
    with pytest.raises(WorkloadError, match="the window of 6 x 1 is larger"):
        VectorShape.of(c=1, h=5, w=5, window=(6, 1))
    with pytest.raises(WorkloadError, match="operations exceed"):
        VectorShape.of(c=2**31, h=2**31, w=1, ops_per_output=4)


def test_a_layer_cannot_contradict_its_shape() -> None:
    with pytest.raises(WorkloadError, match=r"a\.ofmap is \[1, 9, 5, 5\], but the layer's shape has \[1, 4, 5, 5\]"):
        mac_layer(ofmap=tensor("a.ofmap", (1, 9, 5, 5)))
    with pytest.raises(WorkloadError, match="a filter exactly if"):
        mac_layer(filter=None)


def test_batches_scale_activations_and_share_weights() -> None:
    network = load_workload("alexnet")
    batched = network.with_batch(4)
    assert batched == load_workload("alexnet", batch=4)
    assert batched.with_batch(1) == network
    assert batched.n_macs == 4 * network.n_macs
    assert batched.n_weight_bytes == network.n_weight_bytes == 2 * 60_954_656
    fc6 = batched.layer("fc6")
    assert fc6.ifmap.shape == (4, 9216, 1, 1)
    with pytest.raises(WorkloadError, match="batch: found 0; allowed: at least 1"):
        network.with_batch(0)


def test_a_batch_of_two_activations_shares_nothing() -> None:
    text = "name: a\nlayers:\n  - {name: %s, op: matmul, m: 2, k: 3, n: 5, count: 7, second: %s}\n"
    shared = parse_workload(text % ("x", "weight"), batch=4).layers[0]
    own = parse_workload(text % ("x", "activation"), batch=4).layers[0]
    assert shared.n_macs == own.n_macs == 4 * 7 * 2 * 3 * 5
    assert shared.filter is not None
    assert own.filter is not None
    assert (shared.filter.n_elements, own.filter.n_elements) == (7 * 3 * 5, 4 * 7 * 3 * 5)
    assert (shared.filter.is_weight, own.filter.is_weight) == (True, False)
    assert own.with_batch(4, 1) == parse_workload(text % ("x", "activation")).layers[0]


def test_select_keeps_matching_layers() -> None:
    network = load_workload("alexnet")
    convs = network.select("conv*")
    assert [layer.name for layer in convs.layers] == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    assert convs.layer("conv2").inputs == (), "its producer pool1 is gone"
    assert convs.layer("conv4").inputs == ("conv3",)
    assert [layer.name for layer in network.select("fc8, conv1").layers] == ["conv1", "fc8"]
    with pytest.raises(WorkloadError, match="no layer of alexnet matches 'cov1'; did you mean 'conv1'"):
        network.select("cov1")
    with pytest.raises(WorkloadError, match="has no layer 'conv9'; did you mean 'conv"):
        network.layer("conv9")


def test_networks_that_cannot_be() -> None:
    def message_of(*layers: Layer, batch: int = 1) -> str:
        with pytest.raises(WorkloadError) as error:
            Network(name="n", batch=batch, layers=layers)
        return str(error.value)

    assert message_of() == "layers: a network needs at least one layer"
    assert message_of(mac_layer(), batch=0) == "batch: found 0; allowed: at least 1"
    assert message_of(mac_layer(), mac_layer()) == "layers[1].name: duplicate name 'a'; layers[0] has it too"
    assert message_of(mac_layer(), mac_layer("b", inputs=("c",))) == "layers[1].inputs[0]: unknown layer 'c'"
    first = replace(mac_layer(), inputs=("b",))
    assert "layer 'b' comes later" in message_of(first, mac_layer("b"))
    assert "cannot be its own input" in message_of(replace(first, inputs=("a",)))
    assert message_of(mac_layer(), mac_layer("b", inputs=("a",))) == (
        "layers[1].inputs[0]: 'a' makes [4, 5, 5], but 'b' takes [3, 5, 5] [C, H, W]"
    )
    huge = [mac_layer(f"l{i}", MacShape.of(k=2**25, c=2**25, h=2**12, w=1)) for i in range(2)]
    assert "exceed what 64-bit counters hold" in message_of(*huge)
