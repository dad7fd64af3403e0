"""SCNN in a tile program: an image is a convolution of compressed planes; a vector is dealt to the PEs."""

from __future__ import annotations

import numpy as np

from accel_sim.arch import Accelerator, ArraySpec
from accel_sim.arch.arrays.scnn import Scnn
from accel_sim.kernels.sparse.scnn import BARRIER_CHANNEL, BARRIER_GROUP, ConvShape, ScnnSpec, group_size, scnn_conv
from accel_sim.kernels.sparse.scnn_fc import scnn_fc
from accel_sim.lowering.skipping_tile import SkipCost, SkipTile, read, sums
from accel_sim.mapping.base import WordBits
from accel_sim.workload import MacShape


class ScnnMachine:
    """See :class:`accel_sim.lowering.skipping_tile.SkipMachine`."""

    def block(self, array: ArraySpec, shape: MacShape) -> tuple[int, int]:
        """What the accumulators hold; the kernel orders the groups of a larger block, and hides their halos."""
        assert isinstance(array, Scnn)
        conv = ConvShape(shape.p, shape.q, shape.stride_h, shape.pad_h)
        return int(group_size(shape.k, conv, _spec(array))), shape.k

    def cost(self, arch: Accelerator, bits: WordBits, tile: SkipTile) -> SkipCost:
        """Image after image."""
        array = arch.array
        assert isinstance(array, Scnn)
        spec, shape = _spec(array), tile.shape
        work = np.zeros(array.n_pes, dtype=np.int64)
        cycles = products = pairs = activations = weights = conflicts = barrier = halo = exposed = 0
        is_vector = (shape.h, shape.w, shape.r, shape.s, shape.pad_h, shape.pad_w) == (1, 1, 1, 1, 0, 0)
        pad = tile.whole_pad
        planes = tile.ifmap if pad is not None else tile.padded()
        conv = ConvShape(tile.p, shape.q, shape.stride_h, pad or 0)
        for image in planes:
            if is_vector:
                vector = scnn_fc(image[:, 0, 0], tile.filters[:, :, 0, 0], spec)
                cycles += vector.total_cycles
                work += vector.pe_cycles - vector.pe_conflict_cycles
                products += vector.n_products
                pairs += vector.n_vector_pairs
                activations += vector.n_activation_vectors
                weights += vector.n_weight_vectors
                conflicts += int(vector.pe_conflict_cycles.sum())
                barrier += array.n_pes * vector.total_cycles - int(vector.pe_cycles.sum())
                continue
            counts = scnn_conv(image, tile.filters, conv, spec)
            cycles += counts.total_cycles
            work += counts.pe_cycles - counts.pe_conflict_cycles
            products += counts.n_products
            pairs += counts.n_vector_pairs
            activations += counts.n_activation_vectors
            weights += counts.n_weight_vectors
            conflicts += int(counts.pe_conflict_cycles.sum())
            barrier += counts.barrier_cycles
            halo += counts.halo_cycles
            exposed += counts.total_cycles - counts.compute_cycles
        ifmap_words, filter_words = activations * array.i_vector, weights * array.f_vector
        # Weights of a convolution go to all PEs at once; those of a fully connected layer to one PE each.
        receivers = 1 if is_vector else array.n_pes
        actions = [
            *read(arch.buffer_for("ifmap").name, "ifmap", ifmap_words, bits.bytes_of("ifmap", ifmap_words)),
            *read(
                arch.buffer_for("filter").name,
                "filter",
                filter_words,
                bits.bytes_of("filter", filter_words),
                receivers,
            ),
            *sums(bits, products),
        ]
        return SkipCost(
            cycles=cycles,
            n_done=products,
            actions=tuple(actions),
            work_cycles=work,
            facts={
                "idle_multiplier_slots": pairs * array.i_vector * array.f_vector - products,
                "bank_conflict_pe_cycles": conflicts,
                "barrier_pe_cycles": barrier,
                "exposed_halo_pe_cycles": array.n_pes * exposed,
                "halo_cycles": halo,
            },
        )


def _spec(array: Scnn) -> ScnnSpec:
    return ScnnSpec(
        array.pe_rows,
        array.pe_cols,
        array.i_vector,
        array.f_vector,
        array.n_banks,
        array.accumulator_entries,
        array.bank_queue,
        BARRIER_GROUP if array.barrier == "group" else BARRIER_CHANNEL,
        array.halo_overlap,
        array.tile_padding,
    )
