"""The timeline holds every command that takes time, in a track where nothing overlaps it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from accel_sim.engine import Timeline
from accel_sim.program import Machine, Unit
from accel_sim.report.timeline import Recording, chrome_trace


def recording() -> Recording:
    """Two layers on an array and a DMA queue with two commands in flight."""
    machine = Machine(
        units=(Unit(name="array", role="array"), Unit(name="dma", role="dma", depth=2)), semaphores=(), servers=()
    )
    nothing = np.zeros((2, 2), dtype=np.int64)
    timeline = Timeline(
        machine=machine,
        layer_names=("conv1", 'fc "6"'),
        primary_unit=np.array([0, 0]),
        boundary_cycles=np.array([30, 50]),
        busy_cycles=nothing,
        stall_cycles_by_semaphore=np.zeros((2, 0), dtype=np.int64),
        stall_cycles_by_server=np.zeros((2, 2, 0), dtype=np.int64),
        idle_cycles=nothing,
        n_commands=np.array([4, 2]),
        server_quanta=np.zeros((0, 2), dtype=np.int64),
        issue_cycle=(np.array([10, 20, 0, 0]), np.array([30, 25])),
        end_cycle=(np.array([20, 20, 10, 12]), np.array([50, 35])),
    )
    ptrs = (np.array([0, 2, 4]), np.array([0, 1, 2]))
    return Recording(name="net on eyeriss", clock_mhz=200, timeline=timeline, unit_ptrs=ptrs)


def spans(trace: dict[str, Any], pid: int) -> list[tuple[str, str, float, float]]:
    tracks = {
        (event["pid"], event["tid"]): event["args"]["name"]
        for event in trace["traceEvents"]
        if event["name"] == "thread_name"
    }
    return [
        (tracks[event["pid"], event["tid"]], event["name"], event["ts"], event["dur"])
        for event in trace["traceEvents"]
        if event["ph"] == "X" and event["pid"] == pid
    ]


def test_commands_in_microseconds() -> None:
    trace = json.loads(chrome_trace([recording()]))
    assert spans(trace, 1) == [
        ("layers", "conv1", 0.0, 0.15),
        ("layers", 'fc "6"', 0.15, 0.1),
        ("array", "conv1", 0.05, 0.05),
        ("array", 'fc "6"', 0.15, 0.1),
        ("dma 0", "conv1", 0.0, 0.05),
        ("dma 1", "conv1", 0.0, 0.06),
        ("dma 0", 'fc "6"', 0.125, 0.05),
    ]
    exact = [event["args"] for event in trace["traceEvents"] if event["ph"] == "X"]
    assert exact[-1] == {"start_cycle": 25, "cycles": 10}


def test_a_process_a_machine() -> None:
    trace = json.loads(chrome_trace([recording(), recording()]))
    assert spans(trace, 1) == spans(trace, 2)
    names = [event["args"]["name"] for event in trace["traceEvents"] if event["name"] == "process_name"]
    assert names == ["net on eyeriss"] * 2
