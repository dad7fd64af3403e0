"""Check a document against a pydantic model and report every mistake at once, each at its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from accel_sim.config.document import Document, KeyPath
from accel_sim.config.model import AllowedKeys, KeyFaultError
from accel_sim.errors import Fault, InputError, nearest

Model = TypeVar("Model", bound=BaseModel)

_ALLOWED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "none_required": "null",
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text of the form {pattern}",
    "too_short": "at least {min_length}",
    "too_long": "at most {max_length}",
    "literal_error": "{expected}",
    "enum": "{expected}",
}


def validate(model: type[Model], document: Document, error_cls: type[InputError] = InputError) -> Model:
    """Return the model that a document describes.

    Parameters
    ----------
    model
        A `StrictModel` (any pydantic model works, with less helpful faults for unknown keys).
    document
        What `load_document` or `Document.from_data` gave.
    error_cls
        The exception to raise: `WorkloadError`, `ArchError`, ...

    Raises
    ------
    error_cls
        With every fault of the document, by line and column.
    """
    allowed_keys = AllowedKeys()
    faults = list(document.faults)
    checked: Model | None = None
    try:
        checked = model.model_validate(document.data, context=allowed_keys)
    except ValidationError as error:
        faults += _faults(error, document, allowed_keys)
    except RecursionError:
        faults.append(document.fault((), "is nested too deeply"))
    if checked is None or faults:
        raise error_cls(sorted(dict.fromkeys(faults), key=lambda fault: (fault.line, fault.column)))
    return checked


def _faults(error: ValidationError, document: Document, allowed_keys: AllowedKeys) -> Iterator[Fault]:
    alternatives: dict[KeyPath, list[str]] = {}
    for detail in error.errors(include_url=False):
        path, value = _locate(document.data, detail)
        kind = detail["type"]
        context = detail.get("ctx", {})
        cause = context.get("error")
        if isinstance(cause, KeyFaultError):
            for below, message in cause.faults:
                yield document.fault((*path, *below), message)
        elif cause is not None:
            yield document.fault(path, str(cause))
        elif kind == "extra_forbidden":
            names = allowed_keys.of(_value_at(document.data, path[:-1]))
            yield document.fault(path, _unknown("key", str(path[-1]), names), at_key=True)
        elif kind == "missing":
            yield _missing(document, path, value)
        elif kind == "union_tag_not_found":
            yield _missing(document, (*path, context["discriminator"].strip("'")), value)
        elif kind == "union_tag_invalid":
            key = context["discriminator"].strip("'")
            names = re.findall(r"'([^']*)'", context["expected_tags"])
            tag = value[key]
            message = _unknown(key, tag, names) if isinstance(tag, str) else f"found {_found(tag)}; allowed: text"
            yield document.fault((*path, key), message)
        elif kind == "too_short" and detail["ctx"]["actual_length"] < len(value):
            # pydantic counts only the items that are right; the wrong ones have their own faults
            continue
        else:
            # the branches of a union fail one by one at the same place: one fault with all that is allowed
            alternatives.setdefault(path, []).append(_allowed(detail, value))
    for path, allowed in alternatives.items():
        found = _found(_value_at(document.data, path))
        yield document.fault(path, f"found {found}; allowed: {' or '.join(dict.fromkeys(allowed))}")


def _locate(data: Any, detail: ErrorDetails) -> tuple[KeyPath, Any]:
    """Return the path in the document, and the value there, of a pydantic location.

    Pydantic's location also names union branches and validators, which are no keys of the document.
    """
    path: list[str | int] = []
    value = data
    for i, part in enumerate(detail["loc"]):
        last = i == len(detail["loc"]) - 1
        if isinstance(value, Mapping) and part in value:
            value = value[str(part)]
        elif isinstance(value, tuple) and isinstance(part, int) and part < len(value):
            value = value[part]
        elif not (last and detail["type"] == "missing"):
            continue
        path.append(part)
    return tuple(path), value


def _value_at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data[part]
    return data


def _missing(document: Document, path: KeyPath, parent: Any) -> Fault:
    if isinstance(path[-1], int):
        message = f"found a list of {len(parent)}; more values are required"
        return document.fault(path[:-1], message)
    return document.fault(path, f"the key {path[-1]!r} is required and missing")


def _unknown(what: str, name: str, allowed: list[str]) -> str:
    choices = f"; allowed: {', '.join(allowed)}" if allowed else ""
    return f"unknown {what} {name!r}{nearest(name, allowed)}{choices}"


def _allowed(detail: ErrorDetails, value: Any) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    template = _ALLOWED.get(kind)
    if template is None:
        return detail["msg"]
    whole = {k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in context.items()}
    text = template.format(**whole)
    if kind in ("literal_error", "enum") and isinstance(value, str):
        text += nearest(value, re.findall(r"'([^']*)'", text))
    return text


def _found(value: Any) -> str:
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"{str(value).lower()} (a truth value)"
    if isinstance(value, str):
        return f"{value if len(value) <= 60 else value[:57] + '...'!r} (text)"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, tuple):
        return f"a list of {len(value)}"
    return repr(value)
