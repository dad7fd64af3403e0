"""The table that sets several machines side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from accel_sim.report.quantities import (
    RELATIVE_UNIT,
    choose_unit,
    energy_total,
    format_column,
    is_relative,
    level_bytes,
    unique_names,
    workload_label,
)
from accel_sim.report.schema import ResultDict
from accel_sim.report.table import Column, TextTable


def comparison_table(results: Sequence[ResultDict]) -> TextTable:
    """Return the totals of each result, and each as a multiple of the first."""
    labels, values, texts = [], [], []
    for name, row in _rows(results):
        labels.append(name)
        values.append(row)
        known = iter(format_column([value for value in row if value is not None]))
        texts.append(["-" if value is None else next(known) for value in row])
    names = unique_names(results)
    columns = [Column(header="total", cells=labels, is_text=True)]
    for i, name in enumerate(names):
        columns.append(Column(header=name, cells=[row[i] for row in texts]))
        if i:
            columns.append(Column(header=f"/ {names[0]}", cells=[_ratio(row[i], row[0]) for row in values]))
    return TextTable(title=f"{workload_label(results[0])} side by side", columns=columns)


_Row = tuple[str, list[float | None]]


def _rows(results: Sequence[ResultDict]) -> list[_Row]:
    totals = [result["total"] for result in results]

    def optional(key: str) -> list[float | None]:
        found = [total.get(key) for total in totals]
        return [float(value) if isinstance(value, int | float) else None for value in found]

    def scaled(name: str, kind: str, measure: Callable[[ResultDict], float]) -> _Row:
        values = [measure(result) for result in results]
        scale, unit = choose_unit(kind, values)
        return f"{name} {unit}", [value / scale for value in values]

    def on_chip_bytes(result: ResultDict) -> float:
        total = result["total"]
        return sum(level_bytes(total, level) for level in total["accesses"] if level != "dram")

    rows: list[_Row] = [
        ("latency ms", optional("latency_ms")),
        ("interval ms", optional("interval_ms")),
        ("cycles M", [total["total_cycles"] / 1e6 for total in totals]),
        ("utilization %", [100 * total["utilization"] for total in totals]),
        scaled("DRAM", "bytes", lambda result: level_bytes(result["total"], "dram")),
        scaled("buffers and RF", "bytes", on_chip_bytes),
    ]
    if any(is_relative(result) for result in results):
        rows.append((f"energy {RELATIVE_UNIT}", [energy_total(t) if "energy_relative" in t else None for t in totals]))
    if not all(is_relative(result) for result in results):
        pj = [None if is_relative(result) else energy_total(result["total"]) for result in results]
        scale, unit = choose_unit("energy", [value for value in pj if value is not None])
        rows.append((f"energy {unit}", [None if value is None else value / scale for value in pj]))
    for name, key in (
        ("on-chip power mW", "power_mw"),
        ("DRAM power mW", "dram_power_mw"),
        ("GOP/s", "gops"),
        ("GOP/s/W on chip", "gops_per_w"),
        ("area mm2", "area_mm2"),
    ):
        rows.append((name, optional(key)))
    return [row for row in rows if any(value is not None for value in row[1])]


def _ratio(value: float | None, first: float | None) -> str:
    return f"{value / first:.3g}x" if value is not None and first else "-"
