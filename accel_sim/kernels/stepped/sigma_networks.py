"""The stepped SIGMA-like array's controller: which weights a fold holds, which adder ends a sum, which line takes it.

Nothing here comes from the fast path: weights are placed one by one, adders are followed level by level, and lines are
dealt out adder by adder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.sigma import CARRY, Fold

I64 = NDArray[np.int64]


@njit
def load_fold(places: I64, start: I64, row: int, taken: int, fold: Fold, cut_rows: bool) -> tuple[int, int]:
    """Place weights in the multipliers until the fold is full; return the row to go on with, and its weights done.

    Parameters
    ----------
    places, start
        int64[nnz], int64[n_rows + 1]: the weights' places along K, and where each row begins.
    row, taken
        The row to go on with, of which ``taken`` weights are done.
    fold
        Filled. A row that begins waits for the next fold if it does not fit, unless rows are cut anywhere; one that no
        fold holds goes on in folds of its own, in which the first multiplier passes the psum on.
    """
    n_multipliers, n_rows = fold.k.shape[0], start.shape[0] - 1
    fold.k[:] = -1
    fold.cluster[:] = -1
    free, cluster = 0, -1
    is_alone = taken > 0 and not cut_rows
    if is_alone:
        fold.k[0], fold.cluster[0], fold.row[0] = CARRY, 0, row
        free, cluster = 1, 0
    holds = row if is_alone else -1
    while row < n_rows and free < n_multipliers:
        if start[row] + taken == start[row + 1]:
            row, taken = row + 1, 0
            continue
        if row != holds:
            must_wait = not cut_rows and start[row + 1] - start[row] > n_multipliers - free
            if is_alone or (must_wait and free > 0):
                break
            holds = row
            cluster += 1
        fold.k[free], fold.cluster[free], fold.row[free] = places[start[row] + taken], cluster, row
        free += 1
        taken += 1
    if row < n_rows and start[row] + taken == start[row + 1]:
        row, taken = row + 1, 0
    return row, taken


@njit
def last_adder(first: int, stop: int) -> tuple[int, int]:
    """Return (level, node) of the adder in which the products of multipliers ``first`` to ``stop`` become one.

    Parts move up from adder ``i`` to ``i // 2``. On the way an adder at an edge of the sum whose neighbour belongs to
    another parent hands its part over to that neighbour: the left edge if it has fewer parts than all the others, the
    right edge if it does not have more.
    """
    parts = np.ones(stop - first, dtype=np.int64)
    position, level = first, 0
    while True:
        n_nodes = (position + parts.shape[0] - 1) // 2 - position // 2 + 1
        above = np.zeros(n_nodes, dtype=np.int64)
        for i in range(parts.shape[0]):
            above[(position + i) // 2 - position // 2] += 1
        left, right = 0, n_nodes
        low = position // 2
        if low % 2 == 1 and right - left > 1:
            others = above[1:].sum()
            if above[0] < others:
                left = 1
            elif n_nodes == 2:
                right = 1
        if right - left > 1 and (low + right - 1) % 2 == 0 and above[left : right - 1].sum() >= above[right - 1]:
            right -= 1
        position = low + left
        parts = np.ones(right - left, dtype=np.int64)
        if parts.shape[0] == 1:
            return level, position
        level += 1


@njit
def deal_lines(n_levels: int, n_lines: int) -> I64:
    """Return int64[n_levels, n_nodes]: the collection line of every adder, level 0 next to the multipliers.

    From the root down, neighbours that do not share a parent take a line together. Then the first and the last adder of
    every level take one each, two lines on for every pair dealt before; the root counts as two.
    """
    lines = np.zeros((n_levels, 1 << (n_levels - 1)), dtype=np.int64)
    n_pairs = 0
    for from_root in range(n_levels):
        for node in range(1, (1 << from_root) - 1, 2):
            lines[n_levels - 1 - from_root, node : node + 2] = n_pairs % n_lines
            n_pairs += 1
    dealt = 2 * n_pairs
    for from_root in range(n_levels):
        last = (1 << from_root) - 1
        lines[n_levels - 1 - from_root, last] = (dealt + 1) % n_lines
        lines[n_levels - 1 - from_root, 0] = dealt % n_lines
        dealt += 2
    return lines
