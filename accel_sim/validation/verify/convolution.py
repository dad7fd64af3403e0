"""numpy's answer: a grouped convolution as sums of matrix products, one for each filter tap, exact."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import Fault, WorkloadError
from accel_sim.workload import Layer, MacShape

I64 = NDArray[np.int64]
Integers = NDArray[Any]

# Words of a block of filters, and of their sums, that are held as 64-bit numbers at a time.
_BLOCK_WORDS = 1 << 23


def exact_sums(layer: Layer, ifmap: Integers, filters: Integers) -> np.dtype[Any]:
    """Return the type in which no sum over a window loses a bit: float64, which multiplies faster, or int64.

    Raises
    ------
    WorkloadError
        If sums could exceed 64 bits.
    """
    shape = layer.shape
    assert isinstance(shape, MacShape)
    largest = shape.c * shape.r * shape.s * _magnitude(ifmap) * _magnitude(filters)
    if largest > np.iinfo(np.int64).max:
        raise WorkloadError(Fault(key=layer.name, message=f"sums of up to {largest} exceed 64 bits"))
    return np.dtype(np.float64) if largest < 2**53 else np.dtype(np.int64)


def _magnitude(values: Integers) -> int:
    return max(abs(int(values.min())), abs(int(values.max())))


def convolve(layer: Layer, ifmap: Integers, filters: Integers) -> I64:
    """Return the ofmap of a MAC layer, int64 (N, K over all groups, P, Q).

    Parameters
    ----------
    ifmap
        Integers, (N, C over all groups, H, W), without padding.
    filters
        Integers, (K over all groups, C of one group, R, S).

    Raises
    ------
    WorkloadError
        If sums could exceed 64 bits.
    """
    shape = layer.shape
    assert isinstance(shape, MacShape)
    dtype = exact_sums(layer, ifmap, filters)
    n, groups, k, c, pixels = shape.n, shape.groups, shape.k, shape.c, shape.p * shape.q
    padded = np.zeros((n, groups, c, shape.padded_h, shape.padded_w), dtype=ifmap.dtype)
    inside = np.s_[..., shape.pad_h : shape.pad_h + shape.h, shape.pad_w : shape.pad_w + shape.w]
    padded[inside] = ifmap.reshape(n, groups, c, shape.h, shape.w)
    weights = filters.reshape(groups, k, c, shape.r, shape.s)
    ofmap = np.empty((n, groups, k, pixels), dtype=np.int64)
    block = max(1, _BLOCK_WORDS // (groups * max(c, n * pixels)))
    for first in range(0, k, block):
        rows = slice(first, min(first + block, k))
        sums = np.zeros((groups, rows.stop - first, n * pixels), dtype=dtype)
        for r, s in np.ndindex(shape.r, shape.s):
            tap = weights[:, rows, :, r, s].astype(dtype)
            top, left = r * shape.dilation_h, s * shape.dilation_w
            seen = padded[
                ...,
                top : top + (shape.p - 1) * shape.stride_h + 1 : shape.stride_h,
                left : left + (shape.q - 1) * shape.stride_w + 1 : shape.stride_w,
            ]
            # Images side by side, so that a layer with one pixel in each is one product.
            sums += tap @ seen.astype(dtype).transpose(1, 2, 0, 3, 4).reshape(groups, c, n * pixels)
        ofmap[:, :, rows] = sums.reshape(groups, -1, n, pixels).transpose(2, 0, 1, 3)
    return ofmap.reshape(n, groups * k, shape.p, shape.q)
