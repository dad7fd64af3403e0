"""The energy and area constants of a machine as a table, each with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accel_sim.report.table import Column, TextTable

if TYPE_CHECKING:
    from accel_sim.arch import Accelerator


def constants_table(arch: Accelerator) -> TextTable:
    """Return a row a constant in use; below, what lies beyond the points of its source's table."""
    from accel_sim.energy import EnergyModel

    model = EnergyModel(arch)
    rows = model.table()
    return TextTable(
        title=f"energy and area constants of {arch.name}",
        columns=[
            Column(header="constant", cells=[f"{row.component} {row.event}" for row in rows], is_text=True),
            Column(header="value", cells=[f"{row.value:.4g}" for row in rows]),
            Column(header="unit", cells=[row.unit for row in rows], is_text=True),
            Column(header="source", cells=[row.source for row in rows], is_text=True),
        ],
        notes=model.warnings(),
    )
