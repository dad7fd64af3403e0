"""The row-stationary pass model against the Eyeriss chip on AlexNet, with the published mapping and nothing fitted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from accel_sim.kernels.row_stationary import layer_cycles
from accel_sim.kernels.row_stationary_types import ArrayTiming, PassCycles
from accel_sim.kernels.stepped.row_stationary import step_row_stationary
from accel_sim.mapping.row_stationary_letters import RowStationaryMapping
from accel_sim.mapping.row_stationary_passes import active_pes, enumerate_passes, pass_words
from accel_sim.workload import MacShape

HERE = Path(__file__).parent
DATA = json.loads((HERE / "data" / "eyeriss.json").read_text())
ROWS = {row[0]: dict(zip(DATA["columns"], row, strict=True)) for row in DATA["rows"]}
EYERISS = ArrayTiming(
    filter_bus_words=4,
    ifmap_bus_words=1,
    psum_read_words=4,
    psum_write_words=4,
    filter_rf_words=224,
    ifmap_rf_words=12,
    psum_fifo_words=32,
    pipeline_stages=3,
    psum_add_cycles=1,
    filter_prefetch=1,
)
IDEAL = EYERISS._replace(
    filter_bus_words=0, ifmap_bus_words=0, psum_read_words=0, psum_write_words=0, pipeline_stages=0, psum_add_cycles=0
)


def layer(row):
    size, stride = row["size"], row["stride"]
    shape = MacShape.of(
        n=DATA["batch"],
        k=row["k"],
        c=row["c"],
        h=size,
        w=size,
        r=row["filter_rows"],
        s=row["filter_cols"],
        groups=row["groups"],
        stride=(stride, stride),
    )
    return shape, RowStationaryMapping(**{letter: row[letter] for letter in "mnepqrt"})


def cycles_of(shape, mapping, machine):
    """Return the cycles of all passes, int64 [passes, 11], and the drain."""
    return layer_cycles(machine, mapping.window(shape), *enumerate_passes(shape, mapping).kinds())


def processing_ms(row, machine=EYERISS):
    cycles, drain = cycles_of(*layer(row), machine)
    return (cycles[:, 0].sum() + drain) / DATA["clock_mhz"] / 1e3


def errors_pct(machine=EYERISS):
    return {name: 100 * (processing_ms(row, machine) / row["processing_ms"] - 1) for name, row in ROWS.items()}


def test_processing_latency():
    """Each layer within 10 %, the mean within 5 %."""
    errors = np.abs(list(errors_pct().values()))
    assert errors.max() < 10
    assert errors.mean() < 5


@pytest.mark.parametrize("name", ROWS)
def test_active_pes(name):
    shape, mapping = layer(ROWS[name])
    assert active_pes(shape, enumerate_passes(shape, mapping)) == ROWS[name]["active_pes"]


@pytest.mark.parametrize("name", ROWS)
def test_glb_accesses(name):
    """Counted pass by pass: within 1 % of the chip, within 0.1 % of the closed formula (it rounds channels up)."""
    row = ROWS[name]
    shape, mapping = layer(row)
    words = pass_words(shape, enumerate_passes(shape, mapping))
    megabytes = 2 * (words.ifmap + words.psum_read + words.psum_write).sum() / 1e6
    assert megabytes == pytest.approx(row["glb_mb"], rel=0.01)
    channel_blocks = -(-shape.c // (mapping.q * mapping.r))
    filter_blocks = -(-shape.k // (mapping.p * mapping.t))
    formula = 0
    for first_row in range(0, shape.p, mapping.e):
        e = min(mapping.e, shape.p - first_row)
        psums = 2 * mapping.n * mapping.p * mapping.t * e * shape.q
        rows = (e - 1) * shape.stride_h + shape.r
        ifmap = mapping.n * mapping.q * mapping.r * rows * shape.h
        formula += channel_blocks * filter_blocks * (psums + ifmap)
    formula *= 2 * shape.groups * (shape.n // mapping.n)
    assert megabytes == pytest.approx(formula / 1e6, rel=0.001)


@pytest.mark.parametrize("name", ROWS)
def test_ideal_cycles(name):
    """With buses, fill, drain and the psums' own additions off, only multiplications are left."""
    cycles, drain = cycles_of(*layer(ROWS[name]), IDEAL)
    assert cycles[:, 0].sum() == ROWS[name]["ideal_cycles"]
    assert drain == 0


