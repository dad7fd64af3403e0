"""The letters of a row-stationary mapping (m n e p q r t) and the limits of the machine that they must keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from accel_sim.kernels.row_stationary_buses import sent_ifmap_columns, sent_ifmap_rows
from accel_sim.kernels.row_stationary_types import Pass, Window
from accel_sim.units import ceil_div
from accel_sim.workload import MacShape

ORDERS = ("mne", "men", "nme", "nem", "emn", "enm")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStationaryMapping:
    """One layer's mapping in the letters of Eyeriss (Chen et al., JSSC 2017).

    Parameters
    ----------
    m
        ofmap channels whose psums are in the GLB together.
    n
        ifmaps in a pass.
    e
        ofmap rows in a pass: the width of the strip.
    p, q
        Filters and channels that a PE works on.
    r, t
        Sets of PEs that work on other channels (their psums add up) and on other filters.
    order
        The loops outside the channels, from the outermost to the innermost. Inside them the channels run, and within
        those the ``m`` filters, so that psums stay in the GLB and an ifmap tile serves all ``m`` filters.
    """

    m: int
    n: int
    e: int
    p: int
    q: int
    r: int
    t: int
    order: str = "mne"

    def window(self, shape: MacShape) -> Window:
        """Return what all passes of the layer share."""
        return Window(shape.r, shape.s, shape.stride_h, shape.stride_w, shape.q, shape.r * self.r)

    def whole_pass(self) -> Pass:
        """Return a pass in which no letter is cut short."""
        return Pass(self.n, self.e, self.p, self.q, self.r, self.t, 0, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStationaryLimits:
    """What a mapping must fit: the array, the register files of one PE, and the buffers.

    Parameters
    ----------
    rows, cols
        PEs of the array.
    filter_rf_words, ifmap_rf_words, psum_rf_words
        Of one PE.
    psum_fifo_words, psum_beat_words
        Depth of the FIFOs of a column of PEs, and words that come or go together: a FIFO takes the psums of an ofmap
        column (``p``) whole, beside an unfinished beat.
    glb_banks, glb_bank_bytes
        Banks that the ifmap and the psums share; each holds one of the two.
    filter_buffer_bytes
        Holds filters of the next pass, whole ones; None where filters have no buffer.
    ifmap_bits, filter_bits, psum_bits
        Width of a word.
    """

    rows: int
    cols: int
    filter_rf_words: int
    ifmap_rf_words: int
    psum_rf_words: int
    psum_fifo_words: int
    psum_beat_words: int
    glb_banks: int
    glb_bank_bytes: int
    filter_buffer_bytes: int | None
    ifmap_bits: int
    filter_bits: int
    psum_bits: int

    @property
    def most_p(self) -> int:
        """Largest ``p`` that the psum RF and the psum FIFOs allow."""
        return min(self.psum_rf_words, self.psum_fifo_words - self.psum_beat_words + 1)


def sets_that_fit(limits: RowStationaryLimits, filter_rows: int, e: int, r: int) -> int:
    """Return how many sets of filters the array can hold side by side and above each other.

    The ``r`` sets of other channels stand above each other, so that their psums pass up the local links: a block
    of ``R*r`` rows and ``e`` columns. A block wider than the array is folded into segments as wide as the array and
    a rest, as CONV2 of AlexNet (e = 27) is into 14 and 13; rests of several blocks may share a band of rows.
    """
    bands = limits.rows // (filter_rows * r)
    whole, rest = divmod(e, limits.cols)
    if whole == 0:
        return bands * (limits.cols // rest)
    sets = 0
    while (sets + 1) * whole + (ceil_div(sets + 1, limits.cols // rest) if rest else 0) <= bands:
        sets += 1
    return sets


def ifmap_tile_words(mapping: RowStationaryMapping, shape: MacShape) -> int:
    """Return the ifmap words of a pass: what the GLB holds and the array reads once."""
    window = mapping.window(shape)
    rows = sent_ifmap_rows(mapping.whole_pass(), window)
    return int(mapping.n * mapping.q * mapping.r * rows * sent_ifmap_columns(window))


def psum_tile_words(mapping: RowStationaryMapping, shape: MacShape) -> int:
    """Return the psums that the GLB holds together."""
    return mapping.n * mapping.m * mapping.e * shape.q


def one_filter_words(mapping: RowStationaryMapping, shape: MacShape) -> int:
    """Return the weights of one filter that a pass works with; the filters' buffer holds one or more of these."""
    return mapping.q * mapping.r * shape.r * shape.s


