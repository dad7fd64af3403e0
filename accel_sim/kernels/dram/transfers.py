"""What clients ask of the memory: transfers, kept as one record each however long they are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from accel_sim.kernels.dram.layout import CHANNEL, NEVER, Records, new_channels, record
from accel_sim.kernels.jit import njit

Shape = tuple[int, int, int, int, int, int]
"""Bytes in a run, runs in an outer step, bytes from run to run, outer steps, bytes from step to step, 1 for a write."""

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


def no_dram() -> Dram:
    """Return a memory of the same type without channels or clients, for those that have none."""
    system = np.zeros(1, SYSTEM).view(np.recarray)
    system.next_done = NEVER
    return Dram(
        channels=np.zeros(0, CHANNEL).view(np.recarray),
        clients=np.zeros(0, CLIENT).view(np.recarray),
        transfers=np.zeros((0, 1), TRANSFER).view(np.recarray),
        system=system,
    )


@njit
def start_run(transfer: Any, address: int) -> None:
    """Set the requests of the run that starts at ``address``."""
    transfer.burst = address >> 6
    transfer.last_burst = (address + transfer.run_bytes - 1) >> 6


@njit
def push(dram: Dram, client: int, address: int, shape: Shape, tag: int) -> bool:
    """Ask for a transfer; it takes part from the clock on that ``advance`` has reached.

    Parameters
    ----------
    address
        Of the first byte.
    shape
        See ``Shape``. Runs must not be empty; runs that touch are one run.
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
