"""``accel-sim dram``: a request trace through a memory controller."""

from __future__ import annotations

import click


@click.command(short_help="Run a request trace through a memory.")
@click.argument("preset")
@click.argument("trace", metavar="TRACE.csv")
@click.option("--dependent", is_flag=True, help="Each request waits for the answer to the one before.")
@click.option("--json", metavar="FILE|-", help="Write the counts as JSON; '-': to standard output, nothing else.")
def dram(preset: str, trace: str, dependent: bool, json: str | None) -> None:
    """Run the 64-byte requests of TRACE.csv (a header, then lines of address,is_write) through the memory PRESET.

    PRESET is a shipped name (see `accel-sim list dram`) or the path of a preset file.
    """
    import json as json_module

    from accel_sim.cli.output import emit
    from accel_sim.engine.dram import run_dram_trace
    from accel_sim.report.files import check_file, write_atomic

    if json not in (None, "-"):
        check_file(json)
    counts = run_dram_trace(preset, trace, dependent)
    text = json_module.dumps(counts, indent=1, allow_nan=False) + "\n"
    if json == "-":
        emit(text)
        return
    if json is not None:
        write_atomic(json, text)
    width = max(len(name) for name in counts)
    lines = [(name, value) for name, value in counts.items() if not isinstance(value, dict)]
    lines += [(f"  {name}", value) for name, value in counts["energy_by_component_pj"].items()]
    emit("".join(f"{name:<{width}}  {_readable(value)}\n" for name, value in lines))


def _readable(value: object) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
