"""SCALE-Sim configurations (``.cfg``) as architecture files."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from accel_sim.arch.accelerator import Accelerator
from accel_sim.config import parse_document, resolve_shipped, validate
from accel_sim.config.text import read_lines
from accel_sim.errors import ArchError, Fault, nearest

DATAFLOWS = ("ws", "os", "is")
SRAMS = {"ifmapsramszkb": "ifmap_sram", "filtersramszkb": "filter_sram", "ofmapsramszkb": "ofmap_sram"}
REQUIRED = ("arrayheight", "arraywidth", "dataflow")
LARGEST_ARRAY = 65_536
MODES = ("CALC", "USER")
N_INTERFACES = 3
"""SCALE-Sim gives ifmap, filter and ofmap a DRAM interface each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedArch:
    """An architecture file's text, and what of the configuration has no counterpart in it."""

    text: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    """What stands behind a key, the key as it is written, and its line."""

    text: str
    key: str
    line: int


def import_config(path: str | os.PathLike[str]) -> ImportedArch:
    """Read a SCALE-Sim configuration.

    Array size and dataflow are taken over into the shipped machine that has SCALE-Sim's conventions, with
    ``InterfaceBandwidth = USER`` buffer sizes and bandwidth as well. The rest is listed in ``notes`` and ``is_not``.

    Raises
    ------
    ArchError
        With one fault for each line that is no ``key = value``, and each value that is missing or cannot be.
    """
    file = os.fspath(path)
    values = _read_values(file)
    faults = [
        Fault(file=file, message=f"the key {_NAMES[key]} is required and missing")
        for key in REQUIRED
        if key not in values
    ]
    sizes = {key: _whole(file, values[key], LARGEST_ARRAY, faults) for key in REQUIRED[:2] if key in values}
    dataflow = values["dataflow"].text.lower() if "dataflow" in values else ""
    if "dataflow" in values and dataflow not in DATAFLOWS:
        hint = nearest(dataflow, DATAFLOWS)
        message = f"found {values['dataflow'].text!r}{hint}; allowed: {', '.join(DATAFLOWS)}"
        faults.append(_fault(file, values["dataflow"], message))
    is_user = _mode(file, values, faults) == "USER"
    srams = {key: _whole(file, values[key], 1 << 40, faults) for key in SRAMS if key in values} if is_user else {}
    rate = _bandwidth(file, values, faults) if is_user else 0
    if faults:
        raise ArchError(faults)
    yaml = YAML(typ="rt")
    yaml.width = 110
    data: dict[str, Any] = yaml.load(resolve_shipped("accel_sim.arch_configs", f"scalesim_{dataflow}", ArchError))
    data["name"] = re.sub(r"\W+", "_", Path(file).stem.lower()).strip("_") or "machine"
    if not data["name"][0].isalpha():
        data["name"] = f"scalesim_{data['name']}"
    source = f"{Path(file).name}, a configuration of SCALE-Sim"
    data["source"] = f"{source}; conventions of scalesim_{dataflow}"
    data["array"]["rows"], data["array"]["cols"] = sizes["arrayheight"], sizes["arraywidth"]
    told = {"array.rows": "ArrayHeight", "array.cols": "ArrayWidth", "dataflow": "Dataflow"}
    if is_user:
        _use_memory(data, srams, rate)
        told |= {"buffers": "the SRAM sizes", "dram": "Bandwidth, of all interfaces together"}
    for key, name in told.items():
        data["provenance"][key] = f"found: {Path(file).name}, {name}"
    notes = _notes(values, is_user)
    data["is_not"] = f"{data['is_not'].strip()} Without counterpart: {'; '.join(notes)}."
    out = io.StringIO()
    yaml.dump(data, out)
    validate(Accelerator, parse_document(out.getvalue(), file, ArchError), ArchError)
    return ImportedArch(text=out.getvalue(), notes=tuple(notes))


_NAMES = {
    "arrayheight": "ArrayHeight",
    "arraywidth": "ArrayWidth",
    "dataflow": "Dataflow",
    "interfacebandwidth": "InterfaceBandwidth",
    "bandwidth": "Bandwidth",
}


