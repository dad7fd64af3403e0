"""No local reuse (DianNao): a tiled loop nest around an array that keeps no operand in its PEs.

Every cycle the array reads ``ti`` ifmap words and ``tn x ti`` filter words from their buffers and adds into ``tn``
dedicated sum registers, which go to the output buffer when the input tile is used up (Chen et al., ASPLOS 2014,
section 5).
"""

from __future__ import annotations

from collections.abc import Mapping as MappingABC

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator, AdderTree
from accel_sim.errors import Fault, MappingError
from accel_sim.mapping.base import Bounds, Costs, Kind, Mapping, Objective, Param, WordBits, read_params, word_bits
from accel_sim.mapping.loop_nest import ORDERS, NestPlan, Rooms, TileSizes, ceil_div
from accel_sim.mapping.nest_search import OPERANDS, NestScores, power_steps, product_grid, score, search
from accel_sim.units import format_bytes
from accel_sim.workload import Layer, MacShape

I64 = NDArray[np.int64]
PARAMS: dict[str, Kind] = {"tn": int, "tp": int, "tq": int, "tk": int, "tc": int, "order": ORDERS}


class NoLocalReuse:
    """DianNao's dataflow on an adder-tree array; see :class:`accel_sim.mapping.base.Dataflow`."""

    name = "no_local_reuse"

    def choose(self, layer: Layer, arch: Accelerator, costs: Costs, objective: Objective) -> Mapping:
        """Rank all combinations of tile sizes (doubling from one array's worth) and loop orders by their bounds."""
        shape, array, bits = _mac_shape(layer), _array(arch), word_bits(layer, arch)
        pj = {operand: costs.buffer_pj_per_byte[arch.buffer_for(operand).name] for operand in OPERANDS}
        ifmap_row, filter_row = array.ti * bits.ifmap / 8, array.tn * array.ti * bits.filter / 8
        # Tiles narrower than the array waste it: only where nothing else fits.
        for least_k, least_c in ((array.tn, array.ti), (1, 1)):
            grid = _candidates(shape, least_k, least_c)
            compute = step_cycles_sum(shape, array, grid["tk"], grid["tc"])
            # Every operation reads a row of ifmaps and one of filters; psums come and go once for each input tile.
            visits = shape.groups * shape.n * shape.p * shape.q * shape.k * ceil_div(shape.c, grid["tc"])
            buffer_pj = compute.astype(np.float64) * (ifmap_row * pj["ifmap"] + filter_row * pj["filter"])
            buffer_pj += 2.0 * visits * bits.psum / 8 * pj["psum"]
            sizes = search(shape, bits, rooms_of(arch), grid, compute, buffer_pj, costs, objective)
            if sizes is not None:
                return self._mapping(layer, arch, bits, sizes)
        smallest = TileSizes(tn=1, tp=1, tq=1, tk=1, tc=1, order=ORDERS[0])
        raise MappingError(_faults(layer, arch, bits, smallest))

    def from_params(self, layer: Layer, arch: Accelerator, params: MappingABC[str, Param]) -> Mapping:
        """Use the tile sizes ``tn tp tq tk tc`` and the loop ``order`` as given."""
        bits = word_bits(layer, arch)
        values = read_params(layer, params, PARAMS)
        sizes = TileSizes(**values)  # type: ignore[arg-type]
        faults = _faults(layer, arch, bits, sizes)
        if faults:
            raise MappingError(faults)
        return self._mapping(layer, arch, bits, sizes)

    def _mapping(self, layer: Layer, arch: Accelerator, bits: WordBits, sizes: TileSizes) -> Mapping:
        shape, array = _mac_shape(layer), _array(arch)
        scores = _score_one(shape, arch, bits, sizes)
        compute = step_cycles_sum(shape, array, np.array([sizes.tk]), np.array([sizes.tc]))
        return Mapping(
            dataflow=self.name,
            params={name: getattr(sizes, name) for name in PARAMS},
            bounds=Bounds(
                limits_cycles={"array": int(compute[0])},
                dram_bytes=int(scores.dram_bytes[0]),
                active_pes=min(shape.k, sizes.tk, array.tn) * min(shape.c, sizes.tc, array.ti),
            ),
            plan=NestPlan(sizes=sizes, bits=bits, resident={name: int(scores.resident[name][0]) for name in OPERANDS}),
        )


