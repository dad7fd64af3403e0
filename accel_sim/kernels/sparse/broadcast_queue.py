"""PEs that share one broadcast and wait for each other through queues of finite depth: the timing of EIE and ESE.

Each cycle one activation is written to the queues of all PEs, unless a queue is full. A PE works on the activation
at the head of its queue, issuing one entry a cycle, and pops it with its last entry. What is written in one cycle is
seen in the next, and a place that is freed is filled in the cycle after the pop at the earliest (EIE, Han et al., ISCA
2016, section IV: a full queue of any PE disables the broadcast, each PE processes the head of its queue).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit


class QueueTiming(NamedTuple):
    """When a broadcast machine finishes.

    ``drained_cycles`` cycles until all queues are empty; the arithmetic pipeline comes on top.
    ``broadcast_stall_cycles`` cycles in which an activation was ready and a queue was full. ``last_issue`` cycle of
    the last issue of an entry in any PE, -1 for none. ``pe_cycles`` cycles until each PE's queue is empty for good, all
    PEs together: what of them is neither an entry nor an empty slice is spent waiting for a broadcast.
    """

    drained_cycles: int
    broadcast_stall_cycles: int
    last_issue: int
    pe_cycles: int


@njit
def broadcast_queue(
    entries: NDArray[np.int32], columns: NDArray[np.int64], queue_depth: int, empty_slice_cycles: int
) -> QueueTiming:
    """Time the broadcast of a list of columns.

    Parameters
    ----------
    entries
        int32[n_cols, n_pes]: entries that each PE issues for each column.
    columns
        int64[n_broadcasts]: the columns that are broadcast, in order.
    queue_depth
        Activations that a queue holds, the one in work included.
    empty_slice_cycles
        Cycles that the head of a queue takes when the PE has no entry for it: 1, or 0 for a PE that looks ahead and
        drops such activations together with their predecessor.

    Notes
    -----
    With b the cycle of a broadcast and d that of a pop: ``b[j] = max(b[j-1], max over PEs of d[j-depth]) + 1`` and
    ``d[j] = max(b[j], d[j-1]) + cycles``, or ``max(b[j] + 1, d[j-1])`` for a slice dropped in no time. Only the slowest
    pop matters to the broadcast, so the history of the machine is one ring of ``queue_depth`` numbers. The loop over
    PEs has no branch, so that it compiles to vector instructions: it runs tens of millions of times in a network.
    """
    n_pes = entries.shape[1]
    popped = np.full(n_pes, -1, dtype=np.int64)
    slowest_pop = np.full(queue_depth, -1, dtype=np.int64)
    drop = 1 if empty_slice_cycles == 0 else 0
    broadcast = np.int64(-1)
    stall_cycles = np.int64(0)
    drained_cycles = np.int64(0)
    last_issue = np.int64(-1)
    slot = 0
    for j in range(columns.shape[0]):
        column = entries[columns[j]]
        wait = max(np.int64(0), slowest_pop[slot] - broadcast)
        stall_cycles += wait
        broadcast += wait + 1
        slowest = np.int64(0)
        for pe in range(n_pes):
            n_entries = np.int64(column[pe])
            is_empty = n_entries == 0
            start = max(broadcast + (drop if is_empty else 0), popped[pe])
            end = start + (empty_slice_cycles if is_empty else n_entries)
            popped[pe] = end
            slowest = max(slowest, end)
            last_issue = max(last_issue, np.int64(-1) if is_empty else end)
        slowest_pop[slot] = slowest
        slot = slot + 1 if slot + 1 < queue_depth else 0
        drained_cycles = max(drained_cycles, slowest + 1)
    return QueueTiming(int(drained_cycles), int(stall_cycles), int(last_issue), popped.sum() + n_pes)
