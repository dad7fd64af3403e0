"""The Eyeriss chip on AlexNet, layer by layer: time, traffic, PEs, power."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from accel_sim.arch import load_arch
from accel_sim.engine.simulate import simulate
from accel_sim.results import LayerResult
from accel_sim.validation.figure import Figure
from accel_sim.workload import load_workload

BATCH = 4
WORKLOAD = "alexnet_conv"
MAPPING = "eyeriss_alexnet"
TABLE_V = "Chen et al., JSSC 52(1), 2017, Table V"
FIG_16 = "Chen et al., JSSC 52(1), 2017, Fig. 16"
TOOLS = "two analytical tools (Timeloop/Sparseloop artifact, nn-dataflow), conv1 and conv2 without padded ofmap columns"

CHIP: dict[str, tuple[float, float, float, float, float, float]] = {
    "conv1": (16.5, 20.9, 154, 18.5, 5.0, 332),
    "conv2": (39.2, 41.9, 135, 77.6, 4.0, 288),
    "conv3": (21.8, 23.6, 156, 50.2, 3.0, 266),
    "conv4": (16.0, 18.4, 156, 37.4, 2.1, 235),
    "conv5": (10.0, 10.5, 156, 24.9, 1.3, 236),
}
"""Processing and total latency in ms, active PEs, GLB and DRAM accesses in MB, chip power in mW; batch 4, 200 MHz."""

SHARES = {"conv1": (0.425, 0.089), "conv5": (0.331, 0.030)}
"""Shares of the scratchpads and of the multipliers and adders in the chip's power."""

SWITCHED_OFF = {
    "noc.ifmap_words_per_cycle": 0,
    "noc.filter_words_per_cycle": 0,
    "noc.psum_read_words_per_cycle": 0,
    "noc.psum_write_words_per_cycle": 0,
    "array.pipeline_stages": 0,
    "array.psum_add_cycles": 0,
}
"""A machine whose buses, fill, drain and psum additions take no time."""

IDEAL_CYCLES = {"conv1": 2787840, "conv2": 6635520, "conv3": 3833856, "conv4": 2875392, "conv5": 1916928}

_RF_PRICE = (
    "the tables price a register file by its cells alone, without address logic, multiplexers and clock, and a MAC at "
    "some three times the chip's; whatever is missing or too much is in the calibrated clock constant"
)


@cache
def layer(name: str) -> LayerResult:
    """Return one layer, run by itself under the published mapping as the chip was measured."""
    network = load_workload(WORKLOAD, BATCH)
    result = simulate(network, load_arch("eyeriss"), mapping=MAPPING, layers=name, steady=False)
    return result.layers[0]


def processing_ms(name: str) -> float:
    """Return the time in which the array works."""
    ran = layer(name)
    return ran.compute_cycles * ran.latency_ms / ran.total_cycles


def glb_mb(name: str) -> float:
    """Return the GLB accesses of ifmap and psums by the array; what comes from or goes to DRAM is not among them."""
    glb = layer(name).accesses["glb"]
    return (glb["ifmap"]["read_bytes"] + glb["psum"]["read_bytes"] + glb["psum"]["write_bytes"]) / 1e6


def dram_mb(name: str) -> float:
    """Return the DRAM traffic, fmaps run-length coded."""
    return sum(sum(row.values()) for row in layer(name).accesses["dram"].values()) / 1e6


def power_mw(name: str, *components: str) -> float:
    """Return the chip's power, or that of some components."""
    ran = layer(name)
    parts = components or tuple(part for part in ran.energy if part not in ("dram", "total"))
    return sum(ran.energy[part] for part in parts) / ran.latency_ms / 1e6


@cache
def ideal_cycles(name: str) -> int:
    """Return the cycles with fill, drain, buses and the psums' own additions switched off, and an ideal memory."""
    network, arch = load_workload(WORKLOAD, BATCH), load_arch("eyeriss", SWITCHED_OFF)
    result = simulate(network, arch, mapping=MAPPING, layers=name, dram="ideal", steady=False)
    return result.layers[0].total_cycles


def mean_error(ours: Callable[[str], float], column: int) -> float:
    """Return the mean over the layers of the differences without their signs, each as a part of the chip's figure."""
    return sum(abs(ours(name) / row[column] - 1) for name, row in CHIP.items()) / len(CHIP)


def _figure(name: str, source: str, published: float, unit: str, ours: Callable[[], float], tolerance: float) -> Figure:
    return Figure(name=name, source=source, published=published, unit=unit, ours=ours, tolerance=tolerance)


def _layer_figures(name: str) -> tuple[Figure, ...]:
    processing, total, pes, glb, dram, power = CHIP[name]
    start = f"eyeriss alexnet {name}"
    clock = " (calibrates the clock constant)" if name == "conv1" else ""
    return (
        _figure(f"{start} processing latency", TABLE_V, processing, "ms", lambda: processing_ms(name), 0.1),
        _figure(f"{start} total latency", TABLE_V, total, "ms", lambda: layer(name).latency_ms, 0.12),
        _figure(f"{start} active PEs", TABLE_V, pes, "PEs", lambda: layer(name).active_pes, 0),
        _figure(f"{start} GLB accesses", TABLE_V, glb, "MB", lambda: glb_mb(name), 0.01),
        _figure(f"{start} DRAM accesses", TABLE_V, dram, "MB", lambda: dram_mb(name), 0.2),
        _figure(f"{start} chip power{clock}", TABLE_V, power, "mW", lambda: power_mw(name), 0.2),
        _figure(f"{start} ideal cycles", TOOLS, IDEAL_CYCLES[name], "cycles", lambda: ideal_cycles(name), 0),
    )


def _share(name: str, what: str, component: str, published: float) -> Figure:
    return Figure(
        name=f"eyeriss alexnet {name} power share of {what}",
        source=FIG_16,
        published=published,
        unit="",
        ours=lambda: power_mw(name, component) / power_mw(name),
        tolerance=0.2,
        reason=_RF_PRICE,
    )


FIGURES: tuple[Figure, ...] = (
    *(figure for name in CHIP for figure in _layer_figures(name)),
    _figure(
        "eyeriss alexnet mean difference of processing latency",
        TABLE_V,
        0,
        "",
        lambda: mean_error(processing_ms, 0),
        0.05,
    ),
    _figure(
        "eyeriss alexnet total latency",
        TABLE_V,
        115.3,
        "ms",
        lambda: sum(layer(name).latency_ms for name in CHIP),
        0.12,
    ),
    *(_share(name, "scratchpads", "rf", shares[0]) for name, shares in SHARES.items()),
    *(_share(name, "multipliers and adders", "mac", shares[1]) for name, shares in SHARES.items()),
)
