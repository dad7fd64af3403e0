"""EIE: time of fully connected layers, against the paper's cycle-accurate simulator."""

from __future__ import annotations

from functools import cache

from accel_sim.arch import load_arch
from accel_sim.engine.simulate import simulate
from accel_sim.results import NetworkResult
from accel_sim.validation.figure import Figure
from accel_sim.workload import load_workload

_SOURCE = "Han et al., EIE, ISCA 2016, table of theoretical and actual time, 64 PEs at 800 MHz"
_MASKS = (
    "the pruned networks' masks are not public; ours are drawn evenly, and theirs need more padding entries "
    "(VGG-6: 1.9 stored entries a weight, ours 1.6) and leave PEs less even work"
)
_TOLERANCE = 0.30


@cache
def _result() -> NetworkResult:
    return simulate(load_workload("eie_layers"), load_arch("eie"), dram="ideal", steady=False)


def _figure(layer: str, published_us: float) -> Figure:
    def ours() -> float:
        busy = _result().layer(layer.lower().replace("-", "_")).units["array"]["busy_cycles"]
        return busy / load_arch("eie").clock_mhz

    return Figure(
        name=f"eie {layer} actual time",
        source=_SOURCE,
        published=published_us,
        unit="us",
        ours=ours,
        tolerance=_TOLERANCE,
        reason=_MASKS,
    )


FIGURES = (
    _figure("Alex-6", 30.3),
    _figure("Alex-7", 12.2),
    _figure("Alex-8", 9.9),
    _figure("VGG-6", 34.4),
    _figure("VGG-7", 8.7),
    _figure("VGG-8", 8.4),
)
