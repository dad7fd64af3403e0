"""Steps Cambricon-X: indexing modules hand each PE the neurons that the kept weights of its filter need."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from accel_sim.arch import Accelerator
from accel_sim.arch.arrays.cambricon_x import CambriconX
from accel_sim.errors import Fault
from accel_sim.kernels.sparse.cambricon_x import CambriconXSpec
from accel_sim.kernels.stepped.cambricon_x import cambricon_x_stepped
from accel_sim.validation.verify.skip_tile import StepRun, StepTile, moved

PEER = "array"


class CambriconXStepper:
    """See :class:`accel_sim.validation.verify.skipping.SkipStepper`."""

    def refused(self, arch: Accelerator) -> Iterator[Fault]:
        """Nothing."""
        yield from ()

    def step(self, tile: StepTile) -> StepRun:
        """All windows, one after the other."""
        array, bits = _array(tile.arch), tile.bits
        weights = tile.filters.reshape(len(tile.filters), -1).astype(np.int64)
        spec = CambriconXSpec(
            array.pes, array.multipliers, array.segment, array.segments_per_barrier, array.empty_segment_cycles
        )
        run = cambricon_x_stepped(weights, tile.windows().T, spec)
        neurons = run.n_segment_reads * array.segment
        weight_bytes = run.n_weight_reads * array.multipliers * bits.filter // 8
        ifmaps, filters = tile.arch.buffer_for("ifmap").name, tile.arch.buffer_for("filter").name
        arrivals = run.n_segments_taken * array.segment
        return StepRun(
            outputs=tile.ofmap(run.outputs.T),
            cycles=run.total_cycles,
            n_macs=run.n_macs,
            tallies={
                **moved(ifmaps, "ifmap", neurons, bits.bytes_of("ifmap", neurons), PEER, arrivals),
                **moved(filters, "filter", run.n_macs, weight_bytes, PEER),
            },
            window_ends=run.window_ends,
        )

    def pe(self, tile: StepTile, output: tuple[int, int, int, int], tap: tuple[int, int, int]) -> str:
        """The PE that makes the output neuron; its multiplier depends on the weights kept before the tap."""
        return f"PE {output[1] % _array(tile.arch).pes}"


def _array(arch: Accelerator) -> CambriconX:
    assert isinstance(arch.array, CambriconX)
    return arch.array
