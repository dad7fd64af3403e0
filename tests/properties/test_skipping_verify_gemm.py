"""Machines that multiply sparse matrices, and SCNN, are proven on layers of all kinds; planted faults are found."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.arch import Accelerator, load_arch
from accel_sim.compression.patterns import random_mask
from accel_sim.engine.simulate import prepare
from accel_sim.errors import ArchError, MappingError
from accel_sim.kernels.sparse.dual_side import DualSideSpec
from accel_sim.kernels.sparse.scnn import ConvShape, ScnnSpec
from accel_sim.kernels.stepped.dual_side import dual_side_stepped
from accel_sim.kernels.stepped.n_of_m import store_groups
from accel_sim.kernels.stepped.scnn import scnn_stepped
from accel_sim.validation.verify import verify
from accel_sim.validation.verify.fast_path import FastPath
from accel_sim.validation.verify.operands import Operands, layer_operands
from accel_sim.validation.verify.registry import twin_of
from accel_sim.validation.verify.run import verify_layer
from accel_sim.validation.verify.skip_bitmap_gemm import BitmapGemmStepper
from accel_sim.validation.verify.skip_dual_side import DualSideStepper
from accel_sim.validation.verify.skip_scnn import ScnnStepper
from accel_sim.validation.verify.skip_tile import StepTile
from accel_sim.validation.verify.twin import LayerJob
from tests.properties.small_jobs import network
from tests.reference import naive_sigma

ROOT = Path(__file__).parents[2]
A100 = "a100_sparse_tensor_core"

# small relatives, so that small layers fill them
SMALL: dict[str, dict[str, Any]] = {
    "scnn": {"array.pe_rows": 2, "array.pe_cols": 3, "array.accumulator_entries": 16},
    A100: {"array.cores": 3, "array.macs": 16, "array.mma_m": 4, "array.mma_n": 2, "array.mma_k": 8},
    "dual_side_tensor_core": {
        "array.units": 2,
        "array.tile_m": 4,
        "array.tile_n": 6,
        "array.step_m": 2,
        "array.step_n": 3,
    },
    "sigma": {"array.multipliers": 8, "array.distribution_ports": 4, "array.collection_lines": 2},
}
CHOICES: dict[str, dict[str, tuple[Any, ...]]] = {
    "scnn": {
        "array.bank_queue": (0, 1, 4),
        "array.barrier": ("group", "channel"),
        "array.halo_overlap": (True, False),
        "array.tile_padding": (True, False),
        "array.n_banks": (4, 32),
        "array.f_vector": (1, 4),
    },
    A100: {"array.n": (1, 2, 4), "array.macs": (8, 16)},
    "dual_side_tensor_core": {"array.empty_place_cycles": (0, 1), "array.units": (1, 5)},
    "sigma": {
        "array.distribution_ports": (1, 3, 8),
        "array.collection_lines": (0, 1, 2),
        "array.non_blocking": (True, False),
        "array.cut_rows": (True, False),
        "array.drop_useless": (True, False),
    },
}
DENSITY = st.sampled_from([0, 0.1, 0.5, 1])
WIDTHS = ((16, 16), (8, 4), (4, 16))
"""Bits of ifmap and filter."""


@cache
def small(name: str, room_bytes: int, choice: tuple[Any, ...] = ()) -> Accelerator:
    """A small machine whose buffers have so much room each: bands and blocks of a few rows where it is little."""
    arch = load_arch(name)
    sizes: dict[str, Any] = {}
    for buffer in arch.buffers:
        sizes[f"buffers.{buffer.name}.banks"] = 1
        sizes[f"buffers.{buffer.name}.width_bits"] = 64
        sizes[f"buffers.{buffer.name}.size_bytes"] = room_bytes
    chosen = dict(zip(CHOICES[name], choice, strict=bool(choice)))
    return arch.with_set({**SMALL[name], **sizes, **chosen})


@st.composite
def machines(draw: st.DrawFn, name: str) -> Accelerator:
    room = draw(st.sampled_from([256, 1024, 16384]))
    arch = small(name, room, tuple(draw(st.sampled_from(values)) for values in CHOICES[name].values()))
    return arch.with_set(dict(zip(("mac.bits.ifmap", "mac.bits.filter"), draw(st.sampled_from(WIDTHS)), strict=True)))


@st.composite
def entries(draw: st.DrawFn, name: str, arch: Accelerator) -> dict[str, Any]:
    """A layer of a few channels and pixels: groups, strides, padding, ragged ends; or a vector or matrix product."""
    zeros: dict[str, Any] = {"density": {"ifmap": draw(DENSITY)}}
    if name != A100:
        zeros["density"]["filter"] = draw(DENSITY)
    elif draw(st.booleans()):
        keys = arch.array.model_dump()
        zeros["pattern"] = {"filter": {"kind": "n_of_m", "n": keys["n"], "m": keys["m"]}}
    if draw(st.integers(0, 3)) == 0:
        sizes = {letter: draw(st.integers(1, most)) for letter, most in (("m", 4), ("k", 40), ("n", 30))}
        return {"name": "only", "op": "matmul", **sizes, "count": draw(st.integers(1, 2)), **zeros}
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
        "stride": stride[:1] * 2 if name == "scnn" else stride,
        "padding": pad,
        **zeros,
    }


@pytest.mark.parametrize("name", SMALL)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_layers_are_proven(data: st.DataObject, name: str) -> None:
    """Outputs are numpy's, cycles and counts those of the tile program."""
    arch = data.draw(machines(name))
    one = network([data.draw(entries(name, arch))], arch, data.draw(st.integers(1, 2)))
    try:
        (verdict,) = verify(one, arch, seed=data.draw(st.integers(0, 3)))
    except MappingError as error:
        assert all("buffer" in fault.message for fault in error.faults)  # noqa: PT017
        return
    assert verdict.is_proven, verdict.differences


