"""Runs of SCNN in the public simulator DNNsim, and ours of the same layers: time, work, and where multipliers idle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from accel_sim.arch import load_arch
from accel_sim.results import LayerResult
from accel_sim.validation.figure import Figure
from accel_sim.validation.published import table
from accel_sim.validation.single_layer import array_cycles, run_layer, sparsity

_SOURCE = "DNNsim commit 4748a600, three dense layers on 4 x 4 PEs, run by us"
SETS: Mapping[str, Any] = {
    "array.pe_rows": 4,
    "array.pe_cols": 4,
    "array.bank_queue": 0,
    "array.barrier": "channel",
    "array.halo_overlap": False,
    "array.tile_padding": True,
}
"""DNNsim's choices, where they differ from the paper's."""
_PES, _SLOTS, _VECTOR, _WORD_BYTES = 16, 16, 4, 2


def _words(layer: LayerResult, buffer: str, tensor: str) -> int:
    return layer.accesses[buffer][tensor]["read_bytes"] // _WORD_BYTES


QUANTITIES: Mapping[str, tuple[str, str, Callable[[LayerResult], int]]] = {
    "cycles": ("cycles", "cycles", array_cycles),
    "mults": ("products", "", lambda layer: int(sparsity(layer)["n_done"])),
    "idle_bricks": ("slots idle in vectors", "", lambda layer: int(sparsity(layer)["idle_multiplier_slots"])),
    "idle_conflicts": ("slots idle at banks", "", lambda layer: _SLOTS * sparsity(layer)["bank_conflict_pe_cycles"]),
    "idle_pe": ("slots idle at barriers", "", lambda layer: _SLOTS * sparsity(layer)["barrier_pe_cycles"]),
    "idle_halo": ("slots idle in halos", "", lambda layer: _SLOTS * _PES * sparsity(layer)["halo_cycles"]),
    "i_loop": ("vectors of activations", "", lambda layer: _words(layer, "iaram", "ifmap") // _VECTOR),
    "f_loop": (
        "pairs of vectors",
        "",
        lambda layer: (sparsity(layer)["n_done"] + sparsity(layer)["idle_multiplier_slots"]) // _SLOTS,
    ),
    "offchip_weight_reads": ("weights sent", "words", lambda layer: _words(layer, "weight_fifo", "filter")),
}
"""DNNsim's counter: its name here, its unit, and ours of it."""


@cache
def results() -> tuple[tuple[Mapping[str, Any], LayerResult], ...]:
    """Return DNNsim's counters of each layer beside our result."""
    arch = load_arch("scnn", dict(SETS))
    return tuple(
        (row, run_layer(arch, {"op": "conv2d", **{key: row[key] for key in ("ifmap", "filter", "padding")}}))
        for row in table("scnn")["dnnsim"]
    )


def _figures() -> Iterator[Figure]:
    for counter, (name, unit, of) in QUANTITIES.items():

        def ours(of: Callable[[LayerResult], int] = of) -> int:
            return sum(of(result) for _, result in results())

        yield Figure(
            name=f"scnn DNNsim {name}, 3 layers",
            source=_SOURCE,
            published=sum(row[counter] for row in table("scnn")["dnnsim"]),
            unit=unit,
            ours=ours,
            tolerance=0.0,
        )


FIGURES = tuple(_figures())
