"""The stepped EIE: codebook weights, one input vector, zero activations skipped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.runs import EntryLists
from accel_sim.kernels.sparse.eie import EieSpec
from accel_sim.kernels.stepped.broadcast_queue import N_EVENTS, BroadcastArray, BroadcastRun, broadcast_run


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


@njit
def eie_windows_stepped(lists: EntryLists, windows: NDArray[np.int64], n_rows: int, spec: EieSpec) -> BroadcastRun:
    """Step one product after the other, each when the one before has left the pipeline.

    Parameters
    ----------
    lists
        The matrix; its ``values`` are the weights themselves, as if each code stood for itself.
    windows
        int64[n_windows, n_cols]: the vectors.
    n_rows
        Rows of W.
    spec
        The array.

    Returns
    -------
    BroadcastRun
        Of all products: ``outputs`` int64[n_windows, n_rows], the rest summed.
    """
    array = BroadcastArray(spec.n_pes, spec.queue_depth, spec.entries_per_read, spec.empty_slice_cycles, True)
    outputs = np.zeros((windows.shape[0], n_rows), dtype=np.int64)
    total_cycles = np.int64(0)
    busy = np.zeros(spec.n_pes, dtype=np.int64)
    padding = np.zeros(spec.n_pes, dtype=np.int64)
    events = np.zeros(N_EVENTS, dtype=np.int64)
    ends = np.zeros(windows.shape[0], dtype=np.int64)
    for window in range(windows.shape[0]):
        run = broadcast_run(lists, windows[window : window + 1], n_rows, array)
        outputs[window] = run.outputs[0]
        total_cycles += run.total_cycles
        ends[window] = total_cycles
        busy += run.pe_busy_cycles
        padding += run.pe_padding_cycles
        events += run.events
    return BroadcastRun(outputs, int(total_cycles), busy, padding, events, ends)
