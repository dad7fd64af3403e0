"""One clock of one channel: refresh, at most one command (two on HBM), one request to its bank queue."""

from __future__ import annotations

from typing import Any

from accel_sim.kernels.dram.bank import allowed_from, choose, ready_from, review
from accel_sim.kernels.dram.commands import access, activate, precharge, refresh
from accel_sim.kernels.dram.layout import ACT, CLOSED_IDLE, CLOSED_ON_DEMAND, NEVER, PRE, REFRESH
from accel_sim.kernels.dram.move import move_request, take_from_bank
from accel_sim.kernels.jit import njit


@njit
def oldest_bank(channel: Any) -> int:
    """Return the bank whose queue holds the oldest request."""
    best, best_arrival = -1, NEVER
    for b in range(channel.config.n_banks):
        bank = channel.bank[b]
        if bank.n_queued > 0 and channel.request[bank.queue[0]].arrival < best_arrival:
            best, best_arrival = b, channel.request[bank.queue[0]].arrival
    return best


@njit
def find_command(channel: Any, clock: int) -> None:
    """Set ``command_clock`` and ``command_bank``: the bank queue served next, at ``clock`` or later.

    Banks are asked round robin, starting after the one served last; a rank that waits for its refresh is
    not served. First-come order asks only the bank with the oldest request.
    """
    channel.command_clock = NEVER
    if channel.n_queued == 0:
        return
    n_banks = channel.config.n_banks
    stopped_rank = channel.refresh_rank if channel.refreshes_due > 0 else -1
    only = oldest_bank(channel) if channel.config.first_come else -1
    b = channel.last_bank
    for _ in range(n_banks):
        b += 1
        if b == n_banks:
            b = 0
        bank = channel.bank[b]
        if bank.n_queued == 0 or bank.rank == stopped_rank or (only >= 0 and b != only):
            continue
        ready = max(ready_from(channel, b), clock)
        if ready < channel.command_clock:
            channel.command_clock = ready
            channel.command_bank = b
            if ready == clock:
                return


@njit
def reconsider_bank(channel: Any, b: int, clock: int) -> None:
    """Bring ``command_clock`` and ``command_bank`` up to date after a request was added to the queue of bank ``b``."""
    if b == channel.command_bank or channel.config.first_come:
        find_command(channel, clock)
        return
    n_banks = channel.config.n_banks
    ready = max(ready_from(channel, b), clock)
    turn = (b - channel.last_bank - 1) % n_banks
    if ready < channel.command_clock or (
        ready == channel.command_clock and turn < (channel.command_bank - channel.last_bank - 1) % n_banks
    ):
        channel.command_clock = ready
        channel.command_bank = b


@njit
def serve(channel: Any, b: int, clock: int) -> bool:
    """Issue what bank ``b`` has ready at ``clock``; return whether it was a column command."""
    command, position = choose(channel, b, clock)
    queue = channel.bank[b].queue
    is_column = False
    if command == ACT:
        activate(channel, b, channel.request[queue[0]].row, clock)
    elif command == PRE:
        precharge(channel, b, clock, CLOSED_ON_DEMAND)
    else:
        access(channel, b, queue[position], clock)
        take_from_bank(channel, b, position, clock)
        is_column = True
    review(channel, b)
    return is_column


@njit
def advance_refresh(channel: Any, clock: int) -> bool:
    """Take the next step of the refresh that is due; return whether a command was issued.

    The first bank in order that is open and may be closed is closed; the rank is refreshed once all
    are closed and ready.
    """
    config = channel.config
    r = channel.refresh_rank
    banks_per_rank = config.n_groups * config.banks_per_group
    n_ready = 0
    for b in range(r * banks_per_rank, (r + 1) * banks_per_rank):
        if channel.bank[b].open_row >= 0:
            if allowed_from(channel, b, PRE) <= clock:
                precharge(channel, b, clock, CLOSED_IDLE)
                review(channel, b)
                return True
        elif allowed_from(channel, b, REFRESH) <= clock:
            n_ready += 1
    if n_ready < banks_per_rank:
        return False
    refresh(channel, r, clock)
    channel.refreshes_due -= 1
    channel.refresh_rank = (r + 1) % config.n_ranks
    return True


@njit
def tick(channel: Any, clock: int) -> None:
    """Simulate one channel at ``clock``; sets ``wake`` to the next clock at which it has something to do.

    Clocks between two wakes change nothing: at a wake a command becomes ready, a refresh falls due, or a request
    was accepted or moved in the clock before.

    Parameters
    ----------
    channel
        A CHANNEL record.
    """
    channel.n_issued = 0
    if clock == channel.next_refresh:
        channel.refreshes_due += 1
        channel.next_refresh += channel.config.refresh_interval_clocks
    issued = False
    is_column = False
    search = channel.refreshes_due > 0
    if search:
        issued = advance_refresh(channel, clock)
        if not issued:
            find_command(channel, clock)
    if not issued and channel.command_clock == clock:
        channel.last_bank = channel.command_bank
        is_column = serve(channel, channel.command_bank, clock)
        issued = True
    search = search or issued
    if issued and channel.config.dual_command:
        find_command(channel, clock)
        search = channel.command_clock == clock or channel.refreshes_due > 0
        if channel.command_clock == clock:
            # The search has moved on even if what it found cannot share the clock with the first command.
            channel.last_bank = channel.command_bank
            command, _ = choose(channel, channel.command_bank, clock)
            if is_column == (command in (ACT, PRE)):
                serve(channel, channel.command_bank, clock)
                channel.counters.dual_commands += 1
    moved = move_request(channel) if channel.stirred else -1
    if search:
        find_command(channel, clock + 1)
    elif moved >= 0:
        reconsider_bank(channel, moved, clock + 1)
    if channel.stirred or channel.refreshes_due > 0:
        channel.wake = clock + 1
    else:
        channel.wake = min(channel.command_clock, channel.next_refresh)
