"""Dotted paths into an architecture: ``array.rows``, ``buffers.glb.size_bytes``, ``buffers[0].banks``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from accel_sim.config import Document, parse_document
from accel_sim.errors import ArchError, Fault, nearest

FREE_FORM = ("energy", "provenance")
"""Keys below which any dotted name stands by itself, as one key."""


class UnknownPathError(Exception):
    """A path leads nowhere; says how far it led and which names there are."""


def resolve(data: Mapping[str, Any], path: str) -> tuple[str | int, ...]:
    """Return the keys from the top of `data` that `path` names; a list item goes by its ``name`` or its number.

    Raises
    ------
    UnknownPathError
        If there is no such key, with the nearest one.
    """
    parts = re.sub(r"\[(\d+)\]", r".\1", path).split(".")
    if parts[0] in FREE_FORM and len(parts) > 1:
        return (parts[0], ".".join(parts[1:]))
    keys: list[str | int] = []
    here: Any = data
    for i, part in enumerate(parts):
        if isinstance(here, Mapping):
            names = [str(key) for key in here]
            key: str | int = part
        elif isinstance(here, tuple | list):
            names = [str(item.get("name", n)) if isinstance(item, Mapping) else str(n) for n, item in enumerate(here)]
            key = int(part) if part.isdecimal() and int(part) < len(here) else _index(names, part)
        else:
            raise UnknownPathError(f"{'.'.join(parts[:i])!r} has no keys below it")
        if key == -1 or (isinstance(key, str) and key not in here):
            raise UnknownPathError(f"unknown key {part!r}{nearest(part, names)}; allowed: {', '.join(names)}")
        keys.append(key)
        here = here[key]
    return tuple(keys)


def canonical(data: Mapping[str, Any], keys: tuple[str | int, ...]) -> str:
    """Return the dotted path of resolved keys, list items by their name."""
    parts: list[str] = []
    here: Any = data
    for key in keys:
        here = here[key] if not (keys[0] in FREE_FORM and key == keys[-1]) else None
        parts.append(str(here.get("name", key)) if isinstance(key, int) and isinstance(here, Mapping) else str(key))
    return ".".join(parts)


def changed(data: Mapping[str, Any], sets: Mapping[str, Any]) -> Document:
    """Return `data` with the values of `sets` in place; a text is read as YAML.

    Parameters
    ----------
    data
        All keys of an architecture, with its defaults.
    sets
        Dotted path to value.

    Raises
    ------
    ArchError
        One fault for each path that leads nowhere and each value that is no YAML.
    """
    tree = _thawed(data)
    faults: list[Fault] = []
    for path, value in sets.items():
        try:
            keys = resolve(tree, path)
            new = parse_document(value, "--set", ArchError).data if isinstance(value, str) else value
        except UnknownPathError as error:
            faults.append(Fault(message=str(error), key=path, file="--set"))
            continue
        except ArchError as error:
            faults += [Fault(message=fault.message, key=path, file="--set") for fault in error.faults]
            continue
        here: Any = tree
        for key in keys[:-1]:
            here = here[key]
        here[keys[-1]] = new
        if keys[0] != "provenance":
            _note_set(tree["provenance"], canonical(tree, keys))
    if faults:
        raise ArchError(faults)
    return Document.from_data(tree, file="--set")


def _note_set(provenance: dict[str, str], path: str) -> None:
    """Mark a path as set by the user and forget where the values below it came from."""
    for below in [key for key in provenance if key.startswith(f"{path}.")]:
        del provenance[below]
    provenance[path] = "set: by the user"


def _index(names: list[str], part: str) -> int:
    return names.index(part) if part in names else -1


def _thawed(data: Any) -> Any:
    """Return a copy made of dicts and lists."""
    if isinstance(data, Mapping):
        return {key: _thawed(value) for key, value in data.items()}
    if isinstance(data, tuple | list):
        return [_thawed(item) for item in data]
    return data
