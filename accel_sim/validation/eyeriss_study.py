"""The energy study behind Eyeriss: row stationary on 256 PEs, by itself and beside other dataflows on equal area."""

from __future__ import annotations

from functools import cache

from accel_sim.arch import load_arch
from accel_sim.engine.simulate import simulate
from accel_sim.results import LayerResult
from accel_sim.validation.figure import Figure
from accel_sim.workload import load_workload

BATCH = 16
RS, WS, OS, NLR = "eyeriss_256", "eyeriss_256_ws", "eyeriss_256_os", "eyeriss_256_nlr"
CONV = ("conv1", "conv2", "conv3", "conv4", "conv5")
FC = ("fc6", "fc7", "fc8")
FIG_10 = "nn_dataflow's regression values, said to reproduce Chen et al., ISCA 2016, Fig. 10"
ISCA = "Chen et al., ISCA 2016, abstract: 1.4x to 2.5x on CONV, at least 1.3x on FC"

ENERGY: dict[str, tuple[float, float, float]] = {
    "conv1": (1.69, 2.46, 6.75),
    "conv2": (3.58, 2.27, 14.33),
    "conv3": (2.39, 2.02, 9.57),
    "conv4": (1.79, 1.57, 7.18),
    "conv5": (1.20, 1.05, 4.78),
    "fc6": (0.60, 7.78, 2.42),
    "fc7": (0.27, 3.39, 1.07),
    "fc8": (0.07, 0.84, 0.26),
}
"""ALU, DRAM and RF energy in 1e9 MACs' worth, batch 16."""

_NO_WIRES = (
    "the adder trees' wires are not counted: the study prices ifmaps, weights and psums that move between buffer, "
    "multipliers and trees as transfers between PEs, about 2 a word, which would add some 6 to our 8 a MAC"
)
_REFETCH = (
    "the paper says at least 1.3x; 16 ifmaps of fc6 outgrow the buffer, and the systolic mapper then fetches them once "
    "for each 16 filters (fc7 and fc8 are at 1.2x)"
)


@cache
def layer(machine: str, name: str) -> LayerResult:
    """Return one layer, mapped for energy."""
    network = load_workload("alexnet", BATCH)
    return simulate(network, load_arch(machine), layers=name, objective="energy", steady=False).layers[0]


def ratio(machine: str, names: tuple[str, ...]) -> float:
    """Return the energy of ``machine`` over that of row stationary, summed over layers."""

    def total(which: str) -> float:
        return sum(layer(which, name).energy["total"] for name in names)

    return total(machine) / total(RS)


def _energy(name: str, component: str, what: str, published: float) -> Figure:
    return Figure(
        name=f"{RS} alexnet {name} {what} energy",
        source=FIG_10,
        published=published,
        unit="1e9 MACs",
        ours=lambda: layer(RS, name).energy[component] / 1e9,
        tolerance=0.2,
    )


def _ratio(machine: str, names: tuple[str, ...], what: str, least: float, most: float, reason: str) -> Figure:
    middle = (least + most) / 2
    return Figure(
        name=f"{machine} over {RS}, alexnet {what}",
        source=ISCA,
        published=middle,
        unit="x",
        ours=lambda: ratio(machine, names),
        tolerance=(most - least) / 2 / middle,
        reason=reason,
    )


FIGURES: tuple[Figure, ...] = (
    *(
        _energy(name, component, what, value)
        for name, row in ENERGY.items()
        for (component, what), value in zip((("mac", "ALU"), ("dram", "DRAM"), ("rf", "RF")), row, strict=True)
    ),
    *(_ratio(machine, CONV, "CONV energy", 1.4, 2.5, _NO_WIRES if machine == NLR else "") for machine in (WS, OS, NLR)),
    *(
        _ratio(machine, FC, "FC energy", 1.1, 1.5, _NO_WIRES if machine == NLR else _REFETCH)
        for machine in (WS, OS, NLR)
    ),
)
