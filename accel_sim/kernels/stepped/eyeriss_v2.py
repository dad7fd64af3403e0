"""The stepped Eyeriss v2 PE: activations and weight words move through seven pipeline registers, clock by clock."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.eyeriss_v2 import RowShape

I64 = NDArray[np.int64]
NOTHING = -1


class PeRun(NamedTuple):
    """What the stepped PE did.

    ``psums`` int64[m0, n_outputs]. ``mac_cycles`` cycles in which the MACs had a word, ``n_activations`` activations
    fetched, ``n_macs`` products added to a psum.
    """

    psums: I64
    total_cycles: int
    mac_cycles: int
    n_activations: int
    n_macs: int


class _Columns(NamedTuple):
    """The weights compressed by columns: ``start`` int64[c0 * S + 1], ``channel`` and ``value`` int64[nnz]."""

    start: I64
    channel: I64
    value: I64


@njit
def _compress_weights(weights: I64) -> _Columns:
    """Compress int64[m0, c0, S]; column ``c * S + s`` holds what an activation of channel c meets at tap s."""
    n_out, n_in, n_taps = weights.shape
    start = np.zeros(n_in * n_taps + 1, dtype=np.int64)
    channel = np.zeros(np.count_nonzero(weights), dtype=np.int64)
    value = np.zeros(channel.shape[0], dtype=np.int64)
    n_stored = 0
    for c in range(n_in):
        for s in range(n_taps):
            for m in range(n_out):
                if weights[m, c, s] != 0:
                    channel[n_stored] = m
                    value[n_stored] = weights[m, c, s]
                    n_stored += 1
            start[c * n_taps + s + 1] = n_stored
    return _Columns(start, channel, value)


@njit
def _list_activations(row: I64, n_taps: int, shape: RowShape) -> tuple[I64, I64, I64]:
    """Return the stream of (value, weight column, output) of a row, window after window.

    The column is NOTHING where the address of a segment says that it is empty.
    """
    values = np.zeros(shape.n_outputs * n_taps * row.shape[0], dtype=np.int64)
    columns = np.full(values.shape[0], NOTHING, dtype=np.int64)
    outputs = np.zeros(values.shape[0], dtype=np.int64)
    n_listed = 0
    for output in range(shape.n_outputs):
        in_segment = 0
        for tap in range(n_taps):
            for c in range(row.shape[0]):
                x = output * shape.stride + tap - shape.pad
                if 0 <= x < row.shape[1] and row[c, x] != 0:
                    values[n_listed] = row[c, x]
                    columns[n_listed] = c * n_taps + tap
                    outputs[n_listed] = output
                    n_listed += 1
                    in_segment += 1
            if (tap + 1) % shape.stride == 0 or tap == n_taps - 1:
                n_listed += 1 if in_segment == 0 else 0
                in_segment = 0
    return values[:n_listed], columns[:n_listed], outputs[:n_listed]


@njit
def pe_stepped(row: I64, weights: I64, shape: RowShape, macs: int) -> PeRun:
    """Step one PE on one input row; the twin of :func:`~accel_sim.kernels.sparse.eyeriss_v2.row_work`.

    Parameters
    ----------
    row
        int64[c0, W]: activations.
    weights
        int64[m0, c0, S]: one filter row.
    shape
        How the filter row slides.
    macs
        Weights in a word.

    Notes
    -----
    Stages: activation address, activation data, weight address (all hold one activation), weight data (holds the
    activation whose words it reads), word register, products, psum write.
    """
    values, columns, outputs = _list_activations(row, weights.shape[2], shape)
    stored = _compress_weights(weights)
    psums = np.zeros((weights.shape[0], shape.n_outputs), dtype=np.int64)
    stage = np.full(3, NOTHING, dtype=np.int64)
    reading = NOTHING
    address = 0
    word_first = np.full(3, NOTHING, dtype=np.int64)
    word_stop = np.zeros(3, dtype=np.int64)
    word_owner = np.zeros(3, dtype=np.int64)
    next_activation = 0
    cycle = mac_cycles = n_macs = 0
    while True:
        # Psum write: the word that stands in the last register leaves the PE's pipeline.
        if word_first[2] != NOTHING:
            mac_cycles += 1
            owner = word_owner[2]
            for entry in range(word_first[2], word_stop[2]):
                psums[stored.channel[entry], outputs[owner]] += values[owner] * stored.value[entry]
                n_macs += 1
        for i in (2, 1):
            word_first[i], word_stop[i], word_owner[i] = word_first[i - 1], word_stop[i - 1], word_owner[i - 1]
        word_first[0] = NOTHING
        # Weight data: one word a clock.
        if reading != NOTHING:
            stop = stored.start[columns[reading] + 1]
            word_first[0], word_stop[0], word_owner[0] = address, min(address + macs, stop), reading
            address += macs
            if address >= stop:
                reading = NOTHING
        # Weight address: hands on an activation whose column has words, drops one whose column is empty.
        if stage[2] != NOTHING and columns[stage[2]] == NOTHING:
            stage[2] = NOTHING
        if stage[2] != NOTHING:
            first, stop = stored.start[columns[stage[2]]], stored.start[columns[stage[2]] + 1]
            if first == stop:
                stage[2] = NOTHING
            elif reading == NOTHING:
                reading = stage[2]
                address = first
                stage[2] = NOTHING
        for i in (2, 1):
            if stage[i] == NOTHING:
                stage[i] = stage[i - 1]
                stage[i - 1] = NOTHING
        if stage[0] == NOTHING and next_activation < values.shape[0]:
            stage[0] = next_activation
            next_activation += 1
        in_flight = reading != NOTHING or stage.max() != NOTHING or word_first.max() != NOTHING
        if not in_flight:
            break
        cycle += 1
    return PeRun(psums, cycle, mac_cycles, int(np.count_nonzero(columns != NOTHING)), n_macs)
