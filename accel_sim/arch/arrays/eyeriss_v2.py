"""Clusters of PEs that work on compressed activations and weights, joined by a mesh a data type (Eyeriss v2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from accel_sim.arch.arrays.base import Problem
from accel_sim.arch.arrays.registers import RegisterFile
from accel_sim.arch.arrays.skipping import SkippingArray
from accel_sim.arch.spec import Natural, RunWidth, Ways, Width

if TYPE_CHECKING:
    from accel_sim.arch.accelerator import Accelerator
    from accel_sim.arch.mac import OperandBits


class EyerissV2(SkippingArray):
    """``cluster_rows x cluster_cols`` clusters of ``pe_rows x pe_cols`` PEs, each with ``macs`` multipliers.

    Parameters
    ----------
    iact_addr_words, iact_data_words
        Scratch pads of the window's activations: where its segments start, and the values.
    weight_addr_words, weight_data_words
        Scratch pads of the weights: where a column starts, and words of ``macs`` weights.
    psum_words
        Scratch pad of the sums, one for each output channel of a PE.
    run_bits, iact_addr_bits, weight_addr_bits
        Stored form: zeros before a value, start of a segment of activations, start of a column of weights.
    iact_routers
        Routers of activations in a cluster, each of which reaches all its PEs. A router of weights belongs to a row
        of PEs, one of psums to a column.
    iact_port_bits, weight_port_bits, psum_port_bits
        Bits that a router takes and sends in a cycle; with 0 what it brings takes no time.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]] = ("row_stationary_compressed",)
    SPARSITY: ClassVar[tuple[str, ...]] = ("skip_both",)
    FORMATS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        dict.fromkeys(("ifmap", "filter", "ofmap"), ("csc_relative",))
    )
    NATIVE: ClassVar[tuple[str, ...]] = ("csc_relative",)
    TAKES_DENSE: ClassVar[bool] = True
    RESULTS: ClassVar[Literal["psum", "ofmap"]] = "psum"
    GROUPS_TOGETHER: ClassVar[bool] = True

    organisation: Literal["eyeriss_v2"]
    cluster_rows: Ways
    cluster_cols: Ways
    pe_rows: Ways
    pe_cols: Ways
    macs: Ways
    iact_addr_words: Ways
    iact_data_words: Ways
    weight_addr_words: Ways
    weight_data_words: Ways
    psum_words: Ways
    run_bits: RunWidth
    iact_addr_bits: Width
    weight_addr_bits: Width
    iact_routers: Ways
    iact_port_bits: Natural
    weight_port_bits: Natural
    psum_port_bits: Natural

    @property
    def n_pes(self) -> int:
        """PEs of all clusters."""
        return self.cluster_rows * self.cluster_cols * self.pe_rows * self.pe_cols

    @property
    def grid(self) -> tuple[int, int]:
        """The PEs of all clusters, side by side."""
        return self.cluster_rows * self.pe_rows, self.cluster_cols * self.pe_cols

    @property
    def macs_per_cycle(self) -> int:
        """Multipliers of all PEs."""
        return self.n_pes * self.macs

    def format_keys(self, tensor: str) -> dict[str, Any]:
        """Return the stored form: a list of (zeros before it, value) for each filter or image."""
        return {"run_bits": self.run_bits, "n_parts": 1, "segments": "rows"}

    def register_files(self, bits: OperandBits) -> tuple[RegisterFile, ...]:
        """The data scratch pads of each PE; addresses are not priced."""
        n_instances = self.n_pes
        return (
            RegisterFile(
                tensor="ifmap",
                n_words=self.iact_data_words,
                word_bits=bits.ifmap + self.run_bits,
                cell="registers",
                n_instances=n_instances,
            ),
            RegisterFile(
                tensor="filter",
                n_words=self.weight_data_words * self.macs,
                word_bits=bits.filter + self.run_bits,
                cell="sram",
                n_instances=n_instances,
            ),
            RegisterFile(
                tensor="psum", n_words=self.psum_words, word_bits=bits.psum, cell="registers", n_instances=n_instances
            ),
        )

    def problems(self, arch: Accelerator) -> Iterator[Problem]:
        """Refuse ports that are narrower than what they carry, and columns of weights that have no address."""
        yield from super().problems(arch)
        bits = arch.mac.bits
        for port, needed, name in (
            ("iact_port_bits", bits.ifmap + self.run_bits, "array.run_bits and mac.bits.ifmap"),
            ("weight_port_bits", bits.filter + self.run_bits, "array.run_bits and mac.bits.filter"),
            ("psum_port_bits", bits.psum, "mac.bits.psum"),
        ):
            width = getattr(self, port)
            if 0 < width < needed:
                yield (port,), f"found {width}; a word of {name} has {needed} bits (0 switches the port off)"
        if self.weight_addr_words < self.iact_data_words:
            yield (
                ("weight_addr_words",),
                f"found {self.weight_addr_words}, fewer than the {self.iact_data_words} of array.iact_data_words: "
                "each activation of a window meets a column of weights",
            )
