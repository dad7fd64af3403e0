"""The way of finished sums: out of the accumulators through the vector unit where they have some, and to DRAM."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Buffer
from accel_sim.lowering.context import LoweringContext
from accel_sim.lowering.grants import Grants
from accel_sim.lowering.machine import DMA_OFMAP, VECTOR, space
from accel_sim.lowering.steps import classify
from accel_sim.lowering.systolic_machine import GRANT_ACTIVATION, SUMS, has_activation
from accel_sim.lowering.systolic_tiles import Sums
from accel_sim.lowering.transfer import box_address, box_runs
from accel_sim.mapping.base import WordBits
from accel_sim.program import Action, ActionKey, Demand, LayerBuilder
from accel_sim.workload import Layer

I64 = NDArray[np.int64]
RANK = 2
"""Results are granted room after the operands of the same step."""


class Results:
    """One layer's sums on their way out.

    ``room_bytes`` is what each tile takes while the array works on it, int64 [tiles]; ``done`` what the array signals
    when it is finished.
    """

    def __init__(
        self, context: LoweringContext, layer: Layer, builder: LayerBuilder, bits: WordBits, sums: Sums
    ) -> None:
        arch = context.arch
        self.context, self.layer, self.builder, self.bits, self.sums = context, layer, builder, bits, sums
        self.ofmaps = arch.buffer_for("ofmap")
        self.moves = has_activation(arch)
        self.done = SUMS if self.moves else "done:array"
        leaves_psums = arch.dataflow != "output_stationary"
        self.first = arch.buffer_for("psum") if leaves_psums else self.ofmaps
        # Sums of each pair of words, of which one value is made.
        self.per_value = bits.ifmap_words * bits.filter_words
        psum_room, ofmap_room = -(-sums.words * self.per_value * bits.psum // 8), -(-sums.words * bits.ofmap // 8)
        if arch.activations == "on_chip":
            ofmap_room = np.zeros_like(ofmap_room)
        self.room_bytes: I64 = psum_room if self.moves else np.maximum(psum_room * leaves_psums, ofmap_room)
        self.ofmap_room_bytes: I64 = ofmap_room if self.moves else self.room_bytes

    def queue(self, grants: Grants) -> None:
        """Queue moves and stores, and ask for their room."""
        sums = self.sums
        grants.add(sums.opens, RANK, self.first, self.room_bytes, "grant:array")
        classes, boxes = classify([*sums.size, self.room_bytes, self.ofmap_room_bytes])
        if self.moves:
            grants.add(sums.closes, RANK, self.ofmaps, self.ofmap_room_bytes, GRANT_ACTIVATION)
            cycles = -(-sums.words * self.per_value // self.context.arch.vector.lanes)
            cycles[-1] += self.context.arch.vector.pipeline_stages
            self.builder.queue(VECTOR, np.array([self._move(box) for box in boxes])[classes], cycles)
        stores = np.array([self._store(box) for box in boxes])[classes]
        place = self.context.places[self.layer.name].ofmap
        self.builder.queue(DMA_OFMAP, stores, 0, box_address(place, *sums.start, sums.size))

    def _move(self, box: tuple[int, ...]) -> int:
        """The move of a tile of sums from the accumulators to the ofmap's buffer."""
        images, channels, rows, cols, psum_room, ofmap_room = box
        words = images * channels * rows * cols
        joined = (self.per_value - 1) * words
        read, written = self.bits.bytes_of("psum", words), self.bits.bytes_of("ofmap", words)
        read_joined = self.bits.bytes_of("psum", joined)
        return self.builder.template(
            waits={SUMS: 1, GRANT_ACTIVATION: int(ofmap_room > 0)},
            signals={space(self.first): psum_room, "done:vector": 1},
            demands=[
                *self.context.port_demands(self.first, read + read_joined, write=False),
                *self.context.port_demands(self.ofmaps, written, write=True),
            ],
            actions=[
                Action(ActionKey("vector", "", "op"), 0, words + joined),
                Action(ActionKey(self.first.name, "ofmap", "read", self.ofmaps.name), read, words),
                Action(ActionKey(self.first.name, "ofmap", "read", "vector"), read_joined, joined),
                Action(ActionKey(self.ofmaps.name, "ofmap", "write", self.first.name), written, words),
            ],
        )

    def _store(self, box: tuple[int, ...]) -> int:
        """The end of a tile: its store, or that it is there for later layers."""
        images, channels, rows, cols, _, room = box
        demands: list[Demand] = []
        actions: list[Action] = []
        if self.context.stores(self.layer):
            runs = box_runs(self.context.places[self.layer.name].ofmap, images, channels, rows, cols)
            words = images * channels * rows * cols
            demands, actions = self.context.store("ofmap", runs, words, self.bits.ofmap, self.ofmaps)
        holder: Buffer = self.ofmaps if self.moves else self.first
        return self.builder.template(
            waits={"done:vector" if self.moves else "done:array": 1},
            signals={space(holder): room, **self.context.ledger.signals(self.layer.name)},
            demands=demands,
            actions=actions,
        )
