"""Storage formats: how many bits a tensor takes, and the real encoders and decoders.

One file a format; a new format is a new file and a line in :data:`FORMATS`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from accel_sim.compression.formats.base import Encoded, FormatSize, StorageFormat
from accel_sim.compression.formats.bitmap import Bitmap
from accel_sim.compression.formats.csc_relative import CscRelative
from accel_sim.compression.formats.csr import Csr
from accel_sim.compression.formats.dense import Dense
from accel_sim.compression.formats.huffman import Huffman
from accel_sim.compression.formats.n_of_m import NOfM
from accel_sim.compression.formats.run_length import RunLength
from accel_sim.errors import Fault, InputError, nearest

__all__ = ["FORMATS", "Encoded", "FormatSize", "StorageFormat", "make_format"]

FORMATS: dict[str, type[StorageFormat]] = {
    format_class.name: format_class
    for format_class in (Dense, Bitmap, RunLength, CscRelative, Csr, NOfM, Huffman)
}
"""Format name -> class; the fields of the class are the format's keys."""


def make_format(name: str, **keys: Any) -> StorageFormat:
    """Return a storage format by name.

    Raises
    ------
    InputError
        An unknown name or key, or keys that exclude each other.
    """
    if name not in FORMATS:
        names = sorted(FORMATS)
        raise InputError(
            Fault(key="format", message=f"found {name!r}; one of {', '.join(names)}{nearest(name, names)}")
        )
    allowed = [field.name for field in fields(FORMATS[name])]
    unknown = [key for key in keys if key not in allowed]
    if unknown:
        raise InputError(
            [
                Fault(key=f"{name}.{key}", message=f"allowed are {', '.join(allowed)}{nearest(key, allowed)}")
                for key in unknown
            ]
        )
    return FORMATS[name](**keys)
