"""The least DRAM traffic that any schedule of a layer needs: each word that is used or made, once."""

from __future__ import annotations

from accel_sim.lowering.memory_map import LayerPlaces, TensorPlace
from accel_sim.lowering.on_chip import OnChip
from accel_sim.mapping.spans import Span, axes_of
from accel_sim.workload import Layer


def compulsory_dram_bytes(layer: Layer, places: LayerPlaces, on_chip: OnChip) -> int:
    """Return the bytes of all operands that the layer touches and of its ofmap, in their stored form.

    What stays on the chip is not counted. Strides may leave rows and columns of the ifmap untouched;
    those are not counted either. Rounded down, so that it stays a lower bound for transfers that round each piece up.
    """
    shape = layer.shape
    row_axis, col_axis = axes_of(shape)
    rows = int(row_axis.touched(Span.cut(shape.p, shape.p))[0])
    cols = int(col_axis.touched(Span.cut(shape.q, shape.q))[0])
    total = 0
    for operand, place in enumerate(places.inputs):
        n, c, _, _ = place.shape
        total += _stored(place, n * c * rows * cols) * (operand not in on_chip.operands)
    if places.filter is not None:
        assert layer.filter is not None
        is_kept = on_chip.weights if layer.filter.is_weight else 1 in on_chip.operands
        total += _stored(places.filter, places.filter.words) * (not is_kept)
    return total + _stored(places.ofmap, places.ofmap.words) * (not on_chip.ofmap)


def _stored(place: TensorPlace, words: int) -> int:
    return words * place.word_bits * place.stored.numerator // (8 * place.stored.denominator)
