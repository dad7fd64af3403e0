"""The DRAM controller against an independent cycle-level simulator: the same counts, and energy within 2 %."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from accel_sim.arch.dram_device import load_dram_preset
from accel_sim.engine.dram import simulate_requests
from tests.reference.dram_streams import streams

REFERENCE = json.loads((Path(__file__).parent / "data" / "dram_reference.json").read_text())
COUNTED = REFERENCE["columns"][:-1]
STREAMS = {stream.name: stream for stream in streams()}


def test_the_streams_are_those_of_the_reference():
    assert {name: STREAMS[name].sha256 for name in REFERENCE["sha256"]} == REFERENCE["sha256"]


@pytest.mark.parametrize("preset", REFERENCE["figures"])
def test_same_counts_and_energy(preset):
    device = load_dram_preset(preset)
    for name, figures in REFERENCE["figures"][preset].items():
        stream = STREAMS[name]
        counts = simulate_requests(device, stream.addresses, stream.is_write, dependent=stream.dependent)
        ours = [counts.clocks if column == "cycles" else getattr(counts, column) for column in COUNTED]
        assert dict(zip(COUNTED, ours, strict=True)) == dict(zip(COUNTED, figures[:-1], strict=True)), name
        pj_per_bit = counts.energy_pj(device)["total"] / (512 * len(stream.addresses))
        assert pj_per_bit == pytest.approx(figures[-1], rel=0.02), name
