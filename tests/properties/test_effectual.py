"""Effectual MACs counted from masks equal a walk over every MAC of the layer."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.compression.masks import tensor_mask
from accel_sim.config import Document
from accel_sim.kernels.effectual import Windows, tap_counts
from accel_sim.lowering.operands import zero_counts
from accel_sim.workload import Layer, MacShape, Tensor
from accel_sim.workload.reader import network_of
from tests.reference import naive_effectual

ROOT = Path(__file__).parents[2]
ONE_TO_FOUR = st.integers(1, 4)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.data(),
    st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 8), st.integers(1, 8)),
    st.tuples(ONE_TO_FOUR, ONE_TO_FOUR, ONE_TO_FOUR, ONE_TO_FOUR),
    st.tuples(ONE_TO_FOUR, ONE_TO_FOUR),
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_taps_equal_the_plain_walk(
    data: st.DataObject,
    shape: tuple[int, ...],
    ofmap_and_filter: tuple[int, int, int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    dilation: tuple[int, int],
) -> None:
    bits = data.draw(st.integers(0, 2**32))
    mask = np.random.default_rng(bits).random(shape) < data.draw(st.sampled_from([0.0, 0.3, 1.0]))
    fast = tap_counts(mask, Windows(*ofmap_and_filter, *stride, *pad, *dilation))
    assert fast.tolist() == naive_effectual.tap_counts(mask.tolist(), *ofmap_and_filter, stride, pad, dilation)


def mask_of(tensor: Tensor, seed: int) -> Any:
    return np.ones(tensor.shape, dtype=bool) if tensor.is_dense else tensor_mask(tensor, seed).to_bool()


def walk(layer: Layer, seed: int) -> tuple[int, int]:
    """Effectual MACs, and those with a zero ifmap value, MAC by MAC."""
    shape, weights = layer.shape, layer.filter
    assert isinstance(shape, MacShape)
    assert weights is not None
    ifmap, filters = mask_of(layer.ifmap, seed), mask_of(weights, seed)
    effectual = zero = 0
    loops = (shape.n, shape.groups, shape.k, shape.c, shape.p, shape.q, shape.r, shape.s)
    for n, g, k, c, p, q, r, s in product(*map(range, loops)):
        y = p * shape.stride_h - shape.pad_h + r * shape.dilation_h
        x = q * shape.stride_w - shape.pad_w + s * shape.dilation_w
        inside = 0 <= y < shape.h and 0 <= x < shape.w
        value = inside and bool(ifmap[n, g * shape.c + c, y, x])
        effectual += value and bool(filters[g * shape.k + k, c, r, s])
        zero += not value
    return effectual, zero


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data(), st.integers(1, 2), st.integers(0, 3))
def test_zero_counts_equal_a_walk_over_every_mac(data: st.DataObject, batch: int, seed: int) -> None:
    groups, c, k = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    r, s = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    densities = st.sampled_from([0.0, 0.25, 0.7, 1.0])
    entry = {
        "name": "only",
        "op": "conv2d",
        "ifmap": [groups * c, data.draw(st.integers(r, 6)), data.draw(st.integers(s, 6))],
        "filter": [groups * k, c, r, s],
        "stride": [data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))],
        "padding": [data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))],
        "groups": groups,
        "density": {"ifmap": data.draw(densities), "filter": data.draw(densities)},
    }
    network = network_of(Document.from_data({"name": "one", "batch": batch, "layers": [entry]}))
    counts = zero_counts(network.layers[0], seed)
    assert (counts.n_effectual_macs, counts.ifmap_zero_macs) == walk(network.layers[0], seed)


def test_plain_python_counts_the_same() -> None:
    program = (
        "import numpy as np;"
        "from accel_sim.kernels.effectual import Windows, tap_counts;"
        "mask = np.arange(2 * 3 * 5 * 6).reshape(2, 3, 5, 6) % 3 == 0;"
        "print(tap_counts(mask, Windows(3, 4, 2, 3, 2, 1, 1, 1, 1, 1)).tolist())"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "NUMBA_DISABLE_JIT": mode, "NUMBA_BOUNDSCHECK": "0" if mode == "1" else "1"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for mode in ("0", "1")
    }
    mask = (np.arange(2 * 3 * 5 * 6).reshape(2, 3, 5, 6) % 3 == 0).tolist()
    assert printed == {f"{naive_effectual.tap_counts(mask, 3, 4, 2, 3, (2, 1), (1, 1), (1, 1))}\n"}
