"""Bit arithmetic on masks that are packed into rows of 64-bit words.

A packed mask is uint64[n_rows, n_words]: bit ``b`` of word ``w`` is column ``64 * w + b``, bits past the row's end
are zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import inline_njit, njit


@inline_njit
def popcount(word: np.uint64) -> np.int64:
    """Return the number of set bits of a uint64.

    Sums bit pairs, nibbles and bytes without a multiply, so that it cannot overflow when run without the JIT.
    """
    x = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    x = x + (x >> np.uint64(8))
    x = x + (x >> np.uint64(16))
    x = x + (x >> np.uint64(32))
    return np.int64(x & np.uint64(0x7F))


@inline_njit
def lowest_bit(word: np.uint64) -> np.int64:
    """Return the position of the lowest set bit of a non-zero uint64."""
    return popcount((word - np.uint64(1)) & ~word)


@njit
def row_counts(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return int64[n_rows]: the set bits of each row of uint64[n_rows, n_words]."""
    out = np.zeros(words.shape[0], dtype=np.int64)
    for row in range(words.shape[0]):
        total = np.int64(0)
        for word in range(words.shape[1]):
            total += popcount(words[row, word])
        out[row] = total
    return out


@njit
def set_columns(words: NDArray[np.uint64], row: int) -> NDArray[np.int64]:
    """Return int64[nnz]: the columns that are set in one row of uint64[n_rows, n_words], ascending."""
    n_set = np.int64(0)
    for word in range(words.shape[1]):
        n_set += popcount(words[row, word])
    out = np.empty(n_set, dtype=np.int64)
    position = 0
    for word in range(words.shape[1]):
        bits = words[row, word]
        while bits != np.uint64(0):
            out[position] = 64 * word + lowest_bit(bits)
            position += 1
            bits &= bits - np.uint64(1)
    return out


@njit
def transpose_words(words: NDArray[np.uint64], n_cols: int) -> NDArray[np.uint64]:
    """Transpose a packed mask.

    Works on 64 x 64 blocks, swapping ever smaller off-diagonal squares (Warren, Hacker's Delight, section 7-3): six
    rounds of 32 swaps a block, where a bit-by-bit copy would take 4096 steps.

    Parameters
    ----------
    words
        uint64[n_rows, ceil(n_cols / 64)]
    n_cols
        Columns of the mask.

    Returns
    -------
    uint64[n_cols, ceil(n_rows / 64)]
    """
    n_rows = words.shape[0]
    n_row_blocks = (n_rows + 63) // 64
    out = np.zeros((n_cols, n_row_blocks), dtype=np.uint64)
    block = np.zeros(64, dtype=np.uint64)
    for row_block in range(n_row_blocks):
        for col_block in range(words.shape[1]):
            for i in range(64):
                row = 64 * row_block + i
                block[i] = words[row, col_block] if row < n_rows else np.uint64(0)
            half = 32
            mask = np.uint64(0x00000000FFFFFFFF)
            while half > 0:
                shift = np.uint64(half)
                for start in range(0, 64, 2 * half):
                    for i in range(start, start + half):
                        swap = ((block[i] >> shift) ^ block[i + half]) & mask
                        block[i] ^= swap << shift
                        block[i + half] ^= swap
                half //= 2
                mask ^= mask << np.uint64(half)
            for i in range(min(64, n_cols - 64 * col_block)):
                out[64 * col_block + i, row_block] = block[i]
    return out
