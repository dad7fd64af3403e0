"""Operands of several words: what runs is the gemm of their words, and what comes out are the sums of the values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim import load_arch, simulate, verify
from accel_sim.arch import Accelerator
from accel_sim.config import Document
from accel_sim.engine.simulate import prepare
from accel_sim.errors import MappingError
from accel_sim.results import LayerResult
from accel_sim.validation.verify import registry
from accel_sim.validation.verify.fast_path import FastPath
from accel_sim.validation.verify.operands import Operands, layer_operands
from accel_sim.validation.verify.run import verify_layer
from accel_sim.validation.verify.twin import LayerJob
from accel_sim.workload import Network
from accel_sim.workload.reader import network_of
from tests.properties.small_jobs import layers
from tests.properties.test_lowering import check_result

TPU = load_arch("tpu_v1", {"array.operand_words": 2})
MESH = load_arch("systolic_ws", {"mac.bits.ifmap": 8, "mac.bits.filter": 8})


def network(entries: list[dict[str, Any]], ifmap: int, filter_: int, batch: int = 1) -> Network:
    bits = {"ifmap": ifmap, "filter": filter_, "ofmap": ifmap, "psum": 32}
    return network_of(Document.from_data({"name": "n", "batch": batch, "defaults": {"bits": bits}, "layers": entries}))


@st.composite
def machines(draw: st.DrawFn) -> Accelerator:
    width = draw(st.sampled_from([4, 8]))
    size = st.sampled_from([512, 4096, 65536])
    return MESH.with_set(
        {
            "array.operand_words": 2,
            "array.rows": draw(st.integers(1, 7)),
            "array.cols": 2 * draw(st.integers(1, 5)),
            "array.skip_edges": draw(st.booleans()),
            "array.double_buffered": draw(st.booleans()),
            "array.pipelined": draw(st.booleans()),
            "array.whole_tiles": draw(st.booleans()),
            "mac.bits.ifmap": width,
            "mac.bits.filter": width,
            "layout": draw(st.sampled_from(["nchw", "nhwc", "tiled"])),
            **{f"buffers.{buffer.name}.size_bytes": draw(size) for buffer in MESH.buffers},
        }
    )


@settings(max_examples=100, deadline=None)
@given(
    data=st.data(),
    arch=machines(),
    kind=st.sampled_from(["conv2d", "depthwise_conv2d", "linear", "matmul", "matmul_activation"]),
)
def test_values_of_any_width_are_proven_and_balance(data: st.DataObject, arch: Accelerator, kind: str) -> None:
    most = arch.array.operand_words * arch.mac.bits.ifmap
    widths = data.draw(st.integers(1, most)), data.draw(st.integers(1, most))
    alone = network([data.draw(layers("only", kind))], *widths, data.draw(st.integers(1, 3)))
    result, refusals = None, []
    try:
        result = simulate(alone, arch, steady=False)
    except MappingError as error:
        refusals = [fault.message for fault in error.faults]
    assert [message for message in refusals if "bytes more than" not in message] == []
    if result is None:
        return
    check_result(alone, arch, result)
    (verdict,) = verify(alone, arch)
    assert verdict.is_proven, verdict.differences


def one(arch: Accelerator, entry: dict[str, Any], ifmap: int, filter_: int, batch: int) -> LayerResult:
    return simulate(network([{"name": "x", **entry}], ifmap, filter_, batch), arch, steady=False).layers[0]


@pytest.mark.parametrize(("k", "n"), [(600, 600), (256, 256), (1000, 130)])
def test_wide_values_are_so_many_vectors_and_columns(k: int, n: int) -> None:
    """As `tpu_lstm0` writes its 16-bit activations: batch 64 in two words is batch 128 in one."""
    gemm = {"op": "linear", "in_features": k, "out_features": n}
    two, plain = one(TPU, gemm, 16, 8, 64), one(TPU, gemm, 8, 8, 128)
    assert two.compute_cycles == plain.compute_cycles
    assert two.accesses == plain.accesses
    four, plain = one(TPU, gemm, 16, 16, 64), one(TPU, {**gemm, "out_features": 2 * n}, 8, 8, 128)
    assert four.compute_cycles == plain.compute_cycles
    for level, tensor in (("unified_buffer", "ifmap"), ("weight_fifo", "filter"), ("accumulators", "psum")):
        assert four.accesses[level][tensor] == plain.accesses[level][tensor]
    assert four.accesses["dram"]["filter"] == plain.accesses["dram"]["filter"]
    assert 2 * four.accesses["dram"]["ofmap"]["write_bytes"] == plain.accesses["dram"]["ofmap"]["write_bytes"]
    assert four.n_macs == 64 * k * n
    assert four.energy["mac"] == pytest.approx(plain.energy["mac"])


def test_long_streams_run_at_half_and_a_quarter_of_the_rate() -> None:
    conv = {"op": "conv2d", "ifmap": [256, 32, 32], "filter": [256, 256, 1, 1]}
    widths = (8, 8), (16, 8), (8, 16), (16, 16)
    assert [one(TPU, conv, *bits, 1).bounds_cycles["stream"] for bits in widths] == [1024, 2048, 2048, 4096]


def test_values_of_more_words_are_refused() -> None:
    with pytest.raises(MappingError, match=r"16-bit ifmap operand of tpu_v1 \(mac.bits.ifmap: 8 and array.op"):
        one(TPU, {"op": "linear", "in_features": 8, "out_features": 8}, 17, 8, 1)
    assert one(TPU, {"op": "linear", "in_features": 8, "out_features": 8}, 3, 8, 1).total_cycles > 0


@settings(max_examples=15, deadline=None)
@given(channel=st.integers(0, 4), word=st.integers(0, 1))
def test_a_wrong_word_is_named_by_its_pe(channel: int, word: int) -> None:
    arch = MESH.with_set({"array.operand_words": 2, "array.rows": 4, "array.cols": 4})
    alone = network([{"name": "layer", "op": "linear", "in_features": 6, "out_features": 5}], 16, 16, 2)
    job = prepare(alone, arch)
    operands = layer_operands(alone.layers[0], 0)
    altered = operands.filters.copy()
    altered[channel, 1, 0, 0] ^= 1 << 8 * word
    work = LayerJob(layer=alone.layers[0], arch=arch, mapping=job.mappings["layer"], operands=operands)
    fast = FastPath.of(next(job.programs()), job.machine)
    verdict = verify_layer(registry.TWINS["systolic"], work, fast, Operands(ifmap=operands.ifmap, filters=altered))
    (difference,) = verdict.differences
    assert difference.pe == f"PE (1, {(2 * channel + word) % 4})"
