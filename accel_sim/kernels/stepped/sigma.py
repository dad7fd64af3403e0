"""The stepped SIGMA-like array: values hop through the distribution registers, sums through the adders, clock by clock.

What the controller sets up for a fold is in `sigma_networks`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.sigma import CARRY, EMPTY, Fold, SigmaSpec
from accel_sim.kernels.stepped.sigma_networks import deal_lines, last_adder, load_fold

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


class _Wiring(NamedTuple):
    """What the controller sets up for a fold.

    ``first``, ``stop``, ``line`` int64[n_clusters]: the multipliers of each sum, and the collection line that takes it.
    ``needed`` int64[n_multipliers]: what each group of multipliers needs of every column, from the group's first place
    on; ``n_needed``, ``n_weights`` int64[n_groups]. ``group`` multipliers, of ``width`` values a clock.
    """

    first: I64
    stop: I64
    line: I64
    needed: I64
    n_needed: I64
    n_weights: I64
    group: int
    width: int


@njit
def _wire(fold: Fold, lines: I64, spec: SigmaSpec) -> _Wiring:
    """Read the networks' settings off a fold; ``lines`` as `sigma_networks.deal_lines` has them, if there are any."""
    n_multipliers = spec.n_multipliers
    n_clusters = fold.cluster.max() + 1
    first = np.full(n_clusters, n_multipliers, dtype=np.int64)
    stop = np.zeros(n_clusters, dtype=np.int64)
    line = np.arange(n_clusters)
    for m in range(n_multipliers):
        cluster = fold.cluster[m]
        if cluster >= 0:
            first[cluster] = min(first[cluster], m)
            stop[cluster] = m + 1
    if spec.collection_lines > 0:
        for cluster in range(n_clusters):
            level, node = last_adder(first[cluster], stop[cluster])
            line[cluster] = lines[level, node]
    group = n_multipliers if spec.non_blocking else max(1, n_multipliers // spec.distribution_ports)
    width = spec.distribution_ports if spec.non_blocking else 1
    needed = np.empty(n_multipliers, dtype=np.int64)
    n_groups = (n_multipliers + group - 1) // group
    n_needed = np.zeros(n_groups, dtype=np.int64)
    n_weights = np.zeros(n_groups, dtype=np.int64)
    for at in range(n_groups):
        members = fold.k[at * group : (at + 1) * group]
        own = _needed(members)
        needed[at * group : at * group + own.shape[0]] = own
        n_needed[at] = own.shape[0]
        n_weights[at] = np.sum(members >= 0)
    return _Wiring(first, stop, line, needed, n_needed, n_weights, group, width)


@njit
def _send(
    fold: Fold,
    wiring: _Wiring,
    clock: int,
    operands: tuple[I64, I64, I64],
    array: _Multipliers,
    fetched: NDArray[np.bool_],
    events: I64,
) -> None:
    """Put this clock's values of each group of multipliers into their first registers.

    A group's port sends ``width`` values a clock: all weights, then column after column; a clock holds values of one
    column only.
    """
    stationary, streaming, outputs = operands
    n_multipliers, width = fold.k.shape[0], wiring.width
    for at in range(wiring.n_needed.shape[0]):
        first, stop = at * wiring.group, min((at + 1) * wiring.group, n_multipliers)
        load_clocks = (wiring.n_weights[at] + width - 1) // width
        if clock < load_clocks:
            nth = 0
            for m in range(first, stop):
                if fold.k[m] >= 0:
                    if nth // width == clock:
                        array.first_tag[m] = WEIGHT
                        array.first_value[m] = stationary[fold.row[m], fold.k[m]]
                        events[STATIONARY_READS] += 1
                    nth += 1
            continue
        n_needed = wiring.n_needed[at]
        if n_needed == 0:
            continue
        clocks_a_column = (n_needed + width - 1) // width
        column = (clock - load_clocks) // clocks_a_column
        if column >= streaming.shape[0]:
            continue
        sent = (clock - load_clocks) % clocks_a_column * width
        for i in range(first + sent, first + min(sent + width, n_needed)):
            place = wiring.needed[i]
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
def _multiply(fold: Fold, array: _Multipliers, busy: I64, events: I64) -> None:
    """Let every multiplier use its second register, and move the first one on."""
    for m in range(fold.k.shape[0]):
        tag = array.second_tag[m]
        if tag == WEIGHT:
            array.weight[m] = array.second_value[m]
        elif tag >= 0:
            product = array.second_value[m]
            if fold.k[m] != CARRY:
                product *= array.weight[m]
                busy[m] += 1
                events[MULTIPLIES] += 1
                events[EFFECTUAL] += 1 if product != 0 else 0
            array.product[m, tag] = product
            array.n_products[m] += 1
        array.second_tag[m] = array.first_tag[m]
        array.second_value[m] = array.first_value[m]
        array.first_tag[m] = NOTHING


class _Sums(NamedTuple):
    """Sums of a fold on their way out.

    ``value``, ``ready`` int64[n_clusters, n_columns]: each sum, and the clock in which it leaves the adders.
    ``n_summed``, ``n_written`` int64[n_clusters]: how many columns have entered the adders and been written. ``begun``
    bool[n_rows, n_columns]: outputs of which a part has been written, in this fold or before.
    ``chosen`` int64[n_lines]: the sum that each line takes in this clock.
    """

    value: I64
    ready: I64
    n_summed: I64
    n_written: I64
    chosen: I64
    begun: NDArray[np.bool_]


@njit
def _write(fold: Fold, wiring: _Wiring, sums: _Sums, clock: int, outputs: I64, cut_rows: bool, events: I64) -> None:
    """Let every line take the sum that has waited longest for it, the first of several; parts of a cut row add up."""
    sums.chosen[:] = NOTHING
    for cluster in range(wiring.first.shape[0]):
        column, line = sums.n_written[cluster], wiring.line[cluster]
        if column >= sums.n_summed[cluster] or sums.ready[cluster, column] > clock:
            continue
        other = sums.chosen[line]
        if other == NOTHING or sums.ready[cluster, column] < sums.ready[other, sums.n_written[other]]:
            sums.chosen[line] = cluster
    for cluster in sums.chosen:
        if cluster == NOTHING:
            continue
        row, column = fold.row[wiring.first[cluster]], sums.n_written[cluster]
        outputs[row, column] = sums.value[cluster, column] + (outputs[row, column] if cut_rows else 0)
        if cut_rows and sums.begun[row, column]:
            events[PSUM_READS] += 1
        sums.begun[row, column] = True
        sums.n_written[cluster] += 1
        events[OUTPUT_WRITES] += 1


@njit
def _add(wiring: _Wiring, array: _Multipliers, sums: _Sums, clock: int, n_levels: int) -> None:
    """Let a sum enter the adders once all its products are there."""
    for cluster in range(wiring.first.shape[0]):
        column = sums.n_summed[cluster]
        if column == sums.value.shape[1]:
            continue
        is_complete = True
        total = np.int64(0)
        for m in range(wiring.first[cluster], wiring.stop[cluster]):
            if array.n_products[m] <= column:
                is_complete = False
                break
            total += array.product[m, column]
        if is_complete:
            sums.value[cluster, column] = total
            sums.ready[cluster, column] = clock + n_levels
            sums.n_summed[cluster] += 1


@njit
def _run_fold(
    fold: Fold,
    operands: tuple[I64, I64, I64],
    begun: NDArray[np.bool_],
    lines: I64,
    spec: SigmaSpec,
    busy: I64,
    events: I64,
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
    wiring = _wire(fold, lines, spec)
    n_clusters = wiring.first.shape[0]
    sums = _Sums(
        np.zeros((n_clusters, n_columns), dtype=np.int64),
        np.zeros((n_clusters, n_columns), dtype=np.int64),
        np.zeros(n_clusters, dtype=np.int64),
        np.zeros(n_clusters, dtype=np.int64),
        np.zeros(wiring.line.max() + 1, dtype=np.int64),
        begun,
    )
    n_levels = lines.shape[0]
    n_left = n_clusters * n_columns
    # Clock 0 configures the networks; the first value is sent in clock 1.
    clock = 0
    while n_left > 0:
        clock += 1
        before = events[OUTPUT_WRITES]
        _write(fold, wiring, sums, clock, outputs, spec.cut_rows, events)
        n_left -= events[OUTPUT_WRITES] - before
        _add(wiring, array, sums, clock, n_levels)
        _multiply(fold, array, busy, events)
        _send(fold, wiring, clock - 1, operands, array, fetched, events)
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
    begun = np.zeros(outputs.shape, dtype=np.bool_)
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
    n_levels = 1
    while 2**n_levels < spec.n_multipliers:
        n_levels += 1
    lines = deal_lines(n_levels, max(1, spec.collection_lines))
    fold = Fold(
        np.empty(spec.n_multipliers, dtype=np.int64),
        np.empty(spec.n_multipliers, dtype=np.int64),
        np.empty(spec.n_multipliers, dtype=np.int64),
    )
    total_cycles = 0
    n_folds = 0
    row = 0
    taken = 0
    while row < n_rows:
        row, taken = load_fold(places, start, row, taken, fold, spec.cut_rows)
        if fold.k[0] != EMPTY:
            total_cycles += _run_fold(fold, (stationary, streaming, outputs), begun, lines, spec, busy, events)
            n_folds += 1
    return SigmaRun(outputs, total_cycles, n_folds, busy, events)
