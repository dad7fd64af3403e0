"""Seeded masks: known vectors, the slow twin, tiling, nesting, shares, and every refusal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.patterns import PATTERNS, random_bits, random_mask
from accel_sim.errors import WorkloadError
from accel_sim.kernels import bits, hash
from tests.reference import naive_hash

# Parameters with which each pattern can draw a (12, 8, 4) tensor at any density, and at quarters only.
ANY_DENSITY = {
    "bernoulli": {},
    "lognormal": {"sigma": 0.8},
    "block": {"block": (4, 2, 4)},
    "vector": {"length": 4, "axis": -1},
    "channel": {"axis": 0},
    "banded": {},
    "balanced": {"n_parts": 3},
}
QUARTERS = {"n_of_m": {"m": 4, "axis": 1}}


@pytest.fixture(autouse=True)
def _hash_wraps():
    with np.errstate(over="ignore"):
        yield


def test_first_outputs_are_those_of_splitmix64():
    """Stream 0 is Vigna's splitmix64 with seed 0."""
    outputs = [int(x) for x in hash.hash_range(np.uint64(0), 0, 3)]
    assert outputs == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**40))
@settings(max_examples=50, deadline=None)
def test_hash_equals_twin(seed, key, index):
    with np.errstate(over="ignore"):
        stream = hash.stream_of(np.uint64(seed), np.uint64(key))
        assert int(stream) == naive_hash.stream_of(seed, key)
        assert int(hash.hash_at(np.uint64(stream), np.uint64(index))) == naive_hash.hash_at(int(stream), index)


@pytest.mark.parametrize("row_bits", [1, 63, 64, 65, 130])
def test_threshold_words_equal_twin(row_bits):
    thresholds = [0, 1 << 51, 1 << 52, 1 << 53]
    words = hash.threshold_words(np.uint64(5), 2, row_bits, np.array(thresholds, dtype=np.uint64))
    expected = naive_hash.threshold_rows(5, 2, row_bits, thresholds)
    assert BitMask(shape=(4, row_bits), words=words).to_bool().tolist() == expected
    assert bits.row_counts(words).tolist() == naive_hash.row_counts(expected)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_smallest_n_of_m_equals_twin(n, m, n_cols):
    hashes = [naive_hash.hash_at(9, i) % 7 for i in range(n_cols)]
    kept = hash.smallest_n_of_m(np.array([hashes], dtype=np.uint64), n, m)
    assert kept[0].tolist() == naive_hash.smallest_n_of_m(hashes, n, m)


@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (65, 63), (3, 200), (200, 3)])
def test_transpose_and_set_columns(shape):
    mask = random_mask(shape, 0.4, seed=3)
    packed = BitMask.of(mask)
    assert packed.transposed().to_bool().tolist() == naive_hash.transpose(mask.tolist())
    assert bits.set_columns(packed.words, 0).tolist() == np.flatnonzero(mask[0]).tolist()
    assert packed.nnz == int(mask.sum())


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_packing_round_trip(shape, seed):
    mask = random_mask(tuple(shape), 0.5, seed=seed)
    assert np.array_equal(BitMask.of(mask).to_bool(), mask)
    assert BitMask.of(mask.astype(np.int16) * -3).nnz == int(mask.sum())


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_rows_drawn_alone_equal_the_whole(name):
    """Chunk independence: any cut of axis 0 gives the same mask."""
    params = {**ANY_DENSITY, **QUARTERS}[name]
    whole = random_mask((12, 8, 4), 0.25, name, 5, "conv1.filter", **params)
    parts = [
        random_bits((12, 8, 4), 0.25, name, 5, "conv1.filter", rows=rows, **params).to_bool()
        for rows in (range(5), range(5, 6), range(6, 12))
    ]
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_denser_mask_contains_the_sparser(name):
    params = {**ANY_DENSITY, **QUARTERS}[name]
    densities = [0, 0.25, 0.5, 0.75, 1] if name in QUARTERS else [0.0, 0.1, 0.33, 0.34, 0.8, 1.0]
    masks = [random_mask((12, 8, 4), d, name, 1, 2, **params) for d in densities]
    for sparser, denser in zip(masks, masks[1:], strict=False):
        assert not (sparser & ~denser).any()
    assert not masks[0].any()
    assert masks[-1].all()


