"""Convolution as a gemm: which ifmap word stands at row m, column k of the im2col matrix.

The im2col matrix of a layer is never built. The address of its element is a sum of three terms,
``group[g] + outer[m] + window[k]``, so that a dataflow can generate any row, column or element on the fly.
Padding is part of the stored ifmap: padded elements are read and multiplied as any other, which is what
arrays without a zero-skipping front end do.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.systolic_array import GemmShape

I64 = NDArray[np.int64]
Values = NDArray[Any]


class ConvShape(NamedTuple):
    """A grouped 2-D convolution, in the field's letters; ``k`` and ``c`` are of one group.

    ``p`` and ``q`` are given rather than derived, because SCALE-Sim counts a last window that hangs over the
    edge and networks do not (`output_size` knows both); beyond the padding, zeros are read.
    """

    n: int
    k: int
    c: int
    p: int
    q: int
    r: int
    s: int
    groups: int
    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int
    dilation_h: int
    dilation_w: int
    h: int
    w: int


class Operand(NamedTuple):
    """One operand of a gemm and the addresses of its elements.

    Element ``(g, x, k)`` is ``values[group[g] + outer[x] + window[k]]``, where ``x`` is an ofmap pixel (ifmap) or
    a filter (filter), and ``k`` runs over the window.

    Parameters
    ----------
    values
        All words of the tensor, (n_words,), any integer dtype.
    group, outer, window
        Word offsets, int64, (groups,), (M or N,), (K,).
    """

    values: Values
    group: I64
    outer: I64
    window: I64

    def matrix(self, group: int) -> Values:
        """The whole operand of one group, (M or N, K): for checks and for small layers."""
        matrix: Values = self.values[self.group[group] + self.outer[:, None] + self.window[None, :]]
        return matrix


def output_size(size: int, window: int, stride: int, pad: int, dilation: int, partial: bool = False) -> int:
    """Positions of a window along one axis.

    Parameters
    ----------
    partial
        Count the last window even where it hangs over the far edge, as SCALE-Sim does.

    Raises
    ------
    ValueError
        If a size is below one, the padding is negative, or the dilated window does not fit the padded input.
    """
    if min(size, window, stride, dilation) < 1 or pad < 0:
        raise ValueError(
            f"size {size}, window {window}, stride {stride}, dilation {dilation} must be at least 1 and "
            f"padding {pad} at least 0"
        )
    span = dilation * (window - 1) + 1
    room = size + 2 * pad - span
    if room < 0:
        raise ValueError(f"a window of {window} at dilation {dilation} spans {span}, more than {size} + 2 x {pad}")
    return (room + stride - 1) // stride + 1 if partial else room // stride + 1


def conv_gemm(conv: ConvShape) -> GemmShape:
    """The gemm of one group and the number of groups: M = N x P x Q, K = C x R x S, N = K."""
    return GemmShape(m=conv.n * conv.p * conv.q, k=conv.c * conv.r * conv.s, n=conv.k, groups=conv.groups)


def padded_size(conv: ConvShape) -> tuple[int, int]:
    """Height and width of the stored ifmap: the padding, and what a hanging last window needs besides."""
    last_row = (conv.p - 1) * conv.stride_h + conv.dilation_h * (conv.r - 1)
    last_column = (conv.q - 1) * conv.stride_w + conv.dilation_w * (conv.s - 1)
    return max(conv.h + 2 * conv.pad_h, last_row + 1), max(conv.w + 2 * conv.pad_w, last_column + 1)


def ifmap_operand(ifmap: Values, conv: ConvShape) -> Operand:
    """The ifmap with its padding, addressed by (group, pixel, window).

    Parameters
    ----------
    ifmap
        (n, groups x c, h, w).
    """
    height, width = padded_size(conv)
    channels = conv.groups * conv.c
    padded = np.zeros((conv.n, channels, height, width), dtype=ifmap.dtype)
    padded[:, :, conv.pad_h : conv.pad_h + conv.h, conv.pad_w : conv.pad_w + conv.w] = ifmap
    return Operand(
        values=padded.reshape(-1),
        group=_offsets((conv.groups, conv.c * height * width)),
        outer=_offsets((conv.n, channels * height * width), (conv.p, conv.stride_h * width), (conv.q, conv.stride_w)),
        window=_offsets((conv.c, height * width), (conv.r, conv.dilation_h * width), (conv.s, conv.dilation_w)),
    )


def filter_operand(filters: Values, conv: ConvShape) -> Operand:
    """The filters, addressed by (group, filter, window).

    Parameters
    ----------
    filters
        (groups x k, c, r, s).
    """
    window = conv.c * conv.r * conv.s
    return Operand(
        values=np.ascontiguousarray(filters).reshape(-1),
        group=_offsets((conv.groups, conv.k * window)),
        outer=_offsets((conv.k, window)),
        window=_offsets((window, 1)),
    )


def ofmap_tensor(products: Values, conv: ConvShape) -> Values:
    """Order the gemm's products, (groups, M, N), as an ofmap, (n, groups x k, p, q)."""
    tensor = products.reshape(conv.groups, conv.n, conv.p, conv.q, conv.k)
    ordered: Values = tensor.transpose(1, 0, 4, 2, 3).reshape(conv.n, conv.groups * conv.k, conv.p, conv.q)
    return ordered


def matrix_operands(left: Values, right: Values) -> tuple[Operand, Operand]:
    """Both operands of ``left @ right`` for a stack of independent gemms.

    Parameters
    ----------
    left
        (groups, M, K).
    right
        (groups, K, N).

    Raises
    ------
    ValueError
        If the groups or the windows K differ.
    """
    groups, m, k = left.shape
    n = right.shape[2]
    if right.shape[:2] != (groups, k):
        raise ValueError(f"{groups} x {m} x {k} times {' x '.join(map(str, right.shape))}: groups or windows differ")
    return (
        Operand(np.ascontiguousarray(left).reshape(-1), _offsets((groups, m * k)), _offsets((m, k)), _offsets((k, 1))),
        Operand(np.ascontiguousarray(right).reshape(-1), _offsets((groups, k * n)), _offsets((n, 1)), _offsets((k, n))),
    )


def _offsets(*axes: tuple[int, int]) -> I64:
    """Offsets of a nest of loops, outermost first, each given as (count, step in words)."""
    total = np.zeros(1, dtype=np.int64)
    for count, step in axes:
        total = (total[:, None] + np.arange(count, dtype=np.int64) * step).reshape(-1)
    return total
