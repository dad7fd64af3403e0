"""Every shipped machine runs every shipped network that it can, loses no MAC and beats no bound."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from accel_sim.arch import Accelerator, load_arch
from accel_sim.engine.simulate import simulate
from accel_sim.errors import InputError
from accel_sim.results import NetworkResult
from accel_sim.workload import MacShape, Network, load_workload

ROOT = Path(__file__).parents[2]
MACHINES = sorted(path.stem for path in (ROOT / "arch_configs").glob("*.yaml"))
NETWORKS = sorted(path.stem for path in (ROOT / "workloads").glob("*.yaml"))
DENSE = ("diannao", "eyeriss")
"""Machines that take any network; they run all of them in every test run."""
SMALL = ("lenet5", "alexnet_conv")
"""Networks that every machine runs in every test run."""
OFTEN = [(machine, network) for machine in MACHINES for network in NETWORKS if machine in DENSE or network in SMALL]
SELDOM = [(machine, network) for machine in MACHINES for network in NETWORKS if (machine, network) not in OFTEN]


REFUSED = {("shidiannao", "alexnet_conv"): "its fmaps and those that wait take"}
"""Pairs of the normal run that no mapping makes legal, and what the user is told."""


@cache
def machine_of(name: str) -> Accelerator:
    return load_arch(name)


def closed_form(network: Network) -> int:
    """MACs from the shapes, padding included."""
    return sum(
        shape.n * shape.groups * shape.k * shape.c * shape.p * shape.q * shape.r * shape.s
        for shape in (layer.shape for layer in network.layers)
        if isinstance(shape, MacShape)
    )


def check(network: Network, result: NetworkResult) -> None:
    """What the run itself has not refused already: its books are balanced when it returns."""
    assert [layer.name for layer in result.layers] == [layer.name for layer in network.layers]
    assert result.total["n_macs"] == closed_form(network)
    lines = result.balance["lines"]
    assert lines["macs done + gated + skipped"]["left"] == closed_form(network)
    assert all(line["left"] >= line["right"] for line in lines.values())
    assert all(line["left"] == line["right"] for line in lines.values() if line["relation"] == "==")
    assert result.total["n_effectual_macs"] <= result.total["n_macs"]
    assert sum(layer.total_cycles for layer in result.layers) == result.total["total_cycles"] > 0


@pytest.mark.parametrize(("machine", "network"), OFTEN)
def test_books_balance(machine: str, network: str) -> None:
    arch = machine_of(machine)
    layers = load_workload(network)
    if (machine, network) in REFUSED:
        with pytest.raises(InputError, match=REFUSED[machine, network]):
            simulate(layers, arch, steady=False)
    else:
        check(layers, simulate(layers, arch, steady=False))


@pytest.mark.soak
@pytest.mark.parametrize(("machine", "network"), SELDOM)
def test_books_balance_or_the_pair_is_refused(machine: str, network: str) -> None:
    arch = machine_of(machine)
    layers = load_workload(network)
    try:
        result = simulate(layers, arch, steady=False)
    except InputError as error:
        keys = [fault.key for fault in error.faults]
    else:
        check(layers, result)
        return
    assert all(keys)


@pytest.mark.parametrize("machine", DENSE)
@pytest.mark.parametrize("batch", [3, 16])
def test_a_batch_has_its_multiple_of_macs(machine: str, batch: int) -> None:
    network = load_workload("alexnet", batch)
    result = simulate(network, machine_of(machine), steady=False)
    check(network, result)
    assert result.total["n_macs"] == batch * closed_form(load_workload("alexnet"))
