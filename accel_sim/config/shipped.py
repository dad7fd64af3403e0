"""Find an input file by the name it is shipped under, or by its path."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from accel_sim.errors import Fault, InputError, nearest

_SUFFIXES = (".yaml", ".yml")


def shipped_names(kind_package: str) -> list[str]:
    """Return the sorted names of the files shipped in a data package, e.g. ``accel_sim.workloads``."""
    return sorted(path.stem for path in _folder(kind_package).glob("*.yaml"))


def resolve_shipped(kind_package: str, name_or_path: str, error_cls: type[InputError] = InputError) -> Path:
    """Return the path of a shipped file or of the user's own.

    Parameters
    ----------
    kind_package
        The data package: ``accel_sim.workloads`` or ``accel_sim.arch_configs``.
    name_or_path
        A shipped name (``alexnet``) or a path. A shipped name wins over a file of the same name in the
        current folder; write ``./alexnet`` for that one.

    Raises
    ------
    error_cls
        If a bare name is neither shipped nor a file here. A path is not opened: `load_document` does that.
    """
    names = shipped_names(kind_package)
    if name_or_path in names:
        return _folder(kind_package) / f"{name_or_path}.yaml"
    path = Path(name_or_path)
    is_bare = name_or_path == path.name and path.suffix not in _SUFFIXES
    if name_or_path and (not is_bare or path.exists()):
        return path
    kind = kind_package.rpartition(".")[2]
    message = (
        f"no shipped file of this name{nearest(name_or_path, names)}; "
        f"allowed: a path, or one of the {kind}: {', '.join(names)}"
    )
    raise error_cls(Fault(file=name_or_path or "''", message=message))


def _folder(kind_package: str) -> Path:
    try:
        return Path(str(importlib.resources.files(kind_package)))
    except ModuleNotFoundError:
        # a checkout that is not installed: the data folders stand beside the package
        return Path(__file__).resolve().parents[2] / kind_package.rpartition(".")[2]
