"""A memory as a preset file describes it: device, timings, currents, address mapping, controller policy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from accel_sim.arch.dram_structure import BURST_BYTES, FIELDS, DramStructure
from accel_sim.arch.dram_timing import DramCurrents, DramTiming
from accel_sim.arch.spec import Count, Name, Natural, Spec
from accel_sim.config import KeyFaultError, load_document, resolve_shipped, validate
from accel_sim.errors import ArchError, nearest

PRESETS = "accel_sim.arch.dram_presets"
"""Package of the shipped presets."""

KeyPath = tuple[str, ...]


class DramPolicy(Spec):
    """What the controller does.

    Parameters
    ----------
    page
        ``open`` leaves a row open after an access; ``closed`` closes it with the access.
    scheduling
        ``fr_fcfs``: ready requests and row hits first; ``fcfs``: strictly by age.
    refresh
        ``all_bank`` or ``none``.
    queue_size
        Entries of the read queue, and of the write buffer.
    bank_queue_size
        Entries of each bank's queue.
    drain_threshold
        While all banks are idle, more buffered writes than this are drained.
    row_access_limit
        After as many accesses a row may be closed although requests still hit it.
    """

    page: Literal["open", "closed"] = "open"
    scheduling: Literal["fr_fcfs", "fcfs"] = "fr_fcfs"
    refresh: Literal["all_bank", "none"] = "all_bank"
    queue_size: Count = Field(default=32, le=64)
    bank_queue_size: Count = Field(default=8, le=16)
    drain_threshold: Natural = 8
    row_access_limit: Count = 4


class DramDevice(Spec):
    """A memory: device, timings, currents, address mapping, policy.

    Parameters
    ----------
    name, source, is_not
        Short name; where the numbers come from; what they are not.
    clock_ps
        Period of the command clock.
    timing_clocks
        Timings in command clocks, by their JEDEC names.
    power
        Supply voltage and IDD currents.
    address_mapping
        The six two-letter fields of ``FIELDS`` from the most to the least significant bits, above the 64
        bytes of a burst, e.g. ``rochrababgco``.
    """

    name: Name
    source: str = Field(min_length=1)
    is_not: str = Field(min_length=1)
    structure: DramStructure
    clock_ps: Count
    timing_clocks: DramTiming
    power: DramCurrents
    address_mapping: str
    policy: DramPolicy = DramPolicy()

    @model_validator(mode="after")
    def _check_between_keys(self) -> DramDevice:
        faults = [*self._mapping_faults(), *self._timing_faults(), *self._current_faults()]
        if faults:
            raise KeyFaultError(*faults)
        return self

    def _mapping_faults(self) -> Iterator[tuple[KeyPath, str]]:
        text = self.address_mapping
        fields = [text[i : i + 2] for i in range(0, len(text), 2)]
        key: KeyPath = ("address_mapping",)
        for field in dict.fromkeys(fields):
            if field not in FIELDS:
                yield key, f"unknown field {field!r}{nearest(field, FIELDS)}; allowed: {', '.join(FIELDS)}"
            elif fields.count(field) > 1:
                yield key, f"the field {field!r} is there {fields.count(field)} times; allowed: once"
        missing = [field for field in FIELDS if field not in fields]
        if missing and not any(field not in FIELDS for field in fields):
            yield key, f"the field {missing[0]!r} is missing; allowed: each of {', '.join(FIELDS)} once"

    def _timing_faults(self) -> Iterator[tuple[KeyPath, str]]:
        timing = self.timing_clocks
        if timing.cl + self.structure.burst_clocks + timing.rtrs <= timing.cwl:
            yield ("timing_clocks", "CWL"), f"found {timing.cwl}; a write would start before the read it follows"

    def _current_faults(self) -> Iterator[tuple[KeyPath, str]]:
        for command, energy_pj in self.command_energies_pj.items():
            if energy_pj < 0:
                message = f"found currents that give {command} an energy below zero; standby takes more"
                yield ("power", "idd_ma"), message

    @property
    def command_energies_pj(self) -> dict[str, float]:
        """Energy of one activate (with its precharge), read, write and refresh in all devices of a rank, above standby.

        Volts times mA times ns are pJ. The formulas are those of Micron's TN-41-01, as DRAMsim3 has them.
        """
        timing, idd = self.timing_clocks, self.power.idd_ma
        standby = idd.idd3n * timing.ras + idd.idd2n * timing.rp
        charge = {
            "activate": idd.idd0 * (timing.ras + timing.rp) - standby,
            "read": (idd.idd4r - idd.idd3n) * self.structure.burst_clocks,
            "write": (idd.idd4w - idd.idd3n) * self.structure.burst_clocks,
            "refresh": (idd.idd5ab - idd.idd3n) * timing.rfc,
        }
        scale = self.power.vdd_v * self.structure.devices_per_rank * self.clock_ps / 1000
        return {command: scale * ma_clocks for command, ma_clocks in charge.items()}

    @property
    def standby_pj_per_clock(self) -> tuple[float, float]:
        """Energy of a clock in all devices of a rank with a row open, and with all rows closed."""
        scale = self.power.vdd_v * self.structure.devices_per_rank * self.clock_ps / 1000
        return scale * self.power.idd_ma.idd3n, scale * self.power.idd_ma.idd2n

    @property
    def capacity_bytes(self) -> int:
        """Bytes of the whole memory."""
        return self.structure.capacity_bytes

    @property
    def peak_gb_per_s(self) -> float:
        """Data rate of all channels together, in 1e9 bytes a second."""
        per_clock = self.structure.channels * BURST_BYTES / self.structure.burst_clocks
        return per_clock * 1000 / self.clock_ps


def load_dram_preset(name_or_path: str | os.PathLike[str]) -> DramDevice:
    """Return the memory of a preset file.

    Parameters
    ----------
    name_or_path
        A shipped name (``ddr4_2400``) or a path.

    Raises
    ------
    ArchError
        With every fault of the file.
    """
    path = resolve_shipped(PRESETS, os.fspath(name_or_path), ArchError)
    return validate(DramDevice, load_document(path, ArchError), ArchError)
