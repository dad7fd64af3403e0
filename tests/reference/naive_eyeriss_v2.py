"""The Eyeriss v2 PE from the specification: a stream of word counts through a front register and a weight reader."""

from __future__ import annotations


def word_stream(
    row: list[list[bool]], counts: list[list[int]], n_outputs: int, stride: int, pad: int, macs: int
) -> list[int]:
    """Words of each non-zero activation, window after window; none for a segment without any."""
    out = []
    for segment in segments(row, len(counts[0]), n_outputs, stride, pad):
        out += [-(-counts[c][tap] // macs) for c, tap in segment] or [0]
    return out


def segments(row: list[list[bool]], taps: int, n_outputs: int, stride: int, pad: int) -> list[list[tuple[int, int]]]:
    """(channel, tap) of the non-zero activations of each segment of each window: a stride of columns, all channels."""
    out = []
    for output in range(n_outputs):
        for first in range(0, taps, stride):
            columns = [(tap, output * stride + tap - pad) for tap in range(first, min(first + stride, taps))]
            inside = [(tap, x) for tap, x in columns if 0 <= x < len(row[0])]
            out.append([(c, tap) for tap, x in inside for c in range(len(row)) if row[c][x]])
    return out


def run(stream: list[int]) -> tuple[int, int, int]:
    """(total cycles, MAC cycles, bubbles), stepped clock by clock."""
    waiting = list(stream)
    front = None
    left = 0
    busy: list[int] = []
    cycle = 2
    while waiting or front is not None or left:
        if left:
            left -= 1
            busy.append(cycle)
        if front is not None and (front == 0 or left == 0):
            left = front if front else left
            front = None
        if front is None and waiting:
            front = waiting.pop(0)
        cycle += 1
    if not stream:
        return 0, 0, 0
    end = cycle - 1
    if busy:
        end = max(end, busy[-1] + 3)
    return end, len(busy), busy[-1] - busy[0] + 1 - len(busy) if busy else 0
