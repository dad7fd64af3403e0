"""Eyeriss v2: cycles in which its PEs multiply, on pointwise layers of a pruned MobileNet.

The published cycles of a PE with one multiplier are the sum, over input channels, of the products of the channel's
non-zero activations and weights. The masks are not public. Counts a channel with the published densities and the
published sum are made up here, and masks with those counts drawn, so that these rows prove the rule of the sum alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import load_arch
from accel_sim.kernels.hash import hash_range
from accel_sim.results import LayerResult
from accel_sim.validation.figure import Figure
from accel_sim.validation.published import Row, rows
from accel_sim.validation.single_layer import run_layer, sparsity

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

_SOURCE = "one PE of Eyeriss v2, from the validation of Sparseloop (MICRO 2022 artifact); counts a channel are made up"
_IFMAP_STREAM, _FILTER_STREAM = 1000, 9000
_SLOPE = 0.3
"""The made-up counts of the ifmap's channels rise evenly, from and to so much of their mean below and above it."""


def channel_counts(row: Row) -> tuple[I64, I64]:
    """Return counts of ifmap and filter values a channel whose products sum to the published cycles.

    Filters begin even; values move from the emptiest channel of the ifmap to the fullest until the sum is reached.
    """
    ifmap = _spread(row["ifmap_nnz"], row["channels"], row["pixels"], _SLOPE)
    filters = _spread(row["filter_nnz"], row["channels"], row["filters"], 0.0)
    low, high = 0, row["channels"] - 1
    while (missing := row["cycles"] - int(ifmap @ filters)) > 0:
        while filters[low] == 0:
            low += 1
        while filters[high] == row["filters"]:
            high -= 1
        gains = ifmap - ifmap[low]
        filters[low] -= 1
        filters[high if gains[high] <= missing else np.flatnonzero(gains <= missing)[-1]] += 1
    return ifmap, filters


def masks(row: Row) -> tuple[Mask, Mask]:
    """Return masks of a row's ifmap, bool[channels, pixels], and filters, bool[filters, channels]."""
    ifmap, filters = channel_counts(row)
    return _scattered(ifmap, row["pixels"], _IFMAP_STREAM), _scattered(filters, row["filters"], _FILTER_STREAM).T


@cache
def pointwise(name: str, n_multipliers: int) -> LayerResult:
    """Return a layer of the table on the machine with PEs of so many multipliers."""
    row = next(row for row in rows("eyeriss_v2") if row["layer"] == name)
    ifmap, filters = masks(row)
    side = int(row["pixels"] ** 0.5)
    layer = {"op": "conv2d", "ifmap": [row["channels"], side, side], "filter": [*filters.shape, 1, 1]}
    with TemporaryDirectory() as folder:
        trace = Path(folder) / "masks.npz"
        shaped = {"layer.ifmap": ifmap.reshape(1, -1, side, side), "layer.filter": filters[:, :, None, None]}
        np.savez(trace, **{tensor: mask.astype(np.int8) for tensor, mask in shaped.items()})
        arch = load_arch("eyeriss_v2", {"array.macs": n_multipliers})
        return run_layer(arch, {**layer, "trace": str(trace)})


def multiply_cycles(name: str, n_multipliers: int = 1) -> int:
    """Return the cycles in which the PEs multiply, all PEs added up."""
    return sum(sparsity(pointwise(name, n_multipliers))["work_cycles"])


def _spread(total: int, n_channels: int, cap: int, slope: float) -> I64:
    """Return counts that rise evenly over the channels and sum to ``total``."""
    even = np.rint(total / n_channels * np.linspace(1 - slope, 1 + slope, n_channels))
    counts = even.astype(np.int64).clip(0, cap)
    missing = total - int(counts.sum())
    for channel in np.arange(abs(missing)) % n_channels:
        counts[channel] += np.sign(missing)
    return counts


def _scattered(counts: I64, size: int, stream: int) -> Mask:
    """Return bool[channels, size] with so many places set in each channel, at hashed places."""
    mask = np.zeros((len(counts), size), dtype=np.bool_)
    with np.errstate(over="ignore"):
        for channel, count in enumerate(counts):
            order = np.argsort(hash_range(np.uint64(stream + channel), 0, size))
            mask[channel, order[:count]] = True
    return mask


def _figures() -> Iterator[Figure]:
    for row in rows("eyeriss_v2"):

        def ours(name: str = row["layer"]) -> float:
            return multiply_cycles(name)

        yield Figure(
            name=f"eyeriss_v2 {row['layer']} cycles of PEs with one multiplier",
            source=_SOURCE,
            published=row["cycles"],
            unit="cycles",
            ours=ours,
            tolerance=0.0,
        )


FIGURES = tuple(_figures())
