"""N:M tensor cores in a tile program: a tile is a GEMM of filters and windows, channels fastest along K."""

from __future__ import annotations

import numpy as np

from accel_sim.arch import Accelerator, ArraySpec
from accel_sim.arch.arrays.n_of_m_tensor_core import NOfMTensorCore
from accel_sim.kernels.sparse.n_of_m import TensorCoreSpec, tensor_core_gemm
from accel_sim.lowering.n_of_m_groups import stored_groups
from accel_sim.lowering.skipping_tile import SkipCost, SkipTile, read
from accel_sim.mapping.base import WordBits
from accel_sim.workload import MacShape


class TensorCoreMachine:
    """See :class:`accel_sim.lowering.skipping_tile.SkipMachine`."""

    def block(self, array: ArraySpec, shape: MacShape) -> tuple[int, int]:
        """Rows of a matrix instruction, or any more."""
        assert isinstance(array, NOfMTensorCore)
        return array.mma_m, shape.k

    def cost(self, arch: Accelerator, bits: WordBits, tile: SkipTile) -> SkipCost:
        """One GEMM; sparse where the weights of the tile have zeros."""
        array, shape = arch.array, tile.shape
        assert isinstance(array, NOfMTensorCore)
        groups = stored_groups(arch, tile, array.n, array.m)
        spec = TensorCoreSpec(
            array.cores,
            array.macs,
            array.mma_m,
            array.mma_n,
            array.mma_k,
            array.n,
            array.m,
            bits.filter,
            bits.ifmap,
            array.operand_bytes_per_cycle,
        )
        taps = shape.r * shape.s
        counts = tensor_core_gemm(len(tile.filters), tile.n_windows, taps * groups.channels, groups.sparse, spec)
        done = len(tile.filters) * tile.n_windows * taps * groups.kept
        return SkipCost(
            cycles=counts.total_cycles,
            n_done=done,
            actions=(
                *read(arch.buffer_for("ifmap").name, "ifmap", counts.b_values, counts.b_bytes),
                *read(
                    arch.buffer_for("filter").name,
                    "filter",
                    counts.a_values,
                    counts.a_bytes + counts.metadata_bytes,
                ),
            ),
            work_cycles=np.array([counts.compute_cycles], dtype=np.int64),
            facts={
                "matrix_instructions": counts.n_instructions,
                "idle_multiplier_slots": counts.n_slots - done,
                "metadata_bytes_read": counts.metadata_bytes,
            },
        )
