"""A weight-stationary systolic array with N:M weights: each group of rows takes blocks of M activations.

Weights are compressed along K: a group of ``m`` places becomes ``n`` rows of the array, whose PEs hold a value
and the place it came from. All ``n`` rows of a group are fed the same block of ``m`` activations, and each PE
selects its own; psums flow down as in the dense array. So a fold covers ``m / n`` times as much of K, in the
cycles of a dense fold of equal rows, while the ports on the left edge are m / n times as wide. With n = m it is
the dense array (the fold time of SCALE-Sim, Samajdar et al., ISPASS 2020: load, stream, skew).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.n_of_m import index_bits


class StructuredSpec(NamedTuple):
    """The keys of the array: ``rows`` x ``cols`` PEs, ``n`` and ``m`` of the sparsity, ``value_bits`` of a weight."""

    rows: int = 32
    cols: int = 32
    n: int = 2
    m: int = 4
    value_bits: int = 8


class StructuredCounts(NamedTuple):
    """What one GEMM costs.

    ``total_cycles`` of all folds, loads included. ``n_folds``. ``n_slots`` multiplies, fillers included.
    ``n_weight_reads`` stored values loaded, ``n_metadata_bits`` their places; ``n_activation_reads`` activations fed,
    ``n_psum_reads`` and ``n_psum_writes`` at the bottom edge; ``pe_cycles`` int64[rows * cols] cycles in which each PE
    multiplies.
    """

    total_cycles: int
    n_folds: int
    n_slots: int
    n_weight_reads: int
    n_metadata_bits: int
    n_activation_reads: int
    n_psum_reads: int
    n_psum_writes: int
    pe_cycles: NDArray[np.int64]


@njit
def structured_gemm(n_rows: int, n_columns: int, k: int, spec: StructuredSpec) -> StructuredCounts:
    """Time a GEMM of activations (``n_rows x k``) and N:M weights (``k x n_columns``).

    Parameters
    ----------
    n_rows, n_columns, k
        Sizes of the GEMM; the caller has made sure that the weights' mask is N:M along K.
    spec
        The array; ``rows`` must hold at least one group.
    """
    n_groups = -(-k // spec.m)
    groups_a_fold = spec.rows // spec.n
    total_cycles = 0
    n_folds = 0
    n_slots = 0
    n_weights = 0
    n_activations = 0
    n_psum_reads = 0
    n_psum_writes = 0
    pe_cycles = np.zeros((spec.rows, spec.cols), dtype=np.int64)
    for first_group in range(0, n_groups, groups_a_fold):
        groups = min(groups_a_fold, n_groups - first_group)
        rows_used = groups * spec.n
        for first_column in range(0, n_columns, spec.cols):
            cols_used = min(spec.cols, n_columns - first_column)
            total_cycles += rows_used + n_rows + rows_used - 1 + cols_used - 1
            n_folds += 1
            n_slots += n_rows * rows_used * cols_used
            pe_cycles[:rows_used, :cols_used] += n_rows
            n_weights += rows_used * cols_used
            n_activations += n_rows * groups * spec.m
            n_psum_writes += n_rows * cols_used
            if first_group > 0:
                n_psum_reads += n_rows * cols_used
    return StructuredCounts(
        total_cycles,
        n_folds,
        n_slots,
        n_weights,
        n_weights * index_bits(spec.m) if spec.n < spec.m else 0,
        n_activations,
        n_psum_reads,
        n_psum_writes,
        pe_cycles.ravel(),
    )