def test_the_stepped_array_gives_the_same_time_on_a_whole_layer():
    """CONV1 of one image, 105 million MACs through real registers."""
    shape, mapping = layer(ROWS["CONV1"])
    shape = MacShape.of(n=1, k=96, c=3, h=227, w=227, r=11, s=11, stride=(4, 4))
    random = np.random.default_rng(5)
    operands = random.integers(-99, 99, shape.ifmap_shape), random.integers(-99, 99, shape.filter_shape)
    passes = enumerate_passes(shape, mapping).stepped(shape)
    psums = np.zeros(shape.ofmap_shape, np.int64)
    run = step_row_stationary(EYERISS, mapping.window(shape), passes, *operands, psums)
    cycles, drain = cycles_of(shape, mapping, EYERISS)
    assert run.cycles == cycles[:, 0].sum() + drain
    windows = np.lib.stride_tricks.sliding_window_view(operands[0][0], (11, 11), axis=(1, 2))[:, ::4, ::4]
    expected = np.einsum("cpqrs,kcrs->kpq", windows.astype(float), operands[1].astype(float), optimize=True)
    np.testing.assert_array_equal(psums[0], expected)


def test_psum_buses_rule_where_ofmaps_are_wide():
    """64 filters of 64 channels on a 224 x 224 fmap: the psums of a column take 52 cycles of a bus, its MACs 12.

    The GLB leaves room for one channel's strip only, so each pass moves all its psums for 12 MACs apiece.
    """
    shape = MacShape.of(n=1, k=64, c=64, h=224, w=224, r=3, s=3, pad=(1, 1))
    mapping = RowStationaryMapping(m=16, n=1, e=13, p=4, q=1, r=1, t=4)
    cycles, drain = cycles_of(shape, mapping, EYERISS)
    total = PassCycles(*cycles.sum(axis=0))
    assert total.own + drain > 4 * shape.n_macs / 156
    assert total.psum_read_bus == total.psum_write_bus == shape.c * shape.n_ofmap // 4
    assert 1 <= (total.own + drain) / total.psum_read_bus < 1.02
    assert total.wait_psum_read + total.wait_psum_write > 0.6 * total.own
    assert total.wait_filter + total.wait_ifmap < 0.01 * total.own


VARIANTS = {
    "as modelled": EYERISS,
    "no filter prefetch into free RF words": EYERISS._replace(filter_prefetch=0),
    "psums added without adder cycles": EYERISS._replace(psum_add_cycles=0),
    "psum FIFOs of 27 words": EYERISS._replace(psum_fifo_words=27),
    "psum FIFOs of 64 words": EYERISS._replace(psum_fifo_words=64),
    "ifmap FIFO of 4 words behind the RF": EYERISS._replace(ifmap_rf_words=16),
    "filter FIFO of 32 words behind the RF": EYERISS._replace(filter_rf_words=256),
}


def test_the_tables_in_the_docs_are_what_the_model_gives():
    text = (HERE.parents[1] / "docs" / "eyeriss.md").read_text()
    for name, row in ROWS.items():
        cycles, _ = cycles_of(*layer(row), EYERISS)
        parts = PassCycles(*(cycles.sum(axis=0) / len(cycles)))
        ours = processing_ms(row)
        cells = [
            name,
            f"{row['processing_ms']:.1f}",
            f"{ours:.2f}",
            f"{100 * (ours / row['processing_ms'] - 1):+.1f} %",
            str(len(cycles)),
            f"{parts.own:.0f}",
            f"{parts.mac:.0f}",
            f"{parts.psum_add:.0f}",
            f"{parts.wait_filter:.0f}",
            f"{parts.wait_ifmap:.0f}",
            f"{parts.wait_psum_read + parts.wait_psum_write:.0f}",
        ]
        assert "| " + " | ".join(cells) + " |" in text
    for name, machine in VARIANTS.items():
        errors = errors_pct(machine)
        mean = np.mean(np.abs(list(errors.values())))
        assert "| " + " | ".join([name, *(f"{e:+.1f}" for e in errors.values()), f"{mean:.1f}"]) + " |" in text
