"""The Eyeriss chip and this model side by side, what the open choices are worth, and the energy study on equal area.

    python benchmarks/study_eyeriss.py [FOLDER]

Prints the tables of ``docs/eyeriss.md`` and draws ``eyeriss_alexnet.png`` and ``.svg`` into FOLDER (``docs/figures``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from matplotlib.figure import Figure  # noqa: E402

from accel_sim.arch import load_arch  # noqa: E402
from accel_sim.config import resolve_shipped  # noqa: E402
from accel_sim.engine.simulate import simulate  # noqa: E402
from accel_sim.report.files import write_folder  # noqa: E402
from accel_sim.report.plots.style import FORMATS, appearance, legend_below, patch, render, style  # noqa: E402
from accel_sim.results import LayerResult  # noqa: E402
from accel_sim.validation import eyeriss, eyeriss_study  # noqa: E402
from accel_sim.workload import Network, load_workload  # noqa: E402
from accel_sim.workload.reader import parse_workload  # noqa: E402

LAYERS = tuple(eyeriss.CHIP)
ON_CHIP = ("rf", "mac", "noc", "glb", "filter_buffer", "clock")

QUANTITIES: Mapping[str, tuple[int, str, Callable[[str], float]]] = {
    "processing latency": (0, "ms", eyeriss.processing_ms),
    "total latency": (1, "ms", lambda name: eyeriss.layer(name).latency_ms),
    "active PEs": (2, "PEs", lambda name: eyeriss.layer(name).active_pes),
    "GLB accesses": (3, "MB", eyeriss.glb_mb),
    "DRAM accesses": (4, "MB", eyeriss.dram_mb),
    "chip power": (5, "mW", eyeriss.power_mw),
}
"""Column in ``eyeriss.CHIP``, unit, and ours."""

VARIANTS: Mapping[str, Mapping[str, object]] = {
    "as modelled": {},
    "fmap traffic under processing": {"array.stops_for_fmaps": False},
    "no filter prefetch into free RF words": {"array.filter_prefetch": False},
    "psums added without adder cycles": {"array.psum_add_cycles": 0},
    "psum FIFOs of 27 words": {"array.psum_fifo_words": 27},
    "link in bursts of 64 bytes": {"dma.quantum_bytes": 64},
    "no DRAM latency": {"dram.latency_ns": 0},
    "DRAM latency of 1 us": {"dram.latency_ns": 1000},
    "one transfer of a stream at a time": {"dma.outstanding": 1},
    "codec of 1 word a cycle": {"codec.decode_words_per_cycle": 1, "codec.encode_words_per_cycle": 1},
}
"""Open choices, each changed for all layers."""

SPARSER_CONV1 = "62 % zeros in CONV1's ofmap"


def chip_rows() -> Iterator[str]:
    """Yield a line a layer: the chip and ours, and the difference in per cent."""
    for name, chip in eyeriss.CHIP.items():
        cells = [name.upper()]
        for column, unit, ours in QUANTITIES.values():
            value = ours(name)
            if unit == "PEs":
                cells += [f"{chip[column]:g}", f"{value:g}"]
            else:
                digits = 0 if unit == "mW" else 2 if unit == "MB" else 1
                difference = 100 * (value / chip[column] - 1)
                cells += [f"{chip[column]:g}", f"{value:.{digits}f}", f"{difference:+.1f}"]
        yield _line(cells)


def dram_rows() -> Iterator[str]:
    """Yield a line a layer: DRAM traffic by tensor, what it takes on the link, and the chip's total less processing."""
    for name, (processing, total, *_) in eyeriss.CHIP.items():
        ran = eyeriss.layer(name)
        megabytes = {tensor: sum(row.values()) / 1e6 for tensor, row in ran.accesses["dram"].items()}
        fmaps_ms = (megabytes["ifmap"] + megabytes["ofmap"]) / 0.48
        ours = ran.latency_ms - eyeriss.processing_ms(name)
        cells = [f"{megabytes[tensor]:.2f}" for tensor in ("ifmap", "filter", "ofmap")]
        yield _line([name.upper(), *cells, f"{fmaps_ms:.2f}", f"{ours:.2f}", f"{total - processing:.1f}"])


def variant_rows() -> Iterator[str]:
    """Yield a line an open choice: differences of the total latency to the chip in per cent, and their mean."""
    network = load_workload(eyeriss.WORKLOAD, eyeriss.BATCH)
    for label, sets in VARIANTS.items():
        yield _variant(label, network, sets)
    text = resolve_shipped("accel_sim.workloads", eyeriss.WORKLOAD).read_text(encoding="utf-8")
    sparser = text.replace("ofmap: 0.613", "ofmap: 0.38")
    assert sparser != text
    yield _variant(SPARSER_CONV1, parse_workload(sparser, batch=eyeriss.BATCH), {})


def power_rows() -> Iterator[str]:
    """Yield a line a layer: where the chip's power goes, in mW."""
    for name in LAYERS:
        parts = [eyeriss.power_mw(name, part) for part in ON_CHIP]
        yield _line([name.upper(), *(f"{part:.1f}" for part in parts), f"{eyeriss.power_mw(name):.0f}"])


