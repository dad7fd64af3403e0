"""How a box of a tensor lies in DRAM: its first address and its runs of bytes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.lowering.memory_map import TensorPlace, stored_bytes
from accel_sim.units import ceil_div

I64 = NDArray[np.int64]
Four = tuple[I64 | int, I64 | int, I64 | int, I64 | int]


class Runs(NamedTuple):
    """``outer x inner`` runs of ``run_bytes`` bytes at two strides."""

    run_bytes: int
    inner: int = 1
    inner_stride_bytes: int = 0
    outer: int = 1
    outer_stride_bytes: int = 0

    @property
    def n_bytes(self) -> int:
        """Bytes of all runs."""
        return self.run_bytes * self.inner * self.outer


def box_runs(place: TensorPlace, n: int, c: int, h: int, w: int) -> Runs:
    """Return the runs of a box of ``n x c x h x w`` words of a tensor of shape (N, C, H, W).

    Neighbouring words that are contiguous in the tensor's order form one run. A compressed or tiled tensor is one
    run: its stored bytes in proportion to the box. Boxes that span several images must span whole planes, or be
    single pixels.
    """
    words = n * c * h * w
    if words == 0:
        return Runs(0)
    if is_one_run(place):
        return Runs(stored_bytes(words * place.word_bits, place.stored))
    _, tensor_c, tensor_h, tensor_w = place.shape
    # (size of the box, size of the tensor) of each dimension, from the fastest to the slowest
    dims = {
        "nchw": ((w, tensor_w), (h, tensor_h), (c, tensor_c), (n, n)),
        "nhwc": ((c, tensor_c), (w, tensor_w), (h, tensor_h), (n, n)),
    }[place.order]
    run, stride = 1, 1
    loops: list[tuple[int, int]] = []
    contiguous = True
    for size, whole in dims:
        if contiguous:
            run *= size
        elif size > 1 and loops and loops[-1][0] * loops[-1][1] == stride:
            loops[-1] = (loops[-1][0] * size, loops[-1][1])
        elif size > 1:
            loops.append((size, stride))
        contiguous = contiguous and size == whole
        stride *= whole
    if len(loops) > 2:
        raise ValueError(f"a box of {n}x{c}x{h}x{w} words of {place.shape} needs more than two strides")
    (inner, inner_stride), (outer, outer_stride) = (*loops, (1, 0), (1, 0))[:2]
    return Runs(
        ceil_div(run * place.word_bits, 8),
        inner,
        inner_stride * place.word_bits // 8,
        outer,
        outer_stride * place.word_bits // 8,
    )


def box_address(
    place: TensorPlace,
    n: I64 | int,
    c: I64 | int,
    h: I64 | int,
    w: I64 | int,
    size: Four,
) -> I64:
    """Return the byte address of the box that starts at word (n, c, h, w); arguments broadcast, int64.

    Where a box is one run (compressed and tiled tensors), boxes lie one after the other: all of a block of images,
    in it all of a block of channels, then of rows. ``size`` is that of the box; boxes that cut the tensor into blocks
    do not overlap, and no box leaves the tensor.
    """
    _, tensor_c, tensor_h, tensor_w = place.shape
    n, c, h, w = (np.asarray(index, dtype=np.int64) for index in (n, c, h, w))
    if is_one_run(place):
        images, channels, rows, _ = size
        plane = tensor_h * tensor_w
        word = n * tensor_c * plane + images * (c * plane + channels * (h * tensor_w + rows * w))
    elif place.order == "nhwc":
        word = ((n * tensor_h + h) * tensor_w + w) * tensor_c + c
    else:
        word = ((n * tensor_c + c) * tensor_h + h) * tensor_w + w
    scaled = word * place.word_bits * place.stored.numerator // (8 * place.stored.denominator)
    address: I64 = place.base + scaled
    return address


def is_one_run(place: TensorPlace) -> bool:
    """Whether every box of the tensor is one run of bytes."""
    return place.order == "tiled" or place.stored != 1
