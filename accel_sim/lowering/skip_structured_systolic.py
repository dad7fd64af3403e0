"""A systolic array for N:M weights in a tile program: a tile is a GEMM of windows and filters, fold after fold."""

from __future__ import annotations

from accel_sim.arch import Accelerator, ArraySpec
from accel_sim.arch.arrays.structured_systolic import StructuredSystolic
from accel_sim.kernels.sparse.structured_systolic import StructuredSpec, structured_gemm
from accel_sim.lowering.n_of_m_groups import stored_groups
from accel_sim.lowering.skipping_tile import PEER, RF, SkipCost, SkipTile, read, sums
from accel_sim.mapping.base import WordBits
from accel_sim.program import Action, ActionKey
from accel_sim.units import ceil_div
from accel_sim.workload import MacShape


class StructuredSystolicMachine:
    """See :class:`accel_sim.lowering.skipping_tile.SkipMachine`."""

    def block(self, array: ArraySpec, shape: MacShape) -> tuple[int, int]:
        """The columns of the array, or any more."""
        assert isinstance(array, StructuredSystolic)
        return array.cols, shape.k

    def cost(self, arch: Accelerator, bits: WordBits, tile: SkipTile) -> SkipCost:
        """One GEMM; N:M where the weights of the tile have zeros."""
        array, shape = arch.array, tile.shape
        assert isinstance(array, StructuredSystolic)
        groups = stored_groups(arch, tile, array.n, array.m)
        n, m = (array.n, array.m) if groups.sparse else (1, 1)
        spec = StructuredSpec(array.rows, array.cols, n, m, bits.filter)
        taps = shape.r * shape.s
        counts = structured_gemm(tile.n_windows, tile.n_filters, taps * groups.channels, spec)
        slots, weights, carried = counts.n_slots, counts.n_weight_reads, counts.n_psum_reads
        done = tile.n_filters * tile.n_windows * taps * groups.kept
        activations = counts.n_activation_reads
        metadata = ceil_div(counts.n_metadata_bits, 8)
        ifmaps, filters, results = (arch.buffer_for(tensor).name for tensor in ("ifmap", "filter", "psum"))
        carried_bytes = bits.bytes_of("psum", carried)
        return SkipCost(
            cycles=counts.total_cycles,
            n_done=done,
            actions=(
                *read(ifmaps, "ifmap", activations, bits.bytes_of("ifmap", activations)),
                *read(filters, "filter", weights, bits.bytes_of("filter", weights) + metadata, peer=RF),
                Action(ActionKey(RF, "ifmap", "read"), bits.bytes_of("ifmap", slots), slots),
                Action(ActionKey(RF, "filter", "read"), bits.bytes_of("filter", slots), slots),
                *sums(bits, slots),
                # Sums of one fold's rows are read again by the fold that goes on with them.
                Action(ActionKey(results, "psum", "write", PEER), carried_bytes, carried),
                Action(ActionKey(results, "psum", "read", PEER), carried_bytes, carried),
            ),
            work_cycles=counts.pe_cycles,
            facts={
                "folds": counts.n_folds,
                "idle_multiplier_slots": slots - done,
                "metadata_bytes_read": metadata,
                "carried_psums": carried,
            },
        )
