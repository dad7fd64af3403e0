"""Steps ESE: every activation of as many windows as there are channels, in lock step on one stream of entries."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from accel_sim.arch import Accelerator
from accel_sim.arch.arrays.ese import Ese
from accel_sim.errors import Fault
from accel_sim.kernels.sparse.ese import EseSpec
from accel_sim.kernels.stepped import broadcast_queue as stepped
from accel_sim.kernels.stepped.entry_lists import write_entry_lists
from accel_sim.kernels.stepped.ese import ese_stepped
from accel_sim.units import ceil_div
from accel_sim.validation.verify.skip_eie import STAGES, filter_moves
from accel_sim.validation.verify.skip_tile import StepRun, StepTile, counted, moved

RF = "rf"


class EseStepper:
    """See :class:`accel_sim.validation.verify.skipping.SkipStepper`."""

    def refused(self, arch: Accelerator) -> Iterator[Fault]:
        """A pipeline of another depth than that of the stepped PE."""
        stages = _array(arch).pipeline_stages
        if stages != STAGES:
            message = f"found {stages}; the stepped PE has {STAGES} stages"
            yield Fault(key="array.pipeline_stages", message=message)

    def step(self, tile: StepTile) -> StepRun:
        """A product of the block with all windows, in rounds of the channels."""
        array, bits = _array(tile.arch), tile.bits
        spec = EseSpec(
            array.channels, array.pes, array.queue_depth, (1 << array.run_bits) - 1, array.empty_slice_cycles
        )
        columns = np.ascontiguousarray(tile.filters.reshape(len(tile.filters), -1).T)
        lists = write_entry_lists(columns, spec.n_pes, spec.max_run)
        run = ese_stepped(lists, tile.windows(), len(tile.filters), spec)
        events = [int(count) for count in run.events]
        sent, multiplies, entries = (
            events[event] for event in (stepped.WORDS_SENT, stepped.MULTIPLIES, stepped.MATRIX_READS)
        )
        entry_bytes = ceil_div(entries * (array.weight_bits + array.run_bits), 8)
        pointers = events[stepped.POINTER_READS]
        pointer_bytes = ceil_div(pointers * array.pointer_bits, 8)
        ifmaps = tile.arch.buffer_for("ifmap").name
        return StepRun(
            outputs=tile.ofmap(run.outputs),
            cycles=run.total_cycles,
            n_macs=events[stepped.WEIGHT_MULTIPLIES],
            tallies={
                **moved(ifmaps, "ifmap", sent, bits.bytes_of("ifmap", sent), RF, events[stepped.WORDS_QUEUED]),
                **counted(RF, "ifmap", "read", multiplies, bits.bytes_of("ifmap", multiplies)),
                **filter_moves(tile.arch, entries, entry_bytes, pointers, pointer_bytes),
            },
            window_ends=run.ends[np.arange(tile.n_windows) // spec.n_channels],
        )

    def pe(self, tile: StepTile, output: tuple[int, int, int, int], tap: tuple[int, int, int]) -> str:
        """The PE that owns the filter's row of the matrix, in the channel that the window is dealt to."""
        array = _array(tile.arch)
        return f"PE {output[1] % array.pes} of channel {tile.window_index(output) % array.channels}"


def _array(arch: Accelerator) -> Ese:
    assert isinstance(arch.array, Ese)
    return arch.array
