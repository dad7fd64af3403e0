"""What lowering a layer needs besides its mapping: the machine, the places in DRAM, what other layers have stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from accel_sim.arch import Accelerator, Buffer
from accel_sim.lowering.codec import CodecBuilder, decoded_streams
from accel_sim.lowering.machine import DRAM, port
from accel_sim.lowering.memory_map import LayerPlaces
from accel_sim.lowering.operands import ZeroCounts
from accel_sim.lowering.preload import NO_PRELOAD, Preload
from accel_sim.lowering.transfer import Runs
from accel_sim.program import Action, ActionKey, Demand, LayerBuilder, Machine
from accel_sim.workload import Layer, Network

STREAMS = ("ifmap", "filter")
"""Operand streams that may have to wait for another layer's stores."""


@dataclass(slots=True)
class StoreLedger:
    """Counts the stores that each stream will see, so that a consumer waits for exactly its producers' stores.

    Only layers that a stream reads from signal it, so that every signal is consumed by the end of an inference.

    Stores end in program order, so "at least as many as up to my latest producer" is exact.
    """

    read_by: Mapping[str, frozenset[str]]
    stores: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STREAMS, 0))
    consumed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STREAMS, 0))
    upto: dict[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, network: Network) -> StoreLedger:
        """Return the ledger of ``network``; ``read_by[layer]`` are the streams that read the layer's ofmap."""
        read_by: dict[str, set[str]] = {layer.name: set() for layer in network.layers}
        for layer in network.layers:
            for position, producer in enumerate(layer.inputs):
                read_by[producer].add("filter" if position and layer.filter is not None else "ifmap")
        return cls(read_by={name: frozenset(streams) for name, streams in read_by.items()})

    def wait_for(self, stream: str, producers: Sequence[str]) -> int:
        """Return how many more stores ``stream`` must see before it may read what ``producers`` made."""
        needed = max((self.upto[stream, name] for name in producers), default=0)
        more = max(0, needed - self.consumed[stream])
        self.consumed[stream] += more
        return more

    def signals(self, name: str) -> dict[str, int]:
        """Return what each final store of layer ``name`` signals."""
        return {f"stored:{stream}": 1 for stream in STREAMS if stream in self.read_by[name]}

    def add(self, name: str, stores: int) -> None:
        """Note that layer ``name`` ends its ofmap with ``stores`` store commands."""
        for stream in self.read_by[name]:
            self.stores[stream] += stores
            self.upto[stream, name] = self.stores[stream]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoweringContext:
    """Everything a dataflow's lowering may look at besides the layer and its mapping.

    ``seed`` draws masks; ``preload`` says whether weights are on chip before the run.
    """

    arch: Accelerator
    machine: Machine
    places: Mapping[str, LayerPlaces]
    ledger: StoreLedger
    index: int
    zeros: ZeroCounts
    seed: int = 0
    preload: Preload = NO_PRELOAD

    def builder(self, layer: Layer) -> LayerBuilder:
        """Return an empty builder for ``layer``."""
        if decoded_streams(self.arch):
            return CodecBuilder(self.machine, layer.name, self.index, self.arch, self.places[layer.name])
        return LayerBuilder(self.machine, layer.name, self.index)

    def loads(self, layer: Layer, operand: int) -> bool:
        """Whether an operand of ``layer`` comes from DRAM; else an earlier layer has left it on the chip."""
        is_fresh = operand >= len(layer.inputs)
        return is_fresh or self.arch.activations == "dram"

    def has_filters(self, layer: Layer) -> bool:
        """Whether the filters of ``layer`` are on the chip before the run; a second operand that is made never is."""
        return self.preload.filters and layer.filter is not None and layer.filter.is_weight

    def stores(self, layer: Layer) -> bool:
        """Whether the ofmap of ``layer`` goes to DRAM; else later layers find it on the chip."""
        return self.arch.activations == "dram" or not self.ledger.read_by[layer.name]

    def port_demands(self, buffer: Buffer, n_bytes: int, write: bool) -> list[Demand]:
        """Return the demand on the ports of ``buffer``, if DMA and array share them."""
        return [Demand(port(buffer), n_bytes, write=write)] if buffer.dma_shares_port and n_bytes else []

    def load(
        self, tensor: str, runs: Runs, words: int, word_bits: int, buffer: Buffer
    ) -> tuple[list[Demand], list[Action]]:
        """Return the demands and actions of one transfer from DRAM into ``buffer``."""
        arriving = -(-words * word_bits // 8)
        demands = [_dram(runs, write=False), *self.port_demands(buffer, arriving, write=True)]
        actions = [
            Action(ActionKey(DRAM, tensor, "read", buffer.name), runs.n_bytes, words),
            Action(ActionKey(buffer.name, tensor, "write", DRAM), arriving, words),
        ]
        return demands, actions

    def store(
        self, tensor: str, runs: Runs, words: int, word_bits: int, buffer: Buffer
    ) -> tuple[list[Demand], list[Action]]:
        """Return the demands and actions of one transfer from ``buffer`` to DRAM."""
        leaving = -(-words * word_bits // 8)
        demands = [_dram(runs, write=True), *self.port_demands(buffer, leaving, write=False)]
        actions = [
            Action(ActionKey(buffer.name, tensor, "read", DRAM), leaving, words),
            Action(ActionKey(DRAM, tensor, "write", buffer.name), runs.n_bytes, words),
        ]
        return demands, actions


def _dram(runs: Runs, write: bool) -> Demand:
    return Demand(
        DRAM,
        runs.run_bytes,
        runs.inner,
        runs.inner_stride_bytes,
        runs.outer,
        runs.outer_stride_bytes,
        write,
    )
