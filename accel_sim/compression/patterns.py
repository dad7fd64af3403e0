"""Seeded random masks by density and pattern.

A mask is a pure function of (shape, density, pattern, seed, tensor key): each element compares a counter-based hash
of its own index with an integer threshold. So a mask is the same for any tiling and any version of numpy, rows can be
drawn on their own, and **a denser mask contains the sparser one** of the same seed, key and pattern.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.compression.bitmask import BitMask
from accel_sim.errors import Fault, WorkloadError, nearest
from accel_sim.kernels.hash import hash_range, smallest_n_of_m, stream_of, threshold_words

FULL_SCALE = 1 << 53
"""Threshold of density 1: hashes are compared by their upper 53 bits, which a double holds exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What a pattern is asked for: some rows of the mask of one tensor."""

    shape: tuple[int, ...]
    density: float
    stream: np.uint64
    rows: range

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of the rows that are asked for."""
        return (len(self.rows), *self.shape[1:])


Pattern = Callable[..., BitMask]
PATTERNS: dict[str, tuple[Pattern, tuple[str, ...]]] = {}
"""Pattern name -> (function that draws it, names of its own parameters)."""


def pattern(*parameters: str) -> Callable[[Pattern], Pattern]:
    """Register a pattern under its function's name with the parameters it takes."""

    def register(draw: Pattern) -> Pattern:
        PATTERNS[draw.__name__] = (draw, parameters)
        return draw

    return register


def random_mask(
    shape: tuple[int, ...],
    density: float,
    pattern: str = "bernoulli",
    seed: int = 0,
    tensor_key: str | int = "",
    **params: Any,
) -> NDArray[np.bool_]:
    """Return a seeded random mask as booleans; see :func:`random_bits`."""
    return random_bits(shape, density, pattern, seed, tensor_key, **params).to_bool()


def random_bits(
    shape: tuple[int, ...],
    density: float,
    pattern: str = "bernoulli",
    seed: int = 0,
    tensor_key: str | int = "",
    rows: range | None = None,
    **params: Any,
) -> BitMask:
    """Draw a seeded random mask, or some rows of it, as bits.

    Parameters
    ----------
    shape
        Shape of the whole tensor.
    density
        Share of non-zero elements, 0..1: exact for ``n_of_m`` and ``balanced``, expected for the others.
    pattern
        One of :data:`PATTERNS`.
    seed
        Any integer; taken modulo 2**64.
    tensor_key
        Which tensor of the run this is, so that two tensors of a network differ.
    rows
        Consecutive indices of axis 0 to draw; all by default.
    params
        The pattern's own parameters.

    Returns
    -------
    BitMask of shape ``(len(rows), *shape[1:])``.

    Raises
    ------
    WorkloadError
        A density outside 0..1, an unknown pattern or parameter, N > M, a block that does not fit the shape.
    """
    faults = []
    if not 0.0 <= density <= 1.0:
        faults.append(Fault(key="density", message=f"found {density}; a density lies in 0..1"))
    if pattern not in PATTERNS:
        names = sorted(PATTERNS)
        hint = nearest(pattern, names)
        faults.append(Fault(key="pattern", message=f"found {pattern!r}; one of {', '.join(names)}{hint}"))
    else:
        allowed = PATTERNS[pattern][1]
        faults += [
            Fault(
                key=f"pattern.{name}",
                message=f"pattern {pattern!r} takes {', '.join(allowed) or 'no parameter'}{nearest(name, allowed)}",
            )
            for name in params
            if name not in allowed
        ]
    if faults:
        raise WorkloadError(faults)
    key = tensor_key if isinstance(tensor_key, int) else _key_of(tensor_key)
    modulus = 1 << 64
    # The hash wraps modulo 2**64 on purpose; numpy scalars warn of that when kernels run without the JIT.
    with np.errstate(over="ignore"):
        request = Draw(
            shape=shape,
            density=float(density),
            stream=np.uint64(stream_of(np.uint64(seed % modulus), np.uint64(key % modulus))),
            rows=range(shape[0] if len(shape) > 1 else 1) if rows is None else rows,
        )
        return PATTERNS[pattern][0](request, **params)


