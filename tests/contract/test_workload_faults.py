"""Every mistake in a workload file is one fault, with its line, column and what is allowed; nothing else is raised."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from accel_sim.config import resolve_shipped
from accel_sim.errors import WorkloadError
from accel_sim.workload import load_workload, parse_workload

MARK = "^"


def faults_of(marked: str, batch: int | None = None) -> list[tuple[bool, str]]:
    """Return (is it at a mark, key and message) of each fault of a text in which ``^`` marks where faults belong."""
    lines = marked.split("\n")
    places = {
        (i + 1, mark.start() - before + 1)
        for i, line in enumerate(lines)
        for before, mark in enumerate(re.finditer(re.escape(MARK), line))
    }
    with pytest.raises(WorkloadError) as error:
        parse_workload(marked.replace(MARK, ""), "net.yaml", batch)
    found = {(fault.line, fault.column) for fault in error.value.faults}
    assert places <= found, "a mark without a fault"
    assert all(fault.file == "net.yaml" for fault in error.value.faults)
    return [((f.line, f.column) in places, f"{f.key}: {f.message}") for f in error.value.faults]


def marked_messages(marked: str, batch: int | None = None) -> list[str]:
    """Return the messages of faults all of which stand at a mark."""
    faults = faults_of(marked, batch)
    assert all(at_mark for at_mark, _ in faults), faults
    return [message for _, message in faults]


OPS = "conv2d, depthwise_conv2d, linear, matmul, pool, activation, elementwise, softmax, layernorm"
POSTS = "none, relu, relu6, leaky_relu, sigmoid, tanh, gelu, silu, hard_sigmoid, hard_swish"
PATTERNS = "bernoulli, lognormal, n_of_m, block, vector, channel, banded, balanced"
CONV = "op: conv2d, ifmap: [4, 7, 7], "
FILTER = CONV + "filter: [1, 4, 1, 1], "
DEPTHWISE = "op: depthwise_conv2d, ifmap: [4, 7, 7], "
SOFTMAX = "op: softmax, ifmap: [4, 1, 1], "
POOL = "op: pool, ifmap: [4, 7, 7], "


@pytest.mark.parametrize(
    ("fields", "key", "message"),
    [
        # unknown keys and names, with the nearest one
        ("op: ^conv2", "op", f"unknown op 'conv2'; did you mean 'conv2d'?; allowed: {OPS}"),
        ("op: ^lstm", "op",
         "op 'lstm' is not supported; write the matmul, elementwise and activation layers it consists of"),
        ("op: ^[]", "op", "found a list of 0; allowed: text"),
        (SOFTMAX + "^algorithm: direct", "algorithm",
         "unknown key 'algorithm'; allowed: name, op, inputs, bits, density, pattern, trace, ifmap"),
        (SOFTMAX + "bits: {^filter: 8}", "bits.filter", "unknown key 'filter'; allowed: ifmap, ofmap"),
        (FILTER + "algorithm: ^winogard:2", "algorithm",
         "unknown algorithm 'winogard:2'; did you mean 'winograd:<m>'?; allowed: direct, im2col, winograd:<m>, "
         "fft:<tile>, best"),
        (FILTER + "post: ^rlu", "post", f"unknown activation 'rlu'; did you mean 'relu'?; allowed: {POSTS}"),
        (FILTER + "pattern: {filter: ^blok}", "pattern.filter.kind",
         f"unknown pattern 'blok'; did you mean 'block'?; allowed: {PATTERNS}"),
        (FILTER + "pattern: {filter: {kind: ^n_of_m, m: 4}}", "pattern.filter.kind", "pattern 'n_of_m' needs n"),
        # wrong types, units and sizes
        (FILTER + "stride: ^0", "stride", "found 0; allowed: at least 1"),
        (FILTER + "stride: [1, ^0]", "stride[1]", "found 0; allowed: at least 1"),
        (FILTER + "stride: ^'2'", "stride", "found '2' (text); allowed: a whole number"),
        (FILTER + "stride: ^[1]", "stride", "found a list of 1; more values are required"),
        (FILTER + "stride: ^[1, 2, 3]", "stride", "found a list of 3; allowed: at most 2"),
        (FILTER + "padding: ^-1", "padding", "found -1; allowed: at least 0"),
        (FILTER + "bits: {psum: ^65}", "bits.psum", "found 65; allowed: at most 64"),
        (FILTER + "density: ^0.5", "density", "found 0.5; allowed: a mapping of keys to values"),
        (FILTER + "density: {ifmap: ^1.5}", "density.ifmap", "found 1.5; allowed: at most 1"),
        (FILTER + "density: {ofmap: ^.nan}", "density.ofmap", "found nan; allowed: a finite number"),
        (CONV + "filter: ^[1, 4, 1]", "filter", "found a list of 3; allowed: a list of 4 sizes [K, C/groups, R, S]"),
        (CONV + "filter: ^3", "filter", "found 3; allowed: a list of 4 sizes [K, C/groups, R, S]"),
        (CONV + "filter: [1, 4, 1, ^true]", "filter[3]", "found true (a truth value); allowed: a whole number"),
        (CONV + "filter: [1, 4, ^70000, 1]", "filter[2]", "found 70000; allowed: at most 65536"),
        ("op: linear, in_features: ^9999999999, out_features: 1", "in_features",
         "found 9999999999; allowed: at most 2147483647"),
        ("op: linear, in_features: ^4 KiB, out_features: 1", "in_features",
         "found '4 KiB' (text); allowed: a whole number"),
        ("op: matmul, m: 1, k: 1, n: 1, second: ^activatoin", "second",
         "found 'activatoin' (text); allowed: 'weight' or 'activation'; did you mean 'activation'?"),
        # keys that contradict each other
        (CONV + "filter: [6, 2, 1, 1], groups: ^3", "groups", "3 groups do not divide the 4 channels of the ifmap"),
        (CONV + "filter: [6, ^4, 1, 1], groups: 2", "filter[1]",
         "found 4 channels; allowed: 2, the ifmap's 4 channels in 2 group(s)"),
        (CONV + "filter: [^5, 2, 1, 1], groups: 2", "filter[0]", "5 filters cannot be parted into 2 groups"),
        (CONV + "filter: [1, 4, ^9, 1]", "filter[2]", "the filter covers 9 rows; allowed: at most 7, the padded ifmap"),
        (DEPTHWISE + "filter: [^6, 1, 1, 1]", "filter[0]",
         "found 6 filters; allowed: a multiple of the ifmap's 4 channels"),
        (DEPTHWISE + "filter: [4, ^4, 1, 1]", "filter[1]", "found 4 channels; allowed: 1, a depthwise filter's"),
        (POOL + "window: ^[2, 9]", "window", "found 9 columns; allowed: at most 7, the padded ifmap"),
        (POOL + "window: 2, padding: ^[2, 0]", "padding", "found 2 rows; allowed: less than the window's 2"),
        ("op: activation, ifmap: [4, 7, 7], function: ^none", "function", "found 'none'; allowed: an activation"),
        ("op: elementwise, ifmap: [4, 7, 7], operands: ^1", "operands", "found 1 operand; allowed: at least 2"),
        (FILTER + "density: {filter: ^0.3}, pattern: {filter: {kind: n_of_m, n: 1, m: 4}}", "density.filter",
         "found 0.3; the pattern fixes it to 0.25"),
    ],
)  # fmt: skip
def test_a_layer_with_one_mistake(fields: str, key: str, message: str) -> None:
    text = f"name: n\nlayers:\n  - {{name: x, {fields}}}\n"
    assert marked_messages(text) == [f"layers[0].{key}: {message}"]


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ("name: x, ifmap: [1, 1, 1]", "op"),
        ("op: softmax, ifmap: [1, 1, 1]", "name"),
        ("name: x, op: linear, in_features: 4", "out_features"),
        ("name: x, op: pool, ifmap: [4, 7, 7]", "window"),
    ],
)
def test_what_is_missing_stands_where_its_layer_begins(fields: str, key: str) -> None:
    text = f"name: n\nlayers:\n  - ^{{{fields}}}\n"
    assert marked_messages(text) == [f"layers[0].{key}: the key {key!r} is required and missing"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("op: linear, in_features: 2147483647, out_features: 2147483647",
         "layers[0]: x.filter: 4611686014132420609 values exceed what 64-bit counters hold"),
        ("op: matmul, m: 2147483647, k: 2147483647, n: 12",
         "layers[0]: 55340232169589047308 MACs exceed what 64-bit counters hold"),
    ],
)  # fmt: skip
def test_sizes_that_no_counter_holds(fields: str, message: str) -> None:
    assert marked_messages(f"name: n\nlayers:\n  - ^{{name: x, {fields}}}\n") == [message]


@pytest.mark.parametrize("name", ["''", "a b", "'a,b'", "'conv*'", "'a[1]'", "'a?'"])
def test_layer_names_that_cannot_be(name: str) -> None:
    (message,) = marked_messages(f"name: n\nlayers:\n  - {{name: ^{name}, op: softmax, ifmap: [4, 1, 1]}}\n")
    assert message.startswith("layers[0].name: found ")
    assert message.endswith("allowed: a name without spaces, commas and * ? [ ]")


def test_all_mistakes_of_a_file_at_once() -> None:
    text = """\
