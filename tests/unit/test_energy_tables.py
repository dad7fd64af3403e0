"""SRAM and logic costs: exact on the published points, monotone between them, flagged beyond."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.energy.interpolate import along
from accel_sim.energy.logic import adder_cost, mac_cost, register_cost, wire_pj
from accel_sim.energy.sram import sram_cost
from accel_sim.energy.tables import sram_table

POINTS = json.loads((Path(__file__).parents[1] / "validation/data/energy_points.json").read_text())
NODES = (22, 32, 45, 65)


@pytest.mark.parametrize("point", POINTS["sram"])
def test_published_sram_points_come_out_exactly(point: list[float]) -> None:
    node_nm, size_kib, width_bits, *expected = point
    cost = sram_cost(size_kib * 1024, width_bits, node_nm)
    assert list(cost.sram) == expected
    assert cost.outside == ()


def test_every_point_of_the_shipped_table_comes_out_exactly() -> None:
    table = sram_table()
    assert sorted(table.nodes) == list(NODES)
    assert sum(len(grid) for grid in table.nodes.values()) == 32
    for node_nm, grid in table.nodes.items():
        for (size_kib, width_bits), sram in grid.items():
            assert sram_cost(size_kib * 1024, width_bits, node_nm).sram == sram


@given(st.floats(512, 2**20), st.floats(1.0, 4.0), st.sampled_from(NODES))
def test_a_larger_sram_never_costs_less(size_bytes: float, factor: float, node_nm: int) -> None:
    small = sram_cost(size_bytes, 64, node_nm).sram
    large = sram_cost(min(size_bytes * factor, 2**20), 64, node_nm).sram
    for field in ("read_pj", "write_pj", "area_mm2"):
        assert getattr(small, field) <= getattr(large, field) * (1 + 1e-12)


@given(st.floats(512, 2**20), st.floats(22, 65), st.floats(1.0, 2.0))
def test_a_finer_node_never_costs_more_to_read(size_bytes: float, node_nm: float, factor: float) -> None:
    coarse = sram_cost(size_bytes, 64, min(65.0, node_nm * factor)).sram
    assert sram_cost(size_bytes, 64, node_nm).sram.read_pj <= coarse.read_pj * (1 + 1e-12)


@given(st.floats(108 * 1024, 2**20), st.floats(64, 256), st.floats(1.0, 4.0))
def test_between_the_columns_a_wider_row_costs_more(size_bytes: float, width_bits: float, factor: float) -> None:
    narrow = sram_cost(size_bytes, width_bits, 65)
    wide = sram_cost(size_bytes, min(256.0, width_bits * factor), 65)
    assert narrow.outside == wide.outside == ()
    assert narrow.sram.read_pj <= wide.sram.read_pj * (1 + 1e-12)


def test_halfway_between_two_points_is_their_geometric_mean() -> None:
    low, high = sram_cost(2 * 1024, 64, 65).sram, sram_cost(32 * 1024, 64, 65).sram
    middle = sram_cost(8 * 1024, 64, 65).sram
    assert middle.read_pj == pytest.approx((low.read_pj * high.read_pj) ** 0.5, rel=1e-12)


def test_a_wide_shallow_buffer_is_made_of_slices_of_the_table() -> None:
    slice_of_table = sram_cost(512, 64, 65).sram
    cost = sram_cost(32 * 1024, 4096, 65)
    assert cost.sram == pytest.approx(tuple(64 * value for value in slice_of_table))
    assert "64 slices of 0.5 KiB x 64 b" in cost.how
    assert cost.outside == ()


def test_a_large_buffer_wider_than_the_table_is_made_of_its_widest_slices() -> None:
    widest = sram_cost(256 * 1024, 256, 65).sram
    assert sram_cost(1024 * 1024, 1024, 65).sram == pytest.approx(tuple(4 * value for value in widest))


@pytest.mark.parametrize(
    ("size_kib", "width_bits", "node_nm", "reason"),
    [
        (0.25, 64, 65, "0.25 KiB is outside 0.5 to 1024 KiB"),
        (2048, 64, 65, "2048 KiB is outside"),
        (0.5, 8, 65, "8 b is narrower than 16 b"),
        (4, 32, 65, "known at 0.5 KiB only"),
        (4, 64, 7, "7 nm is outside 22 to 65 nm"),
        (4, 64, 90, "90 nm is outside 22 to 65 nm"),
        (1, 4096, 65, "0.015625 KiB is outside"),
    ],
)
def test_beyond_the_table_a_cost_says_so(size_kib: float, width_bits: int, node_nm: float, reason: str) -> None:
    cost = sram_cost(size_kib * 1024, width_bits, node_nm)
    assert any(reason in text for text in cost.outside)
    assert min(cost.sram.read_pj, cost.sram.write_pj, cost.sram.area_mm2) > 0


def test_beyond_the_ends_the_outermost_law_goes_on() -> None:
    half, two = sram_cost(512, 64, 65).sram, sram_cost(2048, 64, 65).sram
    beyond = sram_cost(128, 64, 65).sram
    assert beyond.read_pj == pytest.approx(half.read_pj**2 / two.read_pj)


@pytest.mark.parametrize(("node_nm", "multiply_pj", "add_pj"), POINTS["logic_8b"])
def test_multiplier_and_adder_match_the_published_8_bit_energies(
    node_nm: float, multiply_pj: float, add_pj: float
) -> None:
    assert adder_cost(8, node_nm).pj == pytest.approx(add_pj, rel=0.01)
    assert mac_cost(8, 8, 8, node_nm).pj == pytest.approx(multiply_pj + add_pj, rel=0.005)


def test_a_multiplier_scales_with_the_product_of_its_widths() -> None:
    def multiplier_pj(a: int, b: int) -> float:
        return mac_cost(a, b, 16, 40).pj - adder_cost(16, 40).pj

    assert multiplier_pj(32, 32) == pytest.approx(12.68)
    assert multiplier_pj(16, 8) == pytest.approx(12.68 / 8)
    assert multiplier_pj(16, 8) == multiplier_pj(8, 16)


def test_registers_and_wires() -> None:
    assert register_cost(16, 40).pj == pytest.approx(16 * 0.009)
    assert register_cost(16, 40).area_mm2 == pytest.approx(16 * 5.98e-6)
    assert wire_pj(256, 10) == pytest.approx(310)
    assert register_cost(16, 5).outside == ("5 nm is outside 7 to 65 nm",)


def test_points_with_a_zero_are_joined_by_a_straight_line() -> None:
    assert along(1.5, [(1, 0.0), (2, 4.0)]) == pytest.approx(2.0)
    assert along(0.5, [(1, 0.0), (2, 4.0)]) == 0.0
    assert along(3.0, [(2, 5.0)]) == 5.0
