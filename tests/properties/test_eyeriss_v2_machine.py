"""Eyeriss v2 run through the package: proven by its stepped array, busy on layers of all kinds, limited by its mesh."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.arch import Accelerator, load_arch
from accel_sim.arch.arrays.eyeriss_v2 import EyerissV2
from accel_sim.compression.masks import tensor_mask
from accel_sim.engine import run
from accel_sim.engine.simulate import prepare, simulate
from accel_sim.errors import InputError, MappingError
from accel_sim.kernels.stepped.eyeriss_v2_array import array_stepped
from accel_sim.mapping.base import word_bits
from accel_sim.mapping.eyeriss_v2 import choose_spread, grid_of, ports_of, slide_of
from accel_sim.program.validate import validate
from accel_sim.results.model import LayerResult
from accel_sim.validation.verify import verify
from accel_sim.validation.verify.fast_path import FastPath
from accel_sim.validation.verify.operands import Operands, layer_operands
from accel_sim.validation.verify.registry import twin_of
from accel_sim.validation.verify.run import verify_layer
from accel_sim.validation.verify.twin import LayerJob
from accel_sim.workload import MacShape, Network
from tests.properties.small_jobs import network

ROOT = Path(__file__).parents[2]
FILL = 6
"""Cycles in which a PE's pipeline fills, once a row."""

# four clusters of four PEs with small scratch pads, so that small layers come in many passes
SMALL: dict[str, Any] = {
    "array.cluster_rows": 2,
    "array.cluster_cols": 1,
    "array.pe_rows": 2,
    "array.pe_cols": 2,
    "array.iact_data_words": 4,
    "array.weight_addr_words": 4,
    "array.weight_data_words": 6,
    "array.psum_words": 4,
}
PORTS_OFF = {"array.iact_port_bits": 0, "array.weight_port_bits": 0, "array.psum_port_bits": 0}


@cache
def small(room_bytes: int, macs: int = 2, ports: bool = True) -> Accelerator:
    arch = load_arch("eyeriss_v2")
    sizes: dict[str, Any] = {}
    for buffer in arch.buffers:
        sizes[f"buffers.{buffer.name}.banks"] = 1
        sizes[f"buffers.{buffer.name}.width_bits"] = 64
        sizes[f"buffers.{buffer.name}.size_bytes"] = room_bytes
    return arch.with_set({**SMALL, **sizes, "array.macs": macs, **({} if ports else PORTS_OFF)})


@cache
def whole() -> Accelerator:
    return load_arch("eyeriss_v2", {"dram": "ideal"})


def run_one(arch: Accelerator, entry: dict[str, Any], batch: int = 1) -> LayerResult:
    return simulate(network([{"name": "only", **entry}], arch, batch), arch, steady=False).layers[0]


def cycles(row: LayerResult) -> int:
    return row.units["array"]["busy_cycles"]


def facts(row: LayerResult) -> dict[str, Any]:
    of_sparsity: dict[str, Any] = row.details["sparsity"]
    return of_sparsity