def _read_values(file: str) -> dict[str, _Value]:
    """Return the value of each key, in lower case; sections only group keys, whose names are unique."""
    values: dict[str, _Value] = {}
    faults = []
    for line, raw in enumerate(read_lines(file, ArchError), 1):
        text = raw.strip()
        if not text or text[0] in "#;" or re.fullmatch(r"\[[^\]]*\]", text):
            continue
        match = re.fullmatch(r"([^=:]+?)\s*[=:]\s*(.*)", text)
        if match is None:
            message = f"found {text[:60]!r}; allowed: [section], key = value or key : value"
            faults.append(Fault(file=file, line=line, column=1, message=message))
            continue
        value = _Value(text=match[2].strip(), key=match[1], line=line)
        first = values.setdefault(match[1].lower(), value)
        if first is not value:
            faults.append(_fault(file, value, f"given twice; first in line {first.line}"))
    if faults:
        raise ArchError(faults)
    return values


def _fault(file: str, value: _Value, message: str) -> Fault:
    return Fault(file=file, line=value.line, column=1, key=value.key, message=message)


def _whole(file: str, value: _Value, most: int, faults: list[Fault]) -> int:
    if re.fullmatch(r"[+-]?\d+", value.text) and 1 <= int(value.text) <= most:
        return int(value.text)
    faults.append(_fault(file, value, f"found {value.text!r}; allowed: a whole number from 1 to {most}"))
    return 1


def _mode(file: str, values: Mapping[str, _Value], faults: list[Fault]) -> str:
    """Whether the bandwidth is the user's, or whatever it takes."""
    value = values.get("interfacebandwidth")
    if value is None:
        return MODES[0]
    if value.text.upper() not in MODES:
        faults.append(_fault(file, value, f"found {value.text!r}; allowed: {', '.join(MODES)}"))
    return value.text.upper()


def _bandwidth(file: str, values: Mapping[str, _Value], faults: list[Fault]) -> int:
    """Return the words a cycle of all interfaces."""
    value = values.get("bandwidth")
    if value is None:
        message = "the key Bandwidth is required and missing, because InterfaceBandwidth is USER"
        faults.append(Fault(file=file, message=message))
        return 1
    first = _Value(text=value.text.split(",")[0].strip(), key=value.key, line=value.line)
    return N_INTERFACES * _whole(file, first, 1 << 20, faults)


def _use_memory(data: dict[str, Any], srams: Mapping[str, int], words_per_cycle: int) -> None:
    """Give the buffers their sizes, and the DRAM the rate of all interfaces at one byte a word."""
    for buffer in data["buffers"]:
        for key, kib in srams.items():
            if SRAMS[key] == buffer["name"]:
                buffer["size_bytes"] = f"{kib} KiB"
    gb_per_s = words_per_cycle * data["clock_mhz"] / 1000
    data["dram"] = {"kind": "bandwidth", "gb_per_s": gb_per_s, "latency_ns": 0}
    data.pop("energy", None)


def _notes(values: Mapping[str, _Value], is_user: bool) -> list[str]:
    """Say what becomes of the keys that are not taken over."""
    used = {*REQUIRED, "interfacebandwidth"}
    notes = []
    if is_user:
        used |= {*SRAMS, "bandwidth"}
        notes.append(
            "the three DRAM interfaces, which are one memory of their bandwidths together, and the stalls of "
            "SCALE-Sim's buffers (layers that do not fit are cut into blocks here)"
        )
    else:
        sizes = [f"{values[key].key} = {values[key].text}" for key in SRAMS if key in values]
        used |= {*SRAMS, "bandwidth"}
        notes.append(
            "the SRAM sizes"
            + (f" ({', '.join(sizes)})" if sizes else "")
            + ": with InterfaceBandwidth = CALC they cost no cycle there, and the buffers hold any layer here"
        )
    rest = [f"{value.key} = {value.text}" for key, value in values.items() if key not in used]
    if rest:
        notes.append(", ".join(rest))
    return notes
