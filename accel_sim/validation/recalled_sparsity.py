"""Gains of machines whose published figures are known from memory alone: Cnvlutin's mean, a matrix of ESE."""

from __future__ import annotations

from typing import Any

from accel_sim.arch import load_arch
from accel_sim.validation.figure import Figure
from accel_sim.validation.single_layer import array_cycles, run_layer, run_layers
from accel_sim.workload import MacShape, load_workload

_ZEROS = 0.44
NETWORKS = ("alexnet", "vgg16")


def cnvlutin_gain(network: str) -> float:
    """Return the dense time of a network's convolutions over that with even zeros in all ifmaps but the first."""
    totals = []
    for zeros in (0.0, _ZEROS):
        entries: list[dict[str, Any]] = []
        for layer in load_workload(network).layers:
            shape = layer.shape
            if layer.op == "conv2d" and isinstance(shape, MacShape):
                entries.append(
                    {
                        "name": layer.name,
                        "op": "conv2d",
                        "ifmap": [shape.groups * shape.c, shape.h, shape.w],
                        "filter": [shape.groups * shape.k, shape.c, shape.r, shape.s],
                        "groups": shape.groups,
                        "stride": shape.stride_h,
                        "padding": shape.pad_h,
                        "density": {"ifmap": 1 - zeros if entries else 1.0},
                    }
                )
        totals.append(sum(array_cycles(layer) for layer in run_layers(load_arch("cnvlutin"), entries).layers))
    return totals[0] / totals[1]


def _ese_us() -> float:
    arch = load_arch("ese")
    layer = {"op": "linear", "in_features": 512, "out_features": 1024, "density": {"filter": 0.112}}
    return array_cycles(run_layer(arch, layer)) / arch.clock_mhz


FIGURES = (
    Figure(
        name="cnvlutin mean gain of 44 % zeros, alexnet and vgg16 convolutions",
        source="Albericio et al., Cnvlutin, ISCA 2016: mean of six networks; recalled, not located",
        published=1.37,
        unit="",
        ours=lambda: sum(cnvlutin_gain(network) for network in NETWORKS) / len(NETWORKS),
        tolerance=0.10,
        reason="even zeros of the mean share in all layers but the first; two of the six networks",
    ),
    Figure(
        name="ese recurrent matrix of a gate, 1024 x 512 at 11.2 %",
        source="Han et al., ESE, FPGA 2017; recalled, not located",
        published=10.3,
        unit="us",
        ours=_ese_us,
        tolerance=0.10,
        reason="ours is drawn evenly; theirs was pruned so that PEs get even work",
    ),
)
