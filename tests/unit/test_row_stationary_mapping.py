"""Row-stationary mappings: which limits they keep, what the messages say, and the passes of the published ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from accel_sim.mapping.row_stationary_letters import (
    RowStationaryLimits,
    RowStationaryMapping,
    ifmap_tile_words,
    letter_faults,
    psum_tile_words,
    sets_that_fit,
)
from accel_sim.mapping.row_stationary_passes import active_pes, enumerate_passes, pass_words
from accel_sim.workload import MacShape

EYERISS = RowStationaryLimits(
    rows=12,
    cols=14,
    filter_rf_words=224,
    ifmap_rf_words=12,
    psum_rf_words=24,
    psum_fifo_words=32,
    psum_beat_words=4,
    glb_banks=25,
    glb_bank_bytes=4096,
    filter_buffer_bytes=8192,
    ifmap_bits=16,
    filter_bits=16,
    psum_bits=16,
)
CONV1 = MacShape.of(n=4, k=96, c=3, h=227, w=227, r=11, s=11, stride=(4, 4))
CONV2 = MacShape.of(n=4, k=128, c=48, h=27, w=27, r=5, s=5, pad=(2, 2), groups=2)
CONV3 = MacShape.of(n=4, k=384, c=256, h=13, w=13, r=3, s=3, pad=(1, 1))
MAPPING1 = RowStationaryMapping(m=96, n=1, e=7, p=16, q=1, r=1, t=2)
MAPPING2 = RowStationaryMapping(m=64, n=1, e=27, p=16, q=2, r=1, t=1)
MAPPING3 = RowStationaryMapping(m=64, n=4, e=13, p=16, q=3, r=2, t=2)


def faults(shape, mapping, **changes):
    return [message for _, message in letter_faults(replace(mapping, **changes), shape, EYERISS)]


@pytest.mark.parametrize(
    ("shape", "mapping"),
    [
        (CONV1, MAPPING1),
        (CONV2, MAPPING2),
        (CONV3, MAPPING3),
        (CONV3, replace(MAPPING3, q=4, r=1, t=4)),
        (MacShape.of(n=3, k=64, c=64, h=224, w=224, r=3, s=3, pad=(1, 1)), replace(MAPPING1, m=16, e=13, p=4, t=4)),
        (MacShape.of(k=4096, c=9216), RowStationaryMapping(m=224, n=1, e=1, p=2, q=12, r=12, t=14)),
    ],
)
def test_published_and_full_mappings_are_legal(shape, mapping):
    assert faults(shape, mapping) == []


@pytest.mark.parametrize(
    ("shape", "mapping", "changes", "message"),
    [
        (CONV2, MAPPING2, {"p": 24}, "p*q*S = 24*2*5 = 240 words, 16 more than the 224 of the filter RF"),
        (CONV3, MAPPING3, {"q": 5, "r": 1, "p": 8}, "q*S = 5*3 = 15 words, 3 more than the 12 of the ifmap RF"),
        (CONV3, MAPPING3, {"q": 1, "p": 26}, "p = 26 words, 2 more than the 24 of the psum RF"),
        (CONV1, MAPPING1, {"m": 16}, "a pass runs p*t = 16*2 = 32 filters, 16 more than m"),
        (
            CONV1,
            MAPPING1,
            {"m": 32, "r": 2, "t": 1, "p": 8},
            "R*r = 11*2 = 22 rows of PEs, 10 more than the array's 12 x 14 PEs",
        ),
        (
            CONV1,
            MAPPING1,
            {"e": 8, "m": 64},
            "2 sets (t) of 11 x 8 PEs do not fit the array's 12 x 14 PEs; e up to 7 does",
        ),
        (
            CONV3,
            MAPPING3,
            {"t": 29, "p": 2},
            "29 sets (t) of 6 x 13 PEs do not fit the array's 12 x 14 PEs; no e does with t = 29",
        ),
        (
            CONV3,
            MAPPING3,
            {"m": 72},
            "10800 bytes of ifmap and 97344 of psums need 27 GLB banks of 4096 bytes, 2 (8192 bytes) more than its 25",
        ),
    ],
)
def test_each_limit_is_told_by_how_much(shape, mapping, changes, message):
    assert faults(shape, mapping, **changes) == [message]


def test_limits_of_other_machines():
    """A filter buffer too small for what a pass needs of one filter, and FIFOs too short for a column's psums."""
    small = replace(EYERISS, filter_buffer_bytes=100, psum_fifo_words=16)
    assert [message for _, message in letter_faults(MAPPING3, CONV3, small)] == [
        "p = 16 psums beside an unfinished beat of 4 take 19 words, 3 more than the 16 of the psum FIFO",
        "what a pass needs of one filter takes 108 bytes, 8 more than the filters' buffer",
    ]
    assert small.most_p == 13


