"""Read saved results, and say in one line per fault what is wrong with a file that is none."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

from pydantic import RootModel

from accel_sim.config import Document, validate
from accel_sim.errors import Fault, InputError
from accel_sim.report.schema import SCHEMA, ResultDict


def load_results(path: str | os.PathLike[str]) -> list[ResultDict]:
    """Return the results in a JSON file: the one of ``run``, or the several of ``compare``.

    Raises
    ------
    InputError
        If the file cannot be read, is not JSON (with line and column), or is not a result of schema 1 (each fault with
        its key).
    """
    file = os.fspath(path)
    data = _read_json(file)
    if not isinstance(data, dict) or "schema" not in data:
        raise InputError(Fault(file=file, message="is not a result of accel-sim: it has no key 'schema'"))
    if data["schema"] != SCHEMA:
        raise InputError(Fault(file=file, key="schema", message=f"found {data['schema']!r}; allowed: {SCHEMA}"))
    if "results" not in data:
        validate(_ResultFile, Document.from_data(data, file))
        return [cast(ResultDict, data)]
    validate(_ResultsFile, Document.from_data(data["results"], file))
    return cast(list[ResultDict], data["results"])


def _read_json(file: str) -> Any:
    try:
        return json.loads(Path(file).read_text(encoding="utf-8"))
    except IsADirectoryError:
        raise InputError(Fault(file=file, message="is a folder; allowed: a result in JSON")) from None
    except OSError as error:
        raise InputError(Fault(file=file, message=f"cannot be read: {error.strerror or error}")) from None
    except json.JSONDecodeError as error:
        place = Fault(file=file, line=error.lineno, column=error.colno, message=f"is not JSON: {error.msg}")
        raise InputError(place) from None
    except (ValueError, RecursionError) as error:
        raise InputError(Fault(file=file, message=f"is not JSON: {error}")) from None


class _ResultFile(RootModel[ResultDict]):
    """A file with one result."""


class _ResultsFile(RootModel[list[ResultDict]]):
    """The list in a file with several results."""
