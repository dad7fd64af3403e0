"""A request leaves the read queue or the write buffer for its bank queue, and later the bank queue."""

from __future__ import annotations

from typing import Any

from accel_sim.kernels.dram.accept import answer, bucket, find_pending
from accel_sim.kernels.dram.bank import review
from accel_sim.kernels.dram.layout import NEVER
from accel_sim.kernels.jit import njit


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
def release_slot(channel: Any, slot: int) -> None:
    """Give a request slot back."""
    channel.request[slot].next = channel.free_slot
    channel.free_slot = slot


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
