"""Read quantities out of result dicts, and choose one readable unit for a whole column or axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from accel_sim.report.schema import CountersDict, ResultDict

RELATIVE_UNIT = "RF accesses"
_PREFIXES = {"bytes": ("B", "kB", "MB", "GB", "TB"), "energy": ("pJ", "nJ", "uJ", "mJ", "J")}


def energy_by_component(counters: CountersDict) -> dict[str, float]:
    """Return energy by component without the total, in pJ or relative to one register-file access."""
    energy = counters["energy_pj"] if "energy_pj" in counters else counters.get("energy_relative", {})
    return {component: value for component, value in energy.items() if component != "total"}


def energy_total(counters: CountersDict) -> float:
    """Return the whole energy, in pJ or relative to one register-file access."""
    energy = counters["energy_pj"] if "energy_pj" in counters else counters.get("energy_relative", {})
    return energy.get("total", 0.0)


def is_relative(result: ResultDict) -> bool:
    """Return whether the result's energy has no pJ."""
    return "energy_relative" in result["total"]


def level_bytes(counters: CountersDict, level: str) -> int:
    """Return the bytes moved at one level of the memory hierarchy, reads and writes together."""
    tensors = counters["accesses"].get(level, {}).values()
    return sum(access["read_bytes"] + access["write_bytes"] for access in tensors)


def levels(results: Iterable[ResultDict]) -> list[str]:
    """Return all levels in order of first appearance, DRAM first."""
    names = dict.fromkeys(level for result in results for level in result["total"]["accesses"])
    return sorted(names, key=lambda name: name != "dram")


def workload_label(result: ResultDict) -> str:
    """Return what was run, for titles, e.g. ``alexnet (batch 4)``."""
    return f"{result['workload']['name']} (batch {result['workload']['batch']})"


def unique_names(results: Sequence[ResultDict]) -> list[str]:
    """Return the machines' names, numbered where two are the same."""
    names = [result["arch"]["name"] for result in results]
    numbers = [names[: i + 1].count(name) for i, name in enumerate(names)]
    return [name if names.count(name) == 1 else f"{name}-{n}" for name, n in zip(names, numbers, strict=True)]


def choose_unit(kind: str, values: Iterable[float]) -> tuple[float, str]:
    """Return (divisor, unit) so that the largest value of a column reads well.

    Parameters
    ----------
    kind
        ``"bytes"`` (decimal units, as the papers use them) or ``"energy"`` (values in pJ).
    values
        The column, in bytes or pJ.
    """
    largest = max(values, default=0.0)
    # up to 9999 of a unit: the small layers of a column need the digits more than the total needs to be short
    step = min(max(int(math.log10(largest) - 1) // 3, 0), 4) if largest >= 1 else 0
    return 1000.0**step, _PREFIXES[kind][step]


def format_column(values: Sequence[float]) -> list[str]:
    """Return numbers with the same number of decimals: more where the largest is small, fewer where it is large."""
    largest = max((abs(value) for value in values), default=0.0)
    magnitude = math.floor(math.log10(largest)) if largest else 0
    decimals = 1 if magnitude >= 3 else 3 if magnitude >= 0 else min(3 - magnitude, 12)
    return [f"{value:,.{decimals}f}" for value in values]


def percent(part: float, whole: float) -> str:
    """Return a share for people, e.g. ``37 %``, ``6.2 %``."""
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.1:
        return "less than 0.1 %"
    return f"{share:.0f} %" if share >= 10 or not share else f"{share:.1f} %"
