"""Eyeriss v2 PE: fast path, slow twin and stepped PE agree; psums are numpy's; what must hold for all masks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.compression.patterns import random_mask
from accel_sim.kernels.sparse.eyeriss_v2 import RowShape, layer_work, row_work
from accel_sim.kernels.stepped.eyeriss_v2 import pe_stepped
from tests.reference import naive_eyeriss_v2


@st.composite
def rows(draw):
    """A row of activations, a filter row and how it slides."""
    c0, s, width = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 9))
    stride, pad = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    n_outputs = max(0, (width + 2 * pad - s) // stride + 1)
    density, seed = st.sampled_from([0.0, 0.2, 0.6, 1.0]), draw(st.integers(0, 99))
    row = random_mask((c0, width), draw(density), seed=seed, tensor_key="i")
    weights = random_mask((draw(st.integers(1, 6)), c0, s), draw(density), seed=seed, tensor_key="w")
    return row, weights, RowShape(n_outputs, stride, pad), draw(st.integers(1, 3))


@given(rows())
@settings(max_examples=200, deadline=None)
def test_fast_equals_twin_and_stepped(case):
    row, weights, shape, macs = case
    counts = weights.sum(axis=0)
    work = row_work(row, counts, shape, macs)
    stream = naive_eyeriss_v2.word_stream(row.tolist(), counts.tolist(), *shape, macs)
    assert (work.total_cycles, work.mac_cycles, work.bubble_cycles) == naive_eyeriss_v2.run(stream)
    segments = naive_eyeriss_v2.segments(row.tolist(), weights.shape[2], *shape)
    assert work.n_activations == sum(map(len, segments))
    assert len(stream) == work.n_activations + segments.count([])

    values = row * (2 * np.arange(row.size).reshape(row.shape) - 7)
    w = weights * (2 * np.arange(weights.size).reshape(weights.shape) - 21)
    run = pe_stepped(values, w, shape, macs)
    padded = np.pad(values, ((0, 0), (shape.pad, shape.pad)))
    expected = np.zeros((weights.shape[0], shape.n_outputs), dtype=np.int64)
    for x in range(shape.n_outputs):
        window = padded[:, x * shape.stride : x * shape.stride + weights.shape[2]]
        expected[:, x] = np.einsum("mcs,cs->m", w, window)
    assert np.array_equal(run.psums, expected)
    assert run.total_cycles == work.total_cycles
    assert run.mac_cycles == work.mac_cycles
    assert run.n_activations == work.n_activations
    assert run.n_macs == work.n_macs


@given(rows(), st.sampled_from([0.1, 0.6]), st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_denser_masks_never_take_fewer_cycles(case, density, seed):
    row, weights, shape, macs = case
    denser_row = row | random_mask(row.shape, density, seed=seed, tensor_key="more i")
    denser_weights = weights | random_mask(weights.shape, density, seed=seed, tensor_key="more w")
    before = row_work(row, weights.sum(axis=0), shape, macs)
    for after in (
        row_work(denser_row, weights.sum(axis=0), shape, macs),
        row_work(row, denser_weights.sum(axis=0), shape, macs),
    ):
        assert after.total_cycles >= before.total_cycles
    assert before.n_macs <= before.mac_cycles * macs


@given(st.integers(1, 5), st.integers(1, 7), st.integers(1, 2), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_layer_is_its_rows(c0, m0, macs, seed):
    """The table of a layer holds the work of each row, and its MACs are those of the masks."""
    ifmap = random_mask((5, 4, 6), 0.5, seed=seed, tensor_key="i")
    filters = random_mask((7, 5, 3, 2), 0.4, seed=seed, tensor_key="f")
    shape = RowShape(5, 1, 0)
    work = layer_work(ifmap, filters, shape, c0, m0, macs)
    total = 0
    for mg in range(-(-7 // m0)):
        for cg in range(-(-5 // c0)):
            part = slice(cg * c0, (cg + 1) * c0)
            for r in range(3):
                counts = filters[mg * m0 : (mg + 1) * m0, part, r].sum(axis=0)
                for y in range(4):
                    one = row_work(ifmap[part, y], counts, shape, macs)
                    assert work.total_cycles[mg, cg, r, y] == one.total_cycles
                    assert work.mac_cycles[mg, cg, r, y] == one.mac_cycles
                    total += one.n_macs
    assert work.n_macs == total
    assert work.longest_weights <= min(7, m0) * min(5, c0) * 2


def test_density_one_is_the_dense_time():
    """Every activation takes its column's words; the pipeline fills once."""
    work = row_work(np.ones((4, 10), bool), np.full((4, 3), 32), RowShape(8, 1, 0), 2)
    assert work.mac_cycles == 8 * 3 * 4 * 16
    assert work.total_cycles == work.mac_cycles + 6
    assert work.bubble_cycles == 0


def test_one_channel_at_stride_one_leaves_nothing_to_skip():
    """As the paper says of depthwise layers: a zero activation is a segment of its own, whose address is read."""
    weights, some = np.ones((1, 3), dtype=int), np.array([[1, 0, 0, 1, 0, 1, 1, 0, 0, 1]], bool)
    dense = row_work(np.ones((1, 10), bool), weights, RowShape(8, 1, 0), 2)
    sparse = row_work(some, weights, RowShape(8, 1, 0), 2)
    assert (dense.mac_cycles, dense.bubble_cycles) == (24, 0)
    assert (sparse.mac_cycles, sparse.bubble_cycles) == (11, 13)
    assert sparse.total_cycles == dense.total_cycles
    # At stride 2 a segment has two columns, and one zero of two is skipped.
    assert row_work(np.array([[1, 0] * 5], bool), weights, RowShape(4, 2, 0), 2).bubble_cycles == 0


def test_odd_counts_waste_a_slot_and_empty_columns_only_a_bubble():
    shape = RowShape(1, 1, 0)
    ones = np.ones((5, 1), bool)
    assert row_work(ones, np.array([[3], [3], [3], [3], [3]]), shape, 2).mac_cycles == 10
    hidden = row_work(ones, np.array([[8], [0], [0], [0], [2]]), shape, 2)
    assert (hidden.mac_cycles, hidden.bubble_cycles) == (5, 0)
    seen = row_work(ones, np.array([[2], [0], [0], [0], [2]]), shape, 2)
    assert (seen.mac_cycles, seen.bubble_cycles) == (2, 3)
