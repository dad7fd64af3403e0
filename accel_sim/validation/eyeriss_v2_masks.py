"""Masks of pointwise layers with given non-zero counts a channel, made up so that the counts' products have a sum.

The masks behind the published PE cycles are not public: their totals and the sum over channels of the products of
ifmap and filter counts are. Counts that have these, and masks that have the counts, prove the sum rule alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.hash import hash_range
from accel_sim.validation.published import Row

I64 = NDArray[np.int64]
IFMAP_SLOPE = 0.3
"""How much more than the mean the last channel of the ifmap has, and less the first one."""
IFMAP_STREAM, FILTER_STREAM = 1000, 9000


def pointwise_masks(row: Row) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return bool[channels, pixels] and bool[channels, filters] of a row of published PE cycles."""
    ifmap, filters = channel_counts(row)
    return _draw(ifmap, row["pixels"], IFMAP_STREAM), _draw(filters, row["filters"], FILTER_STREAM)


def channel_counts(row: Row) -> tuple[I64, I64]:
    """Return int64[channels] counts of ifmap and filters whose products sum to the row's cycles."""
    ifmap = _spread(row["ifmap_nnz"], row["channels"], row["pixels"], IFMAP_SLOPE)
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


def _spread(total: int, n_channels: int, most: int, slope: float) -> I64:
    """Return counts that rise evenly over the channels and sum to ``total``."""
    rise = total / n_channels * np.linspace(1 - slope, 1 + slope, n_channels)
    counts: I64 = np.rint(rise).astype(np.int64).clip(0, most)
    for channel in np.arange(abs(total - int(counts.sum()))) % n_channels:
        counts[channel] += np.sign(total - counts.sum())
    return counts


def _draw(counts: I64, size: int, stream: int) -> NDArray[np.bool_]:
    """Return bool[channels, size] with so many places set in each channel, at hashed places."""
    mask = np.zeros((len(counts), size), dtype=np.bool_)
    with np.errstate(over="ignore"):
        for channel, count in enumerate(counts):
            mask[channel, np.argsort(hash_range(np.uint64(stream + channel), 0, size))[:count]] = True
    return mask
