"""Plain numbers of a preset for the slow twins: the one place where they meet the package's own description."""

from __future__ import annotations

from typing import Any

from tests.reference.dram_jedec import Memory


def plain(device: Any, **extra: int) -> Memory:
    """Return ``device`` (a ``DramDevice``) as a `Memory`; ``extra`` tightens demands by name."""
    structure, policy = device.structure, device.policy
    timing = device.timing_clocks.model_dump(by_alias=True)
    return Memory(
        timing={name: clocks for name, clocks in timing.items() if clocks is not None},
        burst_clocks=structure.burst_length // structure.transfers_per_clock,
        channels=structure.channels,
        ranks=structure.ranks,
        groups=structure.bank_groups,
        banks_per_group=structure.banks_per_group,
        rows=structure.rows,
        bursts_per_row=structure.columns // structure.burst_length,
        mapping=device.address_mapping,
        dual=structure.dual_command,
        closed_page=policy.page == "closed",
        fcfs=policy.scheduling == "fcfs",
        refresh=policy.refresh == "all_bank",
        queue=policy.queue_size,
        bank_queue=policy.bank_queue_size,
        drain=policy.drain_threshold,
        row_limit=policy.row_access_limit,
        extra=extra,
    )


def changed(device: Any, **groups: Any) -> Any:
    """Return ``device`` with keys of its groups replaced, e.g. ``structure={"ranks": 2}``, checked again."""
    data = device.model_dump(by_alias=True)
    for name, change in groups.items():
        data[name] = {**data[name], **change} if isinstance(change, dict) else change
    return type(device).model_validate(data)
