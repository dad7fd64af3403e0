"""Eyeriss v2's array: fast path, slow twin and stepped array agree; psums are numpy's; denser is not faster."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accel_sim.compression.patterns import random_mask
from accel_sim.kernels.sparse.eyeriss_v2_array import array_work, column_counts, longest_weights
from accel_sim.kernels.sparse.eyeriss_v2_types import IACTS, WEIGHTS, Grid, Ports, Slide, Spread
from accel_sim.kernels.stepped.eyeriss_v2_array import array_stepped
from tests.reference import naive_eyeriss_v2_array

Mask = NDArray[np.bool_]
I64 = NDArray[np.int64]
Case = tuple[Mask, Mask, Slide, Spread, Grid, Ports]

DENSITIES = st.sampled_from([0.0, 0.3, 0.7, 1.0])
GRIDS = [Grid(2, 1, 2, 2, 2), Grid(1, 2, 3, 1, 1), Grid(2, 2, 1, 2, 2)]


@st.composite
def tiles(draw: st.DrawFn) -> Case:
    """A tile, how it is laid on a small grid, and the ports of its mesh."""
    n, groups, c, k = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 5))
    r, s = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    stride_h, stride_w = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    top, pad_w = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    p = max(1, (height + 2 * top - r) // stride_h + 1)
    q = max(1, (width + 2 * pad_w - s) // stride_w + 1)
    seed = draw(st.integers(0, 99))
    ifmap = random_mask((n, groups * c, height, width), draw(DENSITIES), seed=seed, tensor_key="i")
    filters = random_mask((groups * k, c, r, s), draw(DENSITIES), seed=seed, tensor_key="f")
    grid = draw(st.sampled_from(GRIDS))
    rows, columns = grid.cluster_rows * grid.pe_rows, grid.cluster_cols * grid.pe_cols
    set_height = draw(st.integers(1, rows))
    n_sets = rows // set_height * columns
    strips = draw(st.integers(1, n_sets))
    side = draw(st.integers(1, n_sets // strips))
    spread = Spread(
        draw(st.integers(1, c)), draw(st.integers(1, k)), set_height, strips, side, n_sets // strips // side
    )
    port = st.sampled_from([0, 24])
    ports = Ports(3 * draw(port), draw(port), draw(st.sampled_from([0, 40])), 12, 4, 24, 2, 7, 20)
    return ifmap, filters, Slide(p, q, stride_h, stride_w, top, pad_w), spread, grid, ports


def counter(counts: I64) -> dict[int, int]:
    return {receivers: int(value) for receivers, value in enumerate(counts) if value}


@given(tiles())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_fast_equals_twin_and_stepped(case: Case) -> None:
    ifmap, filters, slide, spread, grid, ports = case
    work = array_work(*case)
    naive = naive_eyeriss_v2_array.array(*case)
    for name, value in naive.items():
        if name != "sent":
            assert np.array_equal(getattr(work, name), value), name
    for kind, name in ((IACTS, "iacts"), (WEIGHTS, "weights")):
        for ours, theirs in zip((work.sent_words[kind], work.sent_bits[kind]), naive["sent"][name], strict=True):
            assert counter(ours) == {key: value for key, value in theirs.items() if value}

    x = ifmap * (2 * np.arange(ifmap.size).reshape(ifmap.shape) - 7)
    w = filters * (2 * np.arange(filters.size).reshape(filters.shape) - 21)
    run = array_stepped(x, w, slide, spread, grid, ports)
    assert np.array_equal(run.outputs, convolution(x, w, slide))
    assert run.total_cycles == work.total_cycles
    assert (run.n_macs, run.n_activations) == (work.n_macs, work.n_activations)
    assert (run.psums_down, run.psums_up) == (work.psum_reads, work.psum_writes)
    assert np.array_equal(run.mac_cycles, work.mac_cycles)
    assert np.array_equal(run.iacts.T, [work.sent_words[IACTS], work.sent_bits[IACTS]])
    assert np.array_equal(run.weights.T, [work.sent_words[WEIGHTS], work.sent_bits[WEIGHTS]])
    assert run.psums_up - run.psums_down == run.outputs.size
    assert work.limit_cycles.sum() == work.total_cycles
    assert (work.mac_cycles + work.bubble_cycles).max() <= work.total_cycles


def convolution(x: I64, w: I64, slide: Slide) -> I64:
    n_images, n_channels = x.shape[:2]
    channels, r, s = w.shape[1:]
    groups = n_channels // channels
    bottom = max(0, (slide.p - 1) * slide.stride_h + r - slide.top - x.shape[2])
    right = max(0, (slide.q - 1) * slide.stride_w + s - slide.pad_w - x.shape[3])
    padded = np.pad(x, ((0, 0), (0, 0), (slide.top, bottom), (slide.pad_w, right)))
    out = np.zeros((n_images, len(w), slide.p, slide.q), dtype=np.int64)
    for k in range(len(w)):
        g = k // (len(w) // groups)
        for p in range(slide.p):
            for q in range(slide.q):
                y, column = p * slide.stride_h, q * slide.stride_w
                window = padded[:, g * channels : (g + 1) * channels, y : y + r, column : column + s]
                out[:, k, p, q] = (window * w[k]).sum(axis=(1, 2, 3))
    return out


@given(tiles(), st.integers(0, 99))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_denser_masks_never_take_fewer_cycles_under_the_same_mapping(case: Case, seed: int) -> None:
    ifmap, filters, slide, spread, grid, ports = case
    before = array_work(*case)
    for more_i, more_f in ((0.5, 0.0), (0.0, 0.5)):
        denser = (
            ifmap | random_mask(ifmap.shape, more_i, seed=seed, tensor_key="more i"),
            filters | random_mask(filters.shape, more_f, seed=seed, tensor_key="more f"),
        )
        assert array_work(*denser, slide, spread, grid, ports).total_cycles >= before.total_cycles


def test_words_of_a_pe_are_counted_column_by_column() -> None:
    filters = np.zeros((5, 2, 1, 2), dtype=bool)
    filters[:3, 0, 0, 0] = True  # three weights in a column: two words
    filters[4, 1, 0, 1] = True
    counts = column_counts(filters, 1, 4)
    assert counts.shape == (1, 2, 2, 1, 2)
    assert longest_weights(counts, 2, 2) == 2
    assert longest_weights(column_counts(filters, 1, 5), 2, 2) == 3
