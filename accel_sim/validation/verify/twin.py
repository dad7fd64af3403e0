"""What a stepped twin offers for verification: a run over a layer, and where a run first goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator
from accel_sim.lowering.memory_map import LayerPlaces
from accel_sim.mapping.base import Mapping as LayerMapping
from accel_sim.program import ActionKey
from accel_sim.validation.verify.operands import Operands
from accel_sim.workload import Layer, MacShape


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerJob:
    """A MAC layer, mapped on a machine, with its operands.

    ``places``: its tensors in memory, for machines that cut a layer by what these take there.
    """

    layer: Layer
    arch: Accelerator
    mapping: LayerMapping
    operands: Operands
    places: LayerPlaces | None = None

    @property
    def shape(self) -> MacShape:
        """The layer's shape."""
        assert isinstance(self.layer.shape, MacShape)
        return self.layer.shape


class Tally(NamedTuple):
    """How much was counted of an action: words (or operations), and how many of them arrived at the other end.

    ``n_bytes`` is -1 where the twin knows words only and not how they lie in a memory's rows.
    """

    words: int
    delivered: int
    n_bytes: int = -1


Tallies = Mapping[ActionKey, Tally]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """A run of a twin over a layer.

    Parameters
    ----------
    outputs
        Integers, (N, K over all groups, P, Q).
    cycles
        Clocks until the array's last result has left it.
    n_macs
        MACs done, those on zeros included.
    tallies
        What moved between the array and its buffers, and inside the array: every action that the array's commands
        count.
    commands
        The array's commands in the program up to the end of each part (fold, pass, tile), int64 [parts].
    detail
        The twin's own record, for `Twin.upto`.
    """

    outputs: NDArray[Any]
    cycles: int
    n_macs: int
    tallies: Tallies
    commands: NDArray[np.int64]
    detail: Any

    @property
    def n_parts(self) -> int:
        """Folds, passes or tiles."""
        return int(self.commands.size)


class WrongSum(NamedTuple):
    """Where a sum first differs: part (its index), clock, PE, what stood there and what should."""

    part: int
    clock: int
    pe: str
    stepped: int
    expected: int


class Twin(Protocol):
    """The stepped model of one array organisation; one object a file, listed in `registry`."""

    part: str
    """What the array's work is cut into: ``step`` (of folds), ``pass`` or ``tile``."""

    def step(self, job: LayerJob) -> Stepped:
        """Move the operands of a layer through the array, clock by clock, under the job's mapping.

        Raises
        ------
        ArchError
            If a setting of the machine has no stepped model.
        """
        ...

    def upto(self, job: LayerJob, run: Stepped, n_parts: int) -> tuple[int, Tallies]:
        """Return the clock after the first ``n_parts`` parts (at least 1), and what they moved.

        The clock is the one at which the program starts the array's next command; for the last part, ``run.cycles``.
        """
        ...

    def first_wrong(
        self, job: LayerJob, run: Stepped, output: tuple[int, int, int, int], reference: Operands
    ) -> WrongSum:
        """Return where the sum of ``output`` (image, filter, row, column) leaves that of the ``reference`` operands."""
        ...

    def describe(self, job: LayerJob, part: int) -> str:
        """Return what a part works on, in a few words."""
        ...


def span(name: str, first: int, size: int) -> str:
    """Return e.g. ``rows 4-7``, or ``row 4`` for a single one."""
    return f"{name}s {first}-{first + size - 1}" if size > 1 else f"{name} {first}"
