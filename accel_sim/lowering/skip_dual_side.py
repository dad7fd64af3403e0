"""Dual-side tensor cores in a tile program: a tile is a GEMM of filters and windows."""

from __future__ import annotations

from accel_sim.arch import Accelerator, ArraySpec
from accel_sim.arch.arrays.dual_side_tensor_core import DualSideTensorCore
from accel_sim.kernels.sparse.dual_side import DualSideSpec, dual_side_gemm
from accel_sim.lowering.skipping_tile import SkipCost, SkipTile, read
from accel_sim.mapping.base import WordBits
from accel_sim.units import ceil_div
from accel_sim.workload import MacShape


class DualSideMachine:
    """See :class:`accel_sim.lowering.skipping_tile.SkipMachine`."""

    def block(self, array: ArraySpec, shape: MacShape) -> tuple[int, int]:
        """Rows of a unit's tile, or any more."""
        assert isinstance(array, DualSideTensorCore)
        return array.tile_m, shape.k

    def cost(self, arch: Accelerator, bits: WordBits, tile: SkipTile) -> SkipCost:
        """One GEMM; values are read with the bits that say where they stand."""
        array = arch.array
        assert isinstance(array, DualSideTensorCore)
        spec = DualSideSpec(
            array.units,
            array.tile_m,
            array.tile_n,
            array.step_m,
            array.step_n,
            array.empty_place_cycles,
        )
        filters = tile.filters.reshape(len(tile.filters), -1)
        counts = dual_side_gemm(filters, tile.windows().reshape(tile.n_windows, -1), spec)
        # Bitmaps are read tile by tile, for the rows of one operand and the columns of the other.
        bitmap_bytes = ceil_div(counts.n_bitmap_bits, 8)
        filter_bitmap_bytes = bitmap_bytes * array.tile_m // (array.tile_m + array.tile_n)
        filter_bytes = bits.bytes_of("filter", counts.n_a_reads) + filter_bitmap_bytes
        ifmap_bytes = bits.bytes_of("ifmap", counts.n_b_reads) + bitmap_bytes - filter_bitmap_bytes
        return SkipCost(
            cycles=counts.total_cycles,
            n_done=counts.n_effectual_macs,
            actions=(
                *read(arch.buffer_for("ifmap").name, "ifmap", counts.n_b_reads, ifmap_bytes),
                *read(arch.buffer_for("filter").name, "filter", counts.n_a_reads, filter_bytes),
            ),
            work_cycles=counts.unit_busy_cycles,
            facts={
                "idle_multiplier_slots": counts.n_slots - counts.n_effectual_macs,
                "empty_place_unit_cycles": int(counts.unit_empty_cycles.sum()),
            },
        )
