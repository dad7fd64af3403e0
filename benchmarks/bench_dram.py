"""Speed of the DRAM controller, with cycle-exactness checked on the same runs.

    python benchmarks/bench_dram.py

Fails (exit 1) if a run differs from the reference, or is slower than 2 M requests/s sequential and 0.4 M random
on one core. The figures of the C++ simulator were measured on the machine that made the reference, so the ratio is
a guide, not a race on equal terms.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from accel_sim.arch.dram_device import load_dram_preset  # noqa: E402
from accel_sim.engine.dram import controller_config, count  # noqa: E402
from accel_sim.kernels.dram.layout import new_channels  # noqa: E402
from accel_sim.kernels.dram.trace import run_trace  # noqa: E402
from tests.reference.dram_streams import Stream, streams  # noqa: E402

REFERENCE = json.loads((ROOT / "tests" / "validation" / "data" / "dram_reference.json").read_text())
WANTED = {"a_seq_16MiB": ("sequential", 2.0e6), "d_random_1GiB": ("random", 0.4e6)}
REPEATS = 5


def measure(preset: str, stream: Stream) -> tuple[float, list[int]]:
    """Return the best rate of ``REPEATS`` runs in requests/s, and the counts of the last."""
    device = load_dram_preset(preset)
    no_log = np.zeros((0, 6), np.int64)
    rate = 0.0
    for _ in range(REPEATS):
        channels = new_channels(controller_config(device))
        start = time.process_time()
        end_clock, _ = run_trace(channels, stream.addresses, stream.is_write, stream.dependent, no_log)
        rate = max(rate, len(stream.addresses) / (time.process_time() - start))
    counts = count(channels, int(end_clock))
    columns = REFERENCE["columns"][:-1]
    return rate, [counts.clocks if column == "cycles" else getattr(counts, column) for column in columns]


def main() -> int:
    """Print one line a run; return the exit code."""
    chosen = [stream for stream in streams() if stream.name in WANTED]
    measure("ddr3_1600", chosen[0])  # compiles
    failed = 0
    print(f"{'preset':26}{'stream':16}{'M requests/s':>14}{'x C++':>8}  counts")
    for preset, figures in REFERENCE["figures"].items():
        for stream in chosen:
            kind, wanted = WANTED[stream.name]
            rate, counted = measure(preset, stream)
            exact = counted == figures[stream.name][:-1]
            failed += not exact or rate < wanted
            ratio = rate / REFERENCE["cpp_requests_per_second"][kind]
            print(f"{preset:26}{stream.name:16}{rate / 1e6:14.2f}{ratio:8.1f}  {'exact' if exact else 'DIFFER'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
