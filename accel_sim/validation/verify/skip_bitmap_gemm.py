"""Steps SIGMA-like machines: non-zero weights are held, windows stream past them, sums leave through the adders."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator
from accel_sim.arch.arrays.bitmap_gemm import BitmapGemm
from accel_sim.errors import Fault
from accel_sim.kernels.sparse.sigma import SigmaSpec
from accel_sim.kernels.stepped import sigma as stepped
from accel_sim.validation.verify.skip_tile import StepRun, StepTile, counted, moved

RF, PEER = "rf", "array"


class BitmapGemmStepper:
    """See :class:`accel_sim.validation.verify.skipping.SkipStepper`."""

    def refused(self, arch: Accelerator) -> Iterator[Fault]:
        """Nothing."""
        yield from ()

    def step(self, tile: StepTile) -> StepRun:
        """One GEMM, fold after fold."""
        array, bits = _array(tile.arch), tile.bits
        spec = SigmaSpec(
            array.multipliers,
            array.distribution_ports,
            array.collection_lines,
            array.non_blocking,
            array.cut_rows,
            array.drop_useless,
        )
        held = tile.filters.reshape(len(tile.filters), -1).astype(np.int64)
        run = stepped.sigma_stepped(held, tile.windows(), spec)
        events = [int(count) for count in run.events]
        weights, sent, products = (
            events[stepped.STATIONARY_READS],
            events[stepped.STREAMING_READS],
            events[stepped.MULTIPLIES],
        )
        ifmaps, filters, results = (tile.arch.buffer_for(tensor).name for tensor in ("ifmap", "filter", "ofmap"))
        # What is read back was written first; the sums that leave for good are counted for all machines alike.
        carried = events[stepped.PSUM_READS]
        carried_bytes = bits.bytes_of("psum", carried)
        return StepRun(
            outputs=tile.ofmap(run.outputs.T),
            cycles=run.total_cycles,
            n_macs=products,
            tallies={
                **moved(ifmaps, "ifmap", sent, bits.bytes_of("ifmap", sent), PEER),
                **moved(filters, "filter", weights, bits.bytes_of("filter", weights), RF),
                **counted(RF, "filter", "read", products, bits.bytes_of("filter", products)),
                **counted(results, "psum", "read", carried, carried_bytes, PEER),
                **counted(results, "psum", "write", carried, carried_bytes, PEER),
            },
        )

    def pe(self, tile: StepTile, output: tuple[int, int, int, int], tap: tuple[int, int, int]) -> str:
        """The multiplier that holds the weight, if one does."""
        array, shape = _array(tile.arch), tile.shape
        is_held = tile.filters.reshape(len(tile.filters), -1) != 0
        if array.drop_useless:
            is_held &= (tile.windows() != 0).any(axis=0)
        place = (tap[0] * shape.r + tap[1]) * shape.s + tap[2]
        if not is_held[output[1], place]:
            return "no multiplier (the weight is zero or meets only zeros)"
        return f"multiplier {_multiplier(is_held, output[1], place, array)}"


def _array(arch: Accelerator) -> BitmapGemm:
    assert isinstance(arch.array, BitmapGemm)
    return arch.array


def _multiplier(is_held: NDArray[np.bool_], row: int, place: int, array: BitmapGemm) -> int:
    """Return which multiplier holds a weight; ``is_held`` bool (rows, places)."""
    in_row = int(is_held[row, :place].sum())
    sizes = [int(size) for size in is_held[: row + 1].sum(axis=1)]
    if array.cut_rows:
        return (sum(sizes[:-1]) + in_row) % array.multipliers
    used = 0
    for size in sizes[:-1]:
        used = size if used + size > array.multipliers else used + size
        # A row that is cut has its folds for itself.
        used = 0 if size > array.multipliers else used
    first = 0 if used + sizes[-1] > array.multipliers else used
    if in_row < array.multipliers:
        return first + in_row
    # In a later part of a cut row, the first multiplier passes the psum on.
    return (in_row - array.multipliers) % (array.multipliers - 1) + 1
