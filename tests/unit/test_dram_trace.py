"""Trace files and clock domains: what is read, what is refused, what comes out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.arch.dram_device import load_dram_preset
from accel_sim.engine.dram import run_dram_trace
from accel_sim.engine.dram_trace import read_dram_trace
from accel_sim.errors import ArchError, TraceError
from accel_sim.kernels.dram.domains import clock_ratio, to_core_cycle, to_dram_clock

GIB = 1 << 30


def trace(tmp_path, content):
    path = tmp_path / "trace.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        "address,is_write\n0,0\n64,1\n0x80,0\n",
        "0,0\n64,1\n128,0",
        "\ufeffAddress, is_write\r\n 0 , 0\r\n\r\n0X40,1\r\n128,0\r\n",
    ],
)
def test_what_is_read(tmp_path, content):
    addresses, is_write = read_dram_trace(trace(tmp_path, content), GIB)
    assert (addresses.tolist(), is_write.tolist()) == ([0, 64, 128], [0, 1, 0])
    assert (addresses.dtype, is_write.dtype) == (np.int64, np.uint8)


@pytest.mark.parametrize(
    ("content", "line", "column", "message"),
    [
        ("", 0, 0, "holds no request; allowed: lines of address,is_write"),
        ("address,is_write\n", 0, 0, "holds no request"),
        ("0,0\n64\n", 2, 1, "found 1 fields; allowed: address,is_write"),
        ("0,0,0\n", 1, 1, "found 3 fields"),
        ("0,0\n-64,0\n", 2, 1, "found the address '-64'; allowed: a whole number of bytes, decimal or with 0x"),
        ("1e3,0\n", 1, 1, "found the address '1e3'"),
        ("0x,0\n", 1, 1, "found the address '0x'"),
        ("64,2\n", 1, 4, "found is_write '2'; allowed: 0 for a read, 1 for a write"),
        ("64,w\n", 1, 4, "found is_write 'w'"),
        (f"{GIB},0\n", 1, 1, f"found the address {GIB}; the memory ends at {GIB} bytes"),
        ("0x100000000000000000000,0\n", 1, 1, "the memory ends at"),
        (b"\xff\xfe0,0\n", 0, 0, "is not text"),
    ],
)
def test_what_is_refused(tmp_path, content, line, column, message):
    path = trace(tmp_path, content)
    with pytest.raises(TraceError) as caught:
        read_dram_trace(path, GIB)
    (fault,) = caught.value.faults
    assert (fault.file, fault.line, fault.column) == (str(path), line, column)
    assert message in fault.message


def test_many_faults_are_cut_short(tmp_path):
    with pytest.raises(TraceError) as caught:
        read_dram_trace(trace(tmp_path, "x,0\n" * 50), GIB)
    assert len(caught.value.faults) == 21
    assert str(caught.value.faults[-1]).endswith("and 30 more lines like these")


@pytest.mark.parametrize(("name", "message"), [("missing.csv", "no such file"), (".", "is a folder")])
def test_no_file(tmp_path, name, message):
    with pytest.raises(TraceError, match=message):
        read_dram_trace(tmp_path / name, GIB)


def test_the_result_of_a_trace_file(tmp_path):
    """A read of a closed bank by hand: accepted at 0, row opened at 2, read at 2 + 17, data from 19 + 17 to + 4."""
    result = run_dram_trace("ddr4_2400", trace(tmp_path, "0,0\n"))
    counted = {"n_requests": 1, "cycles": 40, "row_hits": 0, "row_misses": 1, "row_conflicts": 0, "activates": 1}
    assert {key: result[key] for key in counted} == counted
    assert result["refreshes"] == 0
    assert result["bandwidth_fraction"] == 4 / 40
    # 8 devices at 1.2 V, 0.83 ns: one row, one read, 38 clocks with the row open and 2 before it
    scale = 1.2 * 8 * 0.83
    expected = scale * ((48 * 56 - 43 * 39 - 34 * 17) + (135 - 43) * 4 + 43 * 38 + 34 * 2)
    assert result["energy_pj"] == pytest.approx(expected, rel=1e-12)
    assert result["energy_pj"] == pytest.approx(sum(result["energy_by_component_pj"].values()))
    assert result["idd_set"] == load_dram_preset("ddr4_2400").power.idd_set


def test_dependent_requests_wait(tmp_path):
    """The second read of the row is given when the first is answered, at 40: moved at 41, read at 42."""
    path = trace(tmp_path, "0,0\n64,0\n")
    assert run_dram_trace("ddr4_2400", path, dependent=True)["cycles"] == 42 + 17 + 4
    assert run_dram_trace("ddr4_2400", path)["cycles"] == 19 + 6 + 17 + 4


def test_writes_left_in_the_buffer_are_flushed(tmp_path):
    result = run_dram_trace("ddr4_2400", trace(tmp_path, "0,1\n"))
    assert (result["n_writes"], result["cycles"]) == (1, 2 + 17 + 12 + 4)


def test_faults_of_preset_and_trace_are_told_apart(tmp_path):
    with pytest.raises(ArchError):
        run_dram_trace("ddr9", trace(tmp_path, "0,0\n"))
    with pytest.raises(TraceError):
        run_dram_trace("ddr4_2400", tmp_path / "none.csv")


@pytest.mark.parametrize(("mhz", "ps", "ratio"), [(200, 1250, (4, 1)), (500, 830, (200, 83)), (1000, 625, (8, 5))])
def test_clock_ratio(mhz, ps, ratio):
    assert clock_ratio(mhz * 10**6, ps) == ratio


def test_a_clock_without_a_usable_ratio():
    with pytest.raises(ValueError, match="round the core clock"):
        clock_ratio(4_999_999_999, 769)


@settings(deadline=None)
@given(st.integers(1, 5000), st.sampled_from([570, 625, 769, 830, 1000, 1250]), st.integers(0, 1 << 40))
def test_no_drift_and_no_answer_before_its_question(mhz, ps, time):
    num, den = clock_ratio(mhz * 10**6, ps)
    clock, cycle = int(to_dram_clock(time, num, den)), int(to_core_cycle(time, num, den))
    assert clock == -(-time * num // den)
    assert cycle == -(-time * den // num)
    assert to_dram_clock(cycle, num, den) >= time
    assert to_core_cycle(clock, num, den) >= time
