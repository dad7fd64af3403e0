"""What one DRAM channel is in memory: enumerations and record layouts, the data that all controller kernels share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
Records = np.recarray[Any, Any]

# Commands. The first five are also the columns of ``earliest``: a command with auto-precharge waits like its
# plain form.
ACT, PRE, READ, WRITE, REFRESH, READ_AP, WRITE_AP = 0, 1, 2, 3, 4, 5, 6
N_COMMANDS, N_WAITING_COMMANDS = 7, 5
COMMAND_NAMES = ("ACT", "PRE", "RD", "WR", "REF", "RDA", "WRA")

# How far a timing constraint reaches from the bank of the earlier command.
BANK, GROUP, RANK, OTHER_RANK = 0, 1, 2, 3

# Fields of an address, in the order of ``field_shift`` and ``field_mask``.
FIELD_CHANNEL, FIELD_RANK, FIELD_GROUP, FIELD_BANK, FIELD_ROW, FIELD_COLUMN = 0, 1, 2, 3, 4, 5
FIELD_NAMES = ("ch", "ra", "bg", "ba", "ro", "co")

# What closed a bank last: decides whether the next access is a miss (row was closed) or a conflict.
CLOSED_IDLE, CLOSED_ON_DEMAND = 0, 1

NEVER = 1 << 60  # a clock that no run reaches

# Room in a record; a device may use less.
MAX_BANKS, MAX_GROUPS, MAX_RANKS = 64, 32, 8
MAX_NODES = MAX_BANKS + MAX_GROUPS + MAX_RANKS
MAX_QUEUE, MAX_BANK_QUEUE = 64, 16
MAX_RULES = 64
MAX_MERGED = 256  # reads that may at least wait for the answer to an earlier read of the same address
MAX_SLOTS = 2 * MAX_QUEUE + MAX_BANKS * MAX_BANK_QUEUE + MAX_MERGED
PRESENCE_SIZE = 1024  # buckets of the filter that tells whether an address may be pending

Field = tuple[str, Any] | tuple[str, Any, tuple[int, ...]]


def record(*fields: str | Field) -> np.dtype[np.void]:
    """Return a record type; a bare name is an int64."""
    return np.dtype([(field, np.int64) if isinstance(field, str) else field for field in fields])


CONFIG = record(
    "n_channels",
    "n_ranks",
    "n_groups",  # in a rank
    "banks_per_group",
    "n_banks",  # in all ranks of the channel
    "read_delay_clocks",  # from the command to the end of the data
    "write_delay_clocks",
    "four_activate_clocks",
    "refresh_interval_clocks",  # between refreshes of any two ranks; NEVER turns refresh off
    "queue_size",  # of the read queue, and of the write buffer
    "bank_queue_size",
    "drain_threshold",  # with idle banks, more buffered writes than this are drained
    "row_access_limit",  # after as many accesses a row may be closed although requests hit it
    "dual_command",  # 1: a row and a column command may share a clock (HBM)
    "closed_page",  # 1: each column command closes its row
    "first_come",  # 1: the oldest request is served first
    ("first_rule", np.int64, (N_COMMANDS + 1,)),  # where the rules of each earlier command start
    ("rules", np.int64, (MAX_RULES, 3)),  # later command, level, clocks
    ("field_shift", np.int64, (6,)),  # of ``FIELD_NAMES`` in address / 64
    ("field_mask", np.int64, (6,)),
)
"""What does not change during a run: the device and the policy."""

RANK_STATE = record(
    "n_open",  # banks with an open row
    "active_since",  # clock at which n_open left 0
    "active_clocks",  # clocks with an open bank, up to the last time n_open became 0
    ("recent_acts", np.int64, (4,)),  # clocks of the last four ACTs
    "oldest_act",  # index of the oldest of them
)

BANK_STATE = record(
    "rank",
    "group_node",  # row of ``earliest`` of this bank's group
    "rank_node",  # row of ``earliest`` of this bank's rank
    "open_row",  # -1 when closed
    "accesses",  # column commands since the row was opened
    "closed_by",
    "n_queued",  # requests in the bank queue
    "first_read",  # position in the bank queue of the first read of the open row, -1 if none
    "first_write",  # position of the first write of the open row, -1 if none
    "may_precharge",  # 1 if the oldest request wants another row and the open row may be closed
    "read_head",  # oldest request of this bank in the read queue, -1 if none
    "read_tail",
    "write_head",  # oldest request of this bank in the write buffer, -1 if none
    "write_tail",
    ("queue", np.int64, (MAX_BANK_QUEUE,)),  # request slots, oldest first
)

REQUEST = record(
    "burst",  # address / 64
    "row",
    "column",
    "is_write",
    "owner",
    "arrival",  # age: smaller is older
    "after_read",  # 1 if a read of the same address was pending when this write arrived
    "next",  # next younger request of the bank in the same queue, or next free slot
    "merged",  # read of the same address that is answered together with this one, -1 if none
)

COUNTER_NAMES = (
    "read_commands",
    "write_commands",
    "row_hits",  # column commands that are not the first after an ACT
    "row_misses",  # the first after an ACT of a bank that nobody had to close on demand
    "row_conflicts",  # the first after an ACT of a bank that was closed on demand
    "activates",
    "precharges",
    "refreshes",
    "dual_commands",  # clocks in which two commands were issued
)

COUNTERS = record(*COUNTER_NAMES, "data_end")
"""``COUNTER_NAMES``, and the clock at which the last data burst has ended."""

CHANNEL = record(
    ("config", CONFIG),
    ("counters", COUNTERS),
    "wake",  # first clock at which this channel has something to do
    "command_clock",  # first clock at which a bank queue has a command ready, if nothing changes until then
    "command_bank",  # the bank that is served at that clock
    "last_bank",  # the bank served last; the search starts after it
    "next_refresh",  # clock of the next multiple of the refresh interval
    "refreshes_due",  # refreshes that are due and not yet issued; the first of them stops its rank
    "refresh_rank",  # rank of the refresh that is due, or will be due next
    "draining",  # writes still to move before reads move again; 0 is read mode
    "flush",  # 1 once no request will follow: the write buffer is then emptied to the last entry
    "n_reads",  # requests in the read queue
    "n_writes",  # requests in the write buffer
    "n_queued",  # requests in all bank queues
    "stirred",  # 1 if something changed that may let a request move to its bank queue
    "fed_clock",  # clock at which a request was accepted last; one is accepted per clock
    "arrivals",  # requests accepted so far
    "free_slot",  # head of the list of free request slots, -1 if none is left
    "n_issued",  # commands issued at the clock simulated last
    ("issued", np.int64, (2, 4)),  # those commands: command, bank, row, column
    "n_answers",  # answers that the front end has not yet taken
    ("answers", np.int64, (MAX_SLOTS, 2)),  # owner, clock
    ("rank", RANK_STATE, (MAX_RANKS,)),
    ("bank", BANK_STATE, (MAX_BANKS,)),  # numbered rank, then group, then bank in the group
    ("earliest", np.int64, (MAX_NODES, N_WAITING_COMMANDS)),  # nodes: all banks, then groups, then ranks
    ("presence", np.int64, (PRESENCE_SIZE,)),  # pending requests per address bucket
    ("request", REQUEST, (MAX_SLOTS,)),
)
"""One channel: its device, its queues, its banks. A kernel gets one of these and needs nothing else."""


def new_channels(config: np.void) -> Records:
    """Return CHANNEL[n_channels] that have seen no request, all banks closed, at clock 0.

    Parameters
    ----------
    config
        A CONFIG record, see :func:`accel_sim.kernels.dram.config.build_config`.
    """
    channels: Records = np.zeros(int(config["n_channels"]), CHANNEL).view(np.recarray)
    channels["config"] = config
    channels.next_refresh = config["refresh_interval_clocks"]
    channels.wake = channels.next_refresh
    channels.command_clock = NEVER
    channels.fed_clock = -1
    channels.rank["recent_acts"] = -NEVER
    n_banks, n_groups = int(config["n_banks"]), int(config["n_groups"])
    number = np.arange(MAX_BANKS)
    group = number // int(config["banks_per_group"])
    bank = channels.bank
    bank["rank"] = np.minimum(group // n_groups, MAX_RANKS - 1)
    bank["group_node"] = n_banks + group
    bank["rank_node"] = n_banks + n_groups * int(config["n_ranks"]) + bank["rank"]
    for name in ("open_row", "first_read", "first_write", "read_head", "read_tail", "write_head", "write_tail"):
        bank[name] = -1
    channels.request["next"] = np.append(np.arange(1, MAX_SLOTS), -1)
    return channels
