"""Small layers and small machines of every kind, for hypothesis."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

from accel_sim.arch import Accelerator, load_arch
from accel_sim.config import Document
from accel_sim.workload import Network
from accel_sim.workload.reader import network_of

WIDTHS = [(16, 16, 16), (16, 16, 32), (8, 8, 32), (4, 4, 16), (8, 4, 24)]
DENSITIES = [1, 1, 0.5, 0.1, 0]
KINDS = (
    "conv2d",
    "depthwise_conv2d",
    "linear",
    "matmul",
    "matmul_activation",
    "pool",
    "activation",
    "elementwise",
    "softmax",
    "layernorm",
)
MAC_KINDS = KINDS[:5]
SHARED = (
    {"one": ("ifmap", "filter", "psum", "ofmap")},
    {"in_out": ("ifmap", "psum", "ofmap"), "weights": ("filter",)},
    {"operands": ("ifmap", "filter"), "out": ("psum", "ofmap")},
    {"in": ("ifmap",), "rest": ("filter", "psum", "ofmap")},
    {"in": ("ifmap",), "weights": ("filter",), "sums": ("psum",), "out": ("ofmap",)},
)
"""Ways to share buffers that the shipped machines do not have."""


@cache
def shipped(name: str) -> Accelerator:
    return load_arch(name)


@st.composite
def machines(draw: st.DrawFn, name: str) -> Accelerator:
    """A small relative of a shipped machine: other sizes, widths, layout, formats, memory; buffers shared otherwise."""
    data = {**shipped(name).model_dump(), "provenance": {}, "energy": {"mode": "absolute"}}
    data["mac"]["bits"] = dict(zip(("ifmap", "filter", "psum"), draw(st.sampled_from(WIDTHS)), strict=True))
    data["layout"] = draw(st.sampled_from(["nchw", "nhwc", "tiled"]))
    data["dma"]["outstanding"] = draw(st.integers(1, 4))
    data["dram"] = draw(st.sampled_from(["ideal", "bandwidth:0.1", "bandwidth:3", "bandwidth:100"]))
    if draw(st.booleans()):
        data["formats"] = dict.fromkeys(("ifmap", "filter", "ofmap"), "run_length")
        data["codec"] = shipped("eyeriss").codec
    if name == "diannao":
        data["array"].update(tn=draw(st.sampled_from([1, 2, 16])), ti=draw(st.sampled_from([1, 3, 16])))
        sizes = [32, 64, 256, 2048], [512, 1024, 8192], [32, 64, 256, 2048]
        for buffer, choices in zip(data["buffers"], sizes, strict=True):
            buffer["size_bytes"] = draw(st.sampled_from(choices))
        if draw(st.booleans()):
            data["buffers"] = draw(shared_buffers())
    else:
        data["array"].update(
            rows=draw(st.sampled_from([3, 4, 12])),
            cols=draw(st.sampled_from([3, 5, 14])),
            filter_rf_words=draw(st.sampled_from([8, 32, 224])),
            ifmap_rf_words=draw(st.sampled_from([4, 12])),
            psum_rf_words=draw(st.sampled_from([1, 4, 24])),
        )
        banks = draw(st.sampled_from([4, 8, 25]))
        data["buffers"][0].update(banks=banks, size_bytes=banks * draw(st.sampled_from([64, 256, 1024])))
        data["buffers"][1]["size_bytes"] = draw(st.sampled_from([64, 256, 8192]))
    for buffer in data["buffers"]:
        buffer["dma_shares_port"] = draw(st.integers(0, 3)) == 0
    return Accelerator(**{**data, "buffers": tuple(data["buffers"])})


@st.composite
def shared_buffers(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Buffers that hold tensors in another partition than the shipped machines do."""
    size = draw(st.sampled_from([128, 256, 1024, 8192]))
    return [
        {
            "name": name,
            "role": "glb",
            "size_bytes": size,
            "width_bits": 64,
            "ports": 1,
            "banks": draw(st.sampled_from([1, 2])),
            "holds": holds,
            "double_buffered": draw(st.booleans()),
        }
        for name, holds in draw(st.sampled_from(SHARED)).items()
    ]


@st.composite
def layers(draw: st.DrawFn, name: str, kind: str) -> dict[str, Any]:
    """An entry of a workload file."""
    size, small = st.integers(1, 12), st.integers(1, 9)
    entry: dict[str, Any] = {"name": name, "op": kind}
    if kind in ("conv2d", "depthwise_conv2d"):
        groups, r, s = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
        pad = [draw(st.integers(0, r)), draw(st.integers(0, s))]
        k, c = (draw(small), draw(small)) if kind == "conv2d" else (1, 1)
        height, width = (draw(st.integers(max(1, tap - 2 * p), 12)) for tap, p in zip((r, s), pad, strict=True))
        return {
            **entry,
            "ifmap": [groups * c, height, width],
            "filter": [groups * k, c, r, s],
            "stride": [draw(st.integers(1, 5)), draw(st.integers(1, 5))],
            "padding": pad,
            **({"groups": groups} if kind == "conv2d" else {}),
            "density": {tensor: draw(st.sampled_from(DENSITIES)) for tensor in ("ifmap", "filter", "ofmap")},
        }
    if kind == "linear":
        return {**entry, "in_features": draw(st.integers(1, 70)), "out_features": draw(st.integers(1, 70))}
    if kind.startswith("matmul"):
        sizes = {letter: draw(small) for letter in "mkn"}
        second = "activation" if kind == "matmul_activation" else "weight"
        return {**entry, "op": "matmul", **sizes, "count": draw(st.integers(1, 3)), "second": second}
    if kind == "pool":
        window = draw(st.integers(1, 3))
        sides = [draw(st.integers(window, 12)) for _ in "hw"]
        places = {"stride": draw(st.integers(1, 4)), "padding": draw(st.integers(0, window - 1))}
        return {**entry, "ifmap": [draw(small), *sides], "window": window, **places}
    entry["ifmap"] = [draw(small), draw(size), draw(size)]
    return {**entry, "function": "add", "operands": 2} if kind == "elementwise" else entry


def network(entries: list[dict[str, Any]], arch: Accelerator, batch: int = 1) -> Network:
    """The network of some entries, at the widths of a machine."""
    bits = arch.mac.bits
    widths = {"ifmap": bits.ifmap, "filter": bits.filter, "ofmap": bits.ifmap, "psum": bits.psum}
    return network_of(
        Document.from_data({"name": "small", "batch": batch, "defaults": {"bits": widths}, "layers": entries})
    )
