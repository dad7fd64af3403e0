"""The DRAM controller for a described memory: its configuration, what it counted, and whole traces."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch.dram_device import DramDevice, load_dram_preset
from accel_sim.arch.dram_structure import BURST_BYTES
from accel_sim.energy.dram import dram_energy_pj
from accel_sim.engine.dram_trace import read_dram_trace
from accel_sim.kernels.dram.config import Rule, address_fields, build_config, constraint_table
from accel_sim.kernels.dram.layout import COUNTER_NAMES, NEVER, IntArray, Records, new_channels
from accel_sim.kernels.dram.trace import run_trace


@dataclass(frozen=True, slots=True, kw_only=True)
class DramCounts:
    """What all channels counted from clock 0 to ``clocks``.

    Parameters
    ----------
    clocks
        Length of the run in DRAM clocks.
    reads, writes
        Column commands.
    row_hits, row_misses, row_conflicts
        Column commands on a row that was already accessed; the first of a row whose bank was closed by a refresh or
        never opened; the first of a row for which another one had to be closed.
    activates, precharges, refreshes, dual_commands
        Commands; clocks in which two were issued.
    active_clocks, idle_clocks
        Clocks with a row open, and with none, summed over ranks.
    """

    clocks: int
    reads: int
    writes: int
    row_hits: int
    row_misses: int
    row_conflicts: int
    activates: int
    precharges: int
    refreshes: int
    dual_commands: int
    active_clocks: int
    idle_clocks: int

    def energy_pj(self, device: DramDevice) -> dict[str, float]:
        """Return the energy by component, and ``total``."""
        counts = {"activate": self.activates, "read": self.reads, "write": self.writes, "refresh": self.refreshes}
        return dram_energy_pj(device, counts, self.active_clocks, self.idle_clocks)

    def bandwidth_fraction(self, device: DramDevice) -> float:
        """Return the part of the data buses' time that carries data."""
        busy_clocks = (self.reads + self.writes) * device.structure.burst_clocks
        return busy_clocks / (self.clocks * device.structure.channels) if self.clocks else 0.0


def device_rules(device: DramDevice) -> tuple[Rule, ...]:
    """Return the constraint table of ``device``."""
    timing = device.timing_clocks.model_dump(by_alias=True)
    return constraint_table(timing, device.structure.burst_clocks, device.structure.bank_groups)


def controller_config(device: DramDevice) -> np.void:
    """Return the CONFIG record of :mod:`accel_sim.kernels.dram` for ``device``."""
    structure, timing, policy = device.structure, device.timing_clocks, device.policy
    no_refresh = policy.refresh == "none"
    return build_config(
        device_rules(device),
        address_fields(device.address_mapping, structure.field_sizes),
        n_channels=structure.channels,
        n_ranks=structure.ranks,
        n_groups=structure.bank_groups,
        banks_per_group=structure.banks_per_group,
        read_delay_clocks=timing.al + timing.cl + structure.burst_clocks,
        write_delay_clocks=timing.al + timing.cwl + structure.burst_clocks,
        four_activate_clocks=timing.faw,
        refresh_interval_clocks=NEVER if no_refresh else timing.refi // structure.ranks,
        queue_size=policy.queue_size,
        bank_queue_size=policy.bank_queue_size,
        drain_threshold=policy.drain_threshold,
        row_access_limit=policy.row_access_limit,
        dual_command=int(structure.dual_command),
        closed_page=int(policy.page == "closed"),
        first_come=int(policy.scheduling == "fcfs"),
    )


def count(channels: Records, clocks: int) -> DramCounts:
    """Sum up what ``channels`` (CHANNEL[n]) counted in a run that ends at ``clocks``."""
    n_ranks = int(channels["config"]["n_ranks"][0])
    ranks = channels["rank"][:, :n_ranks]
    still_active = np.where(ranks["n_open"] > 0, clocks - ranks["active_since"], 0)
    active_clocks = int((ranks["active_clocks"] + still_active).sum())
    total = {name: int(channels["counters"][name].sum()) for name in COUNTER_NAMES}
    return DramCounts(
        clocks=clocks,
        reads=total["read_commands"],
        writes=total["write_commands"],
        row_hits=total["row_hits"],
        row_misses=total["row_misses"],
        row_conflicts=total["row_conflicts"],
        activates=total["activates"],
        precharges=total["precharges"],
        refreshes=total["refreshes"],
        dual_commands=total["dual_commands"],
        active_clocks=active_clocks,
        idle_clocks=clocks * ranks.size - active_clocks,
    )


def simulate_requests(
    device: DramDevice, addresses: NDArray[np.int64], is_write: NDArray[np.uint8], *, dependent: bool = False
) -> DramCounts:
    """Run requests of 64 bytes, in order, and return what was counted up to the end of the last data burst.

    Parameters
    ----------
    addresses
        int64[n], bytes.
    is_write
        uint8[n], 0 or 1.
    dependent
        Whether each request waits for the answer to the one before; otherwise one is offered per clock and channel.
    """
    channels = new_channels(controller_config(device))
    end_clock, _ = run_trace(channels, addresses, is_write, dependent, np.zeros((0, 6), np.int64))
    return count(channels, int(end_clock))


def command_log(
    device: DramDevice, addresses: NDArray[np.int64], is_write: NDArray[np.uint8], *, dependent: bool = False
) -> IntArray:
    """Run requests as `simulate_requests` does and return every command.

    Returns
    -------
    int64[n_commands, 6]
        Clock, command (index into ``COMMAND_NAMES``), channel, bank, row, column; -1 where there is none. A refresh
        names the first bank of its rank.
    """
    log = np.zeros((4 * len(addresses) + 1024, 6), np.int64)
    while True:
        _, n_commands = run_trace(new_channels(controller_config(device)), addresses, is_write, dependent, log)
        if n_commands <= len(log):
            return log[:n_commands]
        log = np.zeros((n_commands, 6), np.int64)


def run_dram_trace(
    preset: str | os.PathLike[str], csv_path: str | os.PathLike[str], dependent: bool = False
) -> dict[str, Any]:
    """Run a trace file through a memory and return the result that ``accel-sim dram`` prints.

    Raises
    ------
    ArchError
        If the preset is unknown or contradicts itself.
    TraceError
        If the trace cannot be read, is empty or malformed, or reaches beyond the memory.
    """
    device = load_dram_preset(preset)
    addresses, is_write = read_dram_trace(csv_path, device.capacity_bytes)
    counts = simulate_requests(device, addresses, is_write, dependent=dependent)
    energy_pj = counts.energy_pj(device)
    total_pj = energy_pj.pop("total")
    return {
        "preset": device.name,
        "n_requests": len(addresses),
        "n_reads": counts.reads,
        "n_writes": counts.writes,
        "cycles": counts.clocks,
        "row_hits": counts.row_hits,
        "row_misses": counts.row_misses,
        "row_conflicts": counts.row_conflicts,
        "activates": counts.activates,
        "refreshes": counts.refreshes,
        "bandwidth_fraction": counts.bandwidth_fraction(device),
        "energy_pj": total_pj,
        "energy_by_component_pj": energy_pj,
        "pj_per_bit": total_pj / (8 * BURST_BYTES * len(addresses)),
        "idd_set": device.power.idd_set,
    }
