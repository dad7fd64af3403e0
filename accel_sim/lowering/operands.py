"""What a layer's real or drawn masks say: effectual MACs, and the stored size of each tensor."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator
from accel_sim.compression.formats import make_format
from accel_sim.compression.masks import tensor_mask
from accel_sim.errors import Fault, InputError, TraceError
from accel_sim.kernels.effectual import Windows, tap_counts
from accel_sim.mapping.base import fmap_bits, word_bits
from accel_sim.workload import Layer, MacShape, Network, Tensor

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroCounts:
    """MACs of a layer by their operands, padding taken as zero.

    ``n_effectual_macs`` have two non-zero operands; ``ifmap_zero_macs`` have a zero ifmap value.
    """

    n_effectual_macs: int
    ifmap_zero_macs: int


def zero_counts(layer: Layer, seed: int) -> ZeroCounts:
    """Count the MACs of ``layer`` from its masks (drawn from ``seed`` where there are none)."""
    shape, weights = layer.shape, layer.filter
    if not isinstance(shape, MacShape) or weights is None:
        return ZeroCounts(n_effectual_macs=0, ifmap_zero_macs=0)
    if layer.ifmap.is_dense and weights.is_dense:
        in_bounds = shape.n_macs_in_bounds
        return ZeroCounts(n_effectual_macs=in_bounds, ifmap_zero_macs=shape.n_macs - in_bounds)
    return _counts_from_masks(layer.ifmap, weights, shape, seed)


@lru_cache(maxsize=64)
def _counts_from_masks(ifmap: Tensor, weights: Tensor, shape: MacShape, seed: int) -> ZeroCounts:
    windows = Windows(
        shape.p,
        shape.q,
        shape.r,
        shape.s,
        shape.stride_h,
        shape.stride_w,
        shape.pad_h,
        shape.pad_w,
        shape.dilation_h,
        shape.dilation_w,
    )
    seen = tap_counts(_mask(ifmap, seed), windows)
    filters: I64
    if weights.is_dense:
        filters = np.full((shape.groups * shape.c, shape.r, shape.s), shape.k, dtype=np.int64)
    else:
        mask = tensor_mask(weights, seed)
        by_group = [mask.column_nnz(group * shape.k, shape.k) for group in range(shape.groups)]
        filters = np.concatenate(by_group).reshape(seen.shape)
    return ZeroCounts(
        n_effectual_macs=int((seen * filters).sum()), ifmap_zero_macs=shape.n_macs - int(seen.sum()) * shape.k
    )


def _mask(tensor: Tensor, seed: int) -> NDArray[np.bool_]:
    if tensor.is_dense:
        return np.ones(tensor.shape, dtype=np.bool_)
    return tensor_mask(tensor, seed).to_bool()


def stored_ratios(network: Network, arch: Accelerator, seed: int) -> dict[tuple[str, str], Fraction]:
    """Return stored over dense bits of each tensor that ``arch`` keeps compressed in DRAM, by (layer, tensor).

    The sizes come from the real encodings of the masks, metadata included. A tensor that would grow is left dense, as
    a machine's per-layer configuration would, and tensors without zeros are not encoded at all. A format that the array
    itself works on is kept in both cases, unless the array takes tensors without zeros as they are. An ofmap
    of unknown density takes that of the layer that reads it.

    Raises
    ------
    InputError
        If a tensor breaks the structure of its format, as weights that are not N:M do, or a trace cannot be read.
    """
    formats = {tensor: getattr(arch.formats, tensor) for tensor in ("ifmap", "filter", "ofmap")}
    readers: dict[str, Tensor] = {}
    for layer in network.layers:
        for producer in layer.inputs[:1]:
            readers.setdefault(producer, layer.ifmap)
    ratios: dict[tuple[str, str], Fraction] = {}
    for layer in network.layers:
        tensors = {"ifmap": layer.ifmap, "filter": layer.filter, "ofmap": layer.ofmap}
        if layer.ofmap.is_dense and layer.name in readers:
            tensors["ofmap"] = readers[layer.name]
        for name, tensor in tensors.items():
            if tensor is None or formats[name] == "dense":
                continue
            native = formats[name] in arch.array.NATIVE
            if tensor.is_dense and (not native or arch.array.TAKES_DENSE):
                continue
            bits = _stored_bits(layer, arch, name)
            keys = {"value_bits": bits, **_format_keys(arch, name, formats[name])}
            try:
                ratio = _ratio(tensor, formats[name], bits, seed, tuple(keys.items()))
            except TraceError:
                raise
            except InputError as error:
                message = f"{formats[name]!r} cannot hold {tensor.name}: {error.faults[0].message}"
                raise InputError(Fault(key=f"formats.{name}", message=message)) from error
            if ratio < 1 or native:
                ratios[layer.name, name] = ratio
    return ratios


def _stored_bits(layer: Layer, arch: Accelerator, tensor: str) -> int:
    if isinstance(layer.shape, MacShape):
        return int(getattr(word_bits(layer, arch), tensor))
    return fmap_bits(layer.ofmap if tensor == "ofmap" else layer.ifmap, arch)


def _format_keys(arch: Accelerator, tensor: str, format_name: str) -> dict[str, Any]:
    if format_name in arch.array.NATIVE:
        return arch.array.format_keys(tensor)
    if format_name == "run_length" and arch.codec is not None:
        return {"run_bits": arch.codec.run_bits, "word_bits": arch.codec.block_bits}
    return {}


@lru_cache(maxsize=256)
def _ratio(tensor: Tensor, format_name: str, bits: int, seed: int, keys: tuple[tuple[str, Any], ...]) -> Fraction:
    storage = make_format(format_name, **dict(keys))
    size = storage.size(tensor_mask(tensor, seed))
    return Fraction(size.total_bits, tensor.n_elements * bits)
