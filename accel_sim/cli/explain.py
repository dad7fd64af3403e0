"""``accel-sim explain``: why each layer takes what it takes."""

from __future__ import annotations

import click


@click.command(short_help="Say why each layer takes what it takes.")
@click.argument("result", metavar="RESULT.json")
def explain(result: str) -> None:
    """Say in sentences what bounds each layer of a saved result, by how much, and what would help."""
    from accel_sim.cli.output import emit
    from accel_sim.report.explain import explain as explain_result
    from accel_sim.report.load import load_results

    paragraphs = [paragraph for each in load_results(result) for paragraph in explain_result(each)]
    emit("\n".join(paragraphs) + "\n")
