"""DRAM presets: they load, add up, and refuse what contradicts itself with one line a fault."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.arch.dram_device import PRESETS, load_dram_preset
from accel_sim.config import resolve_shipped, shipped_names
from accel_sim.engine.dram import simulate_requests
from accel_sim.errors import ArchError

# GB/s of all channels, bytes: from data rate, width and density alone
EXPECTED = {
    "ddr3_1600": (12.8, 4 << 30),
    "ddr4_2400": (19.28, 8 << 30),  # 0.83 ns
    "ddr4_2400_bg_interleaved": (19.28, 8 << 30),
    "lpddr3_1600": (12.8, 2 << 30),
    "lpddr4_3200": (12.8, 2 << 30),
    "hbm2": (32.0, 1 << 30),
    "hbm2_bg_interleaved": (32.0, 1 << 30),
    "ddr5_3200": (25.6, 16 << 30),
    "lpddr5_6400": (25.6, 2 << 30),
    "hbm3_5200": (665.8, 16 << 30),
    "gddr6_14000": (224.6, 4 << 30),
}


def test_every_preset_is_expected():
    assert shipped_names(PRESETS) == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_peak_rate_and_capacity(name):
    device = load_dram_preset(name)
    gb_per_s, capacity_bytes = EXPECTED[name]
    assert device.name == name
    assert device.capacity_bytes == capacity_bytes
    assert device.peak_gb_per_s == pytest.approx(gb_per_s, rel=1e-3)
    assert all(energy_pj > 0 for energy_pj in device.command_energies_pj.values())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_long_sequential_read_comes_near_the_peak(name):
    """No preset is throttled by a slip in its numbers: sequential reads use most of the bus."""
    device = load_dram_preset(name)
    n = 4096 * device.structure.channels
    counts = simulate_requests(device, np.arange(n, dtype=np.int64) * 64, np.zeros(n, np.uint8))
    assert 0.7 < counts.bandwidth_fraction(device) < 1.0
    assert counts.reads == n


def preset(tmp_path, old, new):
    text = resolve_shipped(PRESETS, "ddr4_2400").read_text()
    assert old in text
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(old, new))
    return path


# a line of the shipped file, what it becomes, the fault
FAULTS = [
    ("tRC: 56", "tRC: 55", "timing_clocks.tRC: found 55; a row cycle takes at least tRAS + tRP = 56"),
    ("tRAS: 39", "tRAS: 16", "timing_clocks.tRAS: found 16; a row is open at least until its first access, tRCD = 17"),
    ("tCCD_L: 6", "tCCD_L: 3", "timing_clocks.tCCD_L: found 3; within a bank group at least tCCD_S = 4"),
    ("tREFI: 9360", "tREFI: 430", "timing_clocks.tREFI: found 430; between two refreshes of tRFC = 420 no time"),
    ("CWL: 12", "CWL: 22", "timing_clocks.CWL: found 22; a write would start before the read it follows"),
    ("rows: 65536", "rows: 65000", "structure.rows: found 65000; allowed: a power of two, because the address is cut"),
    ("burst_length: 8", "burst_length: 4", "structure.burst_length: 4 transfers of 64 bits are 32 bytes; allowed: 64"),
    ("bank_groups: 4", "bank_groups: 64", "structure.bank_groups: allowed: at most 64 banks in 32 groups"),
    ("rochrababgco", "rochrabaxxco", "address_mapping: unknown field 'xx'; allowed: ch, ra, bg, ba, ro, co"),
    ("rochrababgco", "rochrabgbgco", "address_mapping: the field 'bg' is there 2 times; allowed: once"),
    ("rochrababgco", "rochrabgco", "address_mapping: the field 'ba' is missing; allowed: each of"),
    ("IDD4R: 135", "IDD4R: 35", "power.idd_ma: found currents that give read an energy below zero"),
    ("tWR: 18", "tWR: 18.5", "timing_clocks.tWR: found 18.5; allowed: a whole number"),
    ("  tWR: 18", "  tWT: 18", "timing_clocks.tWT: unknown key 'tWT'; did you mean"),
    ("clock_ps: 830", "clock_ps: 0", "clock_ps: found 0; allowed: greater than 0"),
]


@pytest.mark.parametrize(("old", "new", "message"), FAULTS, ids=[new.strip() for _, new, _ in FAULTS])
def test_a_contradiction_is_one_line_with_its_place(tmp_path, old, new, message):
    path = preset(tmp_path, old, new)
    with pytest.raises(ArchError) as caught:
        load_dram_preset(path)
    (line,) = (str(fault) for fault in caught.value.faults if message in str(fault))
    key = "idd_ma:" if "idd_ma" in message else new
    number = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if key in text)
    assert line.startswith(f"{path}:{number}:")


def test_all_faults_of_a_file_at_once(tmp_path):
    path = preset(tmp_path, "tRC: 56", "tRC: 50")
    text = path.read_text().replace("tRRD_L: 6", "tRRD_L: 2")
    path.write_text(text.replace("banks_per_group: 4", "banks_per_group: 5"))
    with pytest.raises(ArchError) as caught:
        load_dram_preset(path)
    assert {fault.key for fault in caught.value.faults} == {
        "structure.banks_per_group", "timing_clocks.tRC", "timing_clocks.tRRD_L"}  # fmt: skip


def test_an_unknown_name_lists_the_shipped_ones():
    with pytest.raises(ArchError, match="did you mean 'ddr4_2400'"):
        load_dram_preset("ddr4_2401")
