"""The closed forms of layer shapes equal a walk through the loop nest."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accel_sim.errors import WorkloadError
from accel_sim.workload import MacShape, VectorShape
from tests.reference.naive_shapes import count_macs, n_positions

SMALL = st.integers(1, 2)
SIZE = st.integers(1, 7)
WINDOW = st.integers(1, 4)
STRIDE = st.tuples(st.integers(1, 4), st.integers(1, 4))
PAD = st.tuples(st.integers(0, 5), st.integers(0, 5))
DILATION = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=300, deadline=None)
@given(SMALL, SMALL, SMALL, SMALL, SIZE, SIZE, WINDOW, WINDOW, STRIDE, PAD, DILATION)
def test_macs_equal_the_loop_nest(
    n: int,
    groups: int,
    k: int,
    c: int,
    h: int,
    w: int,
    r: int,
    s: int,
    stride: tuple[int, int],
    pad: tuple[int, int],
    dilation: tuple[int, int],
) -> None:
    p = n_positions(h, r, stride[0], pad[0], dilation[0])
    q = n_positions(w, s, stride[1], pad[1], dilation[1])
    sizes: dict[str, Any] = {"n": n, "groups": groups, "k": k, "c": c, "h": h, "w": w, "r": r, "s": s}
    windows: dict[str, Any] = {"stride": stride, "pad": pad, "dilation": dilation}
    if p * q == 0:
        with pytest.raises(WorkloadError, match="more than the padded ifmap"):
            MacShape.of(**sizes, **windows)
        return
    assume(n * groups * k * c * p * q * r * s <= 20_000)
    shape = MacShape.of(**sizes, **windows)
    assert (shape.p, shape.q) == (p, q)
    assert (shape.n_macs, shape.n_macs_in_bounds) == count_macs(**sizes, **windows)
    assert shape.n_ifmap == math.prod(shape.ifmap_shape) == n * groups * c * h * w
    assert shape.n_filter == math.prod(shape.filter_shape) == groups * k * c * r * s
    assert shape.n_ofmap == math.prod(shape.ofmap_shape) == n * groups * k * p * q


@settings(max_examples=100, deadline=None)
@given(SMALL, SMALL, SIZE, SIZE, st.tuples(WINDOW, WINDOW), STRIDE, PAD, SMALL, SIZE)
def test_vector_sizes(
    n: int,
    c: int,
    h: int,
    w: int,
    window: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    n_operands: int,
    ops: int,
) -> None:
    p = n_positions(h, window[0], stride[0], pad[0], 1)
    q = n_positions(w, window[1], stride[1], pad[1], 1)
    assume(p * q > 0)
    shape = VectorShape.of(
        n=n, c=c, h=h, w=w, window=window, stride=stride, pad=pad, n_operands=n_operands, ops_per_output=ops
    )
    assert shape.ofmap_shape == (n, c, p, q)
    assert shape.n_ifmap == n * c * h * w
    assert shape.n_ops == n * c * p * q * ops
