"""The exception tree.

::

    AccelSimError
    |-- InputError            the user's mistake: one or more faults; the command line exits with 2
    |   |-- WorkloadError     a workload file or network
    |   |-- ArchError         an architecture file or ``--set``
    |   |-- MappingError      a mapping that is illegal or fits nowhere
    |   |-- TraceError        a DRAM trace, operand trace or program file
    |   `-- OptionError       a command-line option, an output path
    |-- ProgramError          a tile program that cannot finish or reads before it writes
    `-- ConservationError     a result whose books do not balance: our own bug, never the user's
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One mistake: where it is, what was found, what is allowed.

    Parameters
    ----------
    message
        What was found and what is allowed, in one line.
    key
        Dotted path of the key, e.g. ``layers[2].filter``; empty when there is none.
    file, line, column
        Where in the file; line and column count from 1, 0 means unknown.
    """

    message: str
    key: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}:{self.column}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class AccelSimError(Exception):
    """Anything this package raises on purpose."""


class InputError(AccelSimError):
    """The user's mistake; holds every fault found, not only the first."""

    def __init__(self, faults: Fault | str | Iterable[Fault]) -> None:
        if isinstance(faults, str):
            faults = Fault(message=faults)
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class WorkloadError(InputError):
    """A workload file or a network that cannot be."""


class ArchError(InputError):
    """An architecture file, or a value set on it, that cannot be."""


class MappingError(InputError):
    """A mapping that is illegal on this architecture, or a layer that fits nowhere."""


class TraceError(InputError):
    """A trace or program file that cannot be read."""


class OptionError(InputError):
    """A command-line option or an output path that cannot be used."""


class ProgramError(AccelSimError):
    """A tile program that cannot finish, or that reads DRAM before the write it overlaps."""


class ConservationError(AccelSimError):
    """A result whose books do not balance."""


def nearest(name: str, allowed: Sequence[str]) -> str:
    """Return ``; did you mean 'x'?`` for the closest allowed name, or an empty string."""
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
