"""Skipping machines run through the package, against published figures."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.validation import eie, scnn, tensor_core
from accel_sim.validation.figure import Figure, evaluate


@pytest.mark.parametrize("figure", [*eie.FIGURES, *scnn.FIGURES, *tensor_core.FIGURES], ids=lambda figure: figure.name)
def test_figures_are_hit(figure: Figure) -> None:
    assert evaluate(figure).is_hit


def test_eie_is_near_on_average() -> None:
    differences = np.array([evaluate(figure).difference for figure in eie.FIGURES])
    assert abs(differences).mean() < 0.12
