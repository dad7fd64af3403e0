"""Machines that skip zeros, run through the package: books, masks, utilization, density, and 2:4 where it helps."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.arch import Accelerator, load_arch
from accel_sim.compression.masks import tensor_mask
from accel_sim.engine import run
from accel_sim.engine.simulate import prepare, simulate
from accel_sim.errors import InputError, MappingError
from accel_sim.lowering.machine import ARRAY
from accel_sim.program.validate import validate
from accel_sim.results import NetworkResult
from accel_sim.results.model import LayerResult
from accel_sim.workload import MacShape, Network
from tests.properties.small_jobs import network

MACHINES = [
    "eie",
    "scnn",
    "cambricon_x",
    "cnvlutin",
    "a100_sparse_tensor_core",
    "sigma",
    "ese",
    "dual_side_tensor_core",
]
SKIPS_BOTH = ["eie", "scnn", "dual_side_tensor_core"]
MONOTONE = ["eie", "cambricon_x", "cnvlutin", "ese", "dual_side_tensor_core"]
"""On SCNN and SIGMA a denser mask can be faster; see docs/sparsity.md."""

TWO_OF_FOUR = {"kind": "n_of_m", "n": 2, "m": 4}

# smaller relatives, so that small layers fill them, wait for room, and come in pieces
SMALL: dict[str, dict[str, Any]] = {
    "eie": {"array.pes": 4, "array.queue_depth": 2, "array.accumulator_words": 3},
    "scnn": {"array.pe_rows": 2, "array.pe_cols": 2, "array.accumulator_entries": 16},
    "cambricon_x": {"array.pes": 4, "array.multipliers": 2, "array.segment": 64, "array.segments_per_barrier": 1},
    "cnvlutin": {"array.lanes": 4, "array.brick": 2, "array.tiles": 2, "array.filters": 2},
    "a100_sparse_tensor_core": {"array.cores": 3},
    "ese": {"array.channels": 2, "array.pes": 3, "array.queue_depth": 2},
    "dual_side_tensor_core": {
        "array.units": 2,
        "array.tile_m": 4,
        "array.tile_n": 4,
        "array.step_m": 2,
        "array.step_n": 2,
    },
    "sigma": {"array.multipliers": 8, "array.distribution_ports": 4, "array.collection_lines": 2},
}


@cache
def small(name: str, room_bytes: int) -> Accelerator:
    arch = load_arch(name)
    sizes: dict[str, Any] = {}
    for buffer in arch.buffers:
        row = buffer.width_bits // 8
        sizes[f"buffers.{buffer.name}.banks"] = 1
        sizes[f"buffers.{buffer.name}.size_bytes"] = -(-room_bytes // row) * row
        if row > room_bytes:
            sizes[f"buffers.{buffer.name}.width_bits"] = 64
            sizes[f"buffers.{buffer.name}.size_bytes"] = room_bytes
    return arch.with_set({**SMALL[name], **sizes})


def run_one(arch: Accelerator, entry: dict[str, Any], batch: int = 1, **options: Any) -> LayerResult:
    return simulate(network([entry], arch, batch), arch, steady=False, **options).layers[0]


def array_cycles(row: LayerResult) -> int:
    return row.units[ARRAY]["busy_cycles"]


@st.composite
def conv_entries(draw: st.DrawFn, name: str) -> dict[str, Any]:
    groups, c, k = draw(st.integers(1, 2)), draw(st.integers(1, 6)), draw(st.integers(1, 9))
    taps = draw(st.integers(1, 3))
    pad = draw(st.integers(0, taps))
    density: dict[str, Any] = {"ifmap": draw(st.sampled_from([1, 0.5, 0.2, 0]))}
    pattern = {}
    if name != "a100_sparse_tensor_core":
        density["filter"] = draw(st.sampled_from([1, 0.5, 0.2, 0]))
    elif draw(st.booleans()):
        pattern = {"pattern": {"filter": TWO_OF_FOUR}}
    height, width = (draw(st.integers(max(1, taps - 2 * pad), 7)) for _ in "hw")
    return {
        **pattern,
        "name": "only",
        "op": "conv2d",
        "ifmap": [groups * c, height, width],
        "filter": [groups * k, c, taps, taps],
        "groups": groups,
        "stride": draw(st.integers(1, 3)),
        "padding": pad,
        "density": density,
    }


def dense_counts(one: Network, seed: int) -> int:
    """Effectual MACs by a plain sum over windows."""
    layer = one.layers[0]
    shape, filters = layer.shape, layer.filter
    assert isinstance(shape, MacShape)
    assert filters is not None
    acts = np.pad(
        tensor_mask(layer.ifmap, seed).to_bool(),
        ((0, 0), (0, 0), (shape.pad_h, shape.pad_h + shape.r), (shape.pad_w, shape.pad_w + shape.s)),
    )
    weights = tensor_mask(filters, seed).to_bool()
    total = 0
    for group in range(shape.groups):
        own = weights[group * shape.k : (group + 1) * shape.k].sum(axis=0)
        for p in range(shape.p):
            for q in range(shape.q):
                y, x = p * shape.stride_h, q * shape.stride_w
                seen = acts[:, group * shape.c : (group + 1) * shape.c, y : y + shape.r, x : x + shape.s]
                total += int((seen * own).sum())
    return total


@pytest.mark.parametrize("name", MACHINES)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data())
def test_layers_balance_and_do_what_their_masks_say(data: st.DataObject, name: str) -> None:
    arch = small(name, data.draw(st.sampled_from([256, 1024, 16384])))
    entry, batch, seed = data.draw(conv_entries(name)), data.draw(st.integers(1, 3)), data.draw(st.integers(0, 3))
    one = network([entry], arch, batch)
    try:
        result = simulate(one, arch, seed=seed, steady=False)
    except MappingError as error:
        assert all("buffer" in fault.message for fault in error.faults)  # noqa: PT017
        return
    row = result.layers[0]
    assert result.balance["failed"] == 0
    assert row.utilization <= 1
    assert row.n_effectual_macs == dense_counts(one, seed)
    done = row.details["sparsity"]["n_done"]
    assert row.n_effectual_macs <= done <= row.n_macs
    if name in SKIPS_BOTH:
        assert done == row.n_effectual_macs
    assert all(cycles <= row.total_cycles for cycles in row.bounds_cycles.values())
    assert max(row.details["sparsity"].get("work_cycles", [0])) <= array_cycles(row)
    assert_every_pe_cycle_is_told(row)


def assert_every_pe_cycle_is_told(row: LayerResult) -> None:
    """Work, waits by name and idle cycles of all PEs (lanes, units) are PEs x cycles of the array."""
    facts = row.details["sparsity"]
    nouns = ("_pe_cycles", "_lane_cycles", "_unit_cycles")
    told = {fact: cycles for fact, cycles in facts.items() if fact.endswith(nouns)}
    assert min(told.values()) >= 0
    assert sum(facts["work_cycles"]) + sum(told.values()) == len(facts["work_cycles"]) * array_cycles(row)


@pytest.mark.parametrize("name", MACHINES)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(data=st.data())
def test_programs_are_valid_and_both_engines_agree(data: st.DataObject, name: str) -> None:
    arch = small(name, data.draw(st.sampled_from([256, 1024])))
    entries = [data.draw(conv_entries(name)) for _ in range(2)]
    first = entries[0]
    entries[1] = {**entries[1], "name": "next", "inputs": []}
    joined = network([first, entries[1]], arch)
    try:
        job = prepare(joined, arch)
        programs = list(job.programs())
    except MappingError:
        return
    validate(job.machine, programs)
    fast = run(job.machine, iter(programs), "compiled")
    slow = run(job.machine, iter(programs), "reference")
    assert (fast.boundary_cycles == slow.boundary_cycles).all()


@pytest.mark.parametrize("name", MACHINES)
def test_a_chain_of_layers_runs(name: str) -> None:
    arch = small(name, 4096)
    entries = [
        {"name": "a", "op": "conv2d", "ifmap": [3, 9, 9], "filter": [8, 3, 3, 3], "padding": 1},
        {"name": "b", "op": "pool", "inputs": ["a"], "ifmap": [8, 9, 9], "window": 3, "stride": 3},
        {"name": "c", "op": "conv2d", "inputs": ["b"], "ifmap": [8, 3, 3], "filter": [8, 8, 3, 3], "padding": 1},
        {"name": "d", "op": "linear", "inputs": ["c"], "in_features": 72, "out_features": 10},
    ]
    result: NetworkResult = simulate(network(entries, arch, 2), arch)
    assert result.balance["failed"] == 0


@pytest.mark.parametrize("name", MONOTONE)
@pytest.mark.parametrize("tensor", ["ifmap", "filter"])
def test_a_denser_mask_never_takes_fewer_array_cycles(name: str, tensor: str) -> None:
    arch = load_arch(name).with_set(SMALL[name])
    before = 0
    for density in (0.0, 0.1, 0.3, 0.6, 0.9, 1.0):
        densities = {"ifmap": 0.5, "filter": 0.5, tensor: density}
        entry = {"name": "only", "op": "conv2d", "ifmap": [16, 8, 8], "filter": [16, 16, 3, 3], "density": densities}
        cycles = array_cycles(run_one(arch, entry))
        assert cycles >= before
        before = cycles


def test_dense_layers_take_the_dense_time_and_the_stated_overhead() -> None:
    """A cycle a multiplier and MAC where the layer divides evenly; on top the queue, the pipeline, the halos."""
    entry = {"name": "only", "op": "linear", "in_features": 64, "out_features": 64}
    eie = array_cycles(run_one(load_arch("eie"), entry))
    assert eie == 64 * 64 // 64 + load_arch("eie").array.model_dump()["pipeline_stages"]
    conv = {"name": "only", "op": "conv2d", "ifmap": [16, 8, 8], "filter": [256, 16, 1, 1]}
    assert array_cycles(run_one(load_arch("cnvlutin"), conv)) == 64 + 8
    row = run_one(load_arch("cambricon_x"), {"name": "only", "op": "linear", "in_features": 256, "out_features": 16})
    assert array_cycles(row) == 256 // 16


def product(m: int, k: int, columns: int, *, is_pruned: bool) -> dict[str, Any]:
    entry = {"name": "only", "op": "conv2d", "ifmap": [k, columns, columns], "filter": [m, k, 1, 1]}
    return {**entry, "pattern": {"filter": TWO_OF_FOUR}} if is_pruned else entry


def test_two_of_four_halves_the_time_where_the_array_is_the_limit() -> None:
    arch = load_arch("a100_sparse_tensor_core").with_set({"array.cores": 4, "dram": "ideal"})
    dense, sparse = (run_one(arch, product(128, 256, 32, is_pruned=pruned)) for pruned in (False, True))
    assert 2 * array_cycles(sparse) == array_cycles(dense)
    assert 2 * sparse.total_cycles == dense.total_cycles


def test_two_of_four_saves_weight_bytes_alone_where_the_memory_is_the_limit() -> None:
    arch = load_arch("a100_sparse_tensor_core").with_set({"dram": "bandwidth:100"})
    dense, sparse = (run_one(arch, product(64, 64, 128, is_pruned=pruned)) for pruned in (False, True))
    assert 2 * array_cycles(sparse) == array_cycles(dense)
    assert sparse.total_cycles > 0.99 * dense.total_cycles
    # half of the values, and two bits for the place of each
    words = 64 * 64
    assert dense.accesses["dram"]["filter"]["read_bytes"] == 2 * words
    assert sparse.accesses["dram"]["filter"]["read_bytes"] == words // 2 * 18 // 8


def test_streamed_weights_cost_what_their_stored_form_takes() -> None:
    """EIE's matrix in 4 + 4 bit entries and 16-bit pointers, however many pieces it comes in."""
    entry = {"name": "only", "op": "linear", "in_features": 200, "out_features": 128, "density": {"filter": 0.1}}
    arch = load_arch("eie").with_set({"preloaded": "[]"})
    whole = run_one(arch, entry)
    pieces = run_one(arch.with_set({"buffers.matrix_sram.size_bytes": "1 KiB"}), entry)
    few_pointers = run_one(arch.with_set({"buffers.pointer_sram.size_bytes": "8 KiB"}), entry)
    assert whole.details["sparsity"]["filters_resident"]
    assert not pieces.details["sparsity"]["filters_resident"]
    stored = whole.details["sparsity"]["padding_entries"]
    # all columns are broadcast, so every stored entry is used
    entries = stored + whole.n_effectual_macs
    assert whole.accesses["dram"]["filter"]["read_bytes"] == entries + 2 * 64 * (200 + 1)
    assert pieces.accesses["dram"]["filter"]["read_bytes"] >= entries + 2 * 64 * (200 + 1)
    # both memories get their own part, and too little of either one makes pieces
    assert whole.accesses["matrix_sram"]["filter"]["write_bytes"] == entries
    assert whole.accesses["pointer_sram"]["filter"]["write_bytes"] == 2 * 64 * (200 + 1)
    assert not few_pointers.details["sparsity"]["filters_resident"]
    assert few_pointers.accesses["pointer_sram"]["filter"]["write_bytes"] == 2 * 64 * (200 + 1)
    # a pair of pointers for each activation in each PE, and rows of eight entries
    assert whole.accesses["pointer_sram"]["filter"]["read_bytes"] == 2 * 2 * 64 * 200
    assert entries <= whole.accesses["matrix_sram"]["filter"]["read_bytes"] <= entries + 64 * 8


