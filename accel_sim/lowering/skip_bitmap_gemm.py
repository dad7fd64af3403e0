"""A SIGMA-like machine in a tile program: filters are held, windows are streamed past them."""

from __future__ import annotations

import numpy as np

from accel_sim.arch import Accelerator, ArraySpec
from accel_sim.arch.arrays.bitmap_gemm import BitmapGemm
from accel_sim.compression.bitmask import BitMask
from accel_sim.kernels.sparse.sigma import SigmaSpec, sigma_gemm
from accel_sim.lowering.skipping_tile import RF, SkipCost, SkipTile, read
from accel_sim.mapping.base import WordBits
from accel_sim.program import Action, ActionKey
from accel_sim.workload import MacShape


class BitmapGemmMachine:
    """See :class:`accel_sim.lowering.skipping_tile.SkipMachine`."""

    def block(self, array: ArraySpec, shape: MacShape) -> tuple[int, int]:
        """Any number of rows."""
        return 1, shape.k

    def cost(self, arch: Accelerator, bits: WordBits, tile: SkipTile) -> SkipCost:
        """One GEMM."""
        array = arch.array
        assert isinstance(array, BitmapGemm)
        spec = SigmaSpec(
            array.multipliers,
            array.distribution_ports,
            array.collection_lines,
            array.non_blocking,
            array.cut_rows,
            array.drop_useless,
        )
        streamed = tile.windows().reshape(tile.n_windows, -1).sum(axis=0, dtype=np.int64)
        filters = BitMask.of(tile.filters.reshape(len(tile.filters), -1))
        counts = sigma_gemm(filters.words, streamed, tile.n_windows, spec)
        results = arch.buffer_for("ofmap").name
        carried = counts.n_psum_reads
        products = counts.n_multiplies
        return SkipCost(
            cycles=counts.total_cycles,
            n_done=products,
            actions=(
                *read(
                    arch.buffer_for("ifmap").name,
                    "ifmap",
                    counts.n_streaming_reads,
                    bits.bytes_of("ifmap", counts.n_streaming_reads),
                ),
                *read(
                    arch.buffer_for("filter").name,
                    "filter",
                    counts.n_stationary_reads,
                    bits.bytes_of("filter", counts.n_stationary_reads),
                    peer=RF,
                ),
                Action(ActionKey(RF, "filter", "read"), bits.bytes_of("filter", products), products),
                # Sums of a row that is cut are written, and read again by the fold that goes on with it.
                Action(ActionKey(results, "psum", "write", "array"), bits.bytes_of("psum", carried), carried),
                Action(ActionKey(results, "psum", "read", "array"), bits.bytes_of("psum", carried), carried),
            ),
            work_cycles=counts.multiplier_busy_cycles,
            facts={
                "folds": counts.n_folds,
                "n_macs_with_zero_activation": products - counts.n_effectual_macs,
                "carried_psums": carried,
            },
        )
