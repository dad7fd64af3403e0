"""Energy of a DRAM from what its controller counted, by the IDD formulas."""

from __future__ import annotations

from collections.abc import Mapping

from accel_sim.arch.dram_device import DramDevice

COMPONENTS = ("activate", "read", "write", "refresh", "background")


def dram_energy_pj(
    device: DramDevice, counts: Mapping[str, int], active_clocks: int, idle_clocks: int
) -> dict[str, float]:
    """Return the energy of each of ``COMPONENTS`` and their ``total``, in pJ.

    Parameters
    ----------
    device
        The memory; its ``power.idd_set`` names where the currents come from.
    counts
        Commands of each kind: ``activate`` (with its precharge), ``read``, ``write``, ``refresh``.
    active_clocks, idle_clocks
        Clocks with a row open and with all rows closed, summed over all ranks of all channels.

    Notes
    -----
    Command energies are what a command takes above standby, so background is standby alone (Micron TN-41-01).
    """
    energies = device.command_energies_pj
    active_pj, idle_pj = device.standby_pj_per_clock
    result = {command: counts[command] * energies[command] for command in COMPONENTS[:-1]}
    result["background"] = active_clocks * active_pj + idle_clocks * idle_pj
    result["total"] = sum(result.values())
    return result
