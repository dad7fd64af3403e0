"""Storage formats: round trips, sizes from masks equal to what is written, known words, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.formats import FORMATS, make_format
from accel_sim.compression.formats.huffman import canonical_codes, code_lengths
from accel_sim.compression.formats.runs import split_runs
from accel_sim.compression.patterns import random_bits, random_mask
from accel_sim.errors import InputError
from accel_sim.kernels.huffman import decode_canonical
from accel_sim.kernels.runs import interleaved_entries, padding_entries
from tests.reference import naive_formats

# Every format with the widths of the machines that use it; all take 4-bit values.
VARIANTS = [
    ("dense", {"value_bits": 5}),
    ("bitmap", {"value_bits": 5}),
    ("run_length", {}),
    ("run_length", {"value_bits": 8, "run_bits": 2, "restart_rows": True}),
    ("csc_relative", {"n_parts": 4, "value_bits": 5, "run_bits": 2}),
    ("csc_relative", {"n_parts": 1, "value_bits": 8, "segments": "rows"}),
    ("csr", {"value_bits": 5}),
    ("huffman", {"value_bits": 4, "run_bits": 3}),
]


def tensor(shape, density, seed, signed):
    """A seeded tensor of codes 1..15 (or -8..7 without 0) under a random mask."""
    mask = random_mask(shape, density, seed=seed)
    codes = 1 + np.arange(mask.size).reshape(shape) * 7 % 15
    if signed:
        codes = np.where(codes > 8, 8 - codes, codes - 1 + (codes == 1))
    return (codes * mask).astype(np.int16 if signed else np.uint8)


@given(
    st.sampled_from(VARIANTS),
    st.lists(st.integers(1, 7), min_size=1, max_size=4),
    st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    st.integers(0, 50),
)
@settings(max_examples=250, deadline=None)
def test_round_trip_and_size(variant, shape, density, seed):
    """decode(encode(x)) is x, and the size read off the mask is the size written."""
    name, keys = variant
    fmt = make_format(name, **keys)
    values = tensor(tuple(shape), density, seed, signed=name != "huffman")
    encoded = fmt.encode(values)
    decoded = fmt.decode(encoded)
    assert decoded.dtype == values.dtype
    assert np.array_equal(decoded, values)
    assert fmt.size(values) == encoded.size
    if not fmt.needs_values:
        assert fmt.size(BitMask.of(values)) == encoded.size
    written = sum(stream.size for stream in encoded.streams.values())
    codebook = (1 << 4) * 32 if name == "huffman" else 0
    assert written - len(encoded.streams) < (encoded.size.total_bits - codebook) / 8 <= written
    assert encoded.size.n_stored - encoded.size.n_padding == np.count_nonzero(values) or name == "dense"


@given(st.integers(1, 3), st.integers(1, 19), st.sampled_from([(1, 4), (2, 4), (4, 8), (3, 3)]), st.integers(0, 50))
@settings(max_examples=60, deadline=None)
def test_n_of_m_round_trip(rows, columns, n_of_m, seed):
    n, m = n_of_m
    for axis in (0, 1):
        shape = (rows, columns) if axis else (columns, rows)
        values = tensor(shape, 1.0, seed, signed=True)
        values = values * random_mask(shape, n / m, "n_of_m", seed, n=n, m=m, axis=axis)
        fmt = make_format("n_of_m", value_bits=8, n=n, m=m, axis=axis)
        encoded = fmt.encode(values)
        assert np.array_equal(fmt.decode(encoded), values)
        assert fmt.size(BitMask.of(values)) == encoded.size
        assert encoded.size.n_stored == rows * -(-columns // m) * n


@given(
    st.integers(1, 4),
    st.integers(1, 150),
    st.sampled_from([1, 3, 15]),
    st.booleans(),
    st.integers(1, 5),
    st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_run_kernels_equal_twins(rows, columns, max_run, restart, n_parts, seed):
    mask = random_mask((rows, columns), 0.1, seed=seed)
    words = BitMask.of(mask).words
    as_lists = mask.astype(int).tolist()
    assert padding_entries(words, columns, max_run, restart).tolist() == naive_formats.padding_entries(
        as_lists, max_run, restart
    )
    nnz, padding = interleaved_entries(words, n_parts, max_run)
    assert (nnz.tolist(), padding.tolist()) == naive_formats.interleaved_entries(as_lists, n_parts, max_run)
    runs, values = split_runs(mask[0].astype(int), max_run)
    assert list(zip(runs.tolist(), values.tolist(), strict=True)) == naive_formats.entries(as_lists[0], max_run)


def test_eyeriss_word():
    """The example of Eyeriss (JSSC 2017, Fig. 8): 0 0 12, four zeros 53, two zeros 22 is one word, marked last."""
    ifmap = np.array([0, 0, 12, 0, 0, 0, 0, 53, 0, 0, 22], dtype=np.uint16)
    encoded = make_format("run_length").encode(ifmap)
    word = int.from_bytes(encoded.streams["words"].tobytes(), "little")
    assert word == 2 | 12 << 5 | 4 << 21 | 53 << 26 | 2 << 42 | 22 << 47 | 1 << 63
    assert encoded.size.total_bits == 64


def test_a_run_of_32_zeros_takes_a_padding_pair():
    fmt = make_format("run_length")
    for zeros, padding in ((31, 0), (32, 1), (63, 1), (64, 2)):
        values = np.array([0] * zeros + [7], dtype=np.uint16)
        assert fmt.size(values).n_padding == padding


def test_eie_example():
    """A column of one PE: 0 0 1 2, 18 zeros, 3 is stored as 1 2 0 3 with runs 2 0 15 2 (EIE, section III-B)."""
    column = np.array([0, 0, 1, 2, *[0] * 18, 3], dtype=np.uint8)[:, None]
    fmt = make_format("csc_relative", n_parts=1)
    encoded = fmt.encode(column)
    assert encoded.streams["entries"].tolist() == [1 | 2 << 4, 2, 0 | 15 << 4, 3 | 2 << 4]
    assert encoded.size.total_bits == 4 * 8 + 2 * 16


def test_sizes_by_hand():
    mask = random_bits((64, 100), 0.1, seed=2)
    nnz = mask.nnz
    assert make_format("dense").size(mask).total_bits == 6400 * 16
    assert make_format("bitmap").size(mask).total_bits == 6400 + nnz * 16
    assert make_format("csr").size(mask).total_bits == nnz * (16 + 7) + 65 * 32
    pairs = random_bits((64, 100), 0.5, "n_of_m")
    assert make_format("n_of_m").size(pairs).metadata_bits == 64 * 50 * 2
    assert make_format("n_of_m").size(pairs).data_bits == 64 * 50 * 16


def test_huffman_is_optimal_and_decodes():
    """Lengths of Huffman's own example; the canonical code is prefix free and decoded by a table of words."""
    counts = np.array([45, 13, 12, 16, 9, 5, 0])
    lengths = code_lengths(counts)
    assert int(counts @ lengths) == 224
    codes = canonical_codes(lengths)
    words = {format(int(c), f"0{int(n)}b"): s for s, (c, n) in enumerate(zip(codes, lengths, strict=True)) if n}
    symbols = [0, 5, 1, 0, 4, 2, 3, 3, 0]
    bits = [int(b) for s in symbols for b in next(w for w, x in words.items() if x == s)]
    assert naive_formats.huffman_decode(bits, words) == symbols
    assert decode_canonical(np.array(bits, dtype=np.uint8), len(symbols), lengths).tolist() == symbols
    assert code_lengths(np.array([0, 3])).tolist() == [0, 1]


