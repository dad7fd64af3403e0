"""Systolic arrays: stepped, slow and fast models agree on products, cycles, accesses and the start of every fold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from accel_sim.kernels.im2col import (
    ConvShape,
    conv_gemm,
    filter_operand,
    ifmap_operand,
    matrix_operands,
    ofmap_tensor,
    output_size,
)
from accel_sim.kernels.stepped.systolic import step_gemm
from accel_sim.kernels.stepped.systolic_verify import verify_gemm
from accel_sim.kernels.systolic import fold_starts_and_ends, fold_table, layer_cost
from accel_sim.kernels.systolic_array import (
    DRAIN_COLLECTOR,
    INPUT_STATIONARY,
    OUTPUT_STATIONARY,
    WEIGHT_STATIONARY,
    GemmShape,
    SystolicArray,
    check,
    scalesim_array,
)
from tests.reference.naive_systolic import Machine
from tests.reference.naive_systolic_os import run_sums
from tests.reference.naive_systolic_ws import run_held

ROOT = Path(__file__).parent.parent.parent
PSUM_PATHS = ("written", "read_back", "accumulated")
DRAINS = ("none", "rows", "columns", "collector")


@st.composite
def arrays(draw, largest=7):
    """Any array that can exist, one PE to a little larger than the layers below."""
    array = SystolicArray(
        dataflow=draw(st.sampled_from([WEIGHT_STATIONARY, OUTPUT_STATIONARY, INPUT_STATIONARY])),
        rows=draw(st.integers(1, largest)),
        cols=draw(st.integers(1, largest)),
        skip_edges=draw(st.booleans()),
        double_buffered=draw(st.booleans()),
        pipelined=draw(st.booleans()),
        psum_path=draw(st.integers(0, 2)),
        row_skew_cycles=draw(st.integers(1, 2)),
        latency_cycles=draw(st.integers(0, 3)),
        drain=draw(st.integers(0, 3)),
    )
    assume(not (array.pipelined and array.drain == DRAIN_COLLECTOR))
    return array


@st.composite
def products(draw, largest=14):
    """Operands of a stack of gemms, (groups, M, K) and (groups, K, N), of 8 or 16 bits."""
    groups, m, k, n = (draw(st.integers(1, limit)) for limit in (3, largest, largest, largest))
    bits = draw(st.sampled_from([8, 16]))
    random = np.random.default_rng(draw(st.integers(0, 999)))
    low, high = -(1 << bits - 1), 1 << bits - 1
    return random.integers(low, high, (groups, m, k)), random.integers(low, high, (groups, k, n))


@st.composite
def convolutions(draw):
    """Any stride, padding, dilation and grouping whose window fits."""
    r, s, dilation_h, dilation_w, pad_h, pad_w = (
        draw(st.integers(*limits)) for limits in ((1, 3),) * 2 + ((1, 2),) * 2 + ((0, 2),) * 2
    )
    stride_h, stride_w = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    h = draw(st.integers(max(1, dilation_h * (r - 1) + 1 - 2 * pad_h), 9))
    w = draw(st.integers(max(1, dilation_w * (s - 1) + 1 - 2 * pad_w), 9))
    partial = draw(st.booleans())
    return ConvShape(
        n=draw(st.integers(1, 2)), k=draw(st.integers(1, 4)), c=draw(st.integers(1, 4)),
        p=output_size(h, r, stride_h, pad_h, dilation_h, partial),
        q=output_size(w, s, stride_w, pad_w, dilation_w, partial),
        r=r, s=s, groups=draw(st.sampled_from([1, 1, 2, 5])), stride_h=stride_h, stride_w=stride_w,
        pad_h=pad_h, pad_w=pad_w, dilation_h=dilation_h, dilation_w=dilation_w, h=h, w=w,
    )  # fmt: skip


def convolve(ifmap, filters, conv):
    """The convolution's definition, one window at a time; beyond the ifmap there are zeros."""
    ofmap = np.zeros((conv.n, conv.groups * conv.k, conv.p, conv.q), dtype=np.int64)
    far = 2 * max(conv.h + conv.r * conv.dilation_h, conv.w + conv.s * conv.dilation_w) + 9
    ground = np.zeros((conv.n, conv.groups * conv.c, far, far), dtype=np.int64)
    ground[:, :, conv.pad_h : conv.pad_h + conv.h, conv.pad_w : conv.pad_w + conv.w] = ifmap
    for channel in range(conv.groups * conv.k):
        first = channel // conv.k * conv.c
        for y in range(conv.p):
            for x in range(conv.q):
                top, left = y * conv.stride_h, x * conv.stride_w
                window = ground[
                    :,
                    first : first + conv.c,
                    top : top + conv.r * conv.dilation_h : conv.dilation_h,
                    left : left + conv.s * conv.dilation_w : conv.dilation_w,
                ]
                ofmap[:, channel, y, x] = (window * filters[channel]).sum(axis=(1, 2, 3))
    return ofmap


