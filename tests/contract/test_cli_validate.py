"""``accel-sim validate``: every published figure is a row, and a miss has a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from accel_sim.cli import main
from accel_sim.validation import registry
from accel_sim.validation.figure import Figure, Outcome, evaluate
from accel_sim.validation.table import outcome_table

KEYS = ["figure", "source", "unit", "published", "ours", "difference", "tolerance", "verdict", "reason"]


def figure(ours: float, *, published: float = 100.0, tolerance: float = 0.1, reason: str = "") -> Figure:
    return Figure(
        name=f"figure {ours:g}", source="Table I", published=published, unit="ms", ours=lambda: ours,
        tolerance=tolerance, reason=reason,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "published", "difference", "verdict"),
    [
        (110, 100, 0.1, "ok"),
        (90, 100, -0.1, "ok"),
        (110.1, 100, 0.101, "miss"),
        (-90, -100, 0.1, "ok"),
        (1, 0, 1, "miss"),
    ],
)
def test_verdicts(ours: float, published: float, difference: float, verdict: str) -> None:
    outcome = evaluate(figure(ours, published=published))
    assert outcome.difference == pytest.approx(difference)
    assert outcome.verdict == verdict
    assert list(outcome.to_dict()) == KEYS


def test_reasons_are_numbered_below_the_table() -> None:
    outcomes = [evaluate(figure(n, reason=why)) for n, why in ((100, "never shown"), (1, "a"), (2, "b"), (3, "a"))]
    table = outcome_table(outcomes)
    verdicts = next(column.cells for column in table.columns if column.header == "verdict")
    assert list(verdicts) == ["ok", "miss [1]", "miss [2]", "miss [1]"]
    assert list(table.notes) == ["[1] a", "[2] b"]
    assert table.title.startswith("1 of 4")


def test_registry_is_sound() -> None:
    names = [row.name for row in registry.FIGURES]
    assert len(names) == len(set(names))
    assert all(row.source and row.tolerance >= 0 for row in registry.FIGURES)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that takes no time to compute."""
    monkeypatch.setattr(registry, "FIGURES", (figure(101), figure(200, reason="we know why")))


@pytest.mark.usefixtures("few")
def test_table_and_json(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["validate", "--json", str(tmp_path / "v.json")])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "1 of 2 published figures within their tolerance"
    assert done.stdout.splitlines()[-1] == "[1] we know why"
    rows = json.loads((tmp_path / "v.json").read_text())["figures"]
    assert [row["verdict"] for row in rows] == ["ok", "miss"]
    alone = CliRunner().invoke(main, ["validate", "--json", "-"])
    assert json.loads(alone.stdout) == {"figures": rows}


def test_miss_without_a_reason_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "FIGURES", (figure(200),))
    done = CliRunner().invoke(main, ["validate"])
    assert done.exit_code == 1
    assert "reason unknown" in done.stdout


def test_outcome_needs_no_computation() -> None:
    assert Outcome(figure=figure(0), ours=100.0).is_hit
