"""Results as CSV: one row a layer, one column a number, units at the end of every name."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

from accel_sim.report.schema import LayerDict, ResultDict

Row = dict[str, Any]


def layer_rows(result: ResultDict) -> list[Row]:
    """Return one flat row a layer.

    Names are those of the JSON, joined: ``stall_<reason>_cycles``, ``bound_<name>_cycles``, ``busy_<unit>_cycles``,
    ``<level>_<tensor>_read_bytes``, ``energy_<component>_pj`` (or ``energy_<component>_relative``); what is not a
    letter or digit becomes ``_``.
    """
    return [_row(result, layer) for layer in result["layers"]]


def to_csv(results: Sequence[ResultDict]) -> str:
    """Return all layers of all results as one CSV with a header; a column that a layer lacks is empty."""
    rows = [row for result in results for row in layer_rows(result)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(result: ResultDict, layer: LayerDict) -> Row:
    row: Row = {
        "arch": result["arch"]["name"],
        "workload": result["workload"]["name"],
        "batch": result["workload"]["batch"],
        "layer": layer["name"],
        "op": layer["op"],
        "algorithm": layer["algorithm"],
        "dataflow": layer["dataflow"],
        "n_macs": layer["n_macs"],
        "n_effectual_macs": layer["n_effectual_macs"],
        "start_cycle": layer["start_cycle"],
        "end_cycle": layer["end_cycle"],
        "total_cycles": layer["total_cycles"],
        "compute_cycles": layer["compute_cycles"],
        "active_pes": layer["active_pes"],
        "utilization": layer["utilization"],
        "latency_ms": layer["latency_ms"],
        "limit": layer.get("limit", ""),
    }
    for reason, cycles in layer["stall_cycles"].items():
        row[f"stall_{_word(reason)}_cycles"] = cycles
    for bound, cycles in layer.get("bounds_cycles", {}).items():
        row[f"bound_{_word(bound)}_cycles"] = cycles
    for unit, counts in layer["units"].items():
        row[f"busy_{_word(unit)}_cycles"] = counts["busy_cycles"]
    for level, tensors in layer["accesses"].items():
        for tensor, moved in tensors.items():
            row[f"{_word(level)}_{_word(tensor)}_read_bytes"] = moved["read_bytes"]
            row[f"{_word(level)}_{_word(tensor)}_write_bytes"] = moved["write_bytes"]
    for component, value in layer.get("energy_pj", {}).items():
        row[f"energy_{_word(component)}_pj"] = value
    for component, value in layer.get("energy_relative", {}).items():
        row[f"energy_{_word(component)}_relative"] = value
    return row


def _word(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_")
