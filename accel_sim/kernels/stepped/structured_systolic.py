"""The stepped N:M systolic array: weights shift down, blocks of activations right, psums down, a PE a clock."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.structured_systolic import StructuredSpec
from accel_sim.kernels.stepped.n_of_m import store_groups

I64 = NDArray[np.int64]


class StructuredRun(NamedTuple):
    """What the stepped array did: ``outputs`` int64[n_rows, n_columns], ``n_effectual_macs`` non-zero products.

    ``n_weights`` stored values that entered at the top, ``n_activations`` values that entered at the left edge.
    """

    outputs: I64
    total_cycles: int
    n_folds: int
    n_slots: int
    n_effectual_macs: int
    n_psum_writes: int
    n_psum_reads: int
    n_weights: int
    n_activations: int


@njit
def _run_fold(blocks: I64, values: I64, places: I64, spec: StructuredSpec) -> tuple[I64, int, int, int, int]:
    """Run one fold; return its psums, clocks, multiplies, non-zero products, and activations fed.

    Parameters
    ----------
    blocks
        int64[n_rows, groups, m]: the activations.
    values, places
        int64[rows, cols]: stored weights and their places in the group.
    spec
        The array.
    """
    n_rows, _, m = blocks.shape
    rows, cols = values.shape
    weight = np.zeros((rows, cols), dtype=np.int64)
    place = np.zeros((rows, cols), dtype=np.int64)
    block = np.zeros((rows, cols, m), dtype=np.int64)
    sample = np.full((rows, cols), -1, dtype=np.int64)
    psum = np.zeros((rows, cols), dtype=np.int64)
    results = np.zeros((n_rows, cols), dtype=np.int64)
    clock = n_slots = n_effectual = n_out = n_fed = 0
    for step in range(rows):
        # Load: a row of weights enters at the top each clock, the last row first.
        for i in range(rows - 1, 0, -1):
            weight[i] = weight[i - 1]
            place[i] = place[i - 1]
        weight[0] = values[rows - 1 - step]
        place[0] = places[rows - 1 - step]
        clock += 1
    start = clock
    while n_out < n_rows * cols:
        for i in range(rows - 1, -1, -1):
            for j in range(cols - 1, -1, -1):
                # Row i is fed one clock after row i - 1; block and psum come from the left and upper neighbours.
                if j > 0:
                    sample[i, j] = sample[i, j - 1]
                    block[i, j] = block[i, j - 1]
                else:
                    entering = clock - start - i
                    sample[i, j] = entering if 0 <= entering < n_rows else -1
                    if sample[i, j] >= 0:
                        block[i, j] = blocks[entering, i // spec.n]
                        # All rows of a group are fed by the same port.
                        n_fed += m if i % spec.n == 0 else 0
                if sample[i, j] >= 0:
                    above = psum[i - 1, j] if i > 0 else 0
                    product = weight[i, j] * block[i, j, place[i, j]]
                    psum[i, j] = above + product
                    n_slots += 1
                    n_effectual += 1 if product != 0 else 0
                    if i == rows - 1:
                        results[sample[i, j], j] = psum[i, j]
                        n_out += 1
        clock += 1
    return results, clock, n_slots, n_effectual, n_fed


@njit
def structured_stepped(activations: I64, weights: I64, spec: StructuredSpec) -> StructuredRun:
    """Step a GEMM; the twin of :func:`~accel_sim.kernels.sparse.structured_systolic.structured_gemm`.

    Parameters
    ----------
    activations
        int64[n_rows, K].
    weights
        int64[K, n_columns], at most ``n`` non-zero values in every group of ``m`` places of a column.
    spec
        The array.
    """
    n_rows, n_places = activations.shape
    n_columns = weights.shape[1]
    by_column, place_by_column = store_groups(np.ascontiguousarray(weights.T), spec.n, spec.m)
    n_groups = (n_places + spec.m - 1) // spec.m
    blocks = np.zeros((n_rows, n_groups, spec.m), dtype=np.int64)
    for x in range(n_places):
        blocks[:, x // spec.m, x % spec.m] = activations[:, x]
    outputs = np.zeros((n_rows, n_columns), dtype=np.int64)
    clocks = n_folds = n_slots = n_effectual = n_psum_writes = n_psum_reads = n_weights = n_activations = 0
    groups_a_fold = spec.rows // spec.n
    for first_group in range(0, n_groups, groups_a_fold):
        stop_group = min(n_groups, first_group + groups_a_fold)
        for first in range(0, n_columns, spec.cols):
            stop = min(n_columns, first + spec.cols)
            held = slice(first_group * spec.n, stop_group * spec.n)
            values = np.ascontiguousarray(by_column[first:stop, held].T)
            places = np.ascontiguousarray(place_by_column[first:stop, held].T)
            part = np.ascontiguousarray(blocks[:, first_group:stop_group])
            results, fold_clocks, slots, effectual, fed = _run_fold(part, values, places, spec)
            if first_group > 0:
                n_psum_reads += results.size
            outputs[:, first:stop] += results
            n_weights += values.size
            n_activations += fed
            clocks += fold_clocks
            n_folds += 1
            n_slots += slots
            n_effectual += effectual
            n_psum_writes += results.size
    return StructuredRun(
        outputs, clocks, n_folds, n_slots, n_effectual, n_psum_writes, n_psum_reads, n_weights, n_activations
    )
