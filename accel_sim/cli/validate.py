"""``accel-sim validate``: published figures beside ours."""

from __future__ import annotations

import click


@click.command(short_help="Set published figures beside ours.")
@click.option("--json", metavar="FILE|-", help="Write the rows as JSON; '-': to standard output, nothing else.")
def validate(json: str | None) -> None:
    """Compute every published figure that the models claim, and print the differences.

    A figure that misses its tolerance stays in the table, with the reason. A miss without a reason ends with code 1.
    """
    import json as json_module

    from accel_sim.cli.faults import FAILED
    from accel_sim.cli.output import emit, emit_tables, progress
    from accel_sim.report.files import check_file, write_atomic
    from accel_sim.validation.figure import evaluate
    from accel_sim.validation.registry import FIGURES
    from accel_sim.validation.table import outcome_table

    if json not in (None, "-"):
        check_file(json)
    outcomes = []
    for figure in FIGURES:
        progress(f"computing {figure.name}")
        outcomes.append(evaluate(figure))
    text = json_module.dumps({"figures": [outcome.to_dict() for outcome in outcomes]}, indent=1) + "\n"
    if json == "-":
        emit(text)
    else:
        if json is not None:
            write_atomic(json, text)
        emit_tables([outcome_table(outcomes)])
    if any(not outcome.is_hit and not outcome.figure.reason for outcome in outcomes):
        click.get_current_context().exit(FAILED)
