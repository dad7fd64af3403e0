"""Grants of room in buffers that several streams share, collected in any order and queued in that of the steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Buffer
from accel_sim.lowering.machine import allocator, space
from accel_sim.program import LayerBuilder

I64 = NDArray[np.int64]


class Grants:
    """The grants of one layer, by allocator."""

    def __init__(self, builder: LayerBuilder) -> None:
        self._builder = builder
        self._parts: dict[str, list[tuple[I64, I64, I64]]] = {}

    def add(self, at: I64, rank: int, buffer: Buffer, n_bytes: I64, semaphore: str) -> None:
        """Grant room for the steps ``at``, int64 [grants]; of one step the lower rank comes first. No bytes, no grant.

        Parameters
        ----------
        n_bytes
            Room of each grant, int64 [grants].
        semaphore
            What a grant signals.
        """
        at, n_bytes = at[n_bytes > 0], n_bytes[n_bytes > 0]
        if not at.size:
            return
        sizes, which = np.unique(n_bytes, return_inverse=True)
        rows = [self._builder.template(waits={space(buffer): int(size)}, signals={semaphore: 1}) for size in sizes]
        parts = self._parts.setdefault(allocator(buffer), [])
        parts.append((at, np.full(at.size, rank, dtype=np.int64), np.array(rows)[which.ravel()]))

    def queue(self) -> None:
        """Queue all grants, in the order of steps."""
        for name, parts in self._parts.items():
            at, rank, rows = (np.concatenate([part[i] for part in parts]) for i in range(3))
            self._builder.queue(name, rows[np.lexsort((rank, at))])
