"""The sizes of a layer without multiplications: windows and operands on the vector unit."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from accel_sim.errors import WorkloadError
from accel_sim.workload.windows import INT64_MAX, Pair, Shape4, check_sizes, window_positions


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorShape:
    """A layer without multiply-accumulates: pool, activation, elementwise, softmax, layernorm.

    Parameters
    ----------
    n, c, h, w
        Batch, channels, height and width of each operand.
    p, q
        Height and width of the ofmap; must be what `of` computes.
    r, s
        Height and width of the window (1 x 1 where there is none).
    stride_h, stride_w, pad_h, pad_w
        Padding is on both sides.
    n_operands
        How many tensors of this shape are read.
    ops_per_output
        Vector-lane operations for each value of the ofmap.

    Raises
    ------
    WorkloadError
        If a size is not positive, p or q contradict the window, or the operations exceed int64.
    """

    n: int
    c: int
    h: int
    w: int
    p: int
    q: int
    r: int = 1
    s: int = 1
    stride_h: int = 1
    stride_w: int = 1
    pad_h: int = 0
    pad_w: int = 0
    n_operands: int = 1
    ops_per_output: int = 1

    def __post_init__(self) -> None:
        check_sizes(asdict(self))
        p = window_positions(self.h, self.r, self.stride_h, self.pad_h)
        q = window_positions(self.w, self.s, self.stride_w, self.pad_w)
        if (self.p, self.q) != (p, q):
            raise WorkloadError(f"the ofmap is {self.p} x {self.q}, but its window gives {p} x {q}")
        if self.n_ops > INT64_MAX:
            raise WorkloadError(f"{self.n_ops} operations exceed what 64-bit counters hold")

    @classmethod
    def of(
        cls,
        *,
        n: int = 1,
        c: int,
        h: int = 1,
        w: int = 1,
        window: Pair = (1, 1),
        stride: Pair = (1, 1),
        pad: Pair = (0, 0),
        n_operands: int = 1,
        ops_per_output: int = 1,
    ) -> VectorShape:
        """Return the shape with p and q computed; pairs are (vertical, horizontal).

        Raises
        ------
        WorkloadError
            Also if the window is larger than the padded ifmap.
        """
        if min(stride) < 1:
            raise WorkloadError(f"stride {stride}; allowed: whole numbers from 1")
        p = window_positions(h, window[0], stride[0], pad[0])
        q = window_positions(w, window[1], stride[1], pad[1])
        if p < 1 or q < 1:
            raise WorkloadError(
                f"the window of {window[0]} x {window[1]} is larger than "
                f"the padded ifmap of {h + 2 * pad[0]} x {w + 2 * pad[1]}"
            )
        return cls(
            n=n,
            c=c,
            h=h,
            w=w,
            p=p,
            q=q,
            r=window[0],
            s=window[1],
            stride_h=stride[0],
            stride_w=stride[1],
            pad_h=pad[0],
            pad_w=pad[1],
            n_operands=n_operands,
            ops_per_output=ops_per_output,
        )

    @property
    def ifmap_shape(self) -> Shape4:
        """``(N, C, H, W)`` of one operand, without padding."""
        return self.n, self.c, self.h, self.w

    @property
    def ofmap_shape(self) -> Shape4:
        """``(N, C, P, Q)``."""
        return self.n, self.c, self.p, self.q

    @property
    def n_ifmap(self) -> int:
        """Values of one operand, without padding."""
        return math.prod(self.ifmap_shape)

    @property
    def n_ofmap(self) -> int:
        """Values of the ofmap."""
        return math.prod(self.ofmap_shape)

    @property
    def n_ops(self) -> int:
        """Vector-lane operations of the layer."""
        return self.n_ofmap * self.ops_per_output
