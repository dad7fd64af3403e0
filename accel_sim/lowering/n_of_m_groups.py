"""Whether a tile's weights are N:M pruned along the input channels, and what of them is stored."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accel_sim.arch import Accelerator
from accel_sim.errors import Fault, MappingError
from accel_sim.kernels.sparse.n_of_m import fullest_group
from accel_sim.lowering.skipping_tile import SkipTile
from accel_sim.units import ceil_div


class StoredGroups(NamedTuple):
    """``sparse`` or as they are; ``channels`` of a tap in whole groups, ``kept`` of them that are stored and exist."""

    sparse: bool
    channels: int
    kept: int


def stored_groups(arch: Accelerator, tile: SkipTile, n: int, m: int) -> StoredGroups:
    """Return how the weights of a tile are stored; those without zeros are dense.

    Raises
    ------
    MappingError
        If they have zeros, and a group of ``m`` channels has more than ``n`` other values.
    """
    shape = tile.shape
    if arch.mac.sparsity != "n_of_m" or bool(tile.filters.all()):
        return StoredGroups(sparse=False, channels=shape.c, kept=shape.c)
    channels = ceil_div(shape.c, m) * m
    padded = np.pad(tile.filters, ((0, 0), (0, channels - shape.c), (0, 0), (0, 0)))
    if fullest_group(padded.transpose(0, 2, 3, 1).reshape(len(padded), -1), m) > n:
        message = f"weights break {n}:{m} (array.n, array.m), which formats.filter n_of_m needs"
        raise MappingError(Fault(key="mac.sparsity", message=message))
    return StoredGroups(sparse=True, channels=channels, kept=shape.c // m * n + min(shape.c % m, n))
