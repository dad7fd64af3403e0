"""Systolic arrays against SCALE-Sim, STONNE and open RTL: all runs of each added up; every one of them is exact."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from accel_sim.results import LayerResult
from accel_sim.validation.figure import Figure
from accel_sim.validation.systolic_runs import Run, rtl_runs, scalesim_runs, stonne_runs

_RUNS: dict[str, tuple[str, Callable[[], Iterator[Run]]]] = {
    "SCALE-Sim": ("SCALE-Sim 3.0.0, run by us without memory stalls", scalesim_runs),
    "STONNE": ("STONNE commit 22634b8b, output stationary mesh, run by us", stonne_runs),
    "RTL": ("open RTL of two output stationary arrays, run by us under Verilator 5.006", rtl_runs),
}
_QUANTITIES: dict[str, tuple[str, Callable[[LayerResult], float]]] = {
    "cycles": ("cycles", lambda layer: layer.compute_cycles),
    "ifmap_reads": ("words", lambda layer: layer.accesses["ifmap_sram"]["ifmap"]["read_bytes"]),
    "filter_reads": ("words", lambda layer: layer.accesses["filter_sram"]["filter"]["read_bytes"]),
    "ofmap_writes": ("words", lambda layer: layer.accesses["ofmap_sram"]["ofmap"]["write_bytes"]),
    "mapping_efficiency_pct": ("%", lambda layer: 100 * (layer.mapping_efficiency or 0)),
}


@cache
def results(name: str) -> tuple[tuple[Run, LayerResult], ...]:
    """Return every run of ``SCALE-Sim``, ``STONNE`` or ``RTL`` beside ours."""
    return tuple((run, run.ours()) for run in _RUNS[name][1]())


def value(layer: LayerResult, quantity: str) -> float:
    """Return our figure of a quantity that runs name."""
    return _QUANTITIES[quantity][1](layer)


def _figure(name: str, arch: str, quantity: str, words: str) -> Figure:
    source, runs = _RUNS[name]
    theirs = [run.theirs[quantity] for run in runs() if run.arch == arch]

    def ours() -> float:
        return sum(value(layer, quantity) for run, layer in results(name) if run.arch == arch)

    return Figure(
        name=f"{arch} {words}, sum of {len(theirs)} runs",
        source=source,
        published=sum(theirs),
        unit=_QUANTITIES[quantity][0],
        ours=ours,
        tolerance=1e-12 if quantity == "mapping_efficiency_pct" else 0,
    )


def _figures() -> Iterator[Figure]:
    for dataflow in ("ws", "os", "is"):
        arch = f"scalesim_{dataflow}"
        yield _figure("SCALE-Sim", arch, "cycles", "cycles")
        yield _figure("SCALE-Sim", arch, "ifmap_reads", "ifmap reads")
        yield _figure("SCALE-Sim", arch, "filter_reads", "filter reads")
        yield _figure("SCALE-Sim", arch, "mapping_efficiency_pct", "mapping efficiency")
    yield _figure("STONNE", "stonne_os", "cycles", "cycles")
    yield _figure("STONNE", "stonne_os", "ifmap_reads", "ifmap reads")
    yield _figure("STONNE", "stonne_os", "filter_reads", "filter reads")
    yield _figure("RTL", "rtl_os", "cycles", "cycles to the last output")
    yield _figure("RTL", "rtl_handshake", "cycles", "cycles to the last output")


FIGURES = tuple(_figures())
