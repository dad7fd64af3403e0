"""One bank: which command it could issue for its queue, and from which clock on."""

from __future__ import annotations

from typing import Any

from accel_sim.kernels.dram.layout import ACT, NEVER, PRE, READ, WRITE
from accel_sim.kernels.jit import njit


@njit
def allowed_from(channel: Any, b: int, command: int) -> int:
    """Return the first clock at which the timing rules allow ``command`` (a column of ``earliest``) in bank ``b``."""
    bank = channel.bank[b]
    earliest = channel.earliest
    clock: int = max(earliest[b, command], earliest[bank.group_node, command])
    clock = max(clock, earliest[bank.rank_node, command])
    return clock


@njit
def activate_from(channel: Any, b: int) -> int:
    """Return the first clock at which bank ``b`` may be activated, the four-activate window included."""
    rank = channel.rank[channel.bank[b].rank]
    window: int = rank.recent_acts[rank.oldest_act] + channel.config.four_activate_clocks
    return max(allowed_from(channel, b, ACT), window)


@njit
def ready_from(channel: Any, b: int) -> int:
    """Return the first clock at which bank ``b`` can issue something for its queue, which is not empty."""
    bank = channel.bank[b]
    if bank.open_row < 0:
        return activate_from(channel, b)
    clock = NEVER
    if bank.may_precharge:
        clock = allowed_from(channel, b, PRE)
    if bank.first_read >= 0:
        clock = min(clock, allowed_from(channel, b, READ))
    if bank.first_write >= 0:
        clock = min(clock, allowed_from(channel, b, WRITE))
    return clock


@njit
def choose(channel: Any, b: int, clock: int) -> tuple[int, int]:
    """Return the command that bank ``b`` issues at ``clock`` and the position in its queue it is for.

    The first request in the queue that has a command ready wins. Call only if ``ready_from`` is not
    after ``clock``.
    """
    bank = channel.bank[b]
    if bank.open_row < 0:
        return ACT, 0
    if bank.may_precharge and allowed_from(channel, b, PRE) <= clock:
        return PRE, 0
    read, write = bank.first_read, bank.first_write
    if read >= 0 and allowed_from(channel, b, READ) > clock:
        read = -1
    if write >= 0 and allowed_from(channel, b, WRITE) > clock:
        write = -1
    if write < 0 or 0 <= read < write:
        return READ, read
    return WRITE, write


@njit
def review(channel: Any, b: int) -> None:
    """Work out again what the queue of bank ``b`` wants; call after its queue or its row changed.

    The oldest request may close the open row if no request in the queue hits it, or if the row has had its share of
    accesses. First-come order looks at the oldest request only. A write never meets an older read of its address
    here: it is held back in the write buffer until that read is done.
    """
    bank = channel.bank[b]
    bank.first_read = -1
    bank.first_write = -1
    bank.may_precharge = 0
    row = bank.open_row
    if row < 0 or bank.n_queued == 0:
        return
    queue = bank.queue
    n = 1 if channel.config.first_come else bank.n_queued
    for i in range(n):
        request = channel.request[queue[i]]
        if request.row != row:
            continue
        if request.is_write:
            if bank.first_write < 0:
                bank.first_write = i
        elif bank.first_read < 0:
            bank.first_read = i
    if channel.request[queue[0]].row != row:
        nobody_hits = bank.first_read < 0 and bank.first_write < 0
        if nobody_hits or bank.accesses >= channel.config.row_access_limit:
            bank.may_precharge = 1
