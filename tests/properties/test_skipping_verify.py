"""Machines that skip zeros are proven on layers of all kinds, and what is planted wrong is found where it is."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.arch import Accelerator, load_arch
from accel_sim.compression.formats.csc_relative import CscRelative
from accel_sim.engine.simulate import prepare
from accel_sim.errors import ArchError, MappingError
from accel_sim.kernels.stepped.entry_lists import write_entry_lists
from accel_sim.validation.verify import verify
from accel_sim.validation.verify.fast_path import FastPath
from accel_sim.validation.verify.operands import Operands, layer_operands
from accel_sim.validation.verify.registry import twin_of
from accel_sim.validation.verify.run import verify_layer
from accel_sim.validation.verify.twin import LayerJob
from accel_sim.workload import load_workload
from tests.properties.small_jobs import network
from tests.reference import naive_entry_lists

ROOT = Path(__file__).parents[2]

# small relatives, so that small layers fill them
SMALL: dict[str, dict[str, Any]] = {
    "eie": {"array.pes": 4, "array.queue_depth": 2, "array.accumulator_words": 3, "array.entries_per_read": 2},
    "ese": {"array.channels": 2, "array.pes": 3, "array.queue_depth": 2, "array.run_bits": 1},
    "cambricon_x": {"array.pes": 4, "array.multipliers": 2, "array.segment": 64, "array.segments_per_barrier": 1},
    "cnvlutin": {"array.lanes": 4, "array.brick": 2, "array.tiles": 2, "array.filters": 2},
}
ROW_ORDERS = ("interleaved", "balanced")
# keys with two values, where the machine has them
CHOICES: dict[str, dict[str, tuple[Any, Any]]] = {
    "eie": {"array.empty_slice_cycles": (0, 1), "array.run_bits": (1, 4), "array.row_order": ROW_ORDERS},
    "ese": {"array.empty_slice_cycles": (0, 1), "array.row_order": ROW_ORDERS},
    "cambricon_x": {"array.empty_segment_cycles": (0, 1), "array.segments_per_barrier": (0, 2)},
    "cnvlutin": {"array.empty_brick_cycles": (0, 1), "array.encoded": (False, True)},
}
WIDTHS = [(16, 16, 32), (8, 16, 24), (7, 5, 20), (16, 4, 33)]
DENSITY = st.sampled_from([0, 0.1, 0.5, 1])


@cache
def small(name: str, room_bytes: int, choice: tuple[int, ...] = ()) -> Accelerator:
    """A small machine whose buffers have little room each, so that layers come in bands, blocks and pieces."""
    arch = load_arch(name)
    sizes: dict[str, Any] = {}
    for buffer in arch.buffers:
        sizes[f"buffers.{buffer.name}.banks"] = 1
        sizes[f"buffers.{buffer.name}.width_bits"] = 64
        sizes[f"buffers.{buffer.name}.size_bytes"] = room_bytes
    chosen = {key: values[at] for (key, values), at in zip(CHOICES[name].items(), choice, strict=bool(choice))}
    return arch.with_set({**SMALL[name], **sizes, **chosen})


@st.composite
def machines(draw: st.DrawFn, name: str) -> Accelerator:
    room = draw(st.sampled_from([256, 1024, 16384]))
    arch = small(name, room, tuple(draw(st.integers(0, 1)) for _ in CHOICES[name]))
    widths = dict(zip(("ifmap", "filter", "psum"), draw(st.sampled_from(WIDTHS)), strict=True))
    return arch.with_set({f"mac.bits.{tensor}": bits for tensor, bits in widths.items()})


@st.composite
def entries(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """A layer of a few channels and pixels: groups, strides, padding, ragged ends; or a matrix product."""
    density = {"ifmap": draw(DENSITY), "filter": draw(DENSITY)}
    if draw(st.integers(0, 3)) == 0:
        sizes = {letter: draw(st.integers(1, most)) for letter, most in (("m", 5), ("k", 150), ("n", 30))}
        second = draw(st.sampled_from(["weight", "activation"]))
        count = draw(st.integers(1, 2))
        return {"name": "only", "op": "matmul", **sizes, "count": count, "second": second, "density": density}
    groups, c, k = draw(st.integers(1, 2)), draw(st.integers(1, 9)), draw(st.integers(1, 14))
    r, s = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    pad = [draw(st.integers(0, r)), draw(st.integers(0, s))]
    stride = [draw(st.integers(1, 3)), draw(st.integers(1, 3))]
    height, width = (draw(st.integers(max(1, taps - 2 * p), 7)) for taps, p in ((r, pad[0]), (s, pad[1])))
    return {
        "name": "only",
        "op": "conv2d",
        "ifmap": [groups * c, height, width],
        "filter": [groups * k, c, r, s],
        "groups": groups,
        "stride": stride[:1] * 2 if name == "cnvlutin" else stride,
        "padding": pad,
        "density": density,
    }


@pytest.mark.parametrize("name", SMALL)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_layers_are_proven(data: st.DataObject, name: str) -> None:
    """Outputs are numpy's, cycles and counts those of the tile program."""
    arch, entry = data.draw(machines(name)), data.draw(entries(name))
    one = network([entry], arch, data.draw(st.integers(1, 2)))
    try:
        (verdict,) = verify(one, arch, seed=data.draw(st.integers(0, 3)))
    except MappingError as error:
        assert all("buffer" in fault.message for fault in error.faults)  # noqa: PT017
        return
    assert verdict.is_proven, verdict.differences


