"""The fast path's side: cycles and counts of the array in a layer's tile program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.lowering.machine import ARRAY, DRAM
from accel_sim.program import ActionKey, LayerProgram, Machine
from accel_sim.results.counts import Count, count_actions

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FastPath:
    """The array's commands in the program of one layer."""

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
        """Counts of the executed commands, without transfers from and to DRAM.

        Reads of psums that nobody wrote count as reads.
        """
        total: dict[ActionKey, Count] = {}
        for key, count in count_actions(self.program).items():
            if DRAM not in (key.level, key.peer):
                same = joined(key)
                total[same] = total.get(same, Count(0, 0, 0)).plus(count)
        return total

    def counts_by_command(self, key: ActionKey) -> bool:
        """Whether commands count an action, not the layer as a whole."""
        return any(joined(other) == key for other in self.program.action_keys)

    def ends(self, n_parts: int) -> I64:
        """Cycles until the end of each of ``n_parts`` parts with equally many commands, int64 [parts]."""
        return np.cumsum(self.program.own_cycles[self._commands].reshape(n_parts, -1).sum(axis=1))

    def sums(self, key: ActionKey, field: str, n_parts: int) -> I64:
        """Return a count until the end of each part, int64 [parts]; counts of the layer as a whole are left out.

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
        return np.cumsum(per_template[self.program.template[self._commands]].reshape(n_parts, -1).sum(axis=1))


def joined(key: ActionKey) -> ActionKey:
    """Return the key under which an action is compared: stepped arrays do not know a first read from another."""
    return key._replace(event="read") if key.event == "read_initial" else key
