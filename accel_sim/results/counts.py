"""Counts of actions, taken over the commands that a layer's program executes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from accel_sim.program import ActionKey, LayerProgram


class Count(NamedTuple):
    """How often an action happened: bytes moved, words (or operations), words that arrived at the other end."""

    n_bytes: int
    words: int
    delivered: int

    def plus(self, other: Count) -> Count:
        """Return the sum."""
        return Count(self.n_bytes + other.n_bytes, self.words + other.words, self.delivered + other.delivered)


Counts = Mapping[ActionKey, Count]


def count_actions(program: LayerProgram) -> dict[ActionKey, Count]:
    """Return the counts of one layer: each template's actions times its executions, and the layer's own."""
    rows = program.templates
    times = np.repeat(program.executions(), np.diff(rows.action_ptr))
    n_keys = len(program.action_keys)

    def total(column: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[int]:
        # Exact integer sums; bincount would go through floats.
        sums = np.zeros(n_keys, dtype=np.int64)
        np.add.at(sums, rows.action_key, column * times)
        return [int(value) for value in sums]

    n_bytes, words = total(rows.action_bytes), total(rows.action_words)
    delivered = total(rows.action_words * rows.action_fan_out)
    counts = {key: Count(n_bytes[i], words[i], delivered[i]) for i, key in enumerate(program.action_keys)}
    for action in program.layer_actions:
        more = Count(action.n_bytes, action.words, action.words * action.fan_out)
        counts[action.key] = counts.get(action.key, Count(0, 0, 0)).plus(more)
    return counts


def add_counts(parts: Iterable[Counts]) -> dict[ActionKey, Count]:
    """Return the sum of several layers' counts."""
    total: dict[ActionKey, Count] = {}
    for part in parts:
        for key, count in part.items():
            total[key] = total[key].plus(count) if key in total else count
    return total


OPERATIONS = ("mac", "vector", "noc", "codec")
"""Levels that count operations rather than accesses to a memory."""

DATAPATHS = ("array", "vector")
"""Ends of a transfer that hold nothing: what arrives there is used at once."""


def memory_accesses(counts: Counts) -> dict[str, dict[str, dict[str, int]]]:
    """Return bytes read and written as ``{level: {tensor: {"read_bytes", "write_bytes"}}}``, DRAM first."""
    accesses: dict[str, dict[str, dict[str, int]]] = {}
    order = {"ifmap": 0, "filter": 1, "psum": 2, "ofmap": 3}
    keys = sorted(counts, key=lambda key: (key.level != "dram", key.level == "rf", key.level, order.get(key.tensor, 4)))
    for key in keys:
        if key.level in OPERATIONS or key.level in DATAPATHS:
            continue
        row = accesses.setdefault(key.level, {}).setdefault(key.tensor, {"read_bytes": 0, "write_bytes": 0})
        row["write_bytes" if key.event == "write" else "read_bytes"] += counts[key].n_bytes
    return accesses
