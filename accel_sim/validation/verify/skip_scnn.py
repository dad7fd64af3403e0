"""Steps SCNN: PEs form all products of their tile's activations with the weights; a vector is dealt to the PEs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from accel_sim.arch import Accelerator
from accel_sim.arch.arrays.scnn import Scnn
from accel_sim.errors import Fault
from accel_sim.kernels.sparse.scnn import BARRIER_CHANNEL, BARRIER_GROUP, ConvShape, ScnnSpec
from accel_sim.kernels.stepped.scnn import ScnnRun, scnn_stepped
from accel_sim.units import ceil_div
from accel_sim.validation.verify.skip_tile import I64, StepRun, StepTile, counted, moved
from accel_sim.workload import MacShape

RF, PEER = "rf", "array"


class ScnnStepper:
    """See :class:`accel_sim.validation.verify.skipping.SkipStepper`."""

    def refused(self, arch: Accelerator) -> Iterator[Fault]:
        """Nothing."""
        yield from ()

    def step(self, tile: StepTile) -> StepRun:
        """Image after image."""
        array, bits = _array(tile.arch), tile.bits
        filters = tile.filters.astype(np.int64)
        is_vector = _is_vector(tile.shape)
        runs = [_vector(array, image, filters) if is_vector else _conv(tile, image, filters) for image in _planes(tile)]
        cycles, products, acts, weights = (sum(counts) for counts in zip(*(run[1:] for run in runs), strict=True))
        ifmap_words, filter_words = acts * array.i_vector, weights * array.f_vector
        # Weights of a convolution go to all PEs at once; those of a fully connected layer to one PE each.
        receivers = 1 if is_vector else array.n_pes
        psum_bytes = bits.bytes_of("psum", products)
        ifmaps, weight_fifo = tile.arch.buffer_for("ifmap").name, tile.arch.buffer_for("filter").name
        return StepRun(
            outputs=np.stack([run[0] for run in runs]),
            cycles=cycles,
            n_macs=products,
            tallies={
                **moved(ifmaps, "ifmap", ifmap_words, bits.bytes_of("ifmap", ifmap_words), PEER),
                **moved(
                    weight_fifo,
                    "filter",
                    filter_words,
                    bits.bytes_of("filter", filter_words),
                    PEER,
                    filter_words * receivers,
                ),
                **counted(RF, "psum", "read", products, psum_bytes),
                **counted(RF, "psum", "write", products, psum_bytes),
            },
        )

    def pe(self, tile: StepTile, output: tuple[int, int, int, int], tap: tuple[int, int, int]) -> str:
        """The PE in whose tile of the plane, or in whose share of the vector, the activation lies."""
        array, shape = _array(tile.arch), tile.shape
        if _is_vector(shape):
            return f"PE {tap[0] % array.n_pes}"
        pad = _pad(tile)
        _, _, height, width = _planes(tile).shape
        row, col = (output[i + 2] * shape.stride_h + tap[i + 1] - pad for i in (0, 1))
        if not (0 <= row < height and 0 <= col < width):
            return "no PE (padding)"
        border = pad if array.tile_padding else 0
        pe_row = (row + border) // ceil_div(height + 2 * border, array.pe_rows)
        pe_col = (col + border) // ceil_div(width + 2 * border, array.pe_cols)
        return f"PE ({pe_row}, {pe_col})"


Counts = tuple[I64, int, int, int, int]
"""Outputs int64 (K, P, Q), cycles, products, vectors of activations read, vectors of weights sent."""


def _array(arch: Accelerator) -> Scnn:
    assert isinstance(arch.array, Scnn)
    return arch.array


def _is_vector(shape: MacShape) -> bool:
    return (shape.h, shape.w, shape.r, shape.s, shape.pad_h, shape.pad_w) == (1, 1, 1, 1, 0, 0)


def _pad(tile: StepTile) -> int:
    """Padding that the array adds itself: the same on all sides of a whole plane; else it is in the plane."""
    is_whole = tile.band.p == tile.shape.p
    return tile.shape.pad_h if is_whole and tile.shape.pad_h == tile.shape.pad_w else 0


def _planes(tile: StepTile) -> I64:
    """Return int64 (N, C, rows, columns): the planes that are cut into the PEs' tiles, whole columns of the ifmap."""
    shape, band = tile.shape, tile.band
    if band.p == shape.p and shape.pad_h == shape.pad_w:
        return tile.ifmap
    height = (band.p - 1) * shape.stride_h + shape.r
    width = max((shape.q - 1) * shape.stride_w + shape.s, shape.pad_w + shape.w)
    planes = np.zeros((band.n, shape.c, height, width), dtype=np.int64)
    top = band.first_row - (band.first_p * shape.stride_h - shape.pad_h)
    planes[:, :, top : top + band.rows, shape.pad_w : shape.pad_w + shape.w] = tile.ifmap
    return planes


def _spec(array: Scnn, pe_rows: int, pe_cols: int) -> ScnnSpec:
    return ScnnSpec(
        pe_rows,
        pe_cols,
        array.i_vector,
        array.f_vector,
        array.n_banks,
        array.accumulator_entries,
        array.bank_queue,
        BARRIER_GROUP if array.barrier == "group" else BARRIER_CHANNEL,
        array.halo_overlap,
        array.tile_padding,
    )


def _counts(run: ScnnRun) -> Counts:
    return run.outputs, run.total_cycles, run.n_products, run.n_activation_vectors, run.n_weight_vectors


def _conv(tile: StepTile, image: I64, filters: I64) -> Counts:
    """One image: as many output channels at once as the accumulators of a PE hold for its tile of the ofmap."""
    array, shape = _array(tile.arch), tile.shape
    tile_area = ceil_div(tile.band.p, array.pe_rows) * ceil_div(shape.q, array.pe_cols)
    at_once = max(1, min(len(filters), array.accumulator_entries // tile_area))
    conv = ConvShape(tile.band.p, shape.q, shape.stride_h, _pad(tile))
    spec = _spec(array, array.pe_rows, array.pe_cols)
    return _counts(scnn_stepped(np.ascontiguousarray(image), filters, conv, at_once, spec))


def _vector(array: Scnn, image: I64, filters: I64) -> Counts:
    """A matrix times a vector: every PE has its own inputs, as channels of planes of one pixel, and its own weights."""
    spec = _spec(array, 1, 1)._replace(halo_overlap=True, tile_padding=False)
    at_once = min(len(filters), array.accumulator_entries)
    runs = [
        _counts(
            scnn_stepped(
                np.ascontiguousarray(image[pe :: array.n_pes]),
                np.ascontiguousarray(filters[:, pe :: array.n_pes]),
                ConvShape(1, 1, 1, 0),
                at_once,
                spec,
            )
        )
        for pe in range(min(array.n_pes, len(image)))
    ]
    outputs: I64 = np.sum([run[0] for run in runs], axis=0)
    products, acts, weights = (sum(counts) for counts in list(zip(*(run[1:] for run in runs), strict=True))[1:])
    return outputs, max(run[1] for run in runs), products, acts, weights
