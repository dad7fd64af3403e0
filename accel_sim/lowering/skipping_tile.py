"""One tile of a layer as a skipping machine sees it: masks of its ifmap and filters, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator, ArraySpec
from accel_sim.mapping.base import WordBits
from accel_sim.program import Action, ActionKey
from accel_sim.workload import MacShape

Mask = NDArray[np.bool_]
I64 = NDArray[np.int64]
RF, PEER = "rf", "array"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipTile:
    """Some images (or a band of rows of one), one group, a block of filters.

    Parameters
    ----------
    shape
        The whole layer.
    ifmap
        bool[N, C, H, W]: where the values of the tile are not zero, without padding.
    filters
        bool[K, C, R, S].
    p
        Ofmap rows.
    top, bottom
        Rows of padding that the tile sees.
    """

    shape: MacShape
    ifmap: Mask
    filters: Mask
    p: int
    top: int
    bottom: int

    @property
    def n_windows(self) -> int:
        """Ofmap pixels of one filter, all images."""
        return len(self.ifmap) * self.p * self.shape.q

    @property
    def n_macs(self) -> int:
        """MACs of the tile, zeros included."""
        return self.n_windows * self.filters.size

    @property
    def whole_pad(self) -> int | None:
        """The padding, where it is the same on all sides and the tile is no band."""
        shape = self.shape
        return shape.pad_h if shape.pad_h == shape.pad_w and self.p == shape.p else None

    def padded(self) -> Mask:
        """Return bool[N, C, H', W'] with all padding in place, as far as windows reach."""
        shape = self.shape
        right = max(0, (shape.q - 1) * shape.stride_w + shape.dilation_w * (shape.s - 1) + 1 - shape.pad_w - shape.w)
        return np.pad(self.ifmap, ((0, 0), (0, 0), (self.top, self.bottom), (shape.pad_w, right)))

    def windows(self) -> Mask:
        """Return bool[n_windows, C, R, S]: what each ofmap pixel sees."""
        shape = self.shape
        size = (shape.dilation_h * (shape.r - 1) + 1, shape.dilation_w * (shape.s - 1) + 1)
        view = np.lib.stride_tricks.sliding_window_view(self.padded(), size, axis=(2, 3))
        view = view[:, :, :: shape.stride_h, :: shape.stride_w, :: shape.dilation_h, :: shape.dilation_w]
        view = view[:, :, : self.p, : shape.q]
        seen: Mask = np.ascontiguousarray(view.transpose(0, 2, 3, 1, 4, 5)).reshape(-1, *self.filters.shape[1:])
        return seen


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipCost:
    """What a tile costs.

    Parameters
    ----------
    cycles
        Of the array, from its kernel.
    n_done
        MACs of the layer that took a multiplier; the others were skipped.
    actions
        Accesses of buffers and register files.
    work_cycles
        int64[n]: cycles in which each PE, lane or unit worked.
    facts
        More counts, by name: waits, padding zeros, conflicts.
    """

    cycles: int
    n_done: int
    actions: tuple[Action, ...]
    work_cycles: I64
    facts: dict[str, int] = field(default_factory=dict)


class SkipMachine(Protocol):
    """What the lowering asks of a machine; one object an organisation."""

    def block(self, array: ArraySpec, shape: MacShape) -> tuple[int, int]:
        """Return the filters that a block is a multiple of, and the most that a block may have."""
        ...

    def cost(self, arch: Accelerator, bits: WordBits, tile: SkipTile) -> SkipCost:
        """Run the machine's kernel on the masks of a tile."""
        ...


def read(level: str, tensor: str, words: int, n_bytes: int, fan_out: int = 1, peer: str = PEER) -> list[Action]:
    """Return the read of ``words`` for ``fan_out`` receivers each, and their arrival."""
    return [
        Action(ActionKey(level, tensor, "read", peer), n_bytes, words, fan_out),
        Action(ActionKey(peer, tensor, "write", level), n_bytes * fan_out, words * fan_out),
    ]


def sums(bits: WordBits, n_products: int) -> list[Action]:
    """Return the accumulator's read and write of every product."""
    n_bytes = bits.bytes_of("psum", n_products)
    return [Action(ActionKey(RF, "psum", event), n_bytes, n_products) for event in ("read", "write")]
