"""Cambricon-X: weights skipped, each PE picks the neurons that its kept weights need (Zhang et al., MICRO 2016).

A PE computes one output neuron at a time. An indexing module walks the inputs in segments and hands it up to
``multipliers`` of the neurons that its non-zero weights need, a cycle. PEs run at their own pace until the shared
input buffer is refilled: after every ``segments_per_barrier`` segments, and at the end of the window. Zero
neurons are not skipped. Segment length, group size and barrier are recalled, not found in a source; the depth of
the pipeline is unknown and not counted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.bits import popcount
from accel_sim.kernels.jit import njit


class CambriconXSpec(NamedTuple):
    """The keys of a Cambricon-X-like array.

    ``segment`` neurons that an indexing module sees at once, a multiple of 64. ``segments_per_barrier`` segments
    that the input buffer holds (8 KB of 16-bit neurons is 16 of 256), 0 for a barrier only at the window's end.
    ``empty_segment_cycles`` cycles of a segment in which a PE keeps no weight: 1, or 0 for an indexing module
    that jumps over it.
    """

    n_pes: int = 16
    multipliers: int = 16
    segment: int = 256
    segments_per_barrier: int = 16
    empty_segment_cycles: int = 1


class CambriconXCounts(NamedTuple):
    """What one layer costs.

    ``total_cycles`` of all windows and groups of output neurons. ``n_macs`` multiplies by a non-zero weight,
    ``n_effectual_macs`` those of a non-zero neuron too. ``pe_busy_cycles`` int64[n_pes] cycles in which a PE
    multiplies, ``pe_empty_cycles`` cycles spent on segments without a weight, ``pe_wait_cycles`` cycles waited at
    barriers, with nothing to do in the last group included. ``n_segment_reads`` segments read from the input
    buffer. ``n_weight_reads`` words of ``multipliers`` weights read by PEs.
    """

    total_cycles: int
    n_macs: int
    n_effectual_macs: int
    pe_busy_cycles: NDArray[np.int64]
    pe_empty_cycles: NDArray[np.int64]
    pe_wait_cycles: NDArray[np.int64]
    n_segment_reads: int
    n_weight_reads: int


@njit
def segment_counts(words: NDArray[np.uint64], segment: int) -> NDArray[np.int64]:
    """Return int64[K, n_segments]: the non-zero weights of packed uint64[K, n_words] in each segment."""
    words_a_segment = segment // 64
    counts = np.zeros((words.shape[0], -(-words.shape[1] // words_a_segment)), dtype=np.int64)
    for k in range(words.shape[0]):
        for word in range(words.shape[1]):
            counts[k, word // words_a_segment] += popcount(words[k, word])
    return counts


@njit
def cambricon_x_layer(
    words: NDArray[np.uint64],
    tap_counts: NDArray[np.int64],
    column_counts: NDArray[np.int64],
    n_windows: int,
    spec: CambriconXSpec,
) -> CambriconXCounts:
    """Time one layer.

    Parameters
    ----------
    words
        uint64[K, ceil(L / 64)]: packed mask of the weights, the inputs of a window along the bits.
    tap_counts
        int64[L]: in how many windows each input is not zero.
    column_counts
        int64[L]: output neurons with a non-zero weight for each input.
    n_windows
        Windows (ofmap pixels) that the layer has.
    spec
        The array.
    """
    counts = segment_counts(words, spec.segment)
    n_outputs, n_segments = counts.shape
    a_set = spec.segments_per_barrier if spec.segments_per_barrier > 0 else n_segments
    busy = np.zeros(spec.n_pes, dtype=np.int64)
    empty = np.zeros(spec.n_pes, dtype=np.int64)
    wait = np.zeros(spec.n_pes, dtype=np.int64)
    set_cycles = np.zeros(spec.n_pes, dtype=np.int64)
    window_cycles = np.int64(0)
    n_groups = -(-n_outputs // spec.n_pes)
    for group in range(n_groups):
        for first in range(0, n_segments, a_set):
            set_cycles[:] = 0
            for pe in range(min(spec.n_pes, n_outputs - group * spec.n_pes)):
                for segment in range(first, min(first + a_set, n_segments)):
                    cycles = -(-counts[group * spec.n_pes + pe, segment] // spec.multipliers)
                    if cycles == 0:
                        empty[pe] += spec.empty_segment_cycles
                        cycles = np.int64(spec.empty_segment_cycles)
                    else:
                        busy[pe] += cycles
                    set_cycles[pe] += cycles
            slowest = set_cycles.max()
            wait += slowest - set_cycles
            window_cycles += slowest
    n_effectual = np.int64(0)
    for place in range(tap_counts.shape[0]):
        n_effectual += tap_counts[place] * column_counts[place]
    return CambriconXCounts(
        int(n_windows * window_cycles),
        int(n_windows * counts.sum()),
        int(n_effectual),
        n_windows * busy,
        n_windows * empty,
        n_windows * wait,
        n_windows * n_groups * n_segments,
        int(n_windows * busy.sum()),
    )
