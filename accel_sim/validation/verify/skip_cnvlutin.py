"""Steps Cnvlutin: lanes take the non-zero neurons of their slice of channels, each against the filters of all tiles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from accel_sim.arch import Accelerator
from accel_sim.arch.arrays.cnvlutin import Cnvlutin
from accel_sim.errors import Fault
from accel_sim.kernels.sparse.cnvlutin import CnvlutinShape, CnvlutinSpec
from accel_sim.kernels.stepped.cnvlutin import cnvlutin_stepped
from accel_sim.units import ceil_div
from accel_sim.validation.verify.skip_tile import StepRun, StepTile, moved

PEER = "array"


class CnvlutinStepper:
    """See :class:`accel_sim.validation.verify.skipping.SkipStepper`."""

    def refused(self, arch: Accelerator) -> Iterator[Fault]:
        """Nothing."""
        yield from ()

    def step(self, tile: StepTile) -> StepRun:
        """Image after image; zeros of the padding lie in the neuron memory like others."""
        array, bits, shape = _array(tile.arch), tile.bits, tile.shape
        spec = CnvlutinSpec(
            array.lanes,
            array.brick,
            array.tiles,
            array.filters,
            array.empty_brick_cycles,
            array.encoded,
            array.pipeline_cycles,
        )
        window = CnvlutinShape(tile.band.p, shape.q, shape.r, shape.s, shape.stride_h, 0, len(tile.filters))
        weights = tile.filters.astype(np.int64)
        runs = [cnvlutin_stepped(image, weights, window, spec) for image in tile.padded()]
        starts = np.cumsum([0, *(run.total_cycles for run in runs[:-1])])
        n_neurons = sum(run.n_brick_reads for run in runs) * array.brick
        n_weights = sum(run.n_weight_reads for run in runs) * array.filters
        ifmaps, filters = tile.arch.buffer_for("ifmap").name, tile.arch.buffer_for("filter").name
        return StepRun(
            outputs=np.stack([run.outputs for run in runs]),
            cycles=sum(run.total_cycles for run in runs),
            n_macs=sum(run.n_macs for run in runs),
            tallies={
                **moved(ifmaps, "ifmap", n_neurons, bits.bytes_of("ifmap", n_neurons), PEER),
                **moved(filters, "filter", n_weights, bits.bytes_of("filter", n_weights), PEER),
            },
            window_ends=np.concatenate([start + run.window_ends for start, run in zip(starts, runs, strict=True)]),
        )

    def pe(self, tile: StepTile, output: tuple[int, int, int, int], tap: tuple[int, int, int]) -> str:
        """The lane whose slice the tap's channel is in, and the tile and filter of the output."""
        array = _array(tile.arch)
        lane = tap[0] // ceil_div(tile.shape.c, array.lanes)
        tile_index, own = divmod(output[1] % (array.tiles * array.filters), array.filters)
        return f"tile {tile_index}, filter {own}, lane {lane}"


def _array(arch: Accelerator) -> Cnvlutin:
    assert isinstance(arch.array, Cnvlutin)
    return arch.array
