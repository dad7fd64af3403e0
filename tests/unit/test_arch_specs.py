"""Specs: what they derive from their values, exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from pydantic import ValidationError

from accel_sim.arch import (
    AdderTree,
    BandwidthDram,
    Buffer,
    DramPreset,
    IdealDram,
    OperandBits,
    RowStationaryMesh,
    load_arch,
    parse_dram_option,
)
from accel_sim.arch.spec import exact
from accel_sim.errors import OptionError


def test_a_decimal_number_is_kept_exactly() -> None:
    assert exact(0.98) == Fraction(98, 100)
    assert exact(1e-7) == Fraction(1, 10**7)
    assert exact(200.0) == 200


def test_eyeriss() -> None:
    arch = load_arch("eyeriss")
    assert (arch.n_pes, arch.clock_hz) == (168, 200_000_000)
    assert isinstance(arch.array, RowStationaryMesh)
    assert arch.buffer_for("psum").name == "glb"
    assert arch.buffer_for("filter").size_bytes == 8192
    assert arch.buffer(role="glb").size_bytes == 25 * 512 * 8
    assert arch.dram_bytes_per_cycle() == Fraction(12, 5)
    assert arch.dram.latency_at(arch.clock_hz) == 7  # 32.5 ns at 200 MHz is 6.5 cycles
    files = {file.tensor: file for file in arch.array.register_files(arch.mac.bits)}
    assert {tensor: (f.n_words, f.cell) for tensor, f in files.items()} == {
        "ifmap": (12, "registers"),
        "filter": (224, "sram"),
        "psum": (24, "registers"),
    }
    assert all(file.n_instances == 168 for file in files.values())


def test_diannao() -> None:
    arch = load_arch("diannao")
    assert (arch.n_pes, arch.array.macs_per_cycle, arch.clock_hz) == (256, 256, 980_000_000)
    assert isinstance(arch.array, AdderTree)
    assert arch.array.register_files(arch.mac.bits) == ()
    assert arch.buffer_for("filter").bytes_per_cycle == 2 * 512
    assert arch.buffer_for("ofmap").name == arch.buffer_for("psum").name == "nbout"
    assert arch.dram_bytes_per_cycle() == Fraction(250 * 10**9, 980 * 10**6)


@pytest.mark.parametrize("name", ["eyeriss", "diannao"])
def test_shipped_machines_say_where_each_value_comes_from(name: str) -> None:
    arch = load_arch(name)
    given = []

    def collect(value: object, path: str) -> None:
        children = list(value.items()) if isinstance(value, dict) else []
        if isinstance(value, tuple) and value and isinstance(value[0], dict):
            children = [(item["name"], item) for item in value]
        if children:
            for key, child in children:
                collect(child, f"{path}.{key}" if path else str(key))
        elif not path.endswith((".name", ".role", ".kind")) and value is not None:
            given.append(path)

    data = arch.model_dump(exclude={"name", "source", "is_not", "provenance", "energy"}, exclude_unset=True)
    collect(data, "")
    told = tuple(arch.provenance)
    missing = [path for path in given if not any(path == key or path.startswith(f"{key}.") for key in told)]
    allowed = {"buffers.filter_buffer.holds", "buffers.nbin.holds", "buffers.sb.holds", "buffers.nbout.holds"}
    assert set(missing) <= allowed | {f"buffers.{b.name}.banks" for b in arch.buffers if b.banks == 1}
    assert arch.source
    assert arch.is_not


def test_no_buffer_for_an_unknown_tensor_or_role() -> None:
    arch = load_arch("diannao")
    with pytest.raises(KeyError, match="no buffer of diannao holds 'index'"):
        arch.buffer_for("index")
    with pytest.raises(KeyError, match="no buffer of role 'glb'"):
        arch.buffer(role="glb")


def test_buffer_sizes() -> None:
    buffer = Buffer(
        name="a", role="glb", size_bytes=4096, width_bits=64, banks=4, holds=("ifmap",), double_buffered=True
    )
    assert (buffer.width_bytes, buffer.bank_bytes, buffer.tile_bytes, buffer.bytes_per_cycle) == (8, 1024, 2048, 32)


def test_specs_are_frozen() -> None:
    with pytest.raises(ValidationError):
        setattr(OperandBits(ifmap=8, filter=8, psum=32), "ifmap", 4)  # noqa: B010


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ideal", IdealDram(kind="ideal")),
        ("bandwidth:25.6", BandwidthDram(kind="bandwidth", gb_per_s=25.6)),
        ("ddr3_1600", DramPreset(kind="preset", preset="ddr3_1600")),
    ],
)
def test_dram_options(text: str, expected: object) -> None:
    assert parse_dram_option(text) == expected


@pytest.mark.parametrize("text", ["", "bandwidth:", "bandwidth:fast", "bandwidth:-1", "bandwidth:nan", "bandwidth:inf",
                                  "bandwdith:3", "DDR 3", "ideal:3"])
def test_dram_options_that_are_none(text: str) -> None:
    with pytest.raises(OptionError, match="--dram"):
        parse_dram_option(text)


def test_bandwidth_is_exact_and_latency_rounds_up() -> None:
    dram = BandwidthDram(kind="bandwidth", gb_per_s=25.6)
    assert dram.bytes_per_cycle(1_000_000_000) == Fraction(128, 5)
    assert dram.latency_at(1_000_000_000) == 33
    assert BandwidthDram(kind="bandwidth", gb_per_s=1, latency_ns=0).latency_at(10**9) == 0
    assert BandwidthDram(kind="bandwidth", gb_per_s=1, latency_cycles=5).latency_at(10**9) == 5
    assert load_arch("eyeriss", {"dram": "ideal"}).dram_bytes_per_cycle() is None
