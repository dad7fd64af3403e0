"""What a DRAM controller counted in a run, and its energy shared out over the layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COMMANDS = ("activate", "read", "write")
"""Components of the energy that come with traffic; the others come with time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DramUse:
    """A run's memory: its preset, the currents behind its energy, what it counted, its energy by component in pJ."""

    preset: str
    idd_set: str
    counts: Mapping[str, int]
    energy_pj: Mapping[str, float]

    def shares_pj(self, layer_bytes: Sequence[int], layer_cycles: Sequence[int]) -> list[float]:
        """Return each layer's part of the energy.

        The controller serves layers side by side, so its commands are not told apart: the energy of commands is
        shared by bytes moved, that of refresh and standby by the length of the windows.
        """
        moving = sum(self.energy_pj[name] for name in COMMANDS)
        standing = sum(value for name, value in self.energy_pj.items() if name not in (*COMMANDS, "total"))
        all_bytes, all_cycles = max(1, sum(layer_bytes)), max(1, sum(layer_cycles))
        return [
            moving * n_bytes / all_bytes + standing * cycles / all_cycles
            for n_bytes, cycles in zip(layer_bytes, layer_cycles, strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the memory's part of the JSON."""
        return {
            "preset": self.preset,
            "idd_set": self.idd_set,
            **self.counts,
            "energy_pj": {name: value for name, value in self.energy_pj.items() if name != "total"},
        }
