"""The fast path's side: cycles and counts of the array in a layer's tile program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.lowering.machine import ARRAY
from accel_sim.program import ActionKey, LayerProgram, Machine
from accel_sim.results.counts import Count

I64 = NDArray[np.int64]
FIELDS = ("n_bytes", "words", "delivered")


@dataclass(frozen=True, slots=True, kw_only=True)
class FastPath:
    """The array's commands in the program of one layer; transfers of other units are not among them."""

    program: LayerProgram
    unit: int

    @classmethod
    def of(cls, program: LayerProgram, machine: Machine) -> FastPath:
        """Return the fast path's books of one layer."""
        return cls(program=program, unit=machine.unit_index(ARRAY))

    @property
    def _commands(self) -> slice:
        return slice(int(self.program.unit_ptr[self.unit]), int(self.program.unit_ptr[self.unit + 1]))

    @property
    def n_commands(self) -> int:
        """Commands of the array."""
        return int(self.program.unit_ptr[self.unit + 1] - self.program.unit_ptr[self.unit])

    @property
    def cycles(self) -> int:
        """The array's own cycles."""
        return int(self.program.own_cycles[self._commands].sum())

    def counts(self) -> dict[ActionKey, Count]:
        """Counts of the array's executed commands and of the layer as a whole.

        Reads of psums that nobody wrote count as reads.
        """
        total: dict[ActionKey, Count] = {}
        for key in {joined(key) for key in self.program.action_keys}:
            sums = {field: int(self.sums(key, field)[-1]) for field in FIELDS}
            if any(sums.values()):
                total[key] = Count(**sums)
        for action in self.program.layer_actions:
            key = joined(action.key)
            more = Count(action.n_bytes, action.words, action.words * action.fan_out)
            total[key] = total.get(key, Count(0, 0, 0)).plus(more)
        return total

    def counts_by_command(self, key: ActionKey) -> bool:
        """Whether commands of the array count an action, not the layer as a whole."""
        return any(joined(other) == key for other in self.program.action_keys) and self.sums(key, "words")[-1] > 0

    def ends(self, commands: I64) -> I64:
        """Cycles until the array has run so many of its commands, int64 of the same shape."""
        return np.cumsum(self.program.own_cycles[self._commands])[commands - 1]

    def sums(self, key: ActionKey, field: str) -> I64:
        """Return a count after each command of the array, int64 [commands]; what the layer counts is left out.

        ``field`` is that of `Count`: ``words``, ``delivered`` or ``n_bytes``.
        """
        rows = self.program.templates
        column = {
            "words": rows.action_words,
            "delivered": rows.action_words * rows.action_fan_out,
            "n_bytes": rows.action_bytes,
        }[field]
        which = [i for i, other in enumerate(self.program.action_keys) if joined(other) == key]
        before = np.concatenate(([0], np.cumsum(np.where(np.isin(rows.action_key, which), column, 0))))
        per_template = before[rows.action_ptr[1:]] - before[rows.action_ptr[:-1]]
        return np.cumsum(per_template[self.program.template[self._commands]])


def joined(key: ActionKey) -> ActionKey:
    """Return the key under which an action is compared: stepped arrays do not know a first read from another."""
    return key._replace(event="read") if key.event == "read_initial" else key