@pytest.mark.parametrize("name", sorted(ANY_DENSITY))
@pytest.mark.parametrize("density", [0.1, 0.5, 0.9])
def test_density_is_met(name, density):
    """Within four standard deviations of the number of independent draws behind the mask."""
    params = {**ANY_DENSITY, "block": {"block": (2, 2, 2)}, "balanced": {"n_parts": 10}}[name]
    mask = random_mask((400, 16, 16), density, name, 11, "x", **params)
    draws = {"channel": 400, "block": 400 * 256 / 8, "vector": 400 * 256 / 4}.get(name, 400 * 256)
    assert abs(mask.mean() - density) < 4 * np.sqrt(density * (1 - density) / draws) + 1 / 256


def test_exact_shares():
    pairs = random_mask((6, 32), 0.5, "n_of_m", n=2, m=4)
    assert (pairs.reshape(6, 8, 4).sum(axis=2) == 2).all()
    parts = random_mask((64, 50), 0.1, "balanced", n_parts=16)
    assert {int(parts[p::16].sum()) for p in range(16)} == {20}
    band = random_mask((10, 40), 0.25, "banded")
    assert (band.sum(axis=1) == 10).all()


def test_lognormal_spreads_rows():
    counts = random_bits((500, 1000), 0.1, "lognormal", sigma=0.8).row_nnz()
    even = random_bits((500, 1000), 0.1).row_nnz()
    assert counts.std() > 5 * even.std()


def test_seeds_and_tensors_differ_and_repeat():
    first = random_mask((64, 64), 0.5, seed=1, tensor_key="a")
    assert np.array_equal(first, random_mask((64, 64), 0.5, seed=1, tensor_key="a"))
    assert not np.array_equal(first, random_mask((64, 64), 0.5, seed=2, tensor_key="a"))
    assert not np.array_equal(first, random_mask((64, 64), 0.5, seed=1, tensor_key="b"))
    assert random_bits((64, 64), 0.5, seed=-1).nnz == random_bits((64, 64), 0.5, seed=2**64 - 1).nnz


def test_golden_mask_never_moves():
    """The same bits on every machine and version; a change here changes every result drawn from a density."""
    assert random_bits((2, 70), 0.5, "bernoulli", 42, "conv1.filter").words.tolist() == [
        [8261398911544017067, 0],
        [7840077602932795937, 11],
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"density": 1.5}, "density: found 1.5; a density lies in 0..1"),
        ({"density": float("nan")}, "density: found nan"),
        ({"density": 0.5, "pattern": "bernouli"}, "did you mean 'bernoulli'?"),
        ({"density": 0.5, "pattern": "n_of_m", "n": 5, "m": 4}, "pattern.n: found n = 5, m = 4"),
        ({"density": 0.4, "pattern": "n_of_m", "m": 4}, "density: found 0.4; pattern.n / pattern.m is 2/4"),
        ({"density": 0.5, "pattern": "block", "block": (2,)}, "pattern.block: found [2]; one size for each axis"),
        ({"density": 0.5, "pattern": "vector", "lenght": 4}, "did you mean 'length'?"),
        ({"density": 0.5, "pattern": "balanced", "n_parts": 99}, "pattern.n_parts: found 99 parts"),
        ({"density": 0.5, "pattern": "n_of_m", "axis": 3}, "pattern.axis: found 3"),
        ({"density": 0.5, "pattern": "n_of_m", "axis": 0, "rows": range(1)}, "all rows"),
    ],
)
def test_refusals_name_the_key(arguments, complaint):
    with pytest.raises(WorkloadError) as refusal:
        random_bits((8, 8), **arguments)
    assert complaint in str(refusal.value)


def test_a_mask_of_the_wrong_shape_is_refused():
    with pytest.raises(WorkloadError, match="held in uint64"):
        BitMask(shape=(2, 65), words=np.zeros((2, 1), dtype=np.uint64))
    with pytest.raises(WorkloadError, match="only a matrix"):
        random_bits((2, 3, 4), 0.5).transposed()
    with pytest.raises(WorkloadError, match="one or more elements"):
        BitMask.of(np.zeros((0, 3)))


def test_places_are_counted_over_any_rows() -> None:
    mask = random_mask((50, 3, 700), 0.3, seed=3, tensor_key="t")
    bits = BitMask.of(mask)
    for first, n_rows in ((0, 50), (7, 20), (49, 1), (5, 0)):
        expected = mask[first : first + n_rows].sum(axis=0).ravel()
        assert np.array_equal(bits.column_nnz(first, n_rows), expected)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("accel_sim.compression.bitmask._MOST_UNPACKED", 1)
        assert np.array_equal(bits.column_nnz(3, 40), mask[3:43].sum(axis=0).ravel())
