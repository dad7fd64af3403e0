"""Compressed sparse rows: values, absolute column indices, row pointers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.formats.base import Encoded, FormatSize, StorageFormat, as_mask
from accel_sim.compression.formats.bitstream import pack_fields, unpack_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Csr(StorageFormat):
    """Rows are axis 0, columns all other axes flattened.

    Parameters
    ----------
    value_bits, pointer_bits
        Widths of a value and of a row pointer.
    index_bits
        Width of a column index; 0 (the default) takes the fewest bits that number the columns.
    """

    name: ClassVar[str] = "csr"
    value_bits: int = 16
    pointer_bits: int = 32
    index_bits: int = 0

    def encode(self, values: ArrayLike) -> Encoded:
        """See :class:`StorageFormat`; also refuses columns that the index cannot number."""
        array = self.check_values(values, self.value_bits)
        matrix = array.reshape(array.shape[0] if array.ndim > 1 else 1, -1)
        rows, columns = np.nonzero(matrix)
        pointers = np.searchsorted(rows, np.arange(matrix.shape[0] + 1))
        index_bits = self._index_bits(matrix.shape[1])
        return Encoded(
            format_name=self.name,
            shape=array.shape,
            dtype=array.dtype,
            streams={
                "values": pack_fields([(matrix[rows, columns], self.value_bits)]),
                "columns": pack_fields([(columns, index_bits)]),
                "pointers": pack_fields([(pointers, self.pointer_bits)]),
            },
            counts={"values": rows.size, "columns": rows.size, "pointers": pointers.size},
            size=self._size(matrix.shape[0], matrix.shape[1], rows.size),
        )

    def _index_bits(self, n_columns: int) -> int:
        needed = max(1, (n_columns - 1).bit_length())
        if self.index_bits and self.index_bits < needed:
            raise self.fault("index_bits", f"{n_columns} columns need {needed} bits, found {self.index_bits}")
        return self.index_bits or needed

    def _size(self, n_rows: int, n_columns: int, nnz: int) -> FormatSize:
        if nnz >= 1 << self.pointer_bits:
            raise self.fault("pointer_bits", f"{nnz} values need {nnz.bit_length()} bits")
        return FormatSize(
            data_bits=nnz * self.value_bits,
            metadata_bits=nnz * self._index_bits(n_columns) + (n_rows + 1) * self.pointer_bits,
            n_stored=nnz,
        )

    def decode(self, encoded: Encoded) -> NDArray[Any]:
        """See :class:`StorageFormat`."""
        self.check_own(encoded)
        shape = encoded.shape if len(encoded.shape) > 1 else (1, encoded.shape[0])
        n_columns = int(np.prod(shape[1:]))
        nnz = encoded.counts["values"]
        (kept,) = unpack_fields(encoded.streams["values"], nnz, [self.value_bits], [encoded.dtype.kind == "i"])
        (columns,) = unpack_fields(encoded.streams["columns"], nnz, [self._index_bits(n_columns)])
        (pointers,) = unpack_fields(encoded.streams["pointers"], encoded.counts["pointers"], [self.pointer_bits])
        matrix = np.zeros((shape[0], n_columns), dtype=encoded.dtype)
        matrix[np.repeat(np.arange(shape[0]), np.diff(pointers)), columns] = kept
        return matrix.reshape(encoded.shape)

    def size(self, tensor: BitMask | ArrayLike) -> FormatSize:
        """See :class:`StorageFormat`."""
        mask = as_mask(tensor)
        return self._size(mask.n_rows, mask.row_bits, mask.nnz)
