"""Systolic machines on random layers: books balance, commands are in order, cycles are those of the array's kernel."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accel_sim.arch import Accelerator
from accel_sim.engine.simulate import prepare, simulate
from accel_sim.errors import MappingError
from accel_sim.kernels.systolic import layer_cost
from accel_sim.kernels.systolic_array import GemmShape
from accel_sim.mapping.systolic_arch import conventions_of
from accel_sim.mapping.systolic_plan import SystolicPlan, step_table, window_of
from accel_sim.workload import MacShape
from tests.properties.small_jobs import KINDS, MAC_KINDS, SHARED, WIDTHS, layers, network, shipped
from tests.properties.test_lowering import check_order, check_result

DATAFLOWS = ["ws", "os", "is"]
OPERANDS = ("ifmap", "filter", "psum")
MEMORIES = ["ideal", "bandwidth:0.1", "bandwidth:3", "bandwidth:100"]


def relative(name: str, **changes: Any) -> Accelerator:
    """A machine that differs from a shipped one in some keys of its array, or at the top."""
    data = {**shipped(name).model_dump(), "provenance": {}, "energy": {"mode": "absolute"}}
    array = {**data["array"], **changes.pop("array", {})}
    return Accelerator(**{**data, "array": array, **changes})


@st.composite
def machines(draw: st.DrawFn, dataflow: str, sizes: st.SearchStrategy[int]) -> Accelerator:
    """Any conventions that go together, small arrays, buffers shared in any way."""
    held = {
        "psum_path": draw(st.sampled_from(["written", "read_back", "accumulated"])),
        "row_skew_cycles": draw(st.integers(1, 2)),
        "double_buffered": draw(st.booleans()),
        "whole_tiles": draw(st.booleans()) and dataflow == "ws",
    }
    pipelined = draw(st.booleans())
    drains = ["none", "rows", "columns"] if pipelined else ["none", "rows", "columns", "collector"]
    array = {
        "rows": draw(st.integers(1, 9)),
        "cols": draw(st.integers(1, 9)),
        "skip_edges": draw(st.booleans()),
        "pipelined": pipelined,
        "latency_cycles": draw(st.integers(0, 3)),
        **({"drain": draw(st.sampled_from(drains))} if dataflow == "os" else held),
    }
    one_port = array.get("psum_path") in ("written", "read_back")
    shared = [parts for parts in SHARED if "sums" not in parts or not one_port]
    buffers = tuple(
        {
            "name": name,
            "role": "glb",
            "size_bytes": draw(sizes) * 16,
            "width_bits": 64,
            "banks": draw(st.sampled_from([1, 2])),
            "holds": holds,
            "double_buffered": draw(st.booleans()),
            "dma_shares_port": draw(st.integers(0, 3)) == 0,
        }
        for name, holds in draw(st.sampled_from(shared)).items()
    )
    formats = dict.fromkeys(("ifmap", "filter", "ofmap"), "run_length")
    packed = {"formats": formats, "codec": shipped("eyeriss").codec}
    return relative(
        f"systolic_{dataflow}",
        array=array,
        buffers=buffers,
        mac={"kind": "bit_parallel", "bits": dict(zip(OPERANDS, draw(st.sampled_from(WIDTHS)), strict=True))},
        layout=draw(st.sampled_from(["nchw", "nhwc", "tiled"])),
        dma={"outstanding": draw(st.integers(1, 4)), "quantum_bytes": 64},
        dram=draw(st.sampled_from(MEMORIES)),
        **(packed if draw(st.booleans()) and not array.get("whole_tiles") else {}),
    )


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("kind", MAC_KINDS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_kind_of_layer_balances(data: st.DataObject, dataflow: str, kind: str) -> None:
    arch = data.draw(machines(dataflow, st.sampled_from([4, 16, 64, 1024])))
    alone = network([data.draw(layers("only", kind))], arch, data.draw(st.integers(1, 3)))
    objective = data.draw(st.sampled_from(["cycles", "energy", "edp"]))
    result, refusals = None, []
    try:
        result = simulate(alone, arch, objective=objective, steady=False)
    except MappingError as error:
        refusals = [fault.message for fault in error.faults]
    assert [message for message in refusals if "bytes more than" not in message] == []
    if result is None:
        return
    check_result(alone, arch, result)
    plan = prepare(alone, arch, objective=objective).mappings["only"].plan
    shape = alone.layers[0].shape
    assert isinstance(plan, SystolicPlan)
    assert isinstance(shape, MacShape)
    own_cycles = int(step_table(shape, plan).steps.own_cycles.sum())
    assert result.layers[0].compute_cycles >= own_cycles
    # A narrow port that the array shares with the DMA may cost it more.
    if not any(buffer.dma_shares_port for buffer in arch.buffers):
        assert result.layers[0].compute_cycles == own_cycles


@settings(max_examples=60, deadline=None)
@given(data=st.data(), dataflow=st.sampled_from(DATAFLOWS))
def test_networks_run_in_order(data: st.DataObject, dataflow: str) -> None:
    arch = data.draw(machines(dataflow, st.sampled_from([64, 256, 4096])))
    entries = [data.draw(layers(f"l{i}", data.draw(st.sampled_from(KINDS)))) for i in range(3)]
    job_network = network(entries, arch)
    try:
        job = prepare(job_network, arch)
    except MappingError:
        assume(False)
    check_order(job)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), dataflow=st.sampled_from(DATAFLOWS), kind=st.sampled_from(MAC_KINDS))
def test_one_block_takes_the_cycles_of_the_kernel(data: st.DataObject, dataflow: str, kind: str) -> None:
    """Without stalls the array's time and all words at the buffers are those of the whole gemm."""
    arch = data.draw(machines(dataflow, st.just(1 << 20))).with_set({"dram": "ideal"})
    assume(not any(buffer.dma_shares_port for buffer in arch.buffers))
    alone = network([data.draw(layers("only", kind))], arch, data.draw(st.integers(1, 3)))
    shape = alone.layers[0].shape
    assert isinstance(shape, MacShape)
    whole = {"tn": shape.n, "tp": shape.p, "tq": shape.q}
    mapping = {"dataflow": arch.dataflow, "layers": {"only": whole}}
    result = simulate(alone, arch, mapping=mapping, steady=False).layers[0]
    gemm = GemmShape(shape.n * shape.p * shape.q, window_of(shape), shape.k, shape.groups)
    cost = layer_cost(gemm, conventions_of(arch))
    assert result.compute_cycles == cost.cycles
    assert result.bounds_cycles["array"] == cost.cycles
    n_folds, n_pes = cost.n_folds, arch.array.n_pes
    assert result.mapping_efficiency == cost.mapped_pes / (n_folds * n_pes)
    for tensor, words in (("ifmap", cost.accesses.ifmap_reads), ("filter", cost.accesses.filter_reads)):
        bits = getattr(arch.mac.bits, tensor)
        if bits % 8 == 0:
            assert result.accesses[arch.buffer_for(tensor).name][tensor]["read_bytes"] == words * bits // 8
