"""Dense storage: every value, no metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import ArrayLike, NDArray

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.formats.base import Encoded, FormatSize, StorageFormat, as_mask
from accel_sim.compression.formats.bitstream import pack_fields, unpack_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense(StorageFormat):
    """All values in C order, ``value_bits`` each."""

    name: ClassVar[str] = "dense"
    value_bits: int = 16

    def encode(self, values: ArrayLike) -> Encoded:
        """See :class:`StorageFormat`."""
        array = self.check_values(values, self.value_bits)
        return Encoded(
            format_name=self.name,
            shape=array.shape,
            dtype=array.dtype,
            streams={"values": pack_fields([(array.reshape(-1), self.value_bits)])},
            counts={"values": array.size},
            size=FormatSize(data_bits=array.size * self.value_bits, metadata_bits=0, n_stored=array.size),
        )

    def decode(self, encoded: Encoded) -> NDArray[Any]:
        """See :class:`StorageFormat`."""
        self.check_own(encoded)
        (values,) = unpack_fields(
            encoded.streams["values"], encoded.counts["values"], [self.value_bits], [encoded.dtype.kind == "i"]
        )
        return values.astype(encoded.dtype).reshape(encoded.shape)

    def size(self, tensor: BitMask | ArrayLike) -> FormatSize:
        """See :class:`StorageFormat`."""
        n_values = as_mask(tensor).size
        return FormatSize(data_bits=n_values * self.value_bits, metadata_bits=0, n_stored=n_values)
