"""Fields of fixed width packed into a bit stream, least significant bit first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def pack_fields(fields: Sequence[tuple[NDArray[np.integer], int]]) -> NDArray[np.uint8]:
    """Pack records of several fields.

    Parameters
    ----------
    fields
        For each field of a record, in order: its values, integer[n_records], and its width in bits. Values are
        taken modulo ``2**width``, so negative ones are stored in two's complement.

    Returns
    -------
    uint8[ceil(n_records * sum(widths) / 8)]; bit 0 of byte 0 is bit 0 of the first field of the first record.
    """
    columns = [
        (values.astype(np.int64)[:, None] >> np.arange(width, dtype=np.int64)) & 1 for values, width in fields
    ]
    bits: NDArray[np.uint8] = np.concatenate(columns, axis=1).astype(np.uint8).reshape(-1)
    return np.packbits(bits, bitorder="little")


def unpack_fields(
    stream: NDArray[np.uint8], n_records: int, widths: Sequence[int], signed: Sequence[bool] = ()
) -> list[NDArray[np.int64]]:
    """Undo :func:`pack_fields`.

    Parameters
    ----------
    stream
        uint8[n_bytes]
    n_records
        Records to read.
    widths
        Width of each field in bits, at most 63.
    signed
        Which fields are two's complement; none by default.

    Returns
    -------
    One int64[n_records] a field.
    """
    n_bits = n_records * sum(widths)
    bits = np.unpackbits(stream, count=n_bits, bitorder="little").reshape(n_records, sum(widths))
    out = []
    first = 0
    for field, width in enumerate(widths):
        weights = np.int64(1) << np.arange(width, dtype=np.int64)
        values = bits[:, first : first + width].astype(np.int64) @ weights
        if signed and signed[field]:
            values = values - ((values >> (width - 1)) << width)
        out.append(values)
        first += width
    return out