def share_rows() -> Iterator[str]:
    """Yield a line a part: its share of CONV1's and CONV5's power, published, ours, and by the study's ratios."""
    arch = load_arch("eyeriss", {"energy.mode": "relative"})
    network = load_workload(eyeriss.WORKLOAD, eyeriss.BATCH)
    for row, (what, component) in enumerate((("scratchpads", "rf"), ("multipliers and adders", "mac"))):
        cells = [what]
        for name, published in eyeriss.SHARES.items():
            ours = eyeriss.power_mw(name, component) / eyeriss.power_mw(name)
            cells += [f"{100 * published[row]:.1f}", f"{100 * ours:.1f}"]
        yield _line(cells)
    cells = ["scratchpads over multipliers and adders"]
    for name, (spads, multipliers) in eyeriss.SHARES.items():
        ran = simulate(network, arch, mapping=eyeriss.MAPPING, layers=name, steady=False).layers[0]
        cells += [f"{spads / multipliers:.1f}", f"{ran.energy['rf'] / ran.energy['mac']:.1f}"]
    yield _line(cells)


def study_rows() -> Iterator[str]:
    """Yield a line a layer: energy of row stationary beside the published one, and that of the other dataflows."""
    for name, (alu, dram, rf) in eyeriss_study.ENERGY.items():
        ran = eyeriss_study.layer(eyeriss_study.RS, name)
        parts = [(alu, "mac"), (rf, "rf"), (dram, "dram")]
        cells = [name.upper()]
        for published, component in parts:
            cells += [f"{published:.2f}", f"{ran.energy[component] / 1e9:.2f}"]
        cells += [f"{ran.energy[component] / 1e9:.2f}" for component in ("noc", "glb")]
        cells += [f"{eyeriss_study.ratio(machine, (name,)):.2f}" for machine in _others()]
        yield _line(cells)


def ratio_row(layers: tuple[str, ...]) -> str:
    """Return the energy of the other dataflows over that of row stationary, summed over layers."""
    return ", ".join(f"{eyeriss_study.ratio(machine, layers):.2f}x" for machine in _others())


def draw() -> Figure:
    """Return the chip and ours, a panel a quantity."""
    shown = [name for name in QUANTITIES if name != "active PEs"]
    looks = appearance(["chip", "ours"])
    with style():
        figure = Figure(figsize=(11, 2.9), layout="constrained")
        panels = figure.subplots(1, len(shown))
        for axes, name in zip(panels, shown, strict=True):
            column, unit, ours = QUANTITIES[name]
            bars = {"chip": [row[column] for row in eyeriss.CHIP.values()], "ours": [ours(layer) for layer in LAYERS]}
            for i, (who, heights) in enumerate(bars.items()):
                at = [x + 0.4 * (i - 0.5) for x in range(len(LAYERS))]
                colour, hatch = looks[who]
                axes.bar(at, heights, 0.4, color=colour, hatch=hatch, edgecolor="black", linewidth=0.4)
            axes.set_title(f"{name}, {unit}", fontsize=9)
            axes.set_xticks(range(len(LAYERS)), [layer.upper() for layer in LAYERS], rotation=60)
            axes.grid(axis="x", visible=False)
        legend_below(figure, [patch(who, look) for who, look in looks.items()])
    return figure


def _others() -> tuple[str, ...]:
    return eyeriss_study.WS, eyeriss_study.OS, eyeriss_study.NLR


def _variant(label: str, network: Network, sets: Mapping[str, object]) -> str:
    arch = load_arch("eyeriss", sets)

    def run(name: str) -> LayerResult:
        return simulate(network, arch, mapping=eyeriss.MAPPING, layers=name, steady=False).layers[0]

    differences = [100 * (run(name).latency_ms / row[1] - 1) for name, row in eyeriss.CHIP.items()]
    mean = sum(abs(difference) for difference in differences) / len(differences)
    return _line([label, *(f"{difference:+.1f}" for difference in differences), f"{mean:.1f}"])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


TABLES: Mapping[str, Callable[[], Iterator[str]]] = {
    "the chip and ours: processing and total latency, active PEs, GLB and DRAM accesses, power": chip_rows,
    "DRAM traffic in MB by tensor; fmaps on the link, total less processing latency ours and the chip's, ms": dram_rows,
    "open choices: total latency against the chip's, per cent": variant_rows,
    "power in mW: scratchpads, MACs, network, GLB, filter buffer, clock constant, chip": power_rows,
    "shares of the power: CONV1 published and ours, CONV5 published and ours": share_rows,
    "study, 1e9 MACs: ALU, RF and DRAM published and ours, network, GLB; WS, OS and NLR over RS": study_rows,
}


def main(folder: str = str(ROOT / "docs" / "figures")) -> None:
    """Print the tables and write the figure."""
    for title, rows in TABLES.items():
        print(f"\n{title}", *rows(), sep="\n")
    print("\nCONV:", ratio_row(eyeriss_study.CONV), "FC:", ratio_row(eyeriss_study.FC))
    figure = draw()
    for path in write_folder(folder, {f"eyeriss_alexnet.{kind}": render(figure, kind) for kind in FORMATS}):
        print(path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
