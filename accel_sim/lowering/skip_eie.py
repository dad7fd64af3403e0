"""EIE in a tile program: each window is a sparse vector that meets a compressed matrix."""

from __future__ import annotations

from accel_sim.arch import Accelerator, ArraySpec
from accel_sim.arch.arrays.eie import Eie
from accel_sim.kernels.runs import interleaved_entries
from accel_sim.kernels.sparse.eie import EieSpec, eie_products
from accel_sim.lowering.skipping_tile import RF, SkipCost, SkipTile, filter_reads, read, sums
from accel_sim.mapping.base import WordBits
from accel_sim.program import Action, ActionKey
from accel_sim.units import ceil_div
from accel_sim.workload import MacShape


class EieMachine:
    """See :class:`accel_sim.lowering.skipping_tile.SkipMachine`."""

    def block(self, array: ArraySpec, shape: MacShape) -> tuple[int, int]:
        """A row of PEs at least; as many rows as there are accumulators at most."""
        assert isinstance(array, Eie)
        return array.pes, array.pes * array.accumulator_words

    def cost(self, arch: Accelerator, bits: WordBits, tile: SkipTile) -> SkipCost:
        """One product a window; the entries of the matrix are counted once."""
        array = arch.array
        assert isinstance(array, Eie)
        spec = EieSpec(
            array.pes,
            array.queue_depth,
            (1 << array.run_bits) - 1,
            array.entries_per_read,
            array.empty_slice_cycles,
            array.pipeline_stages,
        )
        nnz, padding = interleaved_entries(tile.filter_columns(), spec.n_pes, spec.max_run)
        counts = eie_products(nnz, padding, tile.window_bits(), spec)
        entries, sent = counts.n_entries, counts.n_broadcasts
        ifmaps = arch.buffer_for("ifmap")
        row_bytes = spec.entries_per_read * (array.weight_bits + array.run_bits) // 8
        pointer_bytes = ceil_div(counts.n_pointer_reads * array.pointer_bits, 8)
        actions = [
            *read(ifmaps.name, "ifmap", sent, bits.bytes_of("ifmap", sent), spec.n_pes, RF),
            Action(ActionKey(RF, "ifmap", "read"), bits.bytes_of("ifmap", entries), entries),
            *filter_reads(arch, entries, counts.n_matrix_reads * row_bytes, counts.n_pointer_reads, pointer_bytes),
            *sums(bits, entries),
        ]
        return SkipCost(
            cycles=counts.total_cycles,
            n_done=counts.n_effectual_macs,
            actions=tuple(actions),
            work_cycles=counts.pe_entries,
            facts={
                "padding_entries": entries - counts.n_effectual_macs,
                "broadcast_stall_cycles": counts.broadcast_stall_cycles,
                "empty_slice_pe_cycles": counts.empty_slice_pe_cycles,
                "queue_empty_pe_cycles": counts.queue_empty_pe_cycles,
            },
        )
