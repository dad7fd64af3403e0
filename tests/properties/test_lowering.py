"""Lowering of small layers on small machines: it ends, its books balance, and it moves exactly what the loops say."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.arch import Accelerator, AdderTree
from accel_sim.engine import Timeline, run
from accel_sim.engine.simulate import Job, prepare, simulate
from accel_sim.errors import MappingError
from accel_sim.lowering.machine import DRAM, dram_server, peak_rate
from accel_sim.mapping.loop_nest import ORDERS
from accel_sim.mapping.row_stationary_letters import ORDERS as PASS_ORDERS
from accel_sim.program import LayerProgram
from accel_sim.program.validate import validate
from accel_sim.results import NetworkResult
from accel_sim.results.counts import count_actions
from accel_sim.workload import MacShape, Network
from tests.properties.small_jobs import KINDS, MAC_KINDS, SHARED, layers, machines, network, shipped
from tests.reference.naive_loop_nest import dram_words

MACHINES = ["diannao", "eyeriss"]
OBJECTIVES = st.sampled_from(["cycles", "energy", "edp"])
HANDED_OVER = ("ready:ifmap", "ready:filter", "ready:psum", "ready:vector", "done:array", "done:vector", "spilled")
Interval = tuple[int, int]


def check_result(job_network: Network, arch: Accelerator, result: NetworkResult) -> None:
    """What must hold of every result; that the books balance has been checked by the run itself."""
    assert result.balance["failed"] == 0
    for layer, row in zip(job_network.layers, result.layers, strict=True):
        assert row.n_effectual_macs <= row.n_macs == layer.n_macs
        assert row.compute_cycles + sum(row.stall_cycles.values()) == row.total_cycles
        assert min([*row.stall_cycles.values(), row.compute_cycles, *row.energy.values()]) >= 0
        for parts in row.units.values():
            assert sum(parts.values()) == row.total_cycles
    total = result.total
    assert sum(row.total_cycles for row in result.layers) == total["total_cycles"]
    assert total["n_macs"] == job_network.n_macs
    assert total["total_cycles"] * arch.array.macs_per_cycle >= job_network.n_macs
    rate = peak_rate(dram_server(arch))
    moved = sum(sum(row.values()) for row in total["accesses"]["dram"].values())
    assert rate is None or total["total_cycles"] >= Fraction(moved) / rate
    if len(result.layers) == 1:
        only = result.layers[0]
        assert {name: cycles for name, cycles in only.bounds_cycles.items() if cycles > only.total_cycles} == {}


def check_order(job: Job) -> None:
    """No command works on what is not there yet: operands, results, and bytes in DRAM.

    Within a layer only spilled psums are both written and read: each tile in turn.
    """
    programs = list(job.programs())
    validate(job.machine, programs)
    timeline = run(job.machine, programs, record=True)
    for program, issue, end in zip(programs, timeline.issue_cycle, timeline.end_cycle, strict=True):
        for name in HANDED_OVER:
            made = amounts(job, program, name, "signal", end)
            used = amounts(job, program, name, "wait", issue)
            assert made.size == used.size, f"{name} of {program.name}"
            assert (np.sort(made) <= used).all(), f"{name} of {program.name}"
    reads, writes = dram_accesses(job, timeline, programs)
    for reader, read_issue, read_end, read in reads:
        for writer, write_issue, write_end, written in writes:
            if writer == reader or not overlap(read, written):
                continue
            assert (write_end <= read_issue) if writer < reader else (read_end <= write_issue), (reader, writer)
    turns: dict[Any, list[tuple[int, int, str]]] = defaultdict(list)
    for kind, accesses in (("read", reads), ("write", writes)):
        for layer, issue, end, intervals in accesses:
            turns[layer, tuple(intervals)].append((issue, end, kind))
    for accesses in turns.values():
        if len({kind for *_, kind in accesses}) == 2:
            accesses.sort()
            assert [kind for *_, kind in accesses] == ["write", "read"] * (len(accesses) // 2)
            assert all(before[1] <= after[0] for before, after in pairwise(accesses))


def amounts(job: Job, program: LayerProgram, semaphore: str, side: str, cycles: np.ndarray) -> np.ndarray:
    """The cycle of each unit of a semaphore's amount that a layer's commands wait for or signal, in queue order."""
    rows, index = program.templates, job.machine.semaphore_index(semaphore)
    pointer, which = getattr(rows, f"{side}_ptr"), getattr(rows, f"{side}_semaphore")
    per_row = np.zeros(pointer.size - 1, dtype=np.int64)
    of_row = np.repeat(np.arange(per_row.size), np.diff(pointer))
    np.add.at(per_row, of_row[which == index], getattr(rows, f"{side}_amount")[which == index])
    return np.repeat(cycles, per_row[program.template])


def dram_accesses(job: Job, timeline: Timeline, programs: list[LayerProgram]) -> tuple[list[Any], list[Any]]:
    """Reads and writes of DRAM as (layer, issue, end, intervals of bytes)."""
    found: dict[int, list[Any]] = {0: [], 1: []}
    for layer, program in enumerate(programs):
        rows = program.templates
        for command, row in enumerate(program.template):
            for i in range(rows.demand_ptr[row], rows.demand_ptr[row + 1]):
                if job.machine.servers[rows.demand_server[i]].name == DRAM:
                    when = int(timeline.issue_cycle[layer][command]), int(timeline.end_cycle[layer][command])
                    intervals = intervals_of(rows, i, int(program.address[command]))
                    found[int(rows.demand_write[i])].append((layer, *when, intervals))
    return found[0], found[1]


def intervals_of(rows: Any, i: int, address: int) -> list[Interval]:
    starts = [
        address + inner * rows.demand_inner_stride[i] + outer * rows.demand_outer_stride[i]
        for outer in range(rows.demand_outer[i])
        for inner in range(rows.demand_inner[i])
    ]
    return [(int(start), int(start + rows.demand_run_bytes[i])) for start in starts]


def overlap(one: list[Interval], other: list[Interval]) -> bool:
    return any(a < d and c < b for a, b in one for c, d in other)


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_every_kind_of_layer_runs_alone_and_balances(data: st.DataObject, name: str, kind: str) -> None:
    arch = data.draw(machines(name))
    alone = network([data.draw(layers("only", kind))], arch, data.draw(st.integers(1, 3)))
    try:
        result = simulate(alone, arch, objective=data.draw(OBJECTIVES), steady=False)
    except MappingError as error:
        faults = error.faults
    else:
        check_result(alone, arch, result)
        return
    assert faults
    assert all(fault.key and fault.message for fault in faults)


@st.composite
def chains(draw: st.DrawFn, arch: Accelerator) -> Network:
    """A few layers that read each other: convolutions, a residual addition, a pool, a matmul of two activations."""
    c, side = draw(st.integers(1, 6)), draw(st.integers(2, 6))
    entries: list[dict[str, Any]] = []
    for i in range(draw(st.integers(2, 6))):
        kind = draw(st.sampled_from(["conv2d", "elementwise", "pool", "matmul", "fresh"]))
        before = [entry["name"] for entry in entries if entry["op"] != "matmul"]
        inputs = [draw(st.sampled_from(before))] if before else []
        entry: dict[str, Any] = {"name": f"l{i}", "ifmap": [c, side, side]}
        if kind == "matmul" and before:
            both = [draw(st.sampled_from(before)) for _ in range(2)]
            sizes = {"m": c * side, "k": side, "n": c * side}
            entry = {"name": f"l{i}", "op": "matmul", **sizes, "second": "activation", "inputs": both}
        elif kind == "elementwise" and before:
            both = [draw(st.sampled_from(before)) for _ in range(2)]
            entry |= {"op": "elementwise", "function": "add", "operands": 2, "inputs": both}
        elif kind == "pool":
            entry |= {"op": "pool", "window": 3, "stride": 1, "padding": 1, "inputs": inputs}
        else:
            entry |= {"op": "conv2d", "filter": [c, c, 3, 3], "padding": 1}
            entry["inputs"] = [] if kind == "fresh" else inputs
        entries.append(entry)
    return network(entries, arch)


@pytest.mark.parametrize("name", MACHINES)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_networks_keep_order_in_buffers_and_in_dram(data: st.DataObject, name: str) -> None:
    arch = data.draw(machines(name))
    joined = data.draw(chains(arch))
    try:
        job = prepare(joined, arch)
        result = simulate(joined, arch, steady=False)
    except MappingError:
        return
    check_result(joined, arch, result)
    check_order(job)


@st.composite
def tilings(draw: st.DrawFn, shape: MacShape) -> dict[str, Any]:
    one_pixel = shape.h == shape.w == 1
    sizes = {"tn": shape.n if one_pixel else 1, "tp": shape.p, "tq": shape.q, "tk": shape.k, "tc": shape.c}
    return {
        **{name: draw(st.integers(1, size)) for name, size in sizes.items()},
        "order": draw(st.sampled_from(ORDERS)),
    }


def executed_words(program: LayerProgram, drain_cycles: int = 0) -> dict[str, int]:
    """Words at DRAM by tensor and direction, MACs and the array's cycles, from the commands that run."""
    words: dict[str, int] = defaultdict(int)
    for key, count in count_actions(program).items():
        if key.level in (DRAM, "array"):
            words[f"{key.tensor or key.event} {key.event}"] += count.words
    names = {
        "ifmap": "ifmap read",
        "filter": "filter read",
        "spilled": "psum write",
        "refilled": "psum read",
        "ofmap": "ofmap write",
        "macs": "mac mac",
    }
    first, last = program.unit_ptr[program.primary_unit : program.primary_unit + 2]
    operations = int(program.own_cycles[first:last].sum()) - drain_cycles
    return {**{name: words[key] for name, key in names.items()}, "operations": operations}


