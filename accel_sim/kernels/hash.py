"""The counter-based hash behind every random mask: splitmix64 of (stream, index), no state.

Element ``i`` of a tensor hashes to the same 64 bits whatever tile, chunk or process asks for it, so a mask does
not depend on how it was cut. The constants are those of splitmix64 (Steele, Lea and Flood, OOPSLA 2014).

All arithmetic is modulo 2**64 on purpose. Without the JIT, numpy scalars warn where they wrap: callers hold
``np.errstate(over="ignore")``. Hashes that come back to Python are plain ints: hand them on as ``np.uint64``, for numba
types a small Python int as int64, and int64 + uint64 as float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit


@njit
def mix64(z: np.uint64) -> np.uint64:
    """Return splitmix64's finalizer of ``z`` (uint64), a bijection that spreads each input bit over all output bits."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit
def stream_of(seed: np.uint64, tensor_key: np.uint64) -> np.uint64:
    """Return the hash stream (uint64) of one tensor under one seed."""
    return mix64(mix64(seed + np.uint64(0x9E3779B97F4A7C15)) ^ tensor_key)


@njit
def hash_at(stream: np.uint64, index: np.uint64) -> np.uint64:
    """Return the 64 random bits of element ``index`` (uint64) of a stream: the ``index``-th output of splitmix64."""
    return mix64(stream + (index + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))


@njit
def hash_range(stream: np.uint64, first_index: int, n_values: int) -> NDArray[np.uint64]:
    """Return uint64[n_values]: the hashes of ``n_values`` consecutive elements."""
    out = np.empty(n_values, dtype=np.uint64)
    for i in range(n_values):
        out[i] = hash_at(stream, np.uint64(first_index + i))
    return out


@njit
def threshold_words(
    stream: np.uint64, first_row: int, row_bits: int, thresholds: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """Draw rows of bits, each set where its hash lies under the threshold of its row.

    Parameters
    ----------
    stream
        uint64; see :func:`stream_of`.
    first_row, row_bits
        The first row to draw and the bits in a row; element (r, c) has index ``r * row_bits + c``.
    thresholds
        uint64[n_rows], 0 .. 2**53: a bit is set with probability ``threshold / 2**53``, and a larger threshold
        keeps every bit that a smaller one sets.

    Returns
    -------
    uint64[n_rows, ceil(row_bits / 64)], bit ``b`` of word ``w`` is column ``64 * w + b``; bits past the row are 0.
    """
    n_rows = thresholds.shape[0]
    n_words = (row_bits + 63) // 64
    words = np.zeros((n_rows, n_words), dtype=np.uint64)
    for row in range(n_rows):
        base = (first_row + row) * row_bits
        threshold = thresholds[row]
        for word in range(n_words):
            bits = np.uint64(0)
            for bit in range(min(64, row_bits - 64 * word)):
                value = hash_at(stream, np.uint64(base + 64 * word + bit)) >> np.uint64(11)
                if value < threshold:
                    bits |= np.uint64(1) << np.uint64(bit)
            words[row, word] = bits
    return words


@njit
def smallest_n_of_m(hashes: NDArray[np.uint64], n_kept: int, m_group: int) -> NDArray[np.bool_]:
    """Keep, in every group of ``m_group`` consecutive columns, the ``n_kept`` elements of smallest hash.

    Parameters
    ----------
    hashes
        uint64[n_rows, n_cols]; a last group may be shorter.
    n_kept, m_group
        N and M of N:M. A larger N keeps every element that a smaller one keeps. Ties go to the lower column.

    Returns
    -------
    bool[n_rows, n_cols]
    """
    n_rows, n_cols = hashes.shape
    keep = np.zeros((n_rows, n_cols), dtype=np.bool_)
    for row in range(n_rows):
        for start in range(0, n_cols, m_group):
            stop = min(start + m_group, n_cols)
            for col in range(start, stop):
                n_smaller = 0
                for other in range(start, stop):
                    if hashes[row, other] < hashes[row, col] or (
                        hashes[row, other] == hashes[row, col] and other < col
                    ):
                        n_smaller += 1
                keep[row, col] = n_smaller < n_kept
    return keep
