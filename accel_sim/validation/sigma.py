"""A SIGMA-like machine against runs of STONNE: time of sparse products, and the steps in what zeros gain."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from statistics import median

from accel_sim.arch import load_arch
from accel_sim.validation.figure import Figure
from accel_sim.validation.published import Row, rows
from accel_sim.validation.single_layer import array_cycles, run_layer

_SOURCE = "STONNE commit 22634b8b, SparseGEMM, run by us"
_TOLERANCE = 0.10
_DRAWN_ZEROS = 0.01
"""STONNE's random values are zero in 1 % of the places that its sparsity leaves."""
_DENSE, _STEPS = "mk50_kn_stationary", {"mk25": 25, "mk50_kn80": 50, "mk80": 80, "mk95": 95}
"""Runs of one size: the dense one (its zeros are streamed, where they gain nothing), and those with zeros, in %."""
SEEDS = range(9)
"""A mask decides how many folds there are (7 or 8 in mk80), so the median of some is taken."""


def run(name: str) -> Row:
    """Return a run of theirs."""
    return next(row for row in rows("sigma") if row["name"] == name)


@cache
def cycles(name: str, seeds: range = SEEDS) -> float:
    """Return our cycles of a run, the median over masks with its numbers of values.

    What STONNE holds are our filters, what it streams our windows.
    """
    row = run(name)
    held, streamed = ("m", "n") if row["stationary"] == "mk" else ("n", "m")
    zeros = {"m": row["mk_sparsity_pct"], "n": row["kn_sparsity_pct"]}[streamed] / 100
    sets = {
        "array.multipliers": row["multipliers"],
        "array.distribution_ports": row["dn_bw"],
        "array.collection_lines": row["rn_bw"],
    }
    density = {
        "filter": row["stationary_values"] / (row[held] * row["k"]),
        "ifmap": max(0.0, 1 - _DRAWN_ZEROS - zeros),
    }
    layer = {"op": "matmul", "m": row[streamed], "k": row["k"], "n": row[held], "density": density}
    arch = load_arch("sigma", sets)
    return median(array_cycles(run_layer(arch, layer, seed=seed)) for seed in seeds)


def _figures() -> Iterator[Figure]:
    for row in rows("sigma"):

        def ours(name: str = row["name"]) -> float:
            return cycles(name)

        yield Figure(
            name=f"sigma STONNE {row['name']}",
            source=_SOURCE,
            published=row["cycles"],
            unit="cycles",
            ours=ours,
            tolerance=_TOLERANCE,
        )
    for name, percent in _STEPS.items():

        def gain(name: str = name) -> float:
            return cycles(_DENSE) / cycles(name)

        yield Figure(
            name=f"sigma gain of {percent} % zeros in the held operand",
            source=_SOURCE,
            published=round(run(_DENSE)["cycles"] / run(name)["cycles"], 3),
            unit="",
            ours=gain,
            tolerance=_TOLERANCE,
        )


FIGURES = tuple(_figures())