DENSITY = st.sampled_from([0, 0.2, 0.6, 1])


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    """A convolution, often a depthwise one, of a few channels and pixels; or a matrix product."""
    density = {"ifmap": draw(DENSITY), "filter": draw(DENSITY)}
    if draw(st.integers(0, 3)) == 0:
        sizes = {letter: draw(st.integers(1, most)) for letter, most in (("m", 4), ("k", 40), ("n", 20))}
        return {"op": "matmul", **sizes, "count": draw(st.integers(1, 3)), "density": density}
    groups, c = draw(st.integers(1, 5)), draw(st.sampled_from([1, 1, 3, 5]))
    k, r, s = draw(st.integers(1, 7)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    pad = [draw(st.integers(0, r)), draw(st.integers(0, s))]
    height, width = (draw(st.integers(max(1, taps - 2 * p), 6)) for taps, p in ((r, pad[0]), (s, pad[1])))
    return {
        "op": "conv2d",
        "ifmap": [groups * c, height, width],
        "filter": [groups * k, c, r, s],
        "groups": groups,
        "stride": draw(st.integers(1, 3)),
        "padding": pad,
        "density": density,
    }


def effectual_macs(one: Network, seed: int) -> int:
    """Products of two non-zero operands by a plain walk over pixels and taps."""
    layer = one.layers[0]
    shape = layer.shape
    assert isinstance(shape, MacShape)
    assert layer.filter is not None
    seen, kept = tensor_mask(layer.ifmap, seed).to_bool(), tensor_mask(layer.filter, seed).to_bool()
    total = 0
    for group in range(shape.groups):
        acts = seen.reshape(shape.n, shape.groups, shape.c, shape.h, shape.w)[:, group]
        weights = kept[group * shape.k : (group + 1) * shape.k].sum(axis=0)
        for p, q, r, s in np.ndindex(shape.p, shape.q, shape.r, shape.s):
            y, x = p * shape.stride_h + r - shape.pad_h, q * shape.stride_w + s - shape.pad_w
            if 0 <= y < shape.h and 0 <= x < shape.w:
                total += int((acts[:, :, y, x] * weights[:, r, s]).sum())
    return total


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_layers_are_proven_and_balance(data: st.DataObject) -> None:
    """Outputs, cycles and counts are the stepped array's; MACs done are those that the masks have."""
    room = data.draw(st.sampled_from([96, 512, 16384]))
    arch = small(room, data.draw(st.integers(1, 3)), data.draw(st.booleans()))
    one = network([{"name": "only", **data.draw(entries())}], arch, data.draw(st.integers(1, 2)))
    seed = data.draw(st.integers(0, 3))
    try:
        result = simulate(one, arch, seed=seed, steady=False)
    except MappingError as error:
        assert all("buffer" in fault.message for fault in error.faults)  # noqa: PT017
        return
    (verdict,) = verify(one, arch, seed=seed)
    assert verdict.is_proven, verdict.differences
    assert result.balance["failed"] == 0
    row = result.layers[0]
    assert facts(row)["n_done"] == row.n_effectual_macs == effectual_macs(one, seed)
    assert row.utilization <= 1
    assert sum(value for name, value in facts(row).items() if name.startswith("cycles_limited_by_")) == cycles(row)
    waits = [facts(row)[f"{port}_port_wait_cycles"] for port in ("iact", "weight", "psum")]
    assert cycles(row) - sum(waits) >= max(facts(row)["work_cycles"])
    assert max(facts(row)["work_cycles"]) <= cycles(row)
    slots = arch.array.model_dump()["macs"] * sum(facts(row)["work_cycles"])
    assert slots == facts(row)["n_done"] + facts(row)["empty_multiplier_slots"]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.data())
def test_programs_are_valid_and_both_engines_agree(data: st.DataObject) -> None:
    """Also where groups are side by side, and where one layer's stores are the next one's loads."""
    arch = small(data.draw(st.sampled_from([96, 512, 4096])))
    first = {"name": "first", "op": "depthwise_conv2d", "ifmap": [6, 5, 5], "filter": [6, 1, 3, 3], "padding": 1}
    second = {"name": "second", "op": "conv2d", "inputs": ["first"], "ifmap": [6, 5, 5], "filter": [4, 6, 1, 1]}
    one = network([first, second, {"name": "third", "inputs": [], **data.draw(entries())}], arch)
    try:
        job = prepare(one, arch)
        programs = list(job.programs())
    except MappingError:
        return
    validate(job.machine, programs)
    fast, slow = (run(job.machine, iter(programs), engine) for engine in ("compiled", "reference"))
    assert (fast.boundary_cycles == slow.boundary_cycles).all()


def test_density_one_is_the_dense_time_and_the_fill_of_each_row() -> None:
    """24 rows of PEs by 16 channels, 8 columns by 12 filters: every multiplier works on every cycle but the fill's."""
    row = run_one(whole(), {"op": "conv2d", "ifmap": [384, 16, 16], "filter": [96, 384, 1, 1]})
    assert cycles(row) == row.n_macs // 384 + 16 * FILL
    assert facts(row)["cycles_limited_by_pe"] == cycles(row)
    assert facts(row)["bubble_pe_cycles"] == facts(row)["empty_multiplier_slots"] == 0


