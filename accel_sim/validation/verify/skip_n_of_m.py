"""Steps N:M tensor cores: a GEMM of filters and windows, channels fastest along K, one instruction after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator
from accel_sim.arch.arrays.n_of_m_tensor_core import NOfMTensorCore
from accel_sim.errors import Fault
from accel_sim.kernels.sparse.n_of_m import TensorCoreSpec
from accel_sim.kernels.stepped.n_of_m import tensor_core_stepped
from accel_sim.units import ceil_div
from accel_sim.validation.verify.skip_tile import I64, StepRun, StepTile, moved

PEER = "array"


class NOfMStepper:
    """See :class:`accel_sim.validation.verify.skipping.SkipStepper`."""

    def refused(self, arch: Accelerator) -> Iterator[Fault]:
        """A limited operand bandwidth, and multipliers that do not take whole columns of an instruction's A."""
        array = _array(arch)
        if array.operand_bytes_per_cycle:
            message = f"found {array.operand_bytes_per_cycle}; operands reach the stepped cores without a limit (0)"
            yield Fault(key="array.operand_bytes_per_cycle", message=message)
        column = array.mma_m * array.mma_n
        if array.macs % column:
            message = f"found {array.macs}; the stepped cores take whole columns of array.mma_m x mma_n = {column}"
            yield Fault(key="array.macs", message=message)

    def step(self, tile: StepTile) -> StepRun:
        """One GEMM; the weights are stored N:M where some of them are zero."""
        array, bits = _array(tile.arch), tile.bits
        a, b = _along_k(tile, tile.filters), _along_k(tile, tile.windows())
        # A step that runs with some taps left out, to find a wrong sum, may break N:M.
        is_sparse = tile.arch.mac.sparsity == "n_of_m" and not tile.filters.all() and _most_kept(a, array.m) <= array.n
        spec = TensorCoreSpec(
            n_cores=array.cores,
            macs=array.macs,
            mma_m=array.mma_m,
            mma_n=array.mma_n,
            mma_k=array.mma_k,
            n=array.n,
            m=array.m,
        )
        run = tensor_core_stepped(a, np.ascontiguousarray(b.T), is_sparse, spec)
        in_layer = np.arange(a.shape[1]) % _channels(tile) < tile.shape.c
        place_bits = max(1, (array.m - 1).bit_length()) if is_sparse else 0
        ifmaps, filters = tile.arch.buffer_for("ifmap").name, tile.arch.buffer_for("filter").name
        filter_bytes = run.a_values * bits.filter // 8 + run.a_values * place_bits // 8
        return StepRun(
            outputs=tile.ofmap(run.outputs.T),
            cycles=run.total_cycles,
            n_macs=int(run.products_by_place[in_layer].sum()),
            tallies={
                **moved(ifmaps, "ifmap", run.b_values, run.b_values * bits.ifmap // 8, PEER),
                **moved(filters, "filter", run.a_values, filter_bytes, PEER),
            },
        )

    def pe(self, tile: StepTile, output: tuple[int, int, int, int], tap: tuple[int, int, int]) -> str:
        """The core that the output's tile is dealt to."""
        array = _array(tile.arch)
        columns = ceil_div(tile.n_windows, array.mma_n)
        index = output[1] // array.mma_m * columns + tile.window_index(output) // array.mma_n
        return f"core {index % array.cores}"


def _array(arch: Accelerator) -> NOfMTensorCore:
    assert isinstance(arch.array, NOfMTensorCore)
    return arch.array


def _channels(tile: StepTile) -> int:
    """Channels of a tap, filled up to whole groups where weights are pruned in groups."""
    m = _array(tile.arch).m if tile.arch.mac.sparsity == "n_of_m" and not tile.filters.all() else 1
    return ceil_div(tile.shape.c, m) * m


def _along_k(tile: StepTile, rows: NDArray[Any]) -> I64:
    """Return values (rows, C x R x S) as int64 (rows, R x S x channels of a tap)."""
    shape = tile.shape
    filled = np.zeros((len(rows), shape.r, shape.s, _channels(tile)), dtype=np.int64)
    filled[..., : shape.c] = rows.reshape(-1, shape.c, shape.r, shape.s).transpose(0, 2, 3, 1)
    return filled.reshape(len(rows), -1)


def _most_kept(a: I64, m: int) -> int:
    return int(np.count_nonzero(a.reshape(len(a), -1, m), axis=2).max())
