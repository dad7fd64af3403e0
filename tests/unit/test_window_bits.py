"""Windows as bits: equal to the slow twin for any stride, padding, dilation, band and group; and by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.patterns import random_mask
from accel_sim.kernels.effectual import Windows
from accel_sim.kernels.window_bits import Planes, window_bits
from tests.reference import naive_window_bits


@st.composite
def cases(draw):
    n, groups, c = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 9))
    taps = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    pad = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    least = [max(1, dilation[i] * (taps[i] - 1) + 1 - 2 * pad[i]) for i in range(2)]
    size = [draw(st.integers(low, low + 6)) for low in least]
    ofmap = [(size[i] + 2 * pad[i] - dilation[i] * (taps[i] - 1) - 1) // stride[i] + 1 for i in range(2)]
    first_p = draw(st.integers(0, ofmap[0] - 1))
    rows = range(first_p, draw(st.integers(first_p + 1, ofmap[0])))
    group = draw(st.integers(0, groups - 1))
    images = random_mask((n, groups * c, *size), 0.5, seed=draw(st.integers(0, 9)))
    return images, range(group * c, (group + 1) * c), rows, ofmap[1], taps, stride, pad, dilation


@given(cases())
@settings(max_examples=150, deadline=None)
def test_windows_equal_the_twin(case):
    images, channels, rows, q, taps, stride, pad, dilation = case
    planes = Planes(channels.start, len(channels), images.shape[2], images.shape[3])
    slide = Windows(len(rows), q, *taps, *stride, *pad, *dilation)
    found = window_bits(BitMask.of(images).words, planes, rows.start, slide)
    expected = naive_window_bits.windows(images.tolist(), *case[1:])
    assert np.array_equal(found, BitMask.of(np.array(expected)).words)


def test_a_corner_sees_padding_as_zeros():
    """A full 2 x 2 plane under a 3 x 3 filter with padding 1: each pixel sees the plane from another corner."""
    found = window_bits(
        BitMask.of(np.ones((1, 1, 2, 2), dtype=bool)).words,
        Planes(0, 1, 2, 2),
        0,
        Windows(2, 2, 3, 3, 1, 1, 1, 1, 1, 1),
    )
    assert found.ravel().tolist() == [0b110110000, 0b011011000, 0b000110110, 0b000011011]
