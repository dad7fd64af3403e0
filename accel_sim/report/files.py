"""Write files whole or not at all, and find out before a long run whether they can be written."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from accel_sim.errors import Fault, OptionError

_serial = itertools.count()


def write_atomic(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write `content` to a temporary name in the same folder, then rename it to `path`.

    A reader sees the old file or the new one, never a part. A link stays a link; a device or pipe is written directly,
    since there is nothing to rename.

    Raises
    ------
    OptionError
        If the path is a folder, its folder does not exist, or the system refuses (rights, full disk).
    """
    data = content.encode() if isinstance(content, str) else content
    check_file(path)
    try:
        if _is_special(path):
            with open(path, "wb") as special:
                special.write(data)
        else:
            _replace(os.path.realpath(path), data)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OptionError(_unwritable(path, error)) from None


def write_folder(folder: str | os.PathLike[str], files: Mapping[str, str | bytes]) -> list[Path]:
    """Write `files` (name to content) into `folder`, made if missing; return their paths.

    Raises
    ------
    OptionError
        As `write_atomic`, or if the folder cannot be made.
    """
    check_folder(folder)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OptionError(_unwritable(folder, error)) from None
    paths = [Path(folder) / name for name in files]
    for path, content in zip(paths, files.values(), strict=True):
        write_atomic(path, content)
    return paths


def check_file(path: str | os.PathLike[str]) -> None:
    """Raise `OptionError` if a file can certainly not be written to `path`; nothing is touched."""
    file = os.fspath(path)
    if not file:
        raise OptionError(Fault(file="''", message="is no name; allowed: the name of a file to write"))
    if os.path.isdir(file):
        raise OptionError(Fault(file=file, message="is a folder; allowed: the name of a file to write"))
    parent = os.path.dirname(file) or "."
    if not os.path.isdir(parent):
        found = "is not a folder" if os.path.exists(parent) else "does not exist"
        raise OptionError(Fault(file=file, message=f"cannot be written: the folder {parent} {found}"))
    if not _is_special(file) and not os.access(parent, os.W_OK | os.X_OK):
        raise OptionError(Fault(file=file, message=f"cannot be written: no right to write in the folder {parent}"))


def check_folder(folder: str | os.PathLike[str]) -> None:
    """Raise `OptionError` if `folder` is no folder and can certainly not be made; nothing is touched."""
    if not os.fspath(folder):
        raise OptionError(Fault(file="''", message="is no name; allowed: a folder, made if missing"))
    path = os.path.abspath(folder)
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    file = os.fspath(folder)
    if not os.path.isdir(path):
        what = "is a file" if path == os.path.abspath(folder) else f"cannot be made: {path} is a file"
        raise OptionError(Fault(file=file, message=f"{what}; allowed: a folder, made if missing"))
    if not os.access(path, os.W_OK | os.X_OK):
        raise OptionError(Fault(file=file, message=f"cannot be written: no right to write in {path}"))


def _replace(target: str, data: bytes) -> None:
    temporary = os.path.join(os.path.dirname(target), f".accel-sim-{os.getpid()}-{next(_serial)}.tmp")
    try:
        # opened by hand: the modules that make temporary files ignore the user's umask
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            file.write(data)
        if os.path.exists(target):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def _is_special(path: str | os.PathLike[str]) -> bool:
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def _unwritable(path: str | os.PathLike[str], error: OSError) -> Fault:
    return Fault(file=os.fspath(path), message=f"cannot be written: {error.strerror or error}")
