"""The pixel mesh: stepped, slow and fast models agree on sums, cycles and where every ifmap word comes from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accel_sim import verify
from accel_sim.engine.simulate import prepare
from accel_sim.errors import MappingError
from accel_sim.kernels.im2col import ConvShape, output_size
from accel_sim.kernels.stepped.pixel_mesh import step_pixel_mesh
from accel_sim.kernels.stepped.pixel_mesh_types import IFMAP_LOADS, IFMAP_PASSED, MACS, PixelPes
from accel_sim.lowering.machine import ARRAY
from accel_sim.validation.verify import pixel_mesh as twin_module
from tests.properties.small_jobs import MAC_KINDS, layers, network, shipped
from tests.reference.naive_pixel_mesh import run_pixel_mesh

ROOT = Path(__file__).parents[2]


@st.composite
def convolutions(draw: st.DrawFn) -> ConvShape:
    """Any stride, padding, dilation and grouping whose window fits."""
    r, s, stride_h, stride_w = (draw(st.integers(1, 4)) for _ in range(4))
    dilation_h, dilation_w = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (2, 3)]))
    pad_h, pad_w = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    h = draw(st.integers(max(1, dilation_h * (r - 1) + 1 - 2 * pad_h), 11))
    w = draw(st.integers(max(1, dilation_w * (s - 1) + 1 - 2 * pad_w), 11))
    return ConvShape(
        n=draw(st.integers(1, 2)), k=draw(st.integers(1, 4)), c=draw(st.integers(1, 3)),
        p=output_size(h, r, stride_h, pad_h, dilation_h), q=output_size(w, s, stride_w, pad_w, dilation_w),
        r=r, s=s, groups=draw(st.integers(1, 2)), stride_h=stride_h, stride_w=stride_w, pad_h=pad_h, pad_w=pad_w,
        dilation_h=dilation_h, dilation_w=dilation_w, h=h, w=w,
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    conv=convolutions(),
    pes=st.builds(PixelPes, st.integers(1, 5), st.integers(1, 5), st.integers(1, 9), st.integers(1, 4)),
    data=st.data(),
)
def test_stepped_and_slow_mesh(conv: ConvShape, pes: PixelPes, data: st.DataObject) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    ifmap = random.integers(-9, 9, (conv.n, conv.groups * conv.c, conv.h, conv.w))
    filters = random.integers(-9, 9, (conv.groups * conv.k, conv.c, conv.r, conv.s))
    together = data.draw(st.integers(1, conv.k))
    run = step_pixel_mesh(pes, conv, together, ifmap, filters)
    slow = run_pixel_mesh(
        ifmap,
        filters,
        groups=conv.groups,
        stride=(conv.stride_h, conv.stride_w),
        pad=(conv.pad_h, conv.pad_w),
        dilation=(conv.dilation_h, conv.dilation_w),
        pes=(pes.rows, pes.cols),
        fifo_words=pes.fifo_words,
        stages=pes.stages,
        together=together,
    )
    assert np.array_equal(run.books.outputs, slow.outputs)
    counts = run.books.counts.sum(axis=0)
    assert run.cycles == slow.cycles
    assert (counts[IFMAP_LOADS], counts[IFMAP_PASSED]) == (slow.from_buffer, slow.from_neighbours)
    assert counts[MACS] == conv.n * conv.groups * conv.k * conv.c * conv.p * conv.q * conv.r * conv.s


@settings(max_examples=60, deadline=None)
@given(data=st.data(), kind=st.sampled_from(MAC_KINDS))
def test_fast_path_is_proven(data: st.DataObject, kind: str) -> None:
    """Cycles, words and outputs of random layers, with values and zeros, by the same proof as ``accel-sim verify``."""
    sizes = {name: data.draw(st.integers(1, 9)) for name in ("rows", "cols", "fifo_words", "pipeline_stages")}
    sparsity = data.draw(st.sampled_from(["none", "gate_ifmap", "gate_both"]))
    sets = {f"array.{name}": size for name, size in sizes.items()}
    arch = shipped("shidiannao").with_set({**sets, "mac.sparsity": sparsity})
    alone = network([data.draw(layers("only", kind))], arch, data.draw(st.integers(1, 2)))
    try:
        prepare(alone, arch)
    except MappingError:
        assume(False)
    (verdict,) = verify(alone, arch, seed=data.draw(st.integers(0, 9)))
    assert verdict.is_proven, [str(difference) for difference in verdict.differences]


def test_a_wrong_sum_is_found_at_its_clock_and_pe(monkeypatch: pytest.MonkeyPatch) -> None:
    arch = shipped("shidiannao")
    entry = {"name": "only", "op": "conv2d", "ifmap": [2, 12, 12], "filter": [3, 2, 3, 3]}
    alone = network([entry], arch)
    job = prepare(alone, arch)
    assert next(iter(job.programs())).primary_unit == job.machine.unit_index(ARRAY)
    right = twin_module.step_pixel_mesh

    def one_wrong_weight(pes, conv, tk, ifmap, filters, watched):  # type: ignore[no-untyped-def]
        filters = filters.copy()
        filters[1, 1, 2, 0] += 1
        return right(pes, conv, tk, ifmap, filters, watched)

    monkeypatch.setattr(twin_module, "step_pixel_mesh", one_wrong_weight)
    (verdict,) = verify(alone, arch)
    assert not verdict.is_proven
    (difference,) = verdict.differences
    # filter 1 begins after 4 patches of 18 taps; its wrong weight is tap (1, 2, 0), added three clocks later
    assert (difference.clock, difference.pe) == (4 * 18 + 15 + 3, "PE (0, 0)")


SMALL_CASES = """
import numpy as np
from accel_sim.kernels.im2col import ConvShape
from accel_sim.kernels.stepped.pixel_mesh import step_pixel_mesh
from accel_sim.kernels.stepped.pixel_mesh_types import IFMAP_LOADS, IFMAP_PASSED, PixelPes
from tests.reference.naive_pixel_mesh import run_pixel_mesh
random = np.random.default_rng(4)
for stride, size, fifo_words in ((1, 5, 8), (2, 7, 3), (1, 3, 1)):
    p = (size - 3) // stride + 1
    conv = ConvShape(2, 3, 2, p, p, 3, 3, 2, stride, stride, 0, 0, 1, 1, size, size)
    ifmap = random.integers(-9, 9, (2, 4, size, size))
    filters = random.integers(-9, 9, (6, 2, 3, 3))
    run = step_pixel_mesh(PixelPes(2, 3, fifo_words, 3), conv, 2, ifmap, filters, (1, 4, 0, 0))
    slow = run_pixel_mesh(
        ifmap, filters, groups=2, stride=(stride, stride), pad=(0, 0), dilation=(1, 1), pes=(2, 3),
        fifo_words=fifo_words, stages=3, together=2,
    )
    counts = run.books.counts.sum(axis=0)
    assert np.array_equal(run.books.outputs, slow.outputs) and run.cycles == slow.cycles
    assert (counts[IFMAP_LOADS], counts[IFMAP_PASSED]) == (slow.from_buffer, slow.from_neighbours)
    assert run.books.log[run.books.n_logged[0] - 1, -1] == slow.outputs[1, 4, 0, 0]
"""


@pytest.mark.parametrize("setting", ["NUMBA_DISABLE_JIT", pytest.param("NUMBA_BOUNDSCHECK", marks=pytest.mark.soak)])
def test_without_the_compiler_and_with_bounds_checked(setting: str, tmp_path: Path) -> None:
    environment = {**os.environ, setting: "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", SMALL_CASES]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
