"""All published figures, by subject; a new subject is one file and one line here."""

from __future__ import annotations

from accel_sim.validation import area, dram, eie, eyeriss, eyeriss_study, mac_totals, scnn, systolic, tensor_core, tpu
from accel_sim.validation.figure import Figure

FIGURES: tuple[Figure, ...] = (
    *mac_totals.FIGURES,
    *area.FIGURES,
    *dram.FIGURES,
    *eyeriss.FIGURES,
    *eyeriss_study.FIGURES,
    *eie.FIGURES,
    *scnn.FIGURES,
    *tensor_core.FIGURES,
    *systolic.FIGURES,
    *tpu.FIGURES,
)