def _key_of(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def _threshold(density: float) -> np.uint64:
    return np.uint64(int(density * FULL_SCALE))


@pattern()
def bernoulli(request: Draw) -> BitMask:
    """Each element on its own."""
    return _by_row(request, np.full(len(request.rows), _threshold(request.density)))


def _by_row(request: Draw, thresholds: NDArray[np.uint64]) -> BitMask:
    one_axis = len(request.shape) == 1
    row_bits = request.shape[0] if one_axis else math.prod(request.shape[1:])
    words = threshold_words(request.stream, request.rows.start, row_bits, thresholds)
    return BitMask(shape=request.shape if one_axis else request.row_shape, words=words)


@pattern("sigma")
def lognormal(request: Draw, sigma: float = 0.5) -> BitMask:
    """Rows (axis 0) of unequal density: log-normal with standard deviation ``sigma`` of the log, mean ``density``.

    Rows that would exceed density 1 are full, and the others are scaled up so that the mean holds.
    """
    n_rows = request.shape[0] if len(request.shape) > 1 else 1
    row_stream = np.uint64(stream_of(request.stream, np.uint64(1)))
    uniform = (hash_range(row_stream, 0, n_rows) >> np.uint64(11)).astype(np.int64)
    normal = NormalDist()
    spread = np.array([math.exp(sigma * normal.inv_cdf((int(u) + 0.5) / FULL_SCALE)) for u in uniform])
    densities = np.minimum(1.0, _scale_to_mean(spread, request.density) * spread)
    # 32 bits of the threshold are kept, so that the last bit of a library's exp() cannot change a mask.
    thresholds = np.rint(densities * (1 << 32)).astype(np.uint64) << np.uint64(21)
    return _by_row(request, thresholds[request.rows.start : request.rows.stop])


def _scale_to_mean(spread: NDArray[np.float64], mean: float) -> float:
    """Return the factor f for which ``min(1, f * spread)`` has the given mean."""
    ascending = np.sort(spread)
    below = np.cumsum(ascending)
    for n_full in range(ascending.size):
        n_scaled = ascending.size - n_full
        factor = (mean * ascending.size - n_full) / below[n_scaled - 1]
        if factor * ascending[n_scaled - 1] <= 1.0:
            return max(0.0, float(factor))
    return float(1.0 / ascending[0])


@pattern("n", "m", "axis")
def n_of_m(request: Draw, m: int = 4, n: int | None = None, axis: int = -1) -> BitMask:
    """Exactly ``n`` of every ``m`` consecutive elements along ``axis``; ``n`` follows from the density when absent."""
    kept = round(request.density * m) if n is None else n
    if m < 1 or not 0 <= kept <= m:
        raise WorkloadError(Fault(key="pattern.n", message=f"found n = {kept}, m = {m}; 0 <= n <= m is needed"))
    if abs(kept / m - request.density) > 1e-9:
        raise WorkloadError(
            Fault(key="density", message=f"found {request.density}; pattern.n / pattern.m is {kept}/{m}")
        )
    hashes = _hashes(request)
    moved = np.moveaxis(hashes, _axis(request, axis), -1)
    flat = np.ascontiguousarray(moved).reshape(-1, moved.shape[-1])
    keep = smallest_n_of_m(flat, kept, m).reshape(moved.shape)
    return BitMask.of(np.moveaxis(keep, -1, _axis(request, axis)))


def _hashes(request: Draw) -> NDArray[np.uint64]:
    """Return the hash of every element that is asked for, in the tensor's shape."""
    if len(request.shape) == 1:
        return hash_range(request.stream, 0, request.shape[0])
    row_bits = math.prod(request.shape[1:])
    flat = hash_range(request.stream, request.rows.start * row_bits, len(request.rows) * row_bits)
    return flat.reshape(request.row_shape)


def _axis(request: Draw, axis: int) -> int:
    if not -len(request.shape) <= axis < len(request.shape):
        raise WorkloadError(
            Fault(key="pattern.axis", message=f"found {axis}; the tensor has {len(request.shape)} axes")
        )
    resolved = axis % len(request.shape)
    if resolved == 0 and len(request.shape) > 1 and len(request.rows) != request.shape[0]:
        raise WorkloadError(
            Fault(key="pattern.axis", message="groups along axis 0 need all rows of the tensor at once")
        )
    return resolved


@pattern("block")
def block(request: Draw, block: tuple[int, ...]) -> BitMask:
    """Whole blocks are kept or dropped; ``block`` gives the block's size along each axis."""
    if len(block) != len(request.shape) or min(block) < 1:
        raise WorkloadError(
            Fault(key="pattern.block", message=f"found {list(block)}; one size for each axis of {list(request.shape)}")
        )
    grid_shape = tuple(-(-size // step) for size, step in zip(request.shape, block, strict=True))
    whole_grid = Draw(
        shape=grid_shape,
        density=request.density,
        stream=request.stream,
        rows=range(grid_shape[0] if len(grid_shape) > 1 else 1),
    )
    grid = bernoulli(whole_grid).to_bool()
    first_axis = request.rows if len(request.shape) > 1 else range(request.shape[0])
    indices = [np.arange(first_axis.start, first_axis.stop) // block[0]]
    indices += [np.arange(size) // step for size, step in zip(request.shape[1:], block[1:], strict=True)]
    return BitMask.of(grid[np.ix_(*indices)])


@pattern("length", "axis")
def vector(request: Draw, length: int = 4, axis: int = -1) -> BitMask:
    """Runs of ``length`` elements along ``axis`` are kept or dropped together."""
    sizes = [1] * len(request.shape)
    sizes[axis % len(sizes)] = length
    return block(request, block=tuple(sizes))


@pattern("axis")
def channel(request: Draw, axis: int = 0) -> BitMask:
    """Whole slices across ``axis`` are kept or dropped: channels of an fmap, filters of a layer."""
    sizes = list(request.shape)
    sizes[axis % len(sizes)] = 1
    return block(request, block=tuple(sizes))


@pattern()
def banded(request: Draw) -> BitMask:
    """A band along the diagonal that wraps around: every row keeps the same number of elements. Not random."""
    n_rows = request.shape[0] if len(request.shape) > 1 else 1
    n_cols = math.prod(request.shape[1:]) if len(request.shape) > 1 else request.shape[0]
    width = round(request.density * n_cols)
    row = np.arange(request.rows.start, request.rows.stop)[:, None]
    first = row * n_cols // n_rows - width // 2
    keep = (np.arange(n_cols)[None, :] - first) % n_cols < width
    return BitMask.of(keep.reshape(request.shape if len(request.shape) == 1 else request.row_shape))


@pattern("n_parts")
def balanced(request: Draw, n_parts: int) -> BitMask:
    """Rows ``i mod n_parts`` form a part; every part keeps the same share of its elements.

    This is what load-balance-aware pruning leaves (ESE, Han et al., FPGA 2017): each PE has equal work.
    """
    if len(request.shape) < 2 or not 1 <= n_parts <= request.shape[0]:
        raise WorkloadError(
            Fault(key="pattern.n_parts", message=f"found {n_parts} parts for the rows of shape {list(request.shape)}")
        )
    row_bits = math.prod(request.shape[1:])
    keep = np.zeros((len(request.rows), row_bits), dtype=np.bool_)
    for part in range(n_parts):
        part_rows = range(part, request.shape[0], n_parts)
        hashes = np.concatenate([hash_range(request.stream, row * row_bits, row_bits) for row in part_rows])
        n_kept = round(request.density * hashes.size)
        if n_kept == 0:
            continue
        cut = np.partition(hashes, n_kept - 1)[n_kept - 1]
        for position, row in enumerate(part_rows):
            if row in request.rows:
                keep[row - request.rows.start] = hashes[position * row_bits : (position + 1) * row_bits] <= cut
    return BitMask.of(keep.reshape(request.row_shape))
