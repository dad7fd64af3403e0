"""The DMA queues between DRAM and buffers."""

from __future__ import annotations

from accel_sim.arch.spec import Count, Spec, Ways


class Dma(Spec):
    """One in-order queue an operand stream.

    Parameters
    ----------
    outstanding
        Transfers of one queue that may be under way at a time.
    quantum_bytes
        Bytes after which the arbiter between queues may change its mind; a DRAM burst.
    """

    outstanding: Ways
    quantum_bytes: Count
