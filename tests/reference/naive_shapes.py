"""A convolution counted by walking its loop nest: the slow twin of the closed forms of layer shapes."""

from __future__ import annotations

from itertools import product


def n_positions(size: int, window: int, stride: int, pad: int, dilation: int) -> int:
    """Slide the window along the padded axis and count where it still fits."""
    count = 0
    start = -pad
    while start + dilation * (window - 1) <= size - 1 + pad:
        count += 1
        start += stride
    return count


def count_macs(
    *,
    n: int,
    groups: int,
    k: int,
    c: int,
    h: int,
    w: int,
    r: int,
    s: int,
    stride: tuple[int, int],
    pad: tuple[int, int],
    dilation: tuple[int, int],
) -> tuple[int, int]:
    """Return (all MACs, MACs whose ifmap value is not padding)."""
    p = n_positions(h, r, stride[0], pad[0], dilation[0])
    q = n_positions(w, s, stride[1], pad[1], dilation[1])
    total = in_bounds = 0
    loops = (range(size) for size in (n, groups, k, c, p, q, r, s))
    for _, _, _, _, y, x, tap_y, tap_x in product(*loops):
        row = y * stride[0] + tap_y * dilation[0] - pad[0]
        column = x * stride[1] + tap_x * dilation[1] - pad[1]
        total += 1
        if 0 <= row < h and 0 <= column < w:
            in_bounds += 1
    return total, in_bounds
