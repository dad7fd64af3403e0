"""Pixel stationary (ShiDianNao): each PE sums one ofmap pixel, all of them with the same weight.

A patch of one ofmap channel lies over the array while its window and channels pass, one weight a cycle; then the next
patch, then the next channel (Du et al., ISCA 2015, sections 5 and 7). Where the ofmap is a single pixel, as in fully
connected layers, each PE makes another output, with its own weights and one ifmap word for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from dataclasses import dataclass

from accel_sim.arch import Accelerator, PixelMesh
from accel_sim.errors import Fault, MappingError
from accel_sim.mapping.base import Bounds, Costs, Mapping, Objective, Param, WordBits, read_params, word_bits
from accel_sim.units import ceil_div, format_bytes
from accel_sim.workload import Layer, MacShape

TRANSFER_BYTES = 4096
"""Filters are brought together until a transfer is this long: a DRAM page or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelPlan:
    """``tk`` filters come together; ``keeps_filters`` says that all of a layer's stay for the whole batch."""

    tk: int
    keeps_filters: bool
    bits: WordBits


class PixelStationary:
    """Each PE sums one ofmap pixel, with the weight of all PEs; see :class:`accel_sim.mapping.base.Dataflow`."""

    name = "pixel_stationary"

    def choose(self, layer: Layer, arch: Accelerator, costs: Costs, objective: Objective) -> Mapping:
        """Return the only way to run a layer; filters come in transfers of a few KiB where two of them fit."""
        shape, bits, mesh = _shape(layer), word_bits(layer, arch), _mesh(arch)
        unit = mesh.n_pes if is_vector(shape) else 1
        unit_bytes = bits.bytes_of("filter", unit * shape.c * shape.r * shape.s)
        room = arch.buffer_for("filter").tile_bytes
        together = max(1, min(ceil_div(TRANSFER_BYTES, unit_bytes), room // (2 * unit_bytes)))
        return self._mapping(layer, arch, bits, min(shape.k, unit * together))

    def from_params(self, layer: Layer, arch: Accelerator, params: MappingABC[str, Param]) -> Mapping:
        """Bring ``tk`` filters together."""
        shape, bits = _shape(layer), word_bits(layer, arch)
        tk = int(read_params(layer, params, {"tk": int})["tk"])
        if tk > shape.k:
            raise MappingError(
                Fault(key=f"layers.{layer.name}.tk", message=f"found {tk}; the layer has only {shape.k}")
            )
        return self._mapping(layer, arch, bits, tk)

    def _mapping(self, layer: Layer, arch: Accelerator, bits: WordBits, tk: int) -> Mapping:
        shape, mesh = _shape(layer), _mesh(arch)
        window = shape.c * shape.r * shape.s
        all_filters = bits.bytes_of("filter", shape.k * window)
        keeps = shape.n > 1 and all_filters <= arch.buffer_for("filter").tile_bytes
        faults = _room_faults(layer, arch, bits, tk)
        if faults:
            raise MappingError(faults)
        loads = 1 if keeps else shape.n
        words = shape.n_ifmap * bits.ifmap + shape.n_filter * loads * bits.filter + shape.n_ofmap * bits.ofmap
        used = shape.k if is_vector(shape) else shape.p * shape.q
        folds = ceil_div(shape.k, mesh.n_pes) if is_vector(shape) else patches(shape, mesh)
        widest = min(shape.k, mesh.n_pes) if is_vector(shape) else min(shape.p, mesh.rows) * min(shape.q, mesh.cols)
        return Mapping(
            dataflow=self.name,
            params={"tk": tk},
            bounds=Bounds(
                limits_cycles={"array": shape.groups * shape.n * tiles_cycles(shape, mesh, tk)},
                dram_bytes=words // 8,
                active_pes=widest,
                mapping_efficiency=used / (folds * mesh.n_pes),
            ),
            plan=PixelPlan(tk=tk, keeps_filters=keeps, bits=bits),
        )


def is_vector(shape: MacShape) -> bool:
    """Whether the ofmap is one pixel, so that the PEs work on other outputs instead of other pixels."""
    return shape.p == shape.q == 1


def patches(shape: MacShape, mesh: PixelMesh) -> int:
    """Patches of one ofmap channel."""
    return ceil_div(shape.p, mesh.rows) * ceil_div(shape.q, mesh.cols)


def tile_cycles(shape: MacShape, mesh: PixelMesh, filters: int) -> int:
    """Cycles for one image and so many filters: ``patches * R*S*C`` a filter, or ``C*R*S`` an array of outputs."""
    window = shape.c * shape.r * shape.s
    return window * (ceil_div(filters, mesh.n_pes) if is_vector(shape) else patches(shape, mesh) * filters)


def tiles_cycles(shape: MacShape, mesh: PixelMesh, tk: int) -> int:
    """Cycles for one image of one group, cut into tiles of ``tk`` filters."""
    whole, rest = divmod(shape.k, tk)
    return whole * tile_cycles(shape, mesh, tk) + (tile_cycles(shape, mesh, rest) if rest else 0)


def _room_faults(layer: Layer, arch: Accelerator, bits: WordBits, tk: int) -> list[Fault]:
    """Return the buffers that a tile of filters and, where fmaps pass the DRAM, an image's fmaps overflow."""
    shape = _shape(layer)
    need = {arch.buffer_for("filter").name: bits.bytes_of("filter", tk * shape.c * shape.r * shape.s)}
    if arch.activations == "dram":
        for tensor, words in (("ifmap", shape.c * shape.h * shape.w), ("ofmap", tk * shape.p * shape.q)):
            name = arch.buffer_for(tensor).name
            need[name] = need.get(name, 0) + bits.bytes_of(tensor, words)
    sizes = {buffer.name: buffer.tile_bytes for buffer in arch.buffers}
    return [
        Fault(
            key=f"layers.{layer.name}",
            message=f"needs {format_bytes(taken)} of buffer {name!r}, {taken - sizes[name]} bytes more than the "
            f"{format_bytes(sizes[name])} that it has; pixel_stationary keeps whole windows and ifmaps",
        )
        for name, taken in need.items()
        if taken > sizes[name]
    ]


def _shape(layer: Layer) -> MacShape:
    if not isinstance(layer.shape, MacShape):
        raise TypeError(f"{layer.name}: {layer.op} has no MACs to map")
    return layer.shape


def _mesh(arch: Accelerator) -> PixelMesh:
    if not isinstance(arch.array, PixelMesh):
        raise MappingError(
            Fault(
                key="dataflow",
                message=f"pixel_stationary runs on array.organisation pixel_mesh, not {arch.array.organisation}",
            )
        )
    return arch.array
