"""Builds one layer's program: templates first, then queues of them, vectorised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_sim.program.layer_program import (
    Action,
    ActionKey,
    Demand,
    LayerProgram,
    Templates,
)
from accel_sim.program.machine import Machine
from accel_sim.units import ceil_div


class LayerBuilder:
    """Collects templates and queues, and freezes them as a :class:`LayerProgram`.

    Names of units, semaphores and servers are resolved against ``machine`` as they come; an unknown one is
    a ``KeyError``. Rows with the same content are stored once.
    """

    def __init__(self, machine: Machine, name: str, index: int) -> None:
        self.machine = machine
        self.name = name
        self.index = index
        self._units = {unit.name: i for i, unit in enumerate(machine.units)}
        self._semaphores = {semaphore.name: i for i, semaphore in enumerate(machine.semaphores)}
        self._servers = {server.name: i for i, server in enumerate(machine.servers)}
        self._keys: dict[ActionKey, int] = {}
        self._rows: dict[tuple[object, ...], int] = {}
        self._waits: list[list[tuple[int, int]]] = []
        self._signals: list[list[tuple[int, int]]] = []
        self._demands: list[list[tuple[int, int, Demand]]] = []
        self._actions: list[list[tuple[int, int, int, int]]] = []
        self._layer_actions: list[Action] = []
        self._queues: list[list[tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]]] = [
            [] for _ in machine.units
        ]

    def template(
        self,
        *,
        waits: Mapping[str, int] | None = None,
        signals: Mapping[str, int] | None = None,
        demands: Sequence[Demand] = (),
        actions: Sequence[Action] = (),
    ) -> int:
        """Return the row of a template; equal content gives the same row.

        Zero amounts and empty transfers are dropped.
        """
        waits = {name: amount for name, amount in (waits or {}).items() if amount}
        signals = {name: amount for name, amount in (signals or {}).items() if amount}
        demands = tuple(demand for demand in demands if demand.n_bytes)
        actions = tuple(action for action in actions if action.n_bytes or action.words)
        content = (tuple(waits.items()), tuple(signals.items()), demands, actions)
        row = self._rows.get(content)
        if row is not None:
            return row
        row = len(self._waits)
        self._waits.append([(self._semaphores[name], amount) for name, amount in waits.items()])
        self._signals.append([(self._semaphores[name], amount) for name, amount in signals.items()])
        self._demands.append([self._demand(demand) for demand in demands])
        self._actions.append([(self._key(key), n_bytes, words, fan_out) for key, n_bytes, words, fan_out in actions])
        self._rows[content] = row
        return row

    def _demand(self, demand: Demand) -> tuple[int, int, Demand]:
        index = self._servers[demand.server]
        quanta_per_run = ceil_div(demand.run_bytes, self.machine.servers[index].quantum_bytes)
        return index, quanta_per_run * demand.inner * demand.outer, demand

    def _key(self, key: ActionKey) -> int:
        return self._keys.setdefault(key, len(self._keys))

    def queue(self, unit: str, templates: ArrayLike, own_cycles: ArrayLike = 0, addresses: ArrayLike = 0) -> None:
        """Append commands to a unit's queue; the three arguments broadcast to one length (int, in issue order)."""
        rows = np.atleast_1d(np.asarray(templates, dtype=np.int32))
        cycles = np.asarray(own_cycles, dtype=np.int64)
        places = np.asarray(addresses, dtype=np.int64)
        rows, cycles, places = np.broadcast_arrays(rows, cycles, places)
        self._queues[self._units[unit]].append((rows, cycles, places))

    def count(self, action: Action) -> None:
        """Add a count that belongs to the layer as a whole rather than to a template."""
        self._layer_actions.append(action)

    def build(self, primary_unit: str) -> LayerProgram:
        """Freeze everything as a program whose window is closed by the last command of ``primary_unit``."""
        lengths = [sum(part[0].size for part in parts) for parts in self._queues]
        flat = [part for parts in self._queues for part in parts]

        def join(column: Literal[1, 2]) -> NDArray[np.int64]:
            parts = [part[column] for part in flat]
            return np.concatenate(parts) if parts else np.zeros(0, np.int64)

        return LayerProgram(
            name=self.name,
            index=self.index,
            primary_unit=self._units[primary_unit],
            templates=self._freeze_templates(),
            unit_ptr=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
            template=np.concatenate([part[0] for part in flat]) if flat else np.zeros(0, np.int32),
            own_cycles=join(1),
            address=join(2),
            action_keys=tuple(self._keys),
            layer_actions=tuple(self._layer_actions),
        )

    def _freeze_templates(self) -> Templates:
        def pointers(rows: Sequence[Sequence[object]]) -> NDArray[np.int64]:
            return np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)

        def column(rows: Sequence[Sequence[tuple[int, ...]]], index: int) -> NDArray[np.int64]:
            return np.array([entry[index] for row in rows for entry in row], dtype=np.int64)

        transfers = [demand for row in self._demands for _, _, demand in row]

        def shape(values: Sequence[int]) -> NDArray[np.int64]:
            return np.array(values, dtype=np.int64)

        return Templates(
            wait_ptr=pointers(self._waits),
            wait_semaphore=column(self._waits, 0).astype(np.int32),
            wait_amount=column(self._waits, 1),
            signal_ptr=pointers(self._signals),
            signal_semaphore=column(self._signals, 0).astype(np.int32),
            signal_amount=column(self._signals, 1),
            demand_ptr=pointers(self._demands),
            demand_server=np.array([index for row in self._demands for index, _, _ in row], dtype=np.int32),
            demand_quanta=shape([quanta for row in self._demands for _, quanta, _ in row]),
            demand_run_bytes=shape([demand.run_bytes for demand in transfers]),
            demand_inner=shape([demand.inner for demand in transfers]),
            demand_inner_stride=shape([demand.inner_stride_bytes for demand in transfers]),
            demand_outer=shape([demand.outer for demand in transfers]),
            demand_outer_stride=shape([demand.outer_stride_bytes for demand in transfers]),
            demand_write=shape([int(demand.write) for demand in transfers]),
            action_ptr=pointers(self._actions),
            action_key=column(self._actions, 0).astype(np.int32),
            action_bytes=column(self._actions, 1),
            action_words=column(self._actions, 2),
            action_fan_out=column(self._actions, 3),
        )
