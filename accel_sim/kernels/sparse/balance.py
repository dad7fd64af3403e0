"""Dealing rows to PEs so that each gets the same work."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit


@njit
def balanced_row_order(row_work: NDArray[np.int64], n_pes: int) -> NDArray[np.int64]:
    """Return a row order under which interleaving gives PEs even work and even numbers of rows.

    Rows are taken from the heaviest to the lightest and each goes to the least loaded PE that has a place left (longest
    processing time first, Graham 1969), the lower PE on a tie.

    Parameters
    ----------
    row_work
        int64[n_rows]: work of each row, for instance its non-zero elements.
    n_pes
        PEs; place i belongs to PE ``i mod n_pes``.

    Returns
    -------
    int64[n_rows]: the row that stands at each place.
    """
    n_rows = row_work.shape[0]
    load = np.zeros(n_pes, dtype=np.int64)
    n_taken = np.zeros(n_pes, dtype=np.int64)
    order = np.zeros(n_rows, dtype=np.int64)
    for row in np.argsort(-row_work, kind="mergesort"):
        chosen = -1
        for pe in range(n_pes):
            has_place = pe + n_taken[pe] * n_pes < n_rows
            if has_place and (chosen < 0 or load[pe] < load[chosen]):
                chosen = pe
        order[chosen + n_taken[chosen] * n_pes] = row
        n_taken[chosen] += 1
        load[chosen] += row_work[row]
    return order
