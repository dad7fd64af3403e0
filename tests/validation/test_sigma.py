"""SIGMA-like GEMM against runs of STONNE: full tiles, and what streamed zeros do not gain."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.patterns import random_mask
from accel_sim.kernels.sparse.sigma import SigmaSpec, sigma_gemm
from accel_sim.validation import sigma


@pytest.mark.parametrize("name", ["mk25", "mk0", "mk50_kn_stationary", "mk80_dn16"])
def test_full_tiles_are_within_1_percent(name):
    """Runs whose folds hold the same rows for nearly every mask."""
    assert sigma.cycles(name) == pytest.approx(sigma.run(name)["cycles"], rel=0.01)


def test_streaming_zeros_are_not_skipped():
    """mk50_kn80 is as slow as with a dense streaming operand: STONNE skips zeros of the stationary one only."""
    stationary = random_mask((64, 64), 0.5)
    words = BitMask.of(stationary).words
    dense = sigma_gemm(words, np.full(64, 64), 64, SigmaSpec())
    sparse = sigma_gemm(words, np.full(64, 12), 64, SigmaSpec())
    assert dense.total_cycles == sparse.total_cycles
    assert sparse.n_streaming_reads < dense.n_streaming_reads / 4
