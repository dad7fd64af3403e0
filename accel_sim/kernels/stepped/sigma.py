"""The stepped SIGMA-like array: values hop through the distribution registers, sums through the adders, clock by clock.

Folds, adders and lines are what the controller configures, so they come from the same functions as in the fast path;
everything that happens in time is this module's own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.sigma import (
    CARRY,
    EMPTY,
    Fold,
    SigmaSpec,
    adder_levels,
    adder_of,
    collection_line,
    fill_fold,
    new_fold,
)

I64 = NDArray[np.int64]
NOTHING = -1
WEIGHT = -2
MULTIPLIES, EFFECTUAL, STATIONARY_READS, STREAMING_READS, PSUM_READS, OUTPUT_WRITES = range(6)


class SigmaRun(NamedTuple):
    """What the stepped array did.

    ``outputs`` int64[n_rows, n_columns]. ``multiplier_busy_cycles`` int64[n_multipliers]. ``events`` int64[6]: counts
    in the order of this module's constants.
    """

    outputs: I64
    total_cycles: int
    n_folds: int
    multiplier_busy_cycles: I64
    events: I64


class _Multipliers(NamedTuple):
    """Registers of the multipliers, int64[n_multipliers] unless noted.

    ``first_tag``, ``first_value`` and ``second_tag``, ``second_value``: the two distribution registers; a tag is the
    column of the value, WEIGHT or NOTHING. ``weight`` the stationary value. ``product`` int64[n_multipliers, n_columns]
    and ``n_products`` how many of them are formed.
    """

    first_tag: I64
    first_value: I64
    second_tag: I64
    second_value: I64
    weight: I64
    product: I64
    n_products: I64


@njit
def _needed(members: I64) -> I64:
    """Return the places that a group of multipliers needs of every column, a carried psum first."""
    out = np.empty(members.shape[0], dtype=np.int64)
    n_needed = 0
    last = CARRY - 1
    while True:
        best = EMPTY
        for place in members:
            if place != EMPTY and place > last and (best == EMPTY or place < best):
                best = place
        if best == EMPTY:
            return out[:n_needed]
        out[n_needed] = best
        n_needed += 1
        last = best


@njit
def _send(
    fold: Fold,
    first: int,
    stop: int,
    clock: int,
    operands: tuple[I64, I64, I64],
    width: int,
    array: _Multipliers,
    fetched: NDArray[np.bool_],
    events: I64,
) -> None:
    """Put this clock's values of one group of multipliers into its first registers.

    The group's port sends ``width`` values a clock: all weights, then column after column; a clock holds values of one
    column only.
    """
    stationary, streaming, outputs = operands
    n_weights = 0
    for m in range(first, stop):
        n_weights += 1 if fold.k[m] >= 0 else 0
    load_clocks = (n_weights + width - 1) // width
    if clock < load_clocks:
        nth = 0
        for m in range(first, stop):
            if fold.k[m] >= 0:
                if nth // width == clock:
                    array.first_tag[m] = WEIGHT
                    array.first_value[m] = stationary[fold.row[m], fold.k[m]]
                    events[STATIONARY_READS] += 1
                nth += 1
        return
    needed = _needed(fold.k[first:stop])
    if needed.shape[0] == 0:
        return
    clocks_a_column = (needed.shape[0] + width - 1) // width
    column = (clock - load_clocks) // clocks_a_column
    if column >= streaming.shape[0]:
        return
    first_sent = (clock - load_clocks) % clocks_a_column * width
    for place in needed[first_sent : first_sent + width]:
        if place == CARRY:
            events[PSUM_READS] += 1
        elif streaming[column, place] != 0 and not fetched[column, place]:
            fetched[column, place] = True
            events[STREAMING_READS] += 1
        for m in range(first, stop):
            if fold.k[m] == place:
                array.first_tag[m] = column
                array.first_value[m] = outputs[fold.row[m], column] if place == CARRY else streaming[column, place]


@njit
def _multiply(fold: Fold, m: int, array: _Multipliers, busy: I64, events: I64) -> None:
    """Let a multiplier use its second register, and move the first one on."""
    tag = array.second_tag[m]
    if tag == WEIGHT:
        array.weight[m] = array.second_value[m]
    elif tag >= 0:
        if fold.k[m] == CARRY:
            array.product[m, tag] = array.second_value[m]
        else:
            array.product[m, tag] = array.weight[m] * array.second_value[m]
            busy[m] += 1
            events[MULTIPLIES] += 1
            if array.product[m, tag] != 0:
                events[EFFECTUAL] += 1
        array.n_products[m] += 1
    array.second_tag[m] = array.first_tag[m]
    array.second_value[m] = array.first_value[m]
    array.first_tag[m] = NOTHING


@njit
def _run_fold(
    fold: Fold, operands: tuple[I64, I64, I64], spec: SigmaSpec, busy: I64, events: I64
) -> int:
    """Run one fold to its last write; return its clocks."""
    n_multipliers = spec.n_multipliers
    outputs = operands[2]
    n_columns = outputs.shape[1]
    empty = np.full(n_multipliers, NOTHING, dtype=np.int64)
    array = _Multipliers(
        empty.copy(),
        empty.copy(),
        empty.copy(),
        empty.copy(),
        np.zeros(n_multipliers, dtype=np.int64),
        np.zeros((n_multipliers, n_columns), dtype=np.int64),
        np.zeros(n_multipliers, dtype=np.int64),
    )
    fetched = np.zeros((n_columns, operands[1].shape[1]), dtype=np.bool_)
    n_clusters = fold.cluster.max() + 1
    n_summed = np.zeros(n_clusters, dtype=np.int64)
    n_written = np.zeros(n_clusters, dtype=np.int64)
    leaves_adders = np.zeros((n_clusters, n_columns), dtype=np.int64)
    sums = np.zeros((n_clusters, n_columns), dtype=np.int64)
    group = n_multipliers if spec.non_blocking else max(1, n_multipliers // spec.distribution_ports)
    width = spec.distribution_ports if spec.non_blocking else 1
    # Clock 0 configures the networks; the first value is sent in clock 1.
    clock = 0
    while n_written.sum() < n_clusters * n_columns:
        clock += 1
        for line in range(spec.collection_lines if spec.collection_lines > 0 else n_clusters):
            chosen = NOTHING
            for cluster in range(n_clusters):
                members = np.flatnonzero(fold.cluster == cluster)
                level, node = adder_of(members[0], members[-1])
                own_line = cluster
                if spec.collection_lines > 0:
                    own_line = collection_line(level, node, n_multipliers, spec.collection_lines)
                if own_line != line:
                    continue
                column = n_written[cluster]
                waits = column < n_summed[cluster] and leaves_adders[cluster, column] <= clock
                if waits and (
                    chosen == NOTHING
                    or leaves_adders[cluster, column] < leaves_adders[chosen, n_written[chosen]]
                ):
                    chosen = cluster
            if chosen != NOTHING:
                row = fold.row[np.flatnonzero(fold.cluster == chosen)[0]]
                if spec.cut_rows:
                    outputs[row, n_written[chosen]] += sums[chosen, n_written[chosen]]
                else:
                    outputs[row, n_written[chosen]] = sums[chosen, n_written[chosen]]
                n_written[chosen] += 1
                events[OUTPUT_WRITES] += 1
        for cluster in range(n_clusters):
            column = n_summed[cluster]
            complete = column < n_columns
            total = np.int64(0)
            for m in range(n_multipliers):
                if complete and fold.cluster[m] == cluster:
                    complete = array.n_products[m] > column
                    total += array.product[m, column]
            if complete:
                sums[cluster, column] = total
                leaves_adders[cluster, column] = clock + adder_levels(n_multipliers)
                n_summed[cluster] += 1
        for m in range(n_multipliers):
            _multiply(fold, m, array, busy, events)
        for first in range(0, n_multipliers, group):
            _send(fold, first, first + group, clock - 1, operands, width, array, fetched, events)
    # One clock to configure, one for the controller to notice the last write.
    return clock + 2


@njit
def sigma_stepped(stationary: I64, streaming: I64, spec: SigmaSpec) -> SigmaRun:
    """Step a GEMM; the twin of :func:`~accel_sim.kernels.sparse.sigma.sigma_gemm`.

    Parameters
    ----------
    stationary, streaming
        int64[n_rows, K] and int64[n_columns, K]; the output is ``stationary @ streaming.T``.
    spec
        The array.
    """
    n_rows, n_places = stationary.shape
    outputs = np.zeros((n_rows, streaming.shape[0]), dtype=np.int64)
    busy = np.zeros(spec.n_multipliers, dtype=np.int64)
    events = np.zeros(6, dtype=np.int64)
    places = np.zeros(np.count_nonzero(stationary), dtype=np.int64)
    start = np.zeros(n_rows + 1, dtype=np.int64)
    n_loaded = 0
    for row in range(n_rows):
        for place in range(n_places):
            useless = spec.drop_useless and not np.any(streaming[:, place] != 0)
            if stationary[row, place] != 0 and not useless:
                places[n_loaded] = place
                n_loaded += 1
        start[row + 1] = n_loaded
    fold = new_fold(spec.n_multipliers)
    total_cycles = 0
    n_folds = 0
    row = 0
    taken = 0
    while row < n_rows:
        row, taken = fill_fold(places, start, row, taken, fold, spec.cut_rows)
        if fold.k[0] != EMPTY:
            total_cycles += _run_fold(fold, (stationary, streaming, outputs), spec, busy, events)
            n_folds += 1
    return SigmaRun(outputs, total_cycles, n_folds, busy, events)
