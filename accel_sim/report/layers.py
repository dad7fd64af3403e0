"""The table of one result: a row a layer and the total."""

from __future__ import annotations

from accel_sim.report.quantities import (
    RELATIVE_UNIT,
    choose_unit,
    energy_total,
    format_column,
    is_relative,
    level_bytes,
    levels,
    workload_label,
)
from accel_sim.report.reasons import reason_in_words
from accel_sim.report.schema import CountersDict, ResultDict
from accel_sim.report.table import Column, TextTable


def layer_table(result: ResultDict) -> TextTable:
    """Return cycles, latency, utilization, bytes at each level, energy and the limit of each layer and in total."""
    layers, total = result["layers"], result["total"]
    rows: list[CountersDict] = [*layers, total]
    columns = [
        Column(header="layer", cells=[*(layer["name"] for layer in layers), "total"], is_text=True),
        Column(header="cycles", cells=[f"{row['total_cycles']:,}" for row in rows]),
        Column(header="latency ms", cells=format_column([row["latency_ms"] for row in rows])),
        Column(header="util %", cells=[f"{100 * row['utilization']:.1f}" for row in rows]),
        Column(header="stall %", cells=[_stall_percent(row) for row in rows]),
    ]
    for level in levels([result]):
        sizes = [level_bytes(row, level) for row in rows]
        scale, unit = choose_unit("bytes", sizes)
        cells = format_column([size / scale for size in sizes]) if scale > 1 else [str(size) for size in sizes]
        columns.append(Column(header=f"{level} {unit}", cells=cells))
    energies = [energy_total(row) for row in rows]
    scale, unit = (1.0, RELATIVE_UNIT) if is_relative(result) else choose_unit("energy", energies)
    columns.append(Column(header=f"energy {unit}", cells=format_column([energy / scale for energy in energies])))
    limits = [*(reason_in_words(layer.get("limit") or "-") for layer in layers), ""]
    columns.append(Column(header="limited by", cells=limits, is_text=True))
    return TextTable(title=_title(result), columns=columns, n_footer_rows=1, notes=[_summary(result)])


def _stall_percent(row: CountersDict) -> str:
    cycles = row["total_cycles"]
    return f"{100 * sum(row['stall_cycles'].values()) / cycles:.1f}" if cycles else "-"


def _title(result: ResultDict) -> str:
    arch = result["arch"]
    machine = f"{arch['n_pes']} PEs, {arch['clock_mhz']:g} MHz, {arch['technology_nm']:g} nm"
    return f"{workload_label(result)} on {arch['name']}: {machine}"


def _summary(result: ResultDict) -> str:
    total = result["total"]
    parts = [f"latency {total['latency_ms']:.4g} ms"]
    if "interval_ms" in total:
        parts.append(f"one batch every {total['interval_ms']:.4g} ms back to back")
    parts.append(f"{total['gops']:.4g} GOP/s")
    for key, unit in (
        ("power_mw", "mW on chip"),
        ("dram_power_mw", "mW DRAM"),
        ("gops_per_w", "GOP/s/W"),
        ("area_mm2", "mm2"),
    ):
        value = total.get(key)
        if isinstance(value, int | float):
            parts.append(f"{value:.4g} {unit}")
    return "; ".join(parts)
