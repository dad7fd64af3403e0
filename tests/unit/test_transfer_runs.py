"""The runs of a box are exactly the bytes of its words, wherever the box lies and whatever the order of words."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.lowering.memory_map import TensorPlace
from accel_sim.lowering.transfer import Runs, box_address, box_runs

SIDE = st.integers(1, 4)
Four = tuple[int, int, int, int]


@st.composite
def boxes(draw: st.DrawFn) -> tuple[Four, Four, Four]:
    """A tensor, and start and size of a box as lowering asks for: one image, or several of whole rows."""
    shape = draw(st.tuples(SIDE, SIDE, SIDE, SIDE))
    start, size = [], []
    for length in shape:
        start.append(draw(st.integers(0, length - 1)))
        size.append(draw(st.integers(1, length - start[-1])))
    if size[0] > 1:
        start[3], size[3] = 0, shape[3]
    return shape, tuple(start), tuple(size)  # type: ignore[return-value]


def bytes_of_runs(runs: Runs, address: int) -> list[int]:
    return [
        address + outer * runs.outer_stride_bytes + inner * runs.inner_stride_bytes + byte
        for outer in range(runs.outer)
        for inner in range(runs.inner)
        for byte in range(runs.run_bytes)
    ]


def bytes_of_words(shape: Four, start: Four, size: Four, order: str, word_bytes: int) -> set[int]:
    """Walk every word of the box."""
    _, channels, height, width = shape
    found = set()
    for n, c, h, w in product(*(range(first, first + count) for first, count in zip(start, size, strict=True))):
        in_rows = ((n * channels + c) * height + h) * width + w
        in_pixels = ((n * height + h) * width + w) * channels + c
        word = in_rows if order == "nchw" else in_pixels
        found |= {word * word_bytes + byte for byte in range(word_bytes)}
    return found


@settings(max_examples=500, deadline=None, derandomize=True)
@given(boxes(), st.sampled_from(["nchw", "nhwc"]), st.sampled_from([8, 16, 24, 32]), st.integers(0, 5))
def test_runs_are_the_bytes_of_the_words(box: tuple[Four, Four, Four], order: str, bits: int, page: int) -> None:
    shape, start, size = box
    place = TensorPlace(base=page * 4096, shape=shape, word_bits=bits, order=order)
    runs = box_runs(place, *size)
    address = int(box_address(place, *start, size))
    listed = bytes_of_runs(runs, address)
    assert {byte - place.base for byte in listed} == bytes_of_words(shape, start, size, order, bits // 8)
    assert len(set(listed)) == len(listed) == runs.n_bytes


@settings(max_examples=200, deadline=None, derandomize=True)
@given(boxes(), st.sampled_from(["nchw", "nhwc"]))
def test_runs_are_as_long_as_they_can_be(box: tuple[Four, Four, Four], order: str) -> None:
    shape, start, size = box
    place = TensorPlace(base=0, shape=shape, word_bits=8, order=order)
    runs = box_runs(place, *size)
    words = sorted(bytes_of_words(shape, start, size, order, 1))
    gaps = sum(after != before + 1 for before, after in zip(words, words[1:], strict=False))
    # neighbouring runs that touch by chance, at the end of a row and the start of the next, stay two
    assert gaps + 1 <= runs.inner * runs.outer
    if size[1:] == shape[1:]:
        assert runs.inner * runs.outer == 1


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.tuples(SIDE, SIDE, SIDE, SIDE),
    st.tuples(SIDE, SIDE, SIDE, SIDE),
    st.sampled_from([("tiled", Fraction(1)), ("nchw", Fraction(2, 5)), ("nhwc", Fraction(5, 7))]),
)
def test_boxes_of_one_run_lie_side_by_side(shape: Four, block: Four, form: tuple[str, Fraction]) -> None:
    place = TensorPlace(base=8192, shape=shape, word_bits=16, order=form[0], stored=form[1])
    cuts = [
        [(first, min(step, length - first)) for first in range(0, length, step)]
        for length, step in zip(shape, block, strict=True)
    ]
    taken = []
    for box in product(*cuts):
        start, size = zip(*box, strict=True)
        runs = box_runs(place, *size)
        assert (runs.inner, runs.outer) == (1, 1)
        first = int(box_address(place, *start, size))
        taken.append((first, first + runs.n_bytes))
    taken.sort()
    assert taken[0][0] == place.base
    assert taken[-1][1] <= place.base + place.size_bytes
    # a started byte may be shared by two compressed boxes, no more
    slack = 0 if form[1] == 1 else 1
    assert all(after[0] >= before[1] - slack for before, after in zip(taken, taken[1:], strict=False))


def test_an_empty_box_moves_nothing() -> None:
    place = TensorPlace(base=0, shape=(2, 3, 4, 5), word_bits=16, order="nchw")
    assert box_runs(place, 1, 3, 0, 5).n_bytes == 0


def test_words_below_a_byte_are_packed_in_each_run() -> None:
    place = TensorPlace(base=0, shape=(1, 2, 3, 5), word_bits=4, order="nchw")
    assert box_runs(place, 1, 1, 1, 5) == Runs(3)
    assert box_runs(place, 1, 2, 3, 5) == Runs(15)


def test_a_box_with_gaps_in_three_directions_is_refused() -> None:
    place = TensorPlace(base=0, shape=(2, 3, 4, 5), word_bits=16, order="nchw")
    with pytest.raises(ValueError, match="more than two strides"):
        box_runs(place, 2, 2, 2, 2)
