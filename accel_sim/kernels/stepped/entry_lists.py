"""Writes a matrix as the entry lists that EIE and ESE read: values, and the zeros before each, a list a PE."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.runs import EntryLists

I64 = NDArray[np.int64]


@njit
def write_entry_lists(columns: NDArray[np.int32], n_pes: int, max_run: int) -> EntryLists:
    """Walk down every column and write each weight into the list of the PE that owns its row.

    Row ``i`` belongs to PE ``i mod n_pes`` and is its place ``i // n_pes``. A weight behind more than ``max_run`` zeros
    of its PE is preceded by entries of value zero, each with ``max_run`` zeros before it.

    Parameters
    ----------
    columns
        int32[n_cols, n_rows]: the matrix, column by column.
    n_pes
        Lists.
    max_run
        Longest run that an entry holds.
    """
    n_cols, n_rows = columns.shape
    pointers = np.zeros((n_pes, n_cols + 1), dtype=np.int64)
    starts = np.zeros(n_pes, dtype=np.int64)
    values = np.zeros(0, dtype=np.int64)
    runs = np.zeros(0, dtype=np.int64)
    written = np.zeros(n_pes, dtype=np.int64)
    zeros = np.zeros(n_pes, dtype=np.int64)
    # The first walk finds how long the lists are, the second fills them.
    for walk in range(2):
        if walk == 1:
            for pe in range(1, n_pes):
                starts[pe] = starts[pe - 1] + written[pe - 1]
            values = np.zeros(starts[n_pes - 1] + written[n_pes - 1], dtype=np.int64)
            runs = np.zeros(values.size, dtype=np.int64)
            written[:] = 0
        for column in range(n_cols):
            zeros[:] = 0
            pe = 0
            for row in range(n_rows):
                value = columns[column, row]
                if value == 0:
                    zeros[pe] += 1
                else:
                    while zeros[pe] > max_run:
                        if walk == 1:
                            runs[starts[pe] + written[pe]] = max_run
                        written[pe] += 1
                        zeros[pe] -= max_run + 1
                    if walk == 1:
                        values[starts[pe] + written[pe]] = value
                        runs[starts[pe] + written[pe]] = zeros[pe]
                    written[pe] += 1
                    zeros[pe] = 0
                pe = pe + 1 if pe + 1 < n_pes else 0
            for pe in range(n_pes):
                pointers[pe, column + 1] = written[pe]
    return EntryLists(values, runs, pointers, starts)
