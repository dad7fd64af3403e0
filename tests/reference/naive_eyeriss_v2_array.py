"""The array of Eyeriss v2 from its rules, with Python loops, sets and lists; PEs by `naive_eyeriss_v2`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.reference import naive_eyeriss_v2


def chunks(total: int, size: int) -> list[range]:
    return [range(first, min(total, first + size)) for first in range(0, total, size)]


def array(ifmap: Any, filters: Any, slide: Any, spread: Any, grid: Any, ports: Any) -> dict[str, Any]:
    """What `array_work` returns, by name; sent words and bits as counters of receivers."""
    n_images, height, width = len(ifmap), ifmap.shape[2], ifmap.shape[3]
    channels, n_rows, taps = filters.shape[1:]
    n_groups = ifmap.shape[1] // channels
    n_filters = len(filters) // n_groups
    columns = grid.cluster_cols * grid.pe_cols
    n_pes = grid.cluster_rows * grid.pe_rows * columns
    reach = min(width, (slide.q - 1) * slide.stride_w + taps - slide.pad_w)
    out: dict[str, Any] = {
        "total_cycles": 0,
        "n_passes": 0,
        "limit_cycles": [0] * 4,
        "wait_cycles": [0] * 4,
        "psum_reads": 0,
        "psum_writes": 0,
    }
    out |= {"mac_cycles": [0] * n_pes, "bubble_cycles": [0] * n_pes, "n_activations": 0, "n_macs": 0}
    sent: dict[str, tuple[Counter[int], Counter[int]]] = {
        "iacts": (Counter(), Counter()),
        "weights": (Counter(), Counter()),
    }
    blocks, filter_blocks = chunks(channels, spread.c0), chunks(n_filters, spread.m0)
    items = [(block, r) for block in blocks for r in range(n_rows)]
    strips = [(n, p) for n in range(n_images) for p in range(slide.p)]

    def ceil(a: int, b: int) -> int:
        return -(-a // b) if b else 0

    def row_of(n: int, g: int, block: range, y: int) -> list[list[bool]]:
        return [[bool(v) for v in ifmap[n, g * channels + c, y]] for c in block]

    def row_size(n: int, g: int, block: range, y: int) -> tuple[int, int]:
        words = sum(sum(row[: max(0, reach)]) for row in row_of(n, g, block, y))
        return words, words * ports.iact_word_bits + ceil(max(0, reach), slide.stride_w) * ports.iact_address_bits

    def column(g: int, ks: range, c: int, r: int, s: int) -> int:
        return sum(bool(filters[g * n_filters + k, c, r, s]) for k in ks)

    for gs in chunks(n_groups, spread.groups):
        for ms in chunks(len(filter_blocks), spread.filters):
            for held in chunks(len(items), spread.height):
                time: Counter[int] = Counter()
                iacts: Counter[Any] = Counter()
                weights: Counter[Any] = Counter()
                up: Counter[Any] = Counter()
                down: Counter[Any] = Counter()
                for gi, g in enumerate(gs):
                    for mi, m in enumerate(ms):
                        for i, item in enumerate(held):
                            block, r = items[item]
                            counts = [[column(g, filter_blocks[m], c, r, s) for s in range(taps)] for c in block]
                            flat = [count for row in counts for count in row]
                            bits = sum(
                                ceil(v, ports.weights_a_word) * ports.weight_word_bits + ports.weight_address_bits
                                for v in flat
                            )
                            places = []
                            for e in range(min(spread.rows, len(strips))):
                                at = e + spread.rows * (mi + spread.filters * gi)
                                places.append((at // columns * spread.height + i, at % columns))
                            sent["weights"][0][len(places)] += sum(flat)
                            sent["weights"][1][len(places)] += bits
                            for row, cluster in {(y, x // grid.pe_cols) for y, x in places}:
                                weights[row, cluster] += bits
                            for e, (row, x) in enumerate(places):
                                for n, p in strips[e :: spread.rows]:
                                    y = p * slide.stride_h + r - slide.top
                                    if not 0 <= y < height:
                                        continue
                                    stream = naive_eyeriss_v2.word_stream(
                                        row_of(n, g, block, y), counts, slide.q, slide.stride_w, slide.pad_w, grid.macs
                                    )
                                    total, busy, bubbles = naive_eyeriss_v2.run(stream)
                                    pe = row * columns + x
                                    time[pe] += total
                                    out["mac_cycles"][pe] += busy
                                    out["bubble_cycles"][pe] += bubbles
                                    segments = naive_eyeriss_v2.segments(
                                        row_of(n, g, block, y), taps, slide.q, slide.stride_w, slide.pad_w
                                    )
                                    out["n_activations"] += sum(map(len, segments))
                for turn in chunks(len(strips), spread.rows):
                    wanted: Counter[Any] = Counter()
                    seen = set()
                    for gi, g in enumerate(gs):
                        for mi, m in enumerate(ms):
                            for e, strip in enumerate(turn):
                                n, p = strips[strip]
                                at = e + spread.rows * (mi + spread.filters * gi)
                                top, x = at // columns * spread.height, at % columns
                                n_psums = slide.q * len(filter_blocks[m])
                                clusters = {(top + i) // grid.pe_rows for i in range(len(held))}
                                for cluster in clusters:
                                    up[cluster, x] += n_psums
                                    down[cluster, x] += n_psums if held[0] else 0
                                out["psum_writes"] += n_psums
                                out["psum_reads"] += n_psums if held[0] else 0
                                for i, item in enumerate(held):
                                    block, r = items[item]
                                    y = p * slide.stride_h + r - slide.top
                                    if 0 <= y < height:
                                        wanted[n, g, block, y] += 1
                                        seen.add(((top + i) // grid.pe_rows, x // grid.pe_cols, n, g, block, y))
                    for key, receivers in wanted.items():
                        words, bits = row_size(*key)
                        sent["iacts"][0][receivers] += words
                        sent["iacts"][1][receivers] += bits
                    for row, x, *key in seen:
                        iacts[row, x] += row_size(*key)[1]
                limits = [
                    max(time.values(), default=0),
                    ceil(max(iacts.values(), default=0), ports.iact_bits),
                    ceil(max(weights.values(), default=0), ports.weight_bits),
                    ceil(max([*up.values(), *down.values()]), ports.psum_bits // ports.psum_word_bits),
                ]
                out["n_passes"] += 1
                out["total_cycles"] += max(limits)
                out["limit_cycles"][limits.index(max(limits))] += max(limits)
                out["wait_cycles"][limits.index(max(limits))] += max(limits) - limits[0]
    for n, p in strips:
        for q in range(slide.q):
            for g in range(n_groups):
                for c in range(channels):
                    for r in range(n_rows):
                        for s in range(taps):
                            y, x = p * slide.stride_h + r - slide.top, q * slide.stride_w + s - slide.pad_w
                            if 0 <= y < height and 0 <= x < width and ifmap[n, g * channels + c, y, x]:
                                out["n_macs"] += column(g, range(n_filters), c, r, s)
    return {**out, "sent": sent}
