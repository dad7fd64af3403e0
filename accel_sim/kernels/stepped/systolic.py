"""Run a gemm on a stepped systolic array of any dataflow."""

from __future__ import annotations

import numpy as np

from accel_sim.kernels.im2col import I64, Operand, Values
from accel_sim.kernels.stepped.systolic_os import step_output_stationary
from accel_sim.kernels.stepped.systolic_run import Probe, SteppedRun, cut_folds
from accel_sim.kernels.stepped.systolic_ws import step_weight_stationary
from accel_sim.kernels.systolic_array import (
    INPUT_STATIONARY,
    OUTPUT_STATIONARY,
    WEIGHT_STATIONARY,
    GemmShape,
    SystolicArray,
    check,
)


def step_gemm(
    ifmap: Operand,
    filters: Operand,
    array: SystolicArray,
    pes: I64 | None = None,
    first_cycle: int = 0,
    n_cycles: int = 0,
    parts: I64 | None = None,
    n_folds: int | None = None,
) -> tuple[SteppedRun, Values]:
    """Move a gemm's operands through the array, clock by clock.

    Parameters
    ----------
    ifmap, filters
        Integer operands of the same groups and window.
    pes, first_cycle, n_cycles
        Sum registers to record (row x cols + column) and when.
    parts
        Gemms that run one behind another, each with a part of the pixels and filters, int64, (gemms, 5): group, first
        pixel, pixels, first filter, filters. Each group as a whole where it is not given.
    n_folds
        Stop after so many folds; their sums may not be final.

    Returns
    -------
    run
        Outputs are (groups, M, N) in int32 where no sum can exceed it, else int64.
    samples
        The watched registers, (n_cycles, n_pes).

    Raises
    ------
    ValueError
        If operands are not integers or do not fit each other, or the array cannot exist.
    """
    gemm = gemm_of(ifmap, filters)
    check(gemm, array)
    dtype = sum_dtype(ifmap, filters)
    watched = np.zeros(0, dtype=np.int64) if pes is None else pes
    probe = Probe(watched, first_cycle, np.zeros((n_cycles, watched.size), dtype=dtype))
    word = _word_dtype(ifmap, filters, dtype)
    ifmap, filters = _in_dtype(ifmap, word), _in_dtype(filters, word)
    cuts = gemm_folds(gemm, array, parts)[:n_folds]
    if array.dataflow == OUTPUT_STATIONARY:
        run = step_output_stationary(ifmap, filters, array, cuts, probe)
    elif array.dataflow == INPUT_STATIONARY:
        swapped = step_weight_stationary(filters, ifmap, array, cuts, probe)
        words, moves = swapped.accesses, swapped.moves
        run = swapped._replace(
            outputs=swapped.outputs.transpose(0, 2, 1),
            accesses=words._replace(ifmap_reads=words.filter_reads, filter_reads=words.ifmap_reads),
            moves=moves._replace(ifmap_taken=moves.filter_taken, filter_taken=moves.ifmap_taken),
        )
    else:
        run = step_weight_stationary(ifmap, filters, array, cuts, probe)
    return run, probe.samples


def gemm_folds(gemm: GemmShape, array: SystolicArray, parts: I64 | None = None) -> I64:
    """The folds in the order in which the array runs them, int64, (n_folds, 11), columns as the fields of `Cut`.

    Parameters
    ----------
    parts
        As in `step_gemm`.
    """
    if parts is None:
        parts = np.array([(group, 0, gemm.m, 0, gemm.n) for group in range(gemm.groups)], dtype=np.int64)
    group, pixels, filters = parts[:, :1], parts[:, 1:3], parts[:, 3:5]
    window = np.tile(np.array([0, gemm.k]), (parts.shape[0], 1))
    rows, cols, stream = {
        OUTPUT_STATIONARY: (pixels, filters, window),
        INPUT_STATIONARY: (window, pixels, filters),
        WEIGHT_STATIONARY: (window, filters, pixels),
    }[array.dataflow]
    boxes = np.ascontiguousarray(np.concatenate((group, rows, cols, stream), axis=1), dtype=np.int64)
    return cut_folds(boxes, array.rows, array.cols, array.skip_edges)


def gemm_of(ifmap: Operand, filters: Operand) -> GemmShape:
    """The shape of the product of two operands.

    Raises
    ------
    ValueError
        If their windows or groups differ.
    """
    if ifmap.window.size != filters.window.size or ifmap.group.size != filters.group.size:
        raise ValueError(
            f"ifmap has {ifmap.group.size} groups with a window of {ifmap.window.size}, "
            f"filters {filters.group.size} with {filters.window.size}"
        )
    return GemmShape(ifmap.outer.size, ifmap.window.size, filters.outer.size, ifmap.group.size)


def sum_bound(ifmap: Operand, filters: Operand) -> int:
    """No sum over the window exceeds this magnitude.

    Raises
    ------
    ValueError
        If the operands are not integers.
    """
    if ifmap.values.dtype.kind not in "iu" or filters.values.dtype.kind not in "iu":
        raise ValueError(f"operands are {ifmap.values.dtype} and {filters.values.dtype}, must be integers")
    return ifmap.window.size * _magnitude(ifmap.values) * _magnitude(filters.values)


def sum_dtype(ifmap: Operand, filters: Operand) -> np.dtype[np.signedinteger]:
    """int32 where no sum over the window can exceed it, else int64.

    Raises
    ------
    ValueError
        If the operands are not integers, or their sums could exceed int64.
    """
    largest = sum_bound(ifmap, filters)
    if largest > np.iinfo(np.int64).max:
        raise ValueError(f"sums of up to {largest} exceed 64 bits")
    return np.dtype(np.int32) if largest <= np.iinfo(np.int32).max else np.dtype(np.int64)


def _word_dtype(ifmap: Operand, filters: Operand, sums: np.dtype[np.signedinteger]) -> np.dtype[np.signedinteger]:
    """int16 where all operands fit, so that the registers of large arrays take a cache's room, else the sums' dtype."""
    range16 = np.iinfo(np.int16)
    values = [operand.values for operand in (ifmap, filters) if operand.values.size]
    fits = all(range16.min <= value.min() and value.max() <= range16.max for value in values)
    return np.dtype(np.int16) if fits else sums


def _magnitude(values: Values) -> int:
    return max(abs(int(values.min())), abs(int(values.max()))) if values.size else 0


def _in_dtype(operand: Operand, dtype: np.dtype[np.signedinteger]) -> Operand:
    return operand._replace(values=operand.values.astype(dtype, copy=False))
