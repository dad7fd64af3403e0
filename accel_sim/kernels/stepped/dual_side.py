"""The stepped dual-side tensor core: condensed vectors meet in outer products that are scattered by bitmaps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.dual_side import DualSideSpec

I64 = NDArray[np.int64]


class DualSideRun(NamedTuple):
    """What the stepped units did.

    ``outputs`` int64[n_rows, n_columns]. ``n_a_bitmap_bits``, ``n_b_bitmap_bits`` of a tile's column of A and row of B,
    for each place of K. The other fields are as in the fast path.
    """

    outputs: I64
    total_cycles: int
    unit_busy_cycles: I64
    unit_empty_cycles: I64
    n_effectual_macs: int
    n_a_reads: int
    n_b_reads: int
    n_a_bitmap_bits: int
    n_b_bitmap_bits: int


class _Unit(NamedTuple):
    """Registers of the units, int64[n_units]: next tile, place of K, and step in the outer product, -1 before it."""

    tile: I64
    place: I64
    row_step: I64
    column_step: I64


@njit
def _condense(vector: I64, first: int, stop: int) -> I64:
    """Return the positions of non-zero values in ``vector[first:stop]``."""
    positions = np.empty(stop - first, dtype=np.int64)
    n_found = 0
    for i in range(first, stop):
        if vector[i] != 0:
            positions[n_found] = i
            n_found += 1
    return positions[:n_found]


@njit
def dual_side_stepped(a: I64, b: I64, spec: DualSideSpec) -> DualSideRun:
    """Step a GEMM; the twin of :func:`~accel_sim.kernels.sparse.dual_side.dual_side_gemm`.

    Parameters
    ----------
    a, b
        int64[n_rows, K] and int64[n_columns, K]; the output is ``a @ b.T``.
    spec
        The units.
    """
    outputs = np.zeros((a.shape[0], b.shape[0]), dtype=np.int64)
    tile_rows = (a.shape[0] + spec.tile_m - 1) // spec.tile_m
    tile_columns = (b.shape[0] + spec.tile_n - 1) // spec.tile_n
    n_tiles = tile_rows * tile_columns
    busy = np.zeros(spec.n_units, dtype=np.int64)
    empty = np.zeros(spec.n_units, dtype=np.int64)
    zeros = np.zeros(spec.n_units, dtype=np.int64)
    units = _Unit(np.arange(spec.n_units), zeros.copy(), zeros.copy(), zeros.copy())
    waited = zeros.copy()
    cycles = n_effectual = n_a = n_b = a_bits = b_bits = 0
    working = True
    while working:
        working = False
        for unit in range(spec.n_units):
            spent = False
            while units.tile[unit] < n_tiles and not spent:
                top = units.tile[unit] // tile_columns * spec.tile_m
                left = units.tile[unit] % tile_columns * spec.tile_n
                place = units.place[unit]
                rows = _condense(a[:, place], top, min(top + spec.tile_m, a.shape[0]))
                columns = _condense(b[:, place], left, min(left + spec.tile_n, b.shape[0]))
                done = True
                is_new = units.row_step[unit] == 0 and units.column_step[unit] == 0 and waited[unit] == 0
                if is_new:
                    a_bits += spec.tile_m
                    b_bits += spec.tile_n
                if rows.size > 0 and columns.size > 0:
                    if is_new:
                        n_a += rows.size
                        n_b += columns.size
                    for row in rows[units.row_step[unit] : units.row_step[unit] + spec.step_m]:
                        for column in columns[units.column_step[unit] : units.column_step[unit] + spec.step_n]:
                            outputs[row, column] += a[row, place] * b[column, place]
                            n_effectual += 1
                    busy[unit] += 1
                    spent = True
                    units.column_step[unit] += spec.step_n
                    if units.column_step[unit] >= columns.size:
                        units.column_step[unit] = 0
                        units.row_step[unit] += spec.step_m
                    done = units.row_step[unit] >= rows.size
                elif waited[unit] < spec.empty_place_cycles:
                    waited[unit] += 1
                    empty[unit] += 1
                    spent = True
                    done = waited[unit] == spec.empty_place_cycles
                if done:
                    waited[unit] = 0
                    units.row_step[unit] = 0
                    units.place[unit] += 1
                    if units.place[unit] == a.shape[1]:
                        units.place[unit] = 0
                        units.tile[unit] += spec.n_units
            working = working or spent
        if working:
            cycles += 1
    return DualSideRun(outputs, cycles, busy, empty, n_effectual, n_a, n_b, a_bits, b_bits)