@pytest.mark.parametrize("name", SMALL)
def test_a_chain_with_vector_layers_is_proven(name: str) -> None:
    arch = small(name, 4096)
    chain = [
        {"name": "a", "op": "conv2d", "ifmap": [3, 9, 9], "filter": [8, 3, 3, 3], "padding": 1},
        {"name": "b", "op": "pool", "inputs": ["a"], "ifmap": [8, 9, 9], "window": 3, "stride": 3},
        {
            "name": "c",
            "op": "linear",
            "inputs": ["b"],
            "in_features": 72,
            "out_features": 10,
            "density": {"filter": 0.2},
        },
    ]
    verdicts = verify(network(chain, arch, 2), arch)
    assert [verdict.name for verdict in verdicts] == ["a", "c"]
    assert all(verdict.is_proven for verdict in verdicts)


@pytest.mark.parametrize("workload", ["lenet5", pytest.param("alexnet_pruned", marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", SMALL)
def test_whole_networks_are_proven_on_the_shipped_machines(name: str, workload: str) -> None:
    arch, shipped = load_arch(name), load_workload(workload)
    verdicts = verify(shipped, arch)
    assert [verdict.name for verdict in verdicts] == [layer.name for layer in shipped.layers if layer.is_mac]
    assert all(verdict.is_proven for verdict in verdicts)
    if name == "eie":
        zeros = prepare(shipped, arch).zeros
        assert [verdict.n_macs_stepped for verdict in verdicts] == [
            zeros[verdict.name].n_effectual_macs for verdict in verdicts
        ]


LAYER = {"name": "only", "op": "conv2d", "ifmap": [14, 5, 5], "filter": [12, 7, 3, 3], "groups": 2, "padding": 1}
PLACE = 9, 5, 2, 1
OWNER = {"eie": "PE 3", "ese": "PE 0 of channel 0", "cambricon_x": "PE 3", "cnvlutin": "tile 1, filter 1, lane 2"}
"""Who multiplies by the weight at `PLACE`: filter 3 of its group, channel 5 of 7."""


def planted(name: str, arch: Accelerator) -> tuple[LayerJob, FastPath, Operands]:
    """A layer, its program, and operands of which one weight is another, which no ifmap value hides."""
    one = network([LAYER], arch)
    job = prepare(one, arch)
    layer = one.layers[0]
    operands = layer_operands(layer, 0)
    altered = operands.filters.copy()
    altered[PLACE] += 1
    work = LayerJob(layer=layer, arch=arch, mapping=job.mappings["only"], operands=operands, places=job.places["only"])
    return work, FastPath.of(next(job.programs()), job.machine), Operands(ifmap=operands.ifmap, filters=altered)


@pytest.mark.parametrize("name", SMALL)
def test_a_wrong_weight_is_named_by_step_clock_and_pe(name: str) -> None:
    work, fast, reference = planted(name, small(name, 1024))
    verdict = verify_layer(twin_of(work.arch), work, fast, reference)
    assert not verdict.outputs_equal
    assert verdict.stepped_cycles == verdict.fast_cycles
    assert verdict.accesses_equal
    (difference,) = verdict.differences
    _, channel, r, s = PLACE
    # the first output that is wrong is the first whose window has the tap inside the ifmap
    assert "[0, 9, 0, 0]" in difference.subject
    value = int(work.operands.ifmap[0, 7 + channel, r - 1, s - 1])
    assert difference.expected - difference.stepped == value
    window = np.zeros((7, 3, 3), dtype=np.int64)
    window[:, 1:, 1:] = work.operands.ifmap[0, 7:, :2, :2]
    terms = (window * reference.filters[9]).ravel()
    assert difference.expected == terms[: 9 * channel + 3 * r + s + 1].sum()
    assert "(group 1, image 0, row" in difference.part
    assert difference.pe == OWNER[name]
    part = int(difference.part.split()[1])
    run = twin_of(work.arch).step(work)
    start, end = np.concatenate(([0], fast.ends(run.commands)))[part : part + 2]
    # the window is the first of several; all of them cost the same where only weights are skipped
    assert start < difference.clock < end
    if name in ("ese", "cambricon_x"):
        assert (end - start) % (difference.clock - start) == 0


@pytest.mark.parametrize("name", SMALL)
def test_a_sum_lost_on_its_way_out_is_named(name: str) -> None:
    work, _, _ = planted(name, small(name, 16384))
    twin = twin_of(work.arch)
    run = twin.step(work)
    run.outputs[0, 11, 4, 4] += 7
    wrong = twin.first_wrong(work, run, (0, 11, 4, 4), work.operands)
    assert (wrong.pe, wrong.stepped) == ("on the way out", wrong.expected + 7)
    assert wrong.part == run.n_parts - 1
    assert wrong.clock == run.cycles


@pytest.mark.parametrize("name", SMALL)
def test_a_wrong_cycle_of_the_program_is_named_by_its_step(name: str) -> None:
    work, fast, _ = planted(name, small(name, 256))
    run = twin_of(work.arch).step(work)
    assert run.n_parts > 2
    own, first = fast.program.own_cycles.copy(), fast.program.unit_ptr[fast.unit]
    own[first + run.commands[1]] += 3
    late = replace(fast, program=replace(fast.program, own_cycles=own))
    (difference,) = verify_layer(twin_of(work.arch), work, late, work.operands).differences
    assert difference.part.startswith("step 2 of ")
    assert difference.expected == difference.stepped + 3


@pytest.mark.parametrize("name", ["eie", "ese"])
def test_another_depth_of_the_pipeline_is_refused(name: str) -> None:
    arch = small(name, 1024).with_set({"array.pipeline_stages": 5})
    with pytest.raises(ArchError, match=r"array.pipeline_stages.*found 5; the stepped PE has 4 stages"):
        verify(network([LAYER], arch), arch)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.sampled_from([1, 3, 15]), st.integers(0, 99), st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_entry_lists_are_those_of_the_format_and_the_plain_twin(
    n_pes: int, max_run: int, seed: int, density: float
) -> None:
    random = np.random.default_rng(seed)
    n_rows, n_cols = random.integers(1, 40), random.integers(1, 8)
    matrix = random.integers(1, 9, (n_rows, n_cols)) * (random.random((n_rows, n_cols)) < density)
    lists = write_entry_lists(np.ascontiguousarray(matrix.T.astype(np.int32)), n_pes, max_run)
    stored = CscRelative(n_parts=n_pes, run_bits=max_run.bit_length()).entry_lists(matrix)
    for name in lists._fields:
        assert np.array_equal(getattr(lists, name), getattr(stored, name)), name
    entries, pointers = naive_entry_lists.entry_lists(matrix.tolist(), n_pes, max_run)
    assert lists.pointers.tolist() == pointers
    assert list(zip(lists.values.tolist(), lists.runs.tolist(), strict=True)) == [
        pair for own in entries for pair in own
    ]
    assert lists.starts.tolist() == [sum(map(len, entries[:pe])) for pe in range(n_pes)]


SMALL_CASES = """
from accel_sim.validation.verify import verify
from tests.properties.small_jobs import network
from tests.properties.test_skipping_verify import SMALL, small
entry = {"name": "only", "op": "conv2d", "ifmap": [5, 4, 3], "filter": [6, 5, 2, 2]}
for name in SMALL:
    arch = small(name, 1024)
    (verdict,) = verify(network([{**entry, "density": {"ifmap": 0.5, "filter": 0.4}}], arch), arch)
    assert verdict.is_proven, verdict.differences
"""


@pytest.mark.parametrize("setting", ["NUMBA_DISABLE_JIT", pytest.param("NUMBA_BOUNDSCHECK", marks=pytest.mark.soak)])
def test_without_the_compiler_and_with_bounds_checked(setting: str, tmp_path: Path) -> None:
    environment = {**os.environ, setting: "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", SMALL_CASES]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
