"""The mapper's choice: by what it ranks, how ties end, and that the same question has the same answer."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from accel_sim.arch import load_arch
from accel_sim.config import Document
from accel_sim.engine.simulate import prepare, simulate
from accel_sim.mapping.base import Bounds, Costs, Objective, rank
from accel_sim.mapping.nest_search import power_steps, product_grid
from accel_sim.workload import Network, load_workload
from accel_sim.workload.reader import network_of

FREE = Costs(
    dram_bytes_per_cycle=Fraction(4),
    dram_quantum_bytes=64,
    dram_layout="nchw",
    dram_pj_per_byte=1.0,
    buffer_pj_per_byte={},
    mac_pj=0.0,
    static_pj_per_cycle=0.0,
)


def column(*values: float) -> Any:
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize(("objective", "best"), [("cycles", 0), ("energy", 1), ("edp", 2)])
def test_each_objective_has_its_own_best(objective: Objective, best: int) -> None:
    # products: 10 x 90, 100 x 8, 20 x 20
    assert rank(objective, FREE, 0, column(10, 100, 20), column(90, 8, 20)) == best


@pytest.mark.parametrize("objective", ["cycles", "energy", "edp"])
def test_ties_go_to_the_other_measure_then_to_the_tie_breakers_then_to_the_first(objective: Objective) -> None:
    if objective == "cycles":
        assert rank(objective, FREE, 0, column(5, 5, 6), column(3, 2, 1)) == 1
    if objective == "energy":
        assert rank(objective, FREE, 0, column(3, 2, 1), column(5, 5, 6)) == 1
    same = column(4, 4, 4, 4)
    assert rank(objective, FREE, 0, same, same, column(2, 1, 1, 3), column(0, 7, 6, 0)) == 2
    assert rank(objective, FREE, 0, same, same) == 0


def test_time_and_macs_cost_energy() -> None:
    cycles, traffic_pj = column(100, 10), column(50, 90)
    assert rank("energy", FREE, 0, cycles, traffic_pj) == 0
    leaky = replace(FREE, static_pj_per_cycle=1.0)
    assert rank("energy", leaky, 0, cycles, traffic_pj) == 1
    # with the MACs' own energy, a little more traffic weighs less in the product than the time it saves
    shorter, busier = column(10, 8), column(8, 11)
    assert rank("edp", FREE, 0, shorter, busier) == 0
    assert rank("edp", replace(FREE, mac_pj=1.0), 1000, shorter, busier) == 1


def test_the_largest_bound_limits_a_layer_and_the_first_named_wins_a_tie() -> None:
    bounds = Bounds(limits_cycles={"array": 7, "ifmap bus": 9, "filter bus": 9}, dram_bytes=0, active_pes=1)
    assert bounds.limit == "ifmap bus"


def test_sizes_to_try_double_and_end_with_all() -> None:
    assert power_steps(1, 1) == [1]
    assert power_steps(1, 8) == [1, 2, 4, 8]
    assert power_steps(16, 100) == [16, 32, 64, 100]
    assert power_steps(0, 3) == [1, 2, 3]
    grid = product_grid({"a": [1, 2], "b": [5, 6, 7]})
    assert list(zip(grid["a"].tolist(), grid["b"].tolist(), strict=True)) == [
        (1, 5), (1, 6), (1, 7), (2, 5), (2, 6), (2, 7)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def conv() -> Network:
    layer = {
        "name": "conv",
        "op": "conv2d",
        "ifmap": [96, 27, 27],
        "filter": [256, 48, 5, 5],
        "padding": 2,
        "groups": 2,
    }
    return network_of(Document.from_data({"name": "one", "layers": [layer]}))


@pytest.mark.parametrize("name", ["diannao", "eyeriss"])
def test_what_was_asked_for_is_what_one_gets(name: str, conv: Network) -> None:
    # one slow and one hungry clock, so that cycles and energy part ways on both machines
    arch = load_arch(name, {"energy.clock_mw": 0, "dram": "bandwidth:1"})
    totals = {objective: simulate(conv, arch, objective=objective, steady=False).total for objective in
              ("cycles", "energy", "edp")}  # fmt: skip
    cycles = {objective: total["total_cycles"] for objective, total in totals.items()}
    energy_pj = {objective: total["energy_pj"]["total"] for objective, total in totals.items()}
    assert cycles["cycles"] == min(cycles.values())
    assert energy_pj["energy"] == min(energy_pj.values())
    product = {objective: cycles[objective] * energy_pj[objective] for objective in totals}
    assert product["edp"] == min(product.values())


@pytest.mark.parametrize("name", ["diannao", "eyeriss"])
def test_objectives_part_ways(name: str, conv: Network) -> None:
    arch = load_arch(name, {"energy.clock_mw": 0})
    fast = prepare(conv, arch, objective="cycles").mappings["conv"]
    frugal = prepare(conv, arch, objective="energy").mappings["conv"]
    assert fast.params != frugal.params
    assert frugal.bounds.dram_bytes <= fast.bounds.dram_bytes


@pytest.mark.parametrize("name", ["diannao", "eyeriss"])
def test_the_same_question_has_the_same_answer(name: str) -> None:
    network = load_workload("alexnet")
    answers = [prepare(network, load_arch(name)).mappings for _ in range(2)]
    assert [dict(answers[0][layer].params) for layer in answers[0]] == [
        dict(answers[1][layer].params) for layer in answers[1]
    ]


def test_layers_of_one_shape_have_one_mapping() -> None:
    layer = {"op": "conv2d", "ifmap": [8, 9, 9], "filter": [8, 8, 3, 3]}
    twins = network_of(
        Document.from_data({"name": "twins", "layers": [{"name": "a", **layer}, {"name": "b", **layer}]})
    )
    mappings = prepare(twins, load_arch("eyeriss")).mappings
    assert mappings["a"] is mappings["b"]
