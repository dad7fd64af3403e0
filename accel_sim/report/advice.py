"""What would make a layer faster, by what it loses its time to."""

from __future__ import annotations

from collections.abc import Callable

from accel_sim.report.load_balance import balance_advice
from accel_sim.report.pe_work import pe_work
from accel_sim.report.quantities import choose_unit, level_bytes, percent
from accel_sim.report.reasons import reason_kind, reason_subject
from accel_sim.report.schema import LayerDict

# a layer that waits for less than this share of its time is explained by its array, not by its stalls
_STALLED_FROM = 0.1
# a layer that waits for DRAM so many times longer than its bytes need there waits for latency, not for bandwidth
_LATENCY_FROM = 4
_FEW_PES_BELOW = 0.95
_BUSY_PES_FROM = 0.9
_MANY_ZEROS_FROM = 0.1


def advice(layer: LayerDict, n_pes: int) -> str:
    """Return a clause about the largest loss of a layer that takes time, without a full stop."""
    stalls = layer["stall_cycles"]
    if sum(stalls.values()) < _STALLED_FROM * layer["total_cycles"]:
        return _about_array(layer, n_pes) if layer["n_macs"] else _ABOUT_VECTOR
    kinds: dict[str, int] = {}
    for reason, cycles in stalls.items():
        kinds[reason_kind(reason)] = kinds.get(reason_kind(reason), 0) + cycles
    kind = max(kinds, key=lambda name: kinds[name])
    subject = reason_subject(max((r for r in stalls if reason_kind(r) == kind), key=lambda r: stalls[r]))
    hint = _BY_KIND.get(kind, _about_other)(layer, subject or kind)
    left = layer["total_cycles"] - kinds[kind]
    return f"{hint}; at most {layer['total_cycles'] / left:.3g} times faster" if left else hint


_ABOUT_VECTOR = "more lanes in the vector unit, or doing this while the layer before leaves the array, would help"
_FUSE = "doing this while the layer before leaves the array would keep its tensors on chip"
_LESS_TRAFFIC = {
    "filter": "a larger batch uses each weight more often, pruned or narrower weights are fewer bytes",
    "ifmap": "a larger buffer would read it fewer times, compressed or narrower activations are fewer bytes",
    "ofmap": "keeping it on chip for the next layer, or writing it compressed, would help",
    "psum": "psums spill; a larger psum buffer, or a mapping with fewer open psums, would keep them on chip",
}


def _about_dram(layer: LayerDict, tensor: str) -> str:
    total_bytes = level_bytes(layer, "dram")
    if not total_bytes:
        return f"it waits for {tensor}"
    if layer["total_cycles"] > _LATENCY_FROM * layer.get("bounds_cycles", {}).get("dram", layer["total_cycles"]):
        return "DRAM's bandwidth is idle most of that time: it waits for latency; more in flight would hide it"
    accesses = layer["accesses"]["dram"]
    moved = {name: access["read_bytes"] + access["write_bytes"] for name, access in accesses.items()}
    main = max(moved, key=lambda name: moved[name])
    scale, unit = choose_unit("bytes", [total_bytes])
    traffic = f"{main} is {percent(moved[main], total_bytes)} of its {total_bytes / scale:,.4g} {unit} of DRAM traffic"
    return f"{traffic}; {_LESS_TRAFFIC.get(main, 'a faster DRAM would help') if layer['n_macs'] else _FUSE}"


def _about_full(_: LayerDict, buffer: str) -> str:
    return f"{buffer} has no space for the next tile; a larger {buffer} or smaller tiles would let it fill earlier"


def _about_port(_: LayerDict, server: str) -> str:
    return f"{server} serves others meanwhile; a wider or a second one would help"


def _about_producer(_: LayerDict, __: str) -> str:
    return "its input is still being made; smaller tiles that start sooner, or a larger batch, would overlap the two"


def _about_preload(_: LayerDict, tensor: str) -> str:
    return f"each fold uses its {tensor} for less time than it takes to come and be loaded; a larger batch would help"


def _about_drain(_: LayerDict, __: str) -> str:
    return "it only waits for its last stores, which the next inference would hide"


def _about_layer_window(_: LayerDict, __: str) -> str:
    return "its commands are admitted late, because an earlier layer is still being stored; a faster DRAM would help"


def _about_other(_: LayerDict, subject: str) -> str:
    return f"less waiting for {subject} would help"


_BY_KIND: dict[str, Callable[[LayerDict, str], str]] = {
    "dram": _about_dram,
    "full": _about_full,
    "port": _about_port,
    "producer": _about_producer,
    "preload": _about_preload,
    "drain": _about_drain,
    "layer_window": _about_layer_window,
}


def _about_array(layer: LayerDict, n_pes: int) -> str:
    work = pe_work(layer)
    parts = _about_mapping(layer, n_pes) if work is None else balance_advice(layer, work)
    return parts or "the PEs are busy, only more of them or fewer MACs make it faster"


def _about_mapping(layer: LayerDict, n_pes: int) -> str:
    active = layer["active_pes"]
    parts = []
    if active < _FEW_PES_BELOW * n_pes:
        gain = f" (all of them: at most {n_pes / active:.3g} times faster)" if active else ""
        parts.append(f"the mapping gives work to {active} of {n_pes} PEs{gain}")
    if active and layer["utilization"] < _BUSY_PES_FROM * active / n_pes:
        inside = percent(layer["utilization"] * n_pes, active)
        parts.append(f"PEs with work multiply in {inside} of the cycles; longer passes or wider buses would help")
    zeros = layer["n_macs"] - layer["n_effectual_macs"]
    if zeros >= _MANY_ZEROS_FROM * layer["n_macs"]:
        parts.append(f"{percent(zeros, layer['n_macs'])} of its MACs have a zero operand that a machine could skip")
    return "; ".join(parts)
