"""Eyeriss v2 against published figures: PE cycles of pointwise layers, inferences a second of whole networks.

The PE's masks are not public. Per-channel counts with the published totals and the published sum are made up, masks
with those counts drawn, and the PE run on them: that proves the sum over channels of the products of counts. Masks
drawn evenly at the published densities, through the package, come near.
"""

from __future__ import annotations

import pytest

from accel_sim.kernels.sparse.eyeriss_v2 import RowShape, row_work
from accel_sim.validation import eyeriss_v2
from accel_sim.validation.eyeriss_v2_masks import channel_counts, pointwise_masks
from accel_sim.validation.figure import Figure, evaluate
from accel_sim.validation.published import rows
from accel_sim.workload import MacShape, load_workload

ROWS = rows("eyeriss_v2")
MISSES = (
    "eyeriss_v2 sparse MobileNet 0.5-128 inferences a second",
    "eyeriss_v2 AlexNet DRAM accesses of CONV layers",
    "eyeriss_v2 sparse AlexNet DRAM accesses of CONV layers",
    "eyeriss_v2 sparse AlexNet throughput lost at 25600 MB/s",
    "eyeriss_v2 sparse MobileNet 0.5-128 throughput lost at 25600 MB/s",
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["layer"])
def test_pe_cycles_are_the_sum_of_products(row):
    ifmap, filters = pointwise_masks(row)
    assert ifmap.sum() == row["ifmap_nnz"]
    assert filters.sum() == row["filter_nnz"]
    assert int(ifmap.sum(axis=1) @ filters.sum(axis=1)) == row["cycles"]
    work = row_work(ifmap, filters.sum(axis=1)[:, None], RowShape(row["pixels"], 1, 0), 1)
    assert work.mac_cycles == row["cycles"]
    assert work.n_macs == row["cycles"]
    assert 0 <= work.total_cycles - work.mac_cycles < 0.001 * work.mac_cycles


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["layer"])
def test_two_macs_gain_less_than_two(row):
    """The PE that was built has two MACs: odd counts pad a slot."""
    ifmap_counts, filter_counts = channel_counts(row)
    ifmap, _ = pointwise_masks(row)
    work = row_work(ifmap, filter_counts[:, None], RowShape(row["pixels"], 1, 0), 2)
    assert work.mac_cycles == int(ifmap_counts @ (-(-filter_counts // 2)))
    assert 1.9 < row["cycles"] / work.mac_cycles < 2.0


@pytest.mark.parametrize("figure", eyeriss_v2.FIGURES, ids=lambda figure: figure.name)
def test_figures_are_hit_or_say_why_not(figure: Figure) -> None:
    assert evaluate(figure).is_hit == (figure.name not in MISSES)
    assert figure.name not in MISSES or figure.reason


def test_a_machine_of_one_pe_loses_little_to_its_pipeline() -> None:
    """Rows fill the pipeline; the MAC works the rest of the time, on what even masks have in both operands."""
    for row in ROWS:
        even = row["ifmap_nnz"] * row["filter_nnz"] / row["channels"]
        assert 0.96 * even < eyeriss_v2.pe_cycles(row["layer"]) < 1.1 * even


def test_mobilenet_is_the_shipped_one_at_half_the_width_and_a_smaller_input() -> None:
    """The paper says 49.2 million MACs."""
    shipped = [layer for layer in load_workload("mobilenet_v1").layers if isinstance(layer.shape, MacShape)]
    layers = eyeriss_v2.mobilenet(is_pruned=False)
    assert [entry["op"] for entry in layers] == [layer.op for layer in shipped]
    n_macs = 0
    for entry, layer in zip(layers, shipped, strict=True):
        full = layer.shape
        assert isinstance(full, MacShape)
        if entry["op"] == "linear":
            n_macs += entry["in_features"] * entry["out_features"]
            continue
        filters, channels, r, s = entry["filter"]
        assert filters == full.groups * full.k // 2
        assert channels in (3, full.c // 2, full.c)
        side = (entry["ifmap"][1] + 2 * entry.get("padding", 0) - r) // entry.get("stride", 1) + 1
        assert side == full.p * 128 // 224
        n_macs += filters * channels * r * s * side**2
    assert n_macs == pytest.approx(49.2e6, rel=0.005)


def test_pruned_pointwise_layers_have_the_published_densities() -> None:
    layers = eyeriss_v2.mobilenet(is_pruned=True)
    for row in ROWS:
        entry = layers[int(row["layer"][1:]) - 1]
        assert entry["filter"][:2] == [row["filters"], row["channels"]]
        assert entry["ifmap"][1] ** 2 == row["pixels"]
        assert entry["density"]["filter"] == row["filter_nnz"] / (row["filters"] * row["channels"])
