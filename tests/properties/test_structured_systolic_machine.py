"""The systolic array for N:M weights run through the package: proven, twice as fast at 2:4, and only there."""

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
from accel_sim.engine.simulate import prepare, simulate
from accel_sim.errors import InputError, MappingError
from accel_sim.results.model import LayerResult
from accel_sim.validation.verify import verify
from accel_sim.validation.verify.fast_path import FastPath
from accel_sim.validation.verify.operands import Operands, layer_operands
from accel_sim.validation.verify.registry import twin_of
from accel_sim.validation.verify.run import verify_layer
from accel_sim.validation.verify.twin import LayerJob
from tests.properties.small_jobs import network

ROOT = Path(__file__).parents[2]
NAME = "structured_systolic"
DENSE_WEIGHTS = {"mac.sparsity": "none", "formats.filter": "dense"}


@cache
def small(room_bytes: int, n: int = 2, m: int = 4, rows: int = 5, cols: int = 3) -> Accelerator:
    arch = load_arch(NAME)
    sizes: dict[str, Any] = {"array.n": n, "array.m": m, "array.rows": max(n, rows), "array.cols": cols}
    for buffer in arch.buffers:
        sizes[f"buffers.{buffer.name}.banks"] = 1
        sizes[f"buffers.{buffer.name}.width_bits"] = 64
        sizes[f"buffers.{buffer.name}.size_bytes"] = room_bytes
    return arch.with_set(sizes)


def pruned(entry: dict[str, Any], n: int = 2, m: int = 4) -> dict[str, Any]:
    return {**entry, "pattern": {"filter": {"kind": "n_of_m", "n": n, "m": m}}}


def run_one(arch: Accelerator, entry: dict[str, Any]) -> LayerResult:
    return simulate(network([{"name": "only", **entry}], arch), arch, steady=False).layers[0]


def cycles(row: LayerResult) -> int:
    return row.units["array"]["busy_cycles"]


@st.composite
def entries(draw: st.DrawFn, n: int, m: int) -> dict[str, Any]:
    """A convolution or a matrix product of a few channels, its weights dense or pruned n of m."""
    density = {"ifmap": draw(st.sampled_from([0, 0.5, 1]))}
    groups, c, k = draw(st.integers(1, 2)), draw(st.integers(1, 11)), draw(st.integers(1, 8))
    r, s = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    pad = [draw(st.integers(0, r)), draw(st.integers(0, s))]
    height, width = (draw(st.integers(max(1, taps - 2 * p), 5)) for taps, p in ((r, pad[0]), (s, pad[1])))
    entry = {
        "op": "conv2d",
        "ifmap": [groups * c, height, width],
        "filter": [groups * k, c, r, s],
        "groups": groups,
        "stride": [draw(st.integers(1, 2)), draw(st.integers(1, 2))],
        "padding": pad,
        "density": density,
    }
    return pruned(entry, n, m) if c >= m and draw(st.booleans()) else entry


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.data())
def test_layers_are_proven_and_balance(data: st.DataObject) -> None:
    n, m = data.draw(st.sampled_from([(1, 2), (2, 4), (1, 4), (3, 3)]))
    arch = small(data.draw(st.sampled_from([256, 1024, 16384])), n, m)
    one = network([{"name": "only", **data.draw(entries(n, m))}], arch, data.draw(st.integers(1, 2)))
    seed = data.draw(st.integers(0, 3))
    try:
        result = simulate(one, arch, seed=seed, steady=False)
    except MappingError as error:
        assert all("buffer" in fault.message for fault in error.faults)  # noqa: PT017
        return
    (verdict,) = verify(one, arch, seed=seed)
    assert verdict.is_proven, verdict.differences
    row = result.layers[0]
    facts = row.details["sparsity"]
    assert result.balance["failed"] == 0
    assert row.n_effectual_macs <= facts["n_done"] <= row.n_macs
    assert row.utilization <= 1
    assert sum(facts["work_cycles"]) == facts["n_done"] + facts["idle_multiplier_slots"]
    assert max(facts["work_cycles"]) <= cycles(row)


GEMM = {"op": "conv2d", "ifmap": [256, 32, 32], "filter": [128, 256, 1, 1]}


def test_two_of_four_takes_exactly_half_of_the_dense_time_where_the_array_is_the_limit() -> None:
    arch = load_arch(NAME, {"dram": "ideal"})
    dense, sparse = run_one(arch, GEMM), run_one(arch, pruned(GEMM))
    assert 2 * cycles(sparse) == cycles(dense)
    assert 2 * sparse.total_cycles == dense.total_cycles
    # Weights of 16 bits, two bits for the place of each.
    words = 128 * 256
    assert dense.accesses["filter_buffer"]["filter"]["read_bytes"] == 2 * words
    assert sparse.accesses["filter_buffer"]["filter"]["read_bytes"] == words // 2 * 18 // 8
    assert sparse.details["sparsity"]["metadata_bytes_read"] == words // 2 * 2 // 8
    # Blocks of four activations feed two rows: as many come for half of the folds' rows, so no fewer in all.
    ifmaps = [row.accesses["ifmap_buffer"]["ifmap"]["read_bytes"] for row in (dense, sparse)]
    assert ifmaps[0] == ifmaps[1]


