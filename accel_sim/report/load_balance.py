"""Load balance in a table and in words: what was multiplied, how evenly, and what the PEs waited for."""

from __future__ import annotations

from accel_sim.report.pe_work import PeWork, pe_work
from accel_sim.report.quantities import percent, workload_label
from accel_sim.report.schema import LayerDict, ResultDict
from accel_sim.report.table import Column, TextTable

# what a loss is called above a column, and in a sentence about the share of the array's time
_LOSSES = {
    "broadcast_stall": ("full queues", "its broadcast waits for a full queue in {} of the array's cycles"),
    "queue_empty": ("empty queues", "waiting at empty queues takes {} of the {noun}-cycles"),
    "empty_slice": ("empty slices", "columns without a weight for the {noun} take {} of the {noun}-cycles"),
    "empty_brick": ("empty bricks", "empty bricks take {} of the {noun}-cycles"),
    "empty_segment": ("empty segments", "empty segments take {} of the {noun}-cycles"),
    "empty_place": ("empty places", "empty places take {} of the {noun}-cycles"),
    "bubble": ("bubbles", "bubbles take {} of the {noun}-cycles"),
    "bank_conflict": ("bank conflicts", "conflicts at accumulator banks take {} of the {noun}-cycles"),
    "barrier": ("barriers", "barriers take {} of the {noun}-cycles"),
    "window_wait": ("window ends", "waiting for a window's end takes {} of the {noun}-cycles"),
    "halo": ("halos", "exchanging halos takes {} of the array's cycles"),
    "exposed_halo": ("exposed halos", "waiting for halos takes {} of the {noun}-cycles"),
    "idle": ("other idle", "{} of the {noun}-cycles are idle for other reasons"),
    "pe_limited": ("PEs limit", "its PEs are the limit in {} of the array's cycles"),
    "iact_ports_limited": ("ifmap ports limit", "the ports of its ifmap are the limit in {} of the array's cycles"),
    "weight_ports_limited": ("filter ports limit", "the ports of its filter are the limit in {} of the array's cycles"),
    "psum_ports_limited": ("psum ports limit", "the ports of its psums are the limit in {} of the array's cycles"),
}
# losses and padding below this share are not worth a word
_WORTH_NAMING = 0.01
_UNEVEN_FROM = 1.05
_BUSY_FROM = 0.9


def load_balance_table(result: ResultDict) -> TextTable | None:
    """Return a row a layer whose PEs differ, or nothing where no layer tells its PEs apart."""
    rows = [(layer, work) for layer in result["layers"] if (work := pe_work(layer))]
    if not rows:
        return None
    works = [work for _, work in rows]
    noun = f"{works[0].noun}s"
    columns = [
        Column(header="layer", cells=[layer["name"] for layer, _ in rows], is_text=True),
        Column(header="MACs", cells=[f"{layer['n_macs']:,}" for layer, _ in rows]),
        Column(header="effectual", cells=[f"{work.n_effectual:,}" for work in works]),
        Column(header="done", cells=[f"{work.n_done:,}" for work in works]),
        Column(header="padding", cells=[f"{work.n_padding:,}" for work in works]),
        Column(header="array cycles", cells=[f"{work.array_cycles:,}" for work in works]),
        Column(header=f"{noun} busy %", cells=[f"{100 * work.busy_share:.1f}" for work in works]),
        Column(header="busiest / mean", cells=[f"{work.imbalance:.3f}" for work in works]),
        Column(header=f"idle {noun}", cells=[f"{work.n_idle:,}" if work.busy_cycles else "-" for work in works]),
    ]
    for loss in dict.fromkeys(name for work in works for name in work.lost):
        shares = [f"{100 * work.lost[loss]:.1f}" if loss in work.lost else "-" for work in works]
        columns.append(Column(header=f"{_header(loss)} %", cells=shares))
    note = (
        "effectual: both operands non-zero; done: MACs that took a multiplier; padding: stored zeros that took one; "
        "%: of the cycles in which the array works; waits may overlap"
    )
    title = f"load balance of {workload_label(result)} on {result['arch']['name']}"
    return TextTable(title=title, columns=columns, notes=[note])


def balance_in_words(layer: LayerDict) -> str:
    """Return a sentence about who worked and who waited; empty where a layer does not tell its PEs apart."""
    work = pe_work(layer)
    if work is None or not work.array_cycles:
        return ""
    n_listed = len(work.busy_cycles)
    parts = [f"Of {layer['n_macs']:,} MACs {work.n_effectual:,} are effectual, {_done(work)}"]
    if n_listed != 1:
        idle = f", and {work.n_idle} of {n_listed} {work.noun}s have no work" if work.n_idle else ""
        parts.append(
            f"{work.noun}s are busy {percent(work.busy_share, 1)} of the array's {work.array_cycles:,} cycles, the "
            f"busiest {work.imbalance:.2f} times the mean{idle}"
        )
    else:
        parts.append(f"the array works {work.array_cycles:,} cycles")
    parts += [_phrase(loss, share, work.noun) for loss, share in work.lost.items() if share >= _WORTH_NAMING]
    return "; ".join(parts) + "."


def balance_advice(layer: LayerDict, work: PeWork) -> str:
    """Return a clause about what keeps a machine that skips zeros from being faster; empty where its PEs are even."""
    parts = []
    if work.imbalance >= _UNEVEN_FROM:
        parts.append(
            f"the busiest {work.noun} has {work.imbalance:.2f} times the mean work; dealing the work evenly would save "
            f"at most {percent(work.busiest_cycles - work.mean_cycles, layer['total_cycles'])} of the time"
        )
    if work.busiest_cycles < _BUSY_FROM * work.array_cycles:
        share = percent(work.busiest_cycles, work.array_cycles)
        parts.append(f"even the busiest {work.noun} has work in only {share} of the array's cycles")
    total = work.n_done + work.n_padding
    if work.n_padding >= _WORTH_NAMING * total:
        parts.append(
            f"{percent(work.n_padding, total)} of what is multiplied are padding zeros, which longer runs avoid"
        )
    waste = work.n_done - work.n_effectual
    if waste >= _WORTH_NAMING * total:
        share = percent(waste, work.n_done)
        parts.append(f"{share} of the MACs done have a zero operand that this machine cannot skip")
    return "; ".join(parts)


def _done(work: PeWork) -> str:
    done = "as many are done" if work.n_done == work.n_effectual else f"{work.n_done:,} are done"
    return f"{done}, with {work.n_padding:,} padding zeros" if work.n_padding else done


def _header(loss: str) -> str:
    return _LOSSES[loss][0] if loss in _LOSSES else loss.replace("_", " ")


def _phrase(loss: str, share: float, noun: str) -> str:
    text = _LOSSES[loss][1] if loss in _LOSSES else f"{_header(loss)} takes {{}} of the array's time"
    return text.format(percent(share, 1), noun=noun)
