"""Workload files: what each op becomes, defaults and overrides, edges, traces."""

from __future__ import annotations

from pathlib import Path

import pytest

from accel_sim.config import shipped_names
from accel_sim.errors import WorkloadError
from accel_sim.workload import Layer, MacShape, VectorShape, load_workload, parse_workload


def layer_of(fields: str, batch: int | None = None) -> Layer:
    return parse_workload(f"name: n\nlayers:\n  - {{name: x, {fields}}}\n", batch=batch).layers[0]


def test_the_contract_example() -> None:
    network = parse_workload("""\
name: my_net
batch: 2
defaults: {bits: {ifmap: 8, filter: 4, ofmap: 16, psum: 24}}
layers:
  - {name: conv1, op: conv2d, ifmap: [3, 227, 227], filter: [96, 3, 11, 11], stride: 4, padding: 0, groups: 1}
  - {name: fc6, op: linear, in_features: 9216, out_features: 4096, density: {ifmap: 0.351, filter: 0.09}}
  - {name: qk, op: matmul, m: 128, k: 64, n: 128, count: 12, second: activation}
""")
    conv1, fc6, qk = network.layers
    assert (network.name, network.batch) == ("my_net", 2)
    assert isinstance(conv1.shape, MacShape)
    assert conv1.shape == MacShape.of(n=2, k=96, c=3, h=227, w=227, r=11, s=11, stride=(4, 4))
    assert (conv1.ifmap.bits, conv1.filter and conv1.filter.bits, conv1.ofmap.bits, conv1.psum_bits) == (8, 4, 16, 24)
    assert fc6.shape == MacShape.of(n=2, k=4096, c=9216)
    assert fc6.filter is not None
    assert (fc6.ifmap.density, fc6.filter.density, fc6.ofmap.density) == (0.351, 0.09, 1.0)
    assert fc6.filter.name == "fc6.filter"
    assert qk.shape == MacShape.of(n=1, k=128, c=64, h=128, groups=24)


def test_convolutions() -> None:
    grouped = layer_of(
        "op: conv2d, ifmap: [6, 9, 8], filter: [4, 3, 3, 2], groups: 2, stride: [2, 1], dilation: [2, 3]"
    )
    assert grouped.shape == MacShape.of(k=2, c=3, h=9, w=8, r=3, s=2, groups=2, stride=(2, 1), dilation=(2, 3))
    depthwise = layer_of("op: depthwise_conv2d, ifmap: [6, 9, 9], filter: [12, 1, 3, 3], padding: 1")
    assert depthwise.shape == MacShape.of(k=2, c=1, h=9, w=9, r=3, s=3, groups=6, pad=(1, 1))
    assert depthwise.ofmap.shape == (1, 12, 9, 9)
    assert depthwise.function == "depthwise_conv2d"


@pytest.mark.parametrize(
    ("fields", "ofmap", "ops_per_output", "function"),
    [
        ("op: pool, ifmap: [4, 8, 8], window: 2", (1, 4, 4, 4), 4, "max"),
        ("op: pool, ifmap: [4, 8, 8], window: [3, 2], stride: 1, padding: [1, 0]", (1, 4, 8, 7), 6, "max"),
        ("op: pool, ifmap: [4, 7, 7], window: 7, function: average", (1, 4, 1, 1), 49, "average"),
        ("op: activation, ifmap: [4, 2, 3], function: gelu", (1, 4, 2, 3), 1, "gelu"),
        ("op: elementwise, ifmap: [4, 2, 3]", (1, 4, 2, 3), 1, "add"),
        ("op: elementwise, ifmap: [4, 2, 3], operands: 3, function: multiply", (1, 4, 2, 3), 2, "multiply"),
        ("op: softmax, ifmap: [10, 1, 1]", (1, 10, 1, 1), 3, "softmax"),
        ("op: layernorm, ifmap: [10, 4, 1]", (1, 10, 4, 1), 3, "layernorm"),
    ],
)
def test_vector_layers(fields: str, ofmap: tuple[int, ...], ops_per_output: int, function: str) -> None:
    layer = layer_of(fields)
    assert isinstance(layer.shape, VectorShape)
    assert (layer.ofmap.shape, layer.shape.ops_per_output, layer.function) == (ofmap, ops_per_output, function)
    assert (layer.n_macs, layer.n_macs_in_bounds, layer.is_mac, layer.filter) == (0, 0, False, None)
    assert layer_of(fields, batch=3).ofmap.shape == (3, *ofmap[1:])


def test_a_layer_overrides_single_bits() -> None:
    layer = layer_of("op: linear, in_features: 4, out_features: 2, bits: {filter: 2}, post: relu, algorithm: im2col")
    assert layer.filter is not None
    assert (layer.ifmap.bits, layer.filter.bits, layer.ofmap.bits, layer.psum_bits) == (16, 2, 16, 32)
    assert (layer.post, layer.algorithm) == ("relu", "im2col")
    assert layer_of("op: softmax, ifmap: [4, 1, 1], bits: {ofmap: 8}").ofmap.bits == 8


