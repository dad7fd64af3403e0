"""A bitmap GEMM machine with flexible networks, like SIGMA (Qin et al., HPCA 2020) and its model in STONNE.

One operand is stationary: its non-zero values fill the multipliers, row after row, in folds. The columns of the other
operand stream past; every value that some multiplier needs is sent once, zero or not, so only zeros of the stationary
operand are skipped. A distribution network delivers the values, a forwarding adder network (FAN) sums each row's
products and hands the sum to a collection line, each of which takes one sum a cycle.

Rules found in STONNE's sources: folds of whole rows, a row that is larger than the array is cut and each later part
gives up one multiplier to carry the psum; a port serves a group of neighbouring multipliers, one multicast a cycle; two
neighbouring adders of a level that do not share a parent share a collection line; nothing overlaps between folds. The
non-blocking network, folds that cut rows anywhere and the drop of useless stationary values are the paper's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.bits import set_columns
from accel_sim.kernels.jit import njit

EMPTY = -1
CARRY = -2
FIXED_CYCLES = 5
"""Cycles of a fold beside sending and adding: configuration, second distribution register, multiply, write, and the
controller's notice that the fold is done."""


class SigmaSpec(NamedTuple):
    """The keys of a SIGMA-like array.

    ``n_multipliers`` a power of two; ``distribution_ports`` values sent a cycle; ``collection_lines`` sums written a
    cycle, 0 for a line to every sum. ``non_blocking``: any value reaches any multiplier (a Benes network) instead of
    one port a group of multipliers. ``cut_rows``: folds are filled to the last multiplier, psums of a cut row are added
    in the output buffer. ``drop_useless``: stationary values that meet only zeros are not loaded.
    """

    n_multipliers: int = 128
    distribution_ports: int = 64
    collection_lines: int = 64
    non_blocking: bool = False
    cut_rows: bool = False
    drop_useless: bool = False


class SigmaCounts(NamedTuple):
    """What one GEMM costs.

    ``total_cycles`` of all folds. ``n_multiplies`` products formed, ``n_effectual_macs`` those of two non-zero
    operands. ``multiplier_busy_cycles`` int64[n_multipliers] products of each multiplier. ``n_stationary_reads`` values
    loaded, ``n_streaming_reads`` non-zero values read to be sent, ``n_psum_reads`` psums read to go on with
    a cut row, by a multiplier that passes them on or in the output buffer. ``n_output_writes`` sums written, psums
    included.
    """

    total_cycles: int
    n_folds: int
    n_multiplies: int
    n_effectual_macs: int
    multiplier_busy_cycles: NDArray[np.int64]
    n_stationary_reads: int
    n_streaming_reads: int
    n_psum_reads: int
    n_output_writes: int


class Fold(NamedTuple):
    """One filling of the array: int64[n_multipliers] each.

    ``k`` the value's place in its row, or CARRY where the multiplier passes a psum on, or EMPTY; ``cluster`` which sum
    of the fold the multiplier belongs to, -1 for none; ``row`` which row of the operand that is.
    """

    k: NDArray[np.int64]
    cluster: NDArray[np.int64]
    row: NDArray[np.int64]


@njit
def new_fold(n_multipliers: int) -> Fold:
    """Return an empty fold."""
    empty = np.full(n_multipliers, -1, dtype=np.int64)
    return Fold(empty.copy(), empty.copy(), empty.copy())


