"""Verdicts as a table for people, and as the JSON of the contract."""

from __future__ import annotations

import json
from collections.abc import Sequence

from accel_sim.arch import Accelerator
from accel_sim.report.table import Column, TextTable
from accel_sim.units import format_count
from accel_sim.validation.verify.verdict import LayerVerdict
from accel_sim.workload import Network


def verdict_table(network: Network, arch: Accelerator, verdicts: Sequence[LayerVerdict]) -> TextTable:
    """Return a row a layer and their sums; each difference is a note below."""
    n_macs = sum(verdict.n_macs_stepped for verdict in verdicts)
    stepped, fast = (sum(getattr(verdict, name) for verdict in verdicts) for name in ("stepped_cycles", "fast_cycles"))
    n_proven = sum(verdict.is_proven for verdict in verdicts)
    title = (
        f"{network.name} (batch {network.batch}) on {arch.name}: {n_proven} of {len(verdicts)} layers proven, "
        f"{_counted(n_macs, 'MACs')} and {_counted(stepped, 'clocks')} stepped"
    )

    def numbers(header: str, values: Sequence[int], total: int) -> Column:
        return Column(header=header, cells=[f"{value:,}" for value in (*values, total)])

    def agreement(header: str, equal: Sequence[bool]) -> Column:
        return Column(header=header, cells=["equal" if each else "differ" for each in (*equal, all(equal))])

    return TextTable(
        title=title,
        columns=[
            Column(header="layer", cells=[*(verdict.name for verdict in verdicts), "total"], is_text=True),
            numbers("MACs", [verdict.n_macs_stepped for verdict in verdicts], n_macs),
            numbers("stepped cycles", [verdict.stepped_cycles for verdict in verdicts], stepped),
            numbers("fast cycles", [verdict.fast_cycles for verdict in verdicts], fast),
            agreement("accesses", [verdict.accesses_equal for verdict in verdicts]),
            agreement("outputs", [verdict.outputs_equal for verdict in verdicts]),
        ],
        n_footer_rows=1,
        notes=[str(difference) for verdict in verdicts for difference in verdict.differences],
    )


def _counted(count: int, unit: str) -> str:
    """Return e.g. ``2.66 GMACs`` or ``408 clocks``."""
    text = format_count(count)
    return f"{text}{unit}" if text[-1].isalpha() else f"{text} {unit}"


def verdict_json(verdicts: Sequence[LayerVerdict]) -> str:
    """Return ``{"layers": [...]}`` as text, a verdict a layer."""
    return json.dumps({"layers": [verdict.to_dict() for verdict in verdicts]}, indent=1) + "\n"
