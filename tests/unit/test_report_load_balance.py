"""Load balance: the table, the sentences and the heat maps say what the result's block ``sparsity`` says."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest

from accel_sim.errors import OptionError
from accel_sim.report.csv import layer_rows
from accel_sim.report.explain import explain
from accel_sim.report.layers import layer_table
from accel_sim.report.load_balance import load_balance_table
from accel_sim.report.pe_work import pe_work
from accel_sim.report.plots import PE_PLOTS, PLOTS, ResultPlots, render_all
from accel_sim.report.plots.roofline import points_of, roof_of
from accel_sim.report.plots.style import SEQUENTIAL, render
from accel_sim.report.table import render as render_table

N_PES = 64


def skip_zeros(result: Any, n_pes: int = N_PES) -> Any:
    """Turn an invented result into one of a machine that skips zeros: PE i is busy 3 i / (4 n) of the time."""
    result["arch"]["n_pes"] = n_pes
    for layer in result["layers"]:
        if not layer["n_macs"]:
            continue
        array_cycles = layer["units"]["array"]["busy_cycles"]
        work = [array_cycles * 3 * i // (4 * n_pes) for i in range(n_pes)]
        layer["sparsity"] = {
            "n_done": layer["n_effectual_macs"] + 1000,
            "filters_resident": True,
            "padding_entries": 500,
            "broadcast_stall_cycles": array_cycles // 4,
            "barrier_pe_cycles": array_cycles * n_pes // 8,
            "warp_core_cycles": array_cycles // 50,
            "work_cycles_max": max(work),
            "work_cycles_mean": sum(work) / n_pes,
            "work_cycles": work,
        }
    return result


@pytest.fixture
def skipping(eyeriss_result: Any) -> Any:
    """AlexNet on an invented machine whose PEs differ."""
    return skip_zeros(eyeriss_result)


def texts(figure: Any) -> list[str]:
    return [artist.get_text() for artist in figure.findobj(matplotlib.text.Text) if artist.get_visible()]


def test_a_layer_without_the_block_tells_no_pes_apart(eyeriss_result: Any) -> None:
    assert pe_work(eyeriss_result["layers"][0]) is None
    assert load_balance_table(eyeriss_result) is None
    assert not any("effectual" in paragraph for paragraph in explain(eyeriss_result))


def test_facts_are_read_by_name(skipping: Any) -> None:
    work = pe_work(skipping["layers"][0])
    assert work is not None
    assert (work.noun, work.n_idle, work.n_padding) == ("PE", 1, 500)
    assert work.n_done == work.n_effectual + 1000
    assert work.busy_share == pytest.approx(0.75 * 63 / 128, rel=1e-4)
    assert work.imbalance == pytest.approx(2, rel=1e-4)
    expected = {"broadcast_stall": 0.25, "barrier": 0.125, "warp_core": 0.02}
    assert work.lost == {name: pytest.approx(share, rel=1e-3) for name, share in expected.items()}
    assert max(work.shares()) == pytest.approx(75 * 63 / 64, rel=1e-4)


@pytest.mark.parametrize(("key", "noun"), [("window_wait_lane_cycles", "lane"), ("empty_place_unit_cycles", "unit")])
def test_what_works_is_called_by_its_name(skipping: Any, key: str, noun: str) -> None:
    for layer in skipping["layers"]:
        if "sparsity" in layer:
            layer["sparsity"][key] = layer["sparsity"].pop("barrier_pe_cycles")
    work = pe_work(skipping["layers"][0])
    assert work is not None
    assert work.noun == noun
    assert work.lost[key.removesuffix(f"_{noun}_cycles")] == pytest.approx(0.125, rel=1e-3)
    table = load_balance_table(skipping)
    assert table is not None
    assert f"{noun}s busy %" in render_table(table)


def test_table_has_a_row_a_layer_that_multiplies(skipping: Any) -> None:
    table = load_balance_table(skipping)
    assert table is not None
    lines = render_table(table).splitlines()
    assert lines[0] == "load balance of alexnet (batch 4) on eyeriss"
    names = [layer["name"] for layer in skipping["layers"] if "sparsity" in layer]
    assert [line.split()[0] for line in lines[3:-1]] == names
    headers = {column.header: column.cells for column in table.columns}
    first = skipping["layers"][0]
    assert headers["effectual"][0] == f"{first['n_effectual_macs']:,}"
    assert headers["done"][0] == f"{first['n_effectual_macs'] + 1000:,}"
    assert (headers["padding"][0], headers["idle PEs"][0], headers["busiest / mean"][0]) == ("500", "1", "2.000")
    assert (headers["full queues %"][0], headers["barriers %"][0], headers["warp core %"][0]) == ("25.0", "12.5", "2.0")


def test_sentences_name_work_and_waits(skipping: Any) -> None:
    layer = skipping["layers"][0]
    layer.update(stall_cycles={}, compute_cycles=layer["total_cycles"])
    text = explain(skipping)[1]
    assert f"MACs {layer['n_effectual_macs']:,} are effectual, {layer['n_effectual_macs'] + 1000:,} are done" in text
    assert "with 500 padding zeros; PEs are busy 37 % of the array's" in text
    assert "the busiest 2.00 times the mean, and 1 of 64 PEs have no work;" in text
    assert "its broadcast waits for a full queue in 25 % of the array's cycles; barriers take 12 % of the PE" in text
    assert "warp core takes 2.0 % of the array's time." in text
    assert "the busiest PE has 2.00 times the mean work; dealing the work evenly would save at most 3" in text
    assert "even the busiest PE has work in only 74 % of the array's cycles" in text
    assert "a machine could skip" not in text


def test_sentences_about_waste(skipping: Any) -> None:
    layer = skipping["layers"][0]
    layer.update(stall_cycles={}, compute_cycles=layer["total_cycles"])
    facts, cycles = layer["sparsity"], layer["units"]["array"]["busy_cycles"]
    facts.update(work_cycles=[cycles] * 4, work_cycles_max=cycles, work_cycles_mean=cycles)
    facts.update(n_done=2 * layer["n_effectual_macs"], padding_entries=2 * layer["n_effectual_macs"])
    text = explain(skipping)[1]
    assert "50 % of what is multiplied are padding zeros, which longer runs avoid" in text
    assert "50 % of the MACs done have a zero operand that this machine cannot skip" in text
    assert "busiest PE has" not in text
    facts.update(n_done=layer["n_effectual_macs"], padding_entries=0)
    assert explain(skipping)[1].endswith("the PEs are busy, only more of them or fewer MACs make it faster.")
    assert "are effectual, as many are done;" in explain(skipping)[1]


def test_one_worker_or_too_many_to_list(skipping: Any) -> None:
    facts = skipping["layers"][0]["sparsity"]
    facts["work_cycles"] = [facts["work_cycles_max"]]
    assert "; the array works " in explain(skipping)[1]
    del facts["work_cycles"]
    work = pe_work(skipping["layers"][0])
    assert work is not None
    assert "barrier" not in work.lost
    table = load_balance_table(skipping)
    assert table is not None
    assert {column.header: column.cells[0] for column in table.columns}["idle PEs"] == "-"
    assert [label.get_text() for label in PE_PLOTS["pe_utilization"]([skipping]).axes[0].get_yticklabels()][
        0
    ] == "conv2"


def test_no_array_cycles(skipping: Any) -> None:
    layer = skipping["layers"][0]
    layer["units"]["array"]["busy_cycles"] = 0
    layer["sparsity"].update(work_cycles=[0] * 4, work_cycles_max=0, work_cycles_mean=0.0)
    assert "effectual" not in explain(skipping)[1]
    assert load_balance_table(skipping) is not None
    render(PE_PLOTS["pe_utilization"]([skipping]), "png")


def test_lists_stay_out_of_the_csv(skipping: Any) -> None:
    row = layer_rows(skipping)[0]
    assert row["sparsity.padding_entries"] == 500
    assert "sparsity.work_cycles" not in row
    assert render_table(layer_table(skipping))


@pytest.mark.parametrize("name", PE_PLOTS)
@pytest.mark.parametrize("which", ["one", "many", "two"])
def test_heat_maps_have_units_and_nothing_overlaps(
    name: str, which: str, skipping: Any, many_layers_result: Any, diannao_result: Any
) -> None:
    wide = skip_zeros(many_layers_result, 1024)
    results = {"one": [skipping], "many": [wide], "two": [skipping, skip_zeros(diannao_result, 16)]}[which]
    figure = PE_PLOTS[name](results)
    figure.draw_without_rendering()
    *panels, bar = figure.axes
    assert bar.get_xlabel() == "busy share of the array's cycles (%)"
    assert len(panels) == len(results)
    boxes = [box for axes in figure.axes if (box := axes.get_tightbbox())]
    assert len(boxes) == len(figure.axes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    for axes in panels:
        assert "PE" in axes.get_xlabel()
        labels = [
            [text.get_window_extent() for text in side] for side in (axes.get_xticklabels(), axes.get_yticklabels())
        ]
        for side in labels:
            assert not any(a.overlaps(b) for i, a in enumerate(side) for b in side[i + 1 :])
    drawn, page = figure.get_tightbbox(), figure.bbox_inches
    assert (drawn.x0, drawn.y0) >= (page.x0 - 0.02, page.y0 - 0.02)
    assert drawn.x1 <= page.x1 + 0.02
    assert drawn.y1 <= page.y1 + 0.02


def test_cells_are_busy_shares(skipping: Any) -> None:
    (image,) = PE_PLOTS["pe_utilization"]([skipping]).axes[0].images
    cells = np.asarray(image.get_array())
    assert cells.shape == (8, N_PES)
    np.testing.assert_allclose(cells, np.tile(75 * np.arange(N_PES) / N_PES, (8, 1)), atol=0.1)
    assert image.get_clim() == (0, 100)


def test_colours_print_in_grey() -> None:
    rgb = matplotlib.colormaps[SEQUENTIAL](np.linspace(0, 1, 64))[:, :3]
    lightness = rgb @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(lightness) > 0).all()


def test_grid_of_a_chosen_layer(skipping: Any) -> None:
    plots = ResultPlots(skipping)
    (image,) = plots.pe_grid("conv3").axes[0].images
    assert np.asarray(image.get_array()).shape == (8, 8)
    assert "conv3" in " ".join(texts(plots.pe_grid("conv3")))
    busiest = max(
        (layer for layer in skipping["layers"] if "sparsity" in layer), key=lambda x: x["units"]["array"]["busy_cycles"]
    )
    assert busiest["name"] in " ".join(texts(plots.pe_grid()))
    for layer in skipping["layers"]:
        if "sparsity" in layer:
            layer["sparsity"]["work_grid"] = [4, 16]
    axes = ResultPlots(skipping).pe_grid("conv3").axes[0]
    assert np.asarray(axes.images[0].get_array()).shape == (4, 16)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("column of PEs", "row of PEs")
    with pytest.raises(OptionError, match=r"layer: found 'conv33'; did you mean 'conv3'\?; allowed: layers that list"):
        plots.pe_grid("conv33")


def test_dense_machines_have_no_heat_map(eyeriss_result: Any) -> None:
    for plot in (ResultPlots(eyeriss_result).pe_utilization, ResultPlots(eyeriss_result).pe_grid):
        with pytest.raises(OptionError, match="no layer on eyeriss lists the work of its PEs: only machines that skip"):
            plot()
    assert not any(name.startswith("pe_") for name in render_all([eyeriss_result]))


def test_files_of_a_machine_that_skips(skipping: Any, tmp_path: Path) -> None:
    skipping["layers"] = skipping["layers"][:3]
    names = {f"{name}.{suffix}" for name in (*PLOTS, *PE_PLOTS) for suffix in ("png", "svg")}
    first = render_all([skipping])
    assert set(first) == names
    assert render_all([copy.deepcopy(skipping)]) == first
    figure = ResultPlots(skipping).pe_grid(path=tmp_path / "grid.png")
    assert (tmp_path / "grid.png").read_bytes() == render(figure, "png")


def test_skipped_macs_are_no_work_in_the_roofline(skipping: Any) -> None:
    for layer in skipping["layers"]:
        if "sparsity" in layer:
            layer["sparsity"]["n_done"] = layer["n_macs"] // 10
            layer["utilization"] = layer["sparsity"]["n_done"] / (1024 * layer["total_cycles"])
    roof = roof_of(skipping)
    assert roof.gmacs_per_s == pytest.approx(1024 * 0.2)
    points = points_of(skipping)
    first = skipping["layers"][0]
    assert points[0].gmacs_per_s == pytest.approx(first["n_macs"] // 10 / first["latency_ms"] / 1e6)
    assert all(point.gmacs_per_s <= roof.at(point.intensity) * 1.0001 for point in points)