def test_two_of_four_saves_weight_bytes_alone_where_the_memory_is_the_limit() -> None:
    arch = load_arch(NAME, {"dram": "bandwidth:0.5"})
    entry = {"op": "conv2d", "ifmap": [64, 64, 64], "filter": [64, 64, 1, 1]}
    dense, sparse = run_one(arch, entry), run_one(arch, pruned(entry))
    assert 2 * cycles(sparse) == cycles(dense)
    assert sparse.total_cycles > 0.95 * dense.total_cycles


def test_dense_weights_take_the_time_of_a_dense_array() -> None:
    """Load, stream and skew of every fold: 2 rows + columns + windows - 2 (SCALE-Sim), on any machine of this size."""
    row = run_one(load_arch(NAME, {"dram": "ideal"}), GEMM)
    assert cycles(row) == (256 // 32) * (128 // 32) * (2 * 32 + 32 + 32 * 32 - 2)
    plain = run_one(load_arch(NAME, {"dram": "ideal", **DENSE_WEIGHTS}), GEMM)
    assert cycles(plain) == cycles(row)


def test_pruned_weights_gain_nothing_where_nothing_is_skipped() -> None:
    plain = load_arch(NAME, {"dram": "ideal", **DENSE_WEIGHTS})
    assert cycles(run_one(plain, pruned(GEMM))) == cycles(run_one(plain, GEMM))


def test_fewer_weights_than_n_of_m_take_as_long() -> None:
    """The stored form has n places in any case: a mask and its supersets within n of m take the same time."""
    arch = load_arch(NAME, {"dram": "ideal"})
    assert cycles(run_one(arch, pruned(GEMM, 1, 4))) == cycles(run_one(arch, pruned(GEMM, 2, 4)))


def test_weights_that_break_the_groups_are_refused() -> None:
    entry = {"op": "linear", "in_features": 16, "out_features": 16, "density": {"filter": 0.9}}
    with pytest.raises(InputError, match=r"formats.filter: 'n_of_m' cannot hold only.filter: a group of 4 holds"):
        run_one(load_arch(NAME), entry)


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        ({"array.n": 5}, ("array.n", "array.m")),
        ({"array.rows": 1}, ("array.rows", "array.n")),
        ({"mac.sparsity": "none"}, ("mac.sparsity", "formats.filter")),
        ({"formats.filter": "dense"}, ("mac.sparsity", "formats.filter")),
        ({"mac.sparsity": "skip_both"}, ("mac.sparsity", "array.organisation", NAME)),
    ],
)
def test_impossible_choices_name_both_keys(sets: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        load_arch(NAME, sets)
    assert len(caught.value.faults) == 1
    for word in words:
        assert word in str(caught.value)


def test_a_wrong_weight_is_named_by_its_rows_and_column() -> None:
    arch = small(16384)
    entry = pruned({"op": "conv2d", "ifmap": [9, 4, 4], "filter": [7, 9, 2, 2]})
    one = network([{"name": "only", **entry}], arch)
    job = prepare(one, arch)
    layer = one.layers[0]
    operands = layer_operands(layer, 0)
    # Channel 6 is in the second of three groups of a tap; tap (1, 0) is the third; two groups fit the five rows.
    place = next((k, 6, 1, 0) for k in range(3, 7) if operands.filters[k, 6, 1, 0])
    altered = operands.filters.copy()
    altered[place] += 1
    work = LayerJob(layer=layer, arch=arch, mapping=job.mappings["only"], operands=operands, places=job.places["only"])
    fast = FastPath.of(next(job.programs()), job.machine)
    verdict = verify_layer(twin_of(arch), work, fast, Operands(ifmap=operands.ifmap, filters=altered))
    (difference,) = verdict.differences
    assert difference.what == "outputs"
    assert difference.expected - difference.stepped == int(operands.ifmap[0, 6, 1, 0])
    # Groups before it: two taps of three, and one.
    first = (2 * 3 + 1) % 2 * 2
    assert difference.pe == f"rows {first}-{first + 1}, column {place[0] % 3}"
    assert np.count_nonzero(operands.filters) < operands.filters.size


SMALL_CASE = """
from accel_sim.validation.verify import verify
from tests.properties.small_jobs import network
from tests.properties.test_structured_systolic_machine import pruned, small
entry = pruned({"name": "only", "op": "conv2d", "ifmap": [5, 4, 3], "filter": [6, 5, 2, 2]})
arch = small(1024)
(verdict,) = verify(network([entry], arch), arch)
assert verdict.is_proven, verdict.differences
"""


@pytest.mark.parametrize("setting", ["NUMBA_DISABLE_JIT", pytest.param("NUMBA_BOUNDSCHECK", marks=pytest.mark.soak)])
def test_without_the_compiler_and_with_bounds_checked(setting: str, tmp_path: Path) -> None:
    environment = {**os.environ, setting: "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", SMALL_CASE]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
