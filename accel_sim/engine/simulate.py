"""The main job: a network on a machine, from mapping to result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from accel_sim.arch import Accelerator, parse_dram_option
from accel_sim.energy import EnergyModel
from accel_sim.engine import Engine, Timeline, run
from accel_sim.errors import Fault, MappingError
from accel_sim.lowering.codec import with_codec
from accel_sim.lowering.compulsory import compulsory_dram_bytes
from accel_sim.lowering.context import LoweringContext, StoreLedger
from accel_sim.lowering.machine import DRAM, peak_rate
from accel_sim.lowering.memory_map import LayerPlaces, place_tensors, require_capacity
from accel_sim.lowering.on_chip import OnChip, fmaps_on_chip
from accel_sim.lowering.operands import ZeroCounts, stored_ratios, zero_counts
from accel_sim.lowering.padding import padded_filters
from accel_sim.lowering.preload import Preload, preload_of
from accel_sim.lowering.registry import LOWERINGS
from accel_sim.lowering.row_order import ordered_filters
from accel_sim.lowering.vector import lower_vector
from accel_sim.mapping.base import Costs, Objective
from accel_sim.mapping.base import Mapping as LayerMapping
from accel_sim.mapping.reader import MappingFile, load_mapping, mapping_from_data
from accel_sim.mapping.registry import DATAFLOWS
from accel_sim.program import ActionKey, LayerProgram, Machine, Server
from accel_sim.results.account import LayerRecord, account
from accel_sim.results.counts import Counts, count_actions
from accel_sim.results.dram import DramUse
from accel_sim.results.model import NetworkResult
from accel_sim.results.windows import WindowTable
from accel_sim.workload import Layer, Network

INFERENCES_TO_STEADY = 3
"""Inferences run back to back to find the steady interval: from the end of the first to the end of the second.

The third stands behind the second as the second stands behind the first, so that both compete alike for the memory.
"""

DRAM_COUNTS = ("clocks", "reads", "writes", "row_hits", "row_misses", "row_conflicts", "activates", "refreshes")
"""What of a controller's counts goes into the result."""

KEEP_COMMANDS = 2_000_000
"""Programs up to this many commands are kept for the next inference; larger ones are lowered again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A network mapped on a machine, ready to be lowered."""

    network: Network
    arch: Accelerator
    machine: Machine
    mappings: Mapping[str, LayerMapping]
    places: Mapping[str, LayerPlaces]
    on_chip: Mapping[str, OnChip]
    preload: Preload
    zeros: Mapping[str, ZeroCounts]
    seed: int = 0
    kept: list[LayerProgram] = field(default_factory=list)

    def programs(self, inferences: int = 1) -> Iterator[LayerProgram]:
        """Lower layer after layer, one at a time, for so many inferences back to back."""
        n_layers = len(self.network.layers)
        for inference in range(inferences):
            # Every signal of an inference is consumed within it, so each inference has the same programs.
            if len(self.kept) == n_layers:
                fresh: Iterator[LayerProgram] = iter(self.kept)
            else:
                fresh = self._lower_all()
            for position, program in enumerate(fresh):
                yield replace(program, index=inference * n_layers + position)

    def _lower_all(self) -> Iterator[LayerProgram]:
        """Lower every layer once; keep the programs if all of them together are small."""
        ledger = StoreLedger.of(self.network)
        self.kept.clear()
        n_commands = 0
        for index, layer in enumerate(self.network.layers):
            program = self._lower(layer, ledger, index)
            n_commands += program.n_commands
            if n_commands <= KEEP_COMMANDS:
                self.kept.append(program)
            else:
                self.kept.clear()
            yield program

    def _lower(self, layer: Layer, ledger: StoreLedger, index: int) -> LayerProgram:
        context = LoweringContext(
            arch=self.arch,
            machine=self.machine,
            places=self.places,
            ledger=ledger,
            index=index,
            zeros=self.zeros[layer.name],
            seed=self.seed,
            preload=self.preload,
        )
        if layer.is_mac:
            return LOWERINGS[self.arch.dataflow].lower(context, layer, self.mappings[layer.name])
        return lower_vector(context, layer)


