"""Overlap of strided runs against sets of bytes."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.kernels.overlap import Accesses, find_unordered, run_edges
from tests.reference.naive_overlap import NaiveAccess, unordered

SHAPES = st.tuples(
    st.integers(0, 40), st.integers(1, 5), st.integers(1, 3), st.integers(0, 7), st.integers(1, 3), st.integers(0, 12)
)


@st.composite
def access_lists(draw: st.DrawFn, max_size: int) -> list[NaiveAccess]:
    """Accesses in queue order; a command may have several."""
    shapes = draw(st.lists(SHAPES, max_size=max_size))
    steps = draw(st.lists(st.integers(0, 2), min_size=len(shapes), max_size=len(shapes)))
    return [NaiveAccess(number, *shape) for number, shape in zip(itertools.accumulate(steps), shapes, strict=True)]


def columns(accesses: list[NaiveAccess]) -> Accesses:
    table = np.array(accesses, dtype=np.int64).reshape(-1, 7)
    return Accesses(*(np.ascontiguousarray(column) for column in table.T))


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(access_lists(6), access_lists(8), st.data())
def test_unordered_pairs_are_those_of_the_twin(
    reads: list[NaiveAccess], writes: list[NaiveAccess], data: st.DataObject
) -> None:
    bounds = st.lists(st.integers(0, 10), min_size=len(reads), max_size=len(reads))
    ordered, open_until = data.draw(bounds), sorted(data.draw(bounds))
    of_writes = columns(writes)
    edges = np.array(sorted(set(run_edges(of_writes).tolist())), dtype=np.int64)
    assert set(edges.tolist()) == {
        edge
        for write in writes
        for o in range(write.outer)
        for i in range(write.inner)
        for edge in (0, write.run_bytes)
        for edge in (write.address + o * write.outer_stride + i * write.inner_stride + edge,)
    }
    bounds_of_reads = (np.array(limits, dtype=np.int64) for limits in (ordered, open_until))
    found = find_unordered(columns(reads), *bounds_of_reads, of_writes, edges)
    expected = unordered(reads, ordered, open_until, writes)
    if expected:
        assert found in expected
        assert found[0] == min(read for read, _ in expected), "the first read in queue order is named"
    else:
        assert found == (-1, -1)
