"""The stepped adder-tree array, its plain twin and the fast path agree to the cycle, the word and the bit."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim import load_arch
from accel_sim.kernels.im2col import ConvShape
from accel_sim.kernels.stepped.adder_tree import step_adder_tree
from accel_sim.kernels.stepped.adder_tree_types import AdderTrees, TileNest
from accel_sim.mapping.loop_nest import ORDERS
from accel_sim.validation.verify import verify
from accel_sim.workload import Layer, MacShape, Network, Tensor
from tests.reference import naive_adder_tree as naive

ROOT = Path(__file__).parents[2]
DIANNAO = load_arch("diannao")


def between(low, high):
    return st.integers(low, high)


@st.composite
def shapes(draw, most=5):
    """Any convolution with a few pixels and channels: groups, padding, strides, dilation, edges of all kinds."""
    r, s = draw(between(1, 3)), draw(between(1, 3))
    pad, dilation = (draw(between(0, 2)), draw(between(0, 2))), (draw(between(1, 2)), draw(between(1, 2)))
    reach = dilation[0] * (r - 1) + 1 - 2 * pad[0], dilation[1] * (s - 1) + 1 - 2 * pad[1]
    return MacShape.of(
        n=draw(between(1, 2)),
        k=draw(between(1, 2 * most)),
        c=draw(between(1, 2 * most)),
        h=max(1, reach[0]) + draw(between(0, most)),
        w=max(1, reach[1]) + draw(between(0, most)),
        r=r,
        s=s,
        groups=draw(st.sampled_from([1, 1, 2, 3])),
        stride=(draw(between(1, 3)), draw(between(1, 3))),
        pad=pad,
        dilation=dilation,
    )


@st.composite
def cases(draw):
    """A layer, tile sizes and loop order, and an array that may be smaller or larger than the tiles."""
    shape = draw(shapes())
    one_pixel = (shape.h, shape.w) == (1, 1)
    limits = {"tn": shape.n if one_pixel else 1, "tp": shape.p, "tq": shape.q, "tk": shape.k, "tc": shape.c}
    sizes = {name: draw(between(1, limit)) for name, limit in limits.items()}
    array = AdderTrees(draw(between(1, 6)), draw(between(1, 6)), draw(between(1, 9)))
    return shape, sizes, draw(st.sampled_from(ORDERS)), array


def conv_of(shape):
    return ConvShape(**asdict(shape))


def nest_of(sizes, order):
    digits = {"b": (1, 2, 3), "k": (4,), "c": (5,)}
    return TileNest(*sizes.values(), np.array([0, *(digit for letter in order for digit in digits[letter])]))


def operands_of(shape, seed):
    random = np.random.default_rng(seed)
    ifmap = random.integers(-9, 10, shape.ifmap_shape, dtype=np.int32)
    filters = random.integers(-9, 10, shape.filter_shape, dtype=np.int32)
    return ifmap, filters


@settings(max_examples=150, deadline=None)
@given(cases(), between(0, 999))
def test_the_stepped_array_is_its_plain_twin(case, seed):
    """Psums, clocks, the end of each tile, and every count of each tile."""
    shape, sizes, order, array = case
    ifmap, filters = operands_of(shape, seed)
    run = step_adder_tree(
        array,
        conv_of(shape),
        nest_of(sizes, order),
        np.ascontiguousarray(ifmap.transpose(0, 2, 3, 1)),
        np.ascontiguousarray(filters.transpose(2, 3, 0, 1)),
    )
    slow = naive.run(asdict(shape), sizes, order, *array, ifmap.tolist(), filters.tolist())
    assert run.cycles == slow.cycles
    assert run.tile_ends.tolist() == slow.tile_ends
    assert [dict(zip(naive.COUNTS, row, strict=True)) for row in run.counts.tolist()] == slow.counts
    assert {(n, k, p, q): int(run.psums[n, p, q, k]) for n, p, q, k in np.ndindex(run.psums.shape)} == slow.ofmap


def network_of(shape, density=1.0):
    def tensor(name, dims, **more):
        return Tensor(name=f"layer.{name}", shape=dims, bits=16, **more)

    layer = Layer(
        name="layer",
        op="conv2d",
        shape=shape,
        ifmap=tensor("ifmap", shape.ifmap_shape, density=density),
        filter=tensor("filter", shape.filter_shape, density=density, is_weight=True),
        ofmap=tensor("ofmap", shape.ofmap_shape),
    )
    return Network(name="network", layers=(layer,))


@settings(max_examples=150, deadline=None)
@given(cases(), st.sampled_from([0.0, 0.4, 1.0]), st.sampled_from(["none", "gate_ifmap", "gate_both"]), between(0, 9))
def test_the_fast_path_agrees(case, density, sparsity, seed):
    """Outputs are numpy's, cycles and counts those of the tile program, whatever is drawn."""
    shape, sizes, order, array = case
    sets = {"tn": array.trees, "ti": array.inputs, "pipeline_stages": array.stages}
    arch = DIANNAO.with_set({**{f"array.{key}": value for key, value in sets.items()}, "mac.sparsity": sparsity})
    mapping = {"dataflow": "no_local_reuse", "layers": {"layer": {**sizes, "order": order}}}
    (verdict,) = verify(network_of(shape, density), arch, mapping=mapping, seed=seed)
    assert verdict.is_proven, verdict.differences
    assert verdict.n_macs_stepped == shape.n_macs


