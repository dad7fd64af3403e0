"""The DRAM that an architecture names: ideal, a bandwidth with a latency, or a controller preset."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from accel_sim.arch.spec import Name, Natural, NonNegative, Positive, Spec, exact
from accel_sim.config import KeyFaultError
from accel_sim.errors import OptionError

DEFAULT_LATENCY_NS = 32.5
"""First data of a closed DDR3-1600 row: tRCD 13.75 + CL 13.75 + a burst of 4 clocks of 1.25 ns (JESD79-3F)."""


class IdealDram(Spec):
    """Transfers take no time; bytes and energy are still counted."""

    kind: Literal["ideal"]


class BandwidthDram(Spec):
    """A constant rate, then a constant latency.

    Parameters
    ----------
    gb_per_s
        Rate in 1e9 bytes a second.
    latency_ns
        Time between the last quantum served and its arrival; 32.5 where neither is given.
    latency_cycles
        The same in core cycles; excludes ``latency_ns``.
    """

    kind: Literal["bandwidth"]
    gb_per_s: Positive
    latency_ns: NonNegative | None = None
    latency_cycles: Natural | None = None

    @model_validator(mode="after")
    def _check_one_latency(self) -> BandwidthDram:
        if self.latency_ns is not None and self.latency_cycles is not None:
            raise KeyFaultError(("latency_cycles", "excludes latency_ns; give one of the two"))
        return self

    def bytes_per_cycle(self, clock_hz: int) -> Fraction:
        """Exact rate in bytes per cycle of a clock of ``clock_hz``."""
        return exact(self.gb_per_s) * 10**9 / clock_hz

    def latency_at(self, clock_hz: int) -> int:
        """Latency in whole cycles of a clock of ``clock_hz``, rounded up."""
        if self.latency_cycles is not None:
            return self.latency_cycles
        latency_ns = DEFAULT_LATENCY_NS if self.latency_ns is None else self.latency_ns
        return ceil(exact(latency_ns) * clock_hz / 10**9)


class DramPreset(Spec):
    """A DRAM controller with the timings of a named preset, e.g. ``ddr3_1600``."""

    kind: Literal["preset"]
    preset: Name


def _from_text(value: object) -> object:
    """Turn ``ideal``, ``bandwidth:25.6`` or a preset's name into the mapping that it stands for."""
    if not isinstance(value, str):
        return value
    head, colon, rate = value.partition(":")
    if not colon:
        return {"kind": "ideal"} if head == "ideal" else {"kind": "preset", "preset": head}
    if head != "bandwidth":
        raise ValueError(f"{value!r} is no DRAM; write ideal, bandwidth:<GB per second> or the name of a preset")
    try:
        gb_per_s = float(rate)
    except ValueError:
        raise ValueError(f"{rate!r} is not a bandwidth in GB per second; write e.g. bandwidth:25.6") from None
    return {"kind": "bandwidth", "gb_per_s": gb_per_s}


Dram = Annotated[
    Annotated[IdealDram | BandwidthDram | DramPreset, Field(discriminator="kind")],
    BeforeValidator(_from_text),
]
"""Any DRAM, written as a mapping with the key ``kind`` or as one text."""

_ADAPTER: TypeAdapter[IdealDram | BandwidthDram | DramPreset] = TypeAdapter(Dram)


def parse_dram_option(text: str) -> IdealDram | BandwidthDram | DramPreset:
    """Return the DRAM that ``--dram`` names: ``ideal``, ``bandwidth:25.6`` or the name of a preset.

    Raises
    ------
    OptionError
        If the text is none of them.
    """
    try:
        return _ADAPTER.validate_python(text)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise OptionError(f"--dram {text}: {problem}") from None
