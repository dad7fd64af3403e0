"""The least DRAM traffic that any schedule of a layer needs: each word that is used or made, once."""

from __future__ import annotations

import numpy as np

from accel_sim.lowering.memory_map import LayerPlaces, TensorPlace
from accel_sim.workload import Layer


def compulsory_dram_bytes(layer: Layer, places: LayerPlaces) -> int:
    """Return the bytes of all operands that the layer touches and of its ofmap, in their stored form.

    Strides may leave rows and columns of the ifmap untouched; those are not counted. Rounded down, so that it stays a
    lower bound for transfers that round each piece up.
    """
    shape = layer.shape
    rows = _touched(shape.p, shape.r, shape.stride_h, getattr(shape, "dilation_h", 1), shape.pad_h, shape.h)
    cols = _touched(shape.q, shape.s, shape.stride_w, getattr(shape, "dilation_w", 1), shape.pad_w, shape.w)
    total = 0
    for place in places.inputs:
        n, c, _, _ = place.shape
        total += _stored(place, n * c * rows * cols)
    if places.filter is not None:
        total += _stored(places.filter, places.filter.words)
    return total + _stored(places.ofmap, places.ofmap.words)


def _stored(place: TensorPlace, words: int) -> int:
    return words * place.word_bits * place.stored.numerator // (8 * place.stored.denominator)


def _touched(outputs: int, window: int, stride: int, dilation: int, padding: int, size: int) -> int:
    """How many of ``size`` input rows (or columns) some window covers."""
    index = np.arange(outputs)[:, None] * stride - padding + np.arange(window)[None, :] * dilation
    return int(np.unique(index[(index >= 0) & (index < size)]).size)
