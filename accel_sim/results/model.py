"""The result of a run: JSON schema 1 as frozen types."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from accel_sim.report.plots import ResultPlots

SCHEMA = 1
Accesses = Mapping[str, Mapping[str, Mapping[str, int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerResult:
    """One layer's window of the network's time; the names are those of the JSON.

    ``energy`` is in pJ, or in multiples of a register-file access in relative mode, with its ``total``. ``units``
    holds each unit's ``busy_cycles``, ``stall_cycles`` and ``idle_cycles``, which add up to the window. ``limit`` is
    what bounds the layer, ``bounds_cycles`` the lower bounds by name. ``details`` are further keys of some dataflows,
    such as ``sparsity``: who worked and who waited. ``mapping_efficiency`` is the share of PEs that
    hold work, averaged over folds; None where a dataflow has no folds, and then the JSON has no such key.
    """

    name: str
    op: str
    algorithm: str
    dataflow: str
    mapping: Mapping[str, int | str]
    n_macs: int
    n_effectual_macs: int
    start_cycle: int
    end_cycle: int
    compute_cycles: int
    stall_cycles: Mapping[str, int]
    active_pes: int
    utilization: float
    latency_ms: float
    units: Mapping[str, Mapping[str, int]]
    accesses: Accesses
    energy: Mapping[str, float]
    limit: str
    bounds_cycles: Mapping[str, int]
    details: Mapping[str, Any] = field(default_factory=dict)
    mapping_efficiency: float | None = None

    @property
    def total_cycles(self) -> int:
        """Length of the window."""
        return self.end_cycle - self.start_cycle

    def to_dict(self, energy_key: str = "energy_pj") -> dict[str, Any]:
        """Return the layer as in the JSON."""
        folds = {} if self.mapping_efficiency is None else {"mapping_efficiency": self.mapping_efficiency}
        return {
            "name": self.name,
            "op": self.op,
            "algorithm": self.algorithm,
            "dataflow": self.dataflow,
            "mapping": dict(self.mapping),
            "n_macs": self.n_macs,
            "n_effectual_macs": self.n_effectual_macs,
            "start_cycle": self.start_cycle,
            "end_cycle": self.end_cycle,
            "total_cycles": self.total_cycles,
            "compute_cycles": self.compute_cycles,
            "stall_cycles": dict(self.stall_cycles),
            "active_pes": self.active_pes,
            "utilization": self.utilization,
            **folds,
            "latency_ms": self.latency_ms,
            "units": {name: dict(cycles) for name, cycles in self.units.items()},
            "accesses": _plain(self.accesses),
            energy_key: dict(self.energy),
            "limit": self.limit,
            "bounds_cycles": dict(self.bounds_cycles),
            **_plain(self.details),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkResult:
    """One network on one machine.

    ``arch``, ``workload``, ``total`` and ``balance`` are the JSON's own objects; ``relative_energy`` says that energy
    has no pJ; ``timeline`` is the engine's, where commands were recorded.
    """

    arch: Mapping[str, Any]
    workload: Mapping[str, Any]
    layers: tuple[LayerResult, ...]
    total: Mapping[str, Any]
    balance: Mapping[str, Any]
    relative_energy: bool = False
    timeline: Any = None

    def layer(self, name: str) -> LayerResult:
        """Return the layer of that name; ``KeyError`` if there is none."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as in JSON schema 1."""
        energy_key = "energy_relative" if self.relative_energy else "energy_pj"
        return {
            "schema": SCHEMA,
            "arch": dict(self.arch),
            "workload": dict(self.workload),
            "layers": [layer.to_dict(energy_key) for layer in self.layers],
            "total": _plain(self.total),
            "balance": _plain(self.balance),
        }

    def to_json(self) -> str:
        """Return the JSON text; the same result always gives the same bytes."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the JSON to ``path``, whole or not at all.

        Raises
        ------
        OptionError
            If the file cannot be written.
        """
        from accel_sim.report.files import write_atomic

        write_atomic(Path(path), self.to_json())

    def to_frame(self) -> pd.DataFrame:
        """Return one row a layer as a pandas table; nested counters become dotted columns.

        Needs the ``report`` extra.
        """
        import pandas as pd

        return pd.json_normalize(self.to_dict()["layers"]).set_index("name")

    @property
    def plot(self) -> ResultPlots:
        """Plots of this result: ``result.plot.latency()`` and others return matplotlib figures."""
        from accel_sim.report.plots import ResultPlots

        return ResultPlots(self.to_dict())


def _plain(value: Any) -> Any:
    """Return nested mappings as plain dicts."""
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value
