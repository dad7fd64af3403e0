"""One step of a layer as a machine that skips zeros meets it: its operands, and what the machine did with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator
from accel_sim.lowering.skipping_cut import Band
from accel_sim.mapping.base import WordBits
from accel_sim.program import ActionKey
from accel_sim.validation.verify.twin import Tallies, Tally
from accel_sim.workload import MacShape

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepTile:
    """The operands of one step.

    Parameters
    ----------
    arch, bits, shape
        The machine, its words, and the whole layer.
    band
        The ofmap rows of the step, the ifmap rows that they see, and the rows of padding above and below these.
    ifmap
        int64 (N, groups x C, H, W): the band's images and rows, without padding.
    filters
        int32 (K, C, R, S): the block's. A kernel that wants int64 is given ``filters.astype(np.int64)``.
    n_groups
        Groups of the layer, where the array takes several together; the block has all their filters then.
    """

    arch: Accelerator
    bits: WordBits
    shape: MacShape
    band: Band
    ifmap: I64
    filters: I32
    n_groups: int = 1

    @property
    def n_windows(self) -> int:
        """Ofmap pixels of one filter, all images."""
        return self.band.n * self.band.p * self.shape.q

    @property
    def ofmap_shape(self) -> tuple[int, int, int, int]:
        """(N, K, P, Q) of the step's outputs."""
        return self.band.n, len(self.filters), self.band.p, self.shape.q

    def padded(self) -> I64:
        """Return int64 (N, groups x C, H', W') with all padding in place, exactly as far as windows reach."""
        shape, band = self.shape, self.band
        height = (band.p - 1) * shape.stride_h + (shape.r - 1) * shape.dilation_h + 1
        width = (shape.q - 1) * shape.stride_w + (shape.s - 1) * shape.dilation_w + 1
        padded = np.zeros((band.n, self.n_groups * shape.c, height, width), dtype=np.int64)
        top = band.first_row - (band.first_p * shape.stride_h - shape.pad_h)
        seen = self.ifmap[:, :, :, : max(0, width - shape.pad_w)]
        padded[:, :, top : top + band.rows, shape.pad_w : shape.pad_w + seen.shape[3]] = seen[:, :, : height - top]
        return padded

    def windows(self, group: int = 0) -> I64:
        """Return int64 (windows, C x R x S): what each ofmap pixel sees of a group; images, then rows, then columns."""
        shape, band = self.shape, self.band
        padded = self.padded()[:, group * shape.c : (group + 1) * shape.c]
        windows = np.empty((band.n, band.p, shape.q, shape.c, shape.r, shape.s), dtype=np.int64)
        for r, s in np.ndindex(shape.r, shape.s):
            top, left = r * shape.dilation_h, s * shape.dilation_w
            rows = slice(top, top + (band.p - 1) * shape.stride_h + 1, shape.stride_h)
            cols = slice(left, left + (shape.q - 1) * shape.stride_w + 1, shape.stride_w)
            windows[..., r, s] = padded[:, :, rows, cols].transpose(0, 2, 3, 1)
        return windows.reshape(self.n_windows, -1)

    def window_index(self, output: tuple[int, int, int, int]) -> int:
        """Return which of the `windows` an output (image, filter, row, column) within the step comes from."""
        image, _, row, column = output
        return (image * self.band.p + row) * self.shape.q + column

    def ofmap(self, by_window: I64) -> I64:
        """Return (windows, K) as (N, K, P, Q)."""
        return by_window.reshape(self.band.n, self.band.p, self.shape.q, -1).transpose(0, 3, 1, 2)


class StepRun(NamedTuple):
    """What a machine did in a step.

    ``outputs`` int64 (N, K, P, Q). ``n_macs``: MACs of the layer that took a multiplier; padding entries of a format
    are none. ``tallies``: the accesses of the step's command, all of them but the sums that leave. ``window_ends``
    int64 [windows]: the clock of the step at which each window's sums are done, where an array takes window by window.
    """

    outputs: I64
    cycles: int
    n_macs: int
    tallies: Tallies
    window_ends: I64 | None = None


def moved(
    level: str, tensor: str, words: int, n_bytes: int, peer: str, arrivals: int | None = None
) -> dict[ActionKey, Tally]:
    """Return a read at ``level`` and its arrival at ``peer``.

    Parameters
    ----------
    words, n_bytes
        What the level reads.
    arrivals
        Words that arrive, over all receivers; ``words`` where each has one.
    """
    received = words if arrivals is None else arrivals
    # Bytes may move without a word: pointers to columns that hold nothing.
    copies = received // words if words else 1
    assert copies * words == received, "every word goes to as many receivers"
    return {
        ActionKey(level, tensor, "read", peer): Tally(words, received, n_bytes),
        ActionKey(peer, tensor, "write", level): Tally(received, received, n_bytes * copies),
    }


def counted(level: str, tensor: str, event: str, words: int, n_bytes: int, peer: str = "") -> dict[ActionKey, Tally]:
    """Return an access of which the other end is not counted, such as one of a PE's own register files."""
    return {ActionKey(level, tensor, event, peer): Tally(words, words, n_bytes)}
