"""Results for tests of reports: built from a few invented rates, shaped exactly as the contract's JSON schema 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest

Result = dict[str, Any]

# name, op, filters, channels per group, pixels out, window, pixels in; batch is applied below
ALEXNET = (
    ("conv1", "conv2d", 96, 3, 55 * 55, 121, 3 * 227 * 227),
    ("pool1", "pool", 96, 0, 27 * 27, 9, 96 * 55 * 55),
    ("conv2", "conv2d", 256, 48, 27 * 27, 25, 96 * 27 * 27),
    ("pool2", "pool", 256, 0, 13 * 13, 9, 256 * 27 * 27),
    ("conv3", "conv2d", 384, 256, 13 * 13, 9, 256 * 13 * 13),
    ("conv4", "conv2d", 384, 192, 13 * 13, 9, 384 * 13 * 13),
    ("conv5", "conv2d", 256, 192, 13 * 13, 9, 384 * 13 * 13),
    ("pool5", "pool", 256, 0, 6 * 6, 9, 256 * 13 * 13),
    ("fc6", "linear", 4096, 9216, 1, 1, 9216),
    ("fc7", "linear", 4096, 4096, 1, 1, 4096),
    ("fc8", "linear", 1000, 4096, 1, 1, 4096),
)


@dataclass(frozen=True)
class Rates:
    """An invented machine: clock, PEs, bytes a cycle from DRAM, and its buffers with energy a byte."""

    name: str
    clock_mhz: float
    n_pes: int
    active_pes: int
    dram_bytes_per_cycle: int
    mac_pj: float
    level_pj_per_byte: dict[str, float]


EYERISS = Rates("eyeriss", 200.0, 168, 156, 4, 2.2, {"dram": 160.0, "glb": 3.4, "rf": 0.6})
DIANNAO = Rates("diannao", 980.0, 256, 256, 8, 1.4, {"dram": 160.0, "nbin": 1.8, "sb": 5.2, "nbout": 1.9})


def _layer(row: tuple[Any, ...], rates: Rates, batch: int, start: int) -> Result:
    name, op, k, c, pixels, window, ifmap_words = row
    n_macs = batch * k * c * pixels * window
    sizes = {"ifmap": 2 * batch * ifmap_words, "filter": 2 * k * c * window, "ofmap": 2 * batch * k * pixels}
    compute = math.ceil(1.15 * n_macs / rates.active_pes) if n_macs else batch * k * pixels
    transfer = math.ceil(sum(sizes.values()) / rates.dram_bytes_per_cycle)
    total = max(compute, transfer) + 100
    wait = total - compute
    stalls = {"dram:filter": wait * 2 // 3, "dram:ifmap": wait - wait * 2 // 3 - 100, "full:glb": 100}
    if wait < 300:
        stalls = {"full:glb": wait}
    levels: Result = {}
    for depth, level in enumerate(rates.level_pj_per_byte):
        read = {tensor: size * (1 + 3 * depth) for tensor, size in sizes.items() if tensor != "ofmap" and size}
        moved = {tensor: {"read_bytes": size, "write_bytes": size * (depth > 0)} for tensor, size in read.items()}
        levels[level] = {**moved, "ofmap": {"read_bytes": 0, "write_bytes": sizes["ofmap"]}}
    energy = {
        level: rates.level_pj_per_byte[level] * sum(a["read_bytes"] + a["write_bytes"] for a in tensors.values())
        for level, tensors in levels.items()
    }
    energy["mac"] = rates.mac_pj * n_macs
    energy["total"] = sum(energy.values())
    dataflow = {"eyeriss": "row_stationary", "diannao": "no_local_reuse"}[rates.name] if n_macs else "vector"
    return {
        "name": name, "op": op, "algorithm": "direct", "dataflow": dataflow,
        "mapping": {"m": 64, "n": 4} if n_macs else {},
        "n_macs": n_macs, "n_effectual_macs": int(n_macs * 0.93),
        "start_cycle": start, "end_cycle": start + total, "total_cycles": total, "compute_cycles": compute,
        "stall_cycles": stalls, "active_pes": rates.active_pes if n_macs else 0,
        "utilization": n_macs / (rates.n_pes * total), "latency_ms": total / rates.clock_mhz / 1e3,
        "units": {"array": {"busy_cycles": compute if n_macs else 0}, "dma": {"busy_cycles": transfer}},
        "accesses": levels, "energy_pj": energy,
        "limit": "dram" if transfer > compute else "array" if n_macs else "vector unit",
        "bounds_cycles": {"compute": math.ceil(n_macs / rates.n_pes), "dram": transfer},
    }  # fmt: skip


def _total(layers: list[Result], rates: Rates, batch: int) -> Result:
    def summed(key: str) -> Any:
        def add(a: Any, b: Any) -> Any:
            if isinstance(a, dict):
                return {k: add(a[k], b[k]) if k in a and k in b else a.get(k, b.get(k)) for k in {**a, **b}}
            return a + b

        out = layers[0][key]
        for layer in layers[1:]:
            out = add(out, layer[key])
        return out

    cycles, macs, energy = summed("total_cycles"), summed("n_macs"), summed("energy_pj")
    seconds = cycles / rates.clock_mhz / 1e6
    on_chip = energy["total"] - energy["dram"]
    counters = ("n_macs", "n_effectual_macs", "total_cycles", "compute_cycles", "stall_cycles", "units", "accesses")
    return {
        **{key: summed(key) for key in counters}, "energy_pj": energy,
        "utilization": macs / (rates.n_pes * cycles), "latency_ms": seconds * 1e3,
        "interval_cycles": cycles - 1000, "interval_ms": (cycles - 1000) / rates.clock_mhz / 1e3,
        "power_mw": on_chip * 1e-9 / seconds, "dram_power_mw": energy["dram"] * 1e-9 / seconds,
        "gops": 2 * macs / seconds / 1e9, "gops_per_w": 2 * macs / (on_chip * 1e-12) / 1e9, "area_mm2": 12.25,
    }  # fmt: skip


def make_result(rates: Rates, rows: tuple[tuple[Any, ...], ...], workload: str, batch: int) -> Result:
    """Return the result of an invented run."""
    layers: list[Result] = []
    for row in rows:
        layers.append(_layer(row, rates, batch, layers[-1]["end_cycle"] if layers else 0))
    n_macs = sum(layer["n_macs"] for layer in layers)
    books = {"macs": {"left": n_macs, "relation": "==", "right": n_macs}}
    return {
        "schema": 1,
        "arch": {"name": rates.name, "clock_mhz": rates.clock_mhz, "technology_nm": 65, "n_pes": rates.n_pes},
        "workload": {"name": workload, "batch": batch},
        "layers": layers, "total": _total(layers, rates, batch),
        "balance": {"checks": len(layers), "failed": 0, "lines": books},
    }  # fmt: skip


@pytest.fixture
def eyeriss_result() -> Result:
    """AlexNet, batch 4, on an Eyeriss-like machine."""
    return make_result(EYERISS, ALEXNET, "alexnet", 4)


@pytest.fixture
def diannao_result() -> Result:
    """AlexNet, batch 4, on a DianNao-like machine."""
    return make_result(DIANNAO, ALEXNET, "alexnet", 4)


@pytest.fixture
def many_layers_result() -> Result:
    """A network of 70 layers with long names, as ResNet-50 has them."""
    rows = tuple(
        (f"stage{stage}.block{block}.{part}", op, k * 4 ** (part == "conv3"), c, (56 >> stage) ** 2, window, 64 * 3136)
        for stage, (k, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 4)))
        for block in range(blocks)
        for part, op, c, window in (("conv1", "conv2d", k, 1), ("conv2", "conv2d", k, 9), ("conv3", "conv2d", k, 1),
                                    ("add", "elementwise", 0, 1))
    )  # fmt: skip
    return make_result(EYERISS, (*rows, *ALEXNET[:2]), "resnet50_like", 1)
