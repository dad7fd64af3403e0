"""The row-stationary array one clock at a time: real operands through multicast buses, register files and psum chains.

In each clock all decisions are taken from what was there at its start, then everything moves: the sequencer issues an
operation to the first PEs of the chains, every other PE does what the one below it did a clock ago, and each bus
moves one cycle's words of the beat that is on the way.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.row_stationary_types import ArrayTiming, Window
from accel_sim.kernels.stepped import row_stationary_control as control
from accel_sim.kernels.stepped import row_stationary_parts as parts

I64 = NDArray[np.int64]


class SteppedRun(NamedTuple):
    """Cycles until the last psum is stored, and accesses in words, int64 [13].

    Places in ``counts``: ``GLB_IFMAP_READS`` and following in the parts' file.
    """

    cycles: int
    counts: I64


@njit
def step_row_stationary(
    timing: ArrayTiming, window: Window, passes: I64, ifmap: I64, filters: I64, psums: I64
) -> SteppedRun:
    """Run all passes of a layer clock by clock.

    All buses must be on, ``psum_add_cycles`` 1 and ``pipeline_stages`` at least 1.

    Parameters
    ----------
    passes
        int64 [passes, 16], columns as enumerated in the parts' file.
    ifmap
        int64 [N, C, H, W], padded.
    filters
        int64 [K, C/groups, R, S].
    psums
        int64 [N, K, P, Q]: the initial psums; the ofmap in the end.
    """
    n, chain_pes, ofmap_cols = passes.shape[0], window.chain_pes, window.ofmap_cols
    columns = control.sent_columns(window)
    plan = control.make_plan(window, passes)
    chains = passes[:, parts.ROWS].max() * passes[:, parts.FILTER_SETS].max()
    filter_rf = np.zeros((chain_pes, timing.filter_rf_words, chains), np.int64)
    ifmap_rf = np.zeros((chain_pes, timing.ifmap_rf_words, chains), np.int64)
    link = passes[:, parts.PE_FILTERS].max()
    psum_rf = np.zeros((chain_pes, link + 1, chains), np.int64)
    read_fifo = np.zeros((timing.psum_fifo_words, chains), np.int64)
    write_fifo = np.zeros((timing.psum_fifo_words, chains), np.int64)
    ops = np.zeros((chain_pes, parts.N_FIELDS), np.int64)
    seq, shared = np.zeros(control.N_SEQUENCER, np.int64), np.zeros(control.N_SHARED, np.int64)
    counts = np.zeros(parts.N_COUNTS, np.int64)
    filter_bus, ifmap_bus = np.zeros(parts.N_CURSOR, np.int64), np.zeros(parts.N_CURSOR, np.int64)
    read_bus, write_bus = np.zeros(parts.N_CURSOR, np.int64), np.zeros(parts.N_CURSOR, np.int64)
    in_pipeline = np.zeros(timing.pipeline_stages, np.int64)  # psums made in each of the last clocks, a ring
    clock = newest = stage = made_at = 0
    quiet = chain_pes  # clocks since an operation was issued
    # Whoever may not start asks again when something has come, gone or ended; until then the answer is the same.
    changed = True
    while shared[control.PASSES_STORED] < n:
        stage = stage + 1 if stage + 1 < timing.pipeline_stages else 0
        if in_pipeline[stage] > 0:
            shared[control.PSUMS_READY] += in_pipeline[stage]
            in_pipeline[stage] = 0
            changed = True

        # decide
        if changed and seq[control.ISSUING] == 0:
            seq[control.ISSUING] = control.slot_may_start(timing, window, plan, seq, shared)
        if changed and filter_bus[parts.ON_THE_WAY] == 0:
            filter_bus[parts.ON_THE_WAY] = control.filters_may_start(
                timing, window.filter_cols, plan, filter_bus, shared
            )
        if changed and ifmap_bus[parts.ON_THE_WAY] == 0:
            ifmap_bus[parts.ON_THE_WAY] = control.ifmap_may_start(timing, window, plan, ifmap_bus, shared)
        if changed and read_bus[parts.ON_THE_WAY] == 0:
            read_bus[parts.ON_THE_WAY] = control.reads_may_start(timing, ofmap_cols, plan, read_bus, shared)
        if changed and write_bus[parts.ON_THE_WAY] == 0:
            write_bus[parts.ON_THE_WAY] = control.writes_may_start(timing, ofmap_cols, plan, write_bus, shared)
        changed = False

        # move: sequencer and PEs
        newest = newest + 1 if newest + 1 < chain_pes else 0
        ops[newest, parts.KIND] = parts.NONE
        quiet += 1
        if seq[control.ISSUING] == 1:
            control.issue(timing, window, plan, seq, shared, ops, newest)
            quiet = 0
            changed = True
        if quiet < chain_pes:
            parts.work_pes(window.filter_rows, plan, ops, newest, filter_rf, ifmap_rf, psum_rf, read_fifo, counts)
            oldest = newest + 1 if newest + 1 < chain_pes else 0
            if ops[oldest, parts.KIND] == parts.ADD:
                for chain in range(chains):
                    write_fifo[made_at, chain] = psum_rf[chain_pes - 1, link, chain]
                made_at = made_at + 1 if made_at + 1 < timing.psum_fifo_words else 0
                in_pipeline[stage] = 1
            elif ops[oldest, parts.KIND] == parts.MAC:
                shared[control.WORDS_FREED] += ops[oldest, parts.FREES_WORDS]
                shared[control.PASSES_COMPUTED] += ops[oldest, parts.ENDS_MACS]
                changed = True

        # move: buses
        if filter_bus[parts.ON_THE_WAY] == 1 and parts.move_filters(
            timing, window, plan, filters, filter_rf, filter_bus, counts
        ):
            at = filter_bus[parts.AT_PASS]
            words = plan[at, parts.PE_FILTERS] * plan[at, parts.PE_CHANNELS] * window.filter_cols
            changed = True
            shared[control.FILTERS_IN] += control.end_beat(filter_bus, timing.filter_bus_words, words, 1)
        if ifmap_bus[parts.ON_THE_WAY] == 1 and parts.move_ifmap(
            timing, window, plan, ifmap, ifmap_rf, ifmap_bus, counts
        ):
            images = plan[ifmap_bus[parts.AT_PASS], parts.IMAGES]
            changed = True
            shared[control.COLUMNS_IN] += control.end_beat(ifmap_bus, 1, columns, images)
        if read_bus[parts.ON_THE_WAY] == 1:
            at = read_bus[parts.AT_PASS]
            counts[parts.GLB_PSUM_READS] += parts.move_psums(
                timing.psum_read_words, True, ofmap_cols, plan, psums, read_fifo, read_bus
            )
            if read_bus[parts.TURN_ROW] == 0 and read_bus[parts.TURN_FILTERS] == 0:
                words = plan[at, parts.PE_FILTERS] * ofmap_cols
                images = plan[at, parts.IMAGES]
                changed = True
                shared[control.PSUMS_IN] += control.end_beat(read_bus, timing.psum_read_words, words, images)
        if write_bus[parts.ON_THE_WAY] == 1:
            at = write_bus[parts.AT_PASS]
            counts[parts.GLB_PSUM_WRITES] += parts.move_psums(
                timing.psum_write_words, False, ofmap_cols, plan, psums, write_fifo, write_bus
            )
            if write_bus[parts.TURN_ROW] == 0 and write_bus[parts.TURN_FILTERS] == 0:
                words = plan[at, parts.PE_FILTERS] * ofmap_cols
                images = plan[at, parts.IMAGES]
                changed = True
                shared[control.PSUMS_LEFT] += control.end_beat(write_bus, timing.psum_write_words, words, images)
                shared[control.PASSES_STORED] += write_bus[parts.AT_PASS] - at
        clock += 1
    return SteppedRun(clock, counts)
