"""A tensor core that skips zeros of both operands by outer products (DSTC, Wang et al., ISCA 2021).

A unit owns an output tile. For each place of K it condenses the tile's column of A and row of B to their non-zero
values and multiplies them in steps of ``step_m x step_n`` products, one step a cycle: ``ceil(a / step_m) * ceil(b
/ step_n)`` steps. Products are scattered to the tile's accumulators by the bitmaps. Dense, a tile of 32 x 32
takes 8 steps of 8 x 16. That B's condensed rows come in steps of half a tile agrees with the paper's sweep (times
at B density 0.4 are 0.55 of the dense ones); bank conflicts of the scatter are not counted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit


class DualSideSpec(NamedTuple):
    """The keys of dual-side sparse tensor cores.

    ``n_units`` units (pairs of tensor cores), ``tile_m`` x ``tile_n`` outputs of a unit, ``step_m`` x ``step_n``
    products a cycle. ``empty_place_cycles`` cycles of a place of K where one side is all zero: 0 where the
    bitmaps are looked ahead, else 1.
    """

    n_units: int = 320
    tile_m: int = 32
    tile_n: int = 32
    step_m: int = 8
    step_n: int = 16
    empty_place_cycles: int = 0


class DualSideCounts(NamedTuple):
    """What one GEMM costs.

    ``total_cycles`` of the slowest unit. ``unit_busy_cycles`` int64[n_units] steps of each, ``unit_empty_cycles``
    cycles on empty places. ``n_effectual_macs`` products, ``n_slots`` multiplier slots that the steps occupy.
    ``n_a_reads``, ``n_b_reads`` non-zero values read by units, ``n_bitmap_bits`` bits of bitmaps read.
    """

    total_cycles: int
    unit_busy_cycles: NDArray[np.int64]
    unit_empty_cycles: NDArray[np.int64]
    n_effectual_macs: int
    n_slots: int
    n_a_reads: int
    n_b_reads: int
    n_bitmap_bits: int


@njit
def block_counts(mask: NDArray[np.bool_], block: int) -> NDArray[np.int64]:
    """Return int64[n_blocks, K]: non-zero values of bool[rows, K] in each block of rows at each place of K."""
    counts = np.zeros((-(-mask.shape[0] // block), mask.shape[1]), dtype=np.int64)
    for row in range(mask.shape[0]):
        for place in range(mask.shape[1]):
            counts[row // block, place] += 1 if mask[row, place] else 0
    return counts


@njit
def dual_side_gemm(a: NDArray[np.bool_], b: NDArray[np.bool_], spec: DualSideSpec) -> DualSideCounts:
    """Time a GEMM from the masks of both operands.

    Parameters
    ----------
    a, b
        bool[n_rows, K] and bool[n_columns, K]: where the operands are not zero, B transposed.
    spec
        The units: tiles of the output are dealt to them in turn, along a row of tiles first.
    """
    a_counts = block_counts(a, spec.tile_m)
    b_counts = block_counts(b, spec.tile_n)
    busy = np.zeros(spec.n_units, dtype=np.int64)
    empty = np.zeros(spec.n_units, dtype=np.int64)
    n_effectual = np.int64(0)
    n_a = np.int64(0)
    n_b = np.int64(0)
    unit = 0
    for row in range(a_counts.shape[0]):
        for column in range(b_counts.shape[0]):
            steps = np.int64(0)
            n_empty = np.int64(0)
            for place in range(a_counts.shape[1]):
                in_a, in_b = a_counts[row, place], b_counts[column, place]
                if in_a == 0 or in_b == 0:
                    n_empty += 1
                    continue
                steps += (-(-in_a // spec.step_m)) * (-(-in_b // spec.step_n))
                n_effectual += in_a * in_b
                n_a += in_a
                n_b += in_b
            busy[unit] += steps
            empty[unit] += n_empty * spec.empty_place_cycles
            unit = (unit + 1) % spec.n_units
    tiles = a_counts.shape[0] * b_counts.shape[0]
    return DualSideCounts(
        int((busy + empty).max()),
        busy,
        empty,
        int(n_effectual),
        int(busy.sum() * spec.step_m * spec.step_n),
        int(n_a),
        int(n_b),
        tiles * a.shape[1] * (spec.tile_m + spec.tile_n),
    )
