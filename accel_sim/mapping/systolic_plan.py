"""A layer's mapping on a systolic array: how it is cut, what stays in the buffers, and the steps that follow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.systolic_array import INPUT_STATIONARY, OUTPUT_STATIONARY, SystolicArray
from accel_sim.kernels.systolic_steps import SystolicSteps, systolic_steps
from accel_sim.mapping.base import WordBits
from accel_sim.mapping.spans import Span
from accel_sim.units import ceil_div
from accel_sim.workload import MacShape

I64 = NDArray[np.int64]
KeepIfmap = Literal["tile", "block"]
KeepFilter = Literal["tile", "block", "layer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystolicPlan:
    """How a layer is cut for an array.

    The outermost loop runs over blocks of ofmap pixels, inside it one over groups of filters, and inside that the row
    folds (weight stationary), the column folds of pixels and then the row folds (input stationary), or the row folds
    of pixels (output stationary). All of this is done for each group of a grouped convolution.

    Parameters
    ----------
    tn, tp, tq
        Images, ofmap rows and ofmap columns of a block. Several images come with all their pixels.
    tk
        Filters whose sums are open together: the array's columns, or what input stationary streams through it.
    tw
        Window elements of a filter tile, which is what one transfer brings.
    keep_ifmap
        ``block``: a block's ifmap is loaded once. ``tile``: its tiles are loaded again for each group of filters.
    keep_filter
        ``layer``: filters are loaded once. ``block``: once for each block. ``tile``: each time they are used.
    counts_partial
        Whether a last window that hangs over the ifmap's edge counts as a pixel.

    Where values take several words of the array, pixels of the array are vectors, ``bits.ifmap_words`` for each ofmap
    pixel, and its filters are columns, ``bits.filter_words`` for each filter.
    """

    array: SystolicArray
    bits: WordBits
    tn: int
    tp: int
    tq: int
    tk: int
    tw: int
    keep_ifmap: KeepIfmap
    keep_filter: KeepFilter
    counts_partial: bool = False

    def step_folds(self, shape: MacShape) -> int:
        """Row folds that a step takes at most."""
        if self.array.dataflow == OUTPUT_STATIONARY:
            pixels = self.tn * (self.tp + 1) * (self.tq + 1)
            is_one = self.tw < window_of(shape) or self.keep_filter == "tile"
            return 1 if is_one else ceil_div(pixels, self.array.rows)
        return ceil_div(self.tw, self.array.rows)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blocks:
    """The blocks of ofmap pixels, in order; int64 [blocks] each.

    ``n p q`` are indices into the spans of the same name. ``pixels`` are those of the layer, ``counted`` those that
    the array works on, which are more where partial windows count or values take several words.
    """

    n_span: Span
    p_span: Span
    q_span: Span
    n: I64
    p: I64
    q: I64
    pixels: I64
    counted: I64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepTable:
    """All steps of a layer in order.

    ``group``, ``block`` and ``column`` (group of filters) are indices, int64 [steps]. ``opens`` and ``closes`` tell
    where a block's sums for a group of filters begin and are complete; ``first_use`` and ``last_use`` where a window
    tile is used for the first and the last time meanwhile; all bool [steps].
    """

    steps: SystolicSteps
    blocks: Blocks
    group: I64
    block: I64
    column: I64
    n_columns: int
    opens: NDArray[np.bool_]
    closes: NDArray[np.bool_]
    first_use: NDArray[np.bool_]
    last_use: NDArray[np.bool_]

    @property
    def count(self) -> int:
        """Number of steps."""
        return int(self.group.size)


def window_of(shape: MacShape) -> int:
    """Elements of one filter: what one ofmap pixel is summed over."""
    return shape.c * shape.r * shape.s


def partial_pixels(shape: MacShape) -> tuple[int, int]:
    """Rows and columns of windows that hang over the far edge of the ifmap: 0 or 1 each."""
    rows = (shape.h + 2 * shape.pad_h - shape.dilation_h * (shape.r - 1) - 1) % shape.stride_h
    cols = (shape.w + 2 * shape.pad_w - shape.dilation_w * (shape.s - 1) - 1) % shape.stride_w
    return int(rows > 0), int(cols > 0)


def cut_blocks(shape: MacShape, plan: SystolicPlan) -> Blocks:
    """Cut the ofmap of one group into blocks."""
    n_span, p_span, q_span = Span.cut(shape.n, plan.tn), Span.cut(shape.p, plan.tp), Span.cut(shape.q, plan.tq)
    lengths = (n_span.size.size, p_span.size.size, q_span.size.size)
    n, p, q = np.indices(lengths, dtype=np.int64).reshape(3, -1)
    pixels = n_span.size[n] * p_span.size[p] * q_span.size[q]
    rows, cols = partial_pixels(shape) if plan.counts_partial else (0, 0)
    counted = (
        plan.bits.ifmap_words
        * n_span.size[n]
        * (p_span.size[p] + rows * (p == lengths[1] - 1))
        * (q_span.size[q] + cols * (q == lengths[2] - 1))
    )
    return Blocks(n_span=n_span, p_span=p_span, q_span=q_span, n=n, p=p, q=q, pixels=pixels, counted=counted)


@lru_cache(maxsize=64)
def step_table(shape: MacShape, plan: SystolicPlan) -> StepTable:
    """Return the steps of a layer; equal layers share one table, which nobody may change."""
    array = plan.array
    blocks = cut_blocks(shape, plan)
    # Only input stationary streams filters, and so cuts them into gemms of their own.
    n_filters = shape.k * plan.bits.filter_words
    parts = Span.cut(n_filters, plan.tk if array.dataflow == INPUT_STATIONARY else n_filters).size
    n_blocks, n_parts = blocks.pixels.size, parts.size
    one_group = np.stack([np.repeat(blocks.counted, n_parts), np.tile(parts, n_blocks)], axis=1)
    piece = plan.tw if array.dataflow == OUTPUT_STATIONARY else window_of(shape)
    steps = systolic_steps(
        np.tile(one_group, (shape.groups, 1)), window_of(shape), array, plan.step_folds(shape), piece
    )
    group, rest = np.divmod(steps.gemm, n_blocks * n_parts)
    block, part = np.divmod(rest, n_parts)
    column = part if array.dataflow == INPUT_STATIONARY else steps.filter_first // array.cols
    n_columns = n_parts if array.dataflow == INPUT_STATIONARY else ceil_div(n_filters, array.cols)
    opens = np.ones(group.size, dtype=np.bool_)
    opens[1:] = (np.diff(steps.gemm) != 0) | (np.diff(column) != 0)
    closes = np.append(opens[1:], True)
    return StepTable(
        steps=steps,
        blocks=blocks,
        group=group,
        block=block,
        column=column,
        n_columns=n_columns,
        opens=opens,
        closes=closes,
        first_use=steps.pixel_first == 0,
        last_use=steps.pixel_end == blocks.counted[block],
    )
