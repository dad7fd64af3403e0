"""Turns counts and windows into a result, and closes the books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from accel_sim.arch import Accelerator
from accel_sim.energy import EnergyModel
from accel_sim.lowering.machine import DRAM, peak_rate
from accel_sim.mapping.base import Bounds
from accel_sim.program import Server
from accel_sim.results.balance import Check, mac_checks, ofmap_check, psum_checks, require, transfer_checks
from accel_sim.results.counts import DATAPATHS, Count, Counts, add_counts, memory_accesses
from accel_sim.results.dram import DramUse
from accel_sim.results.model import LayerResult, NetworkResult
from accel_sim.results.windows import WindowTable
from accel_sim.units import ceil_div
from accel_sim.workload import Layer, Network


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRecord:
    """What is known of one layer besides its times.

    ``compulsory_dram_bytes`` is the least traffic that any schedule needs, ``stored_ofmap_words`` what of the ofmap
    goes to DRAM; ``bounds`` are the mapping's, ``None`` for
    vector layers; ``bounds_cycles`` and ``details`` those of the layer's program.
    """

    layer: Layer
    dataflow: str
    params: dict[str, int | str]
    bounds: Bounds | None
    counts: Counts
    n_effectual_macs: int
    compulsory_dram_bytes: int
    stored_ofmap_words: int
    bounds_cycles: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


def account(
    network: Network,
    arch: Accelerator,
    dram: Server,
    records: Sequence[LayerRecord],
    windows: WindowTable,
    interval_cycles: int | None,
    dram_use: DramUse | None = None,
) -> NetworkResult:
    """Return the result of one run.

    Parameters
    ----------
    dram_use
        What the DRAM controller counted; its energy takes the place of a price per byte.

    Raises
    ------
    ConservationError
        If anything was lost on the way: a bug of this package.
    """
    energy = EnergyModel(arch)
    layers, all_checks = [], []
    dram_pj: list[float] | list[None] = [None] * len(records)
    if dram_use is not None:
        cycles = [end - start for start, end in map(windows.span, range(len(records)))]
        dram_pj = dram_use.shares_pj([_dram_bytes(record.counts) for record in records], cycles)
    for i, record in enumerate(records):
        checks = _layer_checks(record)
        require(checks, f"layer {record.layer.name!r}")
        all_checks.append(checks)
        layers.append(_layer(i, record, arch, energy, dram, windows, dram_pj[i]))
    counts = add_counts(record.counts for record in records)
    total = _total(network, arch, energy, counts, layers, interval_cycles)
    if dram_use is not None:
        total["dram"] = dram_use.to_dict()
    network_checks = _network_checks(arch, dram, counts, records, layers)
    require(network_checks, f"network {network.name!r}")
    return NetworkResult(
        arch={
            "name": arch.name,
            "clock_mhz": arch.clock_mhz,
            "technology_nm": arch.technology_nm,
            "n_pes": arch.n_pes,
        },
        workload={"name": network.name, "batch": network.batch},
        layers=tuple(layers),
        total=total,
        balance=_balance([*all_checks, network_checks]),
        relative_energy=energy.is_relative,
    )


def _latency_ms(cycles: int, arch: Accelerator) -> float:
    return float(Fraction(cycles * 1000, arch.clock_hz))


def _priced(counts: Counts) -> dict[Any, Count]:
    return {key: count for key, count in counts.items() if not (key.level in DATAPATHS and key.event != "op")}


def _energy(energy: EnergyModel, counts: Counts, latency_ms: float, dram_pj: float | None) -> dict[str, float]:
    parts = energy.energy_pj(_priced(counts), latency_ms / 1000, dram_pj=dram_pj)
    return {**parts, "total": sum(parts.values())}


def _mac_slots(counts: Counts) -> int:
    """MACs that occupied a PE: done or gated."""
    return sum(count.words for key, count in counts.items() if key.level == "mac" and key.event in ("done", "gated"))


def _utilization(slots: int, cycles: int, arch: Accelerator) -> float:
    return slots / (arch.array.macs_per_cycle * cycles) if cycles else 0.0


def _dram_bytes(counts: Counts) -> int:
    return sum(count.n_bytes for key, count in counts.items() if key.level == DRAM)


def _layer(
    i: int,
    record: LayerRecord,
    arch: Accelerator,
    energy: EnergyModel,
    dram: Server,
    windows: WindowTable,
    dram_pj: float | None,
) -> LayerResult:
    layer = record.layer
    start, end = windows.span(i)
    bounds = {**(record.bounds.limits_cycles if record.bounds is not None else {}), **record.bounds_cycles}
    if not bounds:
        bounds["vector"] = ceil_div(layer.shape.n_ops if not layer.is_mac else 0, arch.vector.lanes)  # type: ignore[union-attr]
    rate = peak_rate(dram)
    if rate is not None:
        bounds[DRAM] = ceil_div(_dram_bytes(record.counts) * rate.denominator, rate.numerator)
    stalls = windows.stall_cycles(i)
    compute = windows.compute_cycles(i)
    latency_ms = _latency_ms(end - start, arch)
    return LayerResult(
        name=layer.name,
        op=layer.op,
        algorithm=layer.algorithm,
        dataflow=record.dataflow,
        mapping=record.params,
        n_macs=layer.n_macs,
        n_effectual_macs=record.n_effectual_macs,
        start_cycle=start,
        end_cycle=end,
        compute_cycles=compute,
        stall_cycles=stalls,
        active_pes=record.bounds.active_pes if record.bounds is not None else 0,
        utilization=_utilization(_mac_slots(record.counts), end - start, arch),
        latency_ms=latency_ms,
        units=windows.units(i),
        accesses=memory_accesses(record.counts),
        energy=_energy(energy, record.counts, latency_ms, dram_pj),
        limit=_limit(end - start, compute, stalls, bounds),
        bounds_cycles=bounds,
        details=record.details,
        mapping_efficiency=record.bounds.mapping_efficiency if record.bounds is not None else None,
    )


def _limit(total: int, compute: int, stalls: dict[str, int], bounds: dict[str, int]) -> str:
    """Name what bounds the layer.

    The largest lower bound, where the layer comes within a tenth of it; else what takes most of the time: a kind of
    stall, or the unit's own work, and there its largest bound.
    """
    largest = max(bounds, key=lambda name: bounds[name])
    if 10 * (total - bounds[largest]) <= total:
        return largest
    kinds: dict[str, int] = {}
    for reason, cycles in stalls.items():
        kind = reason if reason.startswith("full") else reason.partition(":")[0]
        kinds[kind] = kinds.get(kind, 0) + cycles
    worst = max(kinds, key=lambda kind: kinds[kind], default="")
    if worst and kinds[worst] > compute:
        return worst
    return max((name for name in bounds if name != DRAM), key=lambda name: bounds[name])


def _total(
    network: Network,
    arch: Accelerator,
    energy: EnergyModel,
    counts: Counts,
    layers: Sequence[LayerResult],
    interval_cycles: int | None,
) -> dict[str, Any]:
    cycles = layers[-1].end_cycle
    latency_ms = _latency_ms(cycles, arch)
    stalls: dict[str, int] = {}
    for layer in layers:
        for reason, amount in layer.stall_cycles.items():
            stalls[reason] = stalls.get(reason, 0) + amount
    # Layer energies are summed as they are, so that the total is the sum of the rows.
    parts = {name: sum(layer.energy[name] for layer in layers) for name in layers[0].energy if name != "total"}
    energy_key = "energy_relative" if energy.is_relative else "energy_pj"
    n_macs = sum(layer.n_macs for layer in layers)
    seconds = latency_ms / 1000
    total: dict[str, Any] = {
        "n_macs": n_macs,
        "n_effectual_macs": sum(layer.n_effectual_macs for layer in layers),
        "total_cycles": cycles,
        "compute_cycles": sum(layer.compute_cycles for layer in layers),
        "stall_cycles": stalls,
        "active_pes": _weighted(layers, cycles),
        "utilization": _utilization(_mac_slots(counts), cycles, arch),
        "units": _unit_totals(layers),
        "accesses": memory_accesses(counts),
        energy_key: {**parts, "total": sum(parts.values())},
        "latency_ms": latency_ms,
        "gops": 2 * n_macs / seconds / 1e9 if seconds else 0.0,
        "area_mm2": energy.area_mm2(),
    }
    if not energy.is_relative:
        on_chip_pj = sum(value for name, value in parts.items() if name != DRAM)
        total["power_mw"] = on_chip_pj / seconds * 1e-9 if seconds else 0.0
        total["dram_power_mw"] = parts[DRAM] / seconds * 1e-9 if seconds else 0.0
        total["gops_per_w"] = 2 * n_macs * 1e3 / on_chip_pj if on_chip_pj else 0.0
    if interval_cycles is not None:
        total["interval_cycles"] = interval_cycles
        total["interval_ms"] = _latency_ms(interval_cycles, arch)
    return total


def _weighted(layers: Sequence[LayerResult], cycles: int) -> float:
    """PEs with work, averaged over time."""
    return sum(layer.active_pes * layer.total_cycles for layer in layers) / cycles if cycles else 0.0


def _unit_totals(layers: Sequence[LayerResult]) -> dict[str, dict[str, int]]:
    return {
        unit: {part: sum(layer.units[unit][part] for layer in layers) for part in cycles}
        for unit, cycles in layers[0].units.items()
    }


def _layer_checks(record: LayerRecord) -> list[Check]:
    checks = [*transfer_checks(record.counts), *psum_checks(record.counts)]
    checks.append(ofmap_check(record.counts, record.stored_ofmap_words))
    if record.layer.is_mac:
        checks += mac_checks(record.counts, record.layer.n_macs)
    checks.append(
        Check(
            name="dram bytes >= compulsory traffic",
            left=_dram_bytes(record.counts),
            right=record.compulsory_dram_bytes,
            relation=">=",
        )
    )
    return checks


def _network_checks(
    arch: Accelerator, dram: Server, counts: Counts, records: Sequence[LayerRecord], layers: Sequence[LayerResult]
) -> list[Check]:
    cycles = layers[-1].end_cycle
    checks = [
        Check(
            name="cycles >= MACs / peak rate",
            left=cycles * arch.array.macs_per_cycle,
            right=_mac_slots(counts),
            relation=">=",
        ),
        Check(name="layers add up to the network", left=sum(layer.total_cycles for layer in layers), right=cycles),
    ]
    rate = peak_rate(dram)
    if rate is not None:
        checks.append(
            Check(
                name="cycles >= DRAM bytes / bandwidth",
                left=cycles * rate.numerator,
                right=_dram_bytes(counts) * rate.denominator,
                relation=">=",
            )
        )
    for layer in layers:
        window = layer.compute_cycles + sum(layer.stall_cycles.values())
        checks.append(Check(name="compute + stalls = window", left=window, right=layer.total_cycles))
        for unit, parts in layer.units.items():
            checks.append(
                Check(name=f"busy + stall + idle of {unit}", left=sum(parts.values()), right=layer.total_cycles)
            )
    return checks


def _balance(groups: Sequence[Sequence[Check]]) -> dict[str, Any]:
    """Return the books summed by name: every line held in every layer, so the sums show the whole network's flows."""
    lines: dict[str, dict[str, Any]] = {}
    for check in (check for group in groups for check in group):
        line = lines.setdefault(check.name, {"left": 0, "relation": check.relation, "right": 0})
        line["left"] += check.left
        line["right"] += check.right
    return {"checks": sum(len(group) for group in groups), "failed": 0, "lines": lines}