def step_cycles_sum(shape: MacShape, array: AdderTree, tk: I64, tc: I64) -> I64:
    """Array operations of the whole layer: one a cycle, each ``tn`` filters by ``ti`` channels of one pixel and tap."""

    def lanes(size: int, tile: I64, width: int) -> I64:
        full, rest = size // tile, size % tile
        total: I64 = full * ceil_div(tile, width) + ceil_div(rest, width)
        return total

    taps = shape.groups * shape.n * shape.p * shape.q * shape.r * shape.s
    return taps * lanes(shape.k, tk, array.tn) * lanes(shape.c, tc, array.ti)


def rooms_of(arch: Accelerator) -> Rooms:
    """Return the buffers that hold the operands."""
    buffers = {buffer.name: buffer for buffer in map(arch.buffer_for, OPERANDS)}
    return Rooms(
        size_bytes={name: buffer.size_bytes for name, buffer in buffers.items()},
        usable_bytes={name: buffer.tile_bytes for name, buffer in buffers.items()},
        holder={operand: arch.buffer_for(operand).name for operand in OPERANDS},
    )


def _candidates(shape: MacShape, least_k: int, least_c: int) -> dict[str, I64]:
    one_pixel = shape.h == shape.w == 1
    return product_grid(
        {
            "tn": power_steps(1, shape.n) if one_pixel else [1],
            "tp": power_steps(1, shape.p),
            "tq": power_steps(1, shape.q),
            "tk": power_steps(min(least_k, shape.k), shape.k),
            "tc": power_steps(min(least_c, shape.c), shape.c),
        }
    )


def _score_one(shape: MacShape, arch: Accelerator, bits: WordBits, sizes: TileSizes) -> NestScores:
    grid = {name: np.array([getattr(sizes, name)], dtype=np.int64) for name in PARAMS if name != "order"}
    return score(shape, bits, rooms_of(arch), grid, sizes.order)


def _faults(layer: Layer, arch: Accelerator, bits: WordBits, sizes: TileSizes) -> list[Fault]:
    """Return what is wrong with ``sizes``: larger than the layer, or than a buffer by so many bytes."""
    shape = _mac_shape(layer)
    key = f"layers.{layer.name}"
    limits = {"tn": shape.n, "tp": shape.p, "tq": shape.q, "tk": shape.k, "tc": shape.c}
    faults = [
        Fault(key=f"{key}.{name}", message=f"found {getattr(sizes, name)}; the layer has only {limit}")
        for name, limit in limits.items()
        if getattr(sizes, name) > limit
    ]
    if sizes.tn > 1 and (shape.h, shape.w) != (1, 1):
        faults.append(Fault(key=f"{key}.tn", message="several images share a tile only where the fmap is one pixel"))
    if faults:
        return faults
    rooms, tile_bytes = rooms_of(arch), _score_one(shape, arch, bits, sizes).tile_bytes
    for buffer, usable in rooms.usable_bytes.items():
        tiles = {operand: int(tile_bytes[operand][0]) for operand in rooms.tenants(buffer)}
        more = sum(tiles.values()) - usable
        if more > 0:
            parts = " and ".join(f"{format_bytes(size)} of {operand}" for operand, size in tiles.items())
            message = f"a tile takes {parts}, {more} bytes more than the {format_bytes(usable)} of buffer {buffer!r}"
            faults.append(Fault(key=key, message=message))
    return faults


def _mac_shape(layer: Layer) -> MacShape:
    if not isinstance(layer.shape, MacShape):
        raise TypeError(f"{layer.name}: {layer.op} has no MACs to map")
    return layer.shape


def _array(arch: Accelerator) -> AdderTree:
    if not isinstance(arch.array, AdderTree):
        raise MappingError(
            Fault(
                key="dataflow",
                message=f"no_local_reuse runs on array.organisation adder_tree, not {arch.array.organisation}",
            )
        )
    return arch.array
