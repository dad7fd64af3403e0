"""The files of figures that others published or measured, which `validate` and the tests read alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

Row = Mapping[str, Any]


@cache
def table(name: str) -> Mapping[str, Any]:
    """Return a file of figures, e.g. ``scalesim``."""
    content: Mapping[str, Any] = json.loads(
        files("accel_sim.validation").joinpath("data", f"{name}.json").read_text(encoding="utf-8")
    )
    return content


def rows(name: str, columns: str = "columns", of: str = "rows") -> list[Row]:
    """Return the rows of a file of figures by column name."""
    content = table(name)
    return [dict(zip(content[columns], row, strict=True)) for row in content[of]]
