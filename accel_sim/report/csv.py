"""Results as CSV: one row a layer, one column a number."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accel_sim.report.schema import LayerDict, ResultDict


def layer_rows(result: ResultDict) -> list[dict[str, Any]]:
    """Return one flat row a layer: ``arch``, ``workload``, ``batch``, ``layer``, then the layer's numbers.

    A column is named by its path in the JSON: ``total_cycles``, ``stall_cycles.dram:filter``,
    ``accesses.glb.ifmap.read_bytes``, ``energy_pj.total``. Lists, such as the work of each PE, are left to the JSON.
    """
    run = {
        "arch": result["arch"]["name"],
        "workload": result["workload"]["name"],
        "batch": result["workload"]["batch"],
    }
    return [{**run, "layer": layer["name"], **_numbers(layer)} for layer in result["layers"]]


def to_csv(results: Sequence[ResultDict]) -> str:
    """Return all layers of all results as one CSV with a header; a column that a layer lacks is empty."""
    rows = [row for result in results for row in layer_rows(result)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _numbers(layer: LayerDict) -> dict[str, Any]:
    return {path: value for path, value in _flat(layer) if path != "name" and not isinstance(value, list)}


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        yield path, value
        return
    for key, inner in value.items():
        yield from _flat(inner, f"{path}.{key}" if path else key)
