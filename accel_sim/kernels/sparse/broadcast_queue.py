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
    ``broadcast_stall_cycles`` cycles in which an activation was ready and a queue was full. ``pe_entries``
    int64[n_pes] entries issued. ``pe_last_issue`` int64[n_pes] cycle of the last issue, -1 for none.
    """

    drained_cycles: int
    broadcast_stall_cycles: int
    pe_entries: NDArray[np.int64]
    pe_last_issue: NDArray[np.int64]


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
    pop matters to the broadcast, so the history of the machine is one ring of ``queue_depth`` numbers.
    """
    n_pes = entries.shape[1]
    popped = np.full(n_pes, -1, dtype=np.int64)
    last_issue = np.full(n_pes, -1, dtype=np.int64)
    pe_entries = np.zeros(n_pes, dtype=np.int64)
    slowest_pop = np.full(queue_depth, -1, dtype=np.int64)
    broadcast = np.int64(-1)
    stall_cycles = np.int64(0)
    drained_cycles = np.int64(0)
    for j in range(columns.shape[0]):
        slot = j % queue_depth
        wait = max(np.int64(0), slowest_pop[slot] - broadcast)
        stall_cycles += wait
        broadcast += wait + 1
        slowest = np.int64(0)
        for pe in range(n_pes):
            n_entries = np.int64(entries[columns[j], pe])
            if n_entries > 0:
                popped[pe] = max(broadcast, popped[pe]) + n_entries
                last_issue[pe] = popped[pe]
            elif empty_slice_cycles > 0:
                popped[pe] = max(broadcast, popped[pe]) + empty_slice_cycles
            else:
                popped[pe] = max(broadcast + 1, popped[pe])
            pe_entries[pe] += n_entries
            slowest = max(slowest, popped[pe])
        slowest_pop[slot] = slowest
        drained_cycles = max(drained_cycles, slowest + 1)
    return QueueTiming(int(drained_cycles), int(stall_cycles), pe_entries, last_issue)
