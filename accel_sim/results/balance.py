"""The books that must balance in every run: words, MACs, psums, cycles, and the bounds that nothing may beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from accel_sim.errors import ConservationError
from accel_sim.lowering.machine import DRAM
from accel_sim.lowering.macs import STEP_MACS
from accel_sim.results.counts import DATAPATHS, OPERATIONS, Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the books: ``left`` must equal ``right`` (``relation`` ``==``) or be at least it (``>=``)."""

    name: str
    left: int
    right: int
    relation: Literal["==", ">="] = "=="

    @property
    def holds(self) -> bool:
        """Whether the line balances."""
        return self.left == self.right if self.relation == "==" else self.left >= self.right


def transfer_checks(counts: Counts) -> list[Check]:
    """Words that leave a level, times their fan-out, arrive at the level at the other end of the link.

    Reads carry words out of their level, writes carry words in; both ends count on their own.
    """
    sent: dict[tuple[str, str, str], int] = {}
    arrived: dict[tuple[str, str, str], int] = {}
    for key, count in counts.items():
        if key.level in OPERATIONS and key.level not in DATAPATHS or not key.peer:
            continue
        if key.event == "write":
            link = (key.peer, key.level, key.tensor)
            arrived[link] = arrived.get(link, 0) + count.delivered
        else:
            link = (key.level, key.peer, key.tensor)
            sent[link] = sent.get(link, 0) + count.delivered
    checks = []
    for link in sorted({*sent, *arrived}):
        source, target, tensor = link
        # A datapath counts what it uses only where its lowering says so; psums and results leave it uncounted.
        if source in DATAPATHS or (target in DATAPATHS and link not in arrived):
            continue
        checks.append(
            Check(name=f"words {source}->{target} {tensor}", left=sent.get(link, 0), right=arrived.get(link, 0))
        )
    return checks


def psum_checks(counts: Counts) -> list[Check]:
    """Every psum that is written at a level is read there again, or leaves it as a finished ofmap value."""
    levels = sorted({key.level for key in counts if key.tensor == "psum" and key.event == "write"})
    checks = []
    for level in levels:
        written = sum(count.words for key, count in counts.items() if key[:3] == (level, "psum", "write"))
        read = sum(
            count.words
            for key, count in counts.items()
            if key[:3] in ((level, "psum", "read"), (level, "ofmap", "read"))
        )
        checks.append(Check(name=f"psums {level}", left=written, right=read))
    return checks


def mac_checks(counts: Counts, n_macs: int) -> list[Check]:
    """MACs done, gated and skipped are the MACs of the layer; so are those of all array commands, added up.

    Further multiplications of operands that take several words (``again``) belong to MACs that are counted already.
    """
    happened = sum(count.words for key, count in counts.items() if key.level == "mac" and key.event != "again")
    in_steps = counts[STEP_MACS].words if STEP_MACS in counts else 0
    return [
        Check(name="macs done + gated + skipped", left=happened, right=n_macs),
        Check(name="array macs, command by command", left=in_steps, right=n_macs),
    ]


def ofmap_check(counts: Counts, n_words: int) -> Check:
    """Every word of the ofmap that leaves the chip is stored once."""
    stored = sum(count.words for key, count in counts.items() if key[:3] == (DRAM, "ofmap", "write"))
    return Check(name="ofmap words stored", left=stored, right=n_words)


def require(checks: Sequence[Check], where: str) -> None:
    """Raise unless every check holds.

    Raises
    ------
    ConservationError
        Naming each line that does not balance.
    """
    broken = [
        f"{check.name}: {check.left} {check.relation} {check.right} does not hold"
        for check in checks
        if not check.holds
    ]
    if broken:
        raise ConservationError(f"{where}: " + "; ".join(broken))