@pytest.mark.parametrize(
    ("arch", "sets", "words"),
    [
        ("diannao", {"mac.sparsity": "skip_ifmap"}, ("mac.sparsity", "array.organisation", "adder_tree")),
        ("cnvlutin", {"mac.sparsity": "skip_both"}, ("mac.sparsity", "array.organisation", "cnvlutin")),
        ("eie", {"formats.filter": "bitmap"}, ("formats.filter", "array.organisation", "eie")),
        ("eyeriss", {"formats.filter": "csc_relative"}, ("formats.filter", "row_stationary_mesh")),
        ("a100_sparse_tensor_core", {"array.n": 5}, ("array.n", "array.m")),
        ("a100_sparse_tensor_core", {"mac.sparsity": "none"}, ("mac.sparsity", "formats.filter")),
        ("scnn", {"array.n_banks": 12}, ("array.n_banks", "powers of two")),
        ("scnn", {"array.bank_queue": 40000}, ("array.bank_queue", "i_vector x f_vector")),
        ("cambricon_x", {"array.segment": 100}, ("array.segment", "64")),
    ],
)
def test_impossible_choices_name_both_keys(arch: str, sets: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        load_arch(arch, sets)
    assert len(caught.value.faults) == 1
    for word in words:
        assert word in str(caught.value)


def test_weights_that_are_not_two_of_four_cannot_be_stored() -> None:
    with pytest.raises(InputError, match=r"formats.filter: 'n_of_m' cannot hold only.filter"):
        run_one(
            load_arch("a100_sparse_tensor_core"), product(16, 16, 2, is_pruned=False) | {"density": {"filter": 0.9}}
        )


def test_strides_that_scnn_does_not_have_are_refused() -> None:
    entry = {"name": "only", "op": "conv2d", "ifmap": [1, 8, 8], "filter": [1, 1, 3, 3], "stride": [1, 2]}
    with pytest.raises(MappingError, match="one stride"):
        run_one(load_arch("scnn"), entry)


@pytest.mark.parametrize("name", ["eie", "ese"])
def test_rows_dealt_by_their_work_even_out_pes(name: str) -> None:
    """The order changes who works, and how many padding entries are stored and worked on; the MACs are the same."""
    entry = {
        "name": "only",
        "op": "linear",
        "in_features": 128,
        "out_features": 512,
        "density": {"filter": 0.1},
        "pattern": {"filter": {"kind": "lognormal", "sigma": 1.0}},
    }
    arch = load_arch(name).with_set({"preloaded": "[]"})
    by_number, by_work = (
        run_one(arch.with_set({"array.row_order": order}), entry) for order in ("interleaved", "balanced")
    )
    before, after = by_number.details["sparsity"], by_work.details["sparsity"]
    assert before["n_done"] == after["n_done"]
    spread = [max(row["work_cycles"]) - min(row["work_cycles"]) for row in (before, after)]
    assert spread[1] < spread[0] / 2
    assert array_cycles(by_work) < array_cycles(by_number)
    if name == "eie":
        # the memory holds the order that the PEs read: an entry a byte, and two bytes a pointer
        for row in (by_number, by_work):
            entries = row.n_effectual_macs + row.details["sparsity"]["padding_entries"]
            assert row.accesses["dram"]["filter"]["read_bytes"] == entries + 2 * 64 * (128 + 1)


def test_operands_that_are_made_have_no_order_by_work() -> None:
    entry = {"name": "only", "op": "matmul", "m": 3, "k": 40, "n": 96, "second": "activation"}
    entry |= {"density": {"filter": 0.2}, "pattern": {"filter": {"kind": "lognormal", "sigma": 1.0}}}
    arch = load_arch("eie")
    by_number, by_work = (
        run_one(arch.with_set({"array.row_order": order}), entry) for order in ("interleaved", "balanced")
    )
    assert by_number == by_work
