"""The table of published figures and ours."""

from __future__ import annotations

from collections.abc import Sequence

from accel_sim.report.table import Column, TextTable
from accel_sim.validation.figure import Outcome


def outcome_table(outcomes: Sequence[Outcome]) -> TextTable:
    """Return a row a figure; the reasons of misses stand below, numbered."""
    reasons = list(dict.fromkeys(outcome.figure.reason for outcome in outcomes if not outcome.is_hit))

    def verdict(outcome: Outcome) -> str:
        return "ok" if outcome.is_hit else f"miss [{reasons.index(outcome.figure.reason) + 1}]"

    columns = [
        Column(header="figure", cells=[outcome.figure.name for outcome in outcomes], is_text=True),
        Column(header="published", cells=[f"{outcome.figure.published:,g}" for outcome in outcomes]),
        Column(header="ours", cells=[f"{outcome.ours:,.5g}" for outcome in outcomes]),
        Column(header="unit", cells=[outcome.figure.unit for outcome in outcomes], is_text=True),
        Column(header="difference", cells=[f"{100 * outcome.difference:+.2f} %" for outcome in outcomes]),
        Column(header="tolerance", cells=[f"{100 * outcome.figure.tolerance:g} %" for outcome in outcomes]),
        Column(header="verdict", cells=[verdict(outcome) for outcome in outcomes], is_text=True),
        Column(header="source", cells=[outcome.figure.source for outcome in outcomes], is_text=True),
    ]
    n_hits = sum(outcome.is_hit for outcome in outcomes)
    return TextTable(
        title=f"{n_hits} of {len(outcomes)} published figures within their tolerance",
        columns=columns,
        notes=[f"[{i}] {reason or 'reason unknown'}" for i, reason in enumerate(reasons, 1)],
    )
