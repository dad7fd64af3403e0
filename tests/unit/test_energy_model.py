"""The energy model: prices of actions, sums by component, overrides, modes, area."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import NamedTuple

import pytest

from accel_sim.arch import Accelerator, load_arch
from accel_sim.arch.energy_constants import RELATIVE, absolute_names, any_mode_names
from accel_sim.energy import EnergyModel
from accel_sim.program import ActionKey

POINTS = json.loads((Path(__file__).parents[1] / "validation/data/energy_points.json").read_text())


class Count(NamedTuple):
    n_bytes: int
    words: int


@pytest.fixture(scope="module")
def eyeriss() -> Accelerator:
    return load_arch("eyeriss")


@pytest.fixture(scope="module")
def diannao() -> Accelerator:
    return load_arch("diannao")


def test_components_stand_in_a_fixed_order(eyeriss: Accelerator) -> None:
    model = EnergyModel(eyeriss)
    order = ("mac", "rf", "noc", "glb", "filter_buffer", "vector", "codec", "clock", "leakage", "dram")
    assert model.components == order
    assert tuple(model.energy_pj({}, 0.0)) == order


def test_an_sram_counts_started_rows_of_its_width(diannao: Accelerator) -> None:
    model = EnergyModel(diannao)
    key = ActionKey("nbin", "ifmap", "read", "mac")
    price = model.price(key)
    assert (price.per, price.access_bits) == ("access", 256)
    assert [price.units(n_bytes, 0) for n_bytes in (0, 1, 32, 33)] == [0, 1, 1, 2]
    assert model.energy_pj({key: Count(33, 17)}, 0.0)["nbin"] == pytest.approx(2 * 4 * 2.6722)


def test_banks_cost_one_bank_and_the_way_to_it(eyeriss: Accelerator) -> None:
    whole = EnergyModel(eyeriss)
    one_bank = EnergyModel(eyeriss.with_set({"buffers.glb.banks": 1, "buffers.glb.size_bytes": "4 KiB"}))
    glb_read = ActionKey("glb", "psum", "read", "rf")
    way_mm = whole.areas_mm2()["glb"] ** 0.5
    assert whole.price(glb_read).pj - one_bank.price(glb_read).pj == pytest.approx(64 * way_mm * 310 / 2560)
    assert whole.areas_mm2()["glb"] == pytest.approx(25 * one_bank.areas_mm2()["glb"])


def test_mac_events(eyeriss: Accelerator) -> None:
    model = EnergyModel(eyeriss)
    done, gated, skipped = (model.price(ActionKey("mac", "", event)) for event in ("done", "gated", "skipped"))
    assert done.pj == pytest.approx((12.68 / 4 + 0.21 / 2) * 1.132 / 0.7925)
    assert gated.pj == skipped.pj == 0
    cheaper = EnergyModel(eyeriss.with_set({"energy.mac.gated_fraction": 0.2}))
    assert cheaper.price(ActionKey("mac", "", "gated")).pj == pytest.approx(0.2 * done.pj)
    assert cheaper.price(ActionKey("mac", "", "gated")).overridden


def test_register_files_are_priced_by_what_they_are_built_from(eyeriss: Accelerator) -> None:
    model = EnergyModel(eyeriss)
    psum, filter_ = (model.price(ActionKey("rf", tensor, "read")) for tensor in ("psum", "filter"))
    assert psum.pj == pytest.approx(16 * 0.009 * 1.132 / 0.7925)
    assert not psum.extrapolated
    assert 0.9 * 1.1774 < filter_.pj < 1.1774
    assert filter_.extrapolated
    assert model.price(ActionKey("rf", "psum", "read_initial")) == psum
    (warning,) = model.warnings()
    assert "0.4375 KiB is outside" in warning
    assert "energy.rf.filter.read_pj" in warning


@pytest.mark.parametrize(
    ("dram", "pj_per_byte", "extrapolated"),
    [
        ("ideal", 160, False),
        ("bandwidth:25.6", 160, False),
        ("ddr3_1600", 8 * 17.5799, False),
        ("hbm2", 8 * 1.9694, False),
        ("gddr6_16000", 160, True),
    ],
)
def test_dram_is_priced_by_kind(eyeriss: Accelerator, dram: str, pj_per_byte: float, extrapolated: bool) -> None:
    price = EnergyModel(eyeriss.with_set({"dram": dram})).price(ActionKey("dram", "ifmap", "read"))
    assert price.pj == pytest.approx(pj_per_byte)
    assert (price.per, price.extrapolated) == ("byte", extrapolated)


def test_energy_of_a_controller_replaces_the_price_per_byte(eyeriss: Accelerator) -> None:
    counts = {ActionKey("dram", "ifmap", "read"): Count(1000, 500)}
    model = EnergyModel(eyeriss)
    assert model.energy_pj(counts, 0.0)["dram"] == 160_000
    assert model.energy_pj(counts, 0.0, dram_pj=7.0)["dram"] == 7.0


def test_clock_and_leakage_grow_with_time(eyeriss: Accelerator) -> None:
    model = EnergyModel(eyeriss.with_set({"energy.clock_mw": 30, "energy.leakage.logic_mw": 2}))
    energy = model.energy_pj({}, 1e-3)
    assert energy["clock"] == pytest.approx(30e6)
    assert energy["leakage"] == pytest.approx((2 + EnergyModel(eyeriss).leakage_mw()) * 1e6)
    assert EnergyModel(eyeriss).energy_pj({}, 1e-3)["clock"] == pytest.approx(211e6)
    assert EnergyModel(load_arch("diannao")).energy_pj({}, 1e-3)["clock"] == 0


def test_sums_do_not_depend_on_the_order_of_the_counts(eyeriss: Accelerator) -> None:
    model = EnergyModel(eyeriss)
    rng = random.Random(7)
    items = [
        (ActionKey(level, tensor, event, peer), Count(rng.randrange(10**12), rng.randrange(10**12)))
        for level in ("glb", "dram", "rf")
        for tensor in ("ifmap", "filter", "psum")
        for event in ("read", "write")
        for peer in ("a", "b")
    ]
    expected = model.energy_pj(dict(items), 0.1)
    for _ in range(20):
        rng.shuffle(items)
        assert model.energy_pj(dict(items), 0.1) == expected


@pytest.mark.parametrize("arch", ["eyeriss", "diannao"])
def test_every_constant_can_be_overridden_and_no_other(arch: str) -> None:
    machine = load_arch(arch)
    register_files = machine.array.register_files(machine.mac.bits)
    absolute = absolute_names(machine.buffers, register_files)
    any_mode = any_mode_names(machine.buffers, register_files)
    assert {c.name for c in EnergyModel(machine).constants()} == {*absolute, *any_mode}
    relative = machine.with_set({"energy.mode": "relative"})
    assert {c.name for c in EnergyModel(relative).constants()} == {*RELATIVE, *any_mode}
    sets = {f"energy.{name}": 3.5 for name in (*absolute, *any_mode)}
    for constant in EnergyModel(machine.with_set(sets)).constants():
        assert (constant.value, constant.overridden, constant.outside) == (3.5, True, ())
        assert f"energy.{constant.name}" in constant.source


def test_an_override_reaches_price_table_and_energy(eyeriss: Accelerator) -> None:
    model = EnergyModel(eyeriss.with_set({"energy.glb.read_pj": 20}))
    key = ActionKey("glb", "psum", "read", "rf")
    assert (model.price(key).pj, model.price(key).overridden) == (20, True)
    assert not model.price(ActionKey("glb", "psum", "write", "rf")).overridden
    assert model.energy_pj({key: Count(16, 8)}, 0.0)["glb"] == 40
    (row,) = [row for row in model.table() if (row.component, row.event) == ("glb", "read_pj")]
    assert row.value == 20
    assert row.source == "architecture eyeriss, key energy.glb.read_pj"


def test_relative_mode_uses_the_eyeriss_ratios(eyeriss: Accelerator) -> None:
    model = EnergyModel(eyeriss.with_set({"energy.mode": "relative"}))
    counts = {
        ActionKey("mac", "", "done"): Count(0, 10),
        ActionKey("mac", "", "gated"): Count(0, 10),
        ActionKey("rf", "ifmap", "read"): Count(20, 10),
        ActionKey("noc", "ifmap", "op"): Count(20, 10),
        ActionKey("glb", "ifmap", "read", "rf"): Count(20, 10),
        ActionKey("codec", "ifmap", "op"): Count(20, 10),
        ActionKey("dram", "ifmap", "read", "glb"): Count(20, 10),
    }
    energy = model.energy_pj(counts, 1.0)
    assert model.is_relative
    assert energy == {
        "mac": 10,
        "rf": 10,
        "noc": 20,
        "glb": 60,
        "filter_buffer": 0,
        "vector": 0,
        "codec": 0,
        "clock": 0,
        "leakage": 0,
        "dram": 2000,
    }


@pytest.mark.parametrize(
    "key",
    [
        ActionKey("l2", "ifmap", "read"),
        ActionKey("glb", "ifmap", "op"),
        ActionKey("mac", "", "read"),
        ActionKey("noc", "", "op"),
    ],
)
def test_actions_that_the_machine_cannot_do_are_refused(eyeriss: Accelerator, key: ActionKey) -> None:
    with pytest.raises(KeyError):
        EnergyModel(eyeriss).price(key)


def test_a_machine_without_register_files_has_no_price_for_them(diannao: Accelerator) -> None:
    with pytest.raises(KeyError, match=r"diannao has no rf\.psum\.read"):
        EnergyModel(diannao).price(ActionKey("rf", "psum", "read"))


def test_noc_price_follows_the_words_width_and_the_pitch_of_a_pe(eyeriss: Accelerator) -> None:
    wide = eyeriss.with_set({"mac.bits.psum": 32})
    model = EnergyModel(wide)
    psum, ifmap = (model.price(ActionKey("noc", tensor, "op")).pj for tensor in ("psum", "ifmap"))
    assert psum == pytest.approx(2 * ifmap)
    areas = model.areas_mm2()
    pitch_mm = ((areas["mac"] + areas["rf"]) / 168) ** 0.5
    assert ifmap == pytest.approx(16 * pitch_mm * 310 / 2560)


def test_area_counts_what_it_says(diannao: Accelerator) -> None:
    model = EnergyModel(diannao)
    areas = model.areas_mm2()
    assert tuple(areas) == ("mac", "nbin", "sb", "nbout", "vector")
    assert areas["mac"] == pytest.approx(256 * (6350 / 4 + 278 / 2) * 1e-6 * (65 / 40) ** 2)
    assert areas["sb"] == pytest.approx(64 * 0.00447)
    assert model.area_mm2() == pytest.approx(sum(areas.values()))


def test_diannaos_area_is_within_a_factor_of_two_of_the_layout(diannao: Accelerator) -> None:
    # ours leaves out control, DMA, wiring and the second ports of the buffers, so it must come out smaller
    ratio = EnergyModel(diannao).area_mm2() / POINTS["diannao_area_mm2"]
    assert 0.5 < ratio < 1