def test_groups_of_a_depthwise_layer_are_side_by_side() -> None:
    """No PE is idle, though each group has one filter of one channel; one multiplier of a PE is."""
    row = run_one(whole(), {"op": "depthwise_conv2d", "ifmap": [64, 16, 16], "filter": [64, 1, 3, 3], "padding": 1})
    assert min(facts(row)["work_cycles"]) > 0
    assert 0.35 < row.utilization <= 0.5
    assert facts(row)["empty_multiplier_slots"] == row.n_effectual_macs


def test_a_filter_may_have_more_rows_than_a_column_of_pes() -> None:
    row = run_one(whole(), {"op": "conv2d", "ifmap": [2, 40, 8], "filter": [8, 2, 30, 2]})
    assert facts(row)["passes"] > 1
    assert facts(row)["carried_psums"] > 0


LINEAR = {"op": "linear", "in_features": 1024, "out_features": 512}


def test_weights_of_a_linear_layer_are_limited_by_their_ports() -> None:
    """Each is used once: 48 ports bring three of 8 bits a cycle, twice as wide ones twice as many."""
    row = run_one(whole(), LINEAR)
    assert facts(row)["cycles_limited_by_weight_port"] == cycles(row)
    assert 0.4 * cycles(row) < facts(row)["weight_port_wait_cycles"] < 0.8 * cycles(row)
    assert cycles(row) >= row.n_macs / (48 * 3)
    wide = run_one(whole().with_set({"array.weight_port_bits": 48}), LINEAR)
    assert 2 * cycles(wide) <= cycles(row) + facts(row)["passes"]


def test_weights_with_few_zeros_are_slower_to_bring_than_without() -> None:
    """The one way in which more zeros cost time: a value and its count have 12 bits, a raw value 8.

    Tensors without zeros are taken as they are. Where the PEs are the limit, fewer zeros never take fewer cycles under
    the same mapping (test_sparse_eyeriss_v2_array).
    """
    dense, few, many = (run_one(whole(), {**LINEAR, "density": {"filter": kept}}) for kept in (1, 0.95, 0.3))
    assert cycles(dense) < cycles(few)
    assert cycles(many) < cycles(dense)


@pytest.mark.parametrize("tensor", ["ifmap", "filter"])
def test_fewer_zeros_take_more_cycles_where_pes_are_the_limit(tensor: str) -> None:
    before = 0
    for kept in (0.0, 0.1, 0.3, 0.6, 0.9, 1.0):
        density = {"ifmap": 0.5, "filter": 0.5, tensor: kept}
        entry = {"op": "conv2d", "ifmap": [48, 13, 13], "filter": [64, 48, 3, 3], "padding": 1, "density": density}
        row = run_one(whole().with_set(PORTS_OFF), entry)
        assert cycles(row) >= before
        before = cycles(row)


