"""Whether a program can finish, and reads the memory only after the writes it depends on, whatever the timing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from accel_sim.errors import ProgramError
from accel_sim.kernels.overlap import find_unordered, run_edges
from accel_sim.kernels.replay import Queues, Replays, replay_until_retired, unmet_wait
from accel_sim.program.accesses import Touches, accesses_of, meets, memory_templates, touches_of
from accel_sim.program.bounds import check_bounds
from accel_sim.program.deadlock import Blocked, deadlock
from accel_sim.program.layer_program import I64, LayerProgram
from accel_sim.program.machine import Machine
from accel_sim.program.two_layers import fill


def validate(machine: Machine, programs: Iterable[LayerProgram]) -> None:
    """Raise :class:`ProgramError` unless ``programs`` can finish on ``machine`` and have no hazard.

    A hazard is a read of the memory (a demand on a server of kind or name ``dram``) and a write of bytes in common

    * in the layer before, or earlier in the same queue, that may not have ended when the read issues;
    * of another unit in the same layer, when neither must have ended before the other issues.

    (Layers further back have always ended: a layer is admitted when the last but one before it has.) Exact: there
    is a hazard if and only if some timing of commands and servers lets the two overlap. Memory holds two layers.

    Raises
    ------
    ProgramError
        Names the commands that wait for ever and what for, or the read and the write and their bytes; also what
        :func:`accel_sim.program.bounds.check_bounds` finds.
    """
    check = _Validation(machine)
    waiting = iter(programs)
    check.admit_next(waiting)
    check.admit_next(waiting)
    while check.n_retired < check.n_admitted:
        check.replay()
        check.find_hazards()
        check.n_retired += 1
        check.admit_next(waiting)


class _Layer(NamedTuple):
    """A layer's program, and the memory commands that each unit had before it, int64 [U]."""

    program: LayerProgram
    first_number: I64


