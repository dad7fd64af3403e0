"""EIE: time of fully connected layers against the paper's simulator, queue depths against an independent one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from accel_sim.arch import load_arch
from accel_sim.engine.simulate import simulate
from accel_sim.results import LayerResult
from accel_sim.validation.figure import Figure
from accel_sim.validation.published import rows, table
from accel_sim.validation.single_layer import IDEAL, array_cycles, run_layer, sparsity
from accel_sim.workload import load_workload

TIMES: Mapping[str, str] = {
    "theoretical": "all entries that meet an activation, padding included, over the PEs: no queue, even work",
    "actual": "the array's cycles",
}
_SOURCE = "Han et al., EIE, ISCA 2016, table of theoretical and actual time, 64 PEs at 800 MHz"
_MASKS = (
    "the pruned networks' masks are not public; ours are drawn evenly, and theirs need more padding entries "
    "(VGG-6: 1.9 stored entries a weight, ours 1.6) and leave PEs less even work"
)
_LAYER_TOLERANCE, _MEAN_TOLERANCE = 0.30, 0.12

_SAMPLE = "an RTL-style model (github RalphMao/EIE-simulator) on its 4096 x 4096 sample layer, run by us"
_SAMPLE_MASK = (
    "the sample's weights are those of a trained layer, ours are drawn evenly at the density that gives as many stored "
    "entries: work of the PEs varies less from one activation to the next, so a short queue costs less"
)
SAMPLE_DENSITY = 0.04
"""Of the weights: with padding entries the layer then stores as many entries as the sample."""


@cache
def _layers() -> Mapping[str, LayerResult]:
    result = simulate(load_workload("eie_layers"), load_arch("eie"), dram=IDEAL, steady=False)
    return {layer.name: layer for layer in result.layers}


def time_us(layer: str, kind: str) -> float:
    """Return our ``theoretical`` or ``actual`` time of a layer of the paper's table."""
    arch, ran = load_arch("eie"), _layers()[layer.lower().replace("-", "_")]
    if kind == "actual":
        return array_cycles(ran) / arch.clock_mhz
    entries = sparsity(ran)["n_done"] + sparsity(ran)["padding_entries"]
    return float(entries / arch.array.n_pes / arch.clock_mhz)


def mean_difference(kind: str) -> float:
    """Return the mean over the layers of the differences without their signs, each as a part of the paper's time."""
    table_rows = rows("eie")
    return float(sum(abs(time_us(row["layer"], kind) / row[f"{kind}_us"] - 1) for row in table_rows) / len(table_rows))


@cache
def sample_cycles(queue_depth: int) -> int:
    """Return the cycles of a layer of the sample's size, entries and activations with queues of some depth."""
    sample = table("eie")["queue_depths"]
    density = {"ifmap": sample["n_activations"] / 4096, "filter": SAMPLE_DENSITY}
    layer = {"op": "linear", "in_features": 4096, "out_features": 4096, "density": density}
    return array_cycles(run_layer(load_arch("eie", {"array.queue_depth": queue_depth}), layer))


def _layer_figures() -> Iterator[Figure]:
    for kind in TIMES:
        for row in rows("eie"):

            def ours(layer: str = row["layer"], kind: str = kind) -> float:
                return time_us(layer, kind)

            yield Figure(
                name=f"eie {row['layer']} {kind} time",
                source=_SOURCE,
                published=row[f"{kind}_us"],
                unit="us",
                ours=ours,
                tolerance=_LAYER_TOLERANCE,
                reason=_MASKS,
            )

        def mean(kind: str = kind) -> float:
            return mean_difference(kind)

        yield Figure(
            name=f"eie mean difference of {kind} time",
            source=_SOURCE,
            published=0,
            unit="",
            ours=mean,
            tolerance=_MEAN_TOLERANCE,
            reason=_MASKS,
        )


def _queue_figures() -> Iterator[Figure]:
    cycles = table("eie")["queue_depths"]["cycles_by_depth"]
    yield Figure(
        name="eie sample layer, queue depth 8",
        source=_SAMPLE,
        published=cycles["8"],
        unit="cycles",
        ours=lambda: sample_cycles(8),
        tolerance=0.05,
        reason=_SAMPLE_MASK,
    )
    for depth, tolerance in ((8, 0.05), (4, 0.10)):

        def ours(depth: int = depth) -> float:
            return sample_cycles(depth) / sample_cycles(16)

        yield Figure(
            name=f"eie sample layer, queue depth {depth} over 16",
            source=_SAMPLE,
            published=round(cycles[str(depth)] / cycles["16"], 3),
            unit="",
            ours=ours,
            tolerance=tolerance,
            reason=_SAMPLE_MASK,
        )


FIGURES = (*_layer_figures(), *_queue_figures())