def assert_fast_path_agrees(run, gemm, array):
    cost = layer_cost(gemm, array)
    starts, ends = fold_starts_and_ends(gemm, array)
    assert run.cycles == cost.cycles
    assert run.accesses == cost.accesses
    assert np.array_equal(run.fold_starts, starts)
    assert np.array_equal(run.fold_ends, ends)


@settings(deadline=None, max_examples=300)
@given(array=arrays(), operands=products())
@example(array=scalesim_array(WEIGHT_STATIONARY, 1, 1), operands=(np.full((1, 3, 5), 7), np.full((1, 5, 2), 7)))
@example(array=scalesim_array(OUTPUT_STATIONARY, 40, 1), operands=(np.full((1, 3, 5), 7), np.full((1, 5, 2), 7)))
@example(array=scalesim_array(INPUT_STATIONARY, 1, 40), operands=(np.full((1, 3, 5), 7), np.full((1, 5, 2), 7)))
def test_stepped_array_and_formulas(array, operands):
    left, right = operands
    run, _ = step_gemm(*matrix_operands(left, right), array)
    assert np.array_equal(run.outputs, left @ right)
    groups, m, k = left.shape
    assert_fast_path_agrees(run, GemmShape(m, k, right.shape[2], groups), array)


@settings(deadline=None, max_examples=100)
@given(array=arrays(), conv=convolutions(), seed=st.integers(0, 99))
def test_convolutions(array, conv, seed):
    random = np.random.default_rng(seed)
    ifmap = random.integers(-128, 128, (conv.n, conv.groups * conv.c, conv.h, conv.w), dtype=np.int8)
    filters = random.integers(-128, 128, (conv.groups * conv.k, conv.c, conv.r, conv.s), dtype=np.int8)
    run, _ = step_gemm(ifmap_operand(ifmap, conv), filter_operand(filters, conv), array)
    assert np.array_equal(ofmap_tensor(run.outputs, conv), convolve(ifmap, filters, conv))
    assert_fast_path_agrees(run, conv_gemm(conv), array)


@settings(deadline=None, max_examples=80)
@given(array=arrays(largest=4), operands=products(largest=7))
def test_slow_array_starts_each_fold_at_the_first_cycle_without_a_collision(array, operands):
    left, right = operands
    machine = Machine(
        rows=array.rows,
        cols=array.cols,
        skip_edges=array.skip_edges,
        double_buffered=array.double_buffered,
        pipelined=array.pipelined,
        psum_path=PSUM_PATHS[array.psum_path],
        row_skew=array.row_skew_cycles,
        latency=array.latency_cycles,
        drain=DRAINS[array.drain],
    )
    run, _ = step_gemm(*matrix_operands(left, right), array)
    if array.dataflow == INPUT_STATIONARY:
        slow = run_held(machine, right.transpose(0, 2, 1), left.transpose(0, 2, 1))
        slow.outputs = slow.outputs.transpose(0, 2, 1)
        slow.counts["ifmap_reads"], slow.counts["filter_reads"] = (
            slow.counts["filter_reads"],
            slow.counts["ifmap_reads"],
        )
    else:
        slow = (run_sums if array.dataflow == OUTPUT_STATIONARY else run_held)(machine, left, right)
    assert np.array_equal(slow.outputs, run.outputs)
    assert slow.starts == run.fold_starts.tolist()
    assert slow.ends == run.fold_ends.tolist()
    assert slow.cycles == run.cycles
    assert slow.counts == run.accesses._asdict()


@settings(deadline=None, max_examples=60)
@given(array=arrays(), operands=products(), first=st.integers(0, 30), count=st.integers(1, 9))
def test_fold_table(array, operands, first, count):
    """Own cycles and words of all folds add up to the layer's, and any part of the table is the same table."""
    left, right = operands
    gemm = GemmShape(left.shape[1], left.shape[2], right.shape[2], left.shape[0])
    cost = layer_cost(gemm, array)
    table = fold_table(gemm, array, 0, cost.n_folds)
    assert table.own_cycles.sum() == cost.cycles
    assert tuple(column.sum() for column in table[9:]) == cost.accesses
    assert (table.rows_used * table.cols_used).sum() == cost.mapped_pes
    first = min(first, cost.n_folds - 1)
    count = min(count, cost.n_folds - first)
    for whole, part in zip(table, fold_table(gemm, array, first, count), strict=True):
        assert np.array_equal(whole[first : first + count], part)