name: ^7
^btch: 2
batch: ^0
defaults: {bits: {^fliter: 8}}
layers:
  - {name: a, op: linear, in_features: ^0, out_features: 4}
  - {name: ^a, op: linear, in_features: 4, out_features: 4, inputs: [a, ^c]}
  - {name: b, op: softmax, ifmap: [3, 1, 1], inputs: [^d, ^aa]}
  - {name: e, op: softmax, ifmap: [3, 1, 1], ^name: f}
  - ^nothing
"""
    assert marked_messages(text) == [
        "name: found 7; allowed: text",
        "btch: unknown key 'btch'; did you mean 'batch'?; allowed: name, batch, defaults, layers, source, is_not, "
        "notes",
        "batch: found 0; allowed: at least 1",
        "defaults.bits.fliter: unknown key 'fliter'; did you mean 'filter'?; allowed: ifmap, filter, ofmap, psum",
        "layers[0].in_features: found 0; allowed: at least 1",
        "layers[1].name: duplicate name 'a'; layers[0] has it too",
        "layers[1].inputs[1]: unknown layer 'c'",
        "layers[2].inputs[0]: unknown layer 'd'",
        "layers[2].inputs[1]: unknown layer 'aa'; did you mean 'a'?",
        "layers[3].name: duplicate key 'name'; first given at line 9, column 6",
        "layers[4]: found 'nothing' (text); allowed: a mapping of keys to values",
    ]


def test_edges_whose_shapes_disagree() -> None:
    text = """\
