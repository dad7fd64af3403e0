"""The loop bounds of a layer that multiplies: one grouped convolution."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from accel_sim.errors import WorkloadError
from accel_sim.workload.windows import INT64_MAX, Pair, Shape4, check_sizes, taps_in_bounds, window_positions


@dataclass(frozen=True, slots=True, kw_only=True)
class MacShape:
    """A grouped convolution; linear and matmul layers are the case R = S = 1.

    Parameters
    ----------
    n
        Batch.
    k, c
        ofmap and ifmap channels **of one group**.
    p, q
        ofmap height and width; must be what `of` computes.
    r, s
        Filter height and width.
    groups
        Independent groups, each with its own filters.
    stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w
        Padding is on both sides.
    h, w
        ifmap height and width without padding.

    Raises
    ------
    WorkloadError
        If a size is not positive, p or q contradict the window, or the MACs exceed int64.
    """

    n: int
    k: int
    c: int
    p: int
    q: int
    r: int
    s: int
    groups: int = 1
    stride_h: int = 1
    stride_w: int = 1
    pad_h: int = 0
    pad_w: int = 0
    dilation_h: int = 1
    dilation_w: int = 1
    h: int
    w: int

    def __post_init__(self) -> None:
        check_sizes(asdict(self))
        p = window_positions(self.h, self.r, self.stride_h, self.pad_h, self.dilation_h)
        q = window_positions(self.w, self.s, self.stride_w, self.pad_w, self.dilation_w)
        if (self.p, self.q) != (p, q):
            raise WorkloadError(f"the ofmap is {self.p} x {self.q}, but its window gives {p} x {q}")
        if self.n_macs > INT64_MAX:
            raise WorkloadError(f"{self.n_macs} MACs exceed what 64-bit counters hold")

    @classmethod
    def of(
        cls,
        *,
        n: int = 1,
        k: int,
        c: int,
        h: int = 1,
        w: int = 1,
        r: int = 1,
        s: int = 1,
        groups: int = 1,
        stride: Pair = (1, 1),
        pad: Pair = (0, 0),
        dilation: Pair = (1, 1),
    ) -> MacShape:
        """Return the shape with p and q computed; pairs are (vertical, horizontal).

        Raises
        ------
        WorkloadError
            Also if the dilated filter is larger than the padded ifmap.
        """
        if min(*stride, *dilation) < 1:
            raise WorkloadError(f"stride {stride}, dilation {dilation}; allowed: whole numbers from 1")
        p = window_positions(h, r, stride[0], pad[0], dilation[0])
        q = window_positions(w, s, stride[1], pad[1], dilation[1])
        if p < 1 or q < 1:
            raise WorkloadError(
                f"the filter covers {dilation[0] * (r - 1) + 1} x {dilation[1] * (s - 1) + 1}, "
                f"more than the padded ifmap of {h + 2 * pad[0]} x {w + 2 * pad[1]}"
            )
        return cls(
            n=n,
            k=k,
            c=c,
            p=p,
            q=q,
            r=r,
            s=s,
            groups=groups,
            stride_h=stride[0],
            stride_w=stride[1],
            pad_h=pad[0],
            pad_w=pad[1],
            dilation_h=dilation[0],
            dilation_w=dilation[1],
            h=h,
            w=w,
        )

    @property
    def padded_h(self) -> int:
        """Height of the ifmap with padding."""
        return self.h + 2 * self.pad_h

    @property
    def padded_w(self) -> int:
        """Width of the ifmap with padding."""
        return self.w + 2 * self.pad_w

    @property
    def n_macs(self) -> int:
        """All multiply-accumulates, those on padding included."""
        return self.n * self.groups * self.k * self.c * self.p * self.q * self.r * self.s

    @property
    def n_macs_in_bounds(self) -> int:
        """The multiply-accumulates whose ifmap value is not padding."""
        rows = taps_in_bounds(self.h, self.r, self.p, self.stride_h, self.pad_h, self.dilation_h)
        columns = taps_in_bounds(self.w, self.s, self.q, self.stride_w, self.pad_w, self.dilation_w)
        return self.n * self.groups * self.k * self.c * rows * columns

    @property
    def ifmap_shape(self) -> Shape4:
        """``(N, C over all groups, H, W)``, without padding."""
        return self.n, self.groups * self.c, self.h, self.w

    @property
    def filter_shape(self) -> Shape4:
        """``(K over all groups, C of one group, R, S)``."""
        return self.groups * self.k, self.c, self.r, self.s

    @property
    def ofmap_shape(self) -> Shape4:
        """``(N, K over all groups, P, Q)``."""
        return self.n, self.groups * self.k, self.p, self.q

    @property
    def n_ifmap(self) -> int:
        """Values of the ifmap, without padding."""
        return math.prod(self.ifmap_shape)

    @property
    def n_filter(self) -> int:
        """Values of all filters."""
        return math.prod(self.filter_shape)

    @property
    def n_ofmap(self) -> int:
        """Values of the ofmap."""
        return math.prod(self.ofmap_shape)
