"""Eyeriss v2: cycles in which its PEs multiply on pointwise layers, and inferences a second of whole networks.

The published cycles of a PE with one multiplier are the sum, over input channels, of the products of the channel's
non-zero activations and weights. The masks are not public; made-up ones with the published totals and the published sum
(`eyeriss_v2_masks`) prove the rule of the sum alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from accel_sim.arch import load_arch
from accel_sim.results import LayerResult
from accel_sim.validation.eyeriss_v2_masks import pointwise_masks
from accel_sim.validation.figure import Figure
from accel_sim.validation.published import rows
from accel_sim.validation.single_layer import run_layer, sparsity

_SOURCE = "one PE of Eyeriss v2, from the validation of Sparseloop (MICRO 2022 artifact); counts a channel are made up"


@cache
def pointwise(name: str, n_multipliers: int) -> LayerResult:
    """Return a layer of the table on the whole machine with PEs of so many multipliers, by its made-up masks."""
    row = next(row for row in rows("eyeriss_v2") if row["layer"] == name)
    ifmap, filters = pointwise_masks(row)
    side = int(row["pixels"] ** 0.5)
    values = {
        "layer.ifmap": ifmap.reshape(1, -1, side, side),
        "layer.filter": filters.T[:, :, None, None],
        "layer.ofmap": np.ones((1, len(filters.T), side, side), dtype=np.bool_),
    }
    with TemporaryDirectory() as folder:
        trace = Path(folder) / "masks.npz"
        with trace.open("wb") as file:
            np.savez(file, allow_pickle=False, **values)
        layer = {"op": "conv2d", "ifmap": [*ifmap.shape[:1], side, side], "filter": [*filters.T.shape, 1, 1]}
        arch = load_arch("eyeriss_v2", {"array.macs": n_multipliers})
        return run_layer(arch, {**layer, "trace": str(trace)})


def multiply_cycles(name: str, n_multipliers: int = 1) -> int:
    """Return the cycles in which the PEs multiply, all PEs added up."""
    return sum(sparsity(pointwise(name, n_multipliers))["work_cycles"])


def _figures() -> Iterator[Figure]:
    for row in rows("eyeriss_v2"):

        def ours(name: str = row["layer"]) -> float:
            return multiply_cycles(name)

        yield Figure(
            name=f"eyeriss_v2 {row['layer']} cycles of PEs with one multiplier",
            source=_SOURCE,
            published=row["cycles"],
            unit="cycles",
            ours=ours,
            tolerance=0.0,
        )


FIGURES = tuple(_figures())
