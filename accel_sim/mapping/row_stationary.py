"""Row stationary: finds the letters of a layer, or takes them as given."""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from dataclasses import asdict
from itertools import product

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator
from accel_sim.errors import Fault, MappingError
from accel_sim.kernels.row_stationary_types import ArrayTiming
from accel_sim.mapping.base import Bounds, Costs, Mapping, Objective, Param, rank, read_params, word_bits
from accel_sim.mapping.nest_search import power_steps
from accel_sim.mapping.row_stationary_arch import array_timing, limits_of
from accel_sim.mapping.row_stationary_letters import (
    RowStationaryLimits,
    RowStationaryMapping,
    letter_faults,
    sets_that_fit,
)
from accel_sim.mapping.row_stationary_passes import PassWords, active_pes, enumerate_passes, pass_words
from accel_sim.mapping.spans import Span, axes_of
from accel_sim.units import ceil_div
from accel_sim.workload import Layer, MacShape

F64 = NDArray[np.float64]
LETTERS = dict.fromkeys("mnepqrt", int)


class RowStationary:
    """Eyeriss's dataflow; see :class:`accel_sim.mapping.base.Dataflow`."""

    name = "row_stationary"

    def choose(self, layer: Layer, arch: Accelerator, costs: Costs, objective: Objective) -> Mapping:
        """Rank all legal letters by the bounds of their passes and their traffic."""
        shape, limits = _shape(layer), limits_of(arch)
        word_bits(layer, arch)
        found = list(_candidates(shape, limits))
        if not found:
            smallest = RowStationaryMapping(m=1, n=1, e=1, p=1, q=1, r=1, t=1)
            raise MappingError(_faults(layer, smallest, limits))
        table = np.array([[getattr(letters, name) for name in LETTERS] for letters in found], dtype=np.float64)
        cycles, energy_pj, passes = _estimate(shape, table, arch, limits, costs)
        return self._mapping(layer, arch, found[rank(objective, cycles, energy_pj, passes)])

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
                dram_bytes=_dram_bytes(shape, letters, words, arch),
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


def _dram_bytes(shape: MacShape, letters: RowStationaryMapping, words: PassWords, arch: Accelerator) -> int:
    """Traffic of the layer, uncompressed: whole ifmap rows for each ``m``, filters as passes load them, the ofmap."""
    bits = arch.mac.bits
    rows = int(axes_of(shape)[0].cover(Span.cut(shape.p, letters.e)).size.sum())
    ifmap = shape.n * shape.groups * shape.c * rows * shape.w * ceil_div(shape.k, letters.m)
    ofmap = shape.n * shape.groups * shape.k * shape.p * shape.q
    return (ifmap * bits.ifmap + int(words.filter.sum()) * bits.filter + ofmap * bits.ifmap) // 8


