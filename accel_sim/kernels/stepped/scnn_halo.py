"""The stepped SCNN's halo exchange: psums of a group that lie outside a PE's tile cross its eight links one by one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.scnn import ConvShape, ScnnSpec

I64 = NDArray[np.int64]


class Layer(NamedTuple):
    """A layer on an array: channels, stride phases, filter rows and columns, rows and columns of a tile."""

    n_channels: int
    n_phases: int
    n_rows: int
    n_cols: int
    tile_height: int
    tile_width: int
    shape: ConvShape
    spec: ScnnSpec


@njit
def _reach(first: int, stop: int, n_taps: int, shape: ConvShape) -> tuple[int, int, int, int]:
    """Return the first ofmap row before a tile, of the tile, after it, and the end, along one axis.

    The tile covers rows ``first`` to ``stop`` of the padded plane. An ofmap row belongs to the tile in which row
    ``pad`` of its window lies.
    """
    own = -(-(first - shape.pad) // shape.stride)
    before = min(own, -(-(first - n_taps + 1) // shape.stride))
    after = -(-(stop - shape.pad) // shape.stride)
    end = -(-stop // shape.stride)
    return before, own, after, end


@njit
def send_halo(psums: I64, outputs: I64, first_k: int, stop_k: int, slot: int, layer: Layer) -> None:
    """Move one psum over each link of each PE: number ``slot`` of the region on that side.

    ``psums`` int64[n_pes, K of the group, P, Q] of one set of accumulators, ``outputs`` int64[K, P, Q].
    """
    spec = layer.spec
    border = layer.shape.pad if spec.tile_padding else 0
    for pe in range(psums.shape[0]):
        top = pe // spec.pe_cols * layer.tile_height - border + layer.shape.pad
        left = pe % spec.pe_cols * layer.tile_width - border + layer.shape.pad
        rows = _reach(top, top + layer.tile_height, layer.n_rows, layer.shape)
        cols = _reach(left, left + layer.tile_width, layer.n_cols, layer.shape)
        for side_y in range(3):
            for side_x in range(3):
                height, width = rows[side_y + 1] - rows[side_y], cols[side_x + 1] - cols[side_x]
                if (side_y == 1 and side_x == 1) or slot >= height * width * (stop_k - first_k):
                    continue
                k = slot // (height * width)
                p = rows[side_y] + slot % (height * width) // width
                q = cols[side_x] + slot % width
                if 0 <= p < layer.shape.p and 0 <= q < layer.shape.q:
                    outputs[first_k + k, p, q] += psums[pe, k, p, q]
                    psums[pe, k, p, q] = 0


@njit
def keep_own(psums: I64, outputs: I64, first_k: int, layer: Layer) -> None:
    """Write the psums of the PEs' own tiles to the output memories; what a halo link forgot is lost.

    ``psums`` as in `send_halo`; the group's output channels are ``first_k`` on.
    """
    spec = layer.spec
    border = layer.shape.pad if spec.tile_padding else 0
    for pe in range(psums.shape[0]):
        top = pe // spec.pe_cols * layer.tile_height - border + layer.shape.pad
        left = pe % spec.pe_cols * layer.tile_width - border + layer.shape.pad
        _, first_p, stop_p, _ = _reach(top, top + layer.tile_height, layer.n_rows, layer.shape)
        _, first_q, stop_q, _ = _reach(left, left + layer.tile_width, layer.n_cols, layer.shape)
        for k in range(min(psums.shape[1], outputs.shape[0] - first_k)):
            for p in range(max(0, first_p), min(layer.shape.p, stop_p)):
                for q in range(max(0, first_q), min(layer.shape.q, stop_q)):
                    outputs[first_k + k, p, q] += psums[pe, k, p, q]
    psums[:] = 0


@njit
def exchange_slots(layer: Layer) -> int:
    """Return the psums of one channel on the busiest link of an inner tile, at the worst phase of the stride."""
    most = 0
    shape = layer.shape
    for offset_y in range(shape.stride):
        for offset_x in range(shape.stride):
            first_y, first_x = 1000 * shape.stride + offset_y, 1000 * shape.stride + offset_x
            rows = _reach(first_y, first_y + layer.tile_height, layer.n_rows, shape)
            cols = _reach(first_x, first_x + layer.tile_width, layer.n_cols, shape)
            for side_y in range(3):
                for side_x in range(3):
                    if side_y != 1 or side_x != 1:
                        area = (rows[side_y + 1] - rows[side_y]) * (cols[side_x + 1] - cols[side_x])
                        most = max(most, area)
    return most
