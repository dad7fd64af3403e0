"""In which order the rows of a compressed matrix lie, and so which PE each belongs to: by number, or by their work."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator
from accel_sim.arch.arrays.column_lists import ColumnLists
from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.formats import make_format
from accel_sim.compression.masks import tensor_mask
from accel_sim.kernels.sparse.balance import balanced_row_order
from accel_sim.mapping.base import word_bits
from accel_sim.workload import Layer, MacShape, Network

I64 = NDArray[np.int64]


def is_balanced(arch: Accelerator, layer: Layer) -> bool:
    """Whether the filters of ``layer`` are dealt to PEs by their work; what is made during a run has no such order."""
    weights = layer.filter
    asked = isinstance(arch.array, ColumnLists) and arch.array.row_order == "balanced"
    return asked and weights is not None and weights.is_weight


def filter_order(arch: Accelerator, layer: Layer, filter_nnz: I64) -> I64:
    """Return the filter that stands at each place, group after group, int64[groups * K].

    Parameters
    ----------
    filter_nnz
        int64[groups * K]: the non-zero weights of each filter.
    """
    if not is_balanced(arch, layer):
        return np.arange(filter_nnz.size)
    assert isinstance(arch.array, ColumnLists)
    assert isinstance(layer.shape, MacShape)
    k = layer.shape.k
    return np.concatenate(
        [
            first + balanced_row_order(filter_nnz[first : first + k], arch.array.pes)
            for first in range(0, filter_nnz.size, k)
        ]
    )


def in_order(arch: Accelerator, layer: Layer, filters: BitMask) -> BitMask:
    """Return the mask of the filters as they lie."""
    if not is_balanced(arch, layer):
        return filters
    order = filter_order(arch, layer, filters.row_nnz())
    return BitMask(shape=filters.shape, words=filters.words[order])


def ordered_filters(network: Network, arch: Accelerator, seed: int) -> dict[tuple[str, str], Fraction]:
    """Return stored over dense bits of each layer's filter, by (layer, ``filter``), where the order is not by number.

    The memory holds the matrix as the PEs read it, and how many padding entries bridge its zeros depends on the order.
    """
    ratios = {}
    for layer in network.layers:
        if layer.filter is None or not is_balanced(arch, layer):
            continue
        mask = in_order(arch, layer, tensor_mask(layer.filter, seed))
        size = make_format(arch.formats.filter, **arch.array.format_keys("filter")).size(mask)
        ratios[layer.name, "filter"] = Fraction(size.total_bits, mask.size * word_bits(layer, arch).filter)
    return ratios
