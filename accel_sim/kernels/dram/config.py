"""From the numbers of a data sheet to the constraint table and the address fields that the kernels read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from accel_sim.kernels.dram.layout import (
    ACT,
    BANK,
    CONFIG,
    FIELD_NAMES,
    GROUP,
    N_COMMANDS,
    OTHER_RANK,
    PRE,
    RANK,
    READ,
    READ_AP,
    REFRESH,
    WRITE,
    WRITE_AP,
    IntArray,
)


class Rule(NamedTuple):
    """``after`` may follow ``before`` within ``level`` no earlier than ``clocks`` later; ``name`` is for people."""

    before: int
    after: int
    level: int
    clocks: int
    name: str


def constraint_table(timing: Mapping[str, int | None], burst_clocks: int, n_groups: int) -> tuple[Rule, ...]:
    """Return every command-to-command constraint of a device except the four-activate window.

    Parameters
    ----------
    timing
        JEDEC names to clocks: AL, CL, CWL, tRCDRD, tRCDWR, tRP, tRAS, tRC, tRRD_S, tRRD_L, tCCD_S, tCCD_L, tWTR_S,
        tWTR_L, tRTP, tWR, tRFC, tRTRS, tPPD; and tCCD_L_WR, which may be None or absent.
    burst_clocks
        Clocks that one burst occupies the data bus.
    n_groups
        Bank groups in a rank; with one group the short (``_S``) values hold everywhere.

    Notes
    -----
    A level includes the ones below it (a rank-level rule also binds the same bank), which is exact because the long
    values are never smaller than the short ones. Turnarounds follow the data bus: a write burst may start
    tRTRS after the end of a read burst; between ranks each change costs tRTRS, except from write to write. These are
    the derivations of DRAMsim3 (S. Li et al., IEEE CAL 2020).
    """
    t = {name: clocks for name, clocks in timing.items() if clocks is not None}
    long = "_S" if n_groups == 1 else "_L"
    read_latency, write_latency = t["AL"] + t["CL"], t["AL"] + t["CWL"]
    column_l = max(burst_clocks, t["tCCD" + long])
    write_column_l = max(column_l, t.get("tCCD_L_WR", 0) if n_groups > 1 else 0)
    column_s = max(burst_clocks, t["tCCD_S"])
    read_to_write = read_latency + burst_clocks + t["tRTRS"] - write_latency
    write_end = write_latency + burst_clocks
    between_ranks = burst_clocks + t["tRTRS"]
    rules = [
        Rule(ACT, ACT, BANK, t["tRC"], "tRC"),
        Rule(ACT, ACT, GROUP, t["tRRD" + long], "tRRD" + long),
        Rule(ACT, ACT, RANK, t["tRRD_S"], "tRRD_S"),
        Rule(ACT, READ, BANK, t["tRCDRD"] - t["AL"], "tRCD (read)"),
        Rule(ACT, WRITE, BANK, t["tRCDWR"] - t["AL"], "tRCD (write)"),
        Rule(ACT, PRE, BANK, t["tRAS"], "tRAS"),
        Rule(ACT, REFRESH, BANK, t["tRC"], "tRC (refresh)"),
        Rule(PRE, ACT, BANK, t["tRP"], "tRP"),
        Rule(PRE, REFRESH, BANK, t["tRP"], "tRP (refresh)"),
        Rule(PRE, PRE, RANK, t["tPPD"], "tPPD"),
        Rule(READ, PRE, BANK, t["AL"] + t["tRTP"], "tRTP"),
        Rule(WRITE, PRE, BANK, write_end + t["tWR"], "tWR"),
        Rule(READ_AP, ACT, BANK, t["AL"] + t["tRTP"] + t["tRP"], "tRTP + tRP"),
        Rule(READ_AP, REFRESH, BANK, t["AL"] + t["tRTP"] + t["tRP"], "tRTP + tRP (refresh)"),
        Rule(WRITE_AP, ACT, BANK, write_end + t["tWR"] + t["tRP"], "tWR + tRP"),
        Rule(WRITE_AP, REFRESH, BANK, write_end + t["tWR"] + t["tRP"], "tWR + tRP (refresh)"),
        Rule(REFRESH, ACT, RANK, t["tRFC"], "tRFC"),
        Rule(REFRESH, REFRESH, RANK, t["tRFC"], "tRFC (refresh)"),
    ]
    for read, write in ((READ, WRITE), (READ_AP, WRITE_AP)):
        rules += [
            Rule(read, READ, GROUP, column_l, "tCCD_L (read)"),
            Rule(read, READ, RANK, column_s, "tCCD_S (read)"),
            Rule(read, READ, OTHER_RANK, between_ranks, "tRTRS (read to read)"),
            Rule(read, WRITE, RANK, read_to_write, "read to write"),
            Rule(read, WRITE, OTHER_RANK, read_to_write, "tRTRS (read to write)"),
            Rule(write, WRITE, GROUP, write_column_l, "tCCD_L (write)"),
            Rule(write, WRITE, RANK, column_s, "tCCD_S (write)"),
            Rule(write, WRITE, OTHER_RANK, burst_clocks, "data bus (write to write)"),
            Rule(write, READ, GROUP, write_end + t["tWTR" + long], "tWTR_L"),
            Rule(write, READ, RANK, write_end + t["tWTR_S"], "tWTR_S"),
            Rule(write, READ, OTHER_RANK, write_latency - read_latency + between_ranks, "tRTRS (write to read)"),
        ]
    return tuple(rule for rule in rules if rule.clocks > 0)


def address_fields(mapping: str, sizes: Mapping[str, int]) -> tuple[IntArray, IntArray]:
    """Return shift and mask of each field of ``FIELD_NAMES`` in ``address / 64``, both int64[6].

    Parameters
    ----------
    mapping
        The six two-letter fields, most significant first, e.g. ``"rochrababgco"``.
    sizes
        How many values each field has, powers of two.
    """
    shift, mask = np.zeros(6, np.int64), np.zeros(6, np.int64)
    position = 0
    for start in range(len(mapping) - 2, -2, -2):
        name = mapping[start : start + 2]
        field = FIELD_NAMES.index(name)
        shift[field] = position
        mask[field] = sizes[name] - 1
        position += sizes[name].bit_length() - 1
    return shift, mask


def build_config(rules: tuple[Rule, ...], fields: tuple[IntArray, IntArray], **numbers: int) -> np.void:
    """Return a CONFIG record from a constraint table, address fields and its scalar members."""
    config = np.zeros((), CONFIG)
    ordered = sorted(rules, key=lambda rule: rule.before)
    before = np.array([rule.before for rule in ordered], np.int64)
    config["first_rule"] = np.searchsorted(before, np.arange(N_COMMANDS + 1))
    for i, rule in enumerate(ordered):
        config["rules"][i] = rule.after, rule.level, rule.clocks
    config["field_shift"], config["field_mask"] = fields
    config["n_banks"] = numbers["n_ranks"] * numbers["n_groups"] * numbers["banks_per_group"]
    for name, number in numbers.items():
        config[name] = number
    record: np.void = config.reshape(1)[0]
    return record
