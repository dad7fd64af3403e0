"""A recorded run as a timeline for Perfetto (ui.perfetto.dev) or chrome://tracing.

The format is the Trace Event Format of Chrome ("X" events, times in microseconds).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from accel_sim.engine import Timeline
    from accel_sim.program.layer_program import I64

_LAYERS_TRACK = "layers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A run with its recorded commands.

    Parameters
    ----------
    name
        The machine, as the timeline shows it.
    clock_mhz
        Core clock.
    timeline
        From an engine, recorded.
    unit_ptrs
        One int64 [U + 1] a layer: where each unit's commands begin in the recorded arrays.
    """

    name: str
    clock_mhz: float
    timeline: Timeline
    unit_ptrs: tuple[I64, ...]


def chrome_trace(recordings: Sequence[Recording]) -> str:
    """Return a trace: a process a machine, in it a track of the layers' windows and the tracks of each unit.

    A unit of depth d has d tracks, for its commands overlap. Commands that take no time are left out.
    """
    events = (event for pid, recording in enumerate(recordings, 1) for event in _events(recording, pid))
    return '{"displayTimeUnit": "ns", "traceEvents": [\n' + ",\n".join(events) + "\n]}\n"


def _events(recording: Recording, pid: int) -> Iterator[str]:
    timeline = recording.timeline
    yield _name("process_name", recording.name, pid, 0)
    yield _name("thread_name", _LAYERS_TRACK, pid, 0)
    start = 0
    for layer, end in zip(timeline.layer_names, timeline.boundary_cycles.tolist(), strict=True):
        if end > start:
            yield _span(layer, start, end, recording.clock_mhz, pid, 0)
        start = end
    first_track = 1
    for unit, spec in enumerate(timeline.machine.units):
        for lane in range(spec.depth):
            yield _name("thread_name", spec.name if spec.depth == 1 else f"{spec.name} {lane}", pid, first_track + lane)
        for layer, ptr, issue, end in zip(
            timeline.layer_names, recording.unit_ptrs, timeline.issue_cycle, timeline.end_cycle, strict=True
        ):
            commands = np.arange(ptr[unit], ptr[unit + 1])
            took_time = commands[end[commands] > issue[commands]]
            # commands end in order and at most `depth` are in flight: two of one lane never overlap
            lanes = (took_time - ptr[unit]) % spec.depth
            spans = zip(issue[took_time].tolist(), end[took_time].tolist(), lanes.tolist(), strict=True)
            for first, last, lane in spans:
                yield _span(layer, first, last, recording.clock_mhz, pid, first_track + lane)
        first_track += spec.depth


def _span(name: str, start_cycle: int, end_cycle: int, clock_mhz: float, pid: int, track: int) -> str:
    ts, dur = start_cycle / clock_mhz, (end_cycle - start_cycle) / clock_mhz
    return (
        f'{{"name": {json.dumps(name)}, "ph": "X", "ts": {ts:.6f}, "dur": {dur:.6f}, "pid": {pid}, "tid": {track}, '
        f'"args": {{"start_cycle": {start_cycle}, "cycles": {end_cycle - start_cycle}}}}}'
    )


def _name(kind: str, name: str, pid: int, track: int) -> str:
    return json.dumps({"name": kind, "ph": "M", "pid": pid, "tid": track, "args": {"name": name}})