@settings(max_examples=30, deadline=None)
@given(shapes(most=20))
def test_the_fast_path_agrees_on_what_the_mapper_chooses(shape):
    (verdict,) = verify(network_of(shape), DIANNAO)
    assert verdict.is_proven, verdict.differences


SMALL_CASES = """
import numpy as np
from accel_sim.kernels.im2col import ConvShape
from accel_sim.kernels.stepped.adder_tree import step_adder_tree
from accel_sim.kernels.stepped.adder_tree_types import AdderTrees, Probe, TileNest, N_LOG
from tests.reference import naive_adder_tree as naive
random = np.random.default_rng(3)
letters = {"bkc": [0, 1, 2, 3, 4, 5], "ckb": [0, 5, 4, 1, 2, 3], "kcb": [0, 4, 5, 1, 2, 3]}
for case, (order, digits) in enumerate(letters.items()):
    conv = ConvShape(1, 3, 4, 3, 2 + case, 2, 1, 2, 2, 1, 1, 0, 1, 1, 4, 2 + case)
    array = AdderTrees(2, 3 - case, 1 + 2 * case)
    sizes = dict(tn=1, tp=2, tq=1, tk=3 - case, tc=3)
    ifmap = random.integers(-9, 9, (1, 8, conv.h, conv.w), dtype=np.int32)
    filters = random.integers(-9, 9, (6, 4, 2, 1), dtype=np.int32)
    watch = Probe(np.array([0, 1, 2, 1]), np.zeros((8, N_LOG), int), np.zeros((8, 3), int), np.zeros(1, int))
    run = step_adder_tree(
        array, conv, TileNest(*sizes.values(), np.array(digits)),
        np.ascontiguousarray(ifmap.transpose(0, 2, 3, 1)), np.ascontiguousarray(filters.transpose(2, 3, 0, 1)), watch,
    )
    slow = naive.run(conv._asdict(), sizes, order, *array, ifmap.tolist(), filters.tolist())
    assert run.cycles == slow.cycles and run.tile_ends.tolist() == slow.tile_ends
    assert [dict(zip(naive.COUNTS, row)) for row in run.counts.tolist()] == slow.counts
    assert all(run.psums[n, p, q, k] == value for (n, k, p, q), value in slow.ofmap.items())
    assert watch.n[0] > 0 and watch.log[watch.n[0] - 1, -1] == slow.ofmap[0, 1, 2, 1]
"""


@pytest.mark.parametrize("setting", ["NUMBA_DISABLE_JIT", pytest.param("NUMBA_BOUNDSCHECK", marks=pytest.mark.soak)])
def test_without_the_compiler_and_with_bounds_checked(setting, tmp_path):
    environment = {**os.environ, setting: "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", SMALL_CASES]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
