"""Cambricon-X and Cnvlutin from their cycle rules, with Python loops."""

from __future__ import annotations

from typing import Any


def cambricon_x(weights: Any, n_windows: int, spec: Any) -> dict[str, Any]:
    n_outputs, n_places = weights.shape
    segments = [weights[:, i : i + spec.segment].sum(axis=1).tolist() for i in range(0, n_places, spec.segment)]
    a_set = spec.segments_per_barrier or len(segments)
    total = 0
    busy, empty, wait = ([0] * spec.n_pes for _ in range(3))
    for first in range(0, n_outputs, spec.n_pes):
        for start in range(0, len(segments), a_set):
            times = [0] * spec.n_pes
            for pe in range(spec.n_pes):
                if first + pe >= n_outputs:
                    continue
                for segment in segments[start : start + a_set]:
                    n = -(-segment[first + pe] // spec.multipliers)
                    busy[pe] += n
                    empty[pe] += spec.empty_segment_cycles * (n == 0)
                    times[pe] += n or spec.empty_segment_cycles
            total += max(times)
            wait = [w + max(times) - t for w, t in zip(wait, times, strict=True)]
    return {
        "total_cycles": total * n_windows,
        "pe_busy_cycles": [n * n_windows for n in busy],
        "pe_empty_cycles": [n * n_windows for n in empty],
        "pe_wait_cycles": [n * n_windows for n in wait],
    }


def cnvlutin(ifmap: Any, shape: Any, spec: Any) -> dict[str, Any]:
    n_channels, height, width = ifmap.shape
    per_lane = -(-n_channels // spec.n_lanes)
    slices = [range(n_channels)[i * per_lane : (i + 1) * per_lane] for i in range(spec.n_lanes)]
    a_tile = -(-shape.n_filters // spec.n_tiles)
    passes = -(-a_tile // spec.filters)
    total = bricks = 0
    busy, empty, wait = ([0] * spec.n_lanes for _ in range(3))
    for p in range(shape.p):
        for q in range(shape.q):
            times = []
            for lane, channels in enumerate(slices):
                time = 0
                for r in range(shape.r):
                    for s in range(shape.s):
                        y, x = p * shape.stride + r - shape.pad, q * shape.stride + s - shape.pad
                        inside = 0 <= y < height and 0 <= x < width
                        for i in range(0, len(channels), spec.brick):
                            brick = channels[i : i + spec.brick]
                            nnz = sum(bool(ifmap[c, y, x]) for c in brick) if inside else 0
                            if not spec.encoded:
                                nnz = len(brick)
                            bricks += 1
                            busy[lane] += nnz * passes
                            empty[lane] += spec.empty_brick_cycles * passes * (nnz == 0)
                            time += (nnz or spec.empty_brick_cycles) * passes
                times.append(time)
            total += max(times)
            wait = [w + max(times) - t for w, t in zip(wait, times, strict=True)]
    return {
        "total_cycles": total + spec.pipeline_cycles,
        "lane_busy_cycles": busy,
        "lane_empty_cycles": empty,
        "lane_wait_cycles": wait,
        "n_brick_reads": bricks,
    }
