"""Cnvlutin: zero activations skipped, lanes wait for each other at a window's end (Albericio et al., ISCA 2016).

The input channels of a window are cut into one contiguous slice a lane. A lane takes its slice brick by brick,
filter tap by filter tap; of a brick it works on one non-zero neuron a cycle, against ``filters`` filters in each
of the tiles. If a tile holds more filters, each brick is replayed. All tiles see the same neurons, and windows do
not overlap. Organisation and synchronisation are those of the first author's own simulator of 2015. There a brick
without any non-zero neuron still costs a read of the neuron memory; the published machine is recalled to spend one
cycle on it, hence the key ``empty_brick_cycles``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit


class CnvlutinSpec(NamedTuple):
    """The keys of a Cnvlutin-like array.

    ``n_lanes`` neuron lanes of a tile, ``brick`` neurons in a brick, ``n_tiles`` tiles, ``filters`` filters that
    a tile works on at once. ``encoded``: neurons come as (value, offset) pairs of the non-zero ones; without it
    (first layers) every neuron takes its cycle. ``pipeline_cycles`` depth of the pipeline, spent once a layer.
    """

    n_lanes: int = 16
    brick: int = 16
    n_tiles: int = 16
    filters: int = 16
    empty_brick_cycles: int = 1
    encoded: bool = True
    pipeline_cycles: int = 8


class CnvlutinShape(NamedTuple):
    """How the window slides: ofmap rows and columns, filter rows and columns, stride, padding, filters."""

    p: int
    q: int
    r: int
    s: int
    stride: int
    pad: int
    n_filters: int


class CnvlutinCounts(NamedTuple):
    """What one layer costs.

    ``total_cycles`` all windows and the pipeline. ``n_macs`` multiplies of a neuron by all filters.
    ``lane_busy_cycles`` int64[n_lanes] cycles on neurons, ``lane_empty_cycles`` cycles on empty bricks,
    ``lane_wait_cycles`` cycles waited at the end of a window. ``n_brick_reads`` bricks fetched by lanes.
    ``n_weight_reads`` rows of ``filters`` weights read, of all tiles that hold filters.
    """

    total_cycles: int
    n_macs: int
    lane_busy_cycles: NDArray[np.int64]
    lane_empty_cycles: NDArray[np.int64]
    lane_wait_cycles: NDArray[np.int64]
    n_brick_reads: int
    n_weight_reads: int


@njit
def brick_cycles(ifmap: NDArray[np.bool_], spec: CnvlutinSpec) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what each lane spends on its slice of each pixel.

    Parameters
    ----------
    ifmap
        bool[C, H, W].
    spec
        The array.

    Returns
    -------
    busy, empty
        int64[n_lanes, H + 1, W + 1]: cycles on neurons and on empty bricks; the last row and column stand for
        padding, which lies in the neuron memory as zeros.
    """
    n_channels, height, width = ifmap.shape
    slice_size = -(-n_channels // spec.n_lanes)
    busy = np.zeros((spec.n_lanes, height + 1, width + 1), dtype=np.int64)
    empty = np.zeros((spec.n_lanes, height + 1, width + 1), dtype=np.int64)
    for lane in range(spec.n_lanes):
        stop_channel = min(n_channels, (lane + 1) * slice_size)
        for first in range(lane * slice_size, stop_channel, spec.brick):
            stop = min(stop_channel, first + spec.brick)
            for y in range(height + 1):
                for x in range(width + 1):
                    n_neurons = stop - first
                    if spec.encoded:
                        n_neurons = 0
                        if y < height and x < width:
                            for channel in range(first, stop):
                                n_neurons += 1 if ifmap[channel, y, x] else 0
                    busy[lane, y, x] += n_neurons
                    if n_neurons == 0:
                        empty[lane, y, x] += spec.empty_brick_cycles
    return busy, empty


@njit
def cnvlutin_layer(ifmap: NDArray[np.bool_], shape: CnvlutinShape, spec: CnvlutinSpec) -> CnvlutinCounts:
    """Time one layer.

    Parameters
    ----------
    ifmap
        bool[C, H, W]: where the neurons are not zero.
    shape, spec
        Layer and array.
    """
    n_channels, height, width = ifmap.shape
    pixel_busy, pixel_empty = brick_cycles(ifmap, spec)
    busy = np.zeros(spec.n_lanes, dtype=np.int64)
    empty = np.zeros(spec.n_lanes, dtype=np.int64)
    wait = np.zeros(spec.n_lanes, dtype=np.int64)
    lane_cycles = np.zeros(spec.n_lanes, dtype=np.int64)
    total_cycles = np.int64(0)
    for p in range(shape.p):
        for q in range(shape.q):
            lane_cycles[:] = 0
            for r in range(shape.r):
                y = p * shape.stride + r - shape.pad
                y = y if 0 <= y < height else height
                for s in range(shape.s):
                    x = q * shape.stride + s - shape.pad
                    x = x if 0 <= x < width else width
                    for lane in range(spec.n_lanes):
                        busy[lane] += pixel_busy[lane, y, x]
                        empty[lane] += pixel_empty[lane, y, x]
                        lane_cycles[lane] += pixel_busy[lane, y, x] + pixel_empty[lane, y, x]
            slowest = lane_cycles.max()
            wait += slowest - lane_cycles
            total_cycles += slowest
    a_tile = -(-shape.n_filters // spec.n_tiles)
    passes = -(-a_tile // spec.filters)
    slice_size = -(-n_channels // spec.n_lanes)
    bricks = 0
    for lane in range(spec.n_lanes):
        own = min(n_channels, (lane + 1) * slice_size) - lane * slice_size
        bricks += -(-max(0, own) // spec.brick)
    n_neurons = busy.sum()
    return CnvlutinCounts(
        int(passes * total_cycles + spec.pipeline_cycles),
        int(n_neurons * shape.n_filters),
        passes * busy,
        passes * empty,
        passes * wait,
        bricks * shape.p * shape.q * shape.r * shape.s,
        int(n_neurons * -(-shape.n_filters // spec.filters)),
    )
