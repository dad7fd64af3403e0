"""What an input file says, with the line and column of every key and value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accel_sim.errors import Fault

KeyPath = tuple[str | int, ...]
Place = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a file says, and where it says it.

    Parameters
    ----------
    file
        Name of the file as the user gave it; empty for data that came from no file.
    data
        Plain data: ``dict`` with text keys, ``tuple`` for sequences, ``int float bool str None``.
    key_places, value_places
        (line, column), both from 1, of each key and of each value, by its path from the top.
    faults
        Mistakes that leave the rest of the file readable (duplicate keys); `validate` adds its own to these.
    """

    file: str
    data: Any
    key_places: Mapping[KeyPath, Place] = field(default_factory=dict)
    value_places: Mapping[KeyPath, Place] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    @classmethod
    def from_data(cls, data: Any, file: str = "") -> Document:
        """Wrap data that came from no file (or from an already changed one); its faults have no line."""
        return cls(file=file, data=_frozen(data))

    def fault(self, path: KeyPath, message: str, *, at_key: bool = False) -> Fault:
        """Return a fault at a value (or its key); at the nearest known parent where the place is unknown."""
        places = (self.key_places, self.value_places) if at_key else (self.value_places, self.key_places)
        line, column = 0, 0
        for end in range(len(path), -1, -1):
            known = places[0].get(path[:end]) or places[1].get(path[:end])
            if known:
                line, column = known
                break
        return Fault(message=message, key=dotted(path), file=self.file, line=line, column=column)


def dotted(path: KeyPath) -> str:
    """Return a path as people write it, e.g. ``layers[2].filter``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _frozen(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {str(key): _frozen(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return tuple(_frozen(item) for item in data)
    return data
