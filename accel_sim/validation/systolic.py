"""Systolic arrays against SCALE-Sim, STONNE and open RTL: all runs of each added up; every one of them is exact."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from accel_sim.results import LayerResult
from accel_sim.validation.figure import Figure
from accel_sim.validation.systolic_runs import Run, rtl_rule_runs, rtl_runs, scalesim_runs, stonne_runs

_RUNS: dict[str, tuple[str, Callable[[], Iterator[Run]]]] = {
    "SCALE-Sim": ("SCALE-Sim 3.0.0, run by us without memory stalls", scalesim_runs),
    "STONNE": ("STONNE commit 22634b8b, output stationary mesh, run by us", stonne_runs),
    "RTL": ("open RTL of two output stationary arrays, run by us under Verilator 5.006", rtl_runs),
    "RTL rule": (
        "the same open RTL with stationary weights, by its measured rule: with the load, the last output leaves at "
        "edge 3R + C + T - 2",
        rtl_rule_runs,
    ),
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


def _exact(name: str, arch: str) -> Figure:
    """Return the row that says of how many runs any quantity differs, which a sum could hide."""
    n_runs = sum(run.arch == arch for run in _RUNS[name][1]())

    def ours() -> int:
        return sum(
            any(abs(value(layer, quantity) - theirs) > 1e-9 * theirs for quantity, theirs in run.theirs.items())
            for run, layer in results(name)
            if run.arch == arch
        )

    return Figure(
        name=f"{arch} runs that differ, of {n_runs}",
        source=_RUNS[name][0],
        published=0,
        unit="runs",
        ours=ours,
        tolerance=0,
    )


def _figures() -> Iterator[Figure]:
    for dataflow in ("ws", "os", "is"):
        arch = f"scalesim_{dataflow}"
        yield _figure("SCALE-Sim", arch, "cycles", "cycles")
        yield _figure("SCALE-Sim", arch, "ifmap_reads", "ifmap reads")
        yield _figure("SCALE-Sim", arch, "filter_reads", "filter reads")
        yield _figure("SCALE-Sim", arch, "ofmap_writes", "ofmap writes")
        yield _figure("SCALE-Sim", arch, "mapping_efficiency_pct", "mapping efficiency")
        yield _exact("SCALE-Sim", arch)
    yield _figure("STONNE", "stonne_os", "cycles", "cycles")
    yield _figure("STONNE", "stonne_os", "ifmap_reads", "ifmap reads")
    yield _figure("STONNE", "stonne_os", "filter_reads", "filter reads")
    yield _exact("STONNE", "stonne_os")
    for name, arch in (("RTL", "rtl_os"), ("RTL", "rtl_handshake"), ("RTL rule", "rtl_ws")):
        yield _figure(name, arch, "cycles", "cycles to the last output")
        yield _exact(name, arch)


FIGURES = tuple(_figures())
