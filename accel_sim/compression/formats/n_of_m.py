"""N:M storage: N values of every M, each with its place in the group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.formats.base import Encoded, FormatSize, StorageFormat, as_mask
from accel_sim.compression.formats.bitstream import pack_fields, unpack_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class NOfM(StorageFormat):
    """Groups of ``m`` consecutive elements along ``axis`` keep ``n`` values and ``n`` indices.

    A group with fewer non-zero values is filled up with zeros at the lowest free places: indices of a group ascend
    and differ, as NVIDIA's sparse matrix instructions demand (PTX ISA, ``mma.sp``). A last group that is cut short by
    the tensor's end takes the room of a whole one.

    Parameters
    ----------
    value_bits
        Width of a value; an index takes the fewest bits that number ``m`` places.
    n, m
        Values kept, and elements in a group.
    axis
        The axis along which elements are grouped.
    """

    name: ClassVar[str] = "n_of_m"
    value_bits: int = 16
    n: int = 2
    m: int = 4
    axis: int = -1

    def __post_init__(self) -> None:
        if not 1 <= self.n <= self.m:
            raise self.fault("n", f"found n = {self.n}, m = {self.m}; 1 <= n <= m is needed")

    @property
    def index_bits(self) -> int:
        """Bits of an index."""
        return max(1, (self.m - 1).bit_length())

    def encode(self, values: ArrayLike) -> Encoded:
        """See :class:`StorageFormat`; also refuses groups with more than ``n`` non-zero values."""
        array = self.check_values(values, self.value_bits)
        groups = self._groups(array)
        self._check_groups(groups != 0)
        # Non-zero places first, then the lowest zero places; the chosen ones in ascending order.
        chosen = np.sort(np.argsort(groups == 0, axis=1, kind="stable")[:, : self.n], axis=1)
        kept = np.take_along_axis(groups, chosen, axis=1).reshape(-1)
        return Encoded(
            format_name=self.name,
            shape=array.shape,
            dtype=array.dtype,
            streams={
                "values": pack_fields([(kept, self.value_bits)]),
                "indices": pack_fields([(chosen.reshape(-1), self.index_bits)]),
            },
            counts={"values": kept.size, "indices": chosen.size},
            size=self._size(groups.shape[0], int(np.count_nonzero(array))),
        )

    def _groups(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the tensor as (groups, m), the last group of each line filled with zeros."""
        moved = np.moveaxis(np.atleast_1d(array), self.axis, -1)
        fill = -moved.shape[-1] % self.m
        padded = np.pad(moved, [(0, 0)] * (moved.ndim - 1) + [(0, fill)])
        return padded.reshape(-1, self.m)

    def _check_groups(self, nonzero: NDArray[np.bool_]) -> None:
        fullest = int(nonzero.sum(axis=1).max())
        if fullest > self.n:
            raise self.fault("n", f"a group of {self.m} holds {fullest} non-zero values, the format keeps {self.n}")

    def _size(self, n_groups: int, nnz: int) -> FormatSize:
        n_stored = n_groups * self.n
        return FormatSize(
            data_bits=n_stored * self.value_bits,
            metadata_bits=n_stored * self.index_bits,
            n_stored=n_stored,
            n_padding=n_stored - nnz,
        )

    def decode(self, encoded: Encoded) -> NDArray[Any]:
        """See :class:`StorageFormat`."""
        self.check_own(encoded)
        signed = [encoded.dtype.kind == "i"]
        (kept,) = unpack_fields(encoded.streams["values"], encoded.counts["values"], [self.value_bits], signed)
        (places,) = unpack_fields(encoded.streams["indices"], encoded.counts["indices"], [self.index_bits])
        template = np.empty(encoded.shape, dtype=encoded.dtype)
        moved_shape = np.moveaxis(template, self.axis, -1).shape
        groups = np.zeros((kept.size // self.n, self.m), dtype=encoded.dtype)
        np.put_along_axis(groups, places.reshape(-1, self.n), kept.reshape(-1, self.n).astype(encoded.dtype), axis=1)
        lines = groups.reshape(*moved_shape[:-1], -1)[..., : moved_shape[-1]]
        return np.ascontiguousarray(np.moveaxis(lines, -1, self.axis))

    def size(self, tensor: BitMask | ArrayLike) -> FormatSize:
        """See :class:`StorageFormat`."""
        mask = as_mask(tensor)
        groups = self._groups(mask.to_bool())
        self._check_groups(groups)
        return self._size(groups.shape[0], mask.nnz)
