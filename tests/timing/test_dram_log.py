"""The command log of every preset over every stream keeps the data sheet; each demand is felt when tightened by one."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.arch.dram_device import PRESETS, load_dram_preset
from accel_sim.config import shipped_names
from accel_sim.engine.dram import command_log
from tests.reference.dram_jedec import demands
from tests.reference.dram_log_checker import violations
from tests.reference.dram_plain import changed, plain
from tests.reference.dram_streams import random_addresses, random_numbers, streams

DDR4 = load_dram_preset("ddr4_2400")


@pytest.mark.parametrize("name", shipped_names(PRESETS))
def test_no_violation_in_any_stream(name):
    device = load_dram_preset(name)
    for stream in streams():
        addresses = stream.addresses % device.capacity_bytes
        log = command_log(device, addresses, stream.is_write, dependent=stream.dependent)
        assert violations(plain(device), log) == {}, stream.name


@pytest.fixture(scope="module")
def logs():
    """Logs of devices made so that each demand decides somewhere: what another demand usually hides is made long."""
    two_ranks = {"ranks": 2}
    often = {"tRFC": 60, "tREFI": 400}
    devices = [
        changed(DDR4, timing_clocks=often),
        changed(DDR4, structure=two_ranks, timing_clocks={**often, "tPPD": 5}, address_mapping="rochbabgcora"),
        changed(DDR4, structure=two_ranks, timing_clocks={"tRTP": 30, "tRC": 60}),
        changed(DDR4, structure=two_ranks, timing_clocks={"CWL": 17}, address_mapping="rochbabgcora"),
        changed(DDR4, policy={"page": "closed"}, timing_clocks=often),
        changed(DDR4, policy={"page": "closed"}, timing_clocks={**often, "tRTP": 45}),
        changed(DDR4, timing_clocks={**often, "tRC": 90}),
        changed(load_dram_preset("lpddr4_3200"), timing_clocks={"tPPD": 20}),
        load_dram_preset("ddr4_2400_bg_interleaved"),
    ]
    found = []
    for device in devices:
        for span_bytes, write_of in ((1 << 16, 2), (1 << 20, 3), (1 << 28, 5)):
            addresses = random_addresses(1500, 21, span_bytes)
            is_write = (random_numbers(1500, 22) % np.uint64(write_of) == 0).astype(np.uint8)
            found.append((device, command_log(device, addresses, is_write)))
    return found


NAMES = [demand.name for demand in demands(plain(DDR4))] + ["tFAW"]


@pytest.mark.parametrize("name", NAMES)
def test_a_demand_that_is_tightened_by_one_is_violated(logs, name):
    """So the controller never waits longer than it must, and the checker sees every demand."""
    for device, log in logs:
        assert violations(plain(device), log) == {}
        if name in violations(plain(device, **{name: 1}), log):
            return
    pytest.fail(f"no log comes close to {name}")


def test_the_checker_sees_state_bus_and_refresh():
    """What is no distance between two commands: a log with one line moved, dropped or doubled."""
    device = changed(DDR4, timing_clocks={"tRFC": 60, "tREFI": 400})
    log = command_log(device, random_addresses(400, 3, 1 << 20), np.zeros(400, np.uint8))
    memory = plain(device)
    reads, refreshes, opened = (np.flatnonzero(log[:, 1] == command) for command in (2, 4, 0))
    assert "state" in violations(memory, np.delete(log, opened[3], axis=0))
    assert "refresh" in violations(memory, np.delete(log, refreshes[0], axis=0))
    doubled = np.insert(log, reads[5], log[reads[5]], axis=0)
    assert {"command bus", "data bus"} <= set(violations(memory, doubled))
    other_row = log.copy()
    other_row[reads[7], 4] += 1
    assert set(violations(memory, other_row)) == {"state"}
