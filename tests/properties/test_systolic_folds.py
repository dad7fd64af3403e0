"""The folds in a result add up to the array's cycles and accesses, whatever the cut."""

from __future__ import annotations

from typing import Any

import pytest

from accel_sim import load_arch, load_workload, simulate

NETWORKS = ("lenet5", "resnet18", "mobilenet_v1")
SMALL: dict[str, Any] = {
    "buffers.ifmap_buffer.size_bytes": 16384,
    "buffers.filter_buffer.size_bytes": 8192,
    "array.rows": 12,
    "array.cols": 20,
}


@pytest.mark.parametrize("name", ["systolic_ws", "systolic_os", "systolic_is", "scalesim_ws", "tpu_v1"])
@pytest.mark.parametrize("network", NETWORKS)
def test_folds_add_up(name: str, network: str) -> None:
    arch = load_arch(name)
    if name.startswith("systolic"):
        arch = arch.with_set(SMALL)
    for layer in simulate(load_workload(network), arch, dram="ideal").layers:
        if not layer.n_macs:
            assert "folds" not in layer.details
            continue
        folds = layer.details["folds"]
        assert sum(fold["cycles"] for fold in folds) == layer.bounds_cycles["array"]
        assert all(0 < fold["rows"] <= arch.array.rows and 0 < fold["cols"] <= arch.array.cols for fold in folds)
        assert len({(fold["rows"], fold["cols"]) for fold in folds}) == len(folds)
        mapped = sum(fold["rows"] * fold["cols"] * fold["folds"] for fold in folds)
        n_folds = sum(fold["folds"] for fold in folds)
        assert mapped / n_folds / arch.array.n_pes == pytest.approx(layer.mapping_efficiency)
