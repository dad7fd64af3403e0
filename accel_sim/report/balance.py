"""The books of a result as a table: what balanced, summed over the layers."""

from __future__ import annotations

from accel_sim.report.quantities import workload_label
from accel_sim.report.schema import ResultDict
from accel_sim.report.table import Column, TextTable


def balance_table(result: ResultDict) -> TextTable:
    """Return a row a check: both sides and how they relate; a result exists only if each check held in each layer."""
    balance = result.get("balance", {})
    lines = balance.get("lines", {})
    run = f"{workload_label(result)} on {result['arch']['name']}"
    return TextTable(
        title=f"the books of {run}: {balance.get('checks', 0)} checks hold",
        columns=[
            Column(header="check", cells=list(lines), is_text=True),
            Column(header="left", cells=[f"{line['left']:,}" for line in lines.values()]),
            Column(header="", cells=[line["relation"] for line in lines.values()], is_text=True),
            Column(header="right", cells=[f"{line['right']:,}" for line in lines.values()]),
        ],
    )
