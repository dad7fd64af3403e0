"""TPU v1: how the time of its matrix unit is shared between work, waiting for weights and shifting them in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from accel_sim.arch import load_arch
from accel_sim.engine.simulate import simulate
from accel_sim.validation.figure import Figure
from accel_sim.workload import load_workload

_SOURCE = "Jouppi et al., ISCA 2017, Table 3, as parts of the cycles that are matrix work (100 % less non-matrix)"
_TOLERANCE = 0.1
_UNKNOWN = (
    "the networks' layer sizes and their share of 16-bit work are not published; workloads of the printed weights and "
    "batch stand for them"
)
# Percent of all cycles: array active, weight stall, weight shift, non-matrix; the four add up to 100.
TABLE_3 = {
    "mlp0": (12.7, 53.9, 15.9, 17.5),
    "mlp1": (10.6, 44.2, 13.4, 31.9),
    "lstm0": (8.2, 58.1, 15.8, 17.9),
    "lstm1": (10.5, 62.1, 17.1, 10.3),
}
SHARES = ("array active", "weight stall", "weight shift")


@cache
def shares(app: str) -> dict[str, float]:
    """Return the parts of our cycles in which operands stream, weights come, and weights are shifted in.

    The array's own time is longer than its streams where a tile streams for less than the 256 cycles of the next
    one's shift; with the memory as the bound, weights are waited for in that time. What is left are the network's own
    input and output.
    """
    result = simulate(load_workload(f"tpu_{app}"), load_arch("tpu_v1"), steady=False)
    cycles = result.total["total_cycles"]
    stream = sum(layer.bounds_cycles["stream"] for layer in result.layers)
    stalls = result.total["stall_cycles"]
    waiting = stalls["dram:filter"] + result.total["compute_cycles"] - stream
    return {
        "array active": stream / cycles,
        "weight stall": waiting / cycles,
        "weight shift": stalls["preload:filter"] / cycles,
    }


def published_shares(app: str) -> dict[str, float]:
    """Return the printed shares as parts of the matrix unit's time."""
    *parts, non_matrix = TABLE_3[app]
    return {name: part / (100 - non_matrix) for name, part in zip(SHARES, parts, strict=True)}


def _figures() -> Iterator[Figure]:
    for app in TABLE_3:
        for share, published in published_shares(app).items():

            def ours(app: str = app, share: str = share) -> float:
                return 100 * shares(app)[share]

            yield Figure(
                name=f"tpu_v1 {app} {share}",
                source=_SOURCE,
                published=round(100 * published, 2),
                unit="%",
                ours=ours,
                tolerance=_TOLERANCE,
                reason=_UNKNOWN,
            )


FIGURES = tuple(_figures())
