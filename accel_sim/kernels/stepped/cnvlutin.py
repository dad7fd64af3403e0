"""The stepped Cnvlutin: lanes take (value, offset) pairs one a clock and multiply them by real filters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.cnvlutin import CnvlutinShape, CnvlutinSpec

I64 = NDArray[np.int64]


class CnvlutinRun(NamedTuple):
    """What the stepped array did.

    ``outputs`` int64[K, P, Q]. ``window_ends`` int64[P * Q]: the clock at which each window was done. The other fields
    as in the fast path.
    """

    outputs: I64
    total_cycles: int
    n_macs: int
    lane_busy_cycles: I64
    lane_empty_cycles: I64
    lane_wait_cycles: I64
    n_brick_reads: int
    n_weight_reads: int
    window_ends: I64


class _Lane(NamedTuple):
    """Registers of the lanes, int64[n_lanes]; ``pairs`` int64[n_lanes, brick, 2]: (value, channel) in NBin."""

    tap: I64
    channel: I64
    replay: I64
    place: I64
    n_pairs: I64
    idle: I64
    has_brick: I64
    pairs: I64


@njit
def _fetch(lane: _Lane, unit: int, ifmap: I64, y: int, x: int, stop: int, spec: CnvlutinSpec) -> None:
    """Bring a lane's next brick into its NBin, encoded as pairs of value and channel."""
    _, height, width = ifmap.shape
    lane.n_pairs[unit] = 0
    for channel in range(lane.channel[unit], stop):
        value = ifmap[channel, y, x] if 0 <= y < height and 0 <= x < width else 0
        if value != 0 or not spec.encoded:
            lane.pairs[unit, lane.n_pairs[unit], 0] = value
            lane.pairs[unit, lane.n_pairs[unit], 1] = channel
            lane.n_pairs[unit] += 1
    lane.place[unit] = 0
    lane.idle[unit] = 0
    lane.has_brick[unit] = 1


@njit
def cnvlutin_stepped(ifmap: I64, filters: I64, shape: CnvlutinShape, spec: CnvlutinSpec) -> CnvlutinRun:
    """Step one layer; the twin of :func:`~accel_sim.kernels.sparse.cnvlutin.cnvlutin_layer`.

    Parameters
    ----------
    ifmap, filters
        int64[C, H, W] and int64[K, C, R, S].
    shape, spec
        Layer and array.
    """
    n_filters, n_channels = filters.shape[0], filters.shape[1]
    # The filters of all tiles side by side, as they stand in the rows of SB.
    rows = np.ascontiguousarray(filters.transpose(1, 2, 3, 0))
    psums = np.zeros((shape.p, shape.q, n_filters), dtype=np.int64)
    slice_size = (n_channels + spec.n_lanes - 1) // spec.n_lanes
    at_once = spec.n_tiles * spec.filters
    n_replays = (n_filters + at_once - 1) // at_once
    busy = np.zeros(spec.n_lanes, dtype=np.int64)
    empty = np.zeros(spec.n_lanes, dtype=np.int64)
    wait = np.zeros(spec.n_lanes, dtype=np.int64)
    zeros = np.zeros(spec.n_lanes, dtype=np.int64)
    lane = _Lane(
        zeros.copy(),
        zeros.copy(),
        zeros.copy(),
        zeros.copy(),
        zeros.copy(),
        zeros.copy(),
        zeros.copy(),
        np.zeros((spec.n_lanes, spec.brick, 2), dtype=np.int64),
    )
    window_ends = np.zeros(shape.p * shape.q, dtype=np.int64)
    cycles = n_macs = n_brick_reads = n_weight_reads = 0
    for pixel in range(shape.p * shape.q):
        p, q = pixel // shape.q, pixel % shape.q
        for unit in range(spec.n_lanes):
            lane.tap[unit] = 0
            lane.channel[unit] = unit * slice_size
            lane.replay[unit] = 0
            lane.has_brick[unit] = 0
        window_open = True
        while window_open:
            window_open = False
            for unit in range(spec.n_lanes):
                last_channel = min(n_channels, (unit + 1) * slice_size)
                worked = False
                while not worked and lane.tap[unit] < shape.r * shape.s and lane.channel[unit] < last_channel:
                    r, s = lane.tap[unit] // shape.s, lane.tap[unit] % shape.s
                    stop = min(last_channel, lane.channel[unit] + spec.brick)
                    if lane.has_brick[unit] == 0:
                        y, x = p * shape.stride + r - shape.pad, q * shape.stride + s - shape.pad
                        _fetch(lane, unit, ifmap, y, x, stop, spec)
                        n_brick_reads += 1
                    if lane.place[unit] < lane.n_pairs[unit]:
                        value, channel = lane.pairs[unit, lane.place[unit]]
                        first = lane.replay[unit] * at_once
                        last = min(n_filters, first + at_once)
                        for k in range(first, last):
                            psums[p, q, k] += value * rows[channel, r, s, k]
                        n_macs += last - first
                        n_weight_reads += (last - first + spec.filters - 1) // spec.filters
                        lane.place[unit] += 1
                        busy[unit] += 1
                        worked = True
                    elif lane.n_pairs[unit] == 0 and lane.idle[unit] < spec.empty_brick_cycles:
                        lane.idle[unit] += 1
                        empty[unit] += 1
                        worked = True
                    if lane.place[unit] == lane.n_pairs[unit] and (
                        lane.n_pairs[unit] > 0 or lane.idle[unit] >= spec.empty_brick_cycles
                    ):
                        lane.replay[unit] += 1
                        lane.place[unit] = 0
                        lane.idle[unit] = 0
                        if lane.replay[unit] == n_replays:
                            lane.replay[unit] = 0
                            lane.has_brick[unit] = 0
                            lane.channel[unit] = stop
                            if stop == last_channel:
                                lane.channel[unit] = unit * slice_size
                                lane.tap[unit] += 1
                if worked:
                    window_open = True
                else:
                    wait[unit] += 1
            if window_open:
                cycles += 1
            else:
                wait -= 1
        window_ends[pixel] = cycles
    window_ends += spec.pipeline_cycles
    outputs = np.ascontiguousarray(psums.transpose(2, 0, 1))
    return CnvlutinRun(
        outputs, cycles + spec.pipeline_cycles, n_macs, busy, empty, wait, n_brick_reads, n_weight_reads, window_ends
    )
