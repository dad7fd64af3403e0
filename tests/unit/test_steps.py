"""Blocks of a dimension, windows over them, and the steps of a tiled loop nest."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.lowering.steps import classify, nest_steps
from accel_sim.mapping.loop_nest import IRRELEVANT_LOOP, ORDERS, TileSizes, fetches, inner_set, loop_counts
from accel_sim.mapping.spans import Sliding, Span, covered_rows
from accel_sim.workload import MacShape


@pytest.mark.parametrize(("total", "tile"), [(1, 1), (7, 7), (7, 3), (7, 1), (6, 3), (5, 9)])
def test_blocks_cover_a_dimension_once(total: int, tile: int) -> None:
    span = Span.cut(total, tile)
    parts = [range(start, start + size) for start, size in zip(span.start, span.size, strict=True)]
    assert [i for part in parts for i in part] == list(range(total))
    assert all(len(part) == tile for part in parts[:-1])


SLIDING = st.builds(
    Sliding,
    window=st.integers(1, 4),
    stride=st.integers(1, 5),
    dilation=st.integers(1, 3),
    padding=st.integers(0, 5),
    size=st.integers(1, 12),
)


def rows_of(axis: Sliding, outputs: range) -> set[int]:
    """The ifmap rows that windows touch, those on padding included."""
    return {o * axis.stride - axis.padding + tap * axis.dilation for o in outputs for tap in range(axis.window)}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(SLIDING, st.integers(1, 9), st.integers(1, 9))
def test_rows_that_blocks_cover_and_touch(axis: Sliding, outputs: int, tile: int) -> None:
    span = Span.cut(outputs, tile)
    covered, touched = axis.cover(span), axis.touched(span)
    total = 0
    for i, (first, size) in enumerate(zip(span.start, span.size, strict=True)):
        rows = rows_of(axis, range(int(first), int(first + size)))
        from_first_to_last = [row for row in range(min(rows), max(rows) + 1) if 0 <= row < axis.size]
        assert covered.size[i] == len(from_first_to_last)
        assert touched[i] == len([row for row in rows if 0 <= row < axis.size])
        assert not from_first_to_last or covered.start[i] == from_first_to_last[0]
        total += len(from_first_to_last)
    assert covered_rows(axis, outputs, np.array([tile, 1, tile]))[0] == total


@st.composite
def nests(draw: st.DrawFn) -> tuple[MacShape, TileSizes]:
    size = st.integers(1, 4)
    shape = MacShape.of(
        n=draw(size), k=draw(size), c=draw(size), h=draw(size), w=draw(size), groups=draw(st.integers(1, 2))
    )
    tiles = {"tn": shape.n, "tp": shape.p, "tq": shape.q, "tk": shape.k, "tc": shape.c}
    sizes = {name: draw(st.integers(1, most)) for name, most in tiles.items()}
    return shape, TileSizes(**sizes, order=draw(st.sampled_from(ORDERS)))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(nests(), st.sets(st.sampled_from(["ifmap", "filter", "psum"])))
def test_steps_walk_the_loops_and_tiles_stay_as_told(nest: tuple[MacShape, TileSizes], staying: set[str]) -> None:
    shape, sizes = nest
    counts = loop_counts(shape, sizes.tn, sizes.tp, sizes.tq, sizes.tk, sizes.tc)
    resident = {name: inner_set(name, sizes.order, counts) if name in staying else 1 for name in IRRELEVANT_LOOP}
    steps = nest_steps(shape, sizes, resident)

    images, rows, cols = (
        [*Span.cut(*cut).start] for cut in ((shape.n, sizes.tn), (shape.p, sizes.tp), (shape.q, sizes.tq))
    )
    blocks = {
        "b": list(product(range(len(images)), range(len(rows)), range(len(cols)))),
        "k": counts["k"],
        "c": counts["c"],
    }
    walked = []
    for group in range(shape.groups):
        lengths = [len(blocks["b"]) if loop == "b" else blocks[loop] for loop in sizes.order]
        for at in product(*map(range, lengths)):
            index = dict(zip(sizes.order, at, strict=True))
            walked.append((group, *blocks["b"][index["b"]], index["k"], index["c"]))
    columns = (steps.group, steps.n, steps.p, steps.q, steps.k, steps.c)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == walked
    assert steps.first_c.tolist() == [step[-1] == 0 for step in walked]
    assert steps.last_c.tolist() == [step[-1] == counts["c"] - 1 for step in walked]

    for operand, visits in steps.visits.items():
        open_tiles: set[Any] = set()
        relevant = {"ifmap": (0, 1, 2, 3, 5), "filter": (0, 4, 5), "psum": (0, 1, 2, 3, 4)}[operand]
        for step, tile, begins, ends in zip(walked, visits.tile, visits.begins, visits.ends, strict=True):
            name = tuple(step[i] for i in relevant)
            assert begins == (name not in open_tiles), "a tile in use begins once"
            open_tiles.add(name)
            assert len(open_tiles) <= resident[operand]
            if ends:
                open_tiles.remove(name)
            assert int(tile) >= 0
        assert open_tiles == set()
        fetched = fetches(operand, sizes.order, counts, resident[operand])
        assert visits.begins.sum() == shape.groups * int(fetched)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 1 << 23), st.integers(0, 5), st.sampled_from([0, 1 << 40])),
        min_size=1,
        max_size=40,
    )
)
def test_classes_group_equal_rows(rows: list[tuple[int, ...]]) -> None:
    classes, distinct = classify([np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)])
    assert [distinct[which] for which in classes] == rows
    assert len(set(distinct)) == len(distinct)


def test_classes_of_many_columns_do_not_overflow() -> None:
    rng = np.random.default_rng(3)
    columns = [rng.integers(0, 1000, size=500) for _ in range(12)]
    classes, distinct = classify(columns)
    assert [distinct[which] for which in classes] == list(zip(*(column.tolist() for column in columns), strict=True))
