"""Clocks and energy of the DRAM controller, against another cycle-level simulator of the same devices."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch.dram_device import load_dram_preset
from accel_sim.arch.dram_structure import BURST_BYTES
from accel_sim.engine.dram import DramCounts, simulate_requests
from accel_sim.validation.figure import Figure

SOURCE = "DRAMsim3, commit 29817593, same timings and currents"
ENERGY_TOLERANCE = 0.02
_BACKGROUND = (
    "theirs goes on to count standby after the last data and is scaled back to the clocks of the stream; "
    "ours counts the clocks"
)

Requests = tuple[NDArray[np.int64], NDArray[np.uint8]]


def _sequential() -> Requests:
    addresses = np.arange(0, 1 << 20, BURST_BYTES)
    return addresses, np.zeros(addresses.size, np.uint8)


def _three_streams() -> Requests:
    """Two streams of reads and one of writes of 1 MiB each, in turns of 1 KiB, 256 MiB apart."""
    turn = np.arange(0, 1 << 20, 1024)[:, None, None]
    stream = np.arange(3)[None, :, None]
    addresses = turn + (stream << 28) + np.arange(0, 1024, BURST_BYTES)
    is_write = np.broadcast_to(stream == 2, addresses.shape)
    return addresses.ravel(), is_write.ravel().astype(np.uint8)


def _strided() -> Requests:
    addresses = np.arange(1 << 14, dtype=np.int64) << 16
    return addresses, np.zeros(addresses.size, np.uint8)


STREAMS: dict[str, Callable[[], Requests]] = {
    "sequential 1 MiB": _sequential,
    "three streams": _three_streams,
    "stride 64 KiB": _strided,
}

PUBLISHED: dict[str, dict[str, tuple[int, float]]] = {
    "ddr3_1600": {
        "sequential 1 MiB": (67_919, 17.5115),
        "three streams": (277_767, 19.1837),
        "stride 64 KiB": (662_378, 77.3541),
    },
    "ddr4_2400": {
        "sequential 1 MiB": (83_528, 9.8273),
        "three streams": (409_757, 12.5545),
        "stride 64 KiB": (481_384, 35.3928),
    },
    "hbm2_bg_interleaved": {
        "sequential 1 MiB": (35_615, 1.9681),
        "three streams": (139_654, 2.4618),
        "stride 64 KiB": (846_032, 10.8028),
    },
}
"""Clocks and pJ/bit by preset and stream."""


@cache
def _counts(preset: str, stream: str) -> DramCounts:
    return simulate_requests(load_dram_preset(preset), *STREAMS[stream]())


def _pj_per_bit(preset: str, stream: str) -> float:
    counts = _counts(preset, stream)
    total_pj = counts.energy_pj(load_dram_preset(preset))["total"]
    return total_pj / (8 * BURST_BYTES * (counts.reads + counts.writes))


def _figures(preset: str, stream: str) -> tuple[Figure, Figure]:
    clocks, pj_per_bit = PUBLISHED[preset][stream]
    name = f"dram {preset} {stream}"
    return (
        Figure(
            name=f"{name} clocks",
            source=SOURCE,
            published=clocks,
            unit="",
            ours=lambda: _counts(preset, stream).clocks,
            tolerance=0.0,
        ),
        Figure(
            name=f"{name} energy",
            source=SOURCE,
            published=pj_per_bit,
            unit="pJ/bit",
            ours=lambda: _pj_per_bit(preset, stream),
            tolerance=ENERGY_TOLERANCE,
            reason=_BACKGROUND,
        ),
    )


FIGURES = tuple(figure for preset in PUBLISHED for stream in STREAMS for figure in _figures(preset, stream))
