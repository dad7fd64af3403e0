"""What issuing one command does: timing, bank and rank state, counters."""

from __future__ import annotations

from typing import Any

from accel_sim.kernels.dram.layout import (
    ACT,
    CLOSED_IDLE,
    CLOSED_ON_DEMAND,
    GROUP,
    OTHER_RANK,
    PRE,
    RANK,
    READ,
    READ_AP,
    REFRESH,
    WRITE,
    WRITE_AP,
)
from accel_sim.kernels.jit import njit


@njit
def apply_rules(channel: Any, b: int, command: int, clock: int) -> None:
    """Push back the earliest clocks of all commands that must keep a distance from ``command``."""
    config, bank, earliest = channel.config, channel.bank[b], channel.earliest
    for i in range(config.first_rule[command], config.first_rule[command + 1]):
        after, level = config.rules[i, 0], config.rules[i, 1]
        allowed = clock + config.rules[i, 2]
        if level == OTHER_RANK:
            first = config.n_banks + config.n_ranks * config.n_groups
            for node in range(first, first + config.n_ranks):
                if node != bank.rank_node:
                    earliest[node, after] = max(earliest[node, after], allowed)
            continue
        node = b
        if level == GROUP:
            node = bank.group_node
        elif level == RANK:
            node = bank.rank_node
        earliest[node, after] = max(earliest[node, after], allowed)


@njit
def note(channel: Any, command: int, b: int, row: int, column: int) -> None:
    """Add a command to those issued at this clock."""
    line = channel.issued[channel.n_issued]
    line[0] = command
    line[1] = b
    line[2] = row
    line[3] = column
    channel.n_issued += 1


@njit
def activate(channel: Any, b: int, row: int, clock: int) -> None:
    """Open ``row`` in bank ``b``."""
    bank = channel.bank[b]
    rank = channel.rank[bank.rank]
    bank.open_row = row
    bank.accesses = 0
    if rank.n_open == 0:
        rank.active_since = clock
    rank.n_open += 1
    rank.recent_acts[rank.oldest_act] = clock
    rank.oldest_act = (rank.oldest_act + 1) & 3
    channel.counters.activates += 1
    apply_rules(channel, b, ACT, clock)
    note(channel, ACT, b, row, -1)


@njit
def close_row(channel: Any, b: int, clock: int, closed_by: int) -> None:
    """Mark the row of bank ``b`` as closed from ``clock`` on."""
    bank = channel.bank[b]
    rank = channel.rank[bank.rank]
    bank.open_row = -1
    bank.accesses = 0
    bank.closed_by = closed_by
    rank.n_open -= 1
    if rank.n_open == 0:
        rank.active_clocks += clock - rank.active_since


@njit
def precharge(channel: Any, b: int, clock: int, closed_by: int) -> None:
    """Close the row of bank ``b`` with a command of its own."""
    close_row(channel, b, clock, closed_by)
    channel.counters.precharges += 1
    apply_rules(channel, b, PRE, clock)
    note(channel, PRE, b, -1, -1)


@njit
def refresh(channel: Any, r: int, clock: int) -> None:
    """Refresh all banks of rank ``r``."""
    first_bank = r * channel.config.n_groups * channel.config.banks_per_group
    channel.counters.refreshes += 1
    apply_rules(channel, first_bank, REFRESH, clock)
    note(channel, REFRESH, first_bank, -1, -1)


@njit
def access(channel: Any, b: int, slot: int, clock: int) -> None:
    """Move one burst of the open row of bank ``b`` for the request in ``slot``; count hit, miss or conflict."""
    config, counters, bank, request = channel.config, channel.counters, channel.bank[b], channel.request[slot]
    if bank.accesses > 0:
        counters.row_hits += 1
    elif bank.closed_by == CLOSED_ON_DEMAND:
        counters.row_conflicts += 1
    else:
        counters.row_misses += 1
    bank.accesses += 1
    if request.is_write:
        counters.write_commands += 1
        command = WRITE_AP if config.closed_page else WRITE
        counters.data_end = max(counters.data_end, clock + config.write_delay_clocks)
    else:
        counters.read_commands += 1
        command = READ_AP if config.closed_page else READ
        counters.data_end = max(counters.data_end, clock + config.read_delay_clocks)
    apply_rules(channel, b, command, clock)
    note(channel, command, b, request.row, request.column)
    if config.closed_page:
        close_row(channel, b, clock, CLOSED_IDLE)
