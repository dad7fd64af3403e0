"""Eyeriss v2 in a tile program: a tile is laid on the clusters as the mapping says, and worked pass after pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator, ArraySpec
from accel_sim.arch.arrays.eyeriss_v2 import EyerissV2
from accel_sim.kernels.sparse.eyeriss_v2_array import array_work
from accel_sim.kernels.sparse.eyeriss_v2_types import BY_IACT, BY_PE, BY_PSUM, BY_WEIGHT, IACTS, WEIGHTS
from accel_sim.lowering.skipping_tile import PEER, RF, SkipCost, SkipTile, sums
from accel_sim.mapping.base import WordBits
from accel_sim.mapping.eyeriss_v2 import choose_spread, grid_of, ports_of, require_fit, slide_of
from accel_sim.program import Action, ActionKey
from accel_sim.units import ceil_div
from accel_sim.workload import MacShape

PORTS = {"iact_port": BY_IACT, "weight_port": BY_WEIGHT, "psum_port": BY_PSUM}
"""What a pass may wait for, as the facts of a result name it."""


class EyerissV2Machine:
    """See :class:`accel_sim.lowering.skipping_tile.SkipMachine`."""

    def block(self, array: ArraySpec, shape: MacShape) -> tuple[int, int]:
        """The output channels of a row of PEs, or any more."""
        assert isinstance(array, EyerissV2)
        require_fit(array, shape)
        return array.psum_words * array.cluster_cols * array.pe_cols, shape.k

    def cost(self, arch: Accelerator, bits: WordBits, tile: SkipTile) -> SkipCost:
        """All passes; a tile without zeros in an operand brings it uncompressed, three values to a port of 24 bits."""
        array, ifmap, filters = arch.array, tile.ifmap, tile.filters
        assert isinstance(array, EyerissV2)
        slide = slide_of(tile.shape, tile.band.p, tile.band.top)
        ports = ports_of(array, bits, bool(ifmap.all()), bool(filters.all()))
        spread = choose_spread(array, ifmap, filters, tile.n_groups, slide, ports)
        work = array_work(ifmap, filters, slide, spread, grid_of(array), ports)
        glb, weights, results = (arch.buffer_for(tensor).name for tensor in ("ifmap", "filter", "psum"))
        carried = bits.bytes_of("psum", work.psum_reads)
        actions = (
            *_sent(glb, "ifmap", work.sent_words[IACTS], work.sent_bits[IACTS]),
            *_sent(weights, "filter", work.sent_words[WEIGHTS], work.sent_bits[WEIGHTS]),
            Action(ActionKey(RF, "ifmap", "read"), bits.bytes_of("ifmap", work.n_activations), work.n_activations),
            Action(ActionKey(RF, "filter", "read"), bits.bytes_of("filter", work.n_macs), work.n_macs),
            *sums(bits, work.n_macs),
            # Sums go back to the global buffer between the passes of their channels.
            Action(ActionKey(results, "psum", "write", PEER), carried, work.psum_reads),
            Action(ActionKey(results, "psum", "read", PEER), carried, work.psum_reads),
        )
        return SkipCost(
            cycles=work.total_cycles,
            n_done=work.n_macs,
            actions=actions,
            work_cycles=work.mac_cycles,
            facts={
                "passes": work.n_passes,
                **{
                    f"cycles_limited_by_{name}": int(work.limit_cycles[limit])
                    for name, limit in {"pe": BY_PE, **PORTS}.items()
                },
                **{f"{name}_wait_cycles": int(work.wait_cycles[port]) for name, port in PORTS.items()},
                "bubble_pe_cycles": int(work.bubble_cycles.sum()),
                "empty_multiplier_slots": array.macs * int(work.mac_cycles.sum()) - work.n_macs,
                "carried_psums": work.psum_reads,
            },
        )


def _sent(level: str, tensor: str, words: NDArray[np.int64], bits: NDArray[np.int64]) -> list[Action]:
    """Return the reads of a buffer and their arrival in the PEs, by the number of PEs that share a word."""
    actions = []
    for receivers in np.flatnonzero(bits):
        n_words, n_bytes, fan_out = int(words[receivers]), ceil_div(int(bits[receivers]), 8), int(receivers)
        actions += [
            Action(ActionKey(level, tensor, "read", RF), n_bytes, n_words, fan_out),
            Action(ActionKey(RF, tensor, "write", level), n_bytes * fan_out, n_words * fan_out),
        ]
    return actions
