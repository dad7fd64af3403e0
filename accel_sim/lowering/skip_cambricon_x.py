"""Cambricon-X in a tile program: every window costs the same, as only weights are skipped."""

from __future__ import annotations

from accel_sim.arch import Accelerator, ArraySpec
from accel_sim.arch.arrays.cambricon_x import CambriconX
from accel_sim.compression.bitmask import BitMask
from accel_sim.kernels.sparse.cambricon_x import CambriconXSpec, cambricon_x_layer
from accel_sim.lowering.skipping_tile import SkipCost, SkipTile, read
from accel_sim.mapping.base import WordBits
from accel_sim.workload import MacShape


class CambriconXMachine:
    """See :class:`accel_sim.lowering.skipping_tile.SkipMachine`."""

    def block(self, array: ArraySpec, shape: MacShape) -> tuple[int, int]:
        """An output neuron a PE, or any more."""
        return array.n_pes, shape.k

    def cost(self, arch: Accelerator, bits: WordBits, tile: SkipTile) -> SkipCost:
        """All windows at once."""
        array = arch.array
        assert isinstance(array, CambriconX)
        filters = tile.filters.reshape(len(tile.filters), -1)
        counts = cambricon_x_layer(
            BitMask.of(filters).words,
            tile.windows().reshape(tile.n_windows, -1).sum(axis=0),
            filters.sum(axis=0),
            tile.n_windows,
            CambriconXSpec(
                array.pes,
                array.multipliers,
                array.segment,
                array.segments_per_barrier,
                array.empty_segment_cycles,
            ),
        )
        neurons = counts.n_segment_reads * array.segment
        weight_bytes = counts.n_weight_reads * array.multipliers * bits.filter // 8
        return SkipCost(
            cycles=counts.total_cycles,
            n_done=counts.n_macs,
            actions=(
                *read(arch.buffer_for("ifmap").name, "ifmap", neurons, bits.bytes_of("ifmap", neurons), array.pes),
                *read(arch.buffer_for("filter").name, "filter", counts.n_macs, weight_bytes),
            ),
            work_cycles=counts.pe_busy_cycles,
            facts={
                "n_macs_with_zero_neuron": counts.n_macs - counts.n_effectual_macs,
                "empty_segment_pe_cycles": int(counts.pe_empty_cycles.sum()),
                "barrier_pe_cycles": int(counts.pe_wait_cycles.sum()),
            },
        )
