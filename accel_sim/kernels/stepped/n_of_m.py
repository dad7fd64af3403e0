"""The stepped N:M tensor core: metadata pick operands of B for stored values of A, a slice of K a clock."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.n_of_m import TensorCoreSpec

I64 = NDArray[np.int64]


class TensorCoreRun(NamedTuple):
    """What the stepped cores did.

    ``outputs`` int64[n_rows, n_columns]. ``n_effectual_macs`` non-zero products. ``products_by_place`` int64[K]:
    products of the values at each place of K, fillers of the stored form included. ``a_values``, ``b_values``
    delivered.
    """

    outputs: I64
    total_cycles: int
    n_instructions: int
    n_effectual_macs: int
    products_by_place: I64
    a_values: int
    b_values: int


@njit
def store_groups(a: I64, n: int, m: int) -> tuple[I64, I64]:
    """Return stored values and places of int64[rows, K]: ``n`` of each group of ``m``, in ascending order.

    Where fewer of a group are not zero, its first zeros are stored with them: places differ, as the hardware wants it.
    """
    n_groups = (a.shape[1] + m - 1) // m
    values = np.zeros((a.shape[0], n_groups * n), dtype=np.int64)
    places = np.zeros((a.shape[0], n_groups * n), dtype=np.int64)
    for row in range(a.shape[0]):
        for group in range(n_groups):
            first, stop = group * m, min((group + 1) * m, a.shape[1])
            fillers = n - np.count_nonzero(a[row, first:stop])
            stored = group * n
            for place in range(first, first + m):
                is_kept = place < stop and a[row, place] != 0
                if is_kept or fillers > 0:
                    values[row, stored] = a[row, place] if is_kept else 0
                    places[row, stored] = place % m
                    stored += 1
                    fillers -= 0 if is_kept else 1
    return values, places


@njit
def tensor_core_stepped(a: I64, b: I64, sparse: bool, spec: TensorCoreSpec) -> TensorCoreRun:
    """Step a GEMM; the twin of :func:`~accel_sim.kernels.sparse.n_of_m.tensor_core_gemm` without a bandwidth limit.

    Parameters
    ----------
    a, b
        int64[n_rows, K], with at most ``n`` non-zero values in each group where ``sparse``, and int64[K, n_columns].
    sparse
        A is stored N:M.
    spec
        The cores; the multipliers of a core take ``macs`` products a clock, whole columns of an instruction's A.
    """
    n, m = (spec.n, spec.m) if sparse else (1, 1)
    values, places = store_groups(a, n, m)
    outputs = np.zeros((a.shape[0], b.shape[1]), dtype=np.int64)
    columns_a_clock = max(1, spec.macs // (spec.mma_m * spec.mma_n))
    clocks = np.zeros(spec.n_cores, dtype=np.int64)
    by_place = np.zeros(b.shape[0], dtype=np.int64)
    n_instructions = n_effectual = a_values = b_values = 0
    core = 0
    for top in range(0, a.shape[0], spec.mma_m):
        for left in range(0, b.shape[1], spec.mma_n):
            for first in range(0, values.shape[1], spec.mma_k):
                n_instructions += 1
                a_values += spec.mma_m * spec.mma_k
                b_values += spec.mma_k * m // n * spec.mma_n
                for slice_first in range(first, first + spec.mma_k, columns_a_clock):
                    clocks[core] += 1
                    for stored in range(slice_first, min(slice_first + columns_a_clock, values.shape[1])):
                        for row in range(top, min(top + spec.mma_m, a.shape[0])):
                            place = stored // n * m + places[row, stored]
                            # A stored filler may point past the end of K; it multiplies nothing.
                            if place >= b.shape[0]:
                                continue
                            stop = min(left + spec.mma_n, b.shape[1])
                            by_place[place] += stop - left
                            for column in range(left, stop):
                                product = values[row, stored] * b[place, column]
                                outputs[row, column] += product
                                n_effectual += 1 if product != 0 else 0
            core = (core + 1) % spec.n_cores
    return TensorCoreRun(outputs, int(clocks.max()), n_instructions, n_effectual, by_place, a_values, b_values)
