"""Engines against each other and against brute force: every command's cycles, every account, every deadlock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from accel_sim.engine import Timeline
from accel_sim.engine.compiled import run_compiled
from accel_sim.engine.reference import run_reference
from accel_sim.errors import ProgramError
from accel_sim.program import LayerProgram, Machine
from tests.properties.tile_programs import machines_and_programs
from tests.reference.naive_engine import NaiveCommand, NaiveLayer, NaiveMachine, NaiveRun, NaiveServer

N_PROGRAMS = 1500
ACCOUNTS = (
    "boundary_cycles",
    "busy_cycles",
    "stall_cycles_by_semaphore",
    "stall_cycles_by_server",
    "idle_cycles",
    "n_commands",
    "primary_unit",
    "server_quanta",
)
EXAMPLES = settings(
    max_examples=N_PROGRAMS, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)

FEW_PROGRAMS = """
from hypothesis import given, settings
from tests.properties.test_engines_agree import EXAMPLES, run_all
from tests.properties.tile_programs import machines_and_programs

@settings(EXAMPLES, max_examples=25)
@given(machines_and_programs(max_commands=15))
def check(drawn):
    run_all(*drawn)

check()
"""


def run_all(machine: Machine, programs: list[LayerProgram]) -> Timeline | str:
    """Return what both engines say, a timeline or an error; they must say the same."""
    answers: list[Timeline | str] = []
    for engine in (run_compiled, run_reference):
        try:
            answers.append(engine(machine, iter(programs), record=True))
        except ProgramError as error:
            answers.append(str(error))
    first, second = answers
    if isinstance(first, str) or isinstance(second, str):
        assert first == second
        assert str(first).startswith("the program cannot finish: unit ")
        return str(first)
    assert first.layer_names == second.layer_names
    assert first.dram_counts == second.dram_counts
    for name in ACCOUNTS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    for name in ("issue_cycle", "end_cycle"):
        for ours, theirs in zip(getattr(first, name), getattr(second, name), strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
    return first


def naive(machine: Machine, programs: list[LayerProgram]) -> NaiveRun:
    """Run plain lists of the same program by brute force."""
    servers = [
        NaiveServer(
            0 if server.kind == "ideal" else server.rate_num,
            server.rate_den,
            server.latency_cycles,
            server.arbitration == "fixed_priority",
        )
        for server in machine.servers
    ]
    return NaiveRun(
        NaiveMachine([unit.depth for unit in machine.units], [s.initial for s in machine.semaphores], servers),
        [naive_layer(program) for program in programs],
    )


def naive_layer(program: LayerProgram) -> NaiveLayer:
    rows = program.templates

    def entries(kind: str, target: str, amount: str, row: int) -> list[tuple[int, int]]:
        first, last = getattr(rows, f"{kind}_ptr")[row : row + 2]
        columns = (getattr(rows, f"{kind}_{name}")[first:last].tolist() for name in (target, amount))
        return list(zip(*columns, strict=True))

    queues = [
        [
            NaiveCommand(
                int(program.own_cycles[i]),
                entries("wait", "semaphore", "amount", program.template[i]),
                entries("signal", "semaphore", "amount", program.template[i]),
                entries("demand", "server", "quanta", program.template[i]),
            )
            for i in range(first, last)
        ]
        for first, last in pairwise(program.unit_ptr.tolist())
    ]
    return NaiveLayer(program.primary_unit, queues)


def what_happened(timeline: Timeline | str, programs: list[LayerProgram]) -> set[str]:
    """Name the things that make a program worth running."""
    if isinstance(timeline, str):
        return {"deadlock"}
    lengths = [end - issue for issue, end in zip(timeline.issue_cycle, timeline.end_cycle, strict=True)]
    seen = {
        "zero-length command": any((length == 0).any() for length in lengths),
        "stall for a semaphore": timeline.stall_cycles_by_semaphore.any(),
        "stall on a server": timeline.stall_cycles_by_server.any(),
        "idle unit": timeline.idle_cycles.any(),
        "empty layer": any(program.n_commands == 0 for program in programs),
        "four layers": len(programs) >= 4,
        "prefetch across layers": any(
            later.size and earlier.size and later.min() < earlier.max()
            for earlier, later in zip(timeline.end_cycle, timeline.issue_cycle[1:], strict=False)
        ),
        "empty window": (timeline.window_cycles == 0).any(),
    }
    return {name for name, holds in seen.items() if holds}


def test_compiled_and_reference_agree_on_every_cycle() -> None:
    seen: Counter[str] = Counter()

    @EXAMPLES
    @given(machines_and_programs())
    def check(drawn: tuple[Machine, list[LayerProgram]]) -> None:
        machine, programs = drawn
        timeline = run_all(machine, programs)
        seen.update(["program", *what_happened(timeline, programs)])
        if isinstance(timeline, Timeline):
            np.testing.assert_array_equal(
                timeline.accounted_cycles, np.tile(timeline.window_cycles[:, np.newaxis], len(machine.units))
            )

    check()
    assert seen["program"] >= 1000
    assert min(seen.values()) >= 100, f"too few programs of a kind: {seen}"
    assert len(seen) == 10


def test_engines_agree_with_brute_force() -> None:
    seen: Counter[str] = Counter()

    @settings(EXAMPLES, max_examples=300)
    @given(machines_and_programs(max_commands=20))
    def check(drawn: tuple[Machine, list[LayerProgram]]) -> None:
        machine, programs = drawn
        timeline = run_all(machine, programs)
        seen.update(what_happened(timeline, programs))
        brute = naive(machine, programs)
        if brute.deadlock or isinstance(timeline, str):
            assert brute.deadlock
            assert isinstance(timeline, str)
            return
        shape = timeline.stall_cycles_by_server.shape
        for ours, plain in (
            (timeline.boundary_cycles, brute.boundaries),
            (timeline.busy_cycles, brute.busy),
            (timeline.idle_cycles, brute.idle),
            (timeline.stall_cycles_by_semaphore, np.reshape(brute.by_semaphore, (shape[0], -1))),
            (timeline.stall_cycles_by_server, np.reshape(brute.by_server, shape)),
            (timeline.server_quanta, np.reshape(brute.quanta, (shape[2], shape[1]))),
        ):
            np.testing.assert_array_equal(ours, plain)
        for cycles_of, by_unit in ((timeline.issue_cycle, brute.issue), (timeline.end_cycle, brute.end)):
            assert [cycles.tolist() for cycles in cycles_of] == [
                [c for queue in layer for c in queue] for layer in by_unit
            ]

    check()
    assert {"deadlock", "zero-length command", "stall on a server", "prefetch across layers"} <= set(seen)


def test_engines_agree_with_the_dram_controller() -> None:
    seen: Counter[str] = Counter()

    @settings(EXAMPLES, max_examples=150)
    @given(machines_and_programs(memory=True))
    def check(drawn: tuple[Machine, list[LayerProgram]]) -> None:
        machine, programs = drawn
        timeline = run_all(machine, programs)
        if isinstance(timeline, Timeline):
            assert timeline.dram_counts is not None
            seen["deadlock"] += 0
            seen["reads"] += timeline.dram_counts.reads > 0
            seen["writes"] += timeline.dram_counts.writes > 0
        else:
            seen["deadlock"] += 1

    check()
    assert min(seen.values()) >= 10, seen


def test_nothing_depends_on_recording() -> None:
    @settings(EXAMPLES, max_examples=100)
    @given(machines_and_programs())
    def check(drawn: tuple[Machine, list[LayerProgram]]) -> None:
        machine, programs = drawn
        timeline = run_all(machine, programs)
        for engine in (run_compiled, run_reference):
            if isinstance(timeline, Timeline):
                unrecorded = engine(machine, programs)
                assert unrecorded.issue_cycle == unrecorded.end_cycle == ()
                for name in ACCOUNTS:
                    np.testing.assert_array_equal(getattr(timeline, name), getattr(unrecorded, name))

    check()


@pytest.mark.parametrize("switch", ["NUMBA_DISABLE_JIT", pytest.param("NUMBA_BOUNDSCHECK", marks=pytest.mark.soak)])
def test_a_few_programs_without_compiling_and_with_bounds_checks(switch: str, tmp_path: Path) -> None:
    """In a process of its own. Checked kernels are compiled anew, which takes minutes."""
    environment = {**os.environ, switch: "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", FEW_PROGRAMS], check=True, env=environment, timeout=900)
