"""Real RTL: the edge of the last output of every measured point, by formula and by stepping the operands through."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.kernels.im2col import matrix_operands
from accel_sim.kernels.stepped.systolic import step_gemm
from accel_sim.kernels.systolic import layer_cost
from accel_sim.kernels.systolic_array import (
    GemmShape,
    handshake_output_stationary,
    rtl_output_stationary,
    rtl_weight_stationary,
)
from accel_sim.validation.published import table

DATA = table("rtl_systolic")


def step(array, m, k, n, pes=None, n_cycles=0):
    """Step a product of ones: a PE's sum then counts its MACs."""
    left, right = matrix_operands(np.ones((1, m, k), np.int8), np.ones((1, k, n), np.int8))
    run, samples = step_gemm(left, right, array, pes, 0, n_cycles)
    assert np.array_equal(run.outputs, np.full((1, m, n), k))
    return run, samples


@pytest.mark.parametrize("point", DATA["os"], ids=str)
def test_output_stationary(point):
    rows, cols, stream, _, last_accumulate_edge, first_out_edge, last_out_edge = point
    array = rtl_output_stationary(rows, cols)
    assert layer_cost(GemmShape(rows, stream, cols, 1), array).cycles - 1 == last_out_edge
    last_pe = np.array([rows * cols - 1])
    run, samples = step(array, rows, stream, cols, last_pe, last_out_edge + 1)
    assert run.cycles - 1 == last_out_edge
    # The last PE counts up to the length of the stream, and its row is the first to leave, in the edge after.
    assert np.flatnonzero(samples[:, 0] == stream)[0] == last_accumulate_edge == first_out_edge - 1


@pytest.mark.parametrize("point", DATA["handshake"], ids=str)
def test_output_stationary_with_handshakes(point):
    rows, cols, multiply, add, k, tiles, last_in_edge, _, last_out_edge = point
    array = handshake_output_stationary(rows, cols, multiply, add)
    assert layer_cost(GemmShape(rows * tiles, k, cols, 1), array).cycles - 1 == last_out_edge
    run, _ = step(array, rows * tiles, k, cols)
    assert run.cycles - 1 == last_out_edge
    assert run.fold_starts[-1] + k - 1 == last_in_edge


@pytest.mark.parametrize("shape", [(4, 4, 1), (4, 8, 27), (8, 4, 64), (2, 16, 3), (16, 2, 5), (1, 1, 1)], ids=str)
def test_weight_stationary_rule(shape):
    """Weights load in R edges, then the first input; last output at edge 3R + C + T - 2."""
    rows, cols, stream = shape
    array = rtl_weight_stationary(rows, cols)
    assert layer_cost(GemmShape(stream, rows, cols, 1), array).cycles - 1 == 3 * rows + cols + stream - 2
    run, _ = step(array, stream, rows, cols)
    assert run.cycles - 1 == 3 * rows + cols + stream - 2
    assert run.fold_starts[0] == rows
