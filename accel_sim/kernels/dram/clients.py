"""Several clients on one memory: their transfers are served round robin, one 64-byte request at a time.

A transfer is ``outer x inner`` runs of bytes; every 64-byte line that a run touches is one request. Requests are
generated one by one, in order, so a transfer costs one record however long it is. A read transfer is complete when the
data of its last request is there, a write transfer when its last request is acknowledged. The controller is advanced
in steps of the caller's choice; however it is cut, the commands and their clocks are the same.

::

    dram = new_dram(config, n_clients, depth)
    push(dram, client, address, (run_bytes, inner, inner_stride, outer, outer_stride, is_write), tag)
    clock = advance(dram, until)    # stops early at the clock at which a transfer completes
    client, tag = take(dram)        # (-1, -1): no other transfer is complete at this clock
"""

from __future__ import annotations

from typing import Any

from accel_sim.kernels.dram.accept import offer
from accel_sim.kernels.dram.controller import tick
from accel_sim.kernels.dram.layout import FIELD_CHANNEL, NEVER
from accel_sim.kernels.dram.trace import end_of_data, next_wake, start_flush
from accel_sim.kernels.dram.transfers import Dram, step
from accel_sim.kernels.jit import njit


@njit
def hand_out(dram: Dram, c: int) -> None:
    """Bring the answers of channel ``c`` to their transfers."""
    channel: Any = dram.channels[c]
    system: Any = dram.system[0]
    depth = dram.transfers.shape[1]
    for i in range(channel.n_answers):
        owner = channel.answers[i, 0]
        transfer: Any = dram.transfers[owner // depth, owner % depth]
        transfer.done_clock = max(transfer.done_clock, channel.answers[i, 1])
        transfer.unanswered -= 1
        if transfer.unanswered == 0 and transfer.outer == 0:
            system.next_done = min(system.next_done, transfer.done_clock)
    channel.n_answers = 0


@njit
def feed(dram: Dram, clock: int) -> bool:
    """Let clients hand over requests at the end of ``clock``; return whether any was accepted.

    Clients take turns, starting after the one served last, until nobody can place a request: a channel accepts one
    request a clock, and a client's requests are placed in order.
    """
    system: Any = dram.system[0]
    n_clients, depth = dram.transfers.shape
    config = dram.channels[0].config
    shift, mask = config.field_shift[FIELD_CHANNEL], config.field_mask[FIELD_CHANNEL]
    room = dram.channels.shape[0]
    refused = 0
    client = system.last_client
    accepted = False
    while room > 0 and refused < n_clients:
        client = 0 if client + 1 == n_clients else client + 1
        refused += 1
        record: Any = dram.clients[client]
        if record.sent == record.pushed:
            continue
        place = record.sent % depth
        transfer: Any = dram.transfers[client, place]
        c = (transfer.burst >> shift) & mask
        # The request counts as unanswered before it is offered, because a write is answered at once.
        transfer.unanswered += 1
        if not offer(dram.channels[c], transfer.burst, transfer.is_write, client * depth + place, clock):
            transfer.unanswered -= 1
            continue
        if not step(transfer):
            record.sent += 1
        hand_out(dram, c)
        system.last_client = client
        accepted = True
        refused = 0
        room -= 1
    return accepted


@njit
def advance(dram: Dram, until: int) -> int:
    """Simulate all clocks before ``until``, or before the clock at which the next transfer completes; return it.

    Completed transfers must be taken before the next call.
    """
    system: Any = dram.system[0]
    clock = system.clock
    while clock < min(until, system.next_done):
        for c in range(dram.channels.shape[0]):
            if dram.channels[c].wake <= clock:
                tick(dram.channels[c], clock)
                hand_out(dram, c)
        following = clock + 1
        if not feed(dram, clock):
            following = next_wake(dram.channels)
        clock = min(following, min(until, system.next_done))
    system.clock = clock
    reached: int = clock
    return reached


@njit
def take(dram: Dram) -> tuple[int, int]:
    """Return (client, tag) of a transfer that is complete at the clock reached, and forget it.

    The lowest client comes first; (-1, -1) if there is none.
    """
    system: Any = dram.system[0]
    if system.next_done > system.clock:
        return -1, -1
    found_client, found_tag = -1, -1
    next_done = NEVER
    n_clients, depth = dram.transfers.shape
    for client in range(n_clients):
        for place in range(depth):
            transfer: Any = dram.transfers[client, place]
            if not transfer.active or transfer.outer > 0 or transfer.unanswered > 0:
                continue
            if found_client < 0 and transfer.done_clock <= system.clock:
                found_client, found_tag = client, transfer.tag
                transfer.active = 0
            else:
                next_done = min(next_done, transfer.done_clock)
    system.next_done = next_done
    return found_client, found_tag


@njit
def flush(dram: Dram) -> int:
    """Write back what is buffered, because no transfer will follow; return the clock at which the last data has ended.

    Call when all transfers are taken.
    """
    system: Any = dram.system[0]
    start_flush(dram.channels, system.clock - 1)
    clock = system.clock
    end_clock = end_of_data(dram.channels)
    while clock < end_clock:
        for c in range(dram.channels.shape[0]):
            if dram.channels[c].wake <= clock:
                tick(dram.channels[c], clock)
        clock = next_wake(dram.channels)
        end_clock = end_of_data(dram.channels)
    system.clock = max(system.clock, end_clock)
    end: int = system.clock
    return end
