"""SCALE-Sim, STONNE and RTL once more, from the shipped machines to the JSON: every run we have, exactly."""

from __future__ import annotations

import pytest

from accel_sim.arch import load_arch
from accel_sim.config import Document
from accel_sim.engine.simulate import simulate
from accel_sim.results import LayerResult
from accel_sim.validation import systolic, tpu
from accel_sim.validation.figure import evaluate
from accel_sim.workload.reader import network_of

REFERENCES = {"SCALE-Sim": 81, "STONNE": 8, "RTL": 64, "RTL rule": 41}


def alone(arch: str, **layer: object) -> LayerResult:
    bits = {"ifmap": 8, "filter": 8, "ofmap": 8, "psum": 32}
    data = {"name": "one", "defaults": {"bits": bits}, "layers": [{"name": "only", **layer}]}
    return simulate(network_of(Document.from_data(data)), load_arch(arch), dram="ideal", steady=False).layers[0]


@pytest.mark.parametrize("reference", list(REFERENCES))
def test_every_run(reference: str) -> None:
    results = systolic.results(reference)
    assert len(results) == REFERENCES[reference]
    for run, layer in results:
        for quantity, theirs in run.theirs.items():
            assert systolic.value(layer, quantity) == pytest.approx(theirs, rel=1e-12), (run, quantity)
        assert layer.total_cycles == layer.compute_cycles
        assert layer.stall_cycles == {}


def test_all_rows_of_validate_are_exact() -> None:
    assert [row.name for row in systolic.FIGURES if not evaluate(row).is_hit] == []


@pytest.mark.parametrize(("rows", "cols", "stream"), [(4, 4, 1), (4, 8, 27), (8, 4, 64), (2, 16, 3), (1, 1, 1)])
def test_weight_stationary_rtl(rows: int, cols: int, stream: int) -> None:
    """Last output at edge 3R + C + T - 2, load included; cycles are one more."""
    arch = load_arch("rtl_ws").with_set({"array.rows": rows, "array.cols": cols})
    bits = {"ifmap": 8, "filter": 8, "ofmap": 8, "psum": 32}
    layers = [{"name": "only", "op": "matmul", "m": stream, "k": rows, "n": cols}]
    network = network_of(Document.from_data({"name": "one", "defaults": {"bits": bits}, "layers": layers}))
    assert simulate(network, arch, steady=False).layers[0].compute_cycles == 3 * rows + cols + stream - 1


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
def test_a_hanging_window_counts_in_cycles_and_not_in_macs(dataflow: str) -> None:
    """A 1 x 1 window with stride 2 makes 8 pixels of 14 in SCALE-Sim, 7 in the network."""
    name = f"scalesim_{dataflow}"
    hanging = alone(name, op="conv2d", ifmap=[3, 14, 14], filter=[5, 3, 1, 1], stride=2)
    reference = alone(name, op="matmul", m=64, k=3, n=5)
    assert hanging.compute_cycles == reference.compute_cycles
    for buffer, tensor in (("ifmap_sram", "ifmap"), ("filter_sram", "filter")):
        assert hanging.accesses[buffer][tensor]["read_bytes"] == reference.accesses[buffer][tensor]["read_bytes"]
    assert hanging.n_macs == 7 * 7 * 3 * 5
    assert hanging.accesses["dram"]["ofmap"]["write_bytes"] == 7 * 7 * 5


@pytest.mark.parametrize("app", list(tpu.TABLE_3))
def test_tpu_shares(app: str) -> None:
    """Shares of the matrix unit's time, beside those of the chip's counters."""
    ours, published = tpu.shares(app), tpu.published_shares(app)
    assert sum(published.values()) == pytest.approx(1, abs=0.002)
    assert 0.95 < sum(ours.values()) <= 1
    for name, share in published.items():
        assert ours[name] == pytest.approx(share, rel=0.1 if app in ("mlp0", "lstm0") else 0.3), name
