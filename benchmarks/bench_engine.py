"""Speed and memory of the engines, with equality of their timelines checked on the same runs.

    python benchmarks/bench_engine.py

A generated program: two DMA queues load double-buffered tiles, an array and a vector unit work on them, a third DMA
queue stores the result; the queues share a DRAM channel, queues and array a buffer port. Fails (exit 1) if the engines
differ, or if the compiled one takes more than 500 ns a command or 500 MB while 4 million commands stream through it.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from accel_sim.engine import Timeline  # noqa: E402
from accel_sim.engine.compiled import run_compiled  # noqa: E402
from accel_sim.engine.reference import run_reference  # noqa: E402
from accel_sim.program import Demand, LayerBuilder, LayerProgram, Machine, Semaphore, Server, Unit  # noqa: E402

MOST_NS = 500
MOST_MB = 500
TILES = 20_000
REPEATS = 5
STREAMED_LAYERS = 40
REFERENCE_TILES = 4_000
ACCOUNTS = ("boundary_cycles", "busy_cycles", "stall_cycles_by_semaphore", "stall_cycles_by_server", "idle_cycles")

MACHINE = Machine(
    units=(
        Unit(name="load_ifmap", role="dma", depth=4),
        Unit(name="load_filter", role="dma", depth=4),
        Unit(name="array", role="array"),
        Unit(name="vector", role="vector"),
        Unit(name="store", role="dma", depth=4),
    ),
    semaphores=(
        Semaphore(name="room:ifmap", unit="load_ifmap", initial=2, reason="full:ifmap"),
        Semaphore(name="room:filter", unit="load_filter", initial=2, reason="full:filter"),
        Semaphore(name="room:psum", unit="array", initial=2, reason="full:psum"),
        Semaphore(name="ready:ifmap", unit="array", reason="dram:ifmap"),
        Semaphore(name="ready:filter", unit="array", reason="dram:filter"),
        Semaphore(name="ready:psum", unit="vector", reason="producer"),
        Semaphore(name="ready:ofmap", unit="store", reason="producer"),
    ),
    servers=(
        Server(name="dram", kind="bandwidth", rate_num=4, rate_den=3, quantum_bytes=64, latency_cycles=40),
        Server(name="port", kind="bandwidth", rate_num=2, quantum_bytes=16),
    ),
)


def layer(index: int, n_tiles: int) -> LayerProgram:
    """Return one layer of ``5 * n_tiles`` commands; its tiles take different times, drawn from a fixed seed."""
    builder = LayerBuilder(MACHINE, f"layer{index}", index)
    rng = np.random.default_rng(index)
    rows = {
        "load_ifmap": ({"room:ifmap": 1}, {"ready:ifmap": 1}, (Demand("dram", 1024), Demand("port", 1024))),
        "load_filter": ({"room:filter": 1}, {"ready:filter": 1}, (Demand("dram", 2048), Demand("port", 2048))),
        "array": (
            {"ready:ifmap": 1, "ready:filter": 1, "room:psum": 1},
            {"room:ifmap": 1, "room:filter": 1, "ready:psum": 1},
            (Demand("port", 512),),
        ),
        "vector": ({"ready:psum": 1}, {"ready:ofmap": 1}, ()),
        "store": ({"ready:ofmap": 1}, {"room:psum": 1}, (Demand("dram", 512),)),
    }
    own_cycles = {"array": rng.integers(40, 200, n_tiles), "vector": rng.integers(5, 30, n_tiles)}
    for unit, (waits, signals, demands) in rows.items():
        row = builder.template(waits=waits, signals=signals, demands=demands)
        builder.queue(unit, row, own_cycles.get(unit, np.zeros(n_tiles, dtype=np.int64)))
    return builder.build("array")


def peak_mb() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ns_a_command(engine: Callable[..., Timeline], programs: list[LayerProgram], repeats: int) -> tuple[float, Timeline]:
    """Return the best of ``repeats`` CPU times for each command, and the last timeline."""
    best = np.inf
    for _ in range(repeats):
        start = time.process_time_ns()
        timeline = engine(MACHINE, programs)
        best = min(best, time.process_time_ns() - start)
    return best / sum(program.n_commands for program in programs), timeline


def main() -> int:
    """Print one line a measurement; return the exit code."""
    warm = [layer(0, 10)]
    run_compiled(MACHINE, warm)
    run_reference(MACHINE, warm)
    before_mb = peak_mb()

    def stream() -> Iterator[LayerProgram]:
        for index in range(STREAMED_LAYERS):
            yield layer(index, TILES)

    n_streamed = int(run_compiled(MACHINE, stream()).n_commands.sum())
    after_mb = peak_mb()
    large = [layer(index, TILES) for index in range(3)]
    compiled_ns, _ = ns_a_command(run_compiled, large, REPEATS)
    small = [layer(index, REFERENCE_TILES) for index in range(3)]
    _, ours = ns_a_command(run_compiled, small, 1)
    reference_ns, theirs = ns_a_command(run_reference, small, 1)
    equal = all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in ACCOUNTS)
    print(f"compiled   {compiled_ns:9.0f} ns a command   (at most {MOST_NS})")
    print(f"reference  {reference_ns:9.0f} ns a command   {reference_ns / compiled_ns:.0f} times as long")
    print(f"timelines  {'equal' if equal else 'DIFFER'}")
    print(
        f"memory     {after_mb:9.0f} MB at most, {after_mb - before_mb:.0f} MB of them for a stream of"
        f" {n_streamed:,} commands   (at most {MOST_MB})"
    )
    return 0 if equal and compiled_ns <= MOST_NS and after_mb <= MOST_MB else 1


if __name__ == "__main__":
    sys.exit(main())
