"""Changing values of an architecture by dotted path."""

from __future__ import annotations

from typing import Any

import pytest

from accel_sim.arch import AdderTree, IdealDram, load_arch
from accel_sim.errors import ArchError


@pytest.mark.parametrize(
    ("path", "value", "read"),
    [
        ("array.rows", "32", lambda arch: (arch.array.rows, 32)),
        ("array.rows", 32, lambda arch: (arch.array.rows, 32)),
        ("clock_mhz", "500", lambda arch: (arch.clock_hz, 500_000_000)),
        ("buffers.glb.size_bytes", "200 KiB", lambda arch: (arch.buffer_for("psum").size_bytes, 204_800)),
        ("buffers[1].ports", "2", lambda arch: (arch.buffer_for("filter").ports, 2)),
        ("buffers.1.ports", "2", lambda arch: (arch.buffer_for("filter").ports, 2)),
        ("dram", "ideal", lambda arch: (arch.dram, IdealDram(kind="ideal"))),
        ("dram.gb_per_s", "1.5", lambda arch: (arch.dram.gb_per_s, 1.5)),
        ("mac.sparsity", "none", lambda arch: (arch.mac.sparsity, "none")),
        ("buffers.glb.holds", "[psum, ifmap, ofmap]", lambda arch: (arch.buffers[0].holds[0], "psum")),
        ("energy.mac.done_pj", "1.5", lambda arch: (arch.energy.constants["mac.done_pj"], 1.5)),
        ("energy.mode", "relative", lambda arch: (arch.energy.mode, "relative")),
    ],
)
def test_a_set_value_arrives(path: str, value: Any, read: Any) -> None:
    got, expected = read(load_arch("eyeriss", {path: value}))
    assert got == expected


def test_sets_do_not_change_the_original() -> None:
    arch = load_arch("eyeriss")
    assert arch.with_set({"array.rows": 3}).n_pes == 42
    assert arch.n_pes == 168
    assert arch.with_set({}) == arch == load_arch("eyeriss")


def test_a_set_value_says_that_the_user_set_it() -> None:
    arch = load_arch("eyeriss", {"dram": "bandwidth:12.8", "buffers[0].banks": 5})
    assert arch.provenance["dram"] == arch.provenance["buffers.glb.banks"] == "set: by the user"
    assert "dram.gb_per_s" not in arch.provenance
    assert arch.provenance["array.rows"].startswith("found")


def test_constants_may_be_nested_or_dotted(tmp_path: Any) -> None:
    source = load_arch("eyeriss")
    nested = source.with_set({"energy": {"glb": {"read_pj": 1, "write_pj": 2}, "clock_mw": 3}})
    dotted = source.with_set({"energy": {"glb.read_pj": 1, "glb.write_pj": 2, "clock_mw": 3}})
    assert nested.energy.constants == dotted.energy.constants
    assert nested.with_set({"energy.glb.read_pj": 7}).energy.constants["glb.read_pj"] == 7


def test_another_array_can_be_set_as_a_whole() -> None:
    arch = load_arch(
        "eyeriss",
        {"array": "{organisation: adder_tree, tn: 8, ti: 8, pipeline_stages: 5}", "dataflow": "no_local_reuse"},
    )
    assert isinstance(arch.array, AdderTree)
    assert arch.n_pes == 64


def test_a_changed_energy_mode_leaves_the_old_constants_behind() -> None:
    """Eyeriss's clock is in mW, which the relative mode has no use for; fractions stay."""
    eyeriss = load_arch("eyeriss", {"energy.mac.gated_fraction": 0.1})
    assert "clock_mw" in eyeriss.energy.constants
    assert eyeriss.with_set({"energy.mode": "relative"}).energy.constants == {"mac.gated_fraction": 0.1}
    assert eyeriss.with_set({"energy.mode": "absolute"}).energy.constants == eyeriss.energy.constants
    with pytest.raises(ArchError, match="has no effect with energy.mode 'relative'"):
        eyeriss.with_set({"energy.mode": "relative", "energy.clock_mw": 3})
