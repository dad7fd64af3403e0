"""What a row-stationary pass counts: words out of the buffers, over the buses and links, in and out of the RFs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accel_sim.arch import Accelerator
from accel_sim.lowering.context import LoweringContext
from accel_sim.lowering.macs import STEP_MACS, mac_actions
from accel_sim.mapping.base import WordBits, word_bits
from accel_sim.mapping.row_stationary_letters import RowStationaryMapping
from accel_sim.program import Action, ActionKey
from accel_sim.units import ceil_div
from accel_sim.workload import Layer, MacShape

RF, NOC = "rf", "noc"


class PassSizes(NamedTuple):
    """What of a pass decides its counts.

    ``images``, ``rows`` of the ofmap, ``filters`` and ``channels`` that it works on; ``loads``: whether filters come;
    ``first``: whether nobody has written its psums before.
    """

    images: int
    rows: int
    filters: int
    channels: int
    loads: int
    first: int


def pass_actions(
    arch: Accelerator, shape: MacShape, letters: RowStationaryMapping, bits: WordBits, sizes: PassSizes
) -> list[Action]:
    """Return the actions of one pass.

    An ifmap word leaves the GLB once and reaches a PE for each window row and set that uses it; a weight reaches the
    PEs of its row. Psums leave the GLB at the bottom of a chain of PEs, pass from PE to PE and return from its top. On
    the NoC a word counts once for each PE that takes it, and a psum once for each bus and link that it passes.
    """
    glb, filter_buffer = arch.buffer_for("ifmap").name, arch.buffer_for("filter").name
    images, rows, filters, channels, loads, first = sizes
    sets = ceil_div(filters, ceil_div(filters, letters.t))
    # A pass with fewer channels than sets still sends its psums through all PEs of the chain.
    chain = shape.r * letters.r
    row_words = images * channels * ((shape.q - 1) * min(shape.stride_w, shape.s) + shape.s)
    filter_words = filters * channels * shape.r * shape.s * loads
    psums = images * rows * shape.q * filters
    copies = {"ifmap": row_words * shape.r * rows * sets, "filter": filter_words * rows}

    def moved(level: str, tensor: str, event: str, peer: str, words: int, fan_out: int = 1) -> Action:
        return Action(ActionKey(level, tensor, event, peer), bits.bytes_of(tensor, words), words, fan_out)

    actions = [Action(STEP_MACS, 0, psums * channels * shape.r * shape.s)]
    actions += [
        moved(glb, "ifmap", "read", RF, n_rows * row_words, receivers * sets)
        for receivers, n_rows in _receivers(shape, rows)
    ]
    actions += [
        moved(filter_buffer, "filter", "read", RF, filter_words, rows),
        moved(RF, "ifmap", "write", glb, copies["ifmap"]),
        moved(RF, "filter", "write", filter_buffer, copies["filter"]),
        moved(glb, "psum", "read_initial" if first else "read", "array", psums),
        moved(glb, "psum", "write", "array", psums),
    ]
    hops = {**copies, "psum": psums * (chain - 1) + 2 * psums}
    return actions + [Action(ActionKey(NOC, tensor, "hop"), 0, words) for tensor, words in hops.items()]


def rf_actions(context: LoweringContext, layer: Layer) -> list[Action]:
    """Return the accesses of the register files by the MACs of the whole layer.

    Every MAC reads its ifmap word. One that is not gated also reads its weight, and reads and writes its psum (JSSC
    2017, section V-C: a zero in the ifmap RF disables the read of the filter RF and keeps the datapath still).
    """
    bits = word_bits(layer, context.arch)
    done = sum(action.words for action in mac_actions(context, layer) if action.key.event == "done")
    counts = (
        ("ifmap", "read", layer.n_macs),
        ("filter", "read", done),
        ("psum", "read", done),
        ("psum", "write", done),
    )
    return [
        Action(ActionKey(RF, tensor, event), bits.bytes_of(tensor, words), words) for tensor, event, words in counts
    ]


def _receivers(shape: MacShape, rows: int) -> list[tuple[int, int]]:
    """Return ``(receivers, ifmap rows)``: how many rows go to how many PEs of a set's column of windows."""
    stride = min(shape.stride_h, shape.r)
    windows = np.arange(rows)[:, None] * stride + np.arange(shape.r)[None, :]
    receivers, n_rows = np.unique(np.bincount(windows.ravel()), return_counts=True)
    return [(int(count), int(n)) for count, n in zip(receivers, n_rows, strict=True)]
