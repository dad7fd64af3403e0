"""Quantities: parse what people write (``64 KiB``), format for people to read."""

from __future__ import annotations

import re

BYTES_PER_UNIT = {
    "": 1,
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KIB": 1024,
    "MIB": 1024**2,
    "GIB": 1024**3,
}

_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$")


def parse_bytes(value: int | str) -> int:
    """Return a size in bytes from an integer or a text such as ``'64 KiB'``, ``'1.5 MB'``.

    Raises
    ------
    ValueError
        If the unit is unknown, the size is negative or not a whole number of bytes.
    """
    if isinstance(value, bool):
        raise ValueError("a size is a number of bytes or a text such as '64 KiB', not a truth value")
    if isinstance(value, int):
        if value < 0:
            raise ValueError(f"a size cannot be negative: {value}")
        return value
    match = _SIZE.match(value)
    if match is None or match[2].upper() not in BYTES_PER_UNIT:
        raise ValueError(f"{value!r} is not a size; write bytes or B, KB, MB, GB, KiB, MiB, GiB")
    number, scale = match[1], BYTES_PER_UNIT[match[2].upper()]
    whole, _, fraction = number.partition(".")
    denominator = int("1" + "0" * len(fraction))
    numerator = int(whole + fraction) * scale
    if numerator % denominator:
        raise ValueError(f"{value!r} is not a whole number of bytes")
    return numerator // denominator


def format_bytes(n_bytes: int) -> str:
    """Return ``n_bytes`` for people, e.g. ``'1.5 MiB'``; exact below 1 KiB."""
    if n_bytes < 1024:
        return f"{n_bytes} B"
    size = float(n_bytes)
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1024 or unit == "GiB":
            break
    return f"{size:.4g} {unit}"


def format_count(count: float) -> str:
    """Return a count for people with an SI suffix, e.g. ``'2.66 G'``."""
    for scale, suffix in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        # What three digits round up to the next scale is shown in that one.
        if abs(count) >= 0.9995 * scale:
            return f"{count / scale:.3g}{suffix}"
    return f"{count:g}"


def ceil_div(a: int, b: int) -> int:
    """Return ``ceil(a / b)`` in integers, for ``b > 0``."""
    return -(-a // b)