@pytest.mark.parametrize(("name", "keys"), VARIANTS)
def test_every_format_but_dense_shrinks_with_density(name, keys):
    fmt = make_format(name, **keys)
    series = [fmt.size(tensor((64, 256), d, 1, signed=False)).total_bits for d in (0.5, 0.2, 0.05)]
    assert series == sorted(series, reverse=True)
    assert (series[0] == series[-1]) == (name == "dense")


@pytest.mark.parametrize(
    ("name", "keys", "values", "complaint"),
    [
        ("dense", {"value_bits": 4}, [[9]], "dense.value_bits: values 9..9 exceed 4 bits (-8..7)"),
        ("bitmap", {}, [[0.5]], "bitmap.values: found float64[1, 1]"),
        ("n_of_m", {}, [[1, 1, 1, 0]], "n_of_m.n: a group of 4 holds 3 non-zero values, the format keeps 2"),
        ("csr", {"index_bits": 1}, [[1, 1, 1]], "csr.index_bits: 3 columns need 2 bits, found 1"),
        ("csr", {"pointer_bits": 1}, [[1, 1, 1]], "csr.pointer_bits: 3 values need 2 bits"),
        ("csc_relative", {"pointer_bits": 1, "n_parts": 1}, [[1], [1]], "csc_relative.pointer_bits: a list of 2"),
        ("huffman", {}, [[-1]], "huffman.values: codebook indices 0..31 are needed"),
        ("huffman", {"length_bits": 1}, [[1, 2, 3, 4]], "huffman.length_bits: a code of 2 bits"),
    ],
)
def test_refusals_name_the_key(name, keys, values, complaint):
    with pytest.raises(InputError) as refusal:
        make_format(name, **keys).encode(np.array(values))
    assert complaint in str(refusal.value)


def test_other_refusals():
    with pytest.raises(InputError, match="did you mean 'bitmap'"):
        make_format("bitmpa")
    with pytest.raises(InputError, match="did you mean 'value_bits'"):
        make_format("dense", value_bit=3)
    with pytest.raises(InputError, match=r"n_of_m.n: found n = 5, m = 4"):
        make_format("n_of_m", n=5)
    with pytest.raises(InputError, match="do not fit"):
        make_format("run_length", word_bits=16)
    with pytest.raises(InputError, match="'columns' or 'rows'"):
        make_format("csc_relative", segments="diagonals")
    with pytest.raises(InputError, match="only a mask is given"):
        make_format("huffman").size(random_bits((4, 4), 0.5))
    encoded = make_format("dense").encode(np.array([1]))
    for name in FORMATS:
        if name != "dense":
            with pytest.raises(InputError, match="cannot decode a tensor in format 'dense'"):
                make_format(name).decode(encoded)
