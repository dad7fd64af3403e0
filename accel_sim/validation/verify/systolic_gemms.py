"""A layer on a systolic array as gemms: their folds, and where in them the sum of an output stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.im2col import ConvShape, Operand, filter_operand, ifmap_operand
from accel_sim.kernels.stepped.systolic import gemm_folds
from accel_sim.kernels.stepped.systolic_run import Cut
from accel_sim.kernels.systolic_array import (
    INPUT_STATIONARY,
    OUTPUT_STATIONARY,
    PSUM_READ_BACK,
    GemmShape,
    SystolicArray,
)
from accel_sim.mapping.base import WordBits
from accel_sim.mapping.systolic_plan import SystolicPlan, partial_pixels
from accel_sim.validation.verify.operands import Operands
from accel_sim.workload import MacShape

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gemms:
    """A layer as the gemms that its mapping makes of it.

    Parameters
    ----------
    conv
        The convolution, with the windows that hang over the edge where the array works on them.
    parts
        The gemms, as `step_gemm` takes them.
    bits
        How many words of the array a value takes; the gemms have a pixel and a filter for each.
    order
        The ofmap pixel, in (N, P, Q) order of ``conv``, that stands at each place of the gemms' pixels, int64 (M,).
    is_real
        Whether the pixel at each place is one of the layer, bool (M,).
    cuts
        The folds, int64 (n_folds, 11).
    """

    conv: ConvShape
    parts: I64
    bits: WordBits
    order: I64
    is_real: Mask
    cuts: I64

    def fold(self, index: int) -> Cut:
        """Return one fold."""
        row = [int(value) for value in self.cuts[index]]
        return Cut(row[0], row[1], bool(row[2]), *row[3:])


@dataclass(frozen=True, slots=True)
class Visit:
    """When a sum stands in a PE's register: cycles since the fold's start, and what it should be."""

    offset: int
    row: int
    col: int
    expected: int


def cut_gemms(shape: MacShape, plan: SystolicPlan) -> Gemms:
    """Cut a layer as its mapping says: blocks of pixels, in each of them groups of filters where those stream."""
    more_rows, more_cols = partial_pixels(shape) if plan.counts_partial else (0, 0)
    sizes = {name: getattr(shape, name) for name in ConvShape._fields}
    conv = ConvShape(**{**sizes, "p": shape.p + more_rows, "q": shape.q + more_cols})
    numbers = np.arange(conv.n * conv.p * conv.q, dtype=np.int64).reshape(conv.n, conv.p, conv.q)
    n_filters = shape.k * plan.bits.filter_words
    filters = plan.tk if plan.array.dataflow == INPUT_STATIONARY else n_filters
    order: list[I64] = []
    parts: list[tuple[int, int, int, int]] = []
    n_pixels = 0
    for n, p, q in _blocks(shape, plan):
        p_end, q_end = min(p + plan.tp, shape.p), min(q + plan.tq, shape.q)
        p_counted, q_counted = (conv.p if p_end == shape.p else p_end), (conv.q if q_end == shape.q else q_end)
        block = numbers[n : n + plan.tn, p:p_counted, q:q_counted]
        real = np.zeros(block.shape, dtype=np.bool_)
        real[:, : p_end - p, : q_end - q] = True
        order += [block[real], block[~real]]
        n_vectors = block.size * plan.bits.ifmap_words
        parts += [(n_pixels, n_vectors, k, min(filters, n_filters - k)) for k in range(0, n_filters, filters)]
        n_pixels += n_vectors
    one_group = np.array(parts, dtype=np.int64)
    groups = np.repeat(np.arange(shape.groups), len(parts))
    all_parts = np.column_stack((groups, np.tile(one_group, (shape.groups, 1))))
    joined = np.concatenate(order)
    _, rows, columns = np.unravel_index(joined, numbers.shape)
    gemm = GemmShape(m=n_pixels, k=shape.c * shape.r * shape.s, n=n_filters, groups=shape.groups)
    return Gemms(
        conv=conv,
        parts=all_parts,
        bits=plan.bits,
        order=joined,
        is_real=(rows < shape.p) & (columns < shape.q),
        cuts=gemm_folds(gemm, plan.array, all_parts),
    )


def _blocks(shape: MacShape, plan: SystolicPlan) -> Iterator[tuple[int, int, int]]:
    """Yield the first image, row and column of each block of pixels, in order."""
    for n in range(0, shape.n, plan.tn):
        for p in range(0, shape.p, plan.tp):
            for q in range(0, shape.q, plan.tq):
                yield n, p, q


def gemm_operands(operands: Operands, gemms: Gemms) -> tuple[Operand, Operand]:
    """Return ifmap and filters as gemm operands, pixels in the order of the gemms."""
    ifmap, bits = ifmap_operand(operands.ifmap, gemms.conv), gemms.bits
    ifmap = ifmap._replace(outer=ifmap.outer[gemms.order])
    return (
        _in_words(ifmap, bits.ifmap_words, bits.ifmap),
        _in_words(filter_operand(operands.filters, gemms.conv), bits.filter_words, bits.filter),
    )


def _in_words(operand: Operand, n_words: int, value_bits: int) -> Operand:
    """Return an operand with as many outer indices for each one as its values have words, the lowest word first.

    Only the highest word has a sign.
    """
    if n_words == 1:
        return operand
    width = value_bits // n_words
    values = operand.values.astype(np.int64)
    lower = [values >> (width * word) & ((1 << width) - 1) for word in range(n_words - 1)]
    words = np.concatenate([*lower, values >> (width * (n_words - 1))])
    outer = operand.outer[:, None] + values.size * np.arange(n_words)
    return operand._replace(values=words, outer=outer.ravel())


def join_words(outputs: I64, bits: WordBits) -> I64:
    """Return the sums of values, (groups, pixels, filters), from those of their words."""
    if bits.ifmap_words * bits.filter_words == 1:
        return outputs
    groups, vectors, _ = outputs.shape
    words = outputs.reshape(groups, vectors // bits.ifmap_words, bits.ifmap_words, -1, bits.filter_words)
    joined = np.zeros((groups, words.shape[1], words.shape[3]), dtype=np.int64)
    for i, j in np.ndindex(bits.ifmap_words, bits.filter_words):
        joined += words[:, :, i, :, j].astype(np.int64) << word_shift(bits, i, j)
    return joined


def word_shift(bits: WordBits, ifmap_word: int, filter_word: int) -> int:
    """Places by which the product of two words counts more than that of the lowest ones."""
    return ifmap_word * (bits.ifmap // bits.ifmap_words) + filter_word * (bits.filter // bits.filter_words)


def ranges_of(cut: Cut, array: SystolicArray) -> tuple[tuple[int, int], ...]:
    """First and end of the pixels, filters and window elements of a fold."""
    rows = (cut.first_row, cut.first_row + cut.rows_used)
    cols = (cut.first_col, cut.first_col + cut.cols_used)
    stream = (cut.first_stream, cut.first_stream + cut.stream)
    if array.dataflow == OUTPUT_STATIONARY:
        return rows, cols, stream
    return (cols, stream, rows) if array.dataflow == INPUT_STATIONARY else (stream, cols, rows)


def folds_of(gemms: Gemms, array: SystolicArray, group: int, place: int, filter_index: int) -> Iterator[int]:
    """Yield the folds that add to an output."""
    for index in range(gemms.cuts.shape[0]):
        cut = gemms.fold(index)
        pixels, filters, _ = ranges_of(cut, array)
        if cut.group == group and pixels[0] <= place < pixels[1] and filters[0] <= filter_index < filters[1]:
            yield index


def terms_of(operands: tuple[Operand, Operand], group: int, place: int, filter_index: int) -> I64:
    """Return the products that make up an output, int64 [window]."""
    ifmap, filters = operands
    values = ifmap.values[ifmap.group[group] + ifmap.outer[place] + ifmap.window].astype(np.int64)
    weights = filters.values[filters.group[group] + filters.outer[filter_index] + filters.window].astype(np.int64)
    products: I64 = values * weights
    return products


def visits_of(cut: Cut, array: SystolicArray, place: int, filter_index: int, terms: I64) -> Iterator[Visit]:
    """Yield the registers in which an output's sum stands in a fold, in order of time."""
    sums = np.cumsum(terms)
    if array.dataflow == OUTPUT_STATIONARY:
        row, col = place - cut.first_row, filter_index - cut.first_col
        for tick, expected in enumerate(sums):
            yield Visit(row + col + array.latency_cycles + tick, row, col, int(expected))
        return
    streamed, held = (filter_index, place) if array.dataflow == INPUT_STATIONARY else (place, filter_index)
    tick, col = streamed - cut.first_stream, held - cut.first_col
    before = 0
    if cut.row_fold > 0 and array.psum_path != PSUM_READ_BACK:
        before = int(sums[cut.first_row - 1])
    for row in range(cut.rows_used):
        expected = int(sums[cut.first_row + row]) - before
        yield Visit(array.row_skew_cycles * row + col + tick, row, col, expected)
