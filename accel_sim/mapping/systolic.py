"""Weight, output and input stationary on a systolic array: finds how to cut a layer, or takes it as given."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingABC
from dataclasses import fields
from itertools import product

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator
from accel_sim.errors import Fault, MappingError, nearest
from accel_sim.kernels.systolic_array import INPUT_STATIONARY, OUTPUT_STATIONARY, WEIGHT_STATIONARY, SystolicArray
from accel_sim.mapping.base import Bounds, Costs, Mapping, Objective, Param, WordBits, rank, read_params, word_bits
from accel_sim.mapping.loop_nest import ceil_div
from accel_sim.mapping.nest_search import power_steps
from accel_sim.mapping.systolic_arch import conventions_of, mesh_of
from accel_sim.mapping.systolic_plan import SystolicPlan, partial_pixels, step_table, window_of
from accel_sim.mapping.systolic_room import (
    KEEP_FILTER,
    KEEP_IFMAP,
    Cuts,
    Hanging,
    array_cycles,
    blocks_of,
    dram_words,
    fits,
    pixel_folds,
    plane_words,
    room_bytes,
    tile_channels,
)
from accel_sim.units import format_bytes
from accel_sim.workload import Layer, MacShape

I64 = NDArray[np.int64]
REQUIRED = {"tn": int, "tp": int, "tq": int}
OPTIONAL = {"tk": int, "tw": int, "keep_ifmap": str, "keep_filter": str}
TRANSFER_BYTES = 4096
"""Folds are brought together until a transfer is this long: a DRAM page or two, below which it is mostly latency."""


class SystolicDataflow:
    """One operand stays in the PEs of a systolic array, the others move; see :class:`accel_sim.mapping.base.Dataflow`.

    Parameters
    ----------
    name
        ``weight_stationary``, ``output_stationary`` or ``input_stationary``.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def choose(self, layer: Layer, arch: Accelerator, costs: Costs, objective: Objective) -> Mapping:
        """Rank blocks, tiles and what stays on chip by the array's cycles and the traffic."""
        shape, array, bits = _shape(layer), conventions_of(arch), word_bits(layer, arch)
        cuts = _candidates(shape, array, arch, bits)
        legal = fits(shape, arch, bits, cuts, 1)
        if not legal.any():
            smallest = int(np.argmin(sum(room_bytes(shape, arch, bits, cuts, 1).values())))
            raise MappingError(_room_faults(layer, arch, bits, _one(cuts, smallest)))
        cycles, energy_pj = _estimate(shape, array, arch, bits, cuts, costs)
        index = np.flatnonzero(legal)
        pick = rank(objective, costs, shape.n_macs, cycles[index], energy_pj[index], blocks_of(shape, cuts)[index])
        best = int(index[pick])
        return self._mapping(layer, arch, _plan(array, bits, _one(cuts, best), mesh_of(arch).partial_windows))

    def from_params(self, layer: Layer, arch: Accelerator, params: MappingABC[str, Param]) -> Mapping:
        """Use the block ``tn tp tq`` as given, and ``tk tw keep_ifmap keep_filter`` where they are."""
        shape, array, bits = _shape(layer), conventions_of(arch), word_bits(layer, arch)
        values = read_params(layer, params, REQUIRED, OPTIONAL)
        whole = array.rows * ceil_div(window_of(shape), array.rows)
        defaults: dict[str, Param] = {
            "tk": shape.k if array.dataflow == INPUT_STATIONARY else array.cols,
            "tw": window_of(shape) if array.dataflow == OUTPUT_STATIONARY else min(array.rows, whole),
            "keep_ifmap": "block",
            "keep_filter": "tile",
        }
        values = {**defaults, **values}
        faults = list(_param_faults(layer, array, values, _hanging(shape, arch)))
        if faults:
            raise MappingError(faults)
        cuts = Cuts(
            **{name: int(values[name]) for name in ("tn", "tp", "tq", "tk", "tw")},
            keep_ifmap=KEEP_IFMAP.index(str(values["keep_ifmap"])),
            keep_filter=KEEP_FILTER.index(str(values["keep_filter"])),
        )
        faults = _room_faults(layer, arch, bits, cuts)
        if faults:
            raise MappingError(faults)
        return self._mapping(layer, arch, _plan(array, bits, cuts, mesh_of(arch).partial_windows))

    def _mapping(self, layer: Layer, arch: Accelerator, plan: SystolicPlan) -> Mapping:
        shape, array = _shape(layer), plan.array
        table = step_table(shape, plan)
        steps = table.steps
        words = dram_words(shape, array, plan.bits, Cuts.of(plan), _hanging(shape, arch))
        n_bits = shape.groups * (int(words["ifmap"]) * plan.bits.ifmap + int(words["filter"]) * plan.bits.filter)
        return Mapping(
            dataflow=self.name,
            params={name: getattr(plan, name) for name in ("tn", "tp", "tq", "tk", "tw", "keep_ifmap", "keep_filter")},
            bounds=Bounds(
                limits_cycles={"stream": int(steps.stream_cycles.sum()), "array": int(steps.own_cycles.sum())},
                dram_bytes=(n_bits + shape.n_ofmap * plan.bits.ofmap) // 8,
                active_pes=int((steps.mapped_pes // np.maximum(steps.folds, 1)).max()),
                mapping_efficiency=int(steps.mapped_pes.sum()) / (int(steps.folds.sum()) * array.rows * array.cols),
            ),
            plan=plan,
        )


def _plan(array: SystolicArray, bits: WordBits, cuts: Cuts, counts_partial: bool) -> SystolicPlan:
    return SystolicPlan(
        array=array,
        bits=bits,
        tn=cuts.tn,
        tp=cuts.tp,
        tq=cuts.tq,
        tk=cuts.tk,
        tw=cuts.tw,
        keep_ifmap=KEEP_IFMAP[cuts.keep_ifmap],
        keep_filter=KEEP_FILTER[cuts.keep_filter],
        counts_partial=counts_partial,
    )


def _one(cuts: Cuts, index: int) -> Cuts:
    return Cuts(**{field.name: int(getattr(cuts, field.name)[index]) for field in fields(cuts)})


def _candidates(shape: MacShape, array: SystolicArray, arch: Accelerator, bits: WordBits) -> Cuts:
    """Every block of whole images, whole rows or part of a row, with each choice of tiles and of what stays.

    What needs less room comes first, and so wins a tie.
    """
    blocks = [(1, 1, tq) for tq in power_steps(1, shape.q)]
    blocks += [(1, tp, shape.q) for tp in power_steps(1, shape.p)]
    blocks += [(tn, shape.p, shape.q) for tn in power_steps(1, shape.n)]
    filters = power_steps(1, shape.k) if array.dataflow == INPUT_STATIONARY else [array.cols]
    rows = []
    for tk in filters:
        columns = min(tk, shape.k * bits.filter_words)
        tiles = _tile_windows(shape, array, arch.buffer_for("filter").tile_bytes, bits, columns)
        rows += [(*block, tk, tw, *keep) for block, tw, keep in product(dict.fromkeys(blocks), tiles, _keeps(array))]
    table = np.array(rows, dtype=np.int64).T
    cuts = Cuts(**dict(zip((field.name for field in fields(Cuts)), table, strict=True)))
    # Tiles that are loaded for each group of filters can serve one fold of pixels only; whole fmaps stay anyway.
    one_fold = pixel_folds(array, cuts, _hanging(shape, arch)) == 1
    possible = (cuts.keep_ifmap > 0) | (one_fold & (arch.activations == "dram"))
    return Cuts(**{field.name: getattr(cuts, field.name)[possible] for field in fields(cuts)})


def _keeps(array: SystolicArray) -> list[tuple[int, int]]:
    """What may stay; weight stationary filters are used once in a block anyway."""
    return list(product((0, 1), (0, 2) if array.dataflow == WEIGHT_STATIONARY else (0, 1, 2)))


def _tile_windows(shape: MacShape, array: SystolicArray, room: int, bits: WordBits, columns: int) -> list[int]:
    """Window elements of a filter tile that are worth trying."""
    window = window_of(shape)
    if array.dataflow == OUTPUT_STATIONARY:
        sizes = [window]
        while sizes[-1] > 1 and sizes[-1] * columns * bits.filter > 8 * TRANSFER_BYTES:
            sizes.append(ceil_div(sizes[-1], 4))
        return sizes
    fold_bytes = bits.bytes_of("filter", ceil_div(array.rows * columns, bits.filter_words))
    wanted, allowed = ceil_div(TRANSFER_BYTES, fold_bytes), max(1, room // (4 * fold_bytes))
    whole = ceil_div(window, array.rows)
    return sorted({array.rows * min(folds, whole) for folds in (1, min(wanted, allowed))}, reverse=True)


def _estimate(
    shape: MacShape, array: SystolicArray, arch: Accelerator, bits: WordBits, cuts: Cuts, costs: Costs
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cycles and energy in pJ of every candidate, each float64 [candidates].

    Transfers hide behind the array where the buffers hold two of everything that passes, but for the first ones.
    """
    hanging = _hanging(shape, arch)
    words = dram_words(shape, array, bits, cuts, hanging)
    compute = array_cycles(shape, array, bits, cuts, hanging).astype(np.float64)
    fmap_bits = 0 if arch.activations == "on_chip" else bits.ifmap
    ofmap_bytes = 0 if arch.activations == "on_chip" else shape.n_ofmap * bits.ofmap / 8
    dram_bytes = shape.groups * (words["ifmap"] * fmap_bits + words["filter"] * bits.filter) / 8 + ofmap_bytes
    cycles = compute
    rate = costs.dram_bytes_per_cycle
    if rate is not None:
        dram = dram_bytes / float(rate)
        columns = np.minimum(cuts.tk, shape.k * bits.filter_words)
        first_bits = cuts.tw * columns * bits.filter / bits.filter_words
        first_bits += plane_words(shape, cuts) * tile_channels(shape, cuts.tw) * fmap_bits
        hidden = np.maximum(compute, dram) + first_bits / 8 / float(rate)
        cycles = np.where(fits(shape, arch, bits, cuts, 2), hidden, compute + dram)
    # Only the operand that stays in the PEs is read more often when the stream is cut.
    held = {
        WEIGHT_STATIONARY: ("filter", blocks_of(shape, cuts) * window_of(shape) * shape.k),
        INPUT_STATIONARY: ("ifmap", ceil_div(shape.k, cuts.tk) * shape.n * shape.p * shape.q * window_of(shape)),
    }
    energy = dram_bytes * costs.dram_pj_per_byte
    if array.dataflow in held:
        tensor, reads = held[array.dataflow]
        pj_per_byte = costs.buffer_pj_per_byte[arch.buffer_for(tensor).name]
        energy = energy + shape.groups * reads * getattr(bits, tensor) / 8 * pj_per_byte
    return cycles, energy


def _param_faults(
    layer: Layer, array: SystolicArray, values: MappingABC[str, Param], hanging: Hanging
) -> Iterator[Fault]:
    """Yield what cannot be, whatever the buffers hold."""
    shape, key = _shape(layer), f"layers.{layer.name}"
    window = window_of(shape)
    limits = {"tn": shape.n, "tp": shape.p, "tq": shape.q}
    if array.dataflow == INPUT_STATIONARY:
        limits["tk"] = shape.k
    elif values["tk"] != array.cols:
        yield Fault(key=f"{key}.tk", message=f"found {values['tk']}; allowed: {array.cols}, the columns of the array")
    for name, limit in limits.items():
        if int(values[name]) > limit:
            yield Fault(key=f"{key}.{name}", message=f"found {values[name]}; the layer has only {limit}")
    tw = int(values["tw"])
    if array.dataflow == OUTPUT_STATIONARY and tw > window:
        yield Fault(key=f"{key}.tw", message=f"found {tw}; the layer's window has only {window} elements")
    elif array.dataflow != OUTPUT_STATIONARY and tw % array.rows:
        yield Fault(key=f"{key}.tw", message=f"found {tw}; allowed: multiples of {array.rows}, the rows of the array")
    for name, allowed in (("keep_ifmap", KEEP_IFMAP), ("keep_filter", KEEP_FILTER)):
        value = str(values[name])
        if value not in allowed:
            hint = nearest(value, allowed)
            yield Fault(key=f"{key}.{name}", message=f"found {value!r}{hint}; allowed: {', '.join(allowed)}")
    tn, tp, tq = (min(int(values[name]), limits[name]) for name in ("tn", "tp", "tq"))
    if tn > 1 and (tp, tq) != (shape.p, shape.q):
        yield Fault(key=f"{key}.tn", message=f"several images share a block only whole: tp {shape.p}, tq {shape.q}")
    pixels = tn * (tp + hanging[0]) * (tq + hanging[1])
    fold = {OUTPUT_STATIONARY: array.rows, INPUT_STATIONARY: array.cols}.get(array.dataflow, pixels)
    if values["keep_ifmap"] == "tile" and pixels > fold:
        message = f"'tile' needs a block of at most {fold} pixels, one fold of the array; this one has {pixels}"
        yield Fault(key=f"{key}.keep_ifmap", message=message)


def _room_faults(layer: Layer, arch: Accelerator, bits: WordBits, cuts: Cuts) -> list[Fault]:
    """Return one fault for each buffer that a mapping overflows, and by how much."""
    sizes = {buffer.name: buffer.tile_bytes for buffer in arch.buffers}
    return [
        Fault(
            key=f"layers.{layer.name}",
            message=f"needs {format_bytes(int(taken))} of buffer {name!r}, {int(taken) - sizes[name]} bytes more than "
            f"the {format_bytes(sizes[name])} that it has for a tile",
        )
        for name, taken in room_bytes(_shape(layer), arch, bits, cuts, 1).items()
        if taken > sizes[name]
    ]


def _hanging(shape: MacShape, arch: Accelerator) -> Hanging:
    """Return the rows and columns of windows over the ifmap's edge that the array works on."""
    return partial_pixels(shape) if mesh_of(arch).partial_windows else (0, 0)


def _shape(layer: Layer) -> MacShape:
    if not isinstance(layer.shape, MacShape):
        raise TypeError(f"{layer.name}: {layer.op} has no MACs to map")
    return layer.shape