@settings(deadline=None, max_examples=60)
@given(array=arrays(), operands=products(), place=st.tuples(*[st.integers(0, 99)] * 3))
def test_a_wrong_weight_is_named_by_fold_clock_and_pe(array, operands, place):
    left, right = (abs(operand) + 1 for operand in operands)
    group, k, n = (index % size for index, size in zip(place, right.shape, strict=True))
    altered = right.copy()
    altered[group, k, n] += 1
    verdict = verify_gemm(*matrix_operands(left, right), array, matrix_operands(left, altered))
    assert not verdict.outputs_equal
    assert verdict.stepped_cycles == verdict.fast_cycles
    assert verdict.late_fold == -1
    found = verdict.difference
    starts, _ = fold_starts_and_ends(GemmShape(left.shape[1], *right.shape[1:], right.shape[0]), array)
    since_start = found.cycle - starts[found.fold]
    assert found.group == group
    if array.dataflow == WEIGHT_STATIONARY:
        assert (found.row_fold, found.row) == divmod(k, array.rows)
        assert (found.col_fold, found.col) == divmod(n, array.cols)
        assert since_start == array.row_skew_cycles * found.row + found.col
        assert found.expected - found.found == left[group, 0, k]
    elif array.dataflow == OUTPUT_STATIONARY:
        assert (found.row_fold, found.row) == (0, 0)
        assert (found.col_fold, found.col) == divmod(n, array.cols)
        assert since_start == k + found.col + array.latency_cycles
        assert found.expected - found.found == left[group, 0, k]
    else:
        assert (found.row_fold, found.row) == divmod(k, array.rows)
        assert (found.col_fold, found.col) == (0, 0)
        assert since_start == n + array.row_skew_cycles * found.row


def test_verify_of_an_equal_product():
    left, right = np.ones((1, 9, 5), np.int8), np.ones((1, 5, 4), np.int8)
    verdict = verify_gemm(*matrix_operands(left, right), scalesim_array(WEIGHT_STATIONARY, 3, 2))
    assert verdict == (True, 4 * 15, 4 * 15, True, 9 * 5 * 4, -1, None)


def test_sums_beyond_32_bits():
    left, right = np.full((1, 2, 70000), -32768, np.int16), np.full((1, 70000, 2), -32768, np.int16)
    for dataflow in (WEIGHT_STATIONARY, OUTPUT_STATIONARY, INPUT_STATIONARY):
        run, _ = step_gemm(*matrix_operands(left, right), scalesim_array(dataflow, 16, 2))
        assert run.outputs.dtype == np.int64
        assert (run.outputs == 70000 << 30).all()


@pytest.mark.parametrize(
    ("operands", "message"),
    [
        ((np.ones((1, 2, 3)), np.ones((1, 3, 2))), "must be integers"),
        ((np.ones((1, 2, 3), int), np.ones((1, 4, 2), int)), "windows differ"),
        ((np.full((1, 2, 3), 1 << 40), np.full((1, 3, 2), 1 << 40)), "exceed 64 bits"),
    ],
)
def test_operands_that_do_not_fit(operands, message):
    with pytest.raises(ValueError, match=message):
        step_gemm(*matrix_operands(*operands), scalesim_array(WEIGHT_STATIONARY, 2, 2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 0}, "rows is 0"),
        ({"cols": -1}, "cols is -1"),
        ({"row_skew_cycles": 3}, "row_skew_cycles is 3"),
        ({"latency_cycles": -1}, "latency_cycles is -1"),
        ({"dataflow": 3}, "dataflow is 3"),
        ({"psum_path": 3}, "psum_path is 3"),
        ({"drain": 4}, "drain is 4"),
        ({"pipelined": True, "drain": DRAIN_COLLECTOR}, "exclude each other"),
    ],
)
def test_arrays_that_cannot_exist(change, message):
    with pytest.raises(ValueError, match=message):
        check(GemmShape(1, 1, 1, 1), scalesim_array(WEIGHT_STATIONARY, 2, 2)._replace(**change))


def test_windows():
    assert output_size(14, 1, 2, 0, 1) == 7
    assert output_size(14, 1, 2, 0, 1, partial=True) == 8
    assert output_size(5, 3, 1, 0, 2) == 1
    with pytest.raises(ValueError, match="spans 5"):
        output_size(4, 3, 1, 0, 2)
    with pytest.raises(ValueError, match="must be at least 1"):
        output_size(4, 3, 0, 0, 1)


SMALL_CASES = """
import numpy as np
from accel_sim.kernels.im2col import matrix_operands
from accel_sim.kernels.stepped.systolic_verify import verify_gemm
from accel_sim.kernels.systolic_array import SystolicArray
from accel_sim.kernels.systolic import fold_table, layer_cost, GemmShape

random = np.random.default_rng(3)
for case in range(24):
    flags = [bool(case >> bit & 1) for bit in range(3)]
    drain = case % 3 if flags[2] else case % 4
    array = SystolicArray(case % 3, 2 + case % 2, 3 - case % 2, *flags, case // 3 % 3, 1 + case % 2, case % 3, drain)
    left, right = random.integers(-128, 128, (1, 4, 5)), random.integers(-128, 128, (1, 5, 4))
    verdict = verify_gemm(*matrix_operands(left, right), array)
    assert verdict.outputs_equal and verdict.accesses_equal and verdict.late_fold == -1, (array, verdict)
    assert verdict.stepped_cycles == verdict.fast_cycles
    assert fold_table(GemmShape(4, 5, 4, 1), array, 1, 2).own_cycles.size == 2
"""


@pytest.mark.parametrize("setting", ["NUMBA_DISABLE_JIT", pytest.param("NUMBA_BOUNDSCHECK", marks=pytest.mark.soak)])
def test_without_the_compiler_and_with_bounds_checked(setting, tmp_path):
    environment = {**os.environ, setting: "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", SMALL_CASES]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