def _candidates(shape: MacShape, limits: RowStationaryLimits) -> list[RowStationaryMapping]:
    """Every legal mapping on a grid: sizes double, and end with the largest that fits."""
    found = []
    if shape.r > limits.rows or shape.s > limits.ifmap_rf_words:
        return []
    most_q = min(shape.c, limits.ifmap_rf_words // shape.s)
    for r in _sizes(min(limits.rows // shape.r, shape.c)):
        for e in _strip_heights(shape, limits, r):
            most_t = min(sets_that_fit(limits, shape.r, e, r), shape.k)
            for t in _sizes(most_t):
                for q in _sizes(min(most_q, ceil_div(shape.c, r))):
                    most_p = min(limits.psum_rf_words, limits.filter_rf_words // (q * shape.s), shape.k // t)
                    for p in _sizes(most_p):
                        found += _with_memory(shape, limits, e, p, q, r, t)
    return found


def _sizes(most: int) -> list[int]:
    """Sizes worth trying: all of a few, else the powers of two and the largest."""
    return list(range(1, most + 1)) if most <= 4 else power_steps(1, most)


def _strip_heights(shape: MacShape, limits: RowStationaryLimits, r: int) -> list[int]:
    """Heights of a strip worth trying: equal strips, from the highest that fits the array."""
    fitting = [e for e in range(1, shape.p + 1) if sets_that_fit(limits, shape.r, e, r) >= 1]
    equal = {ceil_div(shape.p, strips) for strips in range(1, shape.p + 1)}
    return sorted(set(fitting) & equal, reverse=True)


def _with_memory(
    shape: MacShape, limits: RowStationaryLimits, e: int, p: int, q: int, r: int, t: int
) -> list[RowStationaryMapping]:
    """Complete the letters of the array with those of the buffers: images, then as many filters as fit beside them."""
    found = []
    filter_words = p * t * q * r * shape.r * shape.s
    if limits.filter_buffer_bytes is not None and filter_words * limits.filter_bits > 8 * limits.filter_buffer_bytes:
        return []
    rows = (e - 1) * min(shape.stride_h, shape.r) + shape.r
    cols = (shape.q - 1) * min(shape.stride_w, shape.s) + shape.s
    for n, tiles in product(power_steps(1, shape.n), (2, 1)):
        ifmap_bytes = ceil_div(n * q * r * rows * cols * limits.ifmap_bits, 8)
        banks = limits.glb_banks - tiles * ceil_div(ifmap_bytes, limits.glb_bank_bytes)
        if banks < 1:
            continue
        most_m = min(shape.k, banks * limits.glb_bank_bytes * 8 // (n * e * shape.q * limits.psum_bits))
        m = most_m if most_m == shape.k else most_m - most_m % (p * t)
        if m >= p * t:
            found.append(RowStationaryMapping(m=m, n=n, e=e, p=p, q=q, r=r, t=t))
    return found


def _estimate(
    shape: MacShape, table: F64, arch: Accelerator, limits: RowStationaryLimits, costs: Costs
) -> tuple[F64, F64, F64]:
    """Cycles, energy in pJ and passes of every candidate, each float64 [candidates].

    A pass takes the longest of its MACs (with the adder's share), its psums on their bus and its ifmap on its bus,
    and then the part of its filters that does not fit the RF beside those at work. A transfer from DRAM hides behind
    the passes only where its buffer has room for two: filters else wait until the array has taken the last ones,
    ifmaps until it is done with them.
    """
    timing = array_timing(arch)
    m, n, e, p, q, r, t = table.T
    f, s = shape.q, shape.s
    rows = (e - 1) * min(shape.stride_h, shape.r) + shape.r
    cols = (f - 1) * min(shape.stride_w, s) + s
    compute = n * f * (p * q * s + p * timing.psum_add_cycles)
    psums = n * e * t * p * f
    psum_bus = psums * max(_per_word(timing.psum_read_words), _per_word(timing.psum_write_words))
    ifmap_words = n * q * r * rows * cols
    filter_words = p * q * r * t * shape.r * s
    late = np.maximum(0, 2 * p * q * s - timing.filter_rf_words * timing.filter_prefetch) / (p * q * s)
    fill = filter_words * _per_word(timing.filter_bus_words)
    own = np.maximum.reduce([compute, psum_bus, ifmap_words * _per_word(timing.ifmap_bus_words)])
    own += np.minimum(late, 1) * fill

    k_passes = np.floor(shape.k / m) * np.ceil(m / (p * t)) + np.ceil((shape.k % m) / (p * t))
    tiles = shape.groups * np.ceil(shape.n / n) * np.ceil(shape.p / e) * np.ceil(shape.c / (q * r))
    passes, ifmap_tiles = tiles * k_passes, tiles * np.ceil(shape.k / m)
    filter_bytes, ifmap_bytes = filter_words * limits.filter_bits / 8, ifmap_words * limits.ifmap_bits / 8
    ofmap_bytes = shape.n * shape.groups * shape.k * shape.p * f * limits.ifmap_bits / 8
    dram_bytes = passes * filter_bytes + ifmap_tiles * ifmap_bytes + ofmap_bytes
    cycles = passes * own
    rate = costs.dram_bytes_per_cycle
    if rate is not None:
        psum_banks = np.ceil(n * m * e * f * limits.psum_bits / 8 / limits.glb_bank_bytes)
        ifmap_banks = np.ceil(ifmap_bytes / limits.glb_bank_bytes)
        one_ifmap = psum_banks + 2 * ifmap_banks > limits.glb_banks
        one_filter = 2 * filter_bytes > (limits.filter_buffer_bytes or np.inf)
        cycles = passes * np.maximum(own, one_filter * (fill + filter_bytes / float(rate)))
        cycles = np.maximum(cycles + one_ifmap * ifmap_tiles * ifmap_bytes / float(rate), dram_bytes / float(rate))
    glb_pj = costs.buffer_pj_per_byte[arch.buffer_for("ifmap").name]
    glb_bytes = passes * (ifmap_bytes + 2 * psums * limits.psum_bits / 8)
    return cycles, dram_bytes * costs.dram_pj_per_byte + glb_bytes * glb_pj, passes


def _per_word(bus_words: int) -> float:
    """Cycles a word on a bus; none on a bus that is switched off."""
    return 1 / bus_words if bus_words else 0.0


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
