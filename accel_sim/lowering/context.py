"""What lowering a layer needs besides its mapping: the machine, the places in DRAM, what other layers have stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from accel_sim.arch import Accelerator, Buffer
from accel_sim.lowering.machine import DRAM, port
from accel_sim.lowering.memory_map import LayerPlaces
from accel_sim.lowering.transfer import Runs
from accel_sim.program import Action, ActionKey, Demand, LayerBuilder, Machine
from accel_sim.workload import Layer


@dataclass(slots=True)
class StoreLedger:
    """Counts the stores of all layers so far, so that a consumer waits for exactly its producers' stores.

    Stores end in program order, so "at least as many as up to my latest producer" is exact. ``consumed`` holds, for
    each waiting stream, how many have been waited for already.
    """

    stores: int = 0
    upto: dict[str, int] = field(default_factory=dict)
    consumed: dict[str, int] = field(default_factory=lambda: {"ifmap": 0, "filter": 0})

    def wait_for(self, stream: str, producers: Sequence[str]) -> int:
        """Return how many more stores ``stream`` must see before it may read what ``producers`` made."""
        needed = max((self.upto[name] for name in producers), default=0)
        more = max(0, needed - self.consumed[stream])
        self.consumed[stream] += more
        return more

    def add(self, name: str, stores: int) -> None:
        """Note that layer ``name`` ends its ofmap with ``stores`` more store commands."""
        self.stores += stores
        self.upto[name] = self.stores


@dataclass(frozen=True, slots=True, kw_only=True)
class LoweringContext:
    """Everything a dataflow's lowering may look at besides the layer and its mapping.

    ``zero_macs`` are MACs of the layer with a zero ifmap operand, and with either operand zero.
    """

    arch: Accelerator
    machine: Machine
    places: Mapping[str, LayerPlaces]
    ledger: StoreLedger
    index: int
    ifmap_zero_macs: int
    any_zero_macs: int

    def builder(self, layer: Layer) -> LayerBuilder:
        """Return an empty builder for ``layer``."""
        return LayerBuilder(self.machine, layer.name, self.index)

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
