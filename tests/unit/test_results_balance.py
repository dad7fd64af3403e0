"""The books: a count or a cycle that is off by one anywhere is found, and the line that does not balance is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from accel_sim.arch import Accelerator, load_arch
from accel_sim.config import Document
from accel_sim.engine import simulate as pipeline
from accel_sim.errors import ConservationError
from accel_sim.program import ActionKey, LayerProgram
from accel_sim.results import NetworkResult
from accel_sim.results.balance import Check, psum_checks, require, transfer_checks
from accel_sim.results.counts import Count, add_counts, memory_accesses
from accel_sim.workload import Network
from accel_sim.workload.reader import network_of

LAYERS = [
    {"name": "conv", "op": "conv2d", "ifmap": [20, 9, 9], "filter": [40, 20, 3, 3], "padding": 1},
    {"name": "pool", "op": "pool", "ifmap": [40, 9, 9], "window": 3, "stride": 2, "inputs": ["conv"]},
]
SPILLING = {"tn": 1, "tp": 4, "tq": 4, "tk": 16, "tc": 8, "order": "cbk"}
"""Channels outermost, so that unfinished psums leave the chip and come back."""


@pytest.fixture(scope="module")
def network() -> Network:
    return network_of(Document.from_data({"name": "two", "layers": LAYERS}))


def simulate(network: Network, arch: Accelerator) -> NetworkResult:
    mapping = {"dataflow": arch.dataflow, "layers": {"conv": SPILLING}} if arch.name == "diannao" else None
    return pipeline.simulate(network, arch, mapping=mapping, steady=False)


def key(level: str, tensor: str, event: str, peer: str = "") -> ActionKey:
    return ActionKey(level, tensor, event, peer)


@pytest.mark.parametrize(
    ("arch", "layer", "action", "line"),
    [
        ("diannao", "conv", key("dram", "ifmap", "read", "nbin"), "words dram->nbin ifmap"),
        ("diannao", "conv", key("nbin", "ifmap", "write", "dram"), "words dram->nbin ifmap"),
        ("diannao", "conv", key("dram", "filter", "read", "sb"), "words dram->sb filter"),
        ("diannao", "conv", key("nbin", "ifmap", "read", "array"), "words nbin->array ifmap"),
        ("diannao", "conv", key("sb", "filter", "read", "array"), "words sb->array filter"),
        ("diannao", "conv", key("nbout", "psum", "write", "array"), "psums nbout"),
        ("diannao", "conv", key("nbout", "psum", "read", "array"), "psums nbout"),
        ("diannao", "conv", key("nbout", "psum", "read", "dram"), "psums nbout"),
        ("diannao", "conv", key("dram", "psum", "write", "nbout"), "psums dram"),
        ("diannao", "conv", key("dram", "psum", "read", "nbout"), "psums dram"),
        ("diannao", "conv", key("nbout", "ofmap", "read", "dram"), "words nbout->dram ofmap"),
        ("diannao", "conv", key("dram", "ofmap", "write", "nbout"), "ofmap words stored"),
        ("diannao", "pool", key("dram", "ofmap", "write", "nbout"), "ofmap words stored"),
        ("diannao", "conv", key("mac", "", "done"), "macs done + gated + skipped"),
        ("diannao", "conv", key("array", "", "mac"), "array macs, command by command"),
        ("eyeriss", "conv", key("rf", "ifmap", "write", "glb"), "words glb->rf ifmap"),
        ("eyeriss", "conv", key("filter_buffer", "filter", "read", "rf"), "words filter_buffer->rf filter"),
        ("eyeriss", "conv", key("glb", "psum", "write", "array"), "psums glb"),
        ("eyeriss", "conv", key("mac", "", "gated"), "macs done + gated + skipped"),
        ("eyeriss", "conv", key("array", "", "mac"), "array macs, command by command"),
    ],
)
@pytest.mark.parametrize("error", [1, -1])
def test_a_word_too_many_or_too_few_is_found(
    monkeypatch: pytest.MonkeyPatch, network: Network, arch: str, layer: str, action: ActionKey, line: str, error: int
) -> None:
    count_actions = pipeline.count_actions

    def miscount(program: LayerProgram) -> dict[ActionKey, Count]:
        counts = count_actions(program)
        if program.name == layer:
            right = counts[action]
            counts[action] = right._replace(words=right.words + error, delivered=right.delivered + error)
        return counts

    monkeypatch.setattr(pipeline, "count_actions", miscount)
    with pytest.raises(ConservationError, match=f"layer '{layer}': ") as caught:
        simulate(network, load_arch(arch))
    assert f"{line}: " in str(caught.value)


def test_traffic_below_the_compulsory_is_found(monkeypatch: pytest.MonkeyPatch, network: Network) -> None:
    count_actions = pipeline.count_actions

    def forget_filters(program: LayerProgram) -> dict[ActionKey, Count]:
        return {
            action: count._replace(n_bytes=0) if action.tensor == "filter" else count
            for action, count in count_actions(program).items()
        }

    monkeypatch.setattr(pipeline, "count_actions", forget_filters)
    with pytest.raises(ConservationError, match="dram bytes >= compulsory traffic"):
        pipeline.simulate(network, load_arch("diannao"), steady=False)


def first_unit(table: Any) -> Any:
    changed = table.copy()
    changed[0, -3] += 1
    return changed


@pytest.mark.parametrize(
    ("column", "change", "line"),
    [
        ("busy_cycles", first_unit, "busy + stall + idle of array"),
        ("idle_cycles", first_unit, "busy + stall + idle of array"),
        ("busy_cycles", first_unit, "compute + stalls = window"),
        ("boundary_cycles", lambda ends: ends // 1000, "cycles >= MACs / peak rate"),
        ("boundary_cycles", lambda ends: ends // 1000, "cycles >= DRAM bytes / bandwidth"),
    ],
)
def test_a_lost_cycle_is_found(
    monkeypatch: pytest.MonkeyPatch, network: Network, column: str, change: Callable[[Any], Any], line: str
) -> None:
    windows = pipeline._windows

    def wrong(timeline: Any) -> Any:
        table = windows(timeline)
        assert [unit.name for unit in table.machine.units][-3] == "array"
        return replace(table, **{column: change(getattr(table, column))})

    monkeypatch.setattr(pipeline, "_windows", wrong)
    with pytest.raises(ConservationError, match="network 'two': ") as caught:
        simulate(network, load_arch("diannao"))
    assert f"{line}: " in str(caught.value)


def test_every_line_that_fails_is_named() -> None:
    checks = [
        Check(name="a", left=1, right=2),
        Check(name="b", left=2, right=2),
        Check(name="c", left=1, right=3, relation=">="),
    ]
    with pytest.raises(ConservationError) as caught:
        require(checks, "layer 'x'")
    assert str(caught.value) == "layer 'x': a: 1 == 2 does not hold; c: 1 >= 3 does not hold"
    require([Check(name="d", left=3, right=3, relation=">=")], "layer 'x'")


def test_initial_psum_reads_have_no_write() -> None:
    counts = {
        key("glb", "psum", "read_initial", "array"): Count(8, 4, 4),
        key("glb", "psum", "write", "array"): Count(16, 8, 8),
        key("glb", "psum", "read", "array"): Count(8, 4, 4),
        key("glb", "ofmap", "read", "dram"): Count(8, 4, 4),
    }
    assert [check.holds for check in psum_checks(counts)] == [True]


def test_multicast_words_arrive_as_often_as_they_are_sent() -> None:
    sent = {key("glb", "ifmap", "read", "rf"): Count(20, 10, 30)}
    for words, holds in ((30, True), (10, False)):
        counts = {**sent, key("rf", "ifmap", "write", "glb"): Count(60, words, words)}
        assert [check.holds for check in transfer_checks(counts)] == [holds]


def test_counts_add_up_by_key() -> None:
    one = {key("dram", "ifmap", "read", "glb"): Count(1, 2, 3)}
    two = {**one, key("mac", "", "done"): Count(0, 5, 5)}
    total = add_counts([one, two])
    assert total == {key("dram", "ifmap", "read", "glb"): Count(2, 4, 6), key("mac", "", "done"): Count(0, 5, 5)}
    assert memory_accesses(total) == {"dram": {"ifmap": {"read_bytes": 2, "write_bytes": 0}}}


def test_the_books_of_a_run_show_its_flows(network: Network) -> None:
    result = simulate(network, load_arch("diannao"))
    lines = result.balance["lines"]
    n_macs = 20 * 40 * 9 * 9 * 9
    assert lines["macs done + gated + skipped"] == {"left": n_macs, "relation": "==", "right": n_macs}
    assert lines["array macs, command by command"] == {"left": n_macs, "relation": "==", "right": n_macs}
    ofmaps = 40 * 9 * 9 + 40 * 4 * 4
    assert lines["ofmap words stored"] == {"left": ofmaps, "relation": "==", "right": ofmaps}
    spilled = 2 * 40 * 9 * 9
    assert lines["psums dram"] == {"left": spilled, "relation": "==", "right": spilled}
    assert result.balance["failed"] == 0
    per_layer = len(result.layers[0].units) + 1
    assert result.balance["checks"] > 2 * per_layer
