"""N:M tensor cores, dual-side tensor cores and N:M systolic arrays: fast, slow and stepped agree; what must hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.compression.patterns import random_mask
from accel_sim.kernels.sparse.dual_side import DualSideSpec, dual_side_gemm
from accel_sim.kernels.sparse.n_of_m import TensorCoreSpec, fullest_group, tensor_core_gemm
from accel_sim.kernels.sparse.structured_systolic import StructuredSpec, structured_gemm
from accel_sim.kernels.stepped.dual_side import dual_side_stepped
from accel_sim.kernels.stepped.n_of_m import tensor_core_stepped
from accel_sim.kernels.stepped.structured_systolic import structured_stepped
from tests.reference import naive_structured

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20))


def values(mask, seed):
    """Odd numbers, hence never zero, where the mask is set."""
    return mask * (2 * ((np.arange(mask.size).reshape(mask.shape) * 7 + seed) % 40) - 31)


@given(SIZES, st.sampled_from([(1, 2), (2, 4), (1, 4), (4, 4)]), st.booleans(), st.integers(1, 3), st.integers(0, 9))
@settings(max_examples=80, deadline=None)
def test_tensor_core_fast_equals_twin_and_stepped(size, n_of_m, sparse, n_cores, seed):
    n_rows, n_columns, k = size
    n, m = n_of_m
    spec = TensorCoreSpec(n_cores=n_cores, macs=8, mma_m=4, mma_n=2, mma_k=4, n=n, m=m, a_bits=8)
    counts = tensor_core_gemm(n_rows, n_columns, k, sparse, spec)
    for name, value in naive_structured.tensor_core(n_rows, n_columns, k, sparse, spec).items():
        assert getattr(counts, name) == value, name
    mask = random_mask((n_rows, k), n / m, "n_of_m", seed, n=n, m=m) if sparse else random_mask((n_rows, k), 0.7)
    assert not sparse or fullest_group(mask, m) <= n
    a, b = values(mask, seed), values(random_mask((k, n_columns), 0.6, seed=seed), seed)
    run = tensor_core_stepped(a, b, sparse, spec)
    assert np.array_equal(run.outputs, a @ b)
    assert (run.total_cycles, run.n_instructions) == (counts.total_cycles, counts.n_instructions)
    assert run.n_effectual_macs == ((a != 0).astype(int) @ (b != 0)).sum() <= counts.n_slots
    assert run.n_effectual_macs <= run.products_by_place.sum() <= counts.n_slots
    assert (run.a_values, run.b_values) == (counts.a_values, counts.b_values)
    assert (run.a_values * spec.a_bits // 8, run.b_values * spec.b_bits // 8) == (counts.a_bytes, counts.b_bytes)


def test_2_of_4_halves_compute_and_not_traffic():
    """Twice the rate where the multipliers bind, nothing where B does; metadata are an eighth of A's stored bytes."""
    spec = TensorCoreSpec()
    dense = tensor_core_gemm(4096, 4096, 4096, False, spec)
    sparse = tensor_core_gemm(4096, 4096, 4096, True, spec)
    assert dense.total_cycles == 2 * sparse.total_cycles
    assert sparse.metadata_bytes * 8 == sparse.a_bytes
    assert 2 * sparse.a_bytes == dense.a_bytes
    assert sparse.b_bytes == dense.b_bytes
    one_instruction = tensor_core_gemm(16, 8, 16, False, spec)
    assert one_instruction.total_cycles == 8
    starved = spec._replace(operand_bytes_per_cycle=32)
    slow_dense = tensor_core_gemm(4096, 4096, 4096, False, starved)
    slow_sparse = tensor_core_gemm(4096, 4096, 4096, True, starved)
    gain = slow_dense.total_cycles / slow_sparse.total_cycles
    traffic = (dense.a_bytes + dense.b_bytes) / (sparse.a_bytes + sparse.b_bytes + sparse.metadata_bytes)
    assert gain == pytest.approx(traffic, rel=0.05)
    assert gain < 1.5


