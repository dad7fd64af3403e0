"""SIGMA-like GEMM against runs of STONNE, with random masks of the same numbers of values."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.patterns import random_mask
from accel_sim.kernels.sparse.sigma import SigmaSpec, sigma_gemm

DATA = json.loads((Path(__file__).parent / "data" / "sigma.json").read_text())
ROWS = [dict(zip(DATA["columns"], row, strict=True)) for row in DATA["rows"]]


def run(row, seed):
    """One run; STONNE's random values are zero in 1 % of the places that the sparsity leaves."""
    density = {"mk": 0.99 - row["mk_sparsity_pct"] / 100, "kn": 0.99 - row["kn_sparsity_pct"] / 100}
    other = "kn" if row["stationary"] == "mk" else "mk"
    size = {"mk": row["m"], "kn": row["n"]}
    density[row["stationary"]] = row["stationary_values"] / (size[row["stationary"]] * row["k"])
    stationary = random_mask((size[row["stationary"]], row["k"]), density[row["stationary"]], seed=seed, tensor_key="a")
    streaming = random_mask((size[other], row["k"]), max(0.0, density[other]), seed=seed, tensor_key="b")
    spec = SigmaSpec(row["multipliers"], row["dn_bw"], row["rn_bw"])
    return sigma_gemm(BitMask.of(stationary).words, streaming.sum(axis=0), streaming.shape[0], spec)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_cycles_within_10_percent(row):
    """The median of nine masks; a mask decides how many folds there are (7 or 8 of them in mk80)."""
    assert median(run(row, seed).total_cycles for seed in range(9)) == pytest.approx(row["cycles"], rel=0.10)


@pytest.mark.parametrize("name", ["mk25", "mk0", "mk50_kn_stationary", "mk80_dn16"])
def test_full_tiles_are_within_1_percent(name):
    """Runs whose folds hold the same rows for nearly every mask."""
    row = next(row for row in ROWS if row["name"] == name)
    assert median(run(row, seed).total_cycles for seed in range(9)) == pytest.approx(row["cycles"], rel=0.01)


def test_streaming_zeros_are_not_skipped():
    """mk50_kn80 is as slow as with a dense streaming operand: STONNE skips zeros of the stationary one only."""
    stationary = random_mask((64, 64), 0.5)
    words = BitMask.of(stationary).words
    dense = sigma_gemm(words, np.full(64, 64), 64, SigmaSpec())
    sparse = sigma_gemm(words, np.full(64, 12), 64, SigmaSpec())
    assert dense.total_cycles == sparse.total_cycles
    assert sparse.n_streaming_reads < dense.n_streaming_reads / 4
