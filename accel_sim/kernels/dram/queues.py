"""Requests on their way to a bank: acceptance, forwarding, merging, and the move into the bank queue."""

from __future__ import annotations

from typing import Any

from accel_sim.kernels.dram.bank import review
from accel_sim.kernels.dram.layout import NEVER, PRESENCE_SIZE
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
def release_slot(channel: Any, slot: int) -> None:
    """Give a request slot back."""
    channel.request[slot].next = channel.free_slot
    channel.free_slot = slot


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


@njit
def oldest_movable(channel: Any, is_write: int) -> int:
    """Return the bank of the oldest read (or write) whose bank queue has room, -1 if there is none.

    First-come order looks at the oldest request only.
    """
    config = channel.config
    best = -1
    best_arrival = NEVER
    for b in range(config.n_banks):
        bank = channel.bank[b]
        head = bank.write_head if is_write else bank.read_head
        if head < 0 or (bank.n_queued >= config.bank_queue_size and not config.first_come):
            continue
        arrival = channel.request[head].arrival
        if arrival < best_arrival:
            best, best_arrival = b, arrival
    if best >= 0 and channel.bank[best].n_queued >= config.bank_queue_size:
        return -1
    return best


@njit
def move_request(channel: Any) -> int:
    """Move at most one request to its bank queue; return that bank or -1.

    Leaves ``stirred`` at 1 if another try may succeed at the next clock.

    Reads move, until the write buffer is full, or holds more than the threshold while all bank queues are empty;
    then as many writes as it holds at that moment. A write of an address with a pending read ends the drain.
    """
    config = channel.config
    channel.stirred = 0
    threshold = 0 if channel.flush else config.drain_threshold
    if channel.draining == 0 and (
        channel.n_writes >= config.queue_size or (channel.n_writes > threshold and channel.n_queued == 0)
    ):
        channel.draining = channel.n_writes
    is_write = 1 if channel.draining > 0 else 0
    b: int = oldest_movable(channel, is_write)
    if b < 0:
        return -1
    channel.stirred = 1
    if is_write:
        head = channel.request[channel.bank[b].write_head]
        if head.after_read and find_pending(channel, b, head.burst, 0) >= 0:
            channel.draining = 0
            if channel.n_queued > 0:
                return -1
            # That read is itself in the read queue and nothing else can happen any more: let reads move.
            is_write = 0
            b = oldest_movable(channel, is_write)
        else:
            channel.draining -= 1
    append_to_bank(channel, b, is_write)
    return b


@njit
def append_to_bank(channel: Any, b: int, is_write: int) -> None:
    """Move the oldest read (or write) of bank ``b`` to the end of its bank queue."""
    bank = channel.bank[b]
    if is_write:
        slot = bank.write_head
        bank.write_head = channel.request[slot].next
        channel.n_writes -= 1
    else:
        slot = bank.read_head
        bank.read_head = channel.request[slot].next
        channel.n_reads -= 1
    bank.queue[bank.n_queued] = slot
    bank.n_queued += 1
    channel.n_queued += 1
    review(channel, b)


@njit
def take_from_bank(channel: Any, b: int, position: int, clock: int) -> None:
    """Remove the request at ``position`` of a bank queue and answer it, and what was merged with it.

    ``clock`` is that of its column command.
    """
    bank = channel.bank[b]
    queue = bank.queue
    slot = queue[position]
    bank.n_queued -= 1
    channel.n_queued -= 1
    for i in range(position, bank.n_queued):
        queue[i] = queue[i + 1]
    request = channel.request[slot]
    channel.presence[bucket(request.burst)] -= 1
    channel.stirred = 1
    if request.is_write:
        release_slot(channel, slot)
        return
    while slot >= 0:
        answer(channel, channel.request[slot].owner, clock + channel.config.read_delay_clocks)
        merged = channel.request[slot].merged
        release_slot(channel, slot)
        slot = merged
