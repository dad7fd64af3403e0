"""The tile program of one layer: for each unit a queue of commands, as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


class ActionKey(NamedTuple):
    """What is counted: a memory access, an operation.

    Parameters
    ----------
    level
        A buffer's name, ``dram``, ``rf``, or the kind of operation: ``mac``, ``vector``, ``noc``, ``codec``.
    tensor
        ``ifmap``, ``filter``, ``psum``, ``ofmap``; empty for operations that have none.
    event
        ``read``, ``write``; ``read_initial`` for psums that nobody wrote; ``done``, ``gated``, ``skipped`` for
        MACs; ``op``.
    peer
        The level at the other end of the transfer; empty where there is none.
    """

    level: str
    tensor: str
    event: str
    peer: str = ""


class Templates(NamedTuple):
    """What commands of a layer share, as CSR rows: row ``k`` of X is ``X_ptr[k]:X_ptr[k+1]``.

    ``wait_*`` and ``signal_*``: semaphore index int32, amount int64. ``demand_*``: server index int32, quanta
    int64, and the shape of the transfer for servers that know addresses: ``outer`` times ``inner`` runs of
    ``run_bytes``, at strides in bytes from the command's address; ``write`` is 1 for a write (int64).
    ``action_*``: index into ``LayerProgram.action_keys`` int32, bytes moved, logical words, fan-out (int64):
    words x fan-out arrive at the peer.
    """

    wait_ptr: I64
    wait_semaphore: I32
    wait_amount: I64
    signal_ptr: I64
    signal_semaphore: I32
    signal_amount: I64
    demand_ptr: I64
    demand_server: I32
    demand_quanta: I64
    demand_run_bytes: I64
    demand_inner: I64
    demand_inner_stride: I64
    demand_outer: I64
    demand_outer_stride: I64
    demand_write: I64
    action_ptr: I64
    action_key: I32
    action_bytes: I64
    action_words: I64
    action_fan_out: I64


class Action(NamedTuple):
    """One counted event of a template: ``words`` leave (or arrive) in ``n_bytes`` and reach ``fan_out`` receivers."""

    key: ActionKey
    n_bytes: int
    words: int
    fan_out: int = 1


class Demand(NamedTuple):
    """One transfer that a template asks of a server: ``outer x inner`` runs of ``run_bytes`` bytes."""

    server: str
    run_bytes: int
    inner: int = 1
    inner_stride_bytes: int = 0
    outer: int = 1
    outer_stride_bytes: int = 0
    write: bool = False

    @property
    def n_bytes(self) -> int:
        """Bytes of the whole transfer."""
        return self.run_bytes * self.inner * self.outer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerProgram:
    """One layer's commands.

    Commands of unit ``u`` are rows ``unit_ptr[u]:unit_ptr[u+1]`` of ``template`` (int32 row of ``templates``),
    ``own_cycles`` (int64) and ``address`` (int64 byte address in DRAM, 0 where no demand has one), in issue order.

    Parameters
    ----------
    name, index
        The layer and its place in the network (ascending over a run).
    primary_unit
        Unit whose last command closes the layer's window.
    layer_actions
        Counts that are known for the layer as a whole rather than per template (data-dependent ones).
    bounds_cycles
        Lower bounds, by name, that depend on the layer's data and so are not the mapping's.
    details
        What is known of the layer's run besides counts and cycles, as plain JSON data.
    """

    name: str
    index: int
    primary_unit: int
    templates: Templates
    unit_ptr: I64
    template: I32
    own_cycles: I64
    address: I64
    action_keys: tuple[ActionKey, ...]
    layer_actions: tuple[Action, ...] = ()
    bounds_cycles: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n_commands(self) -> int:
        """Commands of all units."""
        return int(self.template.size)

    def executions(self) -> I64:
        """How often each template is executed, int64 [n_templates]."""
        return np.bincount(self.template, minlength=len(self.templates.wait_ptr) - 1).astype(np.int64)