def walked_words(layer_shape: MacShape, arch: Accelerator, params: dict[str, Any]) -> dict[str, int]:
    """The same from the slow walk through the loops."""
    bits = arch.mac.bits
    operands = ("ifmap", "filter", "psum")
    holder = {operand: arch.buffer_for(operand).name for operand in operands}
    rooms = {arch.buffer_for(operand).name: arch.buffer_for(operand).tile_bytes for operand in operands}
    widths = {"ifmap": bits.ifmap, "filter": bits.filter, "psum": max(bits.psum, bits.ifmap)}
    tiles = {name: size for name, size in params.items() if name != "order"}
    assert isinstance(arch.array, AdderTree)
    lanes = arch.array.tn, arch.array.ti
    return dram_words(asdict(layer_shape), tiles, params["order"], widths, rooms, holder, lanes)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(data=st.data())
def test_tiled_loop_nests_move_what_the_loops_say(data: st.DataObject) -> None:
    check_walk(data, data.draw(machines("diannao")))


@settings(max_examples=120, deadline=None, derandomize=True)
@given(data=st.data(), size=st.integers(8, 64), holds=st.sampled_from(SHARED))
def test_operands_that_share_a_buffer_take_room_in_turn(data: st.DataObject, size: int, holds: dict[str, Any]) -> None:
    model = shipped("diannao").model_dump()
    buffer = {**model["buffers"][0], "size_bytes": 8 * size, "width_bits": 64}
    shared = tuple({**buffer, "name": name, "holds": tensors} for name, tensors in holds.items())
    check_walk(data, Accelerator(**{**model, "provenance": {}, "energy": {"mode": "absolute"}, "buffers": shared}))


