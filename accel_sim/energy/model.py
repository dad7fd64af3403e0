"""The energy and area of a machine: actions times constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, Protocol

from accel_sim.arch import Accelerator
from accel_sim.energy.absolute import absolute_constants
from accel_sim.energy.areas import area_constants
from accel_sim.energy.price import Constant, Per, PricedAction
from accel_sim.energy.relative import relative_constants
from accel_sim.energy.tables import gated_fraction
from accel_sim.program import ActionKey

READS = ("read", "read_initial")
WRITES = ("write",)


class Counted(Protocol):
    """How often an action happened: bytes moved, and logical words (or operations)."""

    @property
    def n_bytes(self) -> int:
        """Bytes moved."""

    @property
    def words(self) -> int:
        """Logical words, or operations."""


class EnergyRow(NamedTuple):
    """One line of the energy table: a constant and where it came from."""

    component: str
    event: str
    value: float
    unit: str
    source: str


class EnergyModel:
    """Prices the actions of one architecture.

    Parameters
    ----------
    arch
        The machine. Its ``energy`` chooses the mode and replaces constants.

    Attributes
    ----------
    components
        Components of the energy, in the order of the results.
    """

    def __init__(self, arch: Accelerator) -> None:
        self.arch = arch
        self.is_relative = arch.energy.mode == "relative"
        self.components: tuple[str, ...] = (
            *("mac", "rf", "noc"),
            *(buffer.name for buffer in arch.buffers),
            *("vector", "codec", "clock", "leakage", "dram"),
        )
        self._width_bits = {buffer.name: buffer.width_bits for buffer in arch.buffers}
        bits = arch.mac.bits
        self._word_bits = {"ifmap": bits.ifmap, "filter": bits.filter, "psum": bits.psum, "ofmap": bits.psum}
        self._constants = _constants(arch)

    def price(self, key: ActionKey) -> PricedAction:
        """Return what one unit of an action costs.

        Raises
        ------
        KeyError
            If the machine has no such level, or the level no such event.
        """
        if key.level == "mac":
            return self._mac(key)
        if key.level in self._width_bits:
            return self._buffer(key)
        if key.level == "rf":
            return self._rf(key)
        if key.level == "dram":
            return self._dram(key)
        if key.level == "noc":
            return self._noc(key)
        if key.level == "vector":
            return self._priced("vector", "vector.op_pj", "op")
        if key.level == "codec":
            return self._priced("codec", "codec.word_pj", "word")
        raise KeyError(f"{self.arch.name} has no level {key.level!r}")

    def energy_pj(
        self, counts: Mapping[ActionKey, Counted], latency_s: float, *, dram_pj: float | None = None
    ) -> dict[str, float]:
        """Return the energy of each component in pJ (multiples of a register-file access in relative mode).

        Parameters
        ----------
        counts
            Bytes and words of each action.
        latency_s
            Time over which clock and leakage count.
        dram_pj
            What a DRAM controller found for its commands; replaces the price per byte.

        Returns
        -------
        dict
            Every component, zeros included. Actions are added in the order of their sorted keys, so the sums do not
            depend on the order of `counts`.
        """
        energy = dict.fromkeys(self.components, 0.0)
        for key in sorted(counts):
            action, count = self.price(key), counts[key]
            energy[action.component] += action.units(count.n_bytes, count.words) * action.pj
        if not self.is_relative:
            pj_per_mw = latency_s * 1e9
            energy["clock"] = self._constants["clock_mw"].value * pj_per_mw
            energy["leakage"] = self.leakage_mw() * pj_per_mw
            if dram_pj is not None:
                energy["dram"] = dram_pj
        return energy

    def leakage_mw(self) -> float:
        """Return the leakage of all SRAM buffers and of the logic; zero in relative mode."""
        return sum(
            constant.value
            for constant in self._constants.values()
            if constant.component == "leakage" and constant.unit == "mW"
        )

    def areas_mm2(self) -> dict[str, float]:
        """Return the area of each component that has one."""
        areas: dict[str, float] = {}
        for constant in self._constants.values():
            if constant.unit == "mm2":
                areas[constant.component] = areas.get(constant.component, 0.0) + constant.value
        return areas

    def area_mm2(self) -> float:
        """Return the area of MACs, register files, buffers and vector unit; all else is not counted."""
        return sum(self.areas_mm2().values())

    def constants(self) -> tuple[Constant, ...]:
        """Return every constant in use."""
        return tuple(self._constants.values())

    def table(self) -> tuple[EnergyRow, ...]:
        """Return every constant in use as a line for people."""
        return tuple(_row(constant) for constant in self._constants.values())

    def warnings(self) -> tuple[str, ...]:
        """Return one line for each place beyond the tables' points, with the constants that lie there."""
        names: dict[tuple[str, ...], list[str]] = {}
        for constant in self._constants.values():
            if constant.outside:
                names.setdefault(constant.outside, []).append(f"energy.{constant.name}")
        return tuple(f"extrapolated, {'; '.join(outside)}: {', '.join(names[outside])}" for outside in names)

    def _mac(self, key: ActionKey) -> PricedAction:
        if key.event in ("done", "again"):
            return self._priced("mac", "mac.done_pj", "op")
        if key.event == "gated":
            fraction = self._constants["mac.gated_fraction"]
            gated = self._priced("mac", "mac.done_pj", "op", factor=fraction.value)
            overridden = gated.overridden or fraction.overridden
            return replace(gated, source=f"{gated.source}; times {fraction.source}", overridden=overridden)
        if key.event == "skipped":
            return PricedAction(
                component="mac", pj=0.0, per="op", source="a skipped MAC does not happen", overridden=False
            )
        raise KeyError(f"a MAC has no event {key.event!r}")

    def _noc(self, key: ActionKey) -> PricedAction:
        if key.tensor not in self._word_bits:
            raise KeyError(f"a word on the NoC belongs to one of {', '.join(self._word_bits)}, not to {key.tensor!r}")
        bits = 1 if self.is_relative else self._word_bits[key.tensor]
        return self._priced("noc", "noc.bit_hop_pj", "word", factor=bits)

    def _rf(self, key: ActionKey) -> PricedAction:
        tensor = "psum" if key.tensor == "ofmap" else key.tensor
        return self._priced("rf", f"rf.{tensor}.{_direction(key)}_pj", "word")

    def _buffer(self, key: ActionKey) -> PricedAction:
        name = f"{key.level}.{_direction(key)}_pj"
        if self.is_relative:
            return self._priced(key.level, name, "word")
        return self._priced(key.level, name, "access", access_bits=self._width_bits[key.level])

    def _dram(self, key: ActionKey) -> PricedAction:
        # the relative figures are per word, the traffic is in bytes because it may be compressed
        factor = 8 / self.arch.mac.bits.ifmap if self.is_relative else 1
        return self._priced("dram", f"dram.{_direction(key)}_pj_per_byte", "byte", factor=factor)

    def _priced(
        self, component: str, name: str, per: Per, *, factor: float = 1, access_bits: int = 0
    ) -> PricedAction:
        """Return the price that a constant gives; in relative mode that of the component's ratio."""
        if self.is_relative:
            level = "buffer" if component in self._width_bits else component
            name = f"relative.{level}"
            if level == "codec":
                return PricedAction(
                    component="codec", pj=0.0, per="word", source="no ratio is published", overridden=False
                )
        constant = self._constants.get(name)
        if constant is None:
            raise KeyError(f"{self.arch.name} has no {name.removesuffix('_pj')}")
        return PricedAction(
            component=component,
            pj=factor * constant.value,
            per=per,
            access_bits=access_bits,
            source=constant.source,
            overridden=constant.overridden,
            outside=constant.outside,
        )


