"""What one step of a systolic array reads, writes and moves between PEs."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from accel_sim.arch import Accelerator, Buffer
from accel_sim.kernels.systolic_array import (
    DRAIN_COLUMNS,
    DRAIN_ROWS,
    INPUT_STATIONARY,
    OUTPUT_STATIONARY,
    PSUM_ACCUMULATED,
    PSUM_READ_BACK,
    WEIGHT_STATIONARY,
    Accesses,
    SystolicArray,
)
from accel_sim.lowering.macs import STEP_MACS
from accel_sim.mapping.base import WordBits
from accel_sim.program import Action, ActionKey

RF, NOC, ARRAY_PEER = "rf", "noc", "array"


def word_widths(bits: WordBits) -> WordBits:
    """Return the widths of the words that the array works on, of which values may take several."""
    ifmap, filters = bits.ifmap // bits.ifmap_words, bits.filter // bits.filter_words
    return replace(bits, ifmap=ifmap, filter=filters, ifmap_words=1, filter_words=1)


class StepWork(NamedTuple):
    """One class of equal steps: MACs, products of words that they take, folds that end, PEs of a fold, words moved."""

    macs: int
    word_macs: int
    folds: int
    rows_used: int
    cols_used: int
    words: Accesses


class StepWords:
    """Turns the words of a step into actions.

    An operand that moves through the array leaves its buffer once and passes all PEs of its row or column, so its
    fan-out is their number; one that stays reaches one PE. Every word that a PE takes has made one hop.
    """

    def __init__(self, arch: Accelerator, array: SystolicArray, bits: WordBits) -> None:
        self.array, self.bits = array, word_widths(bits)
        self.ifmaps, self.filters, self.psums, self.ofmaps = (
            arch.buffer_for(tensor) for tensor in ("ifmap", "filter", "psum", "ofmap")
        )

    def actions(self, work: StepWork) -> list[Action]:
        """Return what a step counts."""
        fans = {
            WEIGHT_STATIONARY: (work.cols_used, 1),
            INPUT_STATIONARY: (1, work.cols_used),
            OUTPUT_STATIONARY: (work.cols_used, work.rows_used),
        }[self.array.dataflow]
        return [
            Action(STEP_MACS, 0, work.macs),
            *self._operand("ifmap", self.ifmaps, work.words.ifmap_reads, fans[0]),
            *self._operand("filter", self.filters, work.words.filter_reads, fans[1]),
            *self._sums(work.words),
            Action(ActionKey(NOC, "psum", "hop"), 0, self._psum_hops(work)),
        ]

    def _operand(self, tensor: str, buffer: Buffer, words: int, fan_out: int) -> list[Action]:
        taken = words * fan_out
        return [
            Action(ActionKey(buffer.name, tensor, "read", RF), self.bits.bytes_of(tensor, words), words, fan_out),
            Action(ActionKey(RF, tensor, "write", buffer.name), self.bits.bytes_of(tensor, taken), taken),
            Action(ActionKey(NOC, tensor, "hop"), 0, taken),
        ]

    def _sums(self, words: Accesses) -> list[Action]:
        """Psums at their buffer; a final one is an ofmap value there when it leaves."""
        if self.array.dataflow == OUTPUT_STATIONARY:
            return [self._array_to(self.ofmaps, "ofmap", "write", words.ofmap_writes)]
        if self.array.psum_path == PSUM_ACCUMULATED:
            return [
                self._array_to(self.psums, "psum", "write", words.accumulator_writes),
                # The reads by which final sums leave belong to the unit that moves them.
                self._array_to(self.psums, "psum", "read", words.accumulator_reads - words.ofmap_writes),
            ]
        if self.array.psum_path == PSUM_READ_BACK:
            return [
                self._array_to(self.psums, "psum", "write", words.psum_writes + words.ofmap_writes),
                self._array_to(self.psums, "psum", "read", words.psum_reads),
            ]
        # Nobody reads unfinished sums again here, so they are counted as what is written: values of the ofmap.
        return [self._array_to(self.ofmaps, "ofmap", "write", words.psum_writes + words.ofmap_writes)]

    def _array_to(self, buffer: Buffer, tensor: str, event: str, words: int) -> Action:
        return Action(ActionKey(buffer.name, tensor, event, ARRAY_PEER), self.bits.bytes_of(tensor, words), words)

    def _psum_hops(self, work: StepWork) -> int:
        """Psums pass a PE with every MAC; output stationary ones leave, over what lies between them and the exit."""
        if self.array.dataflow != OUTPUT_STATIONARY:
            return work.word_macs
        if self.array.drain == DRAIN_ROWS:
            return work.folds * work.cols_used * work.rows_used * (work.rows_used + 1) // 2
        if self.array.drain == DRAIN_COLUMNS:
            return work.folds * work.rows_used * work.cols_used * (work.cols_used + 1) // 2
        return work.folds * work.rows_used * work.cols_used
