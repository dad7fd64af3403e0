"""The one protocol of all storage formats."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_sim.compression.bitmask import BitMask
from accel_sim.errors import Fault, InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatSize:
    """What a tensor takes in a format.

    Parameters
    ----------
    data_bits
        Bits that hold values, those of padding entries included.
    metadata_bits
        All other bits: masks, runs, indices, pointers, tables, unused ends of words.
    n_stored
        Values stored, padding entries included.
    n_padding
        Stored values that the format adds: entries that bridge long runs, fillers of short groups.
    """

    data_bits: int
    metadata_bits: int
    n_stored: int
    n_padding: int = 0

    @property
    def total_bits(self) -> int:
        """Data and metadata."""
        return self.data_bits + self.metadata_bits

    @property
    def total_bytes(self) -> int:
        """Data and metadata in whole bytes."""
        return -(-self.total_bits // 8)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Encoded:
    """A tensor in a storage format.

    Parameters
    ----------
    format_name
        Name of the format that made it.
    shape, dtype
        Of the tensor that was encoded.
    streams
        Name -> packed uint8 stream, as it would lie in memory.
    counts
        Name -> number of records of that stream; a reader knows it from the descriptor of the transfer.
    size
        Bits of the streams, counted from what was written.
    """

    format_name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    streams: Mapping[str, NDArray[np.uint8]]
    counts: Mapping[str, int]
    size: FormatSize


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageFormat(ABC):
    """How a tensor of integers lies in memory.

    A format is frozen and holds its own widths. ``decode(encode(x))`` equals ``x`` in value, shape and dtype.
    ``size(x)`` equals ``encode(x).size`` but is computed from the mask alone, without encoding; it never reads the
    values unless ``needs_values`` is set.
    """

    name: ClassVar[str]
    needs_values: ClassVar[bool] = False

    @abstractmethod
    def encode(self, values: ArrayLike) -> Encoded:
        """Return the tensor in this format.

        Raises
        ------
        InputError
            A value does not fit the format's value width, or the tensor breaks the format's structure.
        """

    @abstractmethod
    def decode(self, encoded: Encoded) -> NDArray[Any]:
        """Return the tensor that ``encode`` was given.

        Raises
        ------
        InputError
            ``encoded`` was made by another format.
        """

    @abstractmethod
    def size(self, tensor: BitMask | ArrayLike) -> FormatSize:
        """Return the bits that the tensor takes; a mask will do unless ``needs_values`` is set.

        Raises
        ------
        InputError
            The tensor breaks the format's structure, or its values are needed and a mask was given.
        """

    def check_values(self, values: ArrayLike, value_bits: int) -> NDArray[Any]:
        """Return the values as an integer array, refusing those that do not fit in ``value_bits``."""
        array = np.asarray(values)
        if array.dtype.kind not in "iu" or array.size == 0:
            raise self.fault("values", f"found {array.dtype}{list(array.shape)}; a non-empty integer tensor is needed")
        if array.dtype.kind == "u":
            low, high = 0, (1 << value_bits) - 1
        else:
            low, high = -(1 << (value_bits - 1)), (1 << (value_bits - 1)) - 1
        found = (int(array.min()), int(array.max()))
        if found[0] < low or found[1] > high:
            raise self.fault("value_bits", f"values {found[0]}..{found[1]} exceed {value_bits} bits ({low}..{high})")
        return array

    def check_own(self, encoded: Encoded) -> None:
        """Refuse a tensor that another format encoded."""
        if encoded.format_name != self.name:
            raise self.fault("format", f"cannot decode a tensor in format {encoded.format_name!r}")

    def fault(self, key: str, message: str) -> InputError:
        """Return the error of one key of this format."""
        return InputError(Fault(key=f"{self.name}.{key}", message=message))


def as_mask(tensor: BitMask | ArrayLike) -> BitMask:
    """Return the mask of a tensor, or the mask itself."""
    return tensor if isinstance(tensor, BitMask) else BitMask.of(tensor)
