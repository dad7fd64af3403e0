"""A systolic array: operands enter at two edges and move one PE a cycle (TPU, SCALE-Sim, Gemmini)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from accel_sim.arch.arrays.base import ArraySpec, Problem
from accel_sim.arch.arrays.registers import RegisterFile
from accel_sim.arch.spec import Natural, Ways

if TYPE_CHECKING:
    from accel_sim.arch.accelerator import Accelerator
    from accel_sim.arch.mac import OperandBits

OUTPUT_STATIONARY = "output_stationary"
WEIGHT_STATIONARY = "weight_stationary"


class SystolicMesh(ArraySpec):
    """``rows x cols`` PEs of one MAC; the key ``dataflow`` says which operand stays in them.

    Defaults are what real machines do. The others are there to agree with simulators and RTL that do less:
    ``docs/systolic.md`` says which convention is whose.

    Parameters
    ----------
    skip_edges
        An edge fold takes the time of the rows and columns it uses, not of the full array.
    double_buffered
        Each PE has a second register for the operand that stays, loaded while the first one is used; no effect on
        output stationary.
    pipelined
        A fold's fill runs under the drain of the one before; otherwise the array empties between folds.
    psum_path
        Where weight and input stationary psums go between row folds. ``accumulated`` (the default): into an
        accumulator SRAM. ``read_back``: to the ofmap's buffer, and back into the top of the array. ``written``: to
        the ofmap's buffer, and reading them back is not counted (SCALE-Sim).
    row_skew_cycles
        Registers a psum passes per row: 1, or 2 where the PE registers its psum input as well as its sum.
    latency_cycles
        Registers a result passes besides those of the systolic movement.
    drain
        How output stationary sums leave. ``rows`` (the default): shifted down. ``columns``: shifted right.
        ``collector``: each PE sends its own to one queue. ``none``: each PE writes its own at once.
    partial_windows
        Count a last window that hangs over the ifmap's edge, as SCALE-Sim does, in cycles and buffer accesses.
    whole_tiles
        Filters lie in DRAM padded to whole folds of the array, and are fetched so (TPU).
    operand_words
        Words of ``mac.bits`` that an ifmap value or a weight may take. A wider ifmap value streams as so many vectors,
        one behind the other, and a wider weight lies in so many columns; their sums are joined on the way out (TPU:
        8 x 16 bits at half of the rate, 16 x 16 at a quarter).
    """

    DATAFLOWS: ClassVar[tuple[str, ...]] = (WEIGHT_STATIONARY, OUTPUT_STATIONARY, "input_stationary")

    FMAPS_ON_CHIP: ClassVar[bool] = True

    organisation: Literal["systolic"]
    rows: Ways
    cols: Ways
    skip_edges: bool = True
    double_buffered: bool = True
    pipelined: bool = True
    psum_path: Literal["written", "read_back", "accumulated"] | None = None
    row_skew_cycles: Literal[1, 2] = 1
    latency_cycles: Natural = 1
    drain: Literal["none", "rows", "columns", "collector"] | None = None
    partial_windows: bool = False
    whole_tiles: bool = False
    operand_words: Literal[1, 2] = 1

    @property
    def n_pes(self) -> int:
        """Number of PEs."""
        return self.rows * self.cols

    @property
    def macs_per_cycle(self) -> int:
        """One a PE."""
        return self.n_pes

    def register_files(self, bits: OperandBits) -> tuple[RegisterFile, ...]:
        """One register a tensor in each PE, two for the operand that is loaded behind the one in use."""
        held = 2 if self.double_buffered else 1
        return (
            RegisterFile(tensor="ifmap", n_words=1, word_bits=bits.ifmap, cell="registers", n_instances=self.n_pes),
            RegisterFile(
                tensor="filter", n_words=held, word_bits=bits.filter, cell="registers", n_instances=self.n_pes
            ),
            RegisterFile(tensor="psum", n_words=1, word_bits=bits.psum, cell="registers", n_instances=self.n_pes),
        )

    def problems(self, arch: Accelerator) -> Iterator[Problem]:
        """Conventions that exclude each other, or the dataflow."""
        if self.pipelined and self.drain == "collector":
            yield ("drain",), "'collector' excludes array.pipelined: its queue serves one fold at a time"
        if arch.dataflow == OUTPUT_STATIONARY:
            if self.psum_path is not None:
                yield ("psum_path",), f"excludes dataflow {arch.dataflow!r}: its psums never leave the PEs"
            if self.row_skew_cycles != 1:
                yield ("row_skew_cycles",), f"excludes dataflow {arch.dataflow!r}: no psum passes from row to row"
        elif self.drain is not None:
            yield ("drain",), f"excludes dataflow {arch.dataflow!r}: only output stationary sums are left to drain"
        if self.whole_tiles and arch.dataflow != WEIGHT_STATIONARY:
            yield ("whole_tiles",), f"excludes dataflow {arch.dataflow!r}: its filters are no folds of the array"
        compressed = arch.formats.compressed()
        if self.whole_tiles and compressed:
            yield ("whole_tiles",), f"excludes a compressed formats.{compressed[0]}: zeros are stored, or they are not"
        if self.operand_words > 1:
            yield from self._word_problems(arch)
        yield from self._psum_problems(arch)

    def _word_problems(self, arch: Accelerator) -> Iterator[Problem]:
        """What excludes operands of several words."""
        if arch.dataflow != WEIGHT_STATIONARY:
            yield ("operand_words",), f"excludes dataflow {arch.dataflow!r}: sums of words wait in accumulators"
            return
        if self.psum_path not in (None, "accumulated"):
            yield ("operand_words",), f"excludes array.psum_path {self.psum_path!r}: sums of words wait in accumulators"
        if self.cols % self.operand_words:
            yield ("operand_words",), f"{self.operand_words} excludes an odd array.cols ({self.cols})"
        if arch.mac.sparsity != "none":
            yield ("operand_words",), f"excludes mac.sparsity {arch.mac.sparsity!r}: a word may be zero, its value not"
        compressed = arch.formats.compressed()
        if compressed:
            yield ("operand_words",), f"excludes a compressed formats.{compressed[0]}: its zeros are values, not words"
        holders = {tensor: buffer.name for buffer in arch.buffers for tensor in buffer.holds}
        if holders.get("psum") == holders.get("ofmap"):
            yield ("operand_words",), f"excludes a buffer {holders.get('psum')!r} that keeps both psum and ofmap"

    def _psum_problems(self, arch: Accelerator) -> Iterator[Problem]:
        if arch.dataflow == OUTPUT_STATIONARY:
            return
        path = self.psum_path or "accumulated"
        if self.partial_windows and path != "written":
            yield (
                ("partial_windows",),
                f"excludes array.psum_path {path!r}: sums of windows that no layer has would wait there for ever",
            )
        holders = {tensor: buffer.name for buffer in arch.buffers for tensor in buffer.holds}
        psums, ofmaps = holders.get("psum"), holders.get("ofmap")
        if arch.activations == "on_chip" and path != "written" and psums == ofmaps:
            yield (
                ("psum_path",),
                f"{path!r} excludes activations 'on_chip' while buffer {psums!r} keeps psum and ofmap: "
                "finished sums need a place of their own",
            )
        if path != "accumulated" and psums != ofmaps:
            yield (
                ("psum_path",),
                f"{path!r} excludes buffers that keep psum ({psums!r}) apart from ofmap ({ofmaps!r}): "
                "the array writes both to one port",
            )
