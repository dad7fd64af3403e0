"""Filters that lie in DRAM padded to whole folds of a systolic array."""

from __future__ import annotations

from fractions import Fraction

from accel_sim.arch import Accelerator, SystolicMesh
from accel_sim.mapping.base import word_bits
from accel_sim.mapping.systolic_plan import window_of
from accel_sim.units import ceil_div
from accel_sim.workload import MacShape, Network


def padded_filters(network: Network, arch: Accelerator) -> dict[tuple[str, str], Fraction]:
    """Return stored over dense bits of each layer's filter, by (layer, ``filter``), where ``whole_tiles`` pads them.

    Every fold brings rows x cols words, zeros where the window or the filters end. A second operand that an earlier
    layer has made is as it is.
    """
    array = arch.array
    if not isinstance(array, SystolicMesh) or not array.whole_tiles:
        return {}
    ratios = {}
    for layer in network.layers:
        if not isinstance(layer.shape, MacShape) or layer.filter is None or not layer.filter.is_weight:
            continue
        window, filters = window_of(layer.shape), layer.shape.k * word_bits(layer, arch).filter_words
        padded = ceil_div(window, array.rows) * array.rows * ceil_div(filters, array.cols) * array.cols
        if padded > window * filters:
            ratios[layer.name, "filter"] = Fraction(padded, window * filters)
    return ratios