@njit
def rows_of(words: NDArray[np.uint64], useful: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of the stationary values to load, and where each row begins among them.

    Parameters
    ----------
    words
        uint64[n_rows, ceil(K / 64)]: packed mask of the stationary operand.
    useful
        bool[K]: places that are worth loading.

    Returns
    -------
    places, start
        int64[nnz], int64[n_rows + 1]
    """
    start = np.zeros(words.shape[0] + 1, dtype=np.int64)
    places = np.empty(64 * words.size, dtype=np.int64)
    found = 0
    for row in range(words.shape[0]):
        for place in set_columns(words, row):
            if useful[place]:
                places[found] = place
                found += 1
        start[row + 1] = found
    return places[:found].copy(), start


@njit
def fill_fold(
    places: NDArray[np.int64], start: NDArray[np.int64], row: int, taken: int, fold: Fold, cut_rows: bool
) -> tuple[int, int]:
    """Fill the array from row ``row``, of which ``taken`` values are done; return the same for the next fold."""
    n_multipliers = fold.k.shape[0]
    fold.k[:] = -1
    fold.cluster[:] = -1
    used = 0
    cluster = 0
    continued = taken > 0 and not cut_rows
    if continued:
        fold.k[0] = CARRY
        fold.cluster[0] = 0
        fold.row[0] = row
        used = 1
    while row < start.shape[0] - 1 and used < n_multipliers:
        left = start[row + 1] - start[row] - taken
        room = n_multipliers - used
        whole_row_waits = left > room and not cut_rows and not continued and used > 0
        if whole_row_waits:
            break
        n_now = min(left, room)
        for i in range(n_now):
            fold.k[used] = places[start[row] + taken + i]
            fold.cluster[used] = cluster
            fold.row[used] = row
            used += 1
        if n_now > 0:
            cluster += 1
        if n_now < left:
            return row, taken + n_now
        row += 1
        taken = 0
        if continued:
            break
    return row, taken


@njit
def distinct(members: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the distinct values of int64[n] but EMPTY, ascending; a carried psum stands first."""
    ordered = np.sort(members)
    n_distinct = 0
    for value in ordered:
        if value != EMPTY and (n_distinct == 0 or ordered[n_distinct - 1] != value):
            ordered[n_distinct] = value
            n_distinct += 1
    return ordered[:n_distinct]


@njit
def send_times(fold: Fold, spec: SigmaSpec) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return offset and period of each multiplier: it gets its value of column n in clock ``offset + n * period``.

    Weights go first, then the columns, each as the ascending list of the distinct places that the group needs, a
    carried psum before them.
    """
    n_multipliers = fold.k.shape[0]
    offset = np.zeros(n_multipliers, dtype=np.int64)
    period = np.ones(n_multipliers, dtype=np.int64)
    group = n_multipliers if spec.non_blocking else max(1, n_multipliers // spec.distribution_ports)
    width = spec.distribution_ports if spec.non_blocking else 1
    for first in range(0, n_multipliers, group):
        members = fold.k[first : first + group]
        needed = distinct(members)
        load = -(-(members >= 0).sum() // width)
        for i in range(members.shape[0]):
            if members[i] != EMPTY:
                rank = np.searchsorted(needed, members[i])
                offset[first + i] = load + rank // width
                period[first + i] = max(1, -(-needed.shape[0] // width))
    return offset, period


@njit
def adder_of(first: int, last: int) -> tuple[int, int]:
    """Return (level, node) of the adder that completes the sum of inputs ``first`` to ``last``.

    On each level the inputs meet in pairs. Neighbouring nodes that do not share a parent (1 and 2, 3 and 4, ...) have a
    forwarding link: at an edge of the sum the node with fewer inputs hands its part to the other. So a sum shrinks from
    both edges on its way up and may be complete before the nodes' common parent. Level 0 is next to the multipliers.
    """
    level = 0
    while True:
        low, high = first // 2, last // 2
        if low % 2 == 1 and high > low:
            n_left, n_right = 2 * low + 2 - first, last - 2 * low - 1
            if n_left < n_right:
                low += 1
                first = 2 * low
            elif high == low + 1:
                high = low
        if high % 2 == 0 and high > low and 2 * high - first >= last - 2 * high + 1:
            high -= 1
        if low == high:
            return level, low
        first, last = low, high
        level += 1


@njit
def adder_levels(n_multipliers: int) -> int:
    """Return the levels of the adder network, each of which takes a clock."""
    n_levels = 0
    while 1 << n_levels < n_multipliers:
        n_levels += 1
    return n_levels


@njit
def collection_line(level: int, node: int, n_multipliers: int, n_lines: int) -> int:
    """Return the line on which an adder's sums leave.

    Counted from the root, level L has 2**L adders. Neighbours that do not share a parent (nodes 1 and 2, 3 and 4, ...)
    are one unit and share a line; units take the lines in turn, from the root down, then come the first and last
    adders of all levels.
    """
    n_levels = adder_levels(n_multipliers)
    from_root = n_levels - 1 - level
    n_units = (1 << (n_levels - 1)) - n_levels
    if from_root == 0:
        return 2 * n_units % n_lines
    if node == 0 or node == (1 << from_root) - 1:
        single = 2 * from_root + (1 if node > 0 else 0)
        return (single + 2 * n_units) % n_lines
    unit = (1 << (from_root - 1)) - from_root + (node + 1) // 2 - 1
    return unit % n_lines


@njit
def last_write(
    fold: Fold,
    offset: NDArray[np.int64],
    period: NDArray[np.int64],
    n_columns: int,
    n_lines: int,
) -> int:
    """Return the clock in which the last sum of a fold is written, less the constant time through the networks.

    A sum of column n is ready when its latest value has been sent. Lines serve one sum a clock; a line whose arrivals
    are ``a[0] <= a[1] <= ...`` writes its last in ``max over i of a[i] + (number of arrivals after i)``.
    """
    n_multipliers = fold.k.shape[0]
    n_clusters = fold.cluster.max() + 1
    line_of = np.zeros(n_clusters, dtype=np.int64)
    first_of = np.full(n_clusters + 1, n_multipliers, dtype=np.int64)
    for m in range(n_multipliers - 1, -1, -1):
        if fold.cluster[m] >= 0:
            first_of[fold.cluster[m]] = m
    stop_of = first_of[1:].copy()
    used = (fold.cluster >= 0).sum()
    stop_of[n_clusters - 1] = used
    for cluster in range(n_clusters):
        level, node = adder_of(first_of[cluster], stop_of[cluster] - 1)
        line_of[cluster] = collection_line(level, node, n_multipliers, n_lines) if n_lines > 0 else cluster
    latest = np.int64(0)
    clusters_on = np.zeros(line_of.max() + 1, dtype=np.int64)
    for cluster in range(n_clusters):
        clusters_on[line_of[cluster]] += 1
    for line in range(clusters_on.shape[0]):
        n_arrivals = 0
        arrivals = np.empty(n_columns * clusters_on[line], dtype=np.int64)
        for cluster in range(n_clusters):
            if line_of[cluster] != line:
                continue
            # Alone on its line a sum never waits, because sums of one cluster are at least a clock apart.
            for column in range(0 if clusters_on[line] > 1 else n_columns - 1, n_columns):
                ready = np.int64(0)
                for m in range(first_of[cluster], stop_of[cluster]):
                    ready = max(ready, offset[m] + column * period[m])
                arrivals[n_arrivals] = ready
                n_arrivals += 1
        ordered = np.sort(arrivals[:n_arrivals])
        for i in range(n_arrivals):
            latest = max(latest, ordered[i] + n_arrivals - 1 - i)
    return int(latest)


@njit
def sigma_gemm(
    stationary_words: NDArray[np.uint64], streaming_counts: NDArray[np.int64], n_columns: int, spec: SigmaSpec
) -> SigmaCounts:
    """Time a GEMM from the masks of its operands.

    Parameters
    ----------
    stationary_words
        uint64[n_rows, ceil(K / 64)]: packed mask of the stationary operand, K along the bits.
    streaming_counts
        int64[K]: non-zero values of the streaming operand at each place of K, over all its columns.
    n_columns
        Columns of the streaming operand.
    spec
        The array.
    """
    useful = np.ones(streaming_counts.shape[0], dtype=np.bool_)
    if spec.drop_useless:
        useful = streaming_counts > 0
    places, start = rows_of(stationary_words, useful)
    fold = new_fold(spec.n_multipliers)
    busy = np.zeros(spec.n_multipliers, dtype=np.int64)
    total_cycles = np.int64(0)
    fixed_cycles = FIXED_CYCLES + adder_levels(spec.n_multipliers)
    n_folds = 0
    n_streaming_reads = np.int64(0)
    n_psum_reads = 0
    n_output_writes = np.int64(0)
    row = 0
    taken = 0
    while row < start.shape[0] - 1:
        continues = taken > 0
        row, taken = fill_fold(places, start, row, taken, fold, spec.cut_rows)
        if fold.k[0] == EMPTY:
            continue
        offset, period = send_times(fold, spec)
        total_cycles += fixed_cycles + last_write(fold, offset, period, n_columns, spec.collection_lines) + 1
        n_folds += 1
        n_output_writes += (fold.cluster.max() + 1) * n_columns
        for place in distinct(fold.k):
            if place != CARRY:
                n_streaming_reads += streaming_counts[place]
        if continues:
            n_psum_reads += n_columns
        for m in range(spec.n_multipliers):
            if fold.k[m] >= 0:
                busy[m] += n_columns
    n_effectual = np.int64(0)
    for place in places:
        n_effectual += streaming_counts[place]
    return SigmaCounts(
        int(total_cycles),
        n_folds,
        places.shape[0] * n_columns,
        int(n_effectual),
        busy,
        places.shape[0],
        int(n_streaming_reads),
        n_psum_reads,
        int(n_output_writes),
    )