LAYER = {"name": "only", "op": "conv2d", "ifmap": [14, 5, 5], "filter": [12, 7, 3, 3], "groups": 2, "padding": 1}
PLACE = 9, 5, 2, 1


def planted(arch: Accelerator) -> tuple[LayerJob, FastPath, Operands]:
    """A layer, its program, and operands of which one weight is another, which no ifmap value hides."""
    one = network([LAYER], arch)
    job = prepare(one, arch)
    layer = one.layers[0]
    operands = layer_operands(layer, 0)
    altered = operands.filters.copy()
    altered[PLACE] += 1
    work = LayerJob(layer=layer, arch=arch, mapping=job.mappings["only"], operands=operands, places=job.places["only"])
    return work, FastPath.of(next(job.programs()), job.machine), Operands(ifmap=operands.ifmap, filters=altered)


@pytest.mark.parametrize(
    ("name", "pe"),
    [
        # the activation at row 1, column 0 of a plane of 5 x 5, in tiles of 3 x 2
        ("scnn", "PE (0, 0)"),
        # 5 x 5 windows in tiles of 2: 13 tiles a row of tiles; filters 3 and window 0 are in the first
        (A100, "core 0"),
        ("dual_side_tensor_core", "unit 0"),
        # rows of 63 weights: 8 of them, then 7 at a time behind the carried psum; the weight is number 52 of its row
        ("sigma", "multiplier 3"),
    ],
)
def test_a_wrong_weight_is_named_by_step_clock_and_pe(name: str, pe: str) -> None:
    work, fast, reference = planted(small(name, 4096))
    verdict = verify_layer(twin_of(work.arch), work, fast, reference)
    assert not verdict.outputs_equal
    assert verdict.stepped_cycles == verdict.fast_cycles
    assert verdict.accesses_equal
    (difference,) = verdict.differences
    _, channel, r, s = PLACE
    # the first output that is wrong is the first whose window has the tap inside the ifmap
    assert "[0, 9, 0, 0]" in difference.subject
    assert difference.expected - difference.stepped == int(work.operands.ifmap[0, 7 + channel, r - 1, s - 1])
    assert "(group 1, image 0, row" in difference.part
    assert difference.pe == pe
    part = int(difference.part.split()[1])
    assert difference.clock == fast.ends(twin_of(work.arch).step(work).commands)[part]


