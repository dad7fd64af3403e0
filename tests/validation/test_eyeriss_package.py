"""The whole package against the Eyeriss chip (AlexNet, batch 4, 200 MHz, published mapping) and its energy study."""

from __future__ import annotations

import json
import runpy
import time
from pathlib import Path

import numpy as np
import pytest

from accel_sim.arch import load_arch
from accel_sim.energy import EnergyModel
from accel_sim.engine.simulate import prepare, simulate
from accel_sim.mapping.reader import load_mapping
from accel_sim.validation import eyeriss, eyeriss_study
from accel_sim.validation.figure import evaluate
from accel_sim.workload import MacShape, load_workload

HERE = Path(__file__).parent
DATA = json.loads((HERE / "data" / "eyeriss.json").read_text())
ROWS = {row[0].lower(): dict(zip(DATA["columns"], row, strict=True)) for row in DATA["rows"]}
LAYERS = list(ROWS)
CONV = load_workload("alexnet_conv", 4)
EYERISS = load_arch("eyeriss")


def test_the_shipped_mapping_is_the_published_one():
    shipped = load_mapping("eyeriss_alexnet", CONV, EYERISS).layers
    assert {name: dict(letters) for name, letters in shipped.items()} == {
        name: {letter: row[letter] for letter in "mnepqrt"} for name, row in ROWS.items()
    }


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_by_itself(name):
    """Every figure of the issue: PEs exact, GLB 1 %, processing 10 %, total 12 %, DRAM 20 %, power 20 %."""
    row, ran = ROWS[name], eyeriss.layer(name)
    assert ran.active_pes == row["active_pes"]
    assert eyeriss.glb_mb(name) == pytest.approx(row["glb_mb"], rel=0.01)
    assert eyeriss.processing_ms(name) == pytest.approx(row["processing_ms"], rel=0.1)
    assert ran.latency_ms == pytest.approx(row["total_ms"], rel=0.12)
    assert eyeriss.dram_mb(name) == pytest.approx(row["dram_mb"], rel=0.2)
    assert eyeriss.power_mw(name) == pytest.approx(row["power_mw"], rel=0.01 if name == "conv1" else 0.2)
    assert eyeriss.ideal_cycles(name) == row["ideal_cycles"] == ran.bounds_cycles["array"]


def test_mean_processing_latency():
    assert np.mean([abs(eyeriss.processing_ms(name) / ROWS[name]["processing_ms"] - 1) for name in LAYERS]) < 0.05


def test_all_layers_in_one_run():
    """A layer's last ofmaps leave while the next one's ifmaps come: windows shift by that much and no more."""
    whole = simulate(CONV, EYERISS, mapping="eyeriss_alexnet")
    assert whole.total["latency_ms"] == pytest.approx(115.3, rel=0.01)
    assert whole.total["power_mw"] == pytest.approx(278, rel=0.05)
    for layer in whole.layers:
        assert layer.compute_cycles == eyeriss.layer(layer.name).compute_cycles
        assert layer.latency_ms == pytest.approx(eyeriss.layer(layer.name).latency_ms, rel=0.01)


@pytest.mark.parametrize("name", LAYERS)
def test_the_array_stands_still_for_fmaps(name):
    """What a layer takes beyond its processing is what its fmaps take on the link, or a filter now and then."""
    ran = eyeriss.layer(name)
    fmaps = sum(sum(ran.accesses["dram"][tensor].values()) for tensor in ("ifmap", "ofmap"))
    link_cycles = fmaps / (0.48e9 / 200e6)
    assert link_cycles <= ran.total_cycles - ran.compute_cycles <= 1.08 * link_cycles
    overlapped = simulate(
        CONV, EYERISS.with_set({"array.stops_for_fmaps": False}), mapping="eyeriss_alexnet", layers=name, steady=False
    ).layers[0]
    assert overlapped.compute_cycles == ran.compute_cycles
    assert overlapped.total_cycles < ran.total_cycles
    ideal = simulate(CONV, EYERISS, mapping="eyeriss_alexnet", layers=name, dram="ideal", steady=False).layers[0]
    assert ideal.total_cycles == ran.compute_cycles
    assert ideal.accesses == ran.accesses


@pytest.mark.parametrize("dram", ["bandwidth:0.48", "ideal"])
def test_the_mapper_is_as_good_as_the_published_mapping(dram):
    published = simulate(CONV, EYERISS, mapping="eyeriss_alexnet", dram=dram, steady=False)
    found = simulate(CONV, EYERISS, dram=dram, steady=False)
    for ours, theirs in zip(found.layers, published.layers, strict=True):
        assert ours.total_cycles <= 1.01 * theirs.total_cycles, ours.name
    assert found.total["total_cycles"] <= published.total["total_cycles"]


