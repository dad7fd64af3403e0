"""Which memory accesses share a byte: strided runs against strided runs, exactly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit

I64 = NDArray[np.int64]


class Accesses(NamedTuple):
    """Accesses of one unit in queue order, as ``outer`` times ``inner`` runs of bytes each. All int64 [n].

    ``number``: the command's place among the unit's memory commands, not falling. ``address``: first byte;
    ``run_bytes``, ``inner``, ``inner_stride``, ``outer``, ``outer_stride`` (bytes).
    """

    number: I64
    address: I64
    run_bytes: I64
    inner: I64
    inner_stride: I64
    outer: I64
    outer_stride: I64


@njit
def run_edges(accesses: Accesses) -> I64:
    """Return first byte and end of every run, int64 [2 * runs], in any order."""
    edges = np.empty(2 * (accesses.inner * accesses.outer).sum(), dtype=np.int64)
    n = 0
    for k in range(accesses.number.size):
        for o in range(accesses.outer[k]):
            for i in range(accesses.inner[k]):
                start = accesses.address[k] + o * accesses.outer_stride[k] + i * accesses.inner_stride[k]
                edges[n] = start
                edges[n + 1] = start + accesses.run_bytes[k]
                n += 2
    return edges


@njit
def seek(edges: I64, byte: int, guess: int) -> int:
    """Return the last place with ``edges[place] <= byte`` (0 if there is none), looking around ``guess`` first."""
    step = 1
    low = guess
    while low > 0 and edges[low] > byte:
        low = max(low - step, 0)
        step *= 2
    step = 1
    high = low
    while high < edges.size and edges[high] <= byte:
        low = high
        high = min(high + step, edges.size)
        step *= 2
    # From here on edges[low] <= byte, or low is 0; edges[high] > byte, or high is the end.
    while high - low > 1:
        middle = (low + high) // 2
        if edges[middle] <= byte:
            low = middle
        else:
            high = middle
    return low


@njit
def find_unordered(reads: Accesses, ordered: I64, open_until: I64, writes: Accesses, edges: I64) -> tuple[int, int]:
    """Return (index of a read, number of a write) that share a byte and have no order, or (-1, -1).

    Writes below ``ordered[k]`` (int64 [reads]) end before read ``k``, writes from ``open_until[k]`` on (int64 [reads],
    not falling) come after it; those in between have no order with it. ``edges``: ascending distinct
    :func:`run_edges` of ``writes``; between two neighbours all bytes have the same last writer, so each piece
    remembers one number.
    """
    last = np.full(edges.size, -1, dtype=np.int64)
    painted = 0
    written = 0
    place = 0
    for k in range(reads.number.size):
        while painted < writes.number.size and writes.number[painted] < open_until[k]:
            for o in range(writes.outer[painted]):
                for i in range(writes.inner[painted]):
                    start = writes.address[painted] + o * writes.outer_stride[painted]
                    start += i * writes.inner_stride[painted]
                    written = seek(edges, start, written)
                    piece = written
                    while edges[piece] < start + writes.run_bytes[painted]:
                        last[piece] = writes.number[painted]
                        piece += 1
            painted += 1
        for o in range(reads.outer[k]):
            for i in range(reads.inner[k]):
                start = reads.address[k] + o * reads.outer_stride[k] + i * reads.inner_stride[k]
                place = seek(edges, start, place)
                piece = place
                while piece < edges.size and edges[piece] < start + reads.run_bytes[k]:
                    # The last piece begins where the last write ends: nobody writes there.
                    if piece + 1 < edges.size and edges[piece + 1] > start and last[piece] >= ordered[k]:
                        return k, last[piece]
                    piece += 1
    return -1, -1
