"""EIE and ESE: fast path, slow twin and stepped machine agree; products are numpy's; what must hold for all masks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.formats.csc_relative import CscRelative
from accel_sim.compression.patterns import random_bits, random_mask
from accel_sim.kernels.runs import interleaved_entries
from accel_sim.kernels.sparse.balance import balanced_row_order
from accel_sim.kernels.sparse.eie import EieSpec, eie_matvec, eie_products
from accel_sim.kernels.sparse.ese import EseSpec, ese_spmv
from accel_sim.kernels.stepped import broadcast_queue as stepped
from accel_sim.kernels.stepped.eie import eie_stepped
from accel_sim.kernels.stepped.ese import ese_stepped
from tests.reference import naive_eie

DENSITIES = st.sampled_from([0.0, 0.05, 0.3, 1.0])


@st.composite
def machines(draw):
    """A small array, a mask for W and one for x."""
    spec = EieSpec(
        n_pes=draw(st.integers(1, 5)),
        queue_depth=draw(st.integers(1, 9)),
        max_run=draw(st.sampled_from([1, 3, 15])),
        entries_per_read=draw(st.sampled_from([1, 4, 8])),
        empty_slice_cycles=draw(st.sampled_from([0, 1, 2])),
    )
    n_rows, n_cols, seed = draw(st.integers(1, 30)), draw(st.integers(1, 14)), draw(st.integers(0, 99))
    weights = random_mask((n_rows, n_cols), draw(DENSITIES), seed=seed, tensor_key="w")
    inputs = random_mask((n_cols,), draw(DENSITIES), seed=seed, tensor_key="x")
    return spec, weights, inputs


def fast(spec, weights, inputs):
    return eie_matvec(BitMask.of(weights).transposed().words, np.flatnonzero(inputs), spec)


@given(machines())
@settings(max_examples=120, deadline=None)
def test_eie_fast_equals_twin_and_stepped(machine):
    spec, weights, inputs = machine
    counts = fast(spec, weights, inputs)
    expected = naive_eie.matvec(weights.tolist(), np.flatnonzero(inputs).tolist(), *spec[:-1])
    for name, value in expected.items():
        assert np.array_equal(getattr(counts, name), value), name

    codes = weights * (1 + np.arange(weights.size).reshape(weights.shape) % 15)
    codebook = np.concatenate([[0], np.arange(-7, 8) * 3 + 1])
    x = inputs * (np.arange(inputs.size) - 20)
    run_bits = spec.max_run.bit_length()
    lists = CscRelative(n_parts=spec.n_pes, run_bits=run_bits).entry_lists(codes)
    run = eie_stepped(lists, codebook, x.astype(np.int64), weights.shape[0], spec)
    assert np.array_equal(run.outputs[0], codebook[codes] @ x)
    assert run.total_cycles == counts.total_cycles
    assert np.array_equal(run.pe_busy_cycles, counts.pe_entries)
    assert np.array_equal(run.pe_padding_cycles, counts.pe_padding)
    assert run.events[stepped.STALLS] == counts.broadcast_stall_cycles
    assert run.events[stepped.BROADCASTS] == counts.n_broadcasts
    assert run.events[stepped.POINTER_READS] == counts.n_pointer_reads
    assert run.events[stepped.MATRIX_READS] == counts.n_matrix_reads
    assert run.events[stepped.ACCUMULATOR_READS] == counts.n_accumulator_reads
    assert run.events[stepped.ACCUMULATOR_WRITES] == counts.n_accumulator_writes
    assert run.events[stepped.EFFECTUAL_MACS] == counts.n_effectual_macs == (weights & inputs).sum()


@given(machines(), st.integers(1, 3), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_ese_fast_equals_twin_and_stepped(machine, n_channels, n_vectors):
    spec, weights, _ = machine
    array = EseSpec(n_channels, spec.n_pes, spec.queue_depth, spec.max_run, spec.empty_slice_cycles)
    vectors = random_mask((n_vectors, weights.shape[1]), 0.6)
    counts = ese_spmv(BitMask.of(weights).transposed().words, BitMask.of(vectors).words, array)
    every_column = list(range(weights.shape[1]))
    expected = naive_eie.matvec(weights.tolist(), every_column, *spec[:3], 1, spec.empty_slice_cycles)
    n_rounds = -(-n_vectors // n_channels)
    assert counts.n_rounds == n_rounds
    assert counts.total_cycles == n_rounds * expected["total_cycles"]
    assert counts.pe_entries.tolist() == [n_rounds * n for n in expected["pe_entries"]]
    assert counts.empty_slice_pe_cycles == n_rounds * expected["empty_slice_pe_cycles"]
    assert counts.queue_empty_pe_cycles == n_rounds * expected["queue_empty_pe_cycles"]

    values = weights * (np.arange(weights.size).reshape(weights.shape) % 9 * 2 - 7)
    x = vectors * (2 + np.arange(vectors.size).reshape(vectors.shape))
    lists = CscRelative(n_parts=spec.n_pes, run_bits=spec.max_run.bit_length()).entry_lists(values)
    run = ese_stepped(lists, x, weights.shape[0], array)
    assert np.array_equal(run.outputs, x @ values.T)
    assert run.total_cycles == counts.total_cycles
    assert np.array_equal(run.pe_busy_cycles, counts.pe_entries)
    assert np.array_equal(run.pe_padding_cycles, counts.pe_padding)
    assert run.events[stepped.STALLS] == counts.broadcast_stall_cycles
    assert run.events[stepped.MATRIX_READS] == counts.n_entry_reads
    assert run.events[stepped.POINTER_READS] == counts.n_pointer_reads
    assert run.events[stepped.EFFECTUAL_MACS] == counts.n_effectual_macs


@given(machines(), st.integers(1, 70))
@settings(max_examples=60, deadline=None)
def test_many_products_cost_the_sum_of_each(machine, n_vectors):
    """More vectors than a word has bits, so that rows are counted over several words."""
    spec, weights, _ = machine
    vectors = random_mask((n_vectors, weights.shape[1]), 0.4)
    columns = BitMask.of(weights).transposed().words
    nnz, padding = interleaved_entries(columns, spec.n_pes, spec.max_run)
    together = eie_products(nnz, padding, BitMask.of(vectors).words.reshape(n_vectors, -1), spec)
    alone = [eie_matvec(columns, np.flatnonzero(vector), spec) for vector in vectors]
    for name in together._fields:
        assert np.array_equal(getattr(together, name), sum(getattr(one, name) for one in alone)), name


@given(machines())
@settings(max_examples=60, deadline=None)
def test_eie_bounds(machine):
    """Never faster than the busiest PE or the broadcast, never busier than 100 %."""
    spec, weights, inputs = machine
    counts = fast(spec, weights, inputs)
    assert counts.total_cycles >= max(counts.pe_entries.max(), counts.n_broadcasts)
    assert counts.n_entries == counts.pe_entries.sum() <= counts.total_cycles * spec.n_pes
    deeper = fast(spec._replace(queue_depth=spec.queue_depth + 3), weights, inputs)
    assert deeper.total_cycles <= counts.total_cycles


@given(machines(), st.sampled_from([0.1, 0.5, 0.9]), st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_denser_masks_never_take_fewer_cycles(machine, density, seed):
    """A superset of weights and activations: padding zeros give way to weights one for one, never two for one."""
    spec, weights, inputs = machine
    spec = spec._replace(empty_slice_cycles=min(1, spec.empty_slice_cycles))
    more_weights = weights | random_mask(weights.shape, density, seed=seed, tensor_key="more w")
    more_inputs = inputs | random_mask(inputs.shape, density, seed=seed, tensor_key="more x")
    before = fast(spec, weights, inputs)
    for after in (fast(spec, more_weights, inputs), fast(spec, weights, more_inputs)):
        assert after.total_cycles >= before.total_cycles
        assert after.n_entries >= before.n_entries


def test_density_one_is_the_dense_time():
    """Dense operands: one entry a cycle in every PE, plus the first broadcast and the pipeline."""
    spec = EieSpec(n_pes=8)
    counts = fast(spec, np.ones((64, 20), dtype=bool), np.ones(20, dtype=bool))
    assert counts.total_cycles == 20 * 64 // 8 + 1 + (spec.pipeline_stages - 1)
    assert counts.pe_padding.sum() == 0


@given(st.lists(st.integers(0, 20), min_size=1, max_size=25), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_balanced_order_equals_twin(row_work, n_pes):
    order = balanced_row_order(np.array(row_work), n_pes)
    assert order.tolist() == naive_eie.balanced_row_order(row_work, n_pes)
    assert sorted(order.tolist()) == list(range(len(row_work)))


def test_balance_helps_uneven_rows():
    """Rows of log-normal density: dealing them by work shortens the layer."""
    mask = random_bits((1024, 512), 0.1, "lognormal", seed=4, sigma=1.0)
    columns = np.arange(512)
    uneven = eie_matvec(mask.transposed().words, columns, EieSpec())
    order = balanced_row_order(mask.row_nnz(), 64)
    even = eie_matvec(BitMask.of(mask.to_bool()[order]).transposed().words, columns, EieSpec())
    assert even.n_effectual_macs == uneven.n_effectual_macs
    assert even.pe_entries.max() - even.pe_entries.min() < (uneven.pe_entries.max() - uneven.pe_entries.min()) / 2
    assert even.total_cycles < uneven.total_cycles
