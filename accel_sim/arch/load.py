"""Read an architecture file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from accel_sim.arch.accelerator import Accelerator
from accel_sim.config import load_document, resolve_shipped, validate
from accel_sim.errors import ArchError

CONFIGS = "accel_sim.arch_configs"
"""Package of the shipped architectures."""


def load_arch(name_or_path: str | os.PathLike[str], sets: Mapping[str, Any] | None = None) -> Accelerator:
    """Return the architecture of a file.

    Parameters
    ----------
    name_or_path
        A shipped name (``eyeriss``) or a path.
    sets
        Dotted path to value, as for `Accelerator.with_set`.

    Raises
    ------
    ArchError
        With every fault of the file, or else of `sets`.
    """
    path = resolve_shipped(CONFIGS, os.fspath(name_or_path), ArchError)
    arch = validate(Accelerator, load_document(path, ArchError), ArchError)
    return arch.with_set(sets) if sets else arch
