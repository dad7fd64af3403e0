"""The stepped ESE: channels in lock step on one stream of entries, zero activations not skipped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.runs import EntryLists
from accel_sim.kernels.sparse.ese import EseSpec
from accel_sim.kernels.stepped.broadcast_queue import N_EVENTS, BroadcastArray, BroadcastRun, broadcast_run


@njit
def ese_stepped(lists: EntryLists, vectors: NDArray[np.int64], n_rows: int, spec: EseSpec) -> BroadcastRun:
    """Step ``Y = W X``; the twin of :func:`~accel_sim.kernels.sparse.ese.ese_spmv`.

    Parameters
    ----------
    lists
        The matrix; its ``values`` are the weights themselves.
    vectors
        int64[n_vectors, n_cols]: the columns of X; rounds of ``n_channels`` run one after the other.
    n_rows
        Rows of W.
    spec
        The array.
    """
    array = BroadcastArray(spec.n_pes, spec.queue_depth, 1, spec.empty_slice_cycles, False)
    outputs = np.zeros((vectors.shape[0], n_rows), dtype=np.int64)
    total_cycles = np.int64(0)
    busy = np.zeros(spec.n_pes, dtype=np.int64)
    padding = np.zeros(spec.n_pes, dtype=np.int64)
    events = np.zeros(N_EVENTS, dtype=np.int64)
    ends = np.zeros((vectors.shape[0] + spec.n_channels - 1) // spec.n_channels, dtype=np.int64)
    for first in range(0, vectors.shape[0], spec.n_channels):
        stop = min(first + spec.n_channels, vectors.shape[0])
        run = broadcast_run(lists, vectors[first:stop], n_rows, array)
        outputs[first:stop] = run.outputs
        total_cycles += run.total_cycles
        ends[first // spec.n_channels] = total_cycles
        busy += run.pe_busy_cycles
        padding += run.pe_padding_cycles
        events += run.events
    return BroadcastRun(outputs, int(total_cycles), busy, padding, events, ends)