def test_sizes_are_told_first_and_all_at_once():
    assert faults(CONV2, MAPPING2, n=0, e=28, m=-1, order="abc") == [
        "found -1; must be at least 1",
        "found 0; must be at least 1",
        "found 28; the layer has only 27 ofmap rows",
        "found 'abc'; allowed: mne, men, nme, nem, emn, enm",
    ]
    assert faults(CONV2, MAPPING2, q=49) == ["found 49; the layer has only 48 channels in a group"]
    dilated = MacShape.of(k=4, c=4, h=9, w=9, r=3, s=3, dilation=(2, 2))
    assert faults(dilated, RowStationaryMapping(m=1, n=1, e=1, p=1, q=1, r=1, t=1)) == [
        "row stationary runs no dilated filters; the layer's dilation is 2 x 2"
    ]


@pytest.mark.parametrize(
    ("filter_rows", "e", "r", "sets"),
    [
        (11, 7, 1, 2),  # CONV1: side by side
        (5, 27, 1, 1),  # CONV2: folded into two bands
        (5, 28, 1, 1),
        (5, 29, 1, 0),
        (3, 13, 1, 4),  # CONV3-5: one above the other
        (3, 13, 2, 2),
        (3, 52, 1, 1),
        (3, 16, 1, 3),  # rests of 2 columns share a band
        (3, 56, 1, 1),
        (1, 1, 12, 14),
        (1, 1, 1, 168),
    ],
)
def test_sets_in_the_array(filter_rows, e, r, sets):
    assert sets_that_fit(EYERISS, filter_rows, e, r) == sets


def test_glb_tiles_are_those_of_the_paper():
    """JSSC 2017, Table III: GLB allocation of AlexNet in KiB, printed with one digit."""
    for shape, mapping, ifmap_kib, psum_kib in (
        (CONV1, MAPPING1, 15.5, 72.2),
        (CONV2, MAPPING2, 3.8, 91.1),
        (CONV3, MAPPING3, 10.5, 84.5),
        (CONV3, replace(MAPPING3, q=4, r=1, t=4), 7.0, 84.5),
    ):
        assert abs(2 * ifmap_tile_words(mapping, shape) / 1024 - ifmap_kib) <= 0.0501
        assert abs(2 * psum_tile_words(mapping, shape) / 1024 - psum_kib) <= 0.0501


def test_where_channels_and_filters_run_out_sets_share_what_is_left():
    """256 = 42 x 6 + 4 channels: the last pass has two sets of two, not one of three and one of one."""
    table = enumerate_passes(CONV3, MAPPING3)
    last = table.first_channel == 252
    assert set(zip(table.q[last].tolist(), table.r[last].tolist(), strict=True)) == {(2, 2)}
    assert set(zip(table.q[~last].tolist(), table.r[~last].tolist(), strict=True)) == {(3, 2)}
    uneven = enumerate_passes(
        MacShape.of(k=10, c=3, h=3, w=3, r=3, s=3), replace(MAPPING3, m=10, n=1, e=1, p=4, q=2, t=2)
    )
    assert (uneven.filters.tolist(), uneven.p.tolist(), uneven.t.tolist()) == ([8, 2], [4, 1], [2, 2])
    assert (uneven.channels.tolist(), uneven.q.tolist(), uneven.r.tolist()) == ([3, 3], [2, 2], [2, 2])


def test_last_strip_is_clipped_and_lag_counts_the_filters_of_a_tile():
    table = enumerate_passes(CONV1, MAPPING1)
    assert table.count == 4 * 8 * 3 * 3
    assert table.rows.tolist()[-9:] == [6] * 9
    assert table.rows.tolist()[:9] == [7] * 9
    assert table.psum_lag.tolist()[:9] == [0, 0, 0, 3, 3, 3, 3, 3, 3]
    assert active_pes(CONV1, table) == 154


@pytest.mark.parametrize("order", ["mne", "emn"])
def test_order_changes_the_sequence_and_nothing_else(order):
    shape = MacShape.of(n=3, k=10, c=5, h=9, w=6, r=3, s=3)
    mapping = RowStationaryMapping(m=4, n=2, e=3, p=2, q=1, r=2, t=1, order=order)
    table = enumerate_passes(shape, mapping)
    first = {"m": table.first_filter // 4, "n": table.first_image, "e": table.first_row}[order[0]]
    assert (np.diff(first) >= 0).all()
    words = pass_words(shape, table)
    assert words.macs.sum() == shape.n_macs
    assert words.psum_write.sum() == 3 * shape.n_ofmap  # three blocks of channels


def test_weights_that_stay_are_not_sent_again():
    """One block of channels and filters: they are loaded once for all strips and ifmaps of a group."""
    shape = MacShape.of(n=2, k=1, c=1, h=30, w=30, r=3, s=3, groups=3)
    table = enumerate_passes(shape, RowStationaryMapping(m=1, n=1, e=14, p=1, q=1, r=1, t=1))
    assert table.count == 3 * 2 * 2
    assert table.loads_filters.tolist() == [1, 0, 0, 0] * 3
