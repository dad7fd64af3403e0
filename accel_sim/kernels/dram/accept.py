"""A request arrives: it is accepted or refused, stored, merged with a pending one, or answered at once."""

from __future__ import annotations

from typing import Any

from accel_sim.kernels.dram.layout import PRESENCE_SIZE
from accel_sim.kernels.jit import njit


@njit
def answer(channel: Any, owner: int, clock: int) -> None:
    """Tell ``owner`` that one of its requests is answered at ``clock``."""
    channel.answers[channel.n_answers, 0] = owner
    channel.answers[channel.n_answers, 1] = clock
    channel.n_answers += 1


@njit
def bucket(burst: int) -> int:
    """Return the presence bucket of an address; folds high bits in, so that strides spread."""
    return (burst ^ (burst >> 10) ^ (burst >> 20)) & (PRESENCE_SIZE - 1)


@njit
def find_pending(channel: Any, b: int, burst: int, is_write: int) -> int:
    """Return the slot of the pending read (or write) of this address, -1 if there is none."""
    bank = channel.bank[b]
    slot: int = bank.write_head if is_write else bank.read_head
    while slot >= 0:
        if channel.request[slot].burst == burst:
            return slot
        slot = channel.request[slot].next
    for i in range(bank.n_queued):
        slot = bank.queue[i]
        request = channel.request[slot]
        if request.burst == burst and request.is_write == is_write:
            return slot
    return -1


@njit
def append_to_queue(channel: Any, b: int, slot: int) -> None:
    """Put a request at the end of the read queue or the write buffer."""
    bank = channel.bank[b]
    channel.request[slot].next = -1
    if channel.request[slot].is_write:
        if bank.write_head < 0:
            bank.write_head = slot
        else:
            channel.request[bank.write_tail].next = slot
        bank.write_tail = slot
        channel.n_writes += 1
    else:
        if bank.read_head < 0:
            bank.read_head = slot
        else:
            channel.request[bank.read_tail].next = slot
        bank.read_tail = slot
        channel.n_reads += 1


@njit
def offer(channel: Any, burst: int, is_write: int, owner: int, clock: int) -> bool:
    """Offer one 64-byte request to a channel at the end of ``clock``; return whether it was accepted.

    A write is answered two clocks later, whether it is stored or merged with a pending write of the same address.
    A read of an address with a pending write is answered from the write buffer, also two clocks later; a read
    of an address with a pending read is answered together with that one. Everything else enters the read queue
    or the write buffer, if that has room, and can move to its bank queue from the next clock on.

    Parameters
    ----------
    channel
        A CHANNEL record.
    burst
        Address / 64.
    owner
        Who is told of the answer.
    """
    config = channel.config
    waiting = channel.n_writes if is_write else channel.n_reads
    if channel.fed_clock == clock or waiting >= config.queue_size:
        return False
    shift, mask = config.field_shift, config.field_mask
    b = ((burst >> shift[1]) & mask[1]) * config.n_groups + ((burst >> shift[2]) & mask[2])
    b = b * config.banks_per_group + ((burst >> shift[3]) & mask[3])
    place = bucket(burst)
    pending_read = -1
    if channel.presence[place]:
        if find_pending(channel, b, burst, 1) >= 0:
            channel.fed_clock = clock
            answer(channel, owner, clock + 2)
            return True
        pending_read = find_pending(channel, b, burst, 0)
    slot = channel.free_slot
    if slot < 0:
        return False
    request = channel.request[slot]
    channel.free_slot = request.next
    channel.fed_clock = clock
    request.burst = burst
    request.row = (burst >> shift[4]) & mask[4]
    request.column = (burst >> shift[5]) & mask[5]
    request.is_write = is_write
    request.owner = owner
    request.arrival = channel.arrivals
    request.after_read = 1 if pending_read >= 0 else 0
    request.merged = -1
    channel.arrivals += 1
    if pending_read >= 0 and not is_write:
        request.merged = channel.request[pending_read].merged
        channel.request[pending_read].merged = slot
        return True
    append_to_queue(channel, b, slot)
    if is_write:
        answer(channel, owner, clock + 2)
    channel.presence[place] += 1
    # A read whose bank queue is full cannot move before a column command makes room there.
    if is_write or channel.bank[b].n_queued < config.bank_queue_size:
        channel.stirred = 1
        channel.wake = min(channel.wake, clock + 1)
    return True
