"""STONNE's output stationary mesh: every run we have, exactly, ragged tiles included."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.kernels.im2col import matrix_operands
from accel_sim.kernels.stepped.systolic import step_gemm
from accel_sim.kernels.systolic import layer_cost
from accel_sim.kernels.systolic_array import GemmShape, stonne_output_stationary
from accel_sim.validation.published import table

DATA = table("stonne_os")
ROWS = [dict(zip(DATA["columns"], row, strict=True)) for row in DATA["rows"]]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_every_run(row):
    array = stonne_output_stationary(row["tile_rows"], row["tile_cols"])
    cost = layer_cost(GemmShape(row["m"], row["k"], row["n"], 1), array)
    random = np.random.default_rng(0)
    left = random.integers(-99, 99, (1, row["m"], row["k"]))
    right = random.integers(-99, 99, (1, row["k"], row["n"]))
    run, _ = step_gemm(*matrix_operands(left, right), array)
    assert np.array_equal(run.outputs, left @ right)
    for cycles, accesses in ((cost.cycles, cost.accesses), (run.cycles, run.accesses)):
        assert cycles == row["cycles"]
        assert accesses.ifmap_reads == row["ifmap_reads"]
        assert accesses.filter_reads == row["filter_reads"]
