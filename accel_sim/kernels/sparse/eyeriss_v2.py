"""The sparse PE of Eyeriss v2: compressed input activations meet compressed weight columns (Chen et al., JETCAS 2019).

A PE holds one filter row of ``c0`` channels for ``m0`` output channels, compressed by columns: a column is what one
activation meets. For each output of a row it walks the non-zero activations of the window; each takes one cycle for
every word of ``macs`` weights in its column, the last of which may be partly empty. Three stages in front of the
weight memory fetch one activation a cycle and drop those whose column is empty, so an empty column costs a bubble only
when the weight memory has run dry. Activations are stored in segments of ``c0`` channels by a stride of columns, each
with an address that is read in any case: an empty segment goes the way of an activation with an empty column, so that
one channel at stride 1 leaves nothing to skip. In all the pipeline has seven stages.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit

FETCH_STAGES = 3
"""Activation address, activation data, weight address."""
MAC_STAGES = 4
"""Weight data (two stages), multiply, psum add."""


class RowShape(NamedTuple):
    """How a filter row slides: outputs of a row, stride and padding along it."""

    n_outputs: int
    stride: int
    pad: int


class PeWork(NamedTuple):
    """What one PE does for one filter row, input row and group of channels.

    ``total_cycles`` with the pipeline's fill. ``mac_cycles`` cycles in which the MACs get a
    word; ``bubble_cycles`` cycles between the first and the last of them in which they get none. ``n_activations``
    non-zero activations fetched, ``n_macs`` products of non-zero operands.
    """

    total_cycles: int
    mac_cycles: int
    bubble_cycles: int
    n_activations: int
    n_macs: int


class LayerWork(NamedTuple):
    """What all PEs of a layer do, by tile.

    ``total_cycles``, ``mac_cycles``, ``bubble_cycles`` int64[n_m_groups, n_c_groups, R, H]: for each group of output
    and of input channels, filter row and input row. ``n_activations``, ``n_macs`` sums over all. ``longest_weights``
    most non-zero weights that one PE has to hold.
    """

    total_cycles: NDArray[np.int64]
    mac_cycles: NDArray[np.int64]
    bubble_cycles: NDArray[np.int64]
    n_activations: int
    n_macs: int
    longest_weights: int


@njit
def row_work(row: NDArray[np.bool_], column_counts: NDArray[np.int64], shape: RowShape, macs: int) -> PeWork:
    """Time one PE on one input row.

    Parameters
    ----------
    row
        bool[c0, W]: non-zero activations of the row.
    column_counts
        int64[c0, S]: non-zero weights that meet an activation of each channel at each filter tap.
    shape
        How the filter row slides; outside the row there are no activations.
    macs
        Weights that a word holds, MACs of the PE.

    Notes
    -----
    With F the cycle in which an activation stands before the weight memory, m its first and e its last cycle in it:
    ``F[i] = max(F[i-1] + 1, m[i-1])`` and ``m[i] = max(F[i] + 1, e[i-1] + 1)``; an empty column has no m, nor has an
    empty segment.
    """
    n_channels, width = row.shape
    n_taps = column_counts.shape[1]
    front = np.int64(FETCH_STAGES - 2)
    front_free = np.int64(0)
    last_word = np.int64(-1)
    first_word = np.int64(-1)
    mac_cycles = np.int64(0)
    n_activations = np.int64(0)
    n_macs = np.int64(0)
    for output in range(shape.n_outputs):
        for segment in range(0, n_taps, shape.stride):
            before = n_activations
            for tap in range(segment, min(segment + shape.stride, n_taps)):
                x = output * shape.stride + tap - shape.pad
                if x < 0 or x >= width:
                    continue
                for channel in range(n_channels):
                    if not row[channel, x]:
                        continue
                    front = max(front + 1, front_free)
                    n_activations += 1
                    count = column_counts[channel, tap]
                    if count == 0:
                        continue
                    words = -(-count // macs)
                    start = max(front + 1, last_word + 1)
                    if first_word < 0:
                        first_word = start
                    front_free = start
                    last_word = start + words - 1
                    mac_cycles += words
                    n_macs += count
            if n_activations == before:
                front = max(front + 1, front_free)
    total_cycles = front + 1 if shape.n_outputs > 0 else np.int64(0)
    bubble_cycles = np.int64(0)
    if mac_cycles > 0:
        total_cycles = max(total_cycles, last_word + MAC_STAGES)
        bubble_cycles = last_word - first_word + 1 - mac_cycles
    return PeWork(int(total_cycles), int(mac_cycles), int(bubble_cycles), int(n_activations), int(n_macs))


@njit
def layer_work(
    ifmap: NDArray[np.bool_], filters: NDArray[np.bool_], shape: RowShape, c0: int, m0: int, macs: int
) -> LayerWork:
    """Time every PE tile of a layer; which of them run side by side is the mapping's choice.

    Parameters
    ----------
    ifmap
        bool[C, H, W]: where the activations are not zero.
    filters
        bool[M, C, R, S]: where the weights are not zero.
    shape
        How a filter row slides.
    c0, m0
        Input and output channels of a PE.
    macs
        MACs of a PE.
    """
    n_filters, n_channels, n_rows, n_taps = filters.shape
    height = ifmap.shape[1]
    m_groups = -(-n_filters // m0)
    c_groups = -(-n_channels // c0)
    total = np.zeros((m_groups, c_groups, n_rows, height), dtype=np.int64)
    mac = np.zeros((m_groups, c_groups, n_rows, height), dtype=np.int64)
    bubble = np.zeros((m_groups, c_groups, n_rows, height), dtype=np.int64)
    n_activations = np.int64(0)
    n_macs = np.int64(0)
    longest = np.int64(0)
    for m_group in range(m_groups):
        stop_m = min(n_filters, (m_group + 1) * m0)
        for c_group in range(c_groups):
            first_c, stop_c = c_group * c0, min(n_channels, (c_group + 1) * c0)
            for r in range(n_rows):
                counts = np.zeros((stop_c - first_c, n_taps), dtype=np.int64)
                for m in range(m_group * m0, stop_m):
                    for c in range(first_c, stop_c):
                        for s in range(n_taps):
                            counts[c - first_c, s] += filters[m, c, r, s]
                longest = max(longest, counts.sum())
                for y in range(height):
                    work = row_work(ifmap[first_c:stop_c, y], counts, shape, macs)
                    total[m_group, c_group, r, y] = work.total_cycles
                    mac[m_group, c_group, r, y] = work.mac_cycles
                    bubble[m_group, c_group, r, y] = work.bubble_cycles
                    n_activations += work.n_activations
                    n_macs += work.n_macs
    return LayerWork(total, mac, bubble, int(n_activations), int(n_macs), int(longest))
