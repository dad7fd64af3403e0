"""The mapping files that docs/dataflows.md shows are legal, and lead to the mapping that they spell out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from accel_sim import load_arch, load_workload
from accel_sim.engine.simulate import simulate
from accel_sim.mapping.loop_nest import ORDERS
from accel_sim.mapping.no_local_reuse import PARAMS
from accel_sim.mapping.row_stationary import LETTERS

PAGE = (Path(__file__).parents[2] / "docs" / "dataflows.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(dataflow: (\w+)\n.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
MACHINES = {"no_local_reuse": "diannao", "row_stationary": "eyeriss"}


@pytest.mark.parametrize(("text", "dataflow"), EXAMPLES, ids=[dataflow for _, dataflow in EXAMPLES])
def test_examples_run_as_shown(tmp_path: Path, text: str, dataflow: str) -> None:
    file = tmp_path / "map.yaml"
    file.write_text(text)
    names = re.findall(r"^  (\w+):", text, re.MULTILINE)
    network = load_workload("alexnet")
    result = simulate(network, load_arch(MACHINES[dataflow]), mapping=str(file), layers=",".join(names), steady=False)
    for name in names:
        shown = dict(re.findall(r"(\w+): (\w+)", re.search(rf"^  {name}: {{(.*)}}", text, re.MULTILINE)[1]))  # type: ignore[index]
        used = {key: str(value) for key, value in result.layer(name).mapping.items()}
        assert {key: used[key] for key in shown} == shown


def test_both_dataflows_have_an_example_and_every_parameter_its_row() -> None:
    assert {dataflow for _, dataflow in EXAMPLES} == set(MACHINES)
    rows = {
        name for cells in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(\w+)`", cells)
    }
    assert rows >= {*PARAMS, *LETTERS}
    assert all(f"`{order}`" in PAGE for order in ORDERS)
