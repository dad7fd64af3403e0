"""Each DRAM timing constraint: refused at clock t - 1, accepted at t."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.arch.dram_device import load_dram_preset
from accel_sim.engine.dram import controller_config
from accel_sim.kernels.dram.accept import offer
from accel_sim.kernels.dram.bank import activate_from, allowed_from
from accel_sim.kernels.dram.commands import access, activate, precharge, refresh
from accel_sim.kernels.dram.controller import tick
from accel_sim.kernels.dram.layout import CLOSED_ON_DEMAND, COMMAND_NAMES, new_channels
from tests.reference.dram_jedec import ACT, PRE, RD, RDA, REF, WR, WRA, demands
from tests.reference.dram_plain import changed, plain

DDR4 = load_dram_preset("ddr4_2400")
DEVICES = {
    "ddr4, two ranks": changed(DDR4, structure={"ranks": 2}, timing_clocks={"AL": 3, "tRC": 60, "tPPD": 2}),
    "lpddr4": load_dram_preset("lpddr4_3200"),
    "hbm2": load_dram_preset("hbm2"),
    "ddr5": load_dram_preset("ddr5_3200"),
}
LATE = 100_000  # no trace is left of what happened at clock 0


def after_one(device, command, bank):
    """A channel in which ``command`` was issued to ``bank`` at clock LATE, and whatever it needs long before."""
    page = "closed" if command in (RDA, WRA) else "open"
    channel = new_channels(controller_config(changed(device, policy={"page": page})))[0]
    if command in (PRE, RD, WR, RDA, WRA):
        activate(channel, bank, 7, 0)
    channel.n_issued = 0
    if command == ACT:
        activate(channel, bank, 7, LATE)
    elif command == PRE:
        precharge(channel, bank, LATE, CLOSED_ON_DEMAND)
    elif command == REF:
        refresh(channel, channel.bank[bank].rank, LATE)
    else:
        channel.request[0].is_write = command in (WR, WRA)
        access(channel, bank, 0, LATE)
    assert channel.issued[0, 0] == command
    return channel


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("before", range(7), ids=COMMAND_NAMES)
def test_every_command_waits_exactly_as_long_as_the_data_sheet_asks(name, before):
    """For every bank and every later command: refused one clock before, accepted at the clock; else free."""
    device = DEVICES[name]
    memory = plain(device)
    first = memory.groups * memory.banks_per_group * (memory.ranks - 1) if before == REF else memory.banks // 2 + 1
    channel = after_one(device, before, first)
    for after in (ACT, PRE, RD, WR, REF):
        for bank in range(memory.banks):
            relation = memory.relation(first, bank)
            asked = [d.clocks for d in demands(memory)
                     if before in d.before and after in d.after and relation in d.relations]  # fmt: skip
            accepted = max(asked, default=0)
            banks = [bank]
            if after == REF:  # waits for all banks of its rank
                per_rank = memory.banks // memory.ranks
                banks = range(bank // per_rank * per_rank, (bank // per_rank + 1) * per_rank)
            allowed = max(allowed_from(channel, b, after) for b in banks)
            if accepted <= 0:
                assert allowed <= LATE, (COMMAND_NAMES[after], bank)
                continue
            clock = LATE + accepted
            assert not allowed <= clock - 1, (COMMAND_NAMES[after], bank)
            assert allowed <= clock, (COMMAND_NAMES[after], bank)


@pytest.mark.parametrize("name", DEVICES)
def test_four_activate_window(name):
    """The fifth row of a rank waits for the window of the first; another rank does not."""
    device = DEVICES[name]
    memory = plain(device)
    channel = new_channels(controller_config(device))[0]
    for i in range(4):
        channel.n_issued = 0
        activate(channel, i, 0, LATE + i)
    for earliest in channel.earliest:
        earliest[:] = 0  # leaves the window alone
    assert activate_from(channel, 4) == LATE + memory.timing["tFAW"]
    channel.n_issued = 0
    activate(channel, 4, 0, LATE + memory.timing["tFAW"])
    for earliest in channel.earliest:
        earliest[:] = 0
    assert activate_from(channel, 5) == LATE + 1 + memory.timing["tFAW"]
    if memory.ranks > 1:
        assert activate_from(channel, memory.banks - 1) <= LATE


# ---- through the whole controller, clock by clock, against numbers worked out by hand for DDR4-2400


def address(group=0, bank=0, row=0, column=0):
    """Burst number of a place in ddr4_2400, whose mapping is row, bank, group, column."""
    return ((row * 4 + bank) * 4 + group) * 128 + column


def issued(device, requests, until=2000):
    """Offer (clock, burst, is_write) requests, tick every clock, and return (clock, command, bank) of all commands."""
    channel = new_channels(controller_config(device))[0]
    channel.flush = 1
    waiting = list(requests)
    log = []
    for clock in range(until):
        tick(channel, clock)
        for command, bank, _, _ in channel.issued[: channel.n_issued]:
            log.append((clock, COMMAND_NAMES[command], int(bank)))
        if waiting and waiting[0][0] <= clock and offer(channel, waiting[0][1], waiting[0][2], 0, clock):
            waiting.pop(0)
        channel.n_answers = 0
    assert not waiting
    return log


def reads(*bursts):
    return [(0, burst, 0) for burst in bursts]


FIVE_BANKS = [address(group=g, bank=b) for g, b in ((0, 0), (1, 0), (2, 0), (3, 0), (0, 1))]
# name, requests, commands as they must come, pair of commands whose distance is the constraint, that distance
SCENARIOS = [
    ("tRCD", reads(address()), "ACT RD", (0, 1), 17),
    ("tCCD_L", reads(address(), address(column=1)), "ACT RD RD", (1, 2), 6),
    ("tCCD_S", reads(address(), address(group=1)), "ACT ACT RD RD", (2, 3), 4),
    ("tRRD_S", reads(address(), address(group=1)), "ACT ACT RD RD", (0, 1), 4),
    ("tRRD_L", reads(address(), address(bank=1)), "ACT ACT RD RD", (0, 1), 6),
    ("tFAW", reads(*FIVE_BANKS), "ACT ACT ACT ACT RD RD RD ACT RD RD", (0, 7), 26),
    ("tRAS", reads(address(), address(row=1)), "ACT RD PRE ACT RD", (0, 2), 39),
    ("tRP", reads(address(), address(row=1)), "ACT RD PRE ACT RD", (2, 3), 17),
    ("tRTP", reads(*[address(column=c) for c in range(4)], address(row=1)), "ACT RD RD RD RD PRE ACT RD", (4, 5), 9),
    ("tWR", [(0, address(), 1), (1, address(row=1), 1)], "ACT WR PRE ACT WR", (1, 2), 12 + 4 + 18),
    ("tWTR_L", [(0, address(), 1), (5, address(column=1), 0)], "ACT WR RD", (1, 2), 12 + 4 + 9),
    ("tWTR_S", [(0, address(), 1), (5, address(group=1), 0)], "ACT ACT WR RD", (2, 3), 12 + 4 + 3),
    ("read to write", [(0, address(), 0), (5, address(column=1), 1)], "ACT RD WR", (1, 2), 17 + 4 + 1 - 12),
]  # fmt: skip


@pytest.mark.parametrize(("name", "requests", "commands", "pair", "clocks"), SCENARIOS, ids=[s[0] for s in SCENARIOS])
def test_the_controller_issues_at_the_first_clock_that_is_allowed(name, requests, commands, pair, clocks):
    """The request waits all the time, so the clock of its command is the first that is not refused."""
    log = issued(DDR4, requests)
    assert [command for _, command, _ in log] == commands.split()
    assert log[pair[1]][0] - log[pair[0]][0] == clocks
    assert log[0][0] == requests[0][0] + 2  # moved to its bank one clock after it was accepted, served one later


def test_row_cycle_time():
    log = issued(changed(DDR4, timing_clocks={"tRC": 70}), reads(address(), address(row=1)))
    assert [clock - log[0][0] for clock, command, _ in log if command == "ACT"] == [0, 70]


def test_rank_change():
    """Two ranks, one row each: reads of different ranks are a burst and tRTRS apart, of the same rank tCCD_L."""
    device = changed(DDR4, structure={"ranks": 2}, address_mapping="rochbabgcora")
    log = issued(device, reads(0, 1, 2, 4, 6, 5, 7))
    clocks = {bank: [] for bank in (0, 16)}
    for clock, command, bank in log:
        if command == "RD":
            clocks[bank].append(clock)
    between = np.diff(sorted(clocks[0] + clocks[16]))
    assert between.min() == 4 + 1
    assert np.diff(clocks[0]).min() >= 6


def test_refresh_stops_the_rank_and_lasts_trfc():
    """At the multiple of tREFI rows are closed one a clock, then the refresh, then nothing for tRFC."""
    device = changed(DDR4, timing_clocks={"tREFI": 500})
    requests = [(0, address(), 0), (1, address(group=1), 0), (505, address(group=2), 0)]
    log = issued(device, requests, until=960)
    assert log[4:] == [(500, "PRE", 0), (501, "PRE", 4), (518, "REF", 0), (938, "ACT", 8), (955, "RD", 8)]


def test_one_row_and_one_column_command_share_a_clock_on_hbm():
    """A read of an open row and the opening of another row; two row commands never share a clock."""
    device = load_dram_preset("hbm2_bg_interleaved")
    requests = [(0, burst, 0) for burst in (*range(20), *range(128, 132), *range(20, 40), *range(256, 260))]
    log = issued(device, requests)
    together = [(a[1], b[1]) for a, b in zip(log, log[1:], strict=False) if a[0] == b[0]]
    assert together
    assert all(sorted(pair) in (["ACT", "RD"], ["PRE", "RD"]) for pair in together)
    single = issued(changed(device, structure={"dual_command": False}), requests)
    assert len({clock for clock, _, _ in single}) == len(single)
