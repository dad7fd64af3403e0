"""The stepped EIE: codebook weights, one input vector, zero activations skipped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.runs import EntryLists
from accel_sim.kernels.sparse.eie import EieSpec
from accel_sim.kernels.stepped.broadcast_queue import BroadcastArray, BroadcastRun, broadcast_run


@njit
def eie_stepped(
    lists: EntryLists, codebook: NDArray[np.int64], activations: NDArray[np.int64], n_rows: int, spec: EieSpec
) -> BroadcastRun:
    """Step ``y = W x``; the twin of :func:`~accel_sim.kernels.sparse.eie.eie_matvec`.

    Parameters
    ----------
    lists
        The matrix; its ``values`` are codebook indices.
    codebook
        int64[n_codes]: the shared weights; code 0 is the weight zero.
    activations
        int64[n_cols]: x.
    n_rows
        Rows of W.
    spec
        The array; its pipeline has the four stages of the paper.
    """
    decoded = EntryLists(codebook[lists.values], lists.runs, lists.pointers, lists.starts)
    array = BroadcastArray(spec.n_pes, spec.queue_depth, spec.entries_per_read, spec.empty_slice_cycles, True)
    return broadcast_run(decoded, activations.reshape(1, -1), n_rows, array)
