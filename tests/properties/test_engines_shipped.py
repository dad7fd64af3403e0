"""Engines on the shipped networks: the same JSON, byte for byte; in the normal run on slices of each layer.

A slice is what a network executes between two cycles: the first, the middle and the last commands of each layer and
all that runs beside them. What was issued up to some cycle needs nothing of what comes after, so the slice is a program
of its own once the semaphores start with what they held then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from accel_sim.arch import load_arch
from accel_sim.engine import Timeline, run
from accel_sim.engine.simulate import prepare, simulate
from accel_sim.program import LayerProgram, Machine
from accel_sim.program.layer_program import I64
from accel_sim.workload import load_workload
from tests.properties.test_engines_agree import run_all

ARCHS = ("eyeriss", "diannao")
NETWORKS = ("lenet5", "alexnet", "vgg16", "resnet18", "resnet50", "mobilenet_v1")
SLICE_COMMANDS = 60


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("dram", [None, "ideal", "ddr4_2400"])
def test_lenet_gives_the_same_json_on_both_engines(arch: str, dram: str | None) -> None:
    check_json(arch, "lenet5", dram)


@pytest.mark.soak
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize(("network", "dram"), [*((name, None) for name in NETWORKS), ("alexnet", "ddr4_2400")])
def test_networks_give_the_same_json_on_both_engines(arch: str, network: str, dram: str | None) -> None:
    check_json(arch, network, dram)


def check_json(arch: str, network: str, dram: str | None) -> None:
    """Compare one inference, of the small networks also the steady interval, which takes three more."""
    steady = network in ("lenet5", "alexnet")
    compiled, reference = (
        simulate(load_workload(network), load_arch(arch), dram=dram, engine=engine, steady=steady).to_json()
        for engine in ("compiled", "reference")
    )
    assert compiled == reference


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("network", NETWORKS)
def test_first_middle_and_last_tiles_take_the_same_cycles(arch: str, network: str) -> None:
    job = prepare(load_workload(network), load_arch(arch))
    programs = list(job.programs())
    whole = run(job.machine, programs, record=True)
    parts = [Part(job.machine, *row) for row in zip(programs, whole.issue_cycle, strict=True)]
    n_slices = 0
    for first, last in slices(whole):
        machine, layers = cut(job.machine, parts, first, last)
        assert sum(layer.n_commands for layer in layers) >= 1
        assert isinstance(run_all(machine, layers), Timeline)
        n_slices += 1
    assert n_slices == 3 * len(programs)


def slices(whole: Timeline) -> Iterator[tuple[int, int]]:
    """Yield (first cycle, one past the last) after the first, around the middle and up to the last of each layer."""
    of_all = np.sort(np.concatenate(whole.issue_cycle))
    for cycles in whole.issue_cycle:
        for anchor, before in (
            (cycles.min(), 0),
            (np.median(cycles), SLICE_COMMANDS // 2),
            (cycles.max(), SLICE_COMMANDS),
        ):
            start = max(0, int(np.searchsorted(of_all, anchor)) - before)
            end = min(of_all.size - 1, start + SLICE_COMMANDS)
            yield int(of_all[start]), int(of_all[end]) + 1


class Part:
    """A layer's program, when its commands issue, and what each execution of its templates does to the semaphores."""

    def __init__(self, machine: Machine, program: LayerProgram, issue_cycle: I64) -> None:
        rows = program.templates
        self.program, self.issue_cycle = program, issue_cycle
        self.effect = np.zeros((rows.wait_ptr.size - 1, len(machine.semaphores)), dtype=np.int64)
        places = np.arange(len(self.effect))
        np.add.at(self.effect, (np.repeat(places, np.diff(rows.wait_ptr)), rows.wait_semaphore), -rows.wait_amount)
        np.add.at(self.effect, (np.repeat(places, np.diff(rows.signal_ptr)), rows.signal_semaphore), rows.signal_amount)
        self.of_all = program.executions() @ self.effect
        self.first, self.last = int(issue_cycle.min()), int(issue_cycle.max())

    def effect_before(self, cycle: int) -> I64:
        """What the commands issued before ``cycle`` do to the semaphores, int64 [N]."""
        if self.last < cycle:
            return self.of_all
        done = np.bincount(self.program.template[self.issue_cycle < cycle], minlength=len(self.effect))
        effect: I64 = done.astype(np.int64) @ self.effect
        return effect

    def between(self, first: int, last: int) -> LayerProgram:
        """Return the commands issued from cycle ``first`` to before ``last``."""
        kept = (self.issue_cycle >= first) & (self.issue_cycle < last)
        n_before = np.concatenate(([0], np.cumsum(kept)))
        return replace(
            self.program,
            unit_ptr=n_before[self.program.unit_ptr],
            template=self.program.template[kept],
            own_cycles=self.program.own_cycles[kept],
            address=self.program.address[kept],
        )


def cut(machine: Machine, parts: list[Part], first: int, last: int) -> tuple[Machine, list[LayerProgram]]:
    """Return the commands issued from cycle ``first`` to before ``last``, and the machine as it stands before them."""
    have = np.array([semaphore.initial for semaphore in machine.semaphores], dtype=np.int64)
    layers = []
    for part in parts:
        if part.first < first:
            have += part.effect_before(first)
        if part.first < last and part.last >= first:
            layers.append(part.between(first, last))
    now = [replace(semaphore, initial=int(amount)) for semaphore, amount in zip(machine.semaphores, have, strict=True)]
    return replace(machine, semaphores=tuple(now)), layers
