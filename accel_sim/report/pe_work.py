"""Who worked and who waited in a layer: the block ``sparsity`` of machines that skip zeros, read by its keys' names.

``work_cycles`` are the busy cycles of each PE. A key ``<what>_pe_cycles`` counts PE-cycles lost to something (or
``_lane_cycles``, ``_unit_cycles`` where lanes or units work side by side), another ``<what>_cycles`` cycles of the
whole array, ``padding_<what>`` the zeros worked on because the storage format holds them. So a machine with a new
reason to wait needs nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from accel_sim.report.schema import LayerDict

ARRAY = "array"
_NOUNS = ("pe", "lane", "unit")
_IN_WORDS = {"pe": "PE", "lane": "lane", "unit": "unit"}
_WORK = "work_cycles"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeWork:
    """A layer's work, PE by PE.

    Parameters
    ----------
    noun
        What works side by side: ``PE``, ``lane`` or ``unit``.
    busy_cycles
        Of each; empty where they are too many to be listed in the result.
    grid
        Rows and columns in which they stand, row after row; ``None`` where they stand in no grid.
    array_cycles
        Cycles in which the array worked on the layer; waiting for memory is not in them.
    busiest_cycles, mean_cycles
        Busy cycles of the busiest and of the mean one.
    n_done, n_effectual
        MACs that took a multiplier, and those of them without a zero operand.
    n_padding
        Zeros of the storage format that took a multiplier.
    lost
        Share of the array's cycles (of all PEs, or of the array as a whole) by what it went to; reasons may overlap.
    """

    noun: str
    busy_cycles: tuple[int, ...]
    grid: tuple[int, int] | None
    array_cycles: int
    busiest_cycles: int
    mean_cycles: float
    n_done: int
    n_effectual: int
    n_padding: int
    lost: dict[str, float]

    @property
    def busy_share(self) -> float:
        """Share of the array's cycles in which a PE is busy, on average."""
        return self.mean_cycles / self.array_cycles if self.array_cycles else 0.0

    @property
    def imbalance(self) -> float:
        """The busiest PE's work over the mean."""
        return self.busiest_cycles / self.mean_cycles if self.mean_cycles else 1.0

    @property
    def n_idle(self) -> int:
        """PEs without any work."""
        return sum(not cycles for cycles in self.busy_cycles)

    def shares(self) -> list[float]:
        """Return the busy share of the array's cycles of each PE, in percent."""
        return [100 * cycles / max(1, self.array_cycles) for cycles in self.busy_cycles]


def pe_work(layer: LayerDict) -> PeWork | None:
    """Return the work of a layer, or nothing where the result does not tell PEs apart."""
    facts: dict[str, Any] = layer.get("sparsity", {})
    if f"{_WORK}_max" not in facts:
        return None
    busy = tuple(facts.get(_WORK, ()))
    array_cycles = layer["units"].get(ARRAY, {}).get("busy_cycles", 0)
    return PeWork(
        noun=_IN_WORDS[next((noun for noun in _NOUNS[::-1] if _counts_each(facts, noun)), "pe")],
        busy_cycles=busy,
        grid=tuple(facts["work_grid"]) if "work_grid" in facts else None,
        array_cycles=array_cycles,
        busiest_cycles=facts[f"{_WORK}_max"],
        mean_cycles=facts[f"{_WORK}_mean"],
        n_done=facts["n_done"],
        n_effectual=layer["n_effectual_macs"],
        n_padding=sum(value for name, value in facts.items() if name.startswith("padding_")),
        lost=_lost(facts, array_cycles, len(busy)),
    )


def _counts_each(names: Iterable[str], noun: str) -> bool:
    return any(name.endswith(f"_{noun}_cycles") for name in names)


def _lost(facts: dict[str, Any], array_cycles: int, n_working: int) -> dict[str, float]:
    lost = {}
    for name, value in facts.items():
        if not name.endswith("_cycles") or name == _WORK or not array_cycles:
            continue
        what = name.removesuffix("_cycles")
        each = next((noun for noun in _NOUNS if what.endswith(f"_{noun}")), None)
        if each is None:
            lost[what] = value / array_cycles
        elif n_working:
            lost[what.removesuffix(f"_{each}")] = value / (array_cycles * n_working)
    return lost
