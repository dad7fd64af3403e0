"""What a DRAM consists of: channels, ranks, banks, rows, columns, and the widths of its buses."""

from __future__ import annotations

from pydantic import model_validator

from accel_sim.arch.spec import Count, Spec
from accel_sim.config import KeyFaultError

BURST_BYTES = 64
"""Bytes of a request, and of one burst."""

FIELDS = ("ch", "ra", "bg", "ba", "ro", "co")
"""Fields of an address: channel, rank, bank group, bank in the group, row, column."""


class DramStructure(Spec):
    """What the memory consists of.

    Parameters
    ----------
    channels
        Independent channels, each with its own command and data bus.
    ranks
        Ranks that share a channel.
    bank_groups, banks_per_group
        In a rank.
    rows, columns
        In a bank; a column is as wide as the device.
    device_width_bits, bus_width_bits
        Data width of a device, and of a channel.
    burst_length
        Transfers of one column command.
    transfers_per_clock
        Data transfers in one clock of the command bus: 2 for DDR.
    dual_command
        Whether a row command and a column command may share a clock (HBM).
    """

    channels: Count = 1
    ranks: Count = 1
    bank_groups: Count
    banks_per_group: Count
    rows: Count
    columns: Count
    device_width_bits: Count
    bus_width_bits: Count
    burst_length: Count
    transfers_per_clock: Count = 2
    dual_command: bool = False

    @model_validator(mode="after")
    def _check_sizes(self) -> DramStructure:
        faults = [
            (name, f"found {value}; allowed: a power of two, because the address is cut into bits")
            for name, value in self
            if not isinstance(value, bool) and value & (value - 1)
        ]
        faults += [
            (name, f"found {value}; allowed: at most {most}")
            for name, value, most in (("channels", self.channels, 64), ("ranks", self.ranks, 8))
            if value > most
        ]
        if self.ranks * self.bank_groups * self.banks_per_group > 64 or self.ranks * self.bank_groups > 32:
            faults.append(("bank_groups", "allowed: at most 64 banks in 32 groups, over all ranks of a channel"))
        if self.bus_width_bits < self.device_width_bits:
            faults.append(("bus_width_bits", f"found {self.bus_width_bits}; a device has {self.device_width_bits}"))
        burst_bytes = self.bus_width_bits * self.burst_length // 8
        if burst_bytes != BURST_BYTES:
            found = f"{self.burst_length} transfers of {self.bus_width_bits} bits are {burst_bytes} bytes"
            faults.append(("burst_length", f"{found}; allowed: {BURST_BYTES}, the size of a request"))
        if self.columns < self.burst_length:
            faults.append(("columns", f"found {self.columns}; a burst takes {self.burst_length}"))
        if self.burst_length < self.transfers_per_clock:
            faults.append(("burst_length", f"found {self.burst_length}; a clock takes {self.transfers_per_clock}"))
        if faults:
            raise KeyFaultError(*faults)
        return self

    @property
    def devices_per_rank(self) -> int:
        """Devices that work in step to fill the bus."""
        return self.bus_width_bits // self.device_width_bits

    @property
    def burst_clocks(self) -> int:
        """Clocks that a burst occupies the data bus."""
        return self.burst_length // self.transfers_per_clock

    @property
    def field_sizes(self) -> dict[str, int]:
        """How many values each field of an address has; a column is a burst."""
        return {
            "ch": self.channels,
            "ra": self.ranks,
            "bg": self.bank_groups,
            "ba": self.banks_per_group,
            "ro": self.rows,
            "co": self.columns // self.burst_length,
        }

    @property
    def capacity_bytes(self) -> int:
        """Bytes of the whole memory."""
        n_bursts = 1
        for size in self.field_sizes.values():
            n_bursts *= size
        return n_bursts * BURST_BYTES
