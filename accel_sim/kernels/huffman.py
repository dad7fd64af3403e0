"""Decoding of a canonical Huffman bit stream."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit


@njit
def decode_canonical(
    bits: NDArray[np.uint8], n_symbols: int, code_lengths: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Decode ``n_symbols`` symbols, most significant code bit first.

    Codes are canonical: shorter codes first, equal lengths by ascending symbol, each code one more than the last.

    Parameters
    ----------
    bits
        uint8[n_bits], one bit an element.
    n_symbols
        Symbols to decode.
    code_lengths
        int64[alphabet]: bits of each symbol's code, 0 for a symbol that does not occur.

    Returns
    -------
    int64[n_symbols]
    """
    longest = 0
    for symbol in range(code_lengths.shape[0]):
        longest = max(longest, code_lengths[symbol])
    n_of_length = np.zeros(longest + 1, dtype=np.int64)
    for symbol in range(code_lengths.shape[0]):
        if code_lengths[symbol] > 0:
            n_of_length[code_lengths[symbol]] += 1
    in_order = np.zeros(code_lengths.shape[0], dtype=np.int64)
    n_ordered = 0
    for length in range(1, longest + 1):
        for symbol in range(code_lengths.shape[0]):
            if code_lengths[symbol] == length:
                in_order[n_ordered] = symbol
                n_ordered += 1
    out = np.zeros(n_symbols, dtype=np.int64)
    position = 0
    for i in range(n_symbols):
        code = np.int64(0)
        first_code = np.int64(0)
        first_index = np.int64(0)
        for length in range(1, longest + 1):
            code = 2 * code + np.int64(bits[position])
            position += 1
            first_code *= 2
            if code - first_code < n_of_length[length]:
                out[i] = in_order[first_index + code - first_code]
                break
            first_code += n_of_length[length]
            first_index += n_of_length[length]
    return out
