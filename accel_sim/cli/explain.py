"""``accel-sim explain``: why each layer takes what it takes."""

from __future__ import annotations

import click


@click.command(short_help="Say why each layer takes what it takes.")
@click.argument("result", metavar="RESULT.json")
@click.option("--balance", is_flag=True, help="Also print the books: what was checked, both sides of each line.")
def explain(result: str, balance: bool) -> None:
    """Say in sentences what bounds each layer of a saved result, by how much, and what would help."""
    from accel_sim.cli.output import emit, emit_tables
    from accel_sim.report.balance import balance_table
    from accel_sim.report.explain import explain as explain_result
    from accel_sim.report.load import load_results

    results = load_results(result)
    emit("".join(f"{paragraph}\n" for each in results for paragraph in explain_result(each)))
    if balance:
        emit("\n")
        emit_tables(balance_table(each) for each in results)