@pytest.mark.parametrize("algorithm", ["direct", "im2col", "winograd:2", "winograd:4", "fft:16", "best"])
def test_algorithms(algorithm: str) -> None:
    fields = f"op: conv2d, ifmap: [1, 8, 8], filter: [1, 1, 3, 3], algorithm: '{algorithm}'"
    assert layer_of(fields).algorithm == algorithm


def test_patterns() -> None:
    fields = "op: conv2d, ifmap: [8, 8, 8], filter: [8, 8, 3, 3], "
    layer = layer_of(fields + "pattern: {filter: {kind: n_of_m, n: 2, m: 4}, ifmap: channel}, density: {ifmap: 0.5}")
    assert layer.filter is not None
    assert (layer.filter.pattern, layer.filter.density) == ("n_of_m", 0.5)
    assert layer.filter.pattern_params == (("axis", 1), ("m", 4), ("n", 2)), "groups lie along C"
    assert (layer.ifmap.pattern, layer.ifmap.pattern_params, layer.ifmap.density) == ("channel", (("axis", 1),), 0.5)
    filters = layer_of(fields + "pattern: {filter: channel}, density: {filter: 0.25}").filter
    assert filters is not None
    assert filters.pattern_params == (("axis", 0),), "whole filters"
    third = layer_of(fields + "pattern: {filter: {kind: n_of_m, n: 2, m: 3, axis: 0}}, density: {filter: 0.667}").filter
    assert third is not None
    assert (third.density, dict(third.pattern_params)["axis"]) == (2 / 3, 0)
    block = layer_of(fields + "pattern: {filter: {kind: block, block: [4, 4, 1, 1]}}, density: {filter: 0.5}").filter
    assert block is not None
    assert block.pattern_params == (("block", (4, 4, 1, 1)),)


def test_traces_lie_beside_the_file(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text("name: n\nlayers:\n  - {name: a, op: softmax, ifmap: [4, 1, 1], trace: masks/a.npz}\n")
    with pytest.raises(WorkloadError) as error:
        load_workload(str(file))
    assert str(error.value) == f"{file}:3:53: layers[0].trace: no such file: {tmp_path}/masks/a.npz"
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "a.npz").write_bytes(b"")
    layer = load_workload(str(file)).layers[0]
    assert layer.ifmap.trace == layer.ofmap.trace == str(tmp_path / "masks" / "a.npz")


def test_edges_between_reshaping_layers_need_equal_sizes_only() -> None:
    network = parse_workload("""\
name: n
layers:
  - {name: a, op: conv2d, ifmap: [3, 4, 4], filter: [8, 3, 1, 1]}
  - {name: b, op: linear, inputs: [a], in_features: 128, out_features: 64}
  - {name: q, op: matmul, inputs: [b], m: 4, k: 4, n: 4, count: 4}
  - {name: qk, op: matmul, inputs: [q, b], m: 4, k: 4, n: 4, count: 4, second: activation}
  - {name: cached, op: matmul, inputs: [q], m: 4, k: 4, n: 9, count: 4, second: activation}
  - {name: s, op: softmax, inputs: [qk], ifmap: [16, 4, 1]}
  - {name: twice, op: elementwise, inputs: [s, s], ifmap: [16, 4, 1]}
""")
    assert network.with_batch(3).layer("qk").operand(1).n_elements == 3 * 64
    assert network.layer("twice").n_operands == 2


# the TPU's applications come with the batches of its paper (Table 1); LSTM0's 16-bit activations are two of 8 bits
BATCHES = {"tpu_mlp0": 200, "tpu_mlp1": 168, "tpu_lstm0": 128, "ese_lstm": 32}


@pytest.mark.parametrize("name", shipped_names("accel_sim.workloads"))
def test_shipped_networks(name: str) -> None:
    network = load_workload(name)
    assert network.name == name
    assert network.batch == BATCHES.get(name, 1)
    assert network.source
    assert all(layer.n_macs >= layer.n_macs_in_bounds for layer in network.layers)
    assert network.with_batch(3) == load_workload(name, batch=3)


def test_shipped_joins_name_their_operands() -> None:
    add = load_workload("resnet50").layer("layer2_0_add")
    assert add.inputs == ("layer2_0_conv3", "layer2_0_shortcut")
    assert add.post == "relu"
    strided = load_workload("resnet50").layer("layer2_0_conv2").shape
    assert isinstance(strided, MacShape)
    assert (strided.stride_h, strided.r) == (2, 3), "version 1.5: the 3 x 3 convolution takes the stride"


def test_the_published_zeros_of_alexnet() -> None:
    layers = load_workload("alexnet_conv").layers
    assert [layer.ifmap.density for layer in layers] == [0.9999, 0.613, 0.275, 0.207, 0.224]
    assert [layer.ofmap.density for layer in layers[:-1]] == [layer.ifmap.density for layer in layers[1:]]
    assert all(layer.inputs == () for layer in layers)
