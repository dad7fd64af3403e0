"""A pixel mesh with a dictionary for every PE: which word it took at which tap, and from whom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class NaiveRun:
    outputs: np.ndarray
    cycles: int
    from_buffer: int
    from_neighbours: int


def run_pixel_mesh(
    ifmap: np.ndarray,
    filters: np.ndarray,
    *,
    groups: int,
    stride: tuple[int, int],
    pad: tuple[int, int],
    dilation: tuple[int, int],
    pes: tuple[int, int],
    fifo_words: int,
    stages: int,
    together: int,
) -> NaiveRun:
    """Sum every output where it lies, tap by tap, and look for each ifmap word at the neighbours first.

    A neighbour has a word if it took it a stride of taps before, and its FIFO is deep enough to keep all words that
    the neighbour took since: those of a stride of columns in a row, or of a stride of rows at its first columns.
    Where an output is a single pixel, PEs work on so many filters at a time, out of ``together`` that come together.
    """
    n, _, height, width = ifmap.shape
    n_filters, channels, r_size, s_size = filters.shape
    per_group = n_filters // groups
    p = (height + 2 * pad[0] - dilation[0] * (r_size - 1) - 1) // stride[0] + 1
    q = (width + 2 * pad[1] - dilation[1] * (s_size - 1) - 1) // stride[1] + 1
    padded = np.pad(ifmap, ((0, 0), (0, 0), (pad[0], pad[0]), (pad[1], pad[1])))
    outputs = np.zeros((n, n_filters, p, q), dtype=np.int64)
    cycles = from_buffer = from_neighbours = 0
    if p == q == 1:
        at_once = [
            range(first, min(first + pes[0] * pes[1], tile + together, per_group))
            for tile in range(0, per_group, together)
            for first in range(tile, min(tile + together, per_group), pes[0] * pes[1])
        ]
        taps = [(c, r, s) for c in range(channels) for r in range(r_size) for s in range(s_size)]
        for group in range(groups):
            for image in range(n):
                for some in at_once:
                    for c, r, s in taps:
                        word = padded[image, group * channels + c, r * dilation[0], s * dilation[1]]
                        for k in some:
                            outputs[image, group * per_group + k] += word * filters[group * per_group + k, c, r, s]
                        cycles += 1
                        from_buffer += 1
        return NaiveRun(outputs, cycles + stages, from_buffer, 0)
    plain = dilation == (1, 1)
    across_fits = plain and min(stride[1], s_size) <= fifo_words
    down_fits = across_fits and min(stride[0], r_size) * min(stride[1], s_size) <= fifo_words
    for image in range(n):
        for k in range(n_filters):
            for top in range(0, p, pes[0]):
                for left in range(0, q, pes[1]):
                    rows, cols = min(pes[0], p - top), min(pes[1], q - left)
                    for c in range(channels):
                        plane = padded[image, k // per_group * channels + c]
                        took: dict[tuple[int, int, int, int], int] = {}
                        for r in range(r_size):
                            for s in range(s_size):
                                cycles += 1
                                for y in range(rows):
                                    for x in range(cols):
                                        right, below = (y, x + 1, r, s - stride[1]), (y + 1, x, r - stride[0], s)
                                        if across_fits and right in took:
                                            word = took[right]
                                            from_neighbours += 1
                                        elif down_fits and s < stride[1] and below in took:
                                            word = took[below]
                                            from_neighbours += 1
                                        else:
                                            word = int(
                                                plane[
                                                    (top + y) * stride[0] + r * dilation[0],
                                                    (left + x) * stride[1] + s * dilation[1],
                                                ]
                                            )
                                            from_buffer += 1
                                        took[y, x, r, s] = word
                                        outputs[image, k, top + y, left + x] += word * int(filters[k, c, r, s])
    return NaiveRun(outputs, cycles + stages, from_buffer, from_neighbours)
