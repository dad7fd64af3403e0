"""The stepped Cambricon-X: indexing modules follow compressed weights, adder trees sum real products."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.cambricon_x import CambriconXSpec

I64 = NDArray[np.int64]


class CambriconXRun(NamedTuple):
    """What the stepped array did: ``outputs`` int64[K, n_windows]; the other fields as in the fast path."""

    outputs: I64
    total_cycles: int
    n_macs: int
    n_effectual_macs: int
    pe_busy_cycles: I64
    pe_empty_cycles: I64
    pe_wait_cycles: I64


@njit
def compress_steps(weights: I64) -> tuple[I64, I64, I64]:
    """Return values and steps (distance to the previous kept weight) of int64[K, L], and where each row begins."""
    values = np.zeros(np.count_nonzero(weights), dtype=np.int64)
    steps = np.zeros(values.shape[0], dtype=np.int64)
    start = np.zeros(weights.shape[0] + 1, dtype=np.int64)
    n_kept = 0
    for k in range(weights.shape[0]):
        previous = -1
        for place in range(weights.shape[1]):
            if weights[k, place] != 0:
                values[n_kept] = weights[k, place]
                steps[n_kept] = place - previous
                previous = place
                n_kept += 1
        start[k + 1] = n_kept
    return values, steps, start


@njit
def cambricon_x_stepped(weights: I64, windows: I64, spec: CambriconXSpec) -> CambriconXRun:
    """Step one layer; the twin of :func:`~accel_sim.kernels.sparse.cambricon_x.cambricon_x_layer`.

    Parameters
    ----------
    weights
        int64[K, L].
    windows
        int64[L, n_windows]: the inputs of each window.
    spec
        The array.
    """
    n_outputs, n_places = weights.shape
    values, steps, start = compress_steps(weights)
    n_segments = (n_places + spec.segment - 1) // spec.segment
    outputs = np.zeros((n_outputs, windows.shape[1]), dtype=np.int64)
    busy = np.zeros(spec.n_pes, dtype=np.int64)
    empty = np.zeros(spec.n_pes, dtype=np.int64)
    wait = np.zeros(spec.n_pes, dtype=np.int64)
    cycles = n_macs = n_effectual = 0
    position = np.zeros(spec.n_pes, dtype=np.int64)
    place = np.zeros(spec.n_pes, dtype=np.int64)
    segment = np.zeros(spec.n_pes, dtype=np.int64)
    idled = np.zeros(spec.n_pes, dtype=np.int64)
    for window in range(windows.shape[1]):
        for first_output in range(0, n_outputs, spec.n_pes):
            n_active = min(spec.n_pes, n_outputs - first_output)
            segment[:] = 0
            idled[:] = 0
            for pe in range(n_active):
                position[pe] = start[first_output + pe]
                place[pe] = -1
            barrier = spec.segments_per_barrier if spec.segments_per_barrier > 0 else n_segments
            while barrier < n_segments + max(1, spec.segments_per_barrier):
                worked = False
                spent = np.zeros(spec.n_pes, dtype=np.bool_)
                for pe in range(n_active):
                    last = start[first_output + pe + 1]
                    while segment[pe] < min(barrier, n_segments) and not spent[pe]:
                        stop = (segment[pe] + 1) * spec.segment
                        n_picked = 0
                        while position[pe] < last and n_picked < spec.multipliers:
                            next_place = place[pe] + steps[position[pe]]
                            if next_place >= stop:
                                break
                            neuron = windows[next_place, window]
                            outputs[first_output + pe, window] += values[position[pe]] * neuron
                            n_macs += 1
                            n_effectual += 1 if neuron != 0 else 0
                            place[pe] = next_place
                            position[pe] += 1
                            n_picked += 1
                        exhausted = position[pe] == last or place[pe] + steps[position[pe]] >= stop
                        if n_picked > 0:
                            busy[pe] += 1
                            spent[pe] = True
                            idled[pe] = -1
                        elif idled[pe] >= 0 and idled[pe] < spec.empty_segment_cycles:
                            idled[pe] += 1
                            empty[pe] += 1
                            spent[pe] = True
                            exhausted = idled[pe] == spec.empty_segment_cycles
                        if exhausted:
                            segment[pe] += 1
                            idled[pe] = 0
                        worked = worked or spent[pe]
                if worked:
                    cycles += 1
                    for pe in range(spec.n_pes):
                        if not spent[pe]:
                            wait[pe] += 1
                else:
                    barrier += max(1, spec.segments_per_barrier)
    return CambriconXRun(outputs, cycles, n_macs, n_effectual, busy, empty, wait)
