"""SCNN: fast path, slow twin and stepped array agree; products are numpy's; what must hold for all masks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.compression.patterns import random_mask
from accel_sim.kernels.sparse.scnn import ConvShape, ScnnSpec, group_size, scnn_conv
from accel_sim.kernels.sparse.scnn_fc import scnn_fc
from accel_sim.kernels.stepped.scnn import scnn_stepped
from tests.reference import naive_scnn


@st.composite
def layers(draw):
    """A small array and a small layer with masks."""
    spec = ScnnSpec(
        pe_rows=draw(st.integers(1, 3)),
        pe_cols=draw(st.integers(1, 2)),
        i_vector=draw(st.integers(1, 4)),
        f_vector=draw(st.integers(1, 4)),
        n_banks=draw(st.sampled_from([1, 4, 32])),
        accumulator_entries=draw(st.sampled_from([8, 64, 1024])),
        bank_queue=draw(st.integers(0, 3)),
        barrier=draw(st.integers(0, 1)),
        halo_overlap=draw(st.booleans()),
        tile_padding=draw(st.booleans()),
    )
    r, s = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    stride, pad = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    height, width = draw(st.integers(r, 7)), draw(st.integers(s, 7))
    shape = ConvShape((height + 2 * pad - r) // stride + 1, (width + 2 * pad - s) // stride + 1, stride, pad)
    k, c, seed = draw(st.integers(1, 9)), draw(st.integers(1, 3)), draw(st.integers(0, 99))
    density = st.sampled_from([0.0, 0.2, 0.7, 1.0])
    ifmap = random_mask((c, height, width), draw(density), seed=seed, tensor_key="i")
    filters = random_mask((k, c, r, s), draw(density), seed=seed, tensor_key="f")
    return ifmap, filters, shape, spec


def convolve(ifmap, filters, shape):
    """The layer by numpy, from padded windows."""
    padded = np.pad(ifmap, ((0, 0), (shape.pad, shape.pad), (shape.pad, shape.pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, filters.shape[2:], axis=(1, 2))
    windows = windows[:, :: shape.stride, :: shape.stride]
    return np.einsum("cpqrs,kcrs->kpq", windows[:, : shape.p, : shape.q], filters)


@given(layers())
@settings(max_examples=120, deadline=None)
def test_fast_equals_twin_and_stepped(layer):
    ifmap, filters, shape, spec = layer
    counts = scnn_conv(ifmap, filters, shape, spec)
    for name, value in naive_scnn.conv(ifmap, filters, shape, spec).items():
        assert np.array_equal(getattr(counts, name), value), name

    values = ifmap * (np.arange(ifmap.size).reshape(ifmap.shape) * 2 - 31)
    weights = filters * (np.arange(filters.size).reshape(filters.shape) * 3 - 100)
    run = scnn_stepped(values, weights, shape, group_size(filters.shape[0], shape, spec), spec)
    assert np.array_equal(run.outputs, convolve(values, weights, shape))
    for name in run._fields[1:]:
        assert np.array_equal(getattr(run, name), getattr(counts, name)), name
    assert counts.n_products == convolve(ifmap.astype(int), filters.astype(int), shape).sum()


@given(layers())
@settings(max_examples=60, deadline=None)
def test_bounds_and_books(layer):
    """Books of PE-cycles and multiplier slots balance; more room never costs time."""
    ifmap, filters, shape, spec = layer
    counts = scnn_conv(ifmap, filters, shape, spec)
    n_pes = spec.pe_rows * spec.pe_cols
    assert counts.pe_cycles.sum() + counts.barrier_cycles == n_pes * counts.compute_cycles
    assert (counts.pe_cycles - counts.pe_conflict_cycles).sum() == counts.n_vector_pairs
    assert counts.n_products <= counts.n_vector_pairs * spec.i_vector * spec.f_vector
    assert counts.compute_cycles <= counts.total_cycles <= counts.compute_cycles + counts.halo_cycles
    apart = scnn_conv(ifmap, filters, shape, spec._replace(halo_overlap=False))
    assert apart.total_cycles == counts.compute_cycles + counts.halo_cycles
    strict = scnn_conv(ifmap, filters, shape, spec._replace(barrier=1, bank_queue=99))
    loose = scnn_conv(ifmap, filters, shape, spec._replace(barrier=0, bank_queue=99))
    assert loose.compute_cycles <= strict.compute_cycles


@given(layers(), st.sampled_from([0.1, 0.5]), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_denser_masks_never_issue_fewer_pairs(layer, density, seed):
    """Vector pairs follow the mask. Cycles follow them as long as no bank is contended (see the next test)."""
    ifmap, filters, shape, spec = layer
    denser_ifmap = ifmap | random_mask(ifmap.shape, density, seed=seed, tensor_key="more i")
    denser_filters = filters | random_mask(filters.shape, density, seed=seed, tensor_key="more f")
    before = scnn_conv(ifmap, filters, shape, spec)
    after = scnn_conv(denser_ifmap, denser_filters, shape, spec)
    assert after.n_vector_pairs >= before.n_vector_pairs
    if after.pe_conflict_cycles.sum() == before.pe_conflict_cycles.sum() == 0:
        assert after.compute_cycles >= before.compute_cycles


def test_a_denser_mask_can_be_faster_through_the_banks():
    """Documented exception: one more weight shifts all later weights to other vectors, where they may not collide."""
    shape, spec = ConvShape(1, 1, 1, 0), ScnnSpec(pe_rows=1, pe_cols=1, i_vector=1, f_vector=2, bank_queue=0)
    ifmap = np.ones((1, 1, 1), dtype=bool)
    filters = np.zeros((20, 1, 1, 1), dtype=bool)
    filters[[1, 9, 2, 10]] = True
    collide = filters.copy()
    collide[[1, 2, 9, 10]] = False
    collide[[1, 9, 10, 18]] = True
    fewer = scnn_conv(ifmap, collide, shape, spec)
    collide[0] = True
    more = scnn_conv(ifmap, collide, shape, spec)
    assert more.n_vector_pairs == fewer.n_vector_pairs + 1
    assert (fewer.compute_cycles, more.compute_cycles) == (4, 3)


def test_density_one_is_the_dense_time():
    """Full tiles, no conflicts: input vectors times weight vectors, and one exposed halo exchange."""
    spec = ScnnSpec()
    counts = scnn_conv(np.ones((3, 32, 32), bool), np.ones((8, 3, 3, 3), bool), ConvShape(32, 32, 1, 1), spec)
    assert counts.compute_cycles == 3 * (16 // 4) * (8 * 9 // 4)
    assert counts.total_cycles == counts.compute_cycles + 4 * 8
    assert counts.pe_conflict_cycles.sum() == 0


@given(st.integers(1, 3), st.integers(1, 12), st.integers(1, 14), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_fully_connected_equals_stepped_pes(n_pes, n_outputs, n_inputs, density, seed):
    """Each PE steps its own inputs; the psums of all PEs add up to numpy's product."""
    weights = random_mask((n_outputs, n_inputs), density, seed=seed, tensor_key="w")
    inputs = random_mask((n_inputs,), 0.6, seed=seed, tensor_key="x")
    spec = ScnnSpec(pe_rows=1, pe_cols=n_pes, accumulator_entries=5, bank_queue=seed % 3)
    counts = scnn_fc(inputs, weights, spec)
    values = weights * (np.arange(weights.size).reshape(weights.shape) * 2 - 15)
    x = inputs * (np.arange(n_inputs) + 3)
    alone, shape = spec._replace(pe_cols=1), ConvShape(1, 1, 1, 0)
    total = np.zeros(n_outputs, dtype=np.int64)
    cycles = []
    for pe in range(n_pes):
        own_x, own_w = x[pe::n_pes, None, None], values[:, pe::n_pes, None, None]
        if own_x.size:
            run = scnn_stepped(own_x, own_w, shape, group_size(n_outputs, shape, alone), alone)
            total += run.outputs[:, 0, 0]
            assert run.n_vector_pairs <= counts.n_vector_pairs
        cycles.append(run.total_cycles if own_x.size else 0)
    assert np.array_equal(total, values @ x)
    assert counts.pe_cycles.tolist() == cycles
    assert counts.total_cycles == max(cycles)
    assert counts.n_products == (weights & inputs).sum()
