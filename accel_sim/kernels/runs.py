"""Zero runs in packed masks: how many entries a run-limited format stores.

A format that keeps (zero run, value) pairs with runs of at most ``max_run`` bridges a longer run by entries of value
zero, each of which stands for ``max_run + 1`` zeros (EIE, Han et al., ISCA 2016, section III; Eyeriss, Chen et al.,
JSSC 2017, section V). Zeros after the last non-zero element are not stored.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.bits import lowest_bit
from accel_sim.kernels.jit import njit


class EntryLists(NamedTuple):
    """Segments of a matrix as (value, zeros before it) entries, dealt to several lists.

    ``values`` int64[n_entries], 0 for padding, one list after the other; ``runs`` int64[n_entries] zeros before each.
    ``pointers`` int64[n_lists, n_segments + 1]: where each segment begins in its list. ``starts`` int64[n_lists]: where
    the list begins in ``values``.
    """

    values: NDArray[np.int64]
    runs: NDArray[np.int64]
    pointers: NDArray[np.int64]
    starts: NDArray[np.int64]


@njit
def padding_entries(
    words: NDArray[np.uint64], row_bits: int, max_run: int, restart_rows: bool
) -> NDArray[np.int64]:
    """Count the padding entries of each row of a mask, read as one stream or as one stream a row.

    Parameters
    ----------
    words
        uint64[n_rows, ceil(row_bits / 64)], see :mod:`accel_sim.kernels.bits`.
    row_bits
        Elements of a row.
    max_run
        Longest run that one entry can hold.
    restart_rows
        True: each row is a stream of its own. False: a run continues into the next row, and its padding counts for
        the row of the non-zero element that ends it.

    Returns
    -------
    int64[n_rows]
    """
    n_rows, n_words = words.shape
    padding = np.zeros(n_rows, dtype=np.int64)
    next_start = np.int64(0)
    for row in range(n_rows):
        base = np.int64(row) * row_bits
        if restart_rows:
            next_start = base
        n_padding = np.int64(0)
        for word in range(n_words):
            bits = words[row, word]
            while bits != np.uint64(0):
                position = base + 64 * word + lowest_bit(bits)
                n_padding += (position - next_start) // (max_run + 1)
                next_start = position + 1
                bits &= bits - np.uint64(1)
        padding[row] = n_padding
    return padding


@njit
def interleaved_entries(
    words: NDArray[np.uint64], n_parts: int, max_run: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Count what each of ``n_parts`` interleaved lists stores of each segment.

    Element ``i`` of a segment belongs to list ``i mod n_parts`` and stands there at place ``i // n_parts``; runs are
    counted within the list and restart with each segment.

    Parameters
    ----------
    words
        uint64[n_segments, n_words], one packed segment (a matrix column in EIE) a row.
    n_parts
        Lists: the PEs of EIE.
    max_run
        Longest run that one entry can hold.

    Returns
    -------
    nnz, padding
        int32[n_segments, n_parts] each: non-zero elements, and padding entries of value zero.
    """
    n_segments, n_words = words.shape
    nnz = np.zeros((n_segments, n_parts), dtype=np.int32)
    padding = np.zeros((n_segments, n_parts), dtype=np.int32)
    next_start = np.zeros(n_parts, dtype=np.int64)
    for segment in range(n_segments):
        next_start[:] = 0
        for word in range(n_words):
            bits = words[segment, word]
            while bits != np.uint64(0):
                element = 64 * word + lowest_bit(bits)
                place = element // n_parts
                part = element - place * n_parts
                zeros = place - next_start[part]
                nnz[segment, part] += 1
                if zeros > max_run:
                    padding[segment, part] += zeros // (max_run + 1)
                next_start[part] = place + 1
                bits &= bits - np.uint64(1)
    return nnz, padding
