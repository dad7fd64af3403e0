"""Cambricon-X and Cnvlutin: fast path, slow twin and stepped array agree; what must hold for all masks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.patterns import random_mask
from accel_sim.kernels.sparse.cambricon_x import CambriconXSpec, cambricon_x_layer
from accel_sim.kernels.sparse.cnvlutin import CnvlutinShape, CnvlutinSpec, cnvlutin_layer
from accel_sim.kernels.stepped.cambricon_x import cambricon_x_stepped
from accel_sim.kernels.stepped.cnvlutin import cnvlutin_stepped
from tests.reference import naive_lanes

DENSITY = st.sampled_from([0.0, 0.05, 0.4, 1.0])


@st.composite
def dense_layers(draw):
    """A small Cambricon-X, the mask of the weights, and windows."""
    spec = CambriconXSpec(
        n_pes=draw(st.integers(1, 4)),
        multipliers=draw(st.sampled_from([1, 4, 16])),
        segment=draw(st.sampled_from([64, 128])),
        segments_per_barrier=draw(st.integers(0, 3)),
        empty_segment_cycles=draw(st.integers(0, 1)),
    )
    seed = draw(st.integers(0, 99))
    n_outputs, n_places, n_windows = draw(st.integers(1, 7)), draw(st.integers(1, 300)), draw(st.integers(1, 3))
    weights = random_mask((n_outputs, n_places), draw(DENSITY), seed=seed, tensor_key="w")
    windows = random_mask((n_places, n_windows), draw(DENSITY), seed=seed, tensor_key="i")
    return weights, windows, spec


def cambricon_x(weights, windows, spec):
    return cambricon_x_layer(
        BitMask.of(weights).words, windows.sum(axis=1), weights.sum(axis=0), windows.shape[1], spec
    )


@given(dense_layers())
@settings(max_examples=100, deadline=None)
def test_cambricon_x_fast_equals_twin_and_stepped(layer):
    weights, windows, spec = layer
    counts = cambricon_x(weights, windows, spec)
    for name, value in naive_lanes.cambricon_x(weights, windows.shape[1], spec).items():
        assert np.array_equal(getattr(counts, name), value), name
    w = weights * (2 * np.arange(weights.size).reshape(weights.shape) - 99)
    x = windows * (2 * np.arange(windows.size).reshape(windows.shape) + 1)
    run = cambricon_x_stepped(w, x, spec)
    assert np.array_equal(run.outputs, w @ x)
    assert run.n_segments_taken == spec.n_pes * counts.n_segment_reads
    for name in counts._fields:
        assert np.array_equal(getattr(run, name), getattr(counts, name)), name
    assert counts.n_effectual_macs == (weights.astype(int) @ windows.astype(int)).sum()


@given(dense_layers(), st.sampled_from([0.05, 0.5]), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_cambricon_x_bounds(layer, density, seed):
    """Denser weights never take fewer cycles; neurons do not matter; lanes are never over-full."""
    weights, windows, spec = layer
    counts = cambricon_x(weights, windows, spec)
    denser = cambricon_x(weights | random_mask(weights.shape, density, seed=seed), windows, spec)
    assert denser.total_cycles >= counts.total_cycles
    assert cambricon_x(weights, ~windows, spec).total_cycles == counts.total_cycles
    assert counts.n_macs <= counts.pe_busy_cycles.sum() * spec.multipliers
    books = counts.pe_busy_cycles + counts.pe_empty_cycles + counts.pe_wait_cycles
    assert (books == counts.total_cycles).all()


def test_cambricon_x_dense_time_and_gain():
    """Density 1 is the dense time; the gain is at most a segment over the multipliers."""
    dense = cambricon_x(np.ones((32, 1024), bool), np.ones((1024, 5), bool), CambriconXSpec())
    assert dense.total_cycles == 5 * 2 * 1024 // 16
    nothing = cambricon_x(np.zeros((32, 1024), bool), np.ones((1024, 5), bool), CambriconXSpec())
    assert dense.total_cycles == 16 * nothing.total_cycles


@st.composite
def conv_layers(draw):
    """A small Cnvlutin, the mask of an ifmap, and filters."""
    spec = CnvlutinSpec(
        n_lanes=draw(st.integers(1, 4)),
        brick=draw(st.sampled_from([1, 2, 4])),
        n_tiles=draw(st.integers(1, 2)),
        filters=draw(st.integers(1, 3)),
        empty_brick_cycles=draw(st.integers(0, 2)),
        encoded=draw(st.booleans()),
    )
    r, s = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    stride, pad = draw(st.integers(1, 2)), draw(st.integers(0, 2))
    height, width, seed = draw(st.integers(r, 5)), draw(st.integers(s, 5)), draw(st.integers(0, 99))
    n_filters = draw(st.integers(1, 8))
    shape = CnvlutinShape(
        (height + 2 * pad - r) // stride + 1, (width + 2 * pad - s) // stride + 1, r, s, stride, pad, n_filters
    )
    ifmap = random_mask((draw(st.integers(1, 12)), height, width), draw(DENSITY), seed=seed)
    return ifmap, shape, spec


@given(conv_layers())
@settings(max_examples=100, deadline=None)
def test_cnvlutin_fast_equals_twin_and_stepped(layer):
    ifmap, shape, spec = layer
    counts = cnvlutin_layer(ifmap, shape, spec)
    for name, value in naive_lanes.cnvlutin(ifmap, shape, spec).items():
        assert np.array_equal(getattr(counts, name), value), name
    values = ifmap * (2 * np.arange(ifmap.size).reshape(ifmap.shape) - 15)
    filters = np.arange(shape.n_filters * ifmap.shape[0] * shape.r * shape.s) % 23 - 11
    filters = filters.reshape(shape.n_filters, ifmap.shape[0], shape.r, shape.s)
    run = cnvlutin_stepped(values, filters, shape, spec)
    padded = np.pad(values, ((0, 0), (shape.pad, shape.pad), (shape.pad, shape.pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (shape.r, shape.s), axis=(1, 2))
    windows = windows[:, :: shape.stride, :: shape.stride][:, : shape.p, : shape.q]
    assert np.array_equal(run.outputs, np.einsum("cpqrs,kcrs->kpq", windows, filters))
    assert run.window_ends[-1] == run.total_cycles
    for name in counts._fields:
        assert np.array_equal(getattr(run, name), getattr(counts, name)), name


@given(conv_layers(), st.sampled_from([0.1, 0.5]), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_cnvlutin_bounds(layer, density, seed):
    ifmap, shape, spec = layer
    spec = spec._replace(empty_brick_cycles=min(1, spec.empty_brick_cycles))
    counts = cnvlutin_layer(ifmap, shape, spec)
    denser = cnvlutin_layer(ifmap | random_mask(ifmap.shape, density, seed=seed, tensor_key="more"), shape, spec)
    assert denser.total_cycles >= counts.total_cycles
    books = counts.lane_busy_cycles + counts.lane_empty_cycles + counts.lane_wait_cycles
    assert (books == counts.total_cycles - spec.pipeline_cycles).all()
    dense = cnvlutin_layer(ifmap, shape, spec._replace(encoded=False))
    assert dense.total_cycles >= counts.total_cycles


def test_cnvlutin_dense_time_is_that_of_the_machine_without_skipping():
    """DaDianNao in bricks: a cycle for 16 channels, each tap, each 256 filters and pixel; the pipeline once."""
    shape = CnvlutinShape(6, 6, 3, 3, 1, 0, 512)
    counts = cnvlutin_layer(np.ones((256, 8, 8), bool), shape, CnvlutinSpec())
    assert counts.total_cycles == 6 * 6 * 3 * 3 * (256 // 16) * 2 + 8
    assert counts.lane_wait_cycles.sum() == 0


def test_cnvlutin_gain_on_half_empty_maps():
    """The published mean gain is 1.37 at 44 % zeros; random zeros of that share give about as much."""
    shape = CnvlutinShape(13, 13, 3, 3, 1, 1, 384)
    dense = cnvlutin_layer(np.ones((384, 13, 13), bool), shape, CnvlutinSpec())
    sparse = cnvlutin_layer(random_mask((384, 13, 13), 0.56), shape, CnvlutinSpec())
    assert 1.3 < dense.total_cycles / sparse.total_cycles < 1 / 0.56
