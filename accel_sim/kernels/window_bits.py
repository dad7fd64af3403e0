"""What each ofmap pixel sees, as bits: the windows of a packed ifmap, one packed row a window."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.effectual import Windows
from accel_sim.kernels.jit import njit


class Planes(NamedTuple):
    """Which part of an image is looked at: ``n_c`` channels from ``first_c`` on, of ``h`` x ``w`` values each."""

    first_c: int
    n_c: int
    h: int
    w: int


@njit
def window_bits(images: NDArray[np.uint64], planes: Planes, first_p: int, windows: Windows) -> NDArray[np.uint64]:
    """Return the packed mask of what ofmap pixels see: an im2col of bits.

    Parameters
    ----------
    images
        uint64[N, n_words]: a packed image (all its channels, in C order) a row; see :mod:`accel_sim.kernels.bits`.
    planes
        The channels that the filters cover.
    first_p
        First ofmap row; ``windows.p`` of them are looked at.
    windows
        How the filter slides over the whole image; what lies in the padding is zero.

    Returns
    -------
    uint64[N * p * q, ceil(C * R * S / 64)]: images, then ofmap rows, then columns; bits are channels, then filter rows,
    then columns.
    """
    n_taps = planes.n_c * windows.r * windows.s
    n_words = (n_taps + 63) // 64
    n_pixels = windows.p * windows.q
    out = np.zeros((images.shape[0] * n_pixels, n_words), dtype=np.uint64)
    one = np.uint64(1)
    for image in range(images.shape[0]):
        packed = images[image]
        for pixel in range(n_pixels):
            top = (first_p + pixel // windows.q) * windows.stride_h - windows.pad_h
            left = (pixel % windows.q) * windows.stride_w - windows.pad_w
            seen = out[image * n_pixels + pixel]
            tap = 0
            for channel in range(planes.first_c, planes.first_c + planes.n_c):
                for r in range(windows.r):
                    y = top + r * windows.dilation_h
                    is_inside = 0 <= y < planes.h
                    row = (channel * planes.h + y) * planes.w
                    for s in range(windows.s):
                        x = left + s * windows.dilation_w
                        if is_inside and 0 <= x < planes.w:
                            bit = (packed[(row + x) >> 6] >> np.uint64((row + x) & 63)) & one
                            seen[tap >> 6] |= bit << np.uint64(tap & 63)
                        tap += 1
    return out
