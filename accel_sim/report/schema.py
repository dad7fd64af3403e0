"""What a result file holds: JSON schema 1, as types. Every report works on these plain dicts, never on classes.

Units end the names. Optional keys are marked; a file may hold further keys, which reports ignore.
"""

from __future__ import annotations

from typing import Any, NotRequired

# pydantic, which checks files against these types, takes no TypedDict of Python's own before 3.12
from typing_extensions import TypedDict

SCHEMA = 1


class ArchDict(TypedDict):
    """The machine."""

    name: str
    clock_mhz: float
    technology_nm: float
    n_pes: int


class WorkloadDict(TypedDict):
    """The network."""

    name: str
    batch: int


class AccessDict(TypedDict):
    """Bytes moved at one level for one tensor."""

    read_bytes: int
    write_bytes: int


Accesses = dict[str, dict[str, AccessDict]]


class CountersDict(TypedDict):
    """What a layer and the total have in common.

    Energy is ``energy_pj``, or ``energy_relative`` (register-file access = 1) where the machine prices no pJ; its key
    ``total`` is the sum of the others.
    """

    n_macs: int
    n_effectual_macs: int
    total_cycles: int
    compute_cycles: int
    stall_cycles: dict[str, int]
    utilization: float
    latency_ms: float
    accesses: Accesses
    energy_pj: NotRequired[dict[str, float]]
    energy_relative: NotRequired[dict[str, float]]


class LayerDict(CountersDict):
    """One layer's window of the network's time."""

    name: str
    op: str
    algorithm: str
    dataflow: str
    mapping: dict[str, Any]
    start_cycle: int
    end_cycle: int
    active_pes: int
    mapping_efficiency: NotRequired[float]
    units: dict[str, dict[str, int]]
    limit: NotRequired[str]
    bounds_cycles: NotRequired[dict[str, int]]
    sparsity: NotRequired[dict[str, Any]]
    preload: NotRequired[dict[str, Any]]
    folds: NotRequired[list[dict[str, int]]]


class TotalDict(CountersDict):
    """The whole network."""

    power_mw: NotRequired[float | None]
    dram_power_mw: NotRequired[float | None]
    gops: float
    gops_per_w: NotRequired[float | None]
    area_mm2: NotRequired[float | None]
    interval_cycles: NotRequired[int]
    interval_ms: NotRequired[float]


class ResultDict(TypedDict):
    """One network on one machine."""

    schema: int
    arch: ArchDict
    workload: WorkloadDict
    layers: list[LayerDict]
    total: TotalDict
    balance: NotRequired[dict[str, Any]]
