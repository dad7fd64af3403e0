"""Entries of (zero run, value): what run-length and relative-index formats share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def split_runs(stream: NDArray[Any], max_run: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return the entries of one stream.

    Parameters
    ----------
    stream
        integer[n]; zeros after the last non-zero value are dropped.
    max_run
        Longest run of one entry; a longer one is bridged by entries (``max_run``, 0).

    Returns
    -------
    runs, values
        int64[n_entries] zeros before the value, and the value.
    """
    positions = np.flatnonzero(stream)
    gaps = np.diff(positions, prepend=-1) - 1
    n_bridges = gaps // (max_run + 1)
    last_of_value = np.cumsum(n_bridges + 1) - 1
    n_entries = int(last_of_value[-1]) + 1 if positions.size else 0
    runs = np.full(n_entries, max_run, dtype=np.int64)
    values = np.zeros(n_entries, dtype=stream.dtype)
    runs[last_of_value] = gaps % (max_run + 1)
    values[last_of_value] = stream[positions]
    return runs, values


def join_runs(runs: NDArray[np.int64], values: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Return the stream of ``length`` values that the entries stand for; entries past its end must be zeros."""
    positions = np.cumsum(runs + 1) - 1
    stream = np.zeros(length, dtype=np.int64)
    inside = positions < length
    stream[positions[inside]] = values[inside]
    return stream