class _Validation:
    """Replays of the two live layers: one for each unit that uses the memory as the gate, and the last without."""

    def __init__(self, machine: Machine) -> None:
        n_units, n_semaphores = len(machine.units), len(machine.semaphores)
        n_replays = n_units + 1
        deepest = max([unit.depth for unit in machine.units], default=1)
        self.machine = machine
        self.n_admitted = 0
        self.n_retired = 0
        self.live: list[_Layer] = []
        self.before: _Layer | None = None
        self.gates = [n_units]
        self.n_memory = np.zeros(n_units, dtype=np.int64)

        def zeros(*shape: int) -> I64:
            return np.zeros(shape, dtype=np.int64)

        indices = np.zeros((2, 0), dtype=np.int32)
        self.queues = Queues(
            unit_ptr=zeros(2, 0),
            template=indices,
            wait_ptr=zeros(2, 0),
            wait_semaphore=indices,
            wait_amount=zeros(2, 0),
            signal_ptr=zeros(2, 0),
            signal_semaphore=indices,
            signal_amount=zeros(2, 0),
            at_memory=np.zeros((2, 0), dtype=np.uint8),
            depth=np.array([unit.depth for unit in machine.units], dtype=np.int64),
            waiter=np.array([machine.unit_index(s.unit) for s in machine.semaphores], dtype=np.int64),
        )
        self.replays = Replays(
            gate=np.array([*range(n_units), -1], dtype=np.int64),
            have=np.tile(np.array([s.initial for s in machine.semaphores], dtype=np.int64), (n_replays, 1)),
            layer=np.full((n_replays, n_units), -1, dtype=np.int64),
            cursor=zeros(n_replays, n_units),
            queue_end=zeros(n_replays, n_units),
            touched=zeros(n_replays, n_units),
            left=zeros(n_replays, 2),
            row=zeros(n_replays, deepest),
            command=zeros(n_replays, deepest),
            issued=zeros(n_replays),
            ended=zeros(n_replays),
            released=zeros(n_replays),
            after=np.zeros((n_replays, 2, 0), dtype=np.int32),
        )
        assert self.replays.have.shape == (n_replays, n_semaphores)

    def admit_next(self, waiting: Iterator[LayerProgram]) -> None:
        """Take the next program, if there is one, into the row that the oldest layer left."""
        program = next(waiting, None)
        if program is None:
            return
        check_bounds(self.machine, program)
        row = self.n_admitted % 2
        rows = program.templates
        at_memory = memory_templates(self.machine, program)
        queues = self.queues
        self.queues = queues._replace(
            unit_ptr=fill(queues.unit_ptr, row, program.unit_ptr),
            template=fill(queues.template, row, program.template),
            wait_ptr=fill(queues.wait_ptr, row, rows.wait_ptr),
            wait_semaphore=fill(queues.wait_semaphore, row, rows.wait_semaphore),
            wait_amount=fill(queues.wait_amount, row, rows.wait_amount),
            signal_ptr=fill(queues.signal_ptr, row, rows.signal_ptr),
            signal_semaphore=fill(queues.signal_semaphore, row, rows.signal_semaphore),
            signal_amount=fill(queues.signal_amount, row, rows.signal_amount),
            at_memory=fill(queues.at_memory, row, at_memory.astype(np.uint8)),
        )
        width = self.queues.template.shape[1]
        if width > self.replays.after.shape[2]:
            wider = np.zeros((len(self.machine.units) + 1, 2, width), dtype=np.int32)
            wider[:, :, : self.replays.after.shape[2]] = self.replays.after
            self.replays = self.replays._replace(after=wider)
        self.replays.left[:, row] = program.n_commands
        self.live = [*self.live[-1:], _Layer(program, self.n_memory.copy())]
        for unit in range(len(self.machine.units)):
            first, last = program.unit_ptr[unit : unit + 2]
            self.n_memory[unit] += int(at_memory[program.template[first:last]].sum())
            if self.n_memory[unit] and unit not in self.gates:
                self._add_gate(unit)
        self.n_admitted += 1

    def _add_gate(self, unit: int) -> None:
        """Hold ``unit`` back from now on: until its first memory command, that makes no difference."""
        plain = len(self.machine.units)
        for name in ("have", "layer", "cursor", "queue_end", "left", "after"):
            table = getattr(self.replays, name)
            table[unit] = table[plain]
        self.gates.insert(0, unit)

    def replay(self) -> None:
        """Replay until the oldest live layer has ended, with each gate."""
        for r in self.gates:
            if not replay_until_retired(self.queues, self.replays, r, self.n_admitted, self.n_retired):
                raise deadlock(self.machine, self._blocked(r))

    def _blocked(self, r: int) -> Iterator[Blocked]:
        for unit in np.flatnonzero(self.replays.cursor[r] < self.replays.queue_end[r]).tolist():
            row = int(self.replays.layer[r, unit]) % 2
            wait = unmet_wait(self.queues, self.replays, r, unit)
            semaphore = int(self.queues.wait_semaphore[row, wait])
            yield Blocked(
                unit=unit,
                layer=self._name(int(self.replays.layer[r, unit])),
                command=int(self.replays.cursor[r, unit] - self.queues.unit_ptr[row, unit]),
                semaphore=semaphore,
                has=int(self.replays.have[r, semaphore]),
                needs=int(self.queues.wait_amount[row, wait]),
            )

    def _name(self, layer: int) -> str:
        return self.live[layer - self.n_admitted].program.name

    def find_hazards(self) -> None:
        """Check the reads of the oldest live layer, whose replays are over, against its writes and those before it."""
        layer = self.live[self.n_retired - self.n_admitted]
        units = [unit for unit in self.gates if unit < len(self.machine.units)]
        touches = {unit: touches_of(self.machine, layer.program, unit, int(layer.first_number[unit])) for unit in units}
        earlier = self.before
        for reader in units:
            reads, _ = touches[reader]
            for writer in units:
                if earlier is not None:
                    first_number = int(earlier.first_number[writer])
                    _, writes = touches_of(self.machine, earlier.program, writer, first_number)
                    self._check(layer, reader, reads, earlier, writer, writes)
                self._check(layer, reader, reads, layer, writer, touches[writer][1])
        self.before = layer

    def _check(
        self, layer: _Layer, reader: int, reads: Touches, written: _Layer, writer: int, writes: Touches
    ) -> None:
        """Raise if a read and a write share a byte and may happen in either order."""
        reads = reads.kept(meets(reads, [writes]))
        writes = writes.kept(meets(writes, [reads]))
        if not reads.low.size:
            return
        after = self.replays.after[:, self.n_retired % 2]
        ordered = after[writer][reads.position].astype(np.int64)
        if written is not layer:
            open_until = np.full(reads.number.size, np.iinfo(np.int64).max)
        elif writer == reader:
            open_until = reads.number
        else:
            # A write that issues only after read n has ended has seen the reader release more than n commands.
            released = after[reader][writes.position].astype(np.int64)
            first = np.searchsorted(released, reads.number, side="right")
            open_until = np.append(writes.number, np.iinfo(np.int64).max)[first]
        of_writes = accesses_of(written.program, writes)
        edges = np.sort(run_edges(of_writes))
        edges = edges[np.diff(edges, prepend=-1) > 0]
        read, number = find_unordered(accesses_of(layer.program, reads), ordered, open_until, of_writes, edges)
        if read < 0:
            return
        write = int(np.flatnonzero(writes.number == number)[0])
        raise ProgramError(
            f"{self._command(layer, reader, reads, read)} reads the memory where"
            f" {self._command(written, writer, writes, write)} writes, and nothing keeps them in order"
        )

    def _command(self, layer: _Layer, unit: int, touches: Touches, index: int) -> str:
        number = int(touches.position[index] - layer.program.unit_ptr[unit])
        return (
            f"unit {self.machine.units[unit].name!r} at command {number} of layer {layer.program.name!r}"
            f" (bytes {touches.low[index]} to {touches.high[index] - 1})"
        )
