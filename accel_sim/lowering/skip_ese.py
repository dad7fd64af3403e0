"""ESE in a tile program: each window is a vector, and as many vectors as there are channels run in lock step."""

from __future__ import annotations

from accel_sim.arch import Accelerator, ArraySpec
from accel_sim.arch.arrays.ese import Ese
from accel_sim.kernels.sparse.ese import EseSpec, ese_spmv
from accel_sim.lowering.skipping_tile import RF, SkipCost, SkipTile, filter_reads, read
from accel_sim.mapping.base import WordBits
from accel_sim.program import Action, ActionKey
from accel_sim.units import ceil_div
from accel_sim.workload import MacShape


class EseMachine:
    """See :class:`accel_sim.lowering.skipping_tile.SkipMachine`."""

    def block(self, array: ArraySpec, shape: MacShape) -> tuple[int, int]:
        """A row of PEs, or any more."""
        assert isinstance(array, Ese)
        return array.pes, shape.k

    def cost(self, arch: Accelerator, bits: WordBits, tile: SkipTile) -> SkipCost:
        """All windows, in rounds of the channels; every activation is sent, zero or not."""
        array = arch.array
        assert isinstance(array, Ese)
        spec = EseSpec(
            array.channels,
            array.pes,
            array.queue_depth,
            (1 << array.run_bits) - 1,
            array.empty_slice_cycles,
            array.pipeline_stages,
        )
        counts = ese_spmv(tile.filter_columns(), tile.window_bits(), spec)
        done = tile.filter_bits.nnz * tile.n_windows
        pointer_bytes = ceil_div(counts.n_pointer_reads * array.pointer_bits, 8)
        entry_bytes = ceil_div(counts.n_entry_reads * (array.weight_bits + array.run_bits), 8)
        sent = tile.n_windows * tile.filter_bits.row_bits
        return SkipCost(
            cycles=counts.total_cycles,
            n_done=done,
            actions=(
                *read(
                    arch.buffer_for("ifmap").name,
                    "ifmap",
                    sent,
                    bits.bytes_of("ifmap", sent),
                    fan_out=array.pes,
                    peer=RF,
                ),
                Action(ActionKey(RF, "ifmap", "read"), bits.bytes_of("ifmap", counts.n_macs), counts.n_macs),
                *filter_reads(arch, counts.n_entry_reads, entry_bytes, counts.n_pointer_reads, pointer_bytes),
            ),
            work_cycles=counts.pe_entries,
            facts={
                "padding_multiplies": counts.n_macs - done,
                "n_macs_with_zero_activation": done - counts.n_effectual_macs,
                "broadcast_stall_cycles": counts.broadcast_stall_cycles,
                "empty_slice_pe_cycles": counts.empty_slice_pe_cycles,
                "queue_empty_pe_cycles": counts.queue_empty_pe_cycles,
                "rounds": counts.n_rounds,
                "empty_channel_rounds": counts.n_rounds * array.channels - tile.n_windows,
            },
        )