def simulate(
    network: Network,
    arch: Accelerator,
    *,
    mapping: str | Mapping[str, Any] | None = None,
    objective: Objective = "cycles",
    dram: str | None = None,
    engine: Engine = "compiled",
    seed: int = 0,
    layers: str | None = None,
    record: bool = False,
    steady: bool = True,
) -> NetworkResult:
    """Run ``network`` on ``arch`` and return where every cycle, byte and picojoule went.

    Parameters
    ----------
    mapping
        A mapping file, or its content; layers that it does not name are mapped for ``objective``.
    dram
        ``ideal``, ``bandwidth:<GB/s>`` or a preset, instead of the memory that the architecture names.
    seed
        Seed of masks that are drawn.
    layers
        Shell pattern of the layers to run.
    record
        Keep the issue and end cycle of every command (``result.timeline``).
    steady
        Also find the steady interval between inferences back to back.

    Raises
    ------
    InputError
        If something asked for cannot be; one fault a mistake.
    """
    job = prepare(network, arch, mapping=mapping, objective=objective, dram=dram, seed=seed, layers=layers)
    counts: list[Counts] = []
    found: list[tuple[Mapping[str, int], Mapping[str, Any]]] = []

    def counted() -> Iterator[LayerProgram]:
        for program in job.programs():
            counts.append(count_actions(program))
            found.append((program.bounds_cycles, program.details))
            yield program

    timeline = run(job.machine, counted(), engine, record=record)
    interval = _steady_interval(job, engine) if steady else None
    records = [
        _record(job, layer, layer_counts, *layer_found)
        for layer, layer_counts, layer_found in zip(job.network.layers, counts, found, strict=True)
    ]
    server = job.machine.servers[job.machine.server_index(DRAM)]
    result = account(job.network, job.arch, server, records, _windows(timeline), interval, _dram_use(server, timeline))
    return replace(result, timeline=timeline if record else None)


def prepare(
    network: Network,
    arch: Accelerator,
    *,
    mapping: str | Mapping[str, Any] | None = None,
    objective: Objective = "cycles",
    dram: str | None = None,
    seed: int = 0,
    layers: str | None = None,
) -> Job:
    """Map ``network`` on ``arch`` and place its tensors; see :func:`simulate`."""
    if dram is not None:
        arch = arch.model_copy(update={"dram": parse_dram_option(dram)})
    # a mapping file is for the whole network, whichever layers are run
    explicit: MappingFile | None = None
    if isinstance(mapping, Mapping):
        explicit = mapping_from_data(mapping, network, arch)
    elif mapping is not None:
        explicit = load_mapping(mapping, network, arch)
    if layers is not None:
        network = network.select(layers)
    machine = with_codec(LOWERINGS[arch.dataflow].machine(arch), arch)
    stored = stored_ratios(network, arch, seed) | padded_filters(network, arch) | ordered_filters(network, arch, seed)
    places = place_tensors(network, arch, stored)
    require_capacity(network, places, machine.servers[machine.server_index(DRAM)])
    mappings = _map_layers(network, arch, machine, explicit, objective)
    preload = preload_of(network, arch, places)
    kept = fmaps_on_chip(network, arch)
    return Job(
        network=network,
        arch=arch,
        machine=machine,
        mappings=mappings,
        places=places,
        on_chip={name: replace(on_chip, weights=preload.filters) for name, on_chip in kept.items()},
        preload=preload,
        zeros={layer.name: zero_counts(layer, seed) for layer in network.layers},
        seed=seed,
    )