@given(SIZES, st.integers(1, 3), st.integers(0, 1), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 9))
@settings(max_examples=80, deadline=None)
def test_dual_side_fast_equals_twin_and_stepped(size, n_units, empty_cycles, density, seed):
    n_rows, n_columns, k = size
    spec = DualSideSpec(n_units, 4, 6, 2, 3, empty_cycles)
    mask_a = random_mask((n_rows, k), density, seed=seed, tensor_key="a")
    mask_b = random_mask((n_columns, k), 0.5, seed=seed, tensor_key="b")
    counts = dual_side_gemm(mask_a, mask_b, spec)
    for name, value in naive_structured.dual_side(mask_a, mask_b, spec).items():
        assert getattr(counts, name) == value, name
    a, b = values(mask_a, seed), values(mask_b, seed)
    run = dual_side_stepped(a, b, spec)
    assert np.array_equal(run.outputs, a @ b.T)
    for name in run._fields[1:-2]:
        assert np.array_equal(getattr(run, name), getattr(counts, name)), name
    assert run.n_a_bitmap_bits + run.n_b_bitmap_bits == counts.n_bitmap_bits
    assert counts.n_effectual_macs == (mask_a.astype(int) @ mask_b.T.astype(int)).sum() <= counts.n_slots
    denser = dual_side_gemm(mask_a | random_mask(mask_a.shape, 0.3, seed=seed, tensor_key="more"), mask_b, spec)
    assert denser.total_cycles >= counts.total_cycles


def test_dual_side_dense_time():
    """A tile of 32 x 32 takes 8 outer products of 8 x 16 a place of K."""
    full = dual_side_gemm(np.ones((256, 100), bool), np.ones((256, 100), bool), DualSideSpec(n_units=1))
    assert full.total_cycles == 8 * 8 * 100 * 8
    assert full.n_slots == full.n_effectual_macs


@given(
    SIZES, st.sampled_from([(1, 2), (2, 4), (1, 4), (3, 3)]), st.integers(1, 3), st.integers(1, 4), st.integers(0, 9)
)
@settings(max_examples=80, deadline=None)
def test_structured_systolic_fast_equals_twin_and_stepped(size, n_of_m, groups, cols, seed):
    n_rows, n_columns, k = size
    n, m = n_of_m
    spec = StructuredSpec(rows=groups * n + (n - 1), cols=cols, n=n, m=m)
    counts = structured_gemm(n_rows, n_columns, k, spec)
    for name, value in naive_structured.structured(n_rows, n_columns, k, spec).items():
        assert getattr(counts, name) == value, name
    mask = random_mask((k, n_columns), n / m, "n_of_m", seed, n=n, m=m, axis=0)
    x = values(random_mask((n_rows, k), 0.7, seed=seed), seed)
    w = values(mask, seed)
    run = structured_stepped(x, w, spec)
    assert np.array_equal(run.outputs, x @ w)
    assert (run.total_cycles, run.n_folds, run.n_slots) == (counts.total_cycles, counts.n_folds, counts.n_slots)
    assert run.n_psum_writes == counts.n_psum_writes
    assert run.n_psum_reads == counts.n_psum_reads
    assert (run.n_weights, run.n_activations) == (counts.n_weight_reads, counts.n_activation_reads)
    assert counts.pe_cycles.sum() == counts.n_slots
    assert counts.pe_cycles.max() <= counts.total_cycles
    assert run.n_effectual_macs == ((x != 0).astype(int) @ (w != 0)).sum() <= counts.n_slots


def test_structured_systolic_against_its_dense_array():
    """n = m is the dense array (SCALE-Sim's fold time, 2 rows + cols + M - 2); 2:4 halves the folds, adds metadata."""
    dense = structured_gemm(100, 64, 128, StructuredSpec(n=4, m=4))
    sparse = structured_gemm(100, 64, 128, StructuredSpec())
    assert dense.total_cycles == 8 * (2 * 32 + 32 + 100 - 2)
    assert dense.n_metadata_bits == 0
    assert sparse.total_cycles * 2 == dense.total_cycles
    assert sparse.n_metadata_bits == 2 * sparse.n_weight_reads == 2 * 64 * 64
