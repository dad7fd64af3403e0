"""Cnvlutin in a tile program: image after image, all filters of a block in the tiles."""

from __future__ import annotations

import numpy as np

from accel_sim.arch import Accelerator, ArraySpec
from accel_sim.arch.arrays.cnvlutin import Cnvlutin
from accel_sim.kernels.sparse.cnvlutin import CnvlutinShape, CnvlutinSpec, cnvlutin_layer
from accel_sim.lowering.skipping_tile import SkipCost, SkipTile, read
from accel_sim.mapping.base import WordBits
from accel_sim.workload import MacShape


class CnvlutinMachine:
    """See :class:`accel_sim.lowering.skipping_tile.SkipMachine`."""

    def block(self, array: ArraySpec, shape: MacShape) -> tuple[int, int]:
        """The filters of all tiles, or any more."""
        assert isinstance(array, Cnvlutin)
        return array.tiles * array.filters, shape.k

    def cost(self, arch: Accelerator, bits: WordBits, tile: SkipTile) -> SkipCost:
        """Image after image."""
        array, shape = arch.array, tile.shape
        assert isinstance(array, Cnvlutin)
        spec = CnvlutinSpec(
            array.lanes,
            array.brick,
            array.tiles,
            array.filters,
            array.empty_brick_cycles,
            array.encoded,
            array.pipeline_cycles,
        )
        pad = tile.whole_pad
        planes = tile.ifmap if pad is not None else tile.padded()
        window = CnvlutinShape(tile.p, shape.q, shape.r, shape.s, shape.stride_h, pad or 0, len(tile.filters))
        work, empty, wait = (np.zeros(array.lanes, dtype=np.int64) for _ in range(3))
        cycles = done = bricks = rows = 0
        for image in planes:
            counts = cnvlutin_layer(image, window, spec)
            cycles += counts.total_cycles
            done += counts.n_macs
            bricks += counts.n_brick_reads
            rows += counts.n_weight_reads
            work += counts.lane_busy_cycles
            empty += counts.lane_empty_cycles
            wait += counts.lane_wait_cycles
        neurons, weights = bricks * array.brick, rows * array.filters
        return SkipCost(
            cycles=cycles,
            n_done=done,
            actions=(
                *read(arch.buffer_for("ifmap").name, "ifmap", neurons, bits.bytes_of("ifmap", neurons)),
                *read(arch.buffer_for("filter").name, "filter", weights, bits.bytes_of("filter", weights)),
            ),
            work_cycles=work,
            facts={"empty_brick_lane_cycles": int(empty.sum()), "window_wait_lane_cycles": int(wait.sum())},
        )