@pytest.mark.parametrize("name", SMALL)
def test_a_wrong_cycle_of_the_program_is_named_by_its_step(name: str) -> None:
    work, fast, _ = planted(small(name, 512))
    run = twin_of(work.arch).step(work)
    assert run.n_parts > 2
    own, first = fast.program.own_cycles.copy(), fast.program.unit_ptr[fast.unit]
    own[first + run.commands[1]] += 3
    late = replace(fast, program=replace(fast.program, own_cycles=own))
    (difference,) = verify_layer(twin_of(work.arch), work, late, work.operands).differences
    assert difference.part.startswith("step 2 of ")
    assert difference.expected == difference.stepped + 3


@pytest.mark.parametrize("name", SMALL)
def test_a_wrong_count_of_the_program_is_named(name: str) -> None:
    work, fast, _ = planted(small(name, 512))
    templates = fast.program.templates
    words = templates.action_words.copy()
    words[next(i for i, key in enumerate(templates.action_key) if _is_array_read(fast, key))] += 1
    more = replace(fast, program=replace(fast.program, templates=templates._replace(action_words=words)))
    verdict = verify_layer(twin_of(work.arch), work, more, work.operands)
    assert not verdict.accesses_equal
    assert verdict.outputs_equal
    (difference,) = verdict.differences
    assert difference.part.startswith("step ")
    assert difference.expected > difference.stepped


def _is_array_read(fast: FastPath, index: int) -> bool:
    """Whether an action is a read that the array makes of its ifmap buffer."""
    key = fast.program.action_keys[index]
    return (key.tensor, key.event) == ("ifmap", "read") and key.level not in ("dram", "rf")


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        ({"array.operand_bytes_per_cycle": 64}, "array.operand_bytes_per_cycle: found 64"),
        ({"array.macs": 100}, "array.macs: found 100; .* array.mma_m x mma_n = 8"),
    ],
)
def test_what_stepped_cores_do_not_have_is_refused(sets: dict[str, Any], words: str) -> None:
    arch = small(A100, 1024).with_set(sets)
    with pytest.raises(ArchError, match=words):
        verify(network([LAYER], arch), arch)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([2, 4, 8]), st.booleans(), st.booleans(), st.sampled_from([0.2, 0.6, 1.0]), st.integers(0, 99)
)
def test_sigma_names_the_multiplier_that_holds_a_weight(n, cut_rows, drop_useless, density, seed):
    """Where the plain twin's folds have it."""
    sets = {"array.multipliers": n, "array.distribution_ports": 1, "array.cut_rows": cut_rows}
    arch = load_arch("sigma").with_set({**sets, "array.drop_useless": drop_useless})
    held = random_mask((4, 12), density, seed=seed, tensor_key="a")
    windows = random_mask((2, 12), 0.6, seed=seed, tensor_key="b").astype(np.int64)
    rows = [[k for k in np.flatnonzero(row).tolist() if windows[:, k].any() or not drop_useless] for row in held]
    tile = SimpleNamespace(
        arch=arch, shape=SimpleNamespace(r=1, s=1), filters=held.reshape(4, 12, 1, 1), windows=lambda: windows
    )
    left = [(row, k) for row, places in enumerate(rows) for k in places]
    for fold in naive_sigma.folds(rows, n, cut_rows):
        for multiplier, place in enumerate(place for cluster in fold for place in cluster):
            if place != naive_sigma.CARRY:
                row, k = left.pop(0)
                assert k == place
                assert BitmapGemmStepper().pe(tile, (0, row, 0, 0), (k, 0, 0)) == f"multiplier {multiplier}"
    assert not left


def tile_of(arch: Accelerator, entry: dict[str, Any]) -> StepTile:
    """The only step of a layer."""
    one = network([entry], arch)
    tiles: list[StepTile] = []
    twin = twin_of(arch)
    step = twin.stepper.step
    twin.stepper.step = lambda tile: tiles.append(tile) or step(tile)
    try:
        verify(one, arch)
    finally:
        del twin.stepper.step
    (tile,) = tiles
    return tile


