"""Read a YAML file into a `Document`, with one clear fault for a file that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from accel_sim.config.document import Document, Place
from accel_sim.config.nodes import NodeReader, UnreadableError
from accel_sim.errors import Fault, InputError


def load_document(path: str | os.PathLike[str], error_cls: type[InputError] = InputError) -> Document:
    """Read a YAML file.

    Raises
    ------
    error_cls
        If the path is a folder, missing or unreadable, or its content is not UTF-8, not YAML or empty.
    """
    file = os.fspath(path)
    try:
        content = Path(file).read_bytes()
    except IsADirectoryError:
        raise error_cls(Fault(file=file, message="is a folder; allowed: a YAML file")) from None
    except FileNotFoundError:
        raise error_cls(Fault(file=file, message="no such file")) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise error_cls(Fault(file=file, message=f"cannot be read: {reason}")) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # utf-8-sig counts from behind a byte-order mark
        body = content.removeprefix(b"\xef\xbb\xbf")
        line, column = _place_of(body[: error.start].decode("utf-8"))
        message = f"byte 0x{body[error.start]:02x} is not UTF-8; allowed: a YAML file in UTF-8"
        raise error_cls(Fault(file=file, line=line, column=column, message=message)) from None
    return parse_document(text, file, error_cls)


def parse_document(text: str, file: str = "", error_cls: type[InputError] = InputError) -> Document:
    """Read YAML text; `file` is the name to show in faults.

    Raises
    ------
    error_cls
        If the text is not YAML or is empty.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        yaml.composer.warn_double_anchors = False
        root = yaml.compose(text)
        if root is None:
            raise error_cls(Fault(file=file, message="is empty; allowed: a mapping of keys to values"))
        reader = NodeReader(file, yaml.constructor)
        data = reader.read(root, ())
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        parts = [str(part) for part in (error.context, error.problem) if part]
        message = "is not YAML: " + " ".join(" ".join(parts).split())
        raise error_cls(Fault(file=file, line=line, column=column, message=message)) from None
    except ReaderError as error:
        line, column = _place_of(text[: error.position])
        message = f"is not YAML: control character {text[error.position]!r}"
        raise error_cls(Fault(file=file, line=line, column=column, message=message)) from None
    except (YAMLError, ValueError) as error:
        raise error_cls(Fault(file=file, message="is not YAML: " + " ".join(str(error).split()))) from None
    except UnreadableError as error:
        raise error_cls(error.fault) from None
    except RecursionError:
        raise error_cls(Fault(file=file, message="is nested too deeply")) from None
    return Document(
        file=file,
        data=data,
        key_places=reader.key_places,
        value_places=reader.value_places,
        faults=tuple(reader.faults),
    )


def _place_of(before: str) -> Place:
    """Return (line, column) of the character that follows `before`."""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
