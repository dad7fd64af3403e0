"""The Eyeriss v2 PE against published PE cycles: the sum over channels of the products of non-zero counts, exactly.

The masks are not public. Per-channel counts with the published totals and the published sum are made up here, masks
with those counts drawn, and the PE run on them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from accel_sim.kernels.hash import hash_range
from accel_sim.kernels.sparse.eyeriss_v2 import RowShape, row_work

DATA = json.loads((Path(__file__).parent / "data" / "eyeriss_v2.json").read_text())
ROWS = [dict(zip(DATA["columns"], row, strict=True)) for row in DATA["rows"]]


def spread(total, n_channels, cap, slope):
    """Counts that rise evenly over the channels and sum to ``total``."""
    counts = np.rint(total / n_channels * np.linspace(1 - slope, 1 + slope, n_channels)).astype(int).clip(0, cap)
    for c in np.arange(abs(total - counts.sum())) % n_channels:
        counts[c] += np.sign(total - counts.sum())
    return counts


def channel_counts(row):
    """Counts of ifmap and filter whose products sum to the published cycles."""
    ifmap = spread(row["ifmap_nnz"], row["channels"], row["pixels"], 0.3)
    filters = spread(row["filter_nnz"], row["channels"], row["filters"], 0.0)
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


def mask(counts, size, stream):
    """bool[channels, size] with so many places set in each channel, at hashed places."""
    out = np.zeros((len(counts), size), dtype=bool)
    for channel, count in enumerate(counts):
        order = np.argsort(hash_range(np.uint64(stream + channel), 0, size))
        out[channel, order[:count]] = True
    return out


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["layer"])
def test_pe_cycles_are_the_sum_of_products(row):
    with np.errstate(over="ignore"):
        ifmap_counts, filter_counts = channel_counts(row)
        assert ifmap_counts.sum() == row["ifmap_nnz"]
        assert filter_counts.sum() == row["filter_nnz"]
        ifmap = mask(ifmap_counts, row["pixels"], 1000)
        filters = mask(filter_counts, row["filters"], 9000)
    work = row_work(ifmap, filters.sum(axis=1)[:, None], RowShape(row["pixels"], 1, 0), 1)
    assert work.mac_cycles == row["cycles"]
    assert work.n_macs == row["cycles"]
    assert 0 <= work.total_cycles - work.mac_cycles < 0.001 * work.mac_cycles


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["layer"])
def test_two_macs_gain_less_than_two(row):
    """The PE that was built has two MACs: odd counts pad a slot."""
    with np.errstate(over="ignore"):
        ifmap_counts, filter_counts = channel_counts(row)
        ifmap = mask(ifmap_counts, row["pixels"], 1000)
    work = row_work(ifmap, filter_counts[:, None], RowShape(row["pixels"], 1, 0), 2)
    assert work.mac_cycles == int(ifmap_counts @ (-(-filter_counts // 2)))
    assert 1.9 < row["cycles"] / work.mac_cycles < 2.0
