"""Systolic machines, whatever their conventions and mappings: outputs, cycles and counts of the stepped array agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accel_sim import load_arch, verify
from accel_sim.engine.simulate import prepare
from accel_sim.errors import ArchError, MappingError
from accel_sim.lowering.registry import LOWERINGS
from accel_sim.validation.verify import registry
from accel_sim.validation.verify.fast_path import FastPath
from accel_sim.validation.verify.operands import Operands, layer_operands
from accel_sim.validation.verify.run import verify_layer
from accel_sim.validation.verify.twin import LayerJob
from accel_sim.workload import Layer, MacShape, Network, Tensor

ARCHS = {dataflow: load_arch(f"systolic_{dataflow}") for dataflow in ("ws", "os", "is")}
DATAFLOWS = {"ws": "weight_stationary", "os": "output_stationary", "is": "input_stationary"}


def between(low, high):
    return st.integers(low, high)


@st.composite
def shapes(draw, most=6):
    r, s = draw(between(1, 3)), draw(between(1, 3))
    pad, dilation = (draw(between(0, 2)), draw(between(0, 2))), (draw(between(1, 2)), draw(between(1, 2)))
    reach = dilation[0] * (r - 1) + 1 - 2 * pad[0], dilation[1] * (s - 1) + 1 - 2 * pad[1]
    return MacShape.of(
        n=draw(between(1, 3)),
        k=draw(between(1, 2 * most)),
        c=draw(between(1, most)),
        h=max(1, reach[0]) + draw(between(0, most)),
        w=max(1, reach[1]) + draw(between(0, most)),
        r=r,
        s=s,
        groups=draw(st.sampled_from([1, 1, 2, 3])),
        stride=(draw(between(1, 3)), draw(between(1, 3))),
        pad=pad,
        dilation=dilation,
    )


@st.composite
def machines(draw, dataflow):
    """Any conventions that go together, on arrays from one PE to larger than most layers here."""
    pipelined = draw(st.booleans())
    array = {
        "rows": draw(between(1, 9)),
        "cols": draw(between(1, 9)),
        "skip_edges": draw(st.booleans()),
        "pipelined": pipelined,
        "latency_cycles": draw(between(0, 3)),
    }
    if dataflow == "os":
        array["drain"] = draw(st.sampled_from(["none", "rows", "columns", *([] if pipelined else ["collector"])]))
        array["partial_windows"] = draw(st.booleans())
    else:
        array["double_buffered"] = draw(st.booleans())
        array["row_skew_cycles"] = draw(between(1, 2))
        array["psum_path"] = draw(st.sampled_from(["accumulated", "read_back", "written"]))
        array["partial_windows"] = array["psum_path"] == "written" and draw(st.booleans())
    sets = {f"array.{key}": value for key, value in array.items()}
    sets["mac.sparsity"] = draw(st.sampled_from(["none", "none", "gate_ifmap", "gate_both"]))
    base = ARCHS[dataflow]
    if array.get("psum_path") in ("written", "read_back"):
        sums = [buffer.model_dump() for buffer in base.buffers if "psum" not in buffer.holds]
        sets["buffers"] = [{**b, "holds": ["psum", "ofmap"]} if b["holds"] == ("ofmap",) else b for b in sums]
    try:
        return base.with_set(sets)
    except ArchError:
        assume(False)


@st.composite
def mappings(draw, shape, dataflow, rows):
    """Any cut into blocks, groups of filters and tiles of the window; several images only as a whole."""
    tn = draw(between(1, shape.n))
    cut = {"tn": tn, "tp": shape.p, "tq": shape.q}
    if tn == 1:
        cut["tp"] = draw(between(1, shape.p))
        cut["tq"] = draw(between(1, shape.q))
    if dataflow == "is":
        cut["tk"] = draw(between(1, shape.k))
    window = shape.c * shape.r * shape.s
    cut["tw"] = draw(between(1, window)) if dataflow == "os" else rows * draw(between(1, -(-window // rows)))
    cut["keep_ifmap"] = draw(st.sampled_from(["tile", "block"]))
    cut["keep_filter"] = draw(st.sampled_from(["tile", "block", "layer"]))
    return {"dataflow": DATAFLOWS[dataflow], "layers": {"layer": cut}}


def network_of(shape, density):
    def tensor(name, dims, **more):
        return Tensor(name=f"layer.{name}", shape=dims, bits=8, **more)

    layer = Layer(
        name="layer",
        op="conv2d",
        shape=shape,
        ifmap=tensor("ifmap", shape.ifmap_shape, density=density),
        filter=tensor("filter", shape.filter_shape, density=density, is_weight=True),
        ofmap=tensor("ofmap", shape.ofmap_shape),
    )
    return Network(name="network", layers=(layer,))


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
@settings(max_examples=150, deadline=None)
@given(data=st.data(), shape=shapes(), density=st.sampled_from([0.5, 1.0]))
def test_the_stepped_array_agrees(dataflow, data, shape, density):
    """Gemms of all sizes follow each other through the array; a few draws make no machine or mapping."""
    arch = data.draw(machines(dataflow))
    mapping = data.draw(mappings(shape, dataflow, arch.array.rows))
    try:
        (verdict,) = verify(network_of(shape, density), arch, mapping=mapping)
    except MappingError:
        assume(False)
    assert verdict.is_proven, verdict.differences
    assert verdict.n_macs_stepped == shape.n_macs


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
@settings(max_examples=20, deadline=None)
@given(data=st.data(), shape=shapes(most=20))
def test_what_the_mapper_chooses_agrees(dataflow, data, shape):
    size = data.draw(st.sampled_from(["1 KiB", "4 KiB", "256 KiB"]))
    arch = ARCHS[dataflow].with_set({f"buffers.{buffer.name}.size_bytes": size for buffer in ARCHS[dataflow].buffers})
    arch = arch.with_set({"array.rows": 4, "array.cols": 8})
    try:
        (verdict,) = verify(network_of(shape, 1.0), arch)
    except MappingError:
        assume(False)
    assert verdict.is_proven, verdict.differences


SHAPE = MacShape.of(n=1, k=11, c=3, h=6, w=5, r=2, s=2, groups=2)
CUT = {"tn": 1, "tp": 2, "tq": 4}


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
@settings(max_examples=25, deadline=None)
@given(channel=between(0, 21), c=between(0, 2), r=between(0, 1), s=between(0, 1))
def test_a_wrong_weight_is_named_by_step_clock_and_pe(dataflow, channel, c, r, s):
    """Two blocks and a half of 8 pixels, 11 filters, a window of 12, on 4 x 3 PEs."""
    arch = ARCHS[dataflow].with_set({"array.rows": 4, "array.cols": 3})
    network = network_of(SHAPE, 1.0)
    job = prepare(network, arch, mapping={"dataflow": DATAFLOWS[dataflow], "layers": {"layer": CUT}})
    operands = layer_operands(network.layers[0], 0)
    altered = operands.filters.copy()
    altered[channel, c, r, s] += 1
    work = LayerJob(layer=network.layers[0], arch=arch, mapping=job.mappings["layer"], operands=operands)
    twin = registry.TWINS["systolic"]
    fast = FastPath.of(next(job.programs()), job.machine)
    verdict = verify_layer(twin, work, fast, Operands(ifmap=operands.ifmap, filters=altered))
    assert verdict.stepped_cycles == verdict.fast_cycles
    assert verdict.accesses_equal
    (difference,) = verdict.differences
    group, k = divmod(channel, SHAPE.k)
    element = (c * 2 + r) * 2 + s
    starts = twin.step(work).detail.fold_starts
    # The first pixel of the group is wrong first. Row folds come first, then column folds, then blocks and groups.
    first_fold = group * starts.size // 2
    if dataflow == "os":
        fold, row, col = 2 * (k // 3), 0, k % 3
        age = row + col + element + arch.array.latency_cycles
    elif dataflow == "ws":
        fold, row, col = 3 * (k // 3) + element // 4, element % 4, k % 3
        age = row + col
    else:
        fold, row, col = element // 4, element % 4, 0
        age = row + col + k
    assert difference.clock == starts[first_fold + fold] + age
    assert difference.pe == f"PE ({row}, {col})"
    assert difference.expected - difference.stepped == operands.ifmap[0, group * 3 + c, r, s]
    assert f"group {group}, " in difference.part


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
@pytest.mark.parametrize("part", [0, 7, -1])
def test_a_wrong_cycle_is_named(monkeypatch, dataflow, part):
    arch = ARCHS[dataflow].with_set({"array.rows": 4, "array.cols": 3})
    right, found = LOWERINGS[arch.dataflow], {}

    def lower(context, layer, mapping):
        program = right.lower(context, layer, mapping)
        unit = context.machine.unit_index("array")
        own, (first, end) = program.own_cycles.copy(), program.unit_ptr[unit : unit + 2]
        per_step = 1 if dataflow == "os" else 2
        n_steps = (end - first) // per_step
        found["step"] = part % n_steps
        last = first + per_step * (found["step"] + 1)
        found["end"] = own[first:last].sum()
        own[last - 1] += 5
        return replace(program, own_cycles=own)

    monkeypatch.setitem(LOWERINGS, arch.dataflow, right._replace(lower=lower))
    mapping = {"dataflow": DATAFLOWS[dataflow], "layers": {"layer": CUT}}
    (verdict,) = verify(network_of(SHAPE, 1.0), arch, mapping=mapping)
    assert verdict.fast_cycles == verdict.stepped_cycles + 5
    (difference,) = verdict.differences
    assert difference.part.startswith(f"step {found['step']} of ")
    assert (difference.clock, difference.expected) == (found["end"], found["end"] + 5)


def test_wide_sums_are_stepped_in_64_bits():
    arch = ARCHS["ws"].with_set({"mac.bits": {"ifmap": 32, "filter": 32, "psum": 64}})
    shape = MacShape.of(n=1, k=3, c=2)
    layer = network_of(shape, 1.0).layers[0]

    def tensor(name, dims):
        return Tensor(name=f"layer.{name}", shape=dims, bits=31)

    wide = Layer(
        name="layer", op="linear", shape=shape, ifmap=tensor("ifmap", shape.ifmap_shape),
        filter=tensor("filter", shape.filter_shape), ofmap=layer.ofmap,
    )  # fmt: skip
    (verdict,) = verify(Network(name="network", layers=(wide,)), arch)
    assert verdict.is_proven
    operands = layer_operands(wide, 0)
    assert abs(np.einsum("nchw,kchw->nk", operands.ifmap.astype(object), operands.filters.astype(object))).max() > 2**53
