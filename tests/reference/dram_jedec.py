"""What a data sheet asks of a DRAM command log: the least clocks from one command to another, bank by bank."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

ACT, PRE, RD, WR, REF, RDA, WRA = range(7)
SAME_BANK, SAME_GROUP, OTHER_GROUP, OTHER_RANK = range(4)
RANK_WIDE = (SAME_BANK, SAME_GROUP, OTHER_GROUP)


@dataclass(frozen=True)
class Memory:
    """A memory in plain numbers; ``timing`` holds JEDEC names in clocks."""

    timing: dict[str, int]
    burst_clocks: int
    channels: int = 1
    ranks: int = 1
    groups: int = 1
    banks_per_group: int = 8
    rows: int = 1024
    bursts_per_row: int = 128
    mapping: str = "rochrababgco"
    dual: bool = False
    closed_page: bool = False
    fcfs: bool = False
    refresh: bool = True
    queue: int = 32
    bank_queue: int = 8
    drain: int = 8
    row_limit: int = 4
    extra: dict[str, int] = field(default_factory=dict)  # asked in addition, by name of the demand

    @property
    def banks(self) -> int:
        return self.ranks * self.groups * self.banks_per_group

    def relation(self, a: int, b: int) -> int:
        """How bank ``a`` stands to bank ``b`` of the same channel."""
        if a == b:
            return SAME_BANK
        if a // self.banks_per_group == b // self.banks_per_group:
            return SAME_GROUP
        per_rank = self.groups * self.banks_per_group
        return OTHER_GROUP if a // per_rank == b // per_rank else OTHER_RANK


class Demand(NamedTuple):
    """From any of ``before`` to any of ``after``, in banks so related, at least ``clocks``."""

    name: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    relations: tuple[int, ...]
    clocks: int


def demands(memory: Memory) -> list[Demand]:
    """Every demand between two commands; ``memory.extra`` tightens them by name."""
    t, burst = memory.timing, memory.burst_clocks
    suffix = "_L" if memory.groups > 1 else "_S"
    rl, wl = t["AL"] + t["CL"], t["AL"] + t["CWL"]
    reads, writes = (RD, RDA), (WR, WRA)
    near = (SAME_BANK, SAME_GROUP)
    ccd_l = max(burst, t["tCCD" + suffix])
    ccd_l_write = max(ccd_l, t.get("tCCD_L_WR", 0)) if memory.groups > 1 else ccd_l
    listed = [
        Demand("tRC", (ACT,), (ACT,), (SAME_BANK,), t["tRC"]),
        Demand("tRRD_L", (ACT,), (ACT,), (SAME_GROUP,), t["tRRD" + suffix]),
        Demand("tRRD_S", (ACT,), (ACT,), (OTHER_GROUP,), t["tRRD_S"]),
        Demand("tRCDRD", (ACT,), reads, (SAME_BANK,), t["tRCDRD"] - t["AL"]),
        Demand("tRCDWR", (ACT,), writes, (SAME_BANK,), t["tRCDWR"] - t["AL"]),
        Demand("tRAS", (ACT,), (PRE,), (SAME_BANK,), t["tRAS"]),
        Demand("tRP", (PRE,), (ACT,), (SAME_BANK,), t["tRP"]),
        Demand("tRP to refresh", (PRE,), (REF,), RANK_WIDE, t["tRP"]),
        Demand("tRC to refresh", (ACT,), (REF,), RANK_WIDE, t["tRC"]),
        Demand("tPPD", (PRE,), (PRE,), RANK_WIDE, t["tPPD"]),
        Demand("tRTP", (RD,), (PRE,), (SAME_BANK,), t["AL"] + t["tRTP"]),
        Demand("tWR", (WR,), (PRE,), (SAME_BANK,), wl + burst + t["tWR"]),
        Demand("tRTP + tRP", (RDA,), (ACT,), (SAME_BANK,), t["AL"] + t["tRTP"] + t["tRP"]),
        Demand("tRTP + tRP to refresh", (RDA,), (REF,), RANK_WIDE, t["AL"] + t["tRTP"] + t["tRP"]),
        Demand("tWR + tRP", (WRA,), (ACT,), (SAME_BANK,), wl + burst + t["tWR"] + t["tRP"]),
        Demand("tWR + tRP to refresh", (WRA,), (REF,), RANK_WIDE, wl + burst + t["tWR"] + t["tRP"]),
        Demand("tCCD_L of reads", reads, reads, near, ccd_l),
        Demand("tCCD_L of writes", writes, writes, near, ccd_l_write),
        Demand("tCCD_S of reads", reads, reads, (OTHER_GROUP,), max(burst, t["tCCD_S"])),
        Demand("tCCD_S of writes", writes, writes, (OTHER_GROUP,), max(burst, t["tCCD_S"])),
        Demand("read to write", reads, writes, RANK_WIDE, rl + burst + t["tRTRS"] - wl),
        Demand("tWTR_L", writes, reads, near, wl + burst + t["tWTR" + suffix]),
        Demand("tWTR_S", writes, reads, (OTHER_GROUP,), wl + burst + t["tWTR_S"]),
        Demand("rank, read to read", reads, reads, (OTHER_RANK,), burst + t["tRTRS"]),
        Demand("rank, read to write", reads, writes, (OTHER_RANK,), rl + burst + t["tRTRS"] - wl),
        Demand("rank, write to write", writes, writes, (OTHER_RANK,), burst),
        Demand("rank, write to read", writes, reads, (OTHER_RANK,), wl + burst + t["tRTRS"] - rl),
        Demand("tRFC", (REF,), (ACT, REF), RANK_WIDE, t["tRFC"]),
    ]
    return [demand._replace(clocks=demand.clocks + memory.extra.get(demand.name, 0)) for demand in listed]
