"""The row-stationary fast path, its plain twin and the stepped array agree to the cycle and to the word."""

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

from accel_sim.kernels.row_stationary import layer_cycles
from accel_sim.kernels.row_stationary_types import ArrayTiming, Pass, PassCycles
from accel_sim.kernels.stepped.row_stationary import step_row_stationary
from accel_sim.mapping.row_stationary_letters import ORDERS, RowStationaryMapping
from accel_sim.mapping.row_stationary_passes import enumerate_passes, pass_words
from accel_sim.workload import MacShape
from tests.reference.naive_row_stationary import naive_convolution, naive_layer_cycles, naive_passes

ROOT = Path(__file__).parents[2]
EYERISS = ArrayTiming(4, 1, 4, 4, 224, 12, 32, 3, 1, 1)


def between(low, high):
    return st.integers(low, high)


@st.composite
def layers(draw, most=8):
    """A small convolution and a mapping of it, legal on a machine with large enough RFs."""
    r, s = draw(between(1, 4)), draw(between(1, 4))
    shape = MacShape.of(
        n=draw(between(1, 3)),
        k=draw(between(1, most)),
        c=draw(between(1, most)),
        h=r + draw(between(0, most)),
        w=s + draw(between(0, most)),
        r=r,
        s=s,
        groups=draw(between(1, 2)),
        stride=(draw(between(1, 4)), draw(between(1, 4))),
    )
    m = draw(between(1, shape.k))
    p = draw(between(1, m))
    mapping = RowStationaryMapping(
        m=m,
        n=draw(between(1, shape.n)),
        e=draw(between(1, shape.p)),
        p=p,
        q=draw(between(1, shape.c)),
        r=draw(between(1, min(3, shape.c))),
        t=draw(between(1, m // p)),
        order=draw(st.sampled_from(ORDERS)),
    )
    return shape, mapping


@st.composite
def machines(draw, shape, mapping, off=False):
    """A machine on which the mapping just fits, or with room to spare; `off` lets buses be switched off."""
    least = 0 if off else 1
    read, write = draw(between(least, 4)), draw(between(least, 4))
    return ArrayTiming(
        filter_bus_words=draw(between(least, 4)),
        ifmap_bus_words=draw(between(least, 3)),
        psum_read_words=read,
        psum_write_words=write,
        filter_rf_words=mapping.p * mapping.q * shape.s + draw(st.sampled_from([0, 1, 5, 40, 400])),
        ifmap_rf_words=mapping.q * shape.s + draw(st.sampled_from([0, 1, 3, 8])),
        psum_fifo_words=mapping.p + max(read, write, 1) - 1 + draw(st.sampled_from([0, 1, 5, 20])),
        pipeline_stages=draw(between(least, 4)),
        psum_add_cycles=draw(between(least, 1)),
        filter_prefetch=draw(between(0, 1)),
    )


@st.composite
def cases(draw, off=False):
    shape, mapping = draw(layers())
    return shape, mapping, draw(machines(shape, mapping, off=off))


def fast(shape, mapping, machine):
    kinds, sequence = enumerate_passes(shape, mapping).kinds()
    return layer_cycles(machine, mapping.window(shape), kinds, sequence)


@settings(max_examples=400, deadline=None)
@given(cases(off=True))
def test_the_fast_path_is_its_plain_twin(case):
    """Each pass takes the same cycles and waits, whatever is off; lookups of known situations change nothing."""
    shape, mapping, machine = case
    cycles, drain = fast(shape, mapping, machine)
    kinds, sequence = enumerate_passes(shape, mapping).kinds()
    works = [Pass(*map(int, kinds[kind]))._asdict() for kind in sequence]
    expected, naive_drain = naive_layer_cycles(machine._asdict(), mapping.window(shape)._asdict(), works)
    found = [PassCycles(*map(int, row))._asdict() for row in cycles]
    assert [{key: row[key] for key in expected[0]} for row in found] == expected
    assert drain == naive_drain
    for row in found:
        waits = sum(value for key, value in row.items() if key.startswith("wait"))
        assert row["own"] == row["mac"] + row["psum_add"] + waits


@settings(max_examples=300, deadline=None)
@given(cases(), between(0, 2**32 - 1))
def test_the_stepped_array_agrees(case, seed):
    """Outputs equal a plain convolution, cycles the fast path's, accesses the closed counts."""
    shape, mapping, machine = case
    random = np.random.default_rng(seed)
    ifmap = random.integers(-8, 9, (shape.n, shape.groups * shape.c, shape.h, shape.w))
    ifmap[random.random(ifmap.shape) < 0.3] = 0
    filters = random.integers(-8, 9, shape.filter_shape)
    psums = random.integers(-99, 99, shape.ofmap_shape)
    expected = naive_convolution(ifmap, filters, shape.groups, (shape.stride_h, shape.stride_w), psums)
    table = enumerate_passes(shape, mapping)
    run = step_row_stationary(machine, mapping.window(shape), table.stepped(shape), ifmap, filters, psums)
    np.testing.assert_array_equal(psums, expected)
    cycles, drain = fast(shape, mapping, machine)
    assert run.cycles == cycles[:, 0].sum() + drain
    words = pass_words(shape, table)
    macs, n_psums = words.macs.sum(), words.psum_write.sum()
    assert macs == shape.n_macs
    assert run.counts[:12].tolist() == [
        words.ifmap.sum(),
        words.filter.sum(),
        words.psum_read.sum(),
        n_psums,
        words.ifmap_copies.sum(),
        words.filter_copies.sum(),
        macs,
        macs,
        macs,
        macs,
        n_psums * (mapping.window(shape).chain_pes - 1),
        macs,
    ]
    ones = np.zeros(shape.ofmap_shape, np.int64)
    stride = (shape.stride_h, shape.stride_w)
    gated = naive_convolution((ifmap == 0).astype(np.int64), np.ones_like(filters), shape.groups, stride, ones)
    assert run.counts[12] == gated.sum()


@settings(max_examples=100, deadline=None)
@given(layers(most=5))
def test_passes_touch_what_walking_every_mac_touches(case):
    """Words of each pass, one by one, and the passes since its psums were written."""
    shape, mapping = case
    table = enumerate_passes(shape, mapping)
    words = pass_words(shape, table)
    touched = list(naive_passes(asdict(shape), asdict(mapping)))
    assert table.count == len(touched)
    last_written: dict[object, int] = {}
    for i, sets in enumerate(touched):
        loads = i == 0 or sets["filter"] != touched[i - 1]["filter"]
        assert words.ifmap[i] == len(sets["ifmap"])
        assert words.filter[i] == len(sets["filter"]) * loads
        assert words.psum_read[i] == words.psum_write[i] == len(sets["psum"])
        assert words.macs[i] == sets["macs"]
        writers = {last_written.get(psum, i) for psum in sets["psum"]}
        assert writers == {i - table.psum_lag[i]}
        last_written.update(dict.fromkeys(sets["psum"], i))
        assert table.p[i] <= mapping.p
        assert table.t[i] <= mapping.t
        assert (table.t[i] - 1) * table.p[i] < table.filters[i] <= table.t[i] * table.p[i]
        assert (table.r[i] - 1) * table.q[i] < table.channels[i] <= table.r[i] * table.q[i]


@pytest.mark.parametrize(
    ("shape", "mapping"),
    [
        pytest.param(
            MacShape.of(n=4, k=20, c=18, h=13, w=13, r=3, s=3, pad=(1, 1)),
            RowStationaryMapping(m=16, n=4, e=13, p=4, q=3, r=2, t=2),
            id="several ifmaps and sets",
        ),
        pytest.param(
            MacShape.of(n=1, k=4, c=2, h=27, w=27, r=5, s=5, pad=(2, 2)),
            RowStationaryMapping(m=4, n=1, e=27, p=4, q=2, r=1, t=1),
            id="strip wider than the array",
        ),
        pytest.param(
            MacShape.of(n=1, k=1, c=1, h=28, w=28, r=3, s=3, pad=(1, 1), groups=8),
            RowStationaryMapping(m=1, n=1, e=14, p=1, q=1, r=1, t=1),
            id="depthwise",
        ),
        pytest.param(
            MacShape.of(n=3, k=300, c=200),
            RowStationaryMapping(m=224, n=3, e=1, p=2, q=12, r=12, t=14),
            id="fully connected",
        ),
    ],
)
def test_the_stepped_array_agrees_on_larger_layers(shape, mapping):
    random = np.random.default_rng(7)
    ifmap = np.zeros((shape.n, shape.groups * shape.c, shape.padded_h, shape.padded_w), np.int64)
    top, left = shape.pad_h, shape.pad_w
    ifmap[:, :, top : top + shape.h, left : left + shape.w] = random.integers(-99, 99, shape.ifmap_shape)
    filters, psums = random.integers(-99, 99, shape.filter_shape), np.zeros(shape.ofmap_shape, np.int64)
    expected = naive_convolution(ifmap, filters, shape.groups, (1, 1), psums)
    passes = enumerate_passes(shape, mapping).stepped(shape)
    run = step_row_stationary(EYERISS, mapping.window(shape), passes, ifmap, filters, psums)
    np.testing.assert_array_equal(psums, expected)
    cycles, drain = fast(shape, mapping, EYERISS)
    assert run.cycles == cycles[:, 0].sum() + drain


SMALL_CASES = """
import numpy as np
from accel_sim.kernels.row_stationary import layer_cycles
from accel_sim.kernels.row_stationary_types import ArrayTiming
from accel_sim.kernels.stepped.row_stationary import step_row_stationary
from accel_sim.mapping.row_stationary_letters import RowStationaryMapping
from accel_sim.mapping.row_stationary_passes import enumerate_passes
from accel_sim.workload import MacShape
random = np.random.default_rng(3)
for case in range(6):
    shape = MacShape.of(n=2, k=5, c=3, h=5 + case, w=7, r=3, s=2, stride=(1 + case % 2, 1 + case % 3))
    mapping = RowStationaryMapping(m=4, n=1 + case % 2, e=2, p=2, q=1 + case % 2, r=2, t=2)
    machine = ArrayTiming(4, 1, 2 + case % 3, 4, 8 + case, 4 + case, 8 + case, 1 + case % 3, 1, case % 2)
    table, window = enumerate_passes(shape, mapping), mapping.window(shape)
    ifmap, filters = random.integers(-9, 9, (2, 3, 5 + case, 7)), random.integers(-9, 9, (5, 3, 3, 2))
    run = step_row_stationary(
        machine, window, table.stepped(shape), ifmap, filters, np.zeros(shape.ofmap_shape, np.int64)
    )
    cycles, drain = layer_cycles(machine, window, *table.kinds())
    assert run.cycles == cycles[:, 0].sum() + drain, case
"""


@pytest.mark.parametrize("setting", ["NUMBA_DISABLE_JIT", pytest.param("NUMBA_BOUNDSCHECK", marks=pytest.mark.soak)])
def test_without_the_compiler_and_with_bounds_checked(setting, tmp_path):
    environment = {**os.environ, setting: "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", SMALL_CASES]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
