"""Read the lines of a text file that is no YAML, with one clear fault where it cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

from accel_sim.errors import Fault, InputError


def read_lines(path: str | os.PathLike[str], error_cls: type[InputError] = InputError) -> list[str]:
    """Return the lines of a file in UTF-8, whatever ends them, without their ends and without a byte-order mark.

    Raises
    ------
    error_cls
        If the path is a folder, missing or unreadable, or its content is not UTF-8 text.
    """
    file = os.fspath(path)
    try:
        content = Path(file).read_bytes()
    except IsADirectoryError:
        raise error_cls(Fault(file=file, message="is a folder; allowed: a text file")) from None
    except FileNotFoundError:
        raise error_cls(Fault(file=file, message="no such file")) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise error_cls(Fault(file=file, message=f"cannot be read: {reason}")) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        message = f"byte 0x{content[error.start]:02x} is not UTF-8; allowed: a text file in UTF-8"
        raise error_cls(Fault(file=file, line=line, column=1, message=message)) from None
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