def _map_layers(
    network: Network, arch: Accelerator, machine: Machine, explicit: MappingFile | None, objective: Objective
) -> dict[str, LayerMapping]:
    """Map every MAC layer; layers of equal shape and widths are mapped once."""
    dataflow = DATAFLOWS[arch.dataflow]
    costs = _costs(arch, machine)
    chosen: dict[object, LayerMapping] = {}
    mappings: dict[str, LayerMapping] = {}
    faults: list[Fault] = []
    for layer in network.layers:
        if not layer.is_mac:
            continue
        try:
            if explicit is not None and layer.name in explicit.layers:
                mappings[layer.name] = dataflow.from_params(layer, arch, explicit.layers[layer.name])
                continue
            assert layer.filter is not None
            key = (layer.shape, layer.ifmap.bits, layer.filter.bits, layer.ofmap.bits)
            if key not in chosen:
                chosen[key] = dataflow.choose(layer, arch, costs, objective)
            mappings[layer.name] = chosen[key]
        except MappingError as error:
            placed = explicit.placed(error) if explicit is not None and layer.name in explicit.layers else error
            faults += placed.faults
    if faults:
        raise MappingError(faults)
    return mappings


def _costs(arch: Accelerator, machine: Machine) -> Costs:
    energy = EnergyModel(arch)

    def pj_per_byte(level: str, tensor: str) -> float:
        priced = energy.price(ActionKey(level, tensor, "read"))
        n_bytes = max(1, priced.access_bits // 8)
        return priced.pj * priced.units(n_bytes, 1) / n_bytes

    server = machine.servers[machine.server_index(DRAM)]
    return Costs(
        dram_bytes_per_cycle=peak_rate(server),
        dram_quantum_bytes=server.quantum_bytes,
        dram_layout=arch.layout,
        dram_pj_per_byte=pj_per_byte(DRAM, "ifmap"),
        buffer_pj_per_byte={buffer.name: pj_per_byte(buffer.name, buffer.holds[0]) for buffer in arch.buffers},
        mac_pj=energy.price(ActionKey("mac", "", "done")).pj,
        static_pj_per_cycle=sum(energy.energy_pj({}, 1 / arch.clock_hz).values()),
    )


def _record(
    job: Job, layer: Layer, counts: Counts, bounds_cycles: Mapping[str, int], details: Mapping[str, Any]
) -> LayerRecord:
    mapping = job.mappings.get(layer.name)
    return LayerRecord(
        layer=layer,
        dataflow=mapping.dataflow if mapping is not None else "vector",
        params=dict(mapping.params) if mapping is not None else {},
        bounds=mapping.bounds if mapping is not None else None,
        counts=counts,
        n_effectual_macs=job.zeros[layer.name].n_effectual_macs,
        compulsory_dram_bytes=compulsory_dram_bytes(layer, job.places[layer.name], job.on_chip[layer.name]),
        stored_ofmap_words=0 if job.on_chip[layer.name].ofmap else layer.ofmap.n_elements,
        bounds_cycles=bounds_cycles,
        details=details,
    )


def _windows(timeline: Timeline) -> WindowTable:
    return WindowTable(
        machine=timeline.machine,
        boundary_cycles=timeline.boundary_cycles,
        primary_unit=timeline.primary_unit,
        busy_cycles=timeline.busy_cycles,
        idle_cycles=timeline.idle_cycles,
        by_semaphore=timeline.stall_cycles_by_semaphore,
        by_server=timeline.stall_cycles_by_server,
    )


def _dram_use(server: Server, timeline: Timeline) -> DramUse | None:
    """Return what the DRAM controller of a run counted, if it had one."""
    if server.setup is None or timeline.dram_counts is None:
        return None
    device, counts = server.setup.device, timeline.dram_counts
    return DramUse(
        preset=device.name,
        idd_set=device.power.idd_set,
        counts={name: getattr(counts, name) for name in DRAM_COUNTS},
        energy_pj=counts.energy_pj(device),
    )


def _steady_interval(job: Job, engine: Engine) -> int:
    """Cycles from the end of one inference to the end of the next, when they follow each other without a pause."""
    timeline = run(job.machine, job.programs(INFERENCES_TO_STEADY), engine)
    ends = timeline.boundary_cycles.reshape(INFERENCES_TO_STEADY, -1)[:, -1]
    return int(np.diff(ends)[-2])
