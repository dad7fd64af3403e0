"""The stepped Cambricon-X: indexing modules follow compressed weights, adder trees sum real products."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.cambricon_x import CambriconXSpec

I64 = NDArray[np.int64]


class CambriconXRun(NamedTuple):
    """What the stepped array did.

    ``outputs`` int64[K, n_windows]. ``n_segments_taken``: segments that PEs got of the ``n_segment_reads`` that the
    input buffer gave. ``window_ends`` int64[n_windows]: the clock at which each window was done. The other fields as in
    the fast path.
    """

    outputs: I64
    total_cycles: int
    n_macs: int
    n_effectual_macs: int
    pe_busy_cycles: I64
    pe_empty_cycles: I64
    pe_wait_cycles: I64
    n_segment_reads: int
    n_weight_reads: int
    n_segments_taken: int
    window_ends: I64


class _Pes(NamedTuple):
    """What the PEs hold, int64[n_pes] each.

    ``position``, ``place``: the next kept weight, and the input of the one before. ``segment``: in work. ``idled``:
    cycles spent on it without a weight, -1 once it had one. ``psum``: the output neuron. ``spent``: 1 in a clock in
    which the PE did something. ``busy``, ``empty``, ``wait``: as in the fast path.
    """

    position: I64
    place: I64
    segment: I64
    idled: I64
    psum: I64
    spent: I64
    busy: I64
    empty: I64
    wait: I64


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
def _clock(
    pes: _Pes, lasts: I64, values: I64, steps: I64, window: I64, n_held: int, spec: CambriconXSpec
) -> tuple[int, int, int, int]:
    """Let every PE work for one clock on the segments in the input buffer.

    Parameters
    ----------
    lasts
        int64[n_active]: where the kept weights of each working PE end.
    values, steps
        The kept weights, see :func:`compress_steps`.
    window
        int64[L]: the inputs.
    n_held
        Segments up to which the input buffer was filled.

    Returns
    -------
    int, int, int, int
        PEs that worked; words of weights that they read; MACs; those on a neuron that is not zero.
    """
    n_worked = n_words = n_macs = n_effectual = 0
    for pe in range(lasts.size):
        last, spent = lasts[pe], 0
        while pes.segment[pe] < n_held and spent == 0:
            stop = (pes.segment[pe] + 1) * spec.segment
            position, place, psum = pes.position[pe], pes.place[pe], pes.psum[pe]
            end = min(last, position + spec.multipliers)
            first = position
            while position < end and place + steps[position] < stop:
                place += steps[position]
                neuron = window[place]
                psum += values[position] * neuron
                n_effectual += 1 if neuron != 0 else 0
                position += 1
            exhausted = position == last or place + steps[position] >= stop
            if position > first:
                n_words += 1
                n_macs += position - first
                pes.position[pe], pes.place[pe], pes.psum[pe] = position, place, psum
                pes.busy[pe] += 1
                pes.idled[pe] = -1
                spent = 1
            elif 0 <= pes.idled[pe] < spec.empty_segment_cycles:
                pes.idled[pe] += 1
                pes.empty[pe] += 1
                spent = 1
                exhausted = pes.idled[pe] == spec.empty_segment_cycles
            if exhausted:
                pes.segment[pe] += 1
                pes.idled[pe] = 0
        pes.spent[pe] = spent
        n_worked += spent
    return n_worked, n_words, n_macs, n_effectual


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
    a_set = spec.segments_per_barrier if spec.segments_per_barrier > 0 else n_segments
    outputs = np.zeros((n_outputs, windows.shape[1]), dtype=np.int64)
    window_ends = np.zeros(windows.shape[1], dtype=np.int64)
    registers = np.zeros((9, spec.n_pes), dtype=np.int64)
    pes = _Pes(
        registers[0],
        registers[1],
        registers[2],
        registers[3],
        registers[4],
        registers[5],
        registers[6],
        registers[7],
        registers[8],
    )
    cycles = n_macs = n_effectual = n_segment_reads = n_weight_reads = n_segments_taken = 0
    for window in range(windows.shape[1]):
        inputs = windows[:, window]
        for first_output in range(0, n_outputs, spec.n_pes):
            lasts = start[first_output + 1 : min(first_output + spec.n_pes, n_outputs) + 1]
            pes.position[: lasts.size] = start[first_output : first_output + lasts.size]
            pes.place[:] = -1
            pes.segment[:] = 0
            pes.idled[:] = 0
            pes.psum[:] = 0
            pes.spent[:] = 0
            n_held = 0
            while n_held < n_segments:
                # The buffer is filled for all PEs, and again when the last of them is done with it.
                coming = min(a_set, n_segments - n_held)
                n_held += coming
                n_segment_reads += coming
                n_segments_taken += coming * spec.n_pes
                while True:
                    n_worked, n_words, n_done, n_useful = _clock(pes, lasts, values, steps, inputs, n_held, spec)
                    if n_worked == 0:
                        break
                    cycles += 1
                    n_weight_reads += n_words
                    n_macs += n_done
                    n_effectual += n_useful
                    pes.wait[:] += 1 - pes.spent
            for pe in range(lasts.size):
                outputs[first_output + pe, window] = pes.psum[pe]
        window_ends[window] = cycles
    return CambriconXRun(
        outputs,
        cycles,
        n_macs,
        n_effectual,
        pes.busy,
        pes.empty,
        pes.wait,
        n_segment_reads,
        n_weight_reads,
        n_segments_taken,
        window_ends,
    )