name: n
layers:
  - {name: a, op: conv2d, ifmap: [3, 8, 8], filter: [4, 3, 1, 1]}
  - {name: b, op: pool, ifmap: [4, 7, 8], window: 2, inputs: [^a]}
  - {name: c, op: linear, in_features: 255, out_features: 4, inputs: [^a]}
  - {name: d, op: elementwise, ifmap: [4, 8, 8], operands: 3, inputs: ^[a, a]}
  - {name: e, op: matmul, m: 1, k: 4, n: 4, second: activation, inputs: ^[a, b, c]}
"""
    assert marked_messages(text) == [
        "layers[1].inputs[0]: 'a' makes [4, 8, 8], but 'b' takes [4, 7, 8] [C, H, W]",
        "layers[2].inputs[0]: 'a' makes 256 values [1, 4, 8, 8], but 'c' takes 255 [1, 255, 1, 1]",
        "layers[3].inputs: found 2 inputs; allowed for this elementwise: 3, or none",
        "layers[4].inputs: found 3 inputs; allowed for this matmul: 1 to 2, or none",
    ]


def test_producers_stand_first() -> None:
    text = """\
name: n
layers:
  - {name: a, op: softmax, ifmap: [4, 1, 1], inputs: [^b]}
  - {name: b, op: softmax, ifmap: [4, 1, 1], inputs: [^b]}
"""
    assert marked_messages(text) == [
        "layers[0].inputs[0]: layer 'b' comes later; a producer stands before its consumers",
        "layers[1].inputs[0]: layer 'b' cannot be its own input",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("^name: n\n", "layers: the key 'layers' is required and missing"),
        ("name: n\nlayers: ^[]\n", "layers: found a list of 0; allowed: at least 1"),
        ("name: n\n^layers:\n", "layers: found nothing (null); allowed: a list"),
        ("name: n\nlayers: ^{a: 1}\n", "layers: found a mapping; allowed: a list"),
        ("name: ^''\nlayers: [{name: a, op: softmax, ifmap: [1, 1, 1]}]\n",
         "name: found '' (text); allowed: at least 1 characters"),
        ("name: n\nlayers: [\n^", ": is not YAML: while parsing a flow node expected the node content, but found "
         "'<stream end>'"),
    ],
)  # fmt: skip
def test_files_without_a_network(text: str, message: str) -> None:
    assert marked_messages(text) == [message]


def test_a_batch_from_outside_is_checked() -> None:
    text = "name: n\nlayers:\n  - ^{name: a, op: linear, in_features: 4, out_features: 4}\n"
    with pytest.raises(WorkloadError, match="^batch: found 0; allowed: at least 1$"):
        parse_workload(text.replace(MARK, ""), "net.yaml", batch=0)
    (message,) = marked_messages(text, batch=2**62)
    assert message.endswith("exceed what 64-bit counters hold")


def test_an_empty_file() -> None:
    with pytest.raises(WorkloadError, match="^net.yaml: is empty; allowed: a mapping of keys to values$"):
        parse_workload("", "net.yaml")


def test_paths_that_are_no_workload(tmp_path: Path) -> None:
    def message_of(name: str) -> str:
        with pytest.raises(WorkloadError) as error:
            load_workload(name)
        (fault,) = error.value.faults
        return str(fault)

    assert message_of(str(tmp_path)) == f"{tmp_path}: is a folder; allowed: a YAML file"
    assert message_of(f"{tmp_path}/x.yaml") == f"{tmp_path}/x.yaml: no such file"
    assert "did you mean 'resnet50'?" in message_of("resnt50")


def refusal(text: str) -> list[str]:
    try:
        parse_workload(text)
    except WorkloadError as error:
        return [str(fault) for fault in error.faults]
    return []


def test_a_damaged_file_gives_a_network_or_faults() -> None:
    """Lose, double or swap pieces of a right file: whatever comes out, it is no traceback."""
    text = resolve_shipped("accel_sim.workloads", "lenet5").read_text()
    source = random.Random(2)
    n_refused = 0
    for _ in range(150):
        start = source.randrange(len(text))
        end = start + source.randrange(1, 12)
        pieces = ["", text[start:end] * 2, text[end:start:-1], "[", "}", ": ", "-1", "1e400", "null", "&a *a"]
        faults = refusal(text[:start] + source.choice(pieces) + text[end:])
        n_refused += bool(faults)
        assert all("\n" not in fault for fault in faults)
    assert n_refused > 50
