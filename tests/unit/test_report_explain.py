"""The sentences name what the numbers say: the bound, the distance to it, and the cause of the largest loss."""

from __future__ import annotations

from typing import Any

import pytest

from accel_sim.report.explain import explain


@pytest.fixture
def layer(eyeriss_result: Any) -> Any:
    """The first layer, with numbers that a test changes: 1000 cycles, of which it computes 400."""
    first = eyeriss_result["layers"][0]
    first.update(total_cycles=1000, compute_cycles=400, bounds_cycles={"compute": 100, "dram": 800})
    first.update(n_macs=16_800, n_effectual_macs=16_800, utilization=0.1, active_pes=168, limit="dram")
    first["stall_cycles"] = {"dram:filter": 500, "full:glb": 100}
    return first


def test_network_first(eyeriss_result: Any) -> None:
    paragraphs = explain(eyeriss_result)
    assert len(paragraphs) == 12
    assert paragraphs[0] == (
        "alexnet (batch 4) on eyeriss takes 251.4 ms, 38 % in fc6, 17 % in fc7, 13 % in conv2. It computes 43 % of the "
        "time and waits 38 % for filter from DRAM and 19 % for ifmap from DRAM."
    )


def test_what_bounds_it_and_by_how_much(eyeriss_result: Any, layer: Any) -> None:
    text = explain(eyeriss_result)[1]
    assert "conv1 takes 1,000 cycles" in text
    assert "bound by DRAM: 1.25 times its lower bound by DRAM, which is 8 times that by compute." in text
    assert "It computes 40 % of the time and waits 50 % for filter from DRAM and 10 % for space in glb: " in text
    assert text.endswith("at most 2 times faster.")


def test_bound_reached(eyeriss_result: Any, layer: Any) -> None:
    layer["bounds_cycles"] = {"compute": 0, "dram": 1000}
    assert "bound by DRAM: at its lower bound by DRAM. It" in explain(eyeriss_result)[1]


@pytest.mark.parametrize(
    ("stalls", "advice"),
    [
        ({"dram:filter": 600}, "ofmap is 64 % of its 3,630 kB of DRAM traffic; keeping it on chip"),
        ({"full:glb": 600}, "glb has no space for the next tile; a larger glb or smaller tiles would"),
        ({"port:glb": 600}, "glb serves others meanwhile; a wider or a second one would help"),
        ({"producer": 600}, "its input is still being made"),
        ({"drain": 600}, "it only waits for its last stores"),
        ({"layer_window": 600}, "its commands are admitted late"),
        ({"moon": 600}, "less waiting for moon would help"),
        ({"full:glb": 250, "dram:ifmap": 150, "dram:filter": 200}, "of DRAM traffic; "),
    ],
)
def test_advice_by_cause(eyeriss_result: Any, layer: Any, stalls: dict[str, int], advice: str) -> None:
    layer["stall_cycles"] = stalls
    assert advice in explain(eyeriss_result)[1]


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"active_pes": 84, "utilization": 0.5}, "gives work to 84 of 168 PEs (all of them: at most 2 times"),
        ({"utilization": 0.5}, "PEs with work multiply in 50 % of the cycles"),
        ({"n_effectual_macs": 4_200}, "75 % of its MACs have a zero operand that a machine could skip"),
        ({"utilization": 0.95}, "the PEs are busy, only more of them or fewer MACs make it faster."),
        ({"n_macs": 0}, "more lanes in the vector unit"),
    ],
)
def test_advice_without_stalls(eyeriss_result: Any, layer: Any, changes: dict[str, Any], advice: str) -> None:
    layer.update({"stall_cycles": {"full:glb": 99}, "utilization": 0.95, **changes})
    assert advice in explain(eyeriss_result)[1]


def test_latency_is_told_from_bandwidth(eyeriss_result: Any, layer: Any) -> None:
    layer["bounds_cycles"] = {"compute": 400, "dram": 249}
    assert "it waits for latency; more in flight would hide it" in explain(eyeriss_result)[1]
    layer["bounds_cycles"] = {"compute": 400, "dram": 250}
    assert "of DRAM traffic" in explain(eyeriss_result)[1]


def test_no_time(eyeriss_result: Any, layer: Any) -> None:
    layer["total_cycles"] = 0
    assert explain(eyeriss_result)[1] == "conv1 takes no time."
    eyeriss_result["total"]["total_cycles"] = 0
    assert explain(eyeriss_result)[0].endswith("ms.")


def test_all_time_stalled(eyeriss_result: Any, layer: Any) -> None:
    layer.update(compute_cycles=0, stall_cycles={"dram:filter": 1000})
    assert "at most" not in explain(eyeriss_result)[1].rpartition("kB")[2]


def test_weights_that_are_there_before_the_run(eyeriss_result: Any, layer: Any) -> None:
    layer["preload"] = {"filters_preloaded": True, "needed_bytes": {"sb": 10}, "room_bytes": {"sb": 20}}
    assert explain(eyeriss_result)[0].endswith(". Its weights are on chip before it runs.")
    layer["preload"] = {
        "filters_preloaded": False,
        "needed_bytes": {"sb": 1010, "pointers": 5},
        "room_bytes": {"sb": 20, "pointers": 5},
    }
    assert explain(eyeriss_result)[0].endswith(
        ". Its weights do not fit on the chip together (1,010 bytes in sb of 20), so each layer loads its own."
    )
