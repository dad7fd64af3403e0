"""Tables say what the result says, never cut a cell, and fit the terminal they are given."""

from __future__ import annotations

from typing import Any

import pytest

from accel_sim.report.comparison import comparison_table
from accel_sim.report.layers import layer_table
from accel_sim.report.quantities import choose_unit, format_column, percent, unique_names
from accel_sim.report.table import Column, TextTable, render


def cells_of(text: str, row: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.startswith(f"{row} "))


def test_pipe_gets_one_line_a_row(eyeriss_result: Any) -> None:
    lines = render(layer_table(eyeriss_result)).splitlines()
    assert len(lines) == 1 + 1 + 1 + 11 + 1 + 1 + 1
    assert lines[0] == "alexnet (batch 4) on eyeriss: 168 PEs, 200 MHz, 65 nm"
    assert cells_of("\n".join(lines), "conv1") == [
        *("conv1", "3,108,497", "15.542", "80.7", "0.0", "3.630", "12.8", "20.6", "1.564", "array"),
    ]
    assert "\x1b" not in "\n".join(lines)
    assert "\n".join(lines).isascii()


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_terminal_is_never_overrun_and_no_cell_is_cut(eyeriss_result: Any, width: int) -> None:
    table = layer_table(eyeriss_result)
    lines = render(table, width).splitlines()
    rows = lines[1 : -len(table.notes)]
    assert max(map(len, rows)) <= max(width, 22)
    found = {cell for line in rows for cell in line.split()}
    for column in table.columns:
        assert {word for cell in column.cells for word in cell.split()} <= found
    n_headers = sum(line.startswith("layer ") for line in rows)
    assert n_headers >= 2 if width < 100 else n_headers == 1


def test_terminal_gets_bold_titles(eyeriss_result: Any) -> None:
    assert render(layer_table(eyeriss_result), 120, is_terminal=True).startswith("\x1b[1malexnet (batch 4) on eyeriss")


def test_markup_in_names_is_text() -> None:
    table = TextTable(title="[bold]", columns=[Column(header="[red]x", cells=["[a]:smile:"], is_text=True)])
    assert [line.strip() for line in render(table).splitlines()] == ["[bold]", "[red]x", "----------", "[a]:smile:"]


def test_long_names_are_whole(many_layers_result: Any) -> None:
    text = render(layer_table(many_layers_result), 80)
    assert all(layer["name"] in text for layer in many_layers_result["layers"])


def test_empty_network_time(eyeriss_result: Any) -> None:
    for row in (eyeriss_result["layers"][0], eyeriss_result["total"]):
        row.update(total_cycles=0, latency_ms=0.0, utilization=0.0, stall_cycles={})
    assert cells_of(render(layer_table(eyeriss_result)), "conv1")[1:5] == ["0", "0.000", "0.0", "-"]


def test_optional_numbers_may_be_missing(eyeriss_result: Any) -> None:
    for key in ("power_mw", "dram_power_mw", "gops_per_w", "interval_cycles", "interval_ms"):
        del eyeriss_result["total"][key]
    eyeriss_result["total"]["area_mm2"] = None
    del eyeriss_result["layers"][0]["limit"]
    text = render(layer_table(eyeriss_result))
    assert text.splitlines()[-1] == "latency 251.4 ms; 23.05 GOP/s"
    assert cells_of(text, "conv1")[-1] == "-"
    assert "area" not in render(comparison_table([eyeriss_result, eyeriss_result]))


def test_relative_energy_has_no_joules(eyeriss_result: Any, diannao_result: Any) -> None:
    for row in (*eyeriss_result["layers"], eyeriss_result["total"]):
        row["energy_relative"] = row.pop("energy_pj")
    assert "energy RF accesses" in render(layer_table(eyeriss_result))
    text = render(comparison_table([eyeriss_result, diannao_result]))
    assert cells_of(text, "energy mJ")[2:] == ["-", "42.016", "-"]
    assert cells_of(text, "energy RF")[-2:] == ["-", "-"]


def test_comparison_is_relative_to_the_first(eyeriss_result: Any, diannao_result: Any) -> None:
    text = render(comparison_table([eyeriss_result, diannao_result]))
    assert text.splitlines()[0] == "alexnet (batch 4) side by side"
    assert cells_of(text, "total") == ["total", "eyeriss", "diannao", "/", "eyeriss"]
    assert cells_of(text, "latency ms") == ["latency", "ms", "251.414", "27.846", "0.111x"]
    assert cells_of(text, "DRAM MB") == ["DRAM", "MB", "135.646", "135.646", "1x"]
    # all levels but DRAM: glb and rf of one machine, three buffers of the other
    assert cells_of(text, "buffers and RF MB")[4:] == ["2,859.1", "5,453.2", "1.91x"]


def test_same_machine_twice_is_numbered(eyeriss_result: Any, diannao_result: Any) -> None:
    assert unique_names([eyeriss_result, diannao_result, eyeriss_result]) == ["eyeriss-1", "diannao", "eyeriss-2"]


@pytest.mark.parametrize(
    ("kind", "largest", "unit"),
    [
        ("bytes", 0, (1, "B")),
        ("bytes", 9_999, (1, "B")),
        ("bytes", 10_000, (1e3, "kB")),
        ("bytes", 9_999_999, (1e3, "kB")),
        ("bytes", 10_000_000, (1e6, "MB")),
        ("bytes", 1e18, (1e12, "TB")),
        ("energy", 0.3, (1, "pJ")),
        ("energy", 2.5e10, (1e9, "mJ")),
    ],
)
def test_units(kind: str, largest: float, unit: tuple[float, str]) -> None:
    assert choose_unit(kind, [0, largest]) == unit


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([], []),
        ([0.0], ["0.000"]),
        ([1234.56, 0.4], ["1,234.6", "0.4"]),
        ([999.9, 0.4], ["999.900", "0.400"]),
        ([0.0123, 0.0001], ["0.01230", "0.00010"]),
    ],
)
def test_columns_of_numbers(values: list[float], texts: list[str]) -> None:
    assert format_column(values) == texts


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 5, "0 %"), (1, 0, "0 %"), (1, 2000, "less than 0.1 %"), (1, 30, "3.3 %"), (1, 3, "33 %"), (7, 7, "100 %")],
)
def test_percent(part: float, whole: float, text: str) -> None:
    assert percent(part, whole) == text
