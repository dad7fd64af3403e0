"""Plots show the numbers of the result, name their axes with units, and give the same bytes each time."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from matplotlib.figure import Figure

from accel_sim.errors import OptionError
from accel_sim.report.plots import PLOTS, ResultPlots, render_all
from accel_sim.report.plots.roofline import points_of, roof_of
from accel_sim.report.plots.style import HATCHES, grouped, largest, render, shorten

UNITS = {"latency": "(ms)", "energy": "(mJ)", "stalls": "(%)", "roofline": "(MAC/B)"}


@pytest.fixture
def both(eyeriss_result: Any, diannao_result: Any) -> list[Any]:
    return [eyeriss_result, diannao_result]


def texts(figure: Figure) -> list[str]:
    return [artist.get_text() for artist in figure.findobj(matplotlib.text.Text) if artist.get_visible()]


@pytest.mark.parametrize("name", PLOTS)
def test_axes_have_units(name: str, both: list[Any]) -> None:
    figure = PLOTS[name](both)
    labelled = [axes.get_xlabel() for axes in figure.axes]
    assert labelled
    assert all(UNITS[name] in label for label in labelled)
    assert any("alexnet (batch 4)" in text for text in texts(figure))


@pytest.mark.parametrize("name", ["latency", "energy", "stalls"])
def test_every_layer_has_a_row_the_first_on_top(name: str, many_layers_result: Any) -> None:
    axes = PLOTS[name]([many_layers_result]).axes[0]
    names = [layer["name"] for layer in many_layers_result["layers"]]
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    bottom, top = axes.get_ylim()
    assert bottom > top


@pytest.mark.parametrize("name", PLOTS)
@pytest.mark.parametrize("which", ["one", "many"])
def test_nothing_overlaps_or_leaves_the_page(name: str, which: str, both: list[Any], many_layers_result: Any) -> None:
    results = {"one": both[:1], "many": [many_layers_result]}[which]
    figure = PLOTS[name](results)
    figure.draw_without_rendering()
    boxes = [axes.get_window_extent() for axes in figure.axes]
    for legend in figure.legends:
        box = legend.get_window_extent()
        assert not any(box.overlaps(other) for other in boxes)
    drawn, page = figure.get_tightbbox(), figure.bbox_inches
    assert drawn.x0 >= page.x0 - 0.02
    assert drawn.y0 >= page.y0 - 0.02
    assert drawn.x1 <= page.x1 + 0.02
    assert drawn.y1 <= page.y1 + 0.02
    rows = [label.get_window_extent() for label in figure.axes[0].get_yticklabels() if label.get_text()]
    assert not any(a.overlaps(b) for i, a in enumerate(rows) for b in rows[i + 1 :])


def test_roofline_names_do_not_cover_each_other(both: list[Any]) -> None:
    figure = PLOTS["roofline"](both)
    figure.draw_without_rendering()
    for axes in figure.axes:
        names = [text for text in axes.texts if text.get_text()]
        assert {text.get_text() for text in names} == {"conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"}
        boxes = [matplotlib.text.Text.get_window_extent(text) for text in names]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_stacks_add_up(both: list[Any]) -> None:
    energy, stalls = PLOTS["energy"](both), PLOTS["stalls"](both)
    for panel, result in zip(energy.axes, both, strict=True):
        ends: dict[int, float] = {}
        for bar in panel.patches:
            row = round(bar.get_y() + bar.get_height() / 2)
            ends[row] = max(ends.get(row, 0.0), bar.get_x() + bar.get_width())
        assert ends == {
            row: pytest.approx(layer["energy_pj"]["total"] / 1e9) for row, layer in enumerate(result["layers"])
        }
    for panel in stalls.axes:
        assert max(bar.get_x() + bar.get_width() for bar in panel.patches) == pytest.approx(100)


def test_bars_differ_without_colour(both: list[Any]) -> None:
    panel = PLOTS["energy"](both).axes[1]
    looks = {(bar.get_facecolor(), bar.get_hatch() or "") for bar in panel.patches}
    assert len({hatch for _, hatch in looks}) == len(looks)
    assert len(set(HATCHES)) == len(HATCHES)


def test_roof_is_above_every_point(both: list[Any]) -> None:
    for result in both:
        roof = roof_of(result)
        points = points_of(result)
        assert len(points) == 8
        assert all(point.gmacs_per_s <= roof.at(point.intensity) * 1.0001 for point in points)
    assert roof_of(both[0]).gmacs_per_s == pytest.approx(33.6)
    assert roof_of(both[0]).gb_per_s == pytest.approx(0.8)


def test_ideal_dram_has_a_flat_roof(eyeriss_result: Any) -> None:
    for layer in eyeriss_result["layers"]:
        del layer["bounds_cycles"]
    assert roof_of(eyeriss_result).gb_per_s is None
    assert any("DRAM takes no time" in text for text in texts(PLOTS["roofline"]([eyeriss_result])))


def test_network_without_macs_has_an_empty_roofline(eyeriss_result: Any) -> None:
    for layer in eyeriss_result["layers"]:
        layer["n_macs"] = 0
    assert render(PLOTS["roofline"]([eyeriss_result]), "svg")


@pytest.mark.parametrize("name", PLOTS)
def test_same_bytes_whatever_the_users_settings(name: str, eyeriss_result: Any) -> None:
    def files() -> list[bytes]:
        return [render(PLOTS[name]([eyeriss_result]), file_format) for file_format in ("png", "svg")]

    first = files()
    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": "other", "figure.dpi": 40, "axes.grid": False}):
        assert files() == first
    assert b"<dc:date>" not in first[1]
    assert ET.fromstring(first[1]).tag.endswith("svg")


def test_users_settings_are_left_alone(eyeriss_result: Any) -> None:
    before = dict(matplotlib.rcParams)
    render(PLOTS["latency"]([eyeriss_result]), "svg")
    assert dict(matplotlib.rcParams) == before


def test_every_plot_in_every_format(eyeriss_result: Any) -> None:
    files = render_all([eyeriss_result])
    assert sorted(files) == sorted(f"{name}.{file_format}" for name in PLOTS for file_format in ("png", "svg"))
    assert all(content.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml") for name, content in files.items())


@pytest.mark.parametrize("name", PLOTS)
def test_plots_of_a_result(name: str, eyeriss_result: Any, tmp_path: Path) -> None:
    method: Callable[..., Figure] = getattr(ResultPlots(eyeriss_result), name)
    figure = method(tmp_path / "plot.PNG")
    assert isinstance(figure, Figure)
    assert (tmp_path / "plot.PNG").read_bytes() == render(figure, "png")
    with pytest.raises(OptionError, match=r"plot.gif: a plot is saved as \.svg or \.png"):
        method(tmp_path / "plot.gif")


def test_slow_and_fast_layers_share_a_logarithmic_axis(eyeriss_result: Any) -> None:
    assert PLOTS["latency"]([eyeriss_result]).axes[0].get_xscale() == "log"
    for layer in eyeriss_result["layers"]:
        layer["latency_ms"] = 1.0
    assert PLOTS["latency"]([eyeriss_result]).axes[0].get_xscale() == "linear"


def test_many_reasons_are_grouped() -> None:
    totals = {f"r{i}": float(i) for i in range(12)}
    kept = largest(totals)
    assert kept == ["r5", "r6", "r7", "r8", "r9", "r10", "r11", "other"]
    assert grouped(totals, kept)["other"] == 1 + 2 + 3 + 4
    assert largest({"a": 1.0, "b": 0.0}) == ["a"]


def test_very_long_names_keep_both_ends() -> None:
    name = "model.encoder.layers.11.self_attention.output_projection.dense"
    assert len(shorten(name)) < len(name)
    assert shorten(name).startswith("model.encoder.layers")
    assert shorten(name).endswith("projection.dense")
    assert shorten("conv1") == "conv1"