@pytest.mark.parametrize("tile_padding", [False, True])
def test_scnn_names_the_pe_that_works_on_an_activation(tile_padding: bool) -> None:
    arch = small("scnn", 16384).with_set({"array.tile_padding": tile_padding})
    tile = tile_of(arch, {"name": "only", "op": "conv2d", "ifmap": [1, 5, 7], "filter": [1, 1, 3, 3], "padding": 1})
    spec = ScnnSpec(pe_rows=2, pe_cols=3, tile_padding=tile_padding)
    for row, col in np.ndindex(5, 7):
        image = np.zeros((1, 5, 7), dtype=np.int64)
        image[0, row, col] = 1
        run = scnn_stepped(image, np.ones((1, 1, 3, 3), dtype=np.int64), ConvShape(5, 7, 1, 1), 1, spec)
        pe = int(np.flatnonzero(run.pe_cycles)[0])
        assert ScnnStepper().pe(tile, (0, 0, row, col), (0, 1, 1)) == f"PE ({pe // 3}, {pe % 3})"
    assert ScnnStepper().pe(tile, (0, 0, 0, 0), (0, 0, 1)) == "no PE (padding)"


def test_dual_side_names_the_unit_that_makes_an_output() -> None:
    arch = small("dual_side_tensor_core", 16384).with_set({"array.units": 5})
    tile = tile_of(arch, {"name": "only", "op": "conv2d", "ifmap": [2, 4, 5], "filter": [11, 2, 1, 1]})
    for k, window in np.ndindex(11, 20):
        a, b = np.zeros((11, 2), dtype=np.int64), np.zeros((20, 2), dtype=np.int64)
        a[k, 0] = b[window, 0] = 1
        busy = dual_side_stepped(a, b, DualSideSpec(5, 4, 6, 2, 3)).unit_busy_cycles
        output = (0, k, window // 5, window % 5)
        assert DualSideStepper().pe(tile, output, (0, 0, 0)) == f"unit {np.flatnonzero(busy)[0]}"


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([(1, 2), (2, 4), (3, 4), (4, 4)]), st.integers(1, 3), st.integers(1, 14), st.integers(0, 99))
def test_stored_groups_hold_every_value_at_a_place_of_its_own(n_of_m, n_rows, k, seed):
    n, m = n_of_m
    mask = random_mask((n_rows, k), n / m, "n_of_m", seed, n=n, m=m)
    a = mask * (1 + np.arange(n_rows * k).reshape(n_rows, k))
    values, places = store_groups(a, n, m)
    groups = places.reshape(n_rows, -1, n)
    assert (np.diff(groups, axis=2) > 0).all()
    dense = np.zeros((n_rows, groups.shape[1], m), dtype=np.int64)
    np.put_along_axis(dense, groups, values.reshape(groups.shape), axis=2)
    assert np.array_equal(dense.reshape(n_rows, -1)[:, :k], a)


SMALL_CASES = """
from accel_sim.validation.verify import verify
from tests.properties.small_jobs import network
from tests.properties.test_skipping_verify_gemm import A100, SMALL, small
entry = {"name": "only", "op": "conv2d", "ifmap": [3, 4, 3], "filter": [4, 3, 2, 2], "density": {"ifmap": 0.5}}
for name in SMALL:
    zeros = {"pattern": {"filter": {"kind": "n_of_m", "n": 2, "m": 4}}} if name == A100 else {}
    arch = small(name, 1024)
    (verdict,) = verify(network([{**entry, **zeros}], arch), arch)
    assert verdict.is_proven, verdict.differences
"""


@pytest.mark.parametrize("setting", ["NUMBA_DISABLE_JIT", pytest.param("NUMBA_BOUNDSCHECK", marks=pytest.mark.soak)])
def test_without_the_compiler_and_with_bounds_checked(setting, tmp_path):
    environment = {**os.environ, setting: "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", SMALL_CASES]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
