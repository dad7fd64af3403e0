"""The DRAM kernels against their slow twin: every command at the same clock, over policies, ranks, hazards."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.arch.dram_device import load_dram_preset
from accel_sim.engine.dram import command_log, controller_config, count, simulate_requests
from accel_sim.kernels.dram.clients import advance, flush, take
from accel_sim.kernels.dram.domains import clock_ratio
from accel_sim.kernels.dram.layout import MAX_BANK_QUEUE, MAX_BANKS, MAX_GROUPS, MAX_QUEUE, MAX_RANKS
from accel_sim.kernels.dram.server import advance_until, push_at, take_due
from accel_sim.kernels.dram.transfers import new_dram, push
from tests.reference import naive_dram
from tests.reference.dram_log_checker import violations
from tests.reference.dram_plain import changed, plain
from tests.reference.dram_streams import random_addresses, random_numbers

DDR4 = load_dram_preset("ddr4_2400")
TWO_RANKS = changed(DDR4, structure={"ranks": 2, "banks_per_group": 2})
OFTEN_REFRESHED = {"tRFC": 60, "tREFI": 200}
CASES = {
    "ddr3": load_dram_preset("ddr3_1600"),
    "ddr4": DDR4,
    "ddr4 interleaved": load_dram_preset("ddr4_2400_bg_interleaved"),
    "ddr4 refreshed often": changed(DDR4, timing_clocks=OFTEN_REFRESHED),
    "two ranks": changed(TWO_RANKS, timing_clocks=OFTEN_REFRESHED),
    "two ranks interleaved": changed(TWO_RANKS, address_mapping="rochbabgcora"),
    "closed page": changed(DDR4, policy={"page": "closed"}, timing_clocks=OFTEN_REFRESHED),
    "first come": changed(DDR4, policy={"scheduling": "fcfs"}),
    "no refresh, small queues": changed(DDR4, policy={"refresh": "none", "queue_size": 4, "bank_queue_size": 1}),
    "hbm2": changed(load_dram_preset("hbm2"), timing_clocks={"tRFC": 60, "tREFI": 200}),
    "ddr5": load_dram_preset("ddr5_3200"),
    "lpddr4": load_dram_preset("lpddr4_3200"),
    "hbm3": changed(load_dram_preset("hbm3_5200"), structure={"channels": 4}),
}


def mixed(n: int, seed: int, span_bytes: int, write_of: int) -> tuple[np.ndarray, np.ndarray]:
    """Random requests, one in ``write_of`` a write; a small span gives hits, conflicts and repeated addresses."""
    is_write = (random_numbers(n, seed + 1) % np.uint64(write_of) == 0).astype(np.uint8)
    return random_addresses(n, seed, span_bytes), is_write


def assert_same(device, addresses, is_write, dependent=False):
    requests = [(int(a), bool(w)) for a, w in zip(addresses, is_write, strict=True)]
    end, log, _ = naive_dram.run(plain(device), requests, dependent)
    ours = command_log(device, addresses, is_write, dependent=dependent)
    assert [tuple(line) for line in ours.tolist()] == log
    assert simulate_requests(device, addresses, is_write, dependent=dependent).clocks == end
    assert violations(plain(device), ours) == {}


@pytest.mark.parametrize("name", CASES)
def test_same_commands_as_the_twin(name):
    assert_same(CASES[name], *mixed(120, 11, 1 << 17, 3))


@pytest.mark.parametrize("name", ["ddr4 refreshed often", "two ranks", "hbm2", "first come"])
def test_same_commands_when_dependent(name):
    assert_same(CASES[name], *mixed(30, 5, 1 << 17, 3), dependent=True)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(CASES)),
    st.integers(0, 1 << 30),
    st.sampled_from([256, 1024, 1 << 14, 1 << 20]),
    st.sampled_from([1, 2, 3, 8]),
)
def test_same_commands_for_any_mix(name, seed, span_bytes, write_of):
    """Small spans repeat addresses: writes merge, reads are forwarded or merged, drains meet pending reads."""
    assert_same(CASES[name], *mixed(60, seed, span_bytes, write_of))


def test_drain_that_meets_its_own_read_goes_on():
    """Reads fill their queue, writes of the same addresses fill the buffer: whoever waits for whom, all are served."""
    device = changed(DDR4, policy={"queue_size": 2, "bank_queue_size": 1})
    addresses = np.array([0, 1 << 20, 2 << 20, 2 << 20, 3 << 20, 3 << 20, 0, 1 << 20] * 3, np.int64)
    is_write = np.array([0, 0, 0, 1, 0, 1, 1, 1] * 3, np.uint8)
    assert_same(device, addresses, is_write)


def test_hundreds_of_reads_of_one_address_wait_together():
    """They are answered by one command, however many came while the rank was refreshed."""
    device = changed(DDR4, timing_clocks={"tREFI": 600})
    assert_same(device, np.zeros(900, np.int64), np.zeros(900, np.uint8))


# ---- transfers of several clients


def run_clients(device, transfers, step):
    """Push ``transfers`` (client, address, shape) at clock 0, advance ``step`` clocks at a time.

    Return the completions as (client, tag, clock), and what was counted.
    """
    dram = new_dram(controller_config(device), 3, 8)
    for tag, (client, address, shape) in enumerate(transfers):
        assert push(dram, client, address, shape, tag)
    done = []
    while len(done) < len(transfers):
        clock = advance(dram, dram.system[0].clock + step)
        taken = take(dram)
        while taken != (-1, -1):
            done.append((*taken, clock))
            taken = take(dram)
    return done, count(dram.channels, int(flush(dram)))


TRANSFERS = [
    (0, 0, (4096, 1, 0, 1, 0, 0)),
    (1, 1 << 20, (256, 4, 2048, 2, 1 << 16, 0)),
    (2, 1 << 24, (512, 3, 512, 1, 0, 1)),
    (1, 1 << 21, (100, 3, 300, 2, 5000, 0)),
    (2, 1 << 25, (64, 1, 0, 1, 0, 1)),
]


@pytest.mark.parametrize("name", ["ddr4", "hbm2", "hbm3", "two ranks"])
def test_cutting_time_changes_nothing(name):
    expected = run_clients(CASES[name], TRANSFERS, 1 << 30)
    for step in (1, 7, 64):
        assert run_clients(CASES[name], TRANSFERS, step) == expected


@pytest.mark.parametrize("name", ["ddr4", "hbm2"])
def test_one_client_is_a_trace(name):
    """One transfer of a client is the trace of its lines: same end, same commands, completion with the last answer."""
    device = CASES[name]
    lines = np.array([outer * 5000 + inner * 300 + byte for outer in range(2) for inner in range(3)
                      for byte in (0, 64, 99)]) // 64  # fmt: skip
    lines = np.array([line for run in lines.reshape(-1, 3) for line in sorted(set(run.tolist()))])
    done, counts = run_clients(device, [(1, 0, (100, 3, 300, 2, 5000, 0))], 1 << 30)
    expected = simulate_requests(device, lines * 64, np.zeros(len(lines), np.uint8))
    _, _, answered = naive_dram.run(plain(device), [(int(line) * 64, False) for line in lines])
    assert counts == expected
    assert done == [(1, 0, max(answered))]


def test_touching_runs_are_one_run():
    whole = run_clients(DDR4, [(0, 0, (4096, 1, 0, 1, 0, 0))], 1 << 30)
    assert run_clients(DDR4, [(0, 0, (32, 8, 32, 16, 256, 0))], 1 << 30) == whole


def test_clients_take_turns():
    """Three clients, each a row of its own bank: each gets a third of the requests, so they end close together."""
    shape = (8192, 1, 0, 1, 0, 0)
    done, _ = run_clients(DDR4, [(c, c << 13, shape) for c in range(3)], 1 << 30)
    alone, _ = run_clients(DDR4, [(0, 0, shape)], 1 << 30)
    assert sorted(client for client, _, _ in done) == [0, 1, 2]
    assert min(clock for _, _, clock in done) > 1.5 * alone[0][2]


def test_a_full_client_is_refused():
    dram = new_dram(controller_config(DDR4), 1, 2)
    shape = (64, 1, 0, 1, 0, 0)
    assert push(dram, 0, 0, shape, 0)
    assert push(dram, 0, 64, shape, 1)
    assert not push(dram, 0, 128, shape, 2)


@pytest.mark.parametrize("mhz", [100, 667, 1205, 3000])
def test_the_core_sees_completions_at_its_first_cycle_after_them(mhz):
    """Pushes and completions through the clock domains are those in DRAM clocks, each moved to the next edge."""
    device = DDR4
    ratio = clock_ratio(mhz * 10**6, device.clock_ps)
    pushes = [(3, 0, 0), (3, 1, 1 << 20), (50, 2, 1 << 22), (401, 0, 1 << 23), (402, 1, 64), (3000, 2, 4096)]
    shape = (700, 2, 2048, 1, 0, 0)
    core = new_dram(controller_config(device), 3, 8)
    seen, cycle, waiting = [], 0, list(pushes)
    while len(seen) < len(pushes):
        taken = take_due(core, cycle, ratio)
        while taken != (-1, -1):
            seen.append((*taken, cycle))
            taken = take_due(core, cycle, ratio)
        while waiting and waiting[0][0] == cycle:
            _, client, address = waiting.pop(0)
            assert push_at(core, client, address, shape, len(pushes) - len(waiting), cycle, ratio)
        cycle = advance_until(core, waiting[0][0] if waiting else cycle + 1000, ratio)
    direct = new_dram(controller_config(device), 3, 8)
    expected, waiting = [], list(pushes)
    while len(expected) < len(pushes):
        target = -(-waiting[0][0] * ratio[0] // ratio[1]) if waiting else 1 << 40
        clock = advance(direct, target)
        taken = take(direct)
        if waiting and clock == target and taken == (-1, -1):
            _, client, address = waiting.pop(0)
            assert push(direct, client, address, shape, len(pushes) - len(waiting))
        while taken != (-1, -1):
            expected.append((*taken, -(-clock * ratio[1] // ratio[0])))
            taken = take(direct)
    assert seen == expected


def test_limits_of_a_record_are_those_of_the_preset_check():
    """A device that the checks let pass has room in the kernels' records."""
    structure = {"ranks": 2, "bank_groups": 8, "banks_per_group": 4}
    most = changed(DDR4, structure=structure, policy={"queue_size": 64, "bank_queue_size": 16})
    assert (MAX_BANKS, MAX_GROUPS, MAX_RANKS, MAX_QUEUE, MAX_BANK_QUEUE) == (64, 32, 8, 64, 16)
    assert_same(most, *mixed(60, 3, 1 << 22, 2))


def test_same_without_the_compiler():
    """The kernels are plain Python too; errors of overflow would show as warnings, which are errors here."""
    script = (
        "import numpy as np, warnings; warnings.simplefilter('error');"
        "from accel_sim.arch.dram_device import load_dram_preset as load;"
        "from accel_sim.engine.dram import simulate_requests as run;"
        "a = np.array([0, 64, 1 << 20, 64, 1 << 26, 0, 128, 1 << 20], np.int64);"
        "w = np.array([0, 0, 0, 1, 1, 0, 0, 1], np.uint8);"
        "print(*(run(load(n), a, w).clocks for n in ('ddr4_2400', 'hbm2', 'ddr5_3200')))"
    )
    compiled, plain_python = (
        subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
        for environment in (os.environ, {**os.environ, "NUMBA_DISABLE_JIT": "1"})
    )
    assert compiled.stdout == plain_python.stdout
