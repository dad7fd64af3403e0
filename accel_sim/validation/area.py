"""Area of the shipped machines, against the chips they are modelled on."""

from __future__ import annotations

from accel_sim.arch import load_arch
from accel_sim.energy import EnergyModel
from accel_sim.validation.figure import Figure

_WHAT_OURS_LEAVES_OUT = (
    "ours adds up the cells of MACs, register files, buffers and vector unit; the chip's core also holds buses, "
    "control, clock tree, filler and routing"
)


def _figure(arch: str, source: str, published: float) -> Figure:
    def ours() -> float:
        return EnergyModel(load_arch(arch)).area_mm2()

    return Figure(
        name=f"{arch} core area",
        source=source,
        published=published,
        unit="mm2",
        ours=ours,
        tolerance=0.3,
        reason=_WHAT_OURS_LEAVES_OUT,
    )


FIGURES = (
    _figure("eyeriss", "Chen et al., JSSC 52(1), 2017, core of 3.5 mm x 3.5 mm", 12.25),
    _figure("diannao", "Chen et al., ASPLOS 2014, Table 6", 3.02),
)
