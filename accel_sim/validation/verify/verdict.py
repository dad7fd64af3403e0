"""What comes of verifying a layer: which of outputs, cycles and accesses agree, and where they first do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

What = Literal["outputs", "cycles", "accesses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first place where the stepped array differs from numpy (outputs) or from the fast path (the others).

    Parameters
    ----------
    layer
        Its name.
    what
        ``outputs``, ``cycles`` or ``accesses``.
    subject
        What was compared there: an output and its sum, the end of a part, a count.
    stepped, expected
        The two numbers.
    part
        The fold, pass, tile or step, e.g. ``tile 3 of 12 (group 0, filters 16-31, ...)``; empty if the parts agree and
        only what belongs to the layer as a whole differs.
    clock
        The stepped array's clock, from 0 at the start of the layer; -1 where no clock belongs to the difference.
    pe
        The PE; empty where the difference belongs to none.
    """

    layer: str
    what: What
    subject: str
    stepped: int
    expected: int
    part: str = ""
    clock: int = -1
    pe: str = ""

    def __str__(self) -> str:
        """One line, e.g. ``conv2: outputs differ in tile 3 of 12 (...), clock 1234, tree 5, input 2: ...``."""
        places = [self.part, f"clock {self.clock}" if self.clock >= 0 else "", self.pe]
        where = ", ".join(place for place in places if place)
        other = "numpy" if self.what == "outputs" else "the fast path"
        return (
            f"{self.layer}: {self.what} differ{' in ' if where else ''}{where}: {self.subject} is {self.stepped:,} in "
            f"the stepped array, {self.expected:,} in {other}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerVerdict:
    """One MAC layer, stepped.

    Parameters
    ----------
    name
        The layer's name.
    outputs_equal
        Whether every output is numpy's, bit for bit.
    stepped_cycles, fast_cycles
        Cycles of the array: counted by the stepped twin, and of the array's commands in the layer's tile program.
    accesses_equal
        Whether every count of accesses, transfers inside the array and MACs is that of the executed commands.
    n_macs_stepped
        MACs that the twin did.
    differences
        The first outputs, cycles and accesses that differ, at most one of each.
    """

    name: str
    outputs_equal: bool
    stepped_cycles: int
    fast_cycles: int
    accesses_equal: bool
    n_macs_stepped: int
    differences: tuple[Difference, ...] = ()

    @property
    def is_proven(self) -> bool:
        """Whether nothing differs."""
        return self.outputs_equal and self.stepped_cycles == self.fast_cycles and self.accesses_equal

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON holds it; ``differences`` only where there are some."""
        row: dict[str, Any] = {
            "name": self.name,
            "outputs_equal": self.outputs_equal,
            "stepped_cycles": self.stepped_cycles,
            "fast_cycles": self.fast_cycles,
            "accesses_equal": self.accesses_equal,
            "n_macs_stepped": self.n_macs_stepped,
        }
        if self.differences:
            row["differences"] = [str(difference) for difference in self.differences]
        return row