def letter_faults(
    mapping: RowStationaryMapping, shape: MacShape, limits: RowStationaryLimits
) -> Iterator[tuple[str, str]]:
    """Yield ``(letter, message)`` for each limit that a mapping breaks, and by how much.

    A mapping whose letters are below one or above the layer's sizes is told only that.
    """
    wrong = list(_size_faults(mapping, shape))
    if mapping.order not in ORDERS:
        wrong.append(("order", f"found {mapping.order!r}; allowed: {', '.join(ORDERS)}"))
    if (shape.dilation_h, shape.dilation_w) != (1, 1):
        found = f"{shape.dilation_h} x {shape.dilation_w}"
        wrong.append(("", f"row stationary runs no dilated filters; the layer's dilation is {found}"))
    if wrong:
        yield from wrong
        return
    yield from _rf_faults(mapping, shape, limits)
    yield from _array_faults(mapping, shape, limits)
    yield from _buffer_faults(mapping, shape, limits)


def _size_faults(mapping: RowStationaryMapping, shape: MacShape) -> Iterator[tuple[str, str]]:
    in_group = " in a group" if shape.groups > 1 else ""
    filters, channels = (shape.k, f"filters{in_group}"), (shape.c, f"channels{in_group}")
    sizes = {
        "m": filters,
        "n": (shape.n, "ifmaps"),
        "e": (shape.p, "ofmap rows"),
        "p": filters,
        "q": channels,
        "r": channels,
        "t": filters,
    }
    for letter, (size, name) in sizes.items():
        value = getattr(mapping, letter)
        if value < 1:
            yield letter, f"found {value}; must be at least 1"
        elif value > size:
            yield letter, f"found {value}; the layer has only {size} {name}"


def _rf_faults(
    mapping: RowStationaryMapping, shape: MacShape, limits: RowStationaryLimits
) -> Iterator[tuple[str, str]]:
    p, q, s = mapping.p, mapping.q, shape.s
    for letter, rf, product, words, allowed in (
        ("p", "filter", f"p*q*S = {p}*{q}*{s} = {p * q * s}", p * q * s, limits.filter_rf_words),
        ("q", "ifmap", f"q*S = {q}*{s} = {q * s}", q * s, limits.ifmap_rf_words),
        ("p", "psum", f"p = {p}", p, limits.psum_rf_words),
    ):
        if words > allowed:
            yield letter, f"{product} words, {words - allowed} more than the {allowed} of the {rf} RF"
    words = p + limits.psum_beat_words - 1
    if words > limits.psum_fifo_words:
        more = words - limits.psum_fifo_words
        found = f"p = {p} psums beside an unfinished beat of {limits.psum_beat_words} take {words} words"
        yield "p", f"{found}, {more} more than the {limits.psum_fifo_words} of the psum FIFO"


def _array_faults(
    mapping: RowStationaryMapping, shape: MacShape, limits: RowStationaryLimits
) -> Iterator[tuple[str, str]]:
    array = f"{limits.rows} x {limits.cols} PEs"
    height = shape.r * mapping.r
    if height > limits.rows:
        letter = "r" if mapping.r > 1 else ""
        rows = f"R*r = {shape.r}*{mapping.r} = {height} rows of PEs"
        yield letter, f"{rows}, {height - limits.rows} more than the array's {array}"
        return
    if sets_that_fit(limits, shape.r, mapping.e, mapping.r) >= mapping.t:
        return
    fits = [e for e in range(1, shape.p + 1) if sets_that_fit(limits, shape.r, e, mapping.r) >= mapping.t]
    hint = f"e up to {max(fits)} does" if fits else f"no e does with t = {mapping.t}"
    yield "e", f"{mapping.t} sets (t) of {height} x {mapping.e} PEs do not fit the array's {array}; {hint}"


def _buffer_faults(
    mapping: RowStationaryMapping, shape: MacShape, limits: RowStationaryLimits
) -> Iterator[tuple[str, str]]:
    at_once = mapping.p * mapping.t
    if at_once > mapping.m:
        yield "m", f"a pass runs p*t = {mapping.p}*{mapping.t} = {at_once} filters, {at_once - mapping.m} more than m"
    ifmap_bytes = ceil_div(ifmap_tile_words(mapping, shape) * limits.ifmap_bits, 8)
    psum_bytes = ceil_div(psum_tile_words(mapping, shape) * limits.psum_bits, 8)
    filter_bytes = ceil_div(one_filter_words(mapping, shape) * limits.filter_bits, 8)
    bank = limits.glb_bank_bytes
    banks = ceil_div(ifmap_bytes, bank) + ceil_div(psum_bytes, bank)
    more = banks - limits.glb_banks
    if more > 0:
        needs = f"{ifmap_bytes} bytes of ifmap and {psum_bytes} of psums need {banks} GLB banks of {bank} bytes"
        yield "m", f"{needs}, {more} ({more * bank} bytes) more than its {limits.glb_banks}"
    allowed = limits.filter_buffer_bytes
    if allowed is not None and filter_bytes > allowed:
        more = filter_bytes - allowed
        yield "q", f"what a pass needs of one filter takes {filter_bytes} bytes, {more} more than the filters' buffer"
