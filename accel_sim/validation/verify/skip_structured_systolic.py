"""Steps the systolic array for N:M weights: weights down, blocks of activations right, psums down, fold after fold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator
from accel_sim.arch.arrays.structured_systolic import StructuredSystolic
from accel_sim.errors import Fault
from accel_sim.kernels.sparse.structured_systolic import StructuredSpec
from accel_sim.kernels.stepped.structured_systolic import structured_stepped
from accel_sim.units import ceil_div
from accel_sim.validation.verify.skip_tile import I64, StepRun, StepTile, counted, moved

RF, PEER = "rf", "array"


class StructuredSystolicStepper:
    """See :class:`accel_sim.validation.verify.skipping.SkipStepper`."""

    def refused(self, arch: Accelerator) -> Iterator[Fault]:
        """Nothing: the stepped array has all settings."""
        yield from ()

    def step(self, tile: StepTile) -> StepRun:
        """One GEMM; the weights are stored N:M where some of them are zero."""
        array, bits = _array(tile.arch), tile.bits
        n, m = _groups(tile)
        windows, weights = _along_k(tile, tile.windows(), m), _along_k(tile, tile.filters, m)
        # A step that runs with some taps left out, to find a wrong sum, may break N:M.
        if int(np.count_nonzero(weights.reshape(len(weights), -1, m), axis=2).max()) > n:
            n = m = 1
            windows, weights = _along_k(tile, tile.windows(), m), _along_k(tile, tile.filters, m)
        spec = StructuredSpec(rows=array.rows, cols=array.cols, n=n, m=m)
        run = structured_stepped(windows, np.ascontiguousarray(weights.T), spec)
        place_bits = max(1, (m - 1).bit_length()) if n < m else 0
        filter_bytes = bits.bytes_of("filter", run.n_weights) + ceil_div(run.n_weights * place_bits, 8)
        carried = run.n_psum_reads, bits.bytes_of("psum", run.n_psum_reads)
        slots, sums = run.n_slots, bits.bytes_of("psum", run.n_slots)
        ifmaps, filters, results = (tile.arch.buffer_for(tensor).name for tensor in ("ifmap", "filter", "psum"))
        return StepRun(
            outputs=tile.ofmap(run.outputs),
            cycles=run.total_cycles,
            n_macs=slots - _fillers(tile, n, m),
            tallies={
                **moved(ifmaps, "ifmap", run.n_activations, bits.bytes_of("ifmap", run.n_activations), PEER),
                **moved(filters, "filter", run.n_weights, filter_bytes, RF),
                **counted(RF, "ifmap", "read", slots, bits.bytes_of("ifmap", slots)),
                **counted(RF, "filter", "read", slots, bits.bytes_of("filter", slots)),
                **counted(RF, "psum", "read", slots, sums),
                **counted(RF, "psum", "write", slots, sums),
                **counted(results, "psum", "read", *carried, PEER),
                **counted(results, "psum", "write", *carried, PEER),
            },
        )

    def pe(self, tile: StepTile, output: tuple[int, int, int, int], tap: tuple[int, int, int]) -> str:
        """The column of the output's filter; of the rows, those of the tap's group."""
        array = _array(tile.arch)
        n, m = _groups(tile)
        channels = ceil_div(tile.shape.c, m)
        group = (tap[1] * tile.shape.s + tap[2]) * channels + tap[0] // m
        first = group % (array.rows // n) * n
        rows = f"row {first}" if n == 1 else f"rows {first}-{first + n - 1}"
        return f"{rows}, column {output[1] % array.cols}"


def _array(arch: Accelerator) -> StructuredSystolic:
    assert isinstance(arch.array, StructuredSystolic)
    return arch.array


def _groups(tile: StepTile) -> tuple[int, int]:
    """Return n and m of the step's weights; (1, 1) where they are stored as they are."""
    array = _array(tile.arch)
    return (array.n, array.m) if tile.arch.mac.sparsity == "n_of_m" and not tile.filters.all() else (1, 1)


def _along_k(tile: StepTile, rows: NDArray[Any], m: int) -> I64:
    """Return values (rows, C x R x S) as int64 (rows, R x S x channels of a tap in whole groups)."""
    shape = tile.shape
    filled = np.zeros((len(rows), shape.r, shape.s, ceil_div(shape.c, m) * m), dtype=np.int64)
    filled[..., : shape.c] = rows.reshape(-1, shape.c, shape.r, shape.s).transpose(0, 2, 3, 1)
    return filled.reshape(len(rows), -1)


def _fillers(tile: StepTile, n: int, m: int) -> int:
    """Return the multiplies by stored places that a tap's last group has and the layer has not."""
    cut_short = tile.shape.c % m
    missing = max(0, n - cut_short) if cut_short else 0
    return missing * tile.shape.r * tile.shape.s * len(tile.filters) * tile.n_windows
