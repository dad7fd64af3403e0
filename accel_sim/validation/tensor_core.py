"""2:4 tensor cores: what pruned weights gain where the cores are the limit, and where the memory is."""

from __future__ import annotations

from functools import cache
from typing import Any

from accel_sim.arch import load_arch
from accel_sim.results import LayerResult
from accel_sim.validation.figure import Figure
from accel_sim.validation.single_layer import IDEAL, run_layer, sparsity

_WHITE_PAPER = "NVIDIA A100 white paper, 2020: twice the dense rate for 2:4 weights"
_PTX = "PTX ISA, mma.sp: two 2-bit places for every four 16-bit values"
_TWO_OF_FOUR = {"pattern": {"filter": {"kind": "n_of_m", "n": 2, "m": 4}}}
_SIDE, _THIN, _ROWS, _SLOW = 1728, 64, 1 << 14, "bandwidth:100"
"""A product that fills all cores; one whose windows and results keep a slow memory busy, with 64 x 64 weights."""


@cache
def compute_bound(is_pruned: bool) -> LayerResult:  # noqa: FBT001  (a cached function's key)
    """Return a product without memory limit."""
    return _run({"m": _SIDE, "k": _SIDE, "n": _SIDE}, IDEAL, is_pruned=is_pruned)


@cache
def memory_bound(is_pruned: bool) -> LayerResult:  # noqa: FBT001  (a cached function's key)
    """Return a product whose windows and results are the limit."""
    return _run({"m": _ROWS, "k": _THIN, "n": _THIN}, _SLOW, is_pruned=is_pruned)


def _run(sizes: dict[str, Any], dram: str, *, is_pruned: bool) -> LayerResult:
    layer = {"op": "matmul", **sizes, **(_TWO_OF_FOUR if is_pruned else {})}
    return run_layer(load_arch("a100_sparse_tensor_core"), layer, dram=dram)


def _stored_share() -> float:
    pruned, dense = (memory_bound(is_pruned).accesses["dram"]["filter"]["read_bytes"] for is_pruned in (True, False))
    return pruned / dense


def _place_share() -> float:
    places = sparsity(compute_bound(True))["metadata_bytes_read"]
    return float(places / (compute_bound(True).accesses["l2_weights"]["filter"]["read_bytes"] - places))


FIGURES = (
    Figure(
        name="a100 2:4 rate over dense, no memory limit",
        source=_WHITE_PAPER,
        published=2,
        unit="",
        ours=lambda: compute_bound(False).total_cycles / compute_bound(True).total_cycles,
        tolerance=0.0,
    ),
    Figure(
        name="a100 2:4 rate over dense, memory the limit",
        source="no gain but that of fewer weight bytes, where these are few",
        published=1,
        unit="",
        ours=lambda: memory_bound(False).total_cycles / memory_bound(True).total_cycles,
        tolerance=0.01,
    ),
    Figure(
        name="a100 2:4 weights from DRAM over dense ones, places included",
        source=_PTX,
        published=0.5625,
        unit="",
        ours=_stored_share,
        tolerance=0.0,
    ),
    Figure(
        name="a100 2:4 bytes of places over bytes of values, to the cores",
        source=_PTX,
        published=0.125,
        unit="",
        ours=_place_share,
        tolerance=0.0,
    ),
)