def check_walk(data: st.DataObject, arch: Accelerator) -> None:
    """Compare a layer tiled at random with the slow walk through its loops."""
    entry = data.draw(layers("only", data.draw(st.sampled_from(MAC_KINDS))))
    if data.draw(st.booleans()):
        entry.pop("density", None)
    alone = network([entry], arch, data.draw(st.integers(1, 3)))
    shape = alone.layers[0].shape
    params = data.draw(tilings(shape))
    explicit = {"dataflow": "no_local_reuse", "layers": {"only": params}}
    try:
        job = prepare(alone, arch, mapping=explicit)
    except MappingError:
        return
    (program,) = job.programs()
    words = executed_words(program, arch.array.pipeline_stages)
    assert words == walked_words(shape, arch, params)
    assert words["operations"] == job.mappings["only"].bounds.limits_cycles["array"]
    result = simulate(alone, arch, mapping=explicit, steady=False)
    check_result(alone, arch, result)
    check_order(job)
    whole_bytes = not any(getattr(arch.mac.bits, operand) % 8 for operand in ("ifmap", "filter", "psum"))
    bytes_moved = sum(sum(row.values()) for row in result.layers[0].accesses["dram"].values())
    if "density" not in entry:
        bound = job.mappings["only"].bounds.dram_bytes
        assert bound == bytes_moved if whole_bytes else bound <= bytes_moved


