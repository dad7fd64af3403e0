"""The adder-tree array as objects: rows go down a queue of stages, one a clock; slow and obvious."""

from collections import deque
from dataclasses import dataclass, field
from itertools import product


@dataclass
class Operation:
    """One clock's work: ``values[i]`` and ``weights[t][i]`` for the outputs ``psums`` (their places, one a tree)."""

    tile: int
    psums: list
    values: list
    weights: list
    starts: str  # where the sums come from before: "zero", "nbout", "registers"
    stores: bool  # whether the sums go to NBout after


@dataclass
class Result:
    """Ofmap by (image, filter, row, column), clocks, and for each tile its end and its counts."""

    ofmap: dict = field(default_factory=dict)
    cycles: int = 0
    tile_ends: list = field(default_factory=list)
    counts: list = field(default_factory=list)


def blocks(total, size):
    """Cut a range into blocks, as lists of indices."""
    return [list(range(start, min(start + size, total))) for start in range(0, total, size)]


def tiles(layer, sizes, order):
    """Yield (group, images, rows, columns, filters, channels) of each tile; ``order`` is e.g. "bkc"."""
    places = [
        (images, rows, columns)
        for images in blocks(layer["n"], sizes["tn"])
        for rows in blocks(layer["p"], sizes["tp"])
        for columns in blocks(layer["q"], sizes["tq"])
    ]
    loops = {"b": places, "k": blocks(layer["k"], sizes["tk"]), "c": blocks(layer["c"], sizes["tc"])}
    for group in range(layer["groups"]):
        for choice in product(*(loops[letter] for letter in order)):
            at = dict(zip(order, choice, strict=True))
            yield (group, *at["b"], at["k"], at["c"])


def operations(layer, sizes, order, trees, inputs, ifmap, filters):
    """Yield the operations of a layer in their order; operands are nested lists as numpy's."""
    for index, (group, images, rows, columns, tile_filters, tile_channels) in enumerate(tiles(layer, sizes, order)):
        is_first = tile_channels[0] == 0
        for image, row, column in product(images, rows, columns):
            for start in range(0, len(tile_filters), trees):
                lanes = [group * layer["k"] + k for k in tile_filters[start : start + trees]]
                psums = [(image, k, row, column) for k in lanes]
                steps = [
                    (r, s, tile_channels[first : first + inputs])
                    for r in range(layer["r"])
                    for s in range(layer["s"])
                    for first in range(0, len(tile_channels), inputs)
                ]
                for step, (r, s, channels) in enumerate(steps):
                    y = row * layer["stride_h"] + r * layer["dilation_h"] - layer["pad_h"]
                    x = column * layer["stride_w"] + s * layer["dilation_w"] - layer["pad_w"]
                    inside = 0 <= y < layer["h"] and 0 <= x < layer["w"]
                    yield Operation(
                        tile=index,
                        psums=psums,
                        values=[int(ifmap[image][group * layer["c"] + c][y][x]) if inside else 0 for c in channels],
                        weights=[[int(filters[k][c][r][s]) for c in channels] for k in lanes],
                        starts="registers" if step else "zero" if is_first else "nbout",
                        stores=step == len(steps) - 1,
                    )


def run(layer, sizes, order, trees, inputs, stages, ifmap, filters):
    """Run a layer: an operation enters the queue each clock, and adds to the sums ``stages`` clocks later."""
    result = Result()
    waiting = deque(operations(layer, sizes, order, trees, inputs, ifmap, filters))
    pipeline = deque([None] * stages)
    nbout, sums = result.ofmap, []
    while waiting or any(pipeline):
        entering = waiting.popleft() if waiting else None
        if entering:
            if entering.tile == len(result.counts):
                result.counts.append(dict.fromkeys(COUNTS, 0))
                result.tile_ends.append(0)
            result.tile_ends[entering.tile] = result.cycles + 1
            count_entry(result.counts[entering.tile], entering)
        pipeline.append(entering)
        leaving = pipeline.popleft()
        if leaving:
            counts = result.counts[leaving.tile]
            if leaving.starts == "nbout":
                sums = [nbout[place] for place in leaving.psums]
                counts["nbout_rows_read"] += 1
                counts["nbout_words_read"] += len(sums)
            elif leaving.starts == "zero":
                sums = [0] * len(leaving.psums)
            for tree, weights in enumerate(leaving.weights):
                sums[tree] += sum(w * v for w, v in zip(weights, leaving.values, strict=True))
            if leaving.stores:
                nbout.update(zip(leaving.psums, sums, strict=True))
                counts["nbout_rows_written"] += 1
                counts["nbout_words_written"] += len(sums)
        result.cycles += 1
    result.tile_ends[-1] = result.cycles
    return result


COUNTS = (
    "nbin_rows_read",
    "nbin_words_read",
    "ifmap_arrivals",
    "sb_rows_read",
    "sb_words_read",
    "nbout_rows_read",
    "nbout_words_read",
    "nbout_rows_written",
    "nbout_words_written",
    "macs",
    "ifmap_zero_macs",
    "effectual_macs",
)


def count_entry(counts, operation):
    """Count the operands of an operation and what its multipliers make of them."""
    counts["nbin_rows_read"] += 1
    counts["nbin_words_read"] += len(operation.values)
    counts["sb_rows_read"] += 1
    for weights in operation.weights:
        for weight, value in zip(weights, operation.values, strict=True):
            counts["sb_words_read"] += 1
            counts["ifmap_arrivals"] += 1
            counts["macs"] += 1
            counts["ifmap_zero_macs"] += value == 0
            counts["effectual_macs"] += value != 0 and weight != 0
