"""The dual-side tensor core against its paper's density sweep, relative to dense."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from accel_sim.arch import load_arch
from accel_sim.validation.figure import Figure
from accel_sim.validation.published import rows, table
from accel_sim.validation.single_layer import array_cycles, run_layer

_SOURCE = "Wang et al., Dual-side Sparse Tensor Core, ISCA 2021, Fig. 21, as digitised by the authors of Sparseloop"
_STEPS = (
    "the step of 8 x 16 products is recalled; with steps of 8 along A a density near 1 leaves slots of most steps "
    "empty, which the published curve does not show"
)


@cache
def cycles(a_density: float, b_density: float) -> int:
    """Return the cycles of one unit on a part of the sweep's product: tiles with random zeros are alike."""
    density = {"filter": a_density, "ifmap": b_density}
    layer = {"op": "matmul", "m": 256, "k": 1024, "n": 256, "density": density}
    return array_cycles(run_layer(load_arch("dual_side_tensor_core", {"array.units": 1}), layer))


def _figures() -> Iterator[Figure]:
    for row in rows("dual_side"):

        def ours(a: float = row["a_density"], b: float = row["b_density"]) -> float:
            return cycles(a, b) / cycles(1.0, 1.0)

        yield Figure(
            name=f"dual_side_tensor_core time at densities {row['a_density']} and {row['b_density']} over dense",
            source=_SOURCE,
            published=round(row["cycles"] / table("dual_side")["dense_cycles"], 3),
            unit="",
            ours=ours,
            tolerance=0.10,
            reason=_STEPS,
        )


FIGURES = tuple(_figures())