def test_dense_tensors_are_stored_as_they_are() -> None:
    row = run_one(whole(), LINEAR)
    assert row.accesses["dram"]["filter"]["read_bytes"] == row.n_macs
    assert row.accesses["weight_spads"]["filter"]["read_bytes"] == row.n_macs


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        ({"array.iact_port_bits": 8}, ("array.iact_port_bits", "array.run_bits", "mac.bits.ifmap")),
        ({"array.psum_port_bits": 8}, ("array.psum_port_bits", "mac.bits.psum")),
        ({"array.weight_addr_words": 8}, ("array.weight_addr_words", "array.iact_data_words")),
        ({"formats.filter": "bitmap"}, ("formats.filter", "array.organisation", "eyeriss_v2")),
        ({"mac.sparsity": "none"}, ("mac.sparsity", "array.organisation", "eyeriss_v2")),
    ],
)
def test_impossible_choices_name_both_keys(sets: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        load_arch("eyeriss_v2", sets)
    assert len(caught.value.faults) == 1
    for word in words:
        assert word in str(caught.value)


def test_windows_that_no_scratch_pad_holds_are_refused() -> None:
    wide = {"op": "conv2d", "ifmap": [1, 1, 20], "filter": [1, 1, 1, 17]}
    with pytest.raises(MappingError, match=r"array.iact_data_words: found 16 words; .* 17 activations") as caught:
        run_one(whole(), wide)
    assert "array.iact_addr_words: found 9 words; a window has 17 segments" in str(caught.value)
    few = whole().with_set({"array.weight_data_words": 2})
    with pytest.raises(MappingError, match=r"array.weight_data_words: found 2 words; .* 3 columns of weights"):
        run_one(few, {"op": "conv2d", "ifmap": [1, 5, 5], "filter": [1, 1, 3, 3]})
    run_one(few, {"op": "conv2d", "ifmap": [1, 5, 5], "filter": [4, 1, 3, 2]})


LAYER = {"name": "only", "op": "conv2d", "ifmap": [14, 5, 5], "filter": [12, 7, 3, 3], "groups": 2, "padding": 1}
PLACE = 9, 5, 2, 1


def test_a_wrong_weight_is_named_by_its_pe() -> None:
    """The PE that is named is the one that works when this weight and this activation are all there is."""
    arch = small(1024)
    one = network([LAYER], arch)
    job = prepare(one, arch)
    layer = one.layers[0]
    operands = layer_operands(layer, 0)
    altered = operands.filters.copy()
    altered[PLACE] += 1
    work = LayerJob(layer=layer, arch=arch, mapping=job.mappings["only"], operands=operands, places=job.places["only"])
    fast = FastPath.of(next(job.programs()), job.machine)
    verdict = verify_layer(twin_of(arch), work, fast, Operands(ifmap=operands.ifmap, filters=altered))
    assert verdict.stepped_cycles == verdict.fast_cycles
    (difference,) = verdict.differences
    assert "[0, 9, 0, 0]" in difference.subject
    assert difference.expected - difference.stepped == int(operands.ifmap[0, 7 + 5, 1, 0])
    assert "groups 0-1" in difference.part

    alone = np.zeros((1, 14, 5, 5), dtype=np.int64), np.zeros((12, 7, 3, 3), dtype=np.int64)
    alone[0][0, 7 + 5, 1, 0] = alone[1][PLACE] = 1
    array, bits = arch.array, word_bits(layer, arch)
    assert isinstance(array, EyerissV2)
    assert isinstance(layer.shape, MacShape)
    slide, ports = slide_of(layer.shape, 5, 1), ports_of(array, bits, dense_iacts=True, dense_weights=True)
    spread = choose_spread(array, operands.ifmap != 0, operands.filters != 0, 2, slide, ports)
    (pe,) = np.flatnonzero(array_stepped(*alone, slide, spread, grid_of(array), ports).mac_cycles)
    row, column = divmod(int(pe), 2)
    assert difference.pe == f"cluster {row // 2}, 0, PE {row % 2}, {column}"


SMALL_CASE = """
from accel_sim.validation.verify import verify
from tests.properties.small_jobs import network
from tests.properties.test_eyeriss_v2_machine import small
entry = {"name": "only", "op": "conv2d", "ifmap": [5, 4, 3], "filter": [6, 5, 2, 2]}
arch = small(1024)
(verdict,) = verify(network([{**entry, "density": {"ifmap": 0.5, "filter": 0.4}}], arch), arch)
assert verdict.is_proven, verdict.differences
"""


@pytest.mark.parametrize("setting", ["NUMBA_DISABLE_JIT", pytest.param("NUMBA_BOUNDSCHECK", marks=pytest.mark.soak)])
def test_without_the_compiler_and_with_bounds_checked(setting: str, tmp_path: Path) -> None:
    environment = {**os.environ, setting: "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", SMALL_CASE]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
