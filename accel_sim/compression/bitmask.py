"""A mask held as bits: which elements of a tensor are non-zero."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_sim.errors import WorkloadError
from accel_sim.kernels.bits import row_counts, transpose_words

_MOST_UNPACKED = 1 << 20
"""Elements held as bytes at a time where a whole mask is gone through."""


@dataclass(frozen=True, slots=True, eq=False)
class BitMask:
    """Non-zero pattern of a tensor, one bit an element.

    The tensor is seen as rows: axis 0 counts rows, the other axes are flattened in C order. A tensor of one axis is
    one row. Each row starts on a 64-bit word.

    Parameters
    ----------
    shape
        Shape of the tensor; no axis is empty.
    words
        uint64[n_rows, ceil(row_bits / 64)]: bit ``b`` of word ``w`` is element ``64 * w + b`` of the row; the bits
        past the row's end are zero.

    Raises
    ------
    WorkloadError
        ``words`` does not fit ``shape``.
    """

    shape: tuple[int, ...]
    words: NDArray[np.uint64]

    def __post_init__(self) -> None:
        if not self.shape or min(self.shape) < 1:
            raise WorkloadError(f"a mask needs axes of one or more elements, found shape {list(self.shape)}")
        expected = (self.n_rows, (self.row_bits + 63) // 64)
        if self.words.shape != expected or self.words.dtype != np.uint64:
            raise WorkloadError(
                f"a mask of shape {list(self.shape)} is held in uint64{list(expected)} words, found "
                f"{self.words.dtype}{list(self.words.shape)}"
            )

    @classmethod
    def of(cls, tensor: ArrayLike) -> BitMask:
        """Return the mask of a tensor: set where the value is not zero (a boolean tensor is its own mask)."""
        nonzero = np.atleast_1d(np.asarray(tensor) != 0)
        if nonzero.size == 0:
            raise WorkloadError(f"a mask needs axes of one or more elements, found shape {list(nonzero.shape)}")
        rows = nonzero.reshape(1, -1) if nonzero.ndim < 2 else nonzero.reshape(nonzero.shape[0], -1)
        packed = np.packbits(rows, axis=1, bitorder="little")
        padded = np.zeros((rows.shape[0], 8 * ((rows.shape[1] + 63) // 64)), dtype=np.uint8)
        padded[:, : packed.shape[1]] = packed
        return cls(shape=nonzero.shape, words=padded.view("<u8").astype(np.uint64, copy=False))

    @property
    def n_rows(self) -> int:
        """Rows: the length of axis 0, or 1 for a tensor of one axis."""
        return self.shape[0] if len(self.shape) > 1 else 1

    @property
    def row_bits(self) -> int:
        """Elements of a row."""
        return prod(self.shape[1:]) if len(self.shape) > 1 else self.shape[0]

    @property
    def size(self) -> int:
        """Elements of the tensor."""
        return prod(self.shape)

    @property
    def nnz(self) -> int:
        """Elements that are not zero."""
        return int(row_counts(self.words).sum())

    @property
    def density(self) -> float:
        """Share of elements that are not zero."""
        return self.nnz / self.size

    def row_nnz(self) -> NDArray[np.int64]:
        """Return int64[n_rows]: the non-zero elements of each row."""
        return row_counts(self.words)

    def column_nnz(self, first_row: int, n_rows: int) -> NDArray[np.int64]:
        """Return int64[row_bits]: the non-zero elements at each place, over so many rows."""
        total = np.zeros(self.row_bits, dtype=np.int64)
        step = max(1, _MOST_UNPACKED // self.row_bits)
        for first in range(first_row, first_row + n_rows, step):
            octets = self.words[first : min(first + step, first_row + n_rows)].astype("<u8", copy=False).view(np.uint8)
            bits = np.unpackbits(octets, axis=1, count=self.row_bits, bitorder="little")
            total += bits.sum(axis=0, dtype=np.int64)
        return total

    def to_bool(self) -> NDArray[np.bool_]:
        """Return the mask as one boolean an element, in the tensor's shape."""
        octets = self.words.astype("<u8", copy=False).view(np.uint8)
        bits = np.unpackbits(octets, axis=1, count=self.row_bits, bitorder="little")
        return bits.view(np.bool_).reshape(self.shape)

    def transposed(self) -> BitMask:
        """Return the mask of the transposed matrix.

        Raises
        ------
        WorkloadError
            The tensor is not a matrix.
        """
        if len(self.shape) != 2:
            raise WorkloadError(f"only a matrix can be transposed, this mask has shape {list(self.shape)}")
        return BitMask(
            shape=(self.shape[1], self.shape[0]),
            words=transpose_words(np.ascontiguousarray(self.words), self.shape[1]),
        )
