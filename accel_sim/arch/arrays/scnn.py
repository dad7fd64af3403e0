"""PEs that multiply vectors of compressed activations and weights, and scatter the products to banks (SCNN)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from accel_sim.arch.arrays.base import Problem
from accel_sim.arch.arrays.registers import RegisterFile
from accel_sim.arch.arrays.skipping import SkippingArray
from accel_sim.arch.spec import Natural, RunWidth, Ways

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accel_sim.arch.accelerator import Accelerator
    from accel_sim.arch.mac import OperandBits

MOST_BANKS = 32
MOST_PRODUCTS = (1 << 15) - 1
"""That a bank may have: its queue and all products of a pair; the kernel counts them in 15 bits."""


class Scnn(SkippingArray):
    """``pe_rows x pe_cols`` PEs of ``i_vector x f_vector`` multipliers, a tile of each ifmap plane in each PE.

    Parameters
    ----------
    n_banks, bank_queue
        Accumulator banks of a PE, and products that wait at one; with 0 a pair of vectors waits until all are idle.
    accumulator_entries
        Sums of a PE for one group of output channels.
    barrier
        PEs wait for each other after a ``group`` of output channels, or after each input ``channel``.
    halo_overlap
        Whether a group's halos are exchanged while the next group is computed.
    tile_padding
        Whether the plane that is cut into tiles includes the padding.
    run_bits
        Width of the zeros before a stored value.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]] = ("planar_tiled_input_stationary",)
    SPARSITY: ClassVar[tuple[str, ...]] = ("skip_both",)
    FORMATS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        dict.fromkeys(("ifmap", "filter", "ofmap"), ("csc_relative",))
    )
    NATIVE: ClassVar[tuple[str, ...]] = ("csc_relative",)

    organisation: Literal["scnn"]
    pe_rows: Ways
    pe_cols: Ways
    i_vector: Ways
    f_vector: Ways
    n_banks: Ways
    accumulator_entries: Ways
    bank_queue: Natural
    barrier: Literal["group", "channel"]
    halo_overlap: bool
    tile_padding: bool
    run_bits: RunWidth

    @property
    def n_pes(self) -> int:
        """Number of PEs."""
        return self.pe_rows * self.pe_cols

    @property
    def grid(self) -> tuple[int, int]:
        """Each PE has a tile of every plane, where it stands."""
        return self.pe_rows, self.pe_cols

    @property
    def macs_per_cycle(self) -> int:
        """One product of every pair of values."""
        return self.n_pes * self.i_vector * self.f_vector

    def format_keys(self, tensor: str) -> dict[str, Any]:
        """Return the stored form: one list of (value, zeros before it) for each row of the tensor."""
        return {"run_bits": self.run_bits, "n_parts": 1, "segments": "rows"}

    def register_files(self, bits: OperandBits) -> tuple[RegisterFile, ...]:
        """The accumulators of each PE, twice, so that one set drains while the other is used."""
        return (
            RegisterFile(
                tensor="psum",
                n_words=2 * self.accumulator_entries,
                word_bits=bits.psum,
                cell="sram",
                n_instances=self.n_pes,
            ),
        )

    def problems(self, arch: Accelerator) -> Iterator[Problem]:
        """Refuse numbers of banks that the bank function does not know, and counts that the kernel has no room for."""
        yield from super().problems(arch)
        if self.n_banks > MOST_BANKS or self.n_banks & (self.n_banks - 1):
            yield ("n_banks",), f"found {self.n_banks}; allowed: powers of two up to {MOST_BANKS}"
        if self.i_vector * self.f_vector + self.bank_queue > MOST_PRODUCTS:
            yield (
                ("bank_queue",),
                f"i_vector x f_vector + bank_queue = {self.i_vector * self.f_vector + self.bank_queue} products of one "
                f"bank; at most {MOST_PRODUCTS}",
            )
