"""Runs of other systolic arrays (SCALE-Sim, STONNE's mesh, open RTL), and ours of the same layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from accel_sim.arch import Accelerator, load_arch
from accel_sim.config import Document
from accel_sim.engine.simulate import simulate
from accel_sim.results import LayerResult
from accel_sim.validation.published import rows
from accel_sim.workload.reader import network_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of theirs.

    Parameters
    ----------
    arch
        Shipped machine with their conventions.
    sets
        Their sizes, as for ``--set``.
    layer
        The layer, as in a workload file.
    theirs
        Their ``cycles``, and where they count them ``ifmap_reads``, ``filter_reads``, ``ofmap_writes`` and
        ``mapping_efficiency_pct``.
    """

    arch: str
    sets: tuple[tuple[str, Any], ...]
    layer: Mapping[str, Any]
    theirs: Mapping[str, float]

    def ours(self) -> LayerResult:
        """Return our result of the layer, without memory stalls."""
        bits = {"ifmap": 8, "filter": 8, "ofmap": 8, "psum": 32}
        document = Document.from_data({"name": "run", "defaults": {"bits": bits}, "layers": [self.layer]})
        arch = _machine(self.arch).with_set(dict(self.sets))
        return simulate(network_of(document), arch, dram="ideal", steady=False).layers[0]


@cache
def _machine(name: str) -> Accelerator:
    return load_arch(name)


def scalesim_runs() -> Iterator[Run]:
    """Yield SCALE-Sim's runs, without the surplus of its output stationary ofmap writes that no hardware makes."""
    kept = ("cycles", "ifmap_reads", "filter_reads", "ofmap_writes", "mapping_efficiency_pct")
    for row in rows("scalesim"):
        theirs = {name: row[name] for name in kept}
        if row["dataflow"] == "os":
            folds = -(-row["m"] // row["rows"]) * -(-row["n"] // row["cols"])
            theirs["ofmap_writes"] -= folds * (row["rows"] + row["cols"])
        yield Run(
            arch=f"scalesim_{row['dataflow']}",
            sets=_size(row["rows"], row["cols"]),
            layer=_conv(row["conv"]) if row["conv"] else _gemm(row["m"], row["k"], row["n"]),
            theirs=theirs,
        )


def stonne_runs() -> Iterator[Run]:
    """Yield STONNE's runs; the array is as large as its tile."""
    for row in rows("stonne_os"):
        yield Run(
            arch="stonne_os",
            sets=_size(row["tile_rows"], row["tile_cols"]),
            layer=_gemm(row["m"], row["k"], row["n"]),
            theirs={name: row[name] for name in ("cycles", "ifmap_reads", "filter_reads")},
        )


def rtl_runs() -> Iterator[Run]:
    """Yield the runs of open RTL: cycles are the edge of the last output and one."""
    for row in rows("rtl_systolic", "os_columns", "os"):
        yield Run(
            arch="rtl_os",
            sets=_size(row["rows"], row["cols"]),
            layer=_gemm(row["rows"], row["stream"], row["cols"]),
            theirs={"cycles": row["last_out_edge"] + 1},
        )
    for row in rows("rtl_systolic", "handshake_columns", "handshake"):
        stages = ("array.latency_cycles", row["multiply_cycles"] + row["add_cycles"])
        yield Run(
            arch="rtl_handshake",
            sets=(*_size(row["rows"], row["cols"]), stages),
            layer=_gemm(row["rows"] * row["tiles"], row["k"], row["cols"]),
            theirs={"cycles": row["last_out_edge"] + 1},
        )


def rtl_rule_runs() -> Iterator[Run]:
    """Yield the weight stationary array's rule for the sizes at which the output stationary one was run.

    Its rule is known, its points are not: the last output leaves at edge 3R + C + T - 2, from the first weight row on.
    """
    for row in rows("rtl_systolic", "os_columns", "os"):
        n_rows, cols, stream = row["rows"], row["cols"], row["stream"]
        yield Run(
            arch="rtl_ws",
            sets=_size(n_rows, cols),
            layer=_gemm(stream, n_rows, cols),
            theirs={"cycles": 3 * n_rows + cols + stream - 1},
        )


def _size(n_rows: int, cols: int) -> tuple[tuple[str, Any], ...]:
    return ("array.rows", n_rows), ("array.cols", cols)


def _gemm(m: int, k: int, n: int) -> dict[str, Any]:
    return {"name": "gemm", "op": "matmul", "m": m, "k": k, "n": n}


def _conv(sizes: list[int]) -> dict[str, Any]:
    height, width, filter_height, filter_width, channels, filters, stride = sizes
    return {
        "name": "conv",
        "op": "conv2d",
        "ifmap": [channels, height, width],
        "filter": [filters, channels, filter_height, filter_width],
        "stride": stride,
    }
