"""Steps EIE: non-zero activations are sent to all queues, and PEs multiply them by the entries of their own rows.

Weights stand for their own codes, as if the codebook held every value: what a code is decoded to changes no count.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from accel_sim.arch import Accelerator
from accel_sim.arch.arrays.eie import Eie
from accel_sim.errors import Fault
from accel_sim.kernels.sparse.eie import EieSpec
from accel_sim.kernels.stepped import broadcast_queue as stepped
from accel_sim.kernels.stepped.eie import eie_windows_stepped
from accel_sim.kernels.stepped.entry_lists import write_entry_lists
from accel_sim.program import ActionKey
from accel_sim.units import ceil_div
from accel_sim.validation.verify.skip_tile import StepRun, StepTile, counted, moved
from accel_sim.validation.verify.twin import Tally

RF, PEER = "rf", "array"
STAGES = 4
"""Of the stepped PE."""


class EieStepper:
    """See :class:`accel_sim.validation.verify.skipping.SkipStepper`."""

    def refused(self, arch: Accelerator) -> Iterator[Fault]:
        """A pipeline of another depth than the paper's."""
        array = _array(arch)
        if array.pipeline_stages != STAGES:
            message = f"found {array.pipeline_stages}; the stepped PE has {STAGES} stages"
            yield Fault(key="array.pipeline_stages", message=message)

    def step(self, tile: StepTile) -> StepRun:
        """A product of the block with every window, one after the other."""
        array, bits = _array(tile.arch), tile.bits
        spec = EieSpec(
            array.pes, array.queue_depth, (1 << array.run_bits) - 1, array.entries_per_read, array.empty_slice_cycles
        )
        columns = np.ascontiguousarray(tile.filters.reshape(len(tile.filters), -1).T)
        lists = write_entry_lists(columns, spec.n_pes, spec.max_run)
        run = eie_windows_stepped(lists, tile.windows(), len(tile.filters), spec)
        events = [int(count) for count in run.events]
        sent, entries = events[stepped.WORDS_SENT], int(run.pe_busy_cycles.sum())
        row_bytes = array.entries_per_read * (array.weight_bits + array.run_bits) // 8
        pointers = events[stepped.POINTER_READS]
        pointer_bytes = ceil_div(pointers * array.pointer_bits, 8)
        ifmaps = tile.arch.buffer_for("ifmap").name
        reads, writes = events[stepped.ACCUMULATOR_READS], events[stepped.ACCUMULATOR_WRITES]
        return StepRun(
            outputs=tile.ofmap(run.outputs),
            cycles=run.total_cycles,
            n_macs=events[stepped.EFFECTUAL_MACS],
            tallies={
                **moved(ifmaps, "ifmap", sent, bits.bytes_of("ifmap", sent), RF, events[stepped.WORDS_QUEUED]),
                **counted(RF, "ifmap", "read", entries, bits.bytes_of("ifmap", entries)),
                **filter_moves(tile.arch, entries, events[stepped.MATRIX_READS] * row_bytes, pointers, pointer_bytes),
                **counted(RF, "psum", "read", reads, bits.bytes_of("psum", reads)),
                **counted(RF, "psum", "write", writes, bits.bytes_of("psum", writes)),
            },
            window_ends=run.ends,
        )

    def pe(self, tile: StepTile, output: tuple[int, int, int, int], tap: tuple[int, int, int]) -> str:
        """The PE that owns the filter's row of the matrix."""
        return f"PE {output[1] % _array(tile.arch).pes}"


def filter_moves(
    arch: Accelerator, entries: int, entry_bytes: int, pointers: int, pointer_bytes: int
) -> dict[ActionKey, Tally]:
    """Return the moves of entries and of pointers, which may lie in a buffer of their own."""
    filters, apart = arch.buffer_for("filter").name, arch.pointer_buffer()
    if apart is None:
        return moved(filters, "filter", entries, entry_bytes + pointer_bytes, PEER)
    return {
        **moved(filters, "filter", entries, entry_bytes, PEER),
        **moved(apart.name, "filter", pointers, pointer_bytes, PEER),
    }


def _array(arch: Accelerator) -> Eie:
    assert isinstance(arch.array, Eie)
    return arch.array
