"""An on-chip SRAM buffer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from accel_sim.arch.spec import Count, Name, Size, Spec

TensorName = Literal["ifmap", "filter", "psum", "ofmap", "filter_pointers"]

Role = Literal[
    "glb", "weight_buffer", "input_buffer", "output_buffer", "accumulator", "index_buffer", "pointer_buffer"
]


class Buffer(Spec):
    """A buffer between the DRAM and the array.

    Parameters
    ----------
    name
        The level's name in results.
    role
        What it is for.
    size_bytes
        Capacity of all banks.
    width_bits
        Bits that one access of one bank moves.
    ports
        Accesses that one bank can take in a cycle.
    banks
        Banks that work at the same time.
    holds
        Tensors kept here; each tensor has one buffer. ``filter_pointers``: the pointers of compressed filters, on an
        array that keeps them apart from the entries; results count them as ``filter`` of this level.
    double_buffered
        True where half of the buffer is filled while the other half is used.
    dma_shares_port
        True where the DMA's fills and drains compete with the array for the ports.
    """

    name: Name
    role: Role
    size_bytes: Size
    width_bits: Annotated[Count, Field(multiple_of=8)]
    ports: Count = 1
    banks: Count = 1
    holds: tuple[TensorName, ...] = Field(min_length=1)
    double_buffered: bool = False
    dma_shares_port: bool = False

    @property
    def width_bytes(self) -> int:
        """Bytes that one access moves."""
        return self.width_bits // 8

    @property
    def bank_bytes(self) -> int:
        """Capacity of one bank."""
        return self.size_bytes // self.banks

    @property
    def tile_bytes(self) -> int:
        """Bytes that the array may use at a time: half of a double buffer."""
        return self.size_bytes // 2 if self.double_buffered else self.size_bytes

    @property
    def bytes_per_cycle(self) -> int:
        """Bytes that all ports of all banks together can move in a cycle."""
        return self.width_bytes * self.ports * self.banks
