"""SCALE-Sim topologies (CSV of convolutions or of gemms) as workload files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from accel_sim.config.text import read_lines
from accel_sim.errors import Fault, WorkloadError
from accel_sim.workload.ops_fields import MAX_SIZE
from accel_sim.workload.windows import MAX_WINDOW

CONV_COLUMNS = (
    "IFMAP height",
    "IFMAP width",
    "filter height",
    "filter width",
    "channels",
    "number of filters",
    "stride",
)
GEMM_COLUMNS = ("M", "N", "K")
DEPTHWISE_MARK = "DP"
"""In SCALE-Sim, a layer with this in its name is computed channel by channel."""

_NUMBER = re.compile(r"[+-]?\d+")
_RATIO = re.compile(r"\d+\s*:\s*\d+")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedWorkload:
    """A workload file's text, how many layers it has, and what of the topology it does not say."""

    text: str
    n_layers: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    line: int
    name: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A layer: its name, and the keys of the workload file as text."""

    name: str
    keys: str


def import_topology(path: str | os.PathLike[str]) -> ImportedWorkload:
    """Read a SCALE-Sim topology.

    Columns count by position, as in SCALE-Sim: name; ifmap height and width, filter height and width, channels,
    filters, stride; or name, M, N, K. A header line, blank lines, a missing comma at a line's end and further columns
    are accepted; a ninth column whose heading says stride is the horizontal one.

    Raises
    ------
    WorkloadError
        With one fault for each number that is missing, no whole number or not positive, and each filter larger than
        its ifmap, at its line.
    """
    file = os.fspath(path)
    header, rows = _read_rows(file)
    is_gemm = _is_gemm(file, header, rows)
    has_two_strides = len(header) > 8 and "stride" in header[8].lower()
    columns = GEMM_COLUMNS if is_gemm else CONV_COLUMNS + ("horizontal stride",) * has_two_strides
    faults: list[Fault] = []
    entries: list[_Entry] = []
    notes: list[str] = []
    for row in rows:
        wrong = list(_number_faults(file, row, columns))
        if wrong:
            faults += wrong
            continue
        numbers = [int(text) for text in row.fields[: len(columns)]]
        if is_gemm:
            entries.append(_gemm(row.name, *numbers))
            continue
        wrong = list(_filter_faults(file, row, numbers))
        faults += wrong
        if not wrong:
            entries.append(_conv(row.name, numbers))
            notes += _row_notes(row, numbers, len(columns))
    if not rows:
        faults.append(Fault(file=file, message="has no layers; allowed: a header line and one line a layer"))
    if faults:
        raise WorkloadError(faults)
    return ImportedWorkload(
        text=_workload(Path(file), _with_unique_names(entries), notes), n_layers=len(entries), notes=tuple(notes)
    )


def _read_rows(file: str) -> tuple[list[str], list[_Row]]:
    """Return the fields of the header line, if there is one, and the rows below it."""
    header: list[str] = []
    rows: list[_Row] = []
    for line, text in enumerate(read_lines(file, WorkloadError), 1):
        fields = [field.strip() for field in text.split(",")]
        while fields and not fields[-1]:
            fields.pop()
        if not fields:
            continue
        if not rows and not header and not any(_NUMBER.fullmatch(field) for field in fields[1:]):
            header = fields
            continue
        rows.append(_Row(line=line, name=fields[0], fields=tuple(fields[1:])))
    return header, rows


def _is_gemm(file: str, header: list[str], rows: list[_Row]) -> bool:
    """Whether the columns are M, N, K; without a header their number tells."""
    if header:
        names = [field.upper() for field in header[1:4]]
        if sorted(names) == sorted(GEMM_COLUMNS) and names != list(GEMM_COLUMNS):
            message = f"the columns are headed {', '.join(names)}; SCALE-Sim reads them as {', '.join(GEMM_COLUMNS)}"
            raise WorkloadError(Fault(file=file, line=1, column=1, message=message))
        return names == list(GEMM_COLUMNS)
    return bool(rows) and all(len(row.fields) < len(CONV_COLUMNS) for row in rows)


def _number_faults(file: str, row: _Row, columns: tuple[str, ...]) -> Iterator[Fault]:
    place = f"layer {row.name!r}" if row.name else "layer without a name"
    for index, column in enumerate(columns):
        text = row.fields[index] if index < len(row.fields) else ""
        allowed = MAX_WINDOW if column in ("filter height", "filter width") else MAX_SIZE
        if not text:
            message = f"the {column} is missing; allowed: {', '.join(columns)}, in this order"
        elif not _NUMBER.fullmatch(text):
            message = f"the {column} is {text!r}; allowed: a whole number from 1"
        elif not 1 <= int(text) <= allowed:
            message = f"the {column} is {int(text)}; allowed: 1 to {allowed}"
        else:
            continue
        yield Fault(file=file, line=row.line, column=1, key=place, message=message)


def _filter_faults(file: str, row: _Row, numbers: list[int]) -> Iterator[Fault]:
    for axis, name in enumerate(("height", "width")):
        if numbers[2 + axis] > numbers[axis]:
            message = f"the filter {name} is {numbers[2 + axis]}; allowed: at most {numbers[axis]}, that of the ifmap"
            yield Fault(file=file, line=row.line, column=1, key=f"layer {row.name!r}", message=message)


def _gemm(name: str, m: int, n: int, k: int) -> _Entry:
    return _Entry(name=name, keys=f"op: matmul, m: {m}, k: {k}, n: {n}")


def _conv(name: str, numbers: list[int]) -> _Entry:
    height, width, r, s, channels, filters, stride, *more = numbers
    strides = f"[{stride}, {more[0]}]" if more and more[0] != stride else f"{stride}"
    ifmap = f"ifmap: [{channels}, {height}, {width}]"
    if DEPTHWISE_MARK in name:
        keys = f"op: depthwise_conv2d, {ifmap}, filter: [{channels * filters}, 1, {r}, {s}], stride: {strides}"
    else:
        keys = f"op: conv2d, {ifmap}, filter: [{filters}, {channels}, {r}, {s}], stride: {strides}"
    return _Entry(name=name, keys=keys)


def _row_notes(row: _Row, numbers: list[int], n_columns: int) -> Iterator[str]:
    if re.search(r"dw|depth", row.name, re.IGNORECASE) and DEPTHWISE_MARK not in row.name and numbers[5] == 1:
        yield (
            f"{row.name} is named as a depthwise layer; as in SCALE-Sim it is a convolution over all {numbers[4]} "
            f"channels, because only names with {DEPTHWISE_MARK} are computed channel by channel there"
        )
    for field in row.fields[n_columns:]:
        if _RATIO.fullmatch(field) and len(set(field.replace(" ", "").split(":"))) > 1:
            yield f"{row.name} has sparsity {field}, which is not taken over; give the layer a pattern n_of_m"


def _with_unique_names(entries: list[_Entry]) -> list[_Entry]:
    """Replace what a layer's name may not hold, and number names that come again."""
    taken: set[str] = set()
    named = []
    for number, entry in enumerate(entries, 1):
        name = re.sub(r"[\s,*?\[\]]+", "_", entry.name) or f"layer{number}"
        unique, again = name, 1
        while unique in taken:
            again += 1
            unique = f"{name}_{again}"
        taken.add(unique)
        named.append(replace(entry, name=unique))
    return named


def _workload(file: Path, entries: list[_Entry], notes: list[str]) -> str:
    name = re.sub(r"\W+", "_", file.stem).strip("_") or "topology"
    is_not = [
        "SCALE-Sim knows no padding, batch or edges between layers: ifmaps are as large as its file says, and every "
        "layer reads fresh data. It counts a last window that hangs over the ifmap's edge as a pixel; so do the "
        "machines scalesim_ws, scalesim_os and scalesim_is (array.partial_windows), and no others.",
        *notes,
    ]
    lines = [
        f"name: {_text(name)}",
        f"source: {_text(f'SCALE-Sim topology {file.name}')}",
        "is_not:",
        *(f"  - {_text(note)}" for note in is_not),
        "batch: 1",
        "defaults: {bits: {ifmap: 8, filter: 8, ofmap: 8, psum: 32}}",
        "layers:",
        *(f"  - {{name: {_text(entry.name)}, {entry.keys}}}" for entry in entries),
    ]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """Return a YAML scalar: plain where that is safe, else quoted."""
    words = ("true", "false", "null", "yes", "no", "on", "off")
    return value if _PLAIN.fullmatch(value) and value.lower() not in words else json.dumps(value, ensure_ascii=False)
