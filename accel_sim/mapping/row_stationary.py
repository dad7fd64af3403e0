"""Row stationary: finds the letters of a layer, or takes them as given."""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from dataclasses import asdict

from accel_sim.arch import Accelerator
from accel_sim.errors import Fault, MappingError
from accel_sim.kernels.row_stationary_types import ArrayTiming
from accel_sim.mapping.base import Bounds, Costs, Mapping, Objective, Param, rank, read_params, word_bits
from accel_sim.mapping.row_stationary_arch import array_timing, limits_of
from accel_sim.mapping.row_stationary_letters import RowStationaryLimits, RowStationaryMapping, letter_faults
from accel_sim.mapping.row_stationary_passes import PassTable, PassWords, active_pes, enumerate_passes, pass_words
from accel_sim.mapping.row_stationary_search import legal_letters, scores
from accel_sim.mapping.spans import Span, axes_of
from accel_sim.units import ceil_div
from accel_sim.workload import Layer, MacShape

LETTERS = dict.fromkeys("mnepqrt", int)


class RowStationary:
    """Eyeriss's dataflow; see :class:`accel_sim.mapping.base.Dataflow`."""

    name = "row_stationary"

    def choose(self, layer: Layer, arch: Accelerator, costs: Costs, objective: Objective) -> Mapping:
        """Rank all legal letters of a grid by a closed form of their cycles and traffic."""
        shape, limits = _shape(layer), limits_of(arch)
        word_bits(layer, arch)
        letters = legal_letters(shape, limits)
        if letters is None:
            smallest = RowStationaryMapping(m=1, n=1, e=1, p=1, q=1, r=1, t=1)
            raise MappingError(_faults(layer, smallest, limits))
        found = scores(shape, letters, arch, limits, costs)
        measures = found.cycles, found.energy_pj, found.array_cycles, found.passes
        best = rank(objective, costs, shape.n_macs, *measures)
        return self._mapping(layer, arch, letters.mapping(best))

    def from_params(self, layer: Layer, arch: Accelerator, params: MappingABC[str, Param]) -> Mapping:
        """Use the letters ``m n e p q r t`` and optionally the ``order`` of the outer loops as given."""
        word_bits(layer, arch)
        values = read_params(layer, params, LETTERS, {"order": str})
        letters = RowStationaryMapping(**values)  # type: ignore[arg-type]
        faults = _faults(layer, letters, limits_of(arch))
        if faults:
            raise MappingError(faults)
        return self._mapping(layer, arch, letters)

    def _mapping(self, layer: Layer, arch: Accelerator, letters: RowStationaryMapping) -> Mapping:
        shape = _shape(layer)
        table = enumerate_passes(shape, letters)
        words = pass_words(shape, table)
        macs = table.images * shape.q * table.p * table.q * shape.s
        return Mapping(
            dataflow=self.name,
            params=asdict(letters),
            bounds=Bounds(
                limits_cycles={"array": int(macs.sum()), **_bus_bounds(array_timing(arch), words)},
                dram_bytes=_dram_bytes(shape, table, words, arch),
                active_pes=active_pes(shape, table),
            ),
            plan=letters,
        )


def _bus_bounds(timing: ArrayTiming, words: PassWords) -> dict[str, int]:
    """Cycles that each bus needs for the whole layer at its full width."""
    buses = {
        "filter bus": (timing.filter_bus_words, words.filter),
        "ifmap bus": (timing.ifmap_bus_words, words.ifmap),
        "psum read bus": (timing.psum_read_words, words.psum_read),
        "psum write bus": (timing.psum_write_words, words.psum_write),
    }
    return {name: ceil_div(int(moved.sum()), width) for name, (width, moved) in buses.items() if width}


def _dram_bytes(shape: MacShape, table: PassTable, words: PassWords, arch: Accelerator) -> int:
    """Traffic of the layer, uncompressed: whole ifmap rows for each tile, filters as passes load them, the ofmap."""
    bits = arch.mac.bits
    rows = axes_of(shape)[0].cover(Span(start=table.first_row, size=table.rows)).size
    ifmap = int((table.images * table.channels * rows * table.loads_ifmap).sum()) * shape.w
    ofmap = shape.n * shape.groups * shape.k * shape.p * shape.q
    return (ifmap * bits.ifmap + int(words.filter.sum()) * bits.filter + ofmap * bits.ifmap) // 8


def _faults(layer: Layer, letters: RowStationaryMapping, limits: RowStationaryLimits) -> list[Fault]:
    key = f"layers.{layer.name}"
    return [
        Fault(key=f"{key}.{letter}" if letter else key, message=message)
        for letter, message in letter_faults(letters, _shape(layer), limits)
    ]


def _shape(layer: Layer) -> MacShape:
    if not isinstance(layer.shape, MacShape):
        raise TypeError(f"{layer.name}: {layer.op} has no MACs to map")
    return layer.shape
