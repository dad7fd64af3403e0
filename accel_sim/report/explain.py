"""Say in a sentence or two why each layer takes what it takes: what bounds it, by how much, and what would help."""

from __future__ import annotations

from accel_sim.report.advice import advice
from accel_sim.report.load_balance import balance_in_words
from accel_sim.report.quantities import percent, workload_label
from accel_sim.report.reasons import reason_in_words
from accel_sim.report.schema import CountersDict, LayerDict, ResultDict

_N_MAIN_LAYERS = 3
_N_REASONS = 2
# stalls below this share of the time are not worth a word
_WORTH_NAMING = 0.005


def explain(result: ResultDict) -> list[str]:
    """Return one paragraph for the network and one for each layer.

    Everything is read from the result: stalls, lower bounds and accesses. "At most" means that the advice removes one
    cause; the next one then bounds the layer.
    """
    return [_explain_network(result), *(_explain_layer(layer, result) for layer in result["layers"])]


def _explain_network(result: ResultDict) -> str:
    total, layers = result["total"], result["layers"]
    text = f"{workload_label(result)} on {result['arch']['name']} takes {total['latency_ms']:.4g} ms"
    if not total["total_cycles"]:
        return text + "."
    longest = sorted(layers, key=lambda layer: -layer["total_cycles"])[:_N_MAIN_LAYERS]
    shares = [f"{percent(layer['total_cycles'], total['total_cycles'])} in {layer['name']}" for layer in longest]
    return " ".join(part for part in (f"{text}, {', '.join(shares)}. It {_time_use(total)}.", _preload(layers)) if part)


def _preload(layers: list[LayerDict]) -> str:
    """Say whether the weights are on chip before the run, where the machine has them so if they fit."""
    found = next((layer["preload"] for layer in layers if "preload" in layer), None)
    if found is None:
        return ""
    if found["filters_preloaded"]:
        return "Its weights are on chip before it runs."
    needs = (
        f"{needed:,} bytes in {buffer} of {found['room_bytes'][buffer]:,}"
        for buffer, needed in found["needed_bytes"].items()
        if needed > found["room_bytes"][buffer]
    )
    return f"Its weights do not fit on the chip together ({', '.join(needs)}), so each layer loads its own."


def _explain_layer(layer: LayerDict, result: ResultDict) -> str:
    cycles = layer["total_cycles"]
    if not cycles:
        return f"{layer['name']} takes no time."
    share = percent(cycles, result["total"]["total_cycles"])
    limit = f", bound by {reason_in_words(layer['limit'])}" if layer.get("limit") else ""
    first = f"{layer['name']} takes {cycles:,} cycles ({share} of the network){limit}{_against_bounds(layer)}."
    sentences = [first, balance_in_words(layer), f"It {_time_use(layer)}: {advice(layer, result['arch']['n_pes'])}."]
    return " ".join(sentence for sentence in sentences if sentence)


def _against_bounds(layer: LayerDict) -> str:
    """Say how far the layer is from its highest lower bound, and how far that is from the next."""
    bounds = sorted(layer.get("bounds_cycles", {}).items(), key=lambda bound: -bound[1])
    if not bounds or not bounds[0][1]:
        return ""
    name, cycles = bounds[0]
    over = layer["total_cycles"] / cycles
    by, next_by = (reason_in_words(bound) for bound in (name, bounds[1][0] if len(bounds) > 1 else ""))
    text = f": at its lower bound by {by}" if over < 1.005 else f": {over:.3g} times its lower bound by {by}"
    if next_by and bounds[1][1]:
        text += f", which is {cycles / bounds[1][1]:.3g} times that by {next_by}"
    return text


def _time_use(counters: CountersDict) -> str:
    total = counters["total_cycles"]
    stalls = sorted(counters["stall_cycles"].items(), key=lambda stall: -stall[1])[:_N_REASONS]
    waits = [f"{percent(n, total)} for {reason_in_words(why)}" for why, n in stalls if n >= _WORTH_NAMING * total]
    if not waits:
        return "computes all the time"
    return f"computes {percent(counters['compute_cycles'], total)} of the time and waits {' and '.join(waits)}"
