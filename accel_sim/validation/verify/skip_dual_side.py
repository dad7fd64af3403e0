"""Steps dual-side tensor cores: outer products of condensed filters and windows, place by place of K."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from accel_sim.arch import Accelerator
from accel_sim.arch.arrays.dual_side_tensor_core import DualSideTensorCore
from accel_sim.errors import Fault
from accel_sim.kernels.sparse.dual_side import DualSideSpec
from accel_sim.kernels.stepped.dual_side import dual_side_stepped
from accel_sim.units import ceil_div
from accel_sim.validation.verify.skip_tile import StepRun, StepTile, moved

PEER = "array"


class DualSideStepper:
    """See :class:`accel_sim.validation.verify.skipping.SkipStepper`."""

    def refused(self, arch: Accelerator) -> Iterator[Fault]:
        """Nothing."""
        yield from ()

    def step(self, tile: StepTile) -> StepRun:
        """One GEMM; values are read with the bits that say where they stand."""
        array, bits = _array(tile.arch), tile.bits
        spec = DualSideSpec(
            array.units, array.tile_m, array.tile_n, array.step_m, array.step_n, array.empty_place_cycles
        )
        run = dual_side_stepped(tile.filters.reshape(len(tile.filters), -1).astype(np.int64), tile.windows(), spec)
        # Both bitmaps together fill whole bytes.
        bitmap_bytes = ceil_div(run.n_a_bitmap_bits + run.n_b_bitmap_bits, 8)
        filter_share = bitmap_bytes * run.n_a_bitmap_bits // max(1, run.n_a_bitmap_bits + run.n_b_bitmap_bits)
        filter_bytes = bits.bytes_of("filter", run.n_a_reads) + filter_share
        ifmap_bytes = bits.bytes_of("ifmap", run.n_b_reads) + bitmap_bytes - filter_share
        return StepRun(
            outputs=tile.ofmap(run.outputs.T),
            cycles=run.total_cycles,
            n_macs=run.n_effectual_macs,
            tallies={
                **moved(tile.arch.buffer_for("ifmap").name, "ifmap", run.n_b_reads, ifmap_bytes, PEER),
                **moved(tile.arch.buffer_for("filter").name, "filter", run.n_a_reads, filter_bytes, PEER),
            },
        )

    def pe(self, tile: StepTile, output: tuple[int, int, int, int], tap: tuple[int, int, int]) -> str:
        """The unit that the output's tile is dealt to."""
        array = _array(tile.arch)
        columns = ceil_div(tile.n_windows, array.tile_n)
        index = output[1] // array.tile_m * columns + tile.window_index(output) // array.tile_n
        return f"unit {index % array.units}"


def _array(arch: Accelerator) -> DualSideTensorCore:
    assert isinstance(arch.array, DualSideTensorCore)
    return arch.array
