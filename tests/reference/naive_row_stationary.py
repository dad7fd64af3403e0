"""Row stationary in plain Python: the spec's rules on whole-layer lists of times, and what each pass touches as sets.

Machine, window and passes are plain dicts with the field names of the kernels' tuples.
"""

from __future__ import annotations

from itertools import product

import numpy as np

NEVER_BEFORE = float("-inf")


def ceil_div(a, b):
    return -(-a // b)


def naive_layer_cycles(machine, window, passes):
    """Return, for each pass, a dict of its cycles, and the drain cycles after the last slot.

    Every word that goes through a register file or FIFO has a number; lists hold when each one came and went. A word
    needs the place of the word that stands one capacity before it.
    """
    rows_of = {"filter": [], "ifmap": [], "read": [], "write": []}
    bus_free = dict.fromkeys(rows_of, 0)
    ifmap_gone, read_gone, write_gone = [], [], []  # by word number
    mac_end, stored = [], []  # by pass
    held_filters = 0
    now = 0
    results = []
    row_step = min(window["stride_rows"], window["filter_rows"])
    col_step = min(window["stride_cols"], window["filter_cols"])
    delay = window["chain_pes"] - 1

    def place(gone, word, capacity):
        """When the place of a word is free: once the word that had it before has gone."""
        return gone[word - capacity] if word >= capacity else 0

    n_ifmap = 0
    for number, work in enumerate(passes):
        start_of_pass = now
        waits = dict.fromkeys(rows_of, 0)
        p, q, e = work["p"], work["q"], work["e"]
        chains = e * work["t"]

        # filters: beat by beat, each to all PE rows
        filters_in = []
        words = p * q * window["filter_cols"]
        if work["loads_filters"] and machine["filter_bus_words"]:
            for beat in range(ceil_div(words, machine["filter_bus_words"])):
                sent = min((beat + 1) * machine["filter_bus_words"], words)
                earliest = mac_end[number - 2] if number >= 2 else 0
                if number >= 1 and (not machine["filter_prefetch"] or held_filters + sent > machine["filter_rf_words"]):
                    earliest = mac_end[number - 1]
                bus_free["filter"] = max(bus_free["filter"], earliest) + window["filter_rows"] * work["r"] * work["t"]
                filters_in += [bus_free["filter"]] * (sent - len(filters_in))
        if work["loads_filters"]:
            held_filters = words

        column_words = q * work["r"] * ((e - 1) * row_step + window["filter_rows"])
        psums_stored = NEVER_BEFORE
        if work["psum_lag"]:
            writer = number - min(work["psum_lag"], 2)
            psums_stored = stored[writer] if writer >= 0 else 0

        for image in range(work["n"]):
            columns_in = []
            psums_in = []
            first_psum = len(read_gone)
            waiting = 0
            for x in range(window["ofmap_cols"]):
                for s in range(window["filter_cols"]):
                    while machine["ifmap_bus_words"] and len(columns_in) <= x * col_step + s:
                        n_ifmap += q
                        room = place(ifmap_gone, n_ifmap - 1, machine["ifmap_rf_words"])
                        cycles = ceil_div(column_words, machine["ifmap_bus_words"])
                        bus_free["ifmap"] = max(bus_free["ifmap"], room) + cycles
                        columns_in.append(bus_free["ifmap"])
                    needs = {
                        "filter": filters_in[p * q * (s + 1) - 1] if filters_in and image == x == 0 else NEVER_BEFORE,
                        "ifmap": columns_in[x * col_step + s] if columns_in else NEVER_BEFORE,
                    }
                    now = wait_for(needs, now, waits) + p * q
                    if s < col_step or x == window["ofmap_cols"] - 1:
                        ifmap_gone += [now + delay] * q
                mac_end_here = now + delay

                while work["reads_psums"] and machine["psum_read_words"] and len(psums_in) < p * (x + 1):
                    size = min(machine["psum_read_words"], p * window["ofmap_cols"] - len(psums_in))
                    last = first_psum + len(psums_in) + size - 1
                    room = place(read_gone, last, machine["psum_fifo_words"])
                    bus_free["read"] = max(bus_free["read"], room, psums_stored) + chains
                    psums_in += [bus_free["read"]] * size
                needs = {
                    "read": psums_in[p * (x + 1) - 1] if psums_in else NEVER_BEFORE,
                    "write": place(write_gone, len(read_gone) + p - 1, machine["psum_fifo_words"])
                    if machine["psum_write_words"]
                    else NEVER_BEFORE,
                }
                now = wait_for(needs, now, waits)
                for k in range(p):
                    made = now + delay + machine["pipeline_stages"]
                    now += machine["psum_add_cycles"]
                    read_gone.append(now)
                    waiting += 1
                    is_last = x == window["ofmap_cols"] - 1 and k == p - 1
                    if machine["psum_write_words"] and (waiting == machine["psum_write_words"] or is_last):
                        bus_free["write"] = max(bus_free["write"], made) + chains
                        write_gone += [bus_free["write"]] * waiting
                        waiting = 0
        mac_end.append(mac_end_here)
        stored.append(bus_free["write"])
        macs = work["n"] * window["ofmap_cols"] * p * q * window["filter_cols"]
        results.append(
            {
                "own": now - start_of_pass,
                "mac": macs,
                "psum_add": work["n"] * window["ofmap_cols"] * p * machine["psum_add_cycles"],
                "wait_filter": waits["filter"],
                "wait_ifmap": waits["ifmap"],
                "wait_psum_read": waits["read"],
                "wait_psum_write": waits["write"],
            }
        )
    return results, max(0, bus_free["write"] - now)


def wait_for(needs, now, waits):
    """Return when all needs are there; the wait is put down to the latest one, the first of two at once."""
    latest = max(needs, key=lambda name: needs[name])
    start = max(now, needs[latest])
    waits[latest] += start - now
    return start


def naive_convolution(ifmap, filters, groups, stride, psums):
    """Return psums plus a grouped convolution of a padded ifmap [N, C, H, W] with filters [K, C/groups, R, S]."""
    out = psums.copy()
    k_group, c_group = filters.shape[0] // groups, filters.shape[1]
    for n, k, p, q in np.ndindex(*out.shape):
        group = k // k_group
        channels = ifmap[n, group * c_group : (group + 1) * c_group]
        top, left = p * stride[0], q * stride[1]
        patch = channels[:, top : top + filters.shape[2], left : left + filters.shape[3]]
        out[n, k, p, q] += int((patch * filters[k]).sum())
    return out


def naive_passes(shape, letters):
    """Yield, for each pass in order, the sets of words that it touches, by walking every MAC of it.

    ``shape``: dict of n k c p q r s groups stride_h stride_w (k and c per group); ``letters``: m n e p q r t order.
    """
    loops = {
        "m": [range(i, min(i + letters["m"], shape["k"])) for i in range(0, shape["k"], letters["m"])],
        "n": [range(i, min(i + letters["n"], shape["n"])) for i in range(0, shape["n"], letters["n"])],
        "e": [range(i, min(i + letters["e"], shape["p"])) for i in range(0, shape["p"], letters["e"])],
    }
    together = letters["q"] * letters["r"]
    for group in range(shape["groups"]):
        for blocks in product(*(loops[loop] for loop in letters["order"])):
            block = dict(zip(letters["order"], blocks, strict=True))
            for c0 in range(0, shape["c"], together):
                channels = range(c0, min(c0 + together, shape["c"]))
                at_once = letters["p"] * letters["t"]
                for k0 in range(block["m"].start, block["m"].stop, at_once):
                    filters = range(k0, min(k0 + at_once, block["m"].stop))
                    yield naive_touched(shape, group, block["n"], filters, channels, block["e"])


def naive_touched(shape, group, images, filters, channels, rows):
    """Return the sets of ifmap, filter and psum words of one pass, and its number of MACs."""
    ifmap, weights, psums, macs = set(), set(), set(), 0
    for n, k, c, p, q, r, s in product(
        images, filters, channels, rows, range(shape["q"]), range(shape["r"]), range(shape["s"])
    ):
        ifmap.add((n, group, c, p * shape["stride_h"] + r, q * shape["stride_w"] + s))
        weights.add((group, k, c, r, s))
        psums.add((n, group, k, p, q))
        macs += 1
    return {"ifmap": ifmap, "filter": weights, "psum": psums, "macs": macs}
