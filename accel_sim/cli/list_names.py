"""``accel-sim list``: what is shipped, and which parts there are to build machines from."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import get_args

import click

Named = dict[str, str]


@click.command(name="list", short_help="List shipped machines and networks, and the parts there are.")
@click.argument("kind", type=click.Choice(["arch", "workload", "dataflow", "mac", "format", "dram"]))
def list_names(kind: str) -> None:
    """List names of one KIND, each with a line about it."""
    from accel_sim.cli.output import emit

    named = _KINDS[kind]()
    width = max(len(name) for name in named)
    emit("".join(f"{name:<{width}}  {about}\n" for name, about in named.items()))


def _archs() -> Named:
    from accel_sim.arch import load_arch
    from accel_sim.config import shipped_names

    machines = [load_arch(name) for name in shipped_names("accel_sim.arch_configs")]
    return {m.name: f"{m.n_pes} PEs, {m.dataflow}, {m.clock_mhz:g} MHz, {m.technology_nm:g} nm" for m in machines}


def _workloads() -> Named:
    from accel_sim.config import shipped_names
    from accel_sim.units import format_count
    from accel_sim.workload import load_workload

    networks = [load_workload(name, batch=1) for name in shipped_names("accel_sim.workloads")]
    return {network.name: f"{len(network.layers)} layers, {format_count(network.n_macs)}MACs" for network in networks}


def _dataflows() -> Named:
    from accel_sim.mapping.registry import DATAFLOWS

    return {name: _first_line(type(dataflow)) for name, dataflow in DATAFLOWS.items()}


def _macs() -> Named:
    from accel_sim.arch.mac import Mac

    sparsity = ", ".join(get_args(Mac.model_fields["sparsity"].annotation))
    return dict.fromkeys(get_args(Mac.model_fields["kind"].annotation), f"sparsity: {sparsity}")


def _formats() -> Named:
    from accel_sim.compression.formats import FORMATS

    return {name: _first_line(format_class) for name, format_class in FORMATS.items()}


def _drams() -> Named:
    from accel_sim.arch.dram import BandwidthDram, IdealDram
    from accel_sim.arch.dram_device import load_dram_preset
    from accel_sim.config import shipped_names

    presets = [load_dram_preset(name) for name in shipped_names("accel_sim.arch.dram_presets")]
    return {
        "ideal": _first_line(IdealDram),
        "bandwidth:GBPS": _first_line(BandwidthDram),
        **{
            preset.name: f"{preset.peak_gb_per_s:.4g} GB/s, {preset.capacity_bytes / 2**30:g} GiB, with a controller"
            for preset in presets
        },
    }


def _first_line(described: object) -> str:
    return (inspect.getdoc(described) or "").partition("\n")[0].partition("; see ")[0].rstrip(".").replace("``", "")


_KINDS: dict[str, Callable[[], Named]] = {
    "arch": _archs,
    "workload": _workloads,
    "dataflow": _dataflows,
    "mac": _macs,
    "format": _formats,
    "dram": _drams,
}
