"""The shipped networks have the multiply-accumulates and parameters that the literature gives them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from accel_sim.workload import load_workload

PUBLISHED: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "mac_totals.json").read_text())


def rounded(value: float, digits: int) -> str:
    return f"{value:.{digits - 1}e}"


@pytest.mark.parametrize("row", PUBLISHED["macs"], ids=lambda row: f"{row['workload']}:{row['layers']}")
def test_macs(row: dict[str, Any]) -> None:
    network = load_workload(row["workload"], row.get("batch", 1)).select(row["layers"])
    assert rounded(network.n_macs, row["digits"]) == rounded(row["published"], row["digits"])


@pytest.mark.parametrize("row", PUBLISHED["parameters"], ids=lambda row: row["workload"])
def test_parameters(row: dict[str, Any]) -> None:
    """Weights plus what is folded into them: a bias for each filter, or a scale and a shift after a convolution."""
    total = 0
    for layer in load_workload(row["workload"]).layers:
        if layer.filter is None:
            continue
        normalised = row["batch_normalised"] and layer.op != "linear"
        total += layer.filter.n_elements + layer.filter.shape[0] * (2 if normalised else 1)
    assert total == row["published"]


@pytest.mark.parametrize(
    ("workload", "n_macs"),
    [
        ("alexnet", 724_406_816),
        ("alexnet_conv", 665_784_864),
        ("vgg16", 15_470_264_320),
        ("resnet18", 1_814_073_344),
        ("resnet50", 4_089_184_256),
        ("mobilenet_v1", 568_740_352),
        ("lenet5", 416_520),
    ],
)
def test_nothing_moved(workload: str, n_macs: int) -> None:
    assert load_workload(workload).n_macs == n_macs
