"""Walks a tiled convolution loop by loop and keeps its tiles in explicit buffers, word for word.

The rules, as docs/dataflows.md states them:

* the loops run over groups, then over blocks of ofmap pixels (b: images, rows, columns), ofmap channels (k) and ifmap
  channels (c) in the given order;
* a tile of ifmap (b, c) is all rows and columns inside the fmap from the first to the last that its pixels need;
* an operand's tiles all stay while the loop runs that does not change them (ifmap: k, filter: b, psum: c) if there is
  room: every operand has one tile, and of what is left psums take theirs first, then ifmaps, then filters;
* otherwise only the tile in use stays, and goes when another one comes; an unfinished psum tile that goes is written to
  DRAM and read again when its turn comes.
"""

from itertools import product

OPERANDS = ("psum", "ifmap", "filter")
UNCHANGED_BY = {"ifmap": "k", "filter": "b", "psum": "c"}


def blocks(total, size):
    return [range(start, min(start + size, total)) for start in range(0, total, size)]


def covered(outputs, window, stride, dilation, padding, size):
    """Input rows from the first to the last that the outputs need, those outside the fmap left out."""
    rows = [o * stride - padding + tap * dilation for o in outputs for tap in range(window)]
    return [row for row in range(min(rows), max(rows) + 1) if 0 <= row < size]


class Nest:
    """One group of a layer, cut into tiles. ``shape`` and ``tiles`` are dicts of the usual letters."""

    def __init__(self, shape, tiles, order):
        self.shape, self.order = shape, order
        pixels = product(
            blocks(shape["n"], tiles["tn"]), blocks(shape["p"], tiles["tp"]), blocks(shape["q"], tiles["tq"])
        )
        self.blocks = {"b": list(pixels), "k": blocks(shape["k"], tiles["tk"]), "c": blocks(shape["c"], tiles["tc"])}

    def steps(self):
        for at in product(*(range(len(self.blocks[loop])) for loop in self.order)):
            yield dict(zip(self.order, at, strict=True))

    def tile(self, operand, step):
        """Which tile of an operand a step uses."""
        return tuple(step[loop] for loop in "bkc" if loop != UNCHANGED_BY[operand])

    def words(self, operand, step):
        """Every word of that tile."""
        s = self.shape
        images, rows, cols = self.blocks["b"][step["b"]]
        filters, channels = self.blocks["k"][step["k"]], self.blocks["c"][step["c"]]
        if operand == "filter":
            return list(product(filters, channels, range(s["r"]), range(s["s"])))
        if operand == "psum":
            return list(product(images, filters, rows, cols))
        y = covered(rows, s["r"], s["stride_h"], s["dilation_h"], s["pad_h"], s["h"])
        x = covered(cols, s["s"], s["stride_w"], s["dilation_w"], s["pad_w"], s["w"])
        return list(product(images, channels, y, x))

    def full_tile_words(self, operand, tiles):
        """Words of a tile that no edge cuts; never more than the fmap has rows and columns."""
        s = self.shape
        rows = min((tiles["tp"] - 1) * s["stride_h"] + (s["r"] - 1) * s["dilation_h"] + 1, s["h"])
        cols = min((tiles["tq"] - 1) * s["stride_w"] + (s["s"] - 1) * s["dilation_w"] + 1, s["w"])
        return {
            "ifmap": tiles["tn"] * tiles["tc"] * rows * cols,
            "filter": tiles["tk"] * tiles["tc"] * s["r"] * s["s"],
            "psum": tiles["tn"] * tiles["tp"] * tiles["tq"] * tiles["tk"],
        }[operand]

    def visited_together(self, operand):
        """Most different tiles seen during one iteration of the loop that does not change the operand."""
        loop = UNCHANGED_BY[operand]
        outside = self.order[: self.order.index(loop) + 1]
        seen = {}
        for step in self.steps():
            seen.setdefault(tuple(step[name] for name in outside), set()).add(self.tile(operand, step))
        return max(len(tiles) for tiles in seen.values())


def who_stays(nest, tiles, bits, rooms, holder):
    """Return the operands whose tiles all stay while the loop that does not change them runs."""
    size = {name: -(-nest.full_tile_words(name, tiles) * bits[name] // 8) for name in OPERANDS}
    left = dict(rooms)
    for name in OPERANDS:
        left[holder[name]] -= size[name]
    stays = set()
    for name in OPERANDS:
        more = (nest.visited_together(name) - 1) * size[name]
        if len(nest.blocks[UNCHANGED_BY[name]]) > 1 and more <= left[holder[name]]:
            left[holder[name]] -= more
            stays.add(name)
    return stays


def dram_words(shape, tiles, order, bits, rooms, holder, lanes):
    """Return words moved between DRAM and buffers, and check that no buffer ever overflows.

    Parameters
    ----------
    shape
        n k c p q r s groups stride_h stride_w dilation_h dilation_w pad_h pad_w h w; k and c of one group.
    tiles, order
        tn tp tq tk tc, and the loops from the outermost.
    bits
        Of a word in its buffer: ifmap, filter, psum.
    rooms, holder
        Bytes of each buffer, and the buffer of each operand.
    lanes
        Filters and channels that the array takes in one operation.

    Returns
    -------
    dict
        ifmap, filter, spilled (psums written), refilled (psums read), ofmap; ``macs`` and ``operations`` of the array.
    """
    moved = dict.fromkeys(("ifmap", "filter", "spilled", "refilled", "ofmap", "macs", "operations"), 0)
    nest = Nest(shape, tiles, order)
    stays = who_stays(nest, tiles, bits, rooms, holder)
    last = {name: len(indices) - 1 for name, indices in nest.blocks.items()}
    for _ in range(shape["groups"]):
        held = {name: {} for name in OPERANDS}
        for step in nest.steps():
            for name in OPERANDS:
                tile = nest.tile(name, step)
                if tile in held[name]:
                    continue
                if name not in stays:
                    for gone in held[name].values():
                        moved["spilled"] += gone if name == "psum" else 0
                    held[name].clear()
                n_words = len(nest.words(name, step))
                held[name][tile] = n_words
                if name != "psum":
                    moved[name] += n_words
                elif step["c"]:
                    moved["refilled"] += n_words
            for buffer, room in rooms.items():
                used = sum(
                    -(-n_words * bits[name] // 8)
                    for name in OPERANDS
                    if holder[name] == buffer
                    for n_words in held[name].values()
                )
                assert used <= room, f"{buffer} overflows at {step}"
            n_psums = held["psum"][nest.tile("psum", step)]
            filters, channels = nest.blocks["k"][step["k"]], nest.blocks["c"][step["c"]]
            moved["macs"] += n_psums * len(channels) * shape["r"] * shape["s"]
            groups = len(blocks(len(filters), lanes[0])) * len(blocks(len(channels), lanes[1]))
            moved["operations"] += n_psums // len(filters) * shape["r"] * shape["s"] * groups
            for name in OPERANDS:
                done = step[UNCHANGED_BY[name]] == last[UNCHANGED_BY[name]]
                if done and (name in stays or name == "psum"):
                    moved["ofmap"] += held[name].pop(nest.tile(name, step)) if name == "psum" else 0
                    held[name].pop(nest.tile(name, step), None)
    return moved
