"""The DRAM controller behind DMA queues: the commands' cycles, in both engines and by a walk through every clock."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from accel_sim.arch.dram_device import load_dram_preset
from accel_sim.engine.dram import simulate_requests
from accel_sim.kernels.dram.domains import clock_ratio, to_core_cycle
from accel_sim.program import Demand, LayerBuilder, LayerProgram, Machine, Server, Unit
from accel_sim.program.machine import DramSetup
from tests.properties.test_engines_agree import run_all
from tests.reference import naive_dram
from tests.reference.dram_plain import plain

ONE_CHANNEL = ("ddr3_1600", "ddr4_2400", "ddr4_2400_bg_interleaved", "lpddr4_3200", "hbm2_bg_interleaved")
CHANNELS = ("ddr5_3200", "gddr6_14000", "hbm3_5200")
CORE_CLOCKS_HZ = (200_000_000, 980_000_000, 2_400_000_000)
SAME_CLOCK_HZ = {"ddr3_1600": 800_000_000, "ddr5_3200": 1_600_000_000}
"""Core clocks that are the memory's own."""

Transfer = tuple[int, int, int, int, bool]
"""Address, bytes of a run, runs, stride in bytes, write."""


def program_of(
    preset: str, core_clock_hz: int, queues: list[list[Transfer]], depth: int = 1
) -> tuple[Machine, LayerProgram]:
    """A DMA queue for each list of transfers, all on one memory, none waiting for another."""
    setup = DramSetup(device=load_dram_preset(preset), core_clock_hz=core_clock_hz)
    machine = Machine(
        units=tuple(Unit(name=f"dma{i}", role="dma", depth=depth) for i in range(len(queues))),
        semaphores=(),
        servers=(Server(name="dram", kind="dram", quantum_bytes=64, setup=setup),),
    )
    builder = LayerBuilder(machine, "layer", 0)
    for i, transfers in enumerate(queues):
        for address, run_bytes, runs, stride, write in transfers:
            row = builder.template(demands=[Demand("dram", run_bytes, runs, stride, write=write)])
            builder.queue(f"dma{i}", row, 0, address)
    return machine, builder.build("dma0")


def lines_of(transfer: Transfer) -> list[int]:
    """Addresses of the 64-byte lines of a transfer, in order; every run begins a line of its own here."""
    address, run_bytes, runs, stride, _ = transfer
    return [address + run * stride + byte for run in range(runs) for byte in range(0, run_bytes, 64)]


@pytest.mark.parametrize("preset", [*ONE_CHANNEL, *CHANNELS])
@pytest.mark.parametrize("core_clock_hz", CORE_CLOCKS_HZ)
@pytest.mark.parametrize(
    "transfer",
    [(0, 1 << 16, 1, 0, False), (1 << 20, 128, 200, 8192, False), (4096, 64, 300, 1 << 16, False)],
    ids=["sequential", "rows", "conflicts"],
)
def test_a_stream_takes_the_clocks_of_its_trace(preset: str, core_clock_hz: int, transfer: Transfer) -> None:
    machine, program = program_of(preset, core_clock_hz, [[transfer]])
    addresses = np.array(lines_of(transfer), dtype=np.int64)
    device = load_dram_preset(preset)
    expected = simulate_requests(device, addresses, np.zeros(addresses.size, np.uint8))
    timeline = run_all(machine, [program])
    assert not isinstance(timeline, str)
    ratio = clock_ratio(core_clock_hz, device.clock_ps)
    assert int(timeline.boundary_cycles[-1]) == to_core_cycle(expected.clocks, *ratio)
    assert timeline.dram_counts is not None
    assert timeline.dram_counts.reads == expected.reads == addresses.size
    assert timeline.dram_counts.row_hits == expected.row_hits
    assert timeline.dram_counts.activates == expected.activates


def listed(made: tuple[Machine, LayerProgram]) -> tuple[Machine, list[LayerProgram]]:
    return made[0], [made[1]]


