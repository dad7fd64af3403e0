"""Read a DRAM trace: a CSV file of ``address,is_write``."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import Fault, TraceError

HEADER = "address,is_write"
MOST_FAULTS = 20
_ADDRESS = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")


def read_dram_trace(
    path: str | os.PathLike[str], capacity_bytes: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return the addresses in bytes (int64[n]) and the write flags (uint8[n], 0 or 1) of a trace.

    Each line is an address, decimal or with ``0x``, a comma, and 0 for a read or 1 for a write; a first line
    ``address,is_write`` is skipped, and so are empty lines. A request is for the 64 bytes that hold the address.

    Raises
    ------
    TraceError
        If the file cannot be read, holds no request, or has lines that are none (the first 20 of them).
    """
    file = os.fspath(path)
    addresses: list[int] = []
    writes: list[int] = []
    faults: list[Fault] = []
    n_faults = 0
    for number, line in enumerate(_lines(file), 1):
        text = line.strip()
        if not text or (number == 1 and text.replace(" ", "").lower() == HEADER):
            continue
        found = _request(line, capacity_bytes)
        if isinstance(found, tuple):
            addresses.append(found[0])
            writes.append(found[1])
            continue
        n_faults += 1
        if n_faults <= MOST_FAULTS:
            faults += [Fault(file=file, line=number, column=column, message=text) for column, text in found]
    if n_faults > MOST_FAULTS:
        faults.append(Fault(file=file, message=f"and {n_faults - MOST_FAULTS} more lines like these"))
    if faults:
        raise TraceError(faults)
    if not addresses:
        raise TraceError(Fault(file=file, message=f"holds no request; allowed: lines of {HEADER}"))
    return np.array(addresses, np.int64), np.array(writes, np.uint8)


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_bytes().decode("utf-8-sig").splitlines()
    except IsADirectoryError:
        raise TraceError(Fault(file=file, message="is a folder; allowed: a CSV file")) from None
    except FileNotFoundError:
        raise TraceError(Fault(file=file, message="no such file")) from None
    except UnicodeDecodeError:
        raise TraceError(Fault(file=file, message="is not text; allowed: a CSV file in UTF-8")) from None
    except (OSError, ValueError) as error:
        raise TraceError(Fault(file=file, message=f"cannot be read: {error}")) from None


def _request(line: str, capacity_bytes: int) -> tuple[int, int] | list[tuple[int, str]]:
    """Return (address, write flag), or all that is wrong with the line as (column, message)."""
    fields = line.split(",")
    if len(fields) != 2:
        return [(1, f"found {len(fields)} fields; allowed: {HEADER}")]
    text, is_write = fields[0].strip(), fields[1].strip()
    address = -1
    if _ADDRESS.fullmatch(text):
        address = int(text, 16 if text[1:2] in ("x", "X") else 10)
    faults = []
    if address < 0:
        faults.append((1, f"found the address {text!r}; allowed: a whole number of bytes, decimal or with 0x"))
    elif address >= capacity_bytes:
        faults.append((1, f"found the address {text}; the memory ends at {capacity_bytes} bytes"))
    if is_write not in ("0", "1"):
        faults.append((len(fields[0]) + 2, f"found is_write {is_write!r}; allowed: 0 for a read, 1 for a write"))
    return faults or (address, int(is_write))
