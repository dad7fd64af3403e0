"""Who asks for data: clients with queues of transfers, served round robin one 64-byte request at a time.

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

from typing import Any, NamedTuple

import numpy as np

from accel_sim.kernels.dram.controller import tick
from accel_sim.kernels.dram.layout import FIELD_CHANNEL, NEVER, Records, new_channels, record
from accel_sim.kernels.dram.queues import offer
from accel_sim.kernels.dram.trace import end_of_data, next_wake, start_flush
from accel_sim.kernels.jit import njit

TRANSFER = record(
    "active",  # 1 from the push until it is taken
    "tag",
    "is_write",
    "address",  # of the current outer step
    "run_bytes",
    "inner",
    "inner_stride",
    "outer",  # outer steps left, the current one included
    "outer_stride",
    "inner_left",  # runs left in the current outer step, the current one included
    "burst",  # next request: address / 64
    "last_burst",  # last request of the current run
    "unanswered",  # requests accepted and not yet answered
    "done_clock",  # clock of the latest answer so far
)

CLIENT = record(
    "pushed",  # transfers pushed so far; number n is in place n % depth
    "sent",  # transfers whose last request was accepted
)

SYSTEM = record(
    "clock",  # first clock not yet simulated
    "last_client",  # whose request was accepted last
    "next_done",  # earliest clock at which a transfer that is not yet taken completes
)


class Dram(NamedTuple):
    """A memory and those who ask it.

    Attributes
    ----------
    channels
        CHANNEL[n_channels].
    clients
        CLIENT[n_clients].
    transfers
        TRANSFER[n_clients, depth], a ring for each client.
    system
        SYSTEM[1].
    """

    channels: Records
    clients: Records
    transfers: Records
    system: Records


def new_dram(config: np.void, n_clients: int, depth: int) -> Dram:
    """Return a memory at clock 0 that nobody has asked anything.

    Parameters
    ----------
    config
        A CONFIG record.
    n_clients
        How many ask; the number decides ties, and arbitration is round robin.
    depth
        Transfers that one client may have pushed and not taken.
    """
    system = np.zeros(1, SYSTEM).view(np.recarray)
    system.last_client = n_clients - 1
    system.next_done = NEVER
    return Dram(
        channels=new_channels(config),
        clients=np.zeros(n_clients, CLIENT).view(np.recarray),
        transfers=np.zeros((n_clients, depth), TRANSFER).view(np.recarray),
        system=system,
    )


@njit
def start_run(transfer: Any, address: int) -> None:
    """Set the requests of the run that starts at ``address``."""
    transfer.burst = address >> 6
    transfer.last_burst = (address + transfer.run_bytes - 1) >> 6


@njit
def push(dram: Dram, client: int, address: int, shape: tuple[int, int, int, int, int, int], tag: int) -> bool:
    """Ask for a transfer; it takes part from the clock on that ``advance`` has reached.

    Parameters
    ----------
    address
        Of the first byte.
    shape
        Bytes in a run, runs in an outer step, bytes from run to run, outer steps, bytes from step to step, 1 for
        a write. Runs must not be empty; runs that touch are one run.
    tag
        Comes back with the completion.

    Returns
    -------
    bool
        False if ``depth`` transfers of this client are under way; nothing is changed then.
    """
    record: Any = dram.clients[client]
    transfer: Any = dram.transfers[client, record.pushed % dram.transfers.shape[1]]
    if transfer.active:
        return False
    run_bytes, inner, inner_stride, outer, outer_stride, is_write = shape
    if inner_stride == run_bytes:
        run_bytes, inner = run_bytes * inner, 1
    if inner == 1 and outer_stride == run_bytes:
        run_bytes, outer = run_bytes * outer, 1
    record.pushed += 1
    transfer.active = 1
    transfer.tag = tag
    transfer.is_write = is_write
    transfer.address = address
    transfer.run_bytes = run_bytes
    transfer.inner = inner
    transfer.inner_stride = inner_stride
    transfer.outer = outer
    transfer.outer_stride = outer_stride
    transfer.inner_left = inner
    transfer.unanswered = 0
    transfer.done_clock = 0
    start_run(transfer, address)
    return True


@njit
def step(transfer: Any) -> bool:
    """Go on to the next request of a transfer; return False if there is none."""
    if transfer.burst < transfer.last_burst:
        transfer.burst += 1
        return True
    transfer.inner_left -= 1
    if transfer.inner_left == 0:
        transfer.outer -= 1
        transfer.address += transfer.outer_stride
        transfer.inner_left = transfer.inner
    start_run(transfer, transfer.address + (transfer.inner - transfer.inner_left) * transfer.inner_stride)
    return bool(transfer.outer > 0)


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
