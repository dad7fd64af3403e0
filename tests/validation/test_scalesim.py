"""SCALE-Sim 3.0.0: every run we have, exactly: cycles, reads, mapping efficiency; and the stepped arrays beside it."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.kernels.im2col import ConvShape, conv_gemm, filter_operand, ifmap_operand, matrix_operands, output_size
from accel_sim.kernels.stepped.systolic import step_gemm
from accel_sim.kernels.systolic import fold_table, layer_cost, mapping_efficiency
from accel_sim.kernels.systolic_array import GemmShape, scalesim_array
from accel_sim.validation.published import table

DATA = table("scalesim")
ROWS = [dict(zip(DATA["columns"], row, strict=True)) for row in DATA["rows"]]
DATAFLOWS = {"ws": 0, "os": 1, "is": 2}


def array_of(row):
    return scalesim_array(DATAFLOWS[row["dataflow"]], row["rows"], row["cols"])


def gemm_of(row):
    return GemmShape(row["m"], row["k"], row["n"], 1)


def conv_of(row):
    height, width, filter_height, filter_width, channels, filters, stride = row["conv"]
    return ConvShape(
        n=1, k=filters, c=channels, r=filter_height, s=filter_width, groups=1,
        p=output_size(height, filter_height, stride, 0, 1, partial=True),
        q=output_size(width, filter_width, stride, 0, 1, partial=True),
        stride_h=stride, stride_w=stride, pad_h=0, pad_w=0, dilation_h=1, dilation_w=1, h=height, w=width,
    )  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['dataflow']}{row['rows']}x{row['cols']}_{row['m']}")
def test_every_run(row):
    cost = layer_cost(gemm_of(row), array_of(row))
    assert cost.cycles == row["cycles"]
    assert cost.accesses.ifmap_reads == row["ifmap_reads"]
    assert cost.accesses.filter_reads == row["filter_reads"]
    assert 100 * mapping_efficiency(gemm_of(row), array_of(row)) == pytest.approx(row["mapping_efficiency_pct"])
    assert fold_table(gemm_of(row), array_of(row), 0, cost.n_folds).own_cycles.sum() == row["cycles"]
    writes = cost.accesses.ofmap_writes + cost.accesses.psum_writes
    surplus = cost.n_folds * (row["rows"] + row["cols"]) if row["dataflow"] == "os" else 0
    assert writes + surplus == row["ofmap_writes"]


@pytest.mark.parametrize("row", [row for row in ROWS if row["conv"]], ids=str)
def test_convolutions_have_its_gemm(row):
    assert conv_gemm(conv_of(row)) == gemm_of(row)


def test_stepped_arrays_take_the_same_cycles():
    """The smaller half of the runs, operands and all."""
    random = np.random.default_rng(1)
    for row in sorted(ROWS, key=lambda row: row["cycles"] * row["rows"] * row["cols"])[: len(ROWS) // 2]:
        if row["conv"]:
            conv = conv_of(row)
            ifmap = ifmap_operand(random.integers(-128, 128, (1, conv.c, conv.h, conv.w)), conv)
            filters = filter_operand(random.integers(-128, 128, (conv.k, conv.c, conv.r, conv.s)), conv)
        else:
            left, right = (1, row["m"], row["k"]), (1, row["k"], row["n"])
            ifmap, filters = matrix_operands(random.integers(-128, 128, left), random.integers(-128, 128, right))
        run, _ = step_gemm(ifmap, filters, array_of(row))
        assert run.cycles == row["cycles"]
        assert run.accesses.ifmap_reads == row["ifmap_reads"]
        assert run.accesses.filter_reads == row["filter_reads"]
        assert np.array_equal(run.outputs[0], ifmap.matrix(0) @ filters.matrix(0).T)
