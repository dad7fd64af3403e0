"""Counts how many MACs of a grouped convolution have non-zero operands, from real masks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit


class Windows(NamedTuple):
    """How a filter slides: ofmap size, filter size, strides, paddings, dilations."""

    p: int
    q: int
    r: int
    s: int
    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int
    dilation_h: int
    dilation_w: int


@njit
def tap_counts(ifmap: NDArray[np.bool_], windows: Windows) -> NDArray[np.int64]:
    """Return how many ofmap pixels see a non-zero ifmap value through each filter tap.

    Parameters
    ----------
    ifmap
        bool [N, C, H, W], without padding; padding counts as zero.
    windows
        The sliding window.

    Returns
    -------
    int64 [C, R, S], summed over images and ofmap pixels.
    """
    n_images, n_channels, height, width = ifmap.shape
    counts = np.zeros((n_channels, windows.r, windows.s), dtype=np.int64)
    for image in range(n_images):
        for channel in range(n_channels):
            plane = ifmap[image, channel]
            for r in range(windows.r):
                for p in range(windows.p):
                    y = p * windows.stride_h - windows.pad_h + r * windows.dilation_h
                    if y < 0 or y >= height:
                        continue
                    row = plane[y]
                    for s in range(windows.s):
                        total = 0
                        for q in range(windows.q):
                            x = q * windows.stride_w - windows.pad_w + s * windows.dilation_w
                            if x >= 0 and x < width:
                                total += row[x]
                        counts[channel, r, s] += total
    return counts