def walk(preset: str, queues: list[list[Transfer]]) -> list[list[tuple[int, int]]]:
    """Issue and end clock of each queue's transfers, one at a time in a queue, by looking at every clock."""
    memory = plain(load_dram_preset(preset))
    channels = [naive_dram.Channel(memory) for _ in range(memory.channels)]
    todo = [deque(transfers) for transfers in queues]
    lines: list[deque[int]] = [deque() for _ in queues]
    waiting: list[set[int]] = [set() for _ in queues]
    now: list[Transfer | None] = [None] * len(queues)
    times: list[list[tuple[int, int]]] = [[] for _ in queues]
    issued = [0] * len(queues)
    answered: dict[int, int] = {}
    number, last, clock = 0, len(queues) - 1, 0
    while any(todo) or any(now):
        for q, transfer in enumerate(now):
            arrived = [answered.get(request, clock + 1) for request in waiting[q]]
            if transfer is not None and not lines[q] and max(arrived) <= clock:
                times[q].append((issued[q], clock))
                now[q] = None
            if now[q] is None and todo[q]:
                current = todo[q].popleft()
                now[q], issued[q], waiting[q] = current, clock, set()
                lines[q] = deque(lines_of(current))
        for channel in channels:
            channel.tick(clock)
            answered.update(channel.answered)
        fed: set[int] = set()
        refused, turn = 0, last
        while refused < len(queues) and len(fed) < len(channels):
            turn = (turn + 1) % len(queues)
            refused += 1
            current_transfer = now[turn]
            if not lines[turn] or current_transfer is None:
                continue
            c, bank, row, column = naive_dram.decode(memory, lines[turn][0])
            request = naive_dram.Request(number, lines[turn][0] // 64, current_transfer[4], bank, row, column)
            if c in fed or not channels[c].offer(request, clock):
                continue
            answered.update(channels[c].answered)
            waiting[turn].add(number)
            lines[turn].popleft()
            fed.add(c)
            number, last, refused = number + 1, turn, 0
        clock += 1
    return times


@st.composite
def contention(draw: st.DrawFn) -> list[list[Transfer]]:
    """Two or three queues of transfers that share banks, rows and bursts, or do not."""

    def transfer() -> Transfer:
        write, run_bytes = draw(st.booleans()), 64 * draw(st.integers(1, 6))
        stride = draw(st.sampled_from([1024, 8192, 1 << 17]))
        address = 64 * draw(st.integers(0, 200)) + draw(st.sampled_from([0, 1 << 16, 1 << 24]))
        return address, run_bytes, draw(st.integers(1, 4)), stride, write

    return [[transfer() for _ in range(draw(st.integers(1, 3)))] for _ in range(draw(st.integers(2, 3)))]


@pytest.mark.parametrize("preset", SAME_CLOCK_HZ)
def test_contention_of_queues_clock_by_clock(preset: str) -> None:
    seen: dict[str, int] = {"waited": 0, "runs": 0}

    @settings(max_examples=8, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    @given(contention())
    def check(queues: list[list[Transfer]]) -> None:
        machine, program = program_of(preset, SAME_CLOCK_HZ[preset], queues)
        timeline = run_all(machine, [program])
        assert not isinstance(timeline, str)
        ours = list(zip(timeline.issue_cycle[0].tolist(), timeline.end_cycle[0].tolist(), strict=True))
        assert ours == [times for queue in walk(preset, queues) for times in queue]
        seen["runs"] += 1
        alone = [run_all(*listed(program_of(preset, SAME_CLOCK_HZ[preset], [queue]))) for queue in queues]
        ends = [int(line.boundary_cycles[-1]) for line in alone if not isinstance(line, str)]
        seen["waited"] += max(end for _, end in ours) > max(ends)

    check()
    assert seen["waited"] > seen["runs"] // 2


@pytest.mark.parametrize("core_clock_hz", CORE_CLOCKS_HZ)
@pytest.mark.parametrize("preset", ["ddr4_2400", "hbm3_5200"])
def test_engines_agree_under_contention_of_deep_queues(preset: str, core_clock_hz: int) -> None:
    queues: list[list[Transfer]] = [
        [(i * 8192 + (q << 24), 1024, 4, 2048, q == 2) for i in range(24)] for q in range(4)
    ]
    for depth in (1, 4):
        machine, program = program_of(preset, core_clock_hz, queues, depth)
        timeline = run_all(machine, [program])
        assert not isinstance(timeline, str)
        assert timeline.dram_counts is not None
        assert (timeline.dram_counts.reads, timeline.dram_counts.writes) == (3 * 24 * 64, 24 * 64)