@pytest.mark.parametrize("order", ORDERS)
def test_psums_spill_where_the_channel_loop_stands_outside_and_they_do_not_fit(order: str) -> None:
    arch = shipped("diannao").with_set({"buffers.nbout.size_bytes": 64})
    entry = {"name": "only", "op": "conv2d", "ifmap": [7, 7, 7], "filter": [9, 7, 3, 3], "padding": 1}
    params = {"tn": 1, "tp": 2, "tq": 3, "tk": 4, "tc": 3, "order": order}
    alone = network([entry], arch)
    job = prepare(alone, arch, mapping={"dataflow": "no_local_reuse", "layers": {"only": params}})
    (program,) = job.programs()
    words = executed_words(program, arch.array.pipeline_stages)
    assert words == walked_words(alone.layers[0].shape, arch, params)
    ofmap = 9 * 7 * 7
    # with c outside of b or k, every psum tile leaves after each of the three blocks of channels but the last
    spilled = 0 if order[2] == "c" else 2 * ofmap
    assert (words["spilled"], words["refilled"], words["ofmap"]) == (spilled, spilled, ofmap)
    check_order(job)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(data=st.data())
def test_row_stationary_letters_as_given(data: st.DataObject) -> None:
    arch = data.draw(machines("eyeriss"))
    entry = data.draw(layers("only", data.draw(st.sampled_from(MAC_KINDS))))
    if data.draw(st.booleans()):
        entry.pop("density", None)
    alone = network([entry], arch, data.draw(st.integers(1, 3)))
    shape = alone.layers[0].shape
    sizes = {"m": shape.k, "n": shape.n, "e": shape.p, "p": shape.k, "q": shape.c, "r": shape.c, "t": shape.k}
    letters = {
        letter: data.draw(st.integers(1, min(size, 3 if letter in "pqrt" else 12))) for letter, size in sizes.items()
    }
    explicit = {
        "dataflow": "row_stationary",
        "layers": {"only": {**letters, "order": data.draw(st.sampled_from(PASS_ORDERS))}},
    }
    try:
        job = prepare(alone, arch, mapping=explicit)
    except MappingError:
        return
    (program,) = job.programs()
    words = executed_words(program)
    assert words["macs"] == shape.n_macs
    assert words["spilled"] == words["refilled"] == 0
    result = simulate(alone, arch, mapping=explicit, steady=False)
    check_result(alone, arch, result)
    check_order(job)
    whole_bytes = not any(getattr(arch.mac.bits, operand) % 8 for operand in ("ifmap", "filter"))
    bytes_moved = sum(sum(row.values()) for row in result.layers[0].accesses["dram"].values())
    if "density" not in entry:
        bound = job.mappings["only"].bounds.dram_bytes
        assert bound == bytes_moved if whole_bytes else bound <= bytes_moved
