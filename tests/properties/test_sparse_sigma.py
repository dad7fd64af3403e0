"""SIGMA-like GEMM: fast path, slow twin and stepped array agree; products are numpy's; what must hold for all masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.patterns import random_mask
from accel_sim.kernels.sparse.sigma import SigmaSpec, adder_levels, adder_of, collection_line, sigma_gemm
from accel_sim.kernels.stepped import sigma as stepped
from accel_sim.kernels.stepped.sigma import sigma_stepped
from accel_sim.kernels.stepped.sigma_networks import deal_lines, last_adder
from tests.reference import naive_sigma


@st.composite
def gemms(draw):
    """A small array and both operands' masks, K along axis 1."""
    n_multipliers = draw(st.sampled_from([2, 4, 8, 16]))
    spec = SigmaSpec(
        n_multipliers=n_multipliers,
        distribution_ports=draw(st.sampled_from([p for p in (1, 2, 4, 8, 16) if p <= n_multipliers])),
        collection_lines=draw(st.sampled_from([0, 1, 2, 16])),
        non_blocking=draw(st.booleans()),
        cut_rows=draw(st.booleans()),
        drop_useless=draw(st.booleans()),
    )
    n_rows, n_columns, k = draw(st.integers(1, 8)), draw(st.integers(1, 5)), draw(st.integers(1, 24))
    density, seed = st.sampled_from([0.0, 0.2, 0.6, 1.0]), draw(st.integers(0, 99))
    stationary = random_mask((n_rows, k), draw(density), seed=seed, tensor_key="a")
    streaming = random_mask((n_columns, k), draw(density), seed=seed, tensor_key="b")
    return stationary, streaming, spec


def fast(stationary, streaming, spec):
    return sigma_gemm(BitMask.of(stationary).words, streaming.sum(axis=0), streaming.shape[0], spec)


@given(gemms())
@settings(max_examples=150, deadline=None)
def test_fast_equals_twin_and_stepped(gemm):
    stationary, streaming, spec = gemm
    counts = fast(stationary, streaming, spec)
    rows = [np.flatnonzero(row).tolist() for row in stationary]
    expected = naive_sigma.gemm(rows, streaming.sum(axis=0).tolist(), streaming.shape[0], spec)
    for name, value in expected.items():
        assert getattr(counts, name) == value, name

    a = stationary * (2 * np.arange(stationary.size).reshape(stationary.shape) - 31)
    b = streaming * (2 * np.arange(streaming.size).reshape(streaming.shape) + 1)
    run = sigma_stepped(a, b, spec)
    assert np.array_equal(run.outputs, a @ b.T)
    assert run.total_cycles == counts.total_cycles
    assert run.n_folds == counts.n_folds
    assert np.array_equal(run.multiplier_busy_cycles, counts.multiplier_busy_cycles)
    assert run.events[stepped.MULTIPLIES] == counts.n_multiplies
    assert run.events[stepped.EFFECTUAL] == counts.n_effectual_macs == (stationary @ streaming.T.astype(int)).sum()
    assert run.events[stepped.STATIONARY_READS] == counts.n_stationary_reads
    assert run.events[stepped.STREAMING_READS] == counts.n_streaming_reads
    assert run.events[stepped.PSUM_READS] == counts.n_psum_reads
    assert run.events[stepped.OUTPUT_WRITES] == counts.n_output_writes


@given(gemms())
@settings(max_examples=60, deadline=None)
def test_bounds(gemm):
    stationary, streaming, spec = gemm
    counts = fast(stationary, streaming, spec)
    assert counts.n_effectual_macs <= counts.n_multiplies == counts.multiplier_busy_cycles.sum()
    assert counts.n_multiplies <= counts.total_cycles * spec.n_multipliers
    dropped = fast(stationary, streaming, spec._replace(drop_useless=True))
    assert dropped.n_effectual_macs == counts.n_effectual_macs
    assert dropped.n_multiplies <= counts.n_multiplies
    cut = fast(stationary, streaming, spec._replace(cut_rows=True))
    assert cut.n_folds == -(-cut.n_stationary_reads // spec.n_multipliers) <= counts.n_folds


@given(gemms(), st.sampled_from([0.1, 0.5]), st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_denser_masks_never_take_fewer_cycles(gemm, density, seed):
    """Holds with cut rows, one value a group and free lines; else a row more or less can realign folds and ports."""
    stationary, streaming, spec = gemm
    simple = SigmaSpec(
        n_multipliers=spec.n_multipliers, distribution_ports=spec.n_multipliers, collection_lines=0, cut_rows=True
    )
    denser = stationary | random_mask(stationary.shape, density, seed=seed, tensor_key="more")
    before, after = fast(stationary, streaming, simple), fast(denser, streaming, simple)
    assert after.n_folds >= before.n_folds
    assert after.total_cycles >= before.total_cycles


def test_a_denser_mask_can_be_faster_through_the_lines():
    """Documented exception: one more value moves a sum to another adder, whose line may be free."""
    spec = SigmaSpec(n_multipliers=4, distribution_ports=4, collection_lines=2)
    streaming = np.ones((10, 2), dtype=bool)
    sparse = fast(np.array([[1, 0], [0, 1]], dtype=bool), streaming, spec)
    denser = fast(np.array([[1, 1], [0, 1]], dtype=bool), streaming, spec)
    assert (sparse.total_cycles, denser.total_cycles) == (28, 18)


def test_density_one_is_the_dense_time():
    """A row a fold: load, two values a port and column, and the constant time of a fold."""
    counts = fast(np.ones((10, 128), bool), np.ones((20, 128), bool), SigmaSpec())
    assert counts.total_cycles == 10 * (2 + 2 * 20 + 5 + 7)


def test_gain_is_stepped():
    """Whole rows fit or do not: time moves with the number of folds, and hardly between its steps."""
    streaming = np.ones((64, 64), dtype=bool)
    spec = SigmaSpec(collection_lines=0)
    runs = [fast(random_mask((64, 64), n / 64, "banded"), streaming, spec) for n in range(1, 33)]
    assert [run.n_folds for run in runs] == [-(-64 // (128 // n)) for n in range(1, 33)]
    for sparser, denser in zip(runs, runs[1:], strict=False):
        per_fold = (denser.total_cycles - sparser.total_cycles) / max(1, denser.n_folds - sparser.n_folds)
        assert (per_fold > 100) == (denser.n_folds > sparser.n_folds)
    assert runs[31].total_cycles / runs[15].total_cycles > 1.9


@pytest.mark.parametrize("n", [2, 4, 8, 32])
def test_adders_and_lines_of_both_kernels_are_the_plain_twins(n):
    """Every run of neighbouring multipliers, every adder."""
    for first in range(n):
        for last in range(first + 1, n):
            expected = naive_sigma.finishing_adder(first, last)
            assert adder_of(first, last) == last_adder(first, last + 1) == expected
    n_levels = adder_levels(n)
    for n_lines in (1, 3, 8):
        dealt = deal_lines(n_levels, n_lines)
        for (level, node), line in naive_sigma.line_table(n, n_lines).items():
            if node >= 0:
                assert collection_line(level, node, n, n_lines) == dealt[level, node] == line
