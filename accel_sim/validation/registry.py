"""All published figures, by subject; a new subject is one file and one line here."""

from __future__ import annotations

from accel_sim.validation import (
    area,
    dram,
    dual_side,
    eie,
    eyeriss,
    eyeriss_study,
    eyeriss_v2,
    mac_totals,
    recalled_sparsity,
    scnn,
    scnn_runs,
    sigma,
    systolic,
    tensor_core,
    tpu,
)
from accel_sim.validation.figure import Figure

FIGURES: tuple[Figure, ...] = (
    *mac_totals.FIGURES,
    *area.FIGURES,
    *dram.FIGURES,
    *eyeriss.FIGURES,
    *eyeriss_study.FIGURES,
    *eie.FIGURES,
    *scnn.FIGURES,
    *scnn_runs.FIGURES,
    *eyeriss_v2.FIGURES,
    *sigma.FIGURES,
    *tensor_core.FIGURES,
    *dual_side.FIGURES,
    *recalled_sparsity.FIGURES,
    *systolic.FIGURES,
    *tpu.FIGURES,
)
