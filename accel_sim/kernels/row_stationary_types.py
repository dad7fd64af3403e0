"""What the row-stationary kernels take and return: the machine, a layer's window, a pass, its cycles."""

from __future__ import annotations

from typing import NamedTuple


class ArrayTiming(NamedTuple):
    """What of a machine decides the cycles of a pass; integers.

    ``filter_bus_words``, ``ifmap_bus_words``, ``psum_read_words``, ``psum_write_words``: words a cycle; 0 switches
    the bus off (its transfers take no time). ``filter_rf_words``, ``ifmap_rf_words``: capacity of a PE's RFs.
    ``psum_fifo_words``: of each of a chain's two psum FIFOs; at least the largest ``p`` and one beat less a word.
    ``pipeline_stages``: cycles from a psum's operands to its result. ``psum_add_cycles``: adder cycles that an
    incoming psum takes, 1, or 0 for a PE with a second adder. ``filter_prefetch``: 1 if the words of the filter RF
    that a pass leaves free may take the next pass's weights, else 0.
    """

    filter_bus_words: int
    ifmap_bus_words: int
    psum_read_words: int
    psum_write_words: int
    filter_rf_words: int
    ifmap_rf_words: int
    psum_fifo_words: int
    pipeline_stages: int
    psum_add_cycles: int
    filter_prefetch: int


class Window(NamedTuple):
    """What all passes of a layer share; integers.

    ``filter_rows`` R, ``filter_cols`` S, ``stride_rows``, ``stride_cols``, ``ofmap_cols`` F; ``chain_pes``: PEs that
    a psum passes on its way, R times the mapping's ``r`` (a pass with fewer channels still goes through them all).
    """

    filter_rows: int
    filter_cols: int
    stride_rows: int
    stride_cols: int
    ofmap_cols: int
    chain_pes: int


class Pass(NamedTuple):
    """One pass in the letters of Eyeriss, as many as it really has; integers.

    ``n`` ifmaps, ``e`` ofmap rows, ``p`` filters and ``q`` channels in a PE, ``r`` sets of other channels, ``t`` sets
    of other filters. ``psum_lag``: how many passes ago its psums were written; 0 if no pass of this layer wrote them.
    ``loads_filters``, ``reads_psums``: 1 or 0.
    """

    n: int
    e: int
    p: int
    q: int
    r: int
    t: int
    psum_lag: int
    loads_filters: int
    reads_psums: int


class PassCycles(NamedTuple):
    """Where the cycles of a pass went; integers. ``own`` = ``mac`` + ``psum_add`` + the four waits.

    ``own`` counts from the end of the pass before to the end of this one's last slot. A wait is named after the bus
    whose word came last. ``*_bus``: cycles in which that bus moved words of this pass.
    """

    own: int
    mac: int
    psum_add: int
    wait_filter: int
    wait_ifmap: int
    wait_psum_read: int
    wait_psum_write: int
    filter_bus: int
    ifmap_bus: int
    psum_read_bus: int
    psum_write_bus: int