def _direction(key: ActionKey) -> str:
    if key.event in READS:
        return "read"
    if key.event in WRITES:
        return "write"
    raise KeyError(f"{key.level} has no event {key.event!r}")


def _constants(arch: Accelerator) -> dict[str, Constant]:
    """Return all constants of the mode by name, with those of the architecture file in place."""
    given = arch.energy.constants
    constants = {}
    for constant in _defaults(arch):
        if constant.name in given:
            constant = replace(
                constant,
                value=given[constant.name],
                source=f"architecture {arch.name}, key energy.{constant.name}",
                overridden=True,
                outside=(),
            )
        constants[constant.name] = constant
    return constants


def _defaults(arch: Accelerator) -> Iterator[Constant]:
    yield from relative_constants() if arch.energy.mode == "relative" else absolute_constants(arch)
    fraction, source = gated_fraction()
    yield Constant(component="mac", name="mac.gated_fraction", value=fraction, unit="of mac.done", source=source)
    yield from area_constants(arch)


def _row(constant: Constant) -> EnergyRow:
    event = constant.name.removeprefix(f"{constant.component}.")
    source = constant.source
    if constant.outside:
        source += f" (extrapolated: {'; '.join(constant.outside)})"
    return EnergyRow(constant.component, event, constant.value, constant.unit, source)
