"""What a tile program runs on: in-order units, the semaphores between them, the servers they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from accel_sim.arch.dram_device import DramDevice

UnitRole = Literal["array", "vector", "transform", "dma", "allocator"]
ServerKind = Literal["ideal", "bandwidth", "dram"]
Arbitration = Literal["round_robin", "fixed_priority"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One in-order hardware unit with a queue of commands.

    Parameters
    ----------
    name
        e.g. ``pe_array``, ``vector``, ``dma_ifmap``.
    role
        What kind of unit it is; arrays, vector and transform units can be a layer's primary unit.
    depth
        How many commands may be in flight at once; 1 for anything that computes.
    """

    name: str
    role: UnitRole
    depth: int = 1

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ValueError(f"unit {self.name}: depth must be at least 1, not {self.depth}")
        if self.depth > 1 and self.role in ("array", "vector", "transform"):
            raise ValueError(f"unit {self.name}: a unit that computes has depth 1, not {self.depth}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Semaphore:
    """A counter that exactly one unit waits for and anyone signals.

    Parameters
    ----------
    name
        e.g. ``ready:ifmap``.
    unit
        Name of the only unit that waits for it.
    initial
        Its amount before the first cycle (bytes, banks or slots).
    reason
        The stall's name in results: a tensor from DRAM (``dram:ifmap``), a full buffer (``full:glb``), a producer
        layer (``producer``), ...
    """

    name: str
    unit: str
    initial: int = 0
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DramSetup:
    """The memory behind a ``dram`` server, and the clock of those who ask it."""

    device: DramDevice
    core_clock_hz: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What units share: a DRAM channel, a link, an SRAM port, a codec.

    Parameters
    ----------
    name
        e.g. ``dram``, ``port:glb``.
    kind
        ``ideal`` serves in no time; ``bandwidth`` serves quanta at a rate, then a constant latency; ``dram`` is
        the controller.
    rate_num, rate_den
        Rate in quanta per cycle, as a fraction (``bandwidth``).
    quantum_bytes
        Bytes of one quantum; a run of bytes takes ``ceil(run / quantum_bytes)`` quanta.
    latency_cycles
        From the end of a demand's last quantum to its completion.
    arbitration
        Who gets the next quantum: round robin over units that have a demand here, or the lowest unit.
    setup
        What a ``dram`` server simulates; ``None`` for the other kinds.
    """

    name: str
    kind: ServerKind
    rate_num: int = 1
    rate_den: int = 1
    quantum_bytes: int = 1
    latency_cycles: int = 0
    arbitration: Arbitration = "round_robin"
    setup: DramSetup | None = None

    def __post_init__(self) -> None:
        if min(self.rate_num, self.rate_den, self.quantum_bytes) < 1 or self.latency_cycles < 0:
            raise ValueError(f"server {self.name}: rates and quanta must be positive, latency not negative")
        if (self.kind == "dram") != (self.setup is not None):
            raise ValueError(f"server {self.name}: a dram server, and no other, needs a setup")

    def alone_cycles(self, quanta: int) -> int:
        """Cycles that ``quanta`` take here when nobody else asks (0 for ``ideal``; bandwidth servers only)."""
        if self.kind == "ideal" or quanta == 0:
            return 0
        return -(-quanta * self.rate_den // self.rate_num) + self.latency_cycles


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Units, semaphores and servers, in the order that decides ties."""

    units: tuple[Unit, ...]
    semaphores: tuple[Semaphore, ...]
    servers: tuple[Server, ...]

    def __post_init__(self) -> None:
        for kind, names in (
            ("unit", [unit.name for unit in self.units]),
            ("semaphore", [semaphore.name for semaphore in self.semaphores]),
            ("server", [server.name for server in self.servers]),
        ):
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{kind} {name!r} is there twice")
        known = {unit.name for unit in self.units}
        for semaphore in self.semaphores:
            if semaphore.unit not in known:
                raise ValueError(f"semaphore {semaphore.name!r} is waited for by no unit ({semaphore.unit!r})")
            if semaphore.initial < 0:
                raise ValueError(f"semaphore {semaphore.name!r} starts below zero: {semaphore.initial}")
        if sum(server.kind == "dram" for server in self.servers) > 1:
            raise ValueError("a machine has at most one clock-stepped server; give it several channels instead")

    def unit_index(self, name: str) -> int:
        """Index of the unit called ``name``."""
        return [unit.name for unit in self.units].index(name)

    def semaphore_index(self, name: str) -> int:
        """Index of the semaphore called ``name``."""
        return [semaphore.name for semaphore in self.semaphores].index(name)

    def server_index(self, name: str) -> int:
        """Index of the server called ``name``."""
        return [server.name for server in self.servers].index(name)
