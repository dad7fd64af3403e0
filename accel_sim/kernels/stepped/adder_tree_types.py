"""What the stepped adder-tree array is given and gives back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]

# The digits of a tile's number.
GROUP = 0
IMAGE = 1
ROW = 2
COLUMN = 3
FILTER = 4
CHANNEL = 5
N_DIGITS = 6

# Places in a tile's counts. Words of a row are those that the operation uses.
NBIN_ROWS_READ = 0
NBIN_WORDS_READ = 1
IFMAP_ARRIVALS = 2
SB_ROWS_READ = 3
SB_WORDS_READ = 4
NBOUT_ROWS_READ = 5
NBOUT_WORDS_READ = 6
NBOUT_ROWS_WRITTEN = 7
NBOUT_WORDS_WRITTEN = 8
MACS = 9
IFMAP_ZERO_MACS = 10
EFFECTUAL_MACS = 11
N_COUNTS = 12

# Columns of a probe's log.
LOG_CLOCK = 0
LOG_TILE = 1
LOG_TAP_ROW = 2
LOG_TAP_COLUMN = 3
LOG_CHANNEL = 4
LOG_CHANNELS = 5
LOG_TREE = 6
LOG_SUM = 7
N_LOG = 8


class AdderTrees(NamedTuple):
    """``trees`` adder trees of ``inputs`` multipliers each; ``stages`` clocks from an operand's read to the write."""

    trees: int
    inputs: int
    stages: int


class TileNest(NamedTuple):
    """Tile sizes; ``order`` lists the digits from the slowest to the fastest, int64 [6]."""

    images: int
    rows: int
    cols: int
    filters: int
    channels: int
    order: I64


class Probe(NamedTuple):
    """Watches one output: (image, filter, row, column).

    ``log`` int64 [operations, `N_LOG`] and ``products`` int64 [operations, inputs] are written by the array for the
    operations that add to the output, in their order; ``n`` int64 [1] counts them. A log without rows records nothing.
    """

    place: I64
    log: I64
    products: I64
    n: I64


class SteppedRun(NamedTuple):
    """What happened.

    Parameters
    ----------
    psums
        The ofmap, int64 (N, P, Q, K over all groups).
    cycles
        Clocks until the last psum is written.
    tile_ends
        Clock after the one in which a tile's last operation started, int64 (tiles,); ``cycles`` for the last tile.
    counts
        int64 (tiles, `N_COUNTS`).
    """

    psums: I64
    cycles: int
    tile_ends: I64
    counts: I64