def test_mapping_alexnet_is_fast():
    network = load_workload("alexnet", 4)
    prepare(network, EYERISS)  # compiles and warms up
    start = time.process_time()
    prepare(network, EYERISS)
    assert time.process_time() - start < 0.3


def test_wide_fmaps_under_given_letters():
    """224 x 224: strips, a batch of three, m smaller than M; the psum buses rule, and the link adds its share."""
    network = load_workload("vgg16", 3)
    letters = {"m": 16, "n": 1, "e": 13, "p": 4, "q": 1, "r": 1, "t": 4}
    mapping = {"dataflow": "row_stationary", "layers": {"conv1_2": letters}}
    ran = simulate(network, EYERISS, mapping=mapping, layers="conv1_2", steady=False).layers[0]
    shape = network.select("conv1_2").layers[0].shape
    assert isinstance(shape, MacShape)
    assert ran.active_pes == 156
    assert ran.limit == "psum read bus"
    psums = shape.n_ofmap * shape.c
    assert psums / 4 < ran.compute_cycles < 1.02 * psums / 4
    strips = 18
    words = 4 * 3 * 64 * (224 + 2 * (strips - 1)) * 224 + 3 * strips * shape.k * shape.c * 9 + shape.n_ofmap
    assert sum(sum(row.values()) for row in ran.accesses["dram"].values()) == 2 * words
    fmaps = 2 * (4 * 3 * 64 * (224 + 2 * (strips - 1)) * 224 + shape.n_ofmap)
    assert ran.total_cycles - ran.compute_cycles == pytest.approx(fmaps / 2.4, rel=0.02)


def test_filters_that_outgrow_their_buffer_come_in_parts():
    """24 x 3 x 4 x 2 filters of 3 x 3 words are 10,368 bytes a pass: the buffer holds 8 KiB."""
    network = load_workload("vgg16", 1)
    letters = {"m": 48, "n": 1, "e": 7, "p": 24, "q": 3, "r": 4, "t": 2}
    mapping = {"dataflow": "row_stationary", "layers": {"conv4_1": letters}}
    ran = simulate(network, EYERISS, mapping=mapping, layers="conv4_1", steady=False).layers[0]
    shape = network.select("conv4_1").layers[0].shape
    assert isinstance(shape, MacShape)
    assert ran.accesses["dram"]["filter"]["read_bytes"] == 4 * 2 * shape.k * shape.c * 9
    assert ran.stall_cycles["dram:filter"] > 0


def test_fully_connected_layers_run_at_the_link_or_at_the_filter_bus():
    network = load_workload("alexnet", 4)
    for layer in simulate(network, EYERISS, layers="fc*", steady=False).layers:
        assert layer.limit == "dram"
        assert layer.total_cycles < 1.02 * layer.bounds_cycles["dram"]
    for layer in simulate(network, EYERISS, layers="fc*", dram="ideal", steady=False).layers:
        assert layer.compute_cycles < 1.02 * layer.bounds_cycles["filter bus"]
        assert layer.active_pes >= 32


def test_depthwise_fills_the_height_of_the_array():
    network = load_workload("mobilenet_v1", 1)
    (layer,) = simulate(network, EYERISS, layers="conv2_dw", steady=False).layers
    assert layer.active_pes == 3 * 56


def test_the_machines_of_the_study_have_equal_area():
    areas = [
        EnergyModel(load_arch(name)).area_mm2()
        for name in (eyeriss_study.RS, eyeriss_study.WS, eyeriss_study.OS, eyeriss_study.NLR)
    ]
    assert max(areas) < 1.01 * min(areas)


@pytest.mark.parametrize("figure", eyeriss_study.FIGURES, ids=lambda figure: figure.name)
def test_the_study(figure):
    """Row stationary within a fifth of published energies; the others inside the published range, or told why not."""
    outcome = evaluate(figure)
    assert outcome.is_hit or figure.reason
    if figure.name.startswith("eyeriss_256_"):
        assert outcome.ours > 1


def test_the_tables_in_the_docs_are_what_the_package_gives():
    page = (HERE.parents[1] / "docs" / "eyeriss.md").read_text()
    study = runpy.run_path(str(HERE.parents[1] / "benchmarks" / "study_eyeriss.py"))
    rows = [row for table in study["TABLES"].values() for row in table()]
    assert len(rows) == 5 + 5 + 11 + 5 + 3 + 8
    assert [row for row in rows if row not in page] == []
    for layers in (eyeriss_study.CONV, eyeriss_study.FC):
        assert study["ratio_row"](layers) in page
