"""Bitmap storage: one mask bit an element, then the non-zero values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.formats.base import Encoded, FormatSize, StorageFormat, as_mask
from accel_sim.compression.formats.bitstream import pack_fields, unpack_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Bitmap(StorageFormat):
    """Mask bits in C order and non-zero values in the same order (SIGMA, NVDLA's weight masks)."""

    name: ClassVar[str] = "bitmap"
    value_bits: int = 16

    def encode(self, values: ArrayLike) -> Encoded:
        """See :class:`StorageFormat`."""
        array = self.check_values(values, self.value_bits)
        flat = array.reshape(-1)
        kept = flat[flat != 0]
        return Encoded(
            format_name=self.name,
            shape=array.shape,
            dtype=array.dtype,
            streams={
                "mask": np.packbits(flat != 0, bitorder="little"),
                "values": pack_fields([(kept, self.value_bits)]),
            },
            counts={"mask": flat.size, "values": kept.size},
            size=FormatSize(data_bits=kept.size * self.value_bits, metadata_bits=flat.size, n_stored=kept.size),
        )

    def decode(self, encoded: Encoded) -> NDArray[Any]:
        """See :class:`StorageFormat`."""
        self.check_own(encoded)
        mask = np.unpackbits(encoded.streams["mask"], count=encoded.counts["mask"], bitorder="little").astype(bool)
        (kept,) = unpack_fields(
            encoded.streams["values"], encoded.counts["values"], [self.value_bits], [encoded.dtype.kind == "i"]
        )
        flat = np.zeros(mask.size, dtype=encoded.dtype)
        flat[mask] = kept
        return flat.reshape(encoded.shape)

    def size(self, tensor: BitMask | ArrayLike) -> FormatSize:
        """See :class:`StorageFormat`."""
        mask = as_mask(tensor)
        nnz = mask.nnz
        return FormatSize(data_bits=nnz * self.value_bits, metadata_bits=mask.size, n_stored=nnz)
