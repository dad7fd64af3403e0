"""What holds on every shipped machine that skips zeros: masks from files, supersets, dense twins, 2:4."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from accel_sim.arch import Accelerator, load_arch
from accel_sim.config import shipped_names
from accel_sim.engine.simulate import simulate
from accel_sim.lowering.machine import ARRAY
from accel_sim.lowering.skipping_machines import MACHINES as ORGANISATIONS
from accel_sim.results.model import LayerResult
from tests.properties.small_jobs import network

Mask = NDArray[np.bool_]
MACHINES = [
    "a100_sparse_tensor_core",
    "cambricon_x",
    "cnvlutin",
    "dual_side_tensor_core",
    "eie",
    "ese",
    "eyeriss_v2",
    "scnn",
    "sigma",
    "structured_systolic",
]
N_OF_M = ("a100_sparse_tensor_core", "structured_systolic")
"""Their weights have at most two of four."""
GRIDS = {"eyeriss_v2": [24, 8], "scnn": [8, 8], "structured_systolic": [32, 32]}
CONV = {"op": "conv2d", "ifmap": [16, 9, 9], "filter": [24, 16, 3, 3], "padding": 1}
FC = {"op": "linear", "in_features": 300, "out_features": 130}
LAYERS = {"conv": (CONV, (1, 16, 9, 9), (24, 16, 3, 3)), "fc": (FC, (1, 300, 1, 1), (130, 300, 1, 1))}
LADDER = (0.02, 0.2, 0.5, 0.8, 0.97)
WITHOUT_CONFLICTS = {"array.i_vector": 1, "array.f_vector": 1, "array.n_banks": 1, "array.bank_queue": 0}
WITHOUT_SHARED_LINES = {
    "array.cut_rows": True,
    "array.distribution_ports": 128,
    "array.collection_lines": 0,
    "array.drop_useless": False,
}


def at_most_half(scores: NDArray[np.float64]) -> Mask:
    """Return where a weight is among the two largest of four neighbouring input channels."""
    groups = np.moveaxis(scores, 1, -1)
    ranks = groups.reshape(*groups.shape[:-1], -1, 4).argsort(axis=-1).argsort(axis=-1)
    return np.moveaxis((ranks >= 2).reshape(groups.shape), -1, 1)


@cache
def masks(layer: str, density: float, *, is_two_of_four: bool) -> tuple[Mask, Mask]:
    """Return masks of ifmap and filters; a denser one contains the sparser."""
    _, ifmap, filters = LAYERS[layer]
    random = np.random.default_rng(7)
    scores = random.random(filters)
    kept = scores < density
    return random.random(ifmap) < density, kept & at_most_half(scores) if is_two_of_four else kept


def run_masks(arch: Accelerator, layer: str, ifmap: Mask, filters: Mask, folder: Path) -> LayerResult:
    """Run a layer on masks from a file."""
    trace = folder / f"{arch.name}.npz"
    # a name of its own for each pair of masks: masks are remembered by file and tensor
    name = "x" + hashlib.blake2b(ifmap.tobytes() + filters.tobytes(), digest_size=8).hexdigest()
    arrays: dict[str, Any] = {f"{name}.ifmap": ifmap, f"{name}.filter": filters}
    np.savez(trace, **arrays)
    entry = {**LAYERS[layer][0], "name": name, "trace": str(trace)}
    return simulate(network([entry], arch), arch, steady=False).layers[0]


def run_plain(arch: Accelerator, **keys: Any) -> LayerResult:
    return simulate(network([{"name": "only", **keys}], arch), arch, steady=False).layers[0]


def array_cycles(row: LayerResult) -> int:
    return row.units[ARRAY]["busy_cycles"]


def effectual(layer: str, ifmap: Mask, filters: Mask) -> int:
    """Count the pairs of non-zero operands by walking over the windows."""
    if layer == "fc":
        return int((ifmap[0, :, 0, 0] & filters[:, :, 0, 0]).sum())
    padded = np.pad(ifmap[0], ((0, 0), (1, 1), (1, 1)))
    windows = [padded[:, y : y + 3, x : x + 3] for y in range(9) for x in range(9)]
    return sum(int((window & filters).sum()) for window in windows)


def test_every_machine_is_here() -> None:
    shipped = {name: load_arch(name).array.organisation for name in shipped_names("accel_sim.arch_configs")}
    assert sorted(name for name, organisation in shipped.items() if organisation in ORGANISATIONS) == MACHINES


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", MACHINES)
def test_real_masks_are_counted_and_nobody_works_more_than_always(name: str, layer: str, tmp_path: Path) -> None:
    arch = load_arch(name)
    for density in (0.2, 0.8):
        ifmap, filters = masks(layer, density, is_two_of_four=name in N_OF_M)
        row = run_masks(arch, layer, ifmap, filters, tmp_path)
        facts = row.details["sparsity"]
        assert row.n_effectual_macs == effectual(layer, ifmap, filters)
        assert row.n_effectual_macs <= facts["n_done"] <= row.n_macs
        assert row.utilization <= 1
        assert facts["n_done"] <= arch.array.macs_per_cycle * array_cycles(row)
        assert facts["work_cycles_max"] <= array_cycles(row)
        assert facts["work_cycles_mean"] <= facts["work_cycles_max"]
        work = facts.get("work_cycles", [facts["work_cycles_max"]])
        assert max(work) == facts["work_cycles_max"]
        assert min(work) >= 0
        assert facts.get("work_grid") == GRIDS.get(name)


SETTINGS: dict[str, dict[str, Any]] = {"scnn": WITHOUT_CONFLICTS, "sigma": WITHOUT_SHARED_LINES}
"""With these a superset takes no fewer cycles; as shipped the machines may be faster, see docs/sparsity.md."""


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", [name for name in MACHINES if name != "eyeriss_v2"])
def test_a_superset_never_takes_fewer_array_cycles(name: str, layer: str, tmp_path: Path) -> None:
    arch = load_arch(name, SETTINGS.get(name, {}))
    pairs = [masks(layer, density, is_two_of_four=name in N_OF_M) for density in LADDER]
    middle_ifmap, middle_filters = pairs[2]
    for ladder in (
        [(ifmap, middle_filters) for ifmap, _ in pairs],
        [(middle_ifmap, filters) for _, filters in pairs],
        pairs,
    ):
        cycles = [array_cycles(run_masks(arch, layer, *pair, tmp_path)) for pair in ladder]
        assert cycles == sorted(cycles)


def test_a_superset_never_takes_fewer_cycles_of_a_pe_of_eyeriss_v2(tmp_path: Path) -> None:
    """Its array may take fewer, for another mask may be laid on the PEs otherwise; the work may not."""
    arch = load_arch("eyeriss_v2")
    work = []
    for density in LADDER:
        row = run_masks(arch, "conv", *masks("conv", density, is_two_of_four=False), tmp_path)
        work.append(row.details["sparsity"]["n_done"])
    assert work == sorted(work)


@pytest.mark.parametrize("has_zeros", [False, True])
def test_density_one_is_the_dense_machine(*, has_zeros: bool) -> None:
    """Cnvlutin with neurons as they are is its dense twin; without zeros both take the same cycles and accesses."""
    density = {"density": {"ifmap": 0.4}} if has_zeros else {}
    encoded, plain = (
        run_plain(
            load_arch("cnvlutin", {"array.encoded": is_encoded}),
            **CONV | {"ifmap": [256, 9, 9], "filter": [24, 256, 3, 3], "padding": 0},
            **density,
        )
        for is_encoded in (True, False)
    )
    if has_zeros:
        assert array_cycles(encoded) < array_cycles(plain)
    else:
        assert array_cycles(encoded) == array_cycles(plain)
        assert encoded.accesses["central_memory"] == plain.accesses["central_memory"]


@pytest.mark.parametrize(
    ("name", "entry", "macs_per_cycle", "overhead"),
    [
        # the pipeline
        ("eie", {"op": "linear", "in_features": 200, "out_features": 192}, 64, 4),
        # a step's pipeline; 16 lanes, 16 filters in each of 16 tiles
        ("cnvlutin", {"op": "conv2d", "ifmap": [16, 6, 6], "filter": [512, 16, 1, 1]}, 4096, 8),
        ("cambricon_x", {"op": "linear", "in_features": 1024, "out_features": 48}, 256, 0),
        ("dual_side_tensor_core", {"op": "conv2d", "ifmap": [48, 8, 16], "filter": [32 * 80, 48, 1, 1]}, 40_960, 0),
        # 64 PEs of one pixel and 16 multipliers; no halos with a filter of one
        ("scnn", {"op": "conv2d", "ifmap": [8, 16, 16], "filter": [64, 8, 1, 1]}, 1024, 0),
    ],
)
def test_density_one_takes_the_dense_time_and_the_stated_overhead(
    name: str, entry: dict[str, Any], macs_per_cycle: int, overhead: int
) -> None:
    arch = load_arch(name)
    row = run_plain(arch, **entry)
    assert arch.array.macs_per_cycle == macs_per_cycle
    assert row.n_effectual_macs == row.n_macs
    assert array_cycles(row) == row.n_macs // macs_per_cycle + overhead


TWO_OF_FOUR = {"pattern": {"filter": {"kind": "n_of_m", "n": 2, "m": 4}}}


@pytest.mark.parametrize(("k", "c", "side", "taps"), [(64, 64, 16, 1), (128, 96, 8, 3), (256, 32, 32, 1)])
def test_two_of_four_is_half_the_time_or_none_of_it(k: int, c: int, side: int, taps: int) -> None:
    layer = {"op": "conv2d", "ifmap": [c, side, side], "filter": [k, c, taps, taps], "padding": taps // 2}
    fast = load_arch("a100_sparse_tensor_core", {"array.cores": 2, "dram": "ideal"})
    dense, sparse = run_plain(fast, **layer), run_plain(fast, **layer, **TWO_OF_FOUR)
    assert 2 * array_cycles(sparse) == array_cycles(dense)
    assert 2 * sparse.total_cycles == dense.total_cycles
    slow = load_arch("a100_sparse_tensor_core", {"dram": "bandwidth:0.5"})
    dense, sparse = run_plain(slow, **layer), run_plain(slow, **layer, **TWO_OF_FOUR)
    assert 2 * array_cycles(sparse) == array_cycles(dense)
    saved_bytes = sum(dense.accesses["dram"]["filter"].values()) - sum(sparse.accesses["dram"]["filter"].values())
    # of 16-bit weights two of four are left out, and each of the others says in two bits where it stood
    n_weights = k * c * taps * taps
    assert saved_bytes == 2 * n_weights - (n_weights // 2) * 18 // 8
    # memory is the limit: all that is won are the bytes that do not come, whatever the array could do
    saved_cycles = dense.total_cycles - sparse.total_cycles
    bytes_per_cycle = slow.dram_bytes_per_cycle()
    assert bytes_per_cycle is not None
    assert saved_cycles == pytest.approx(float(saved_bytes / bytes_per_cycle), rel=0.02)


def test_metadata_is_read_with_the_weights() -> None:
    """Of 64 x 128 weights half are kept, with two bits each, for every block of eight columns of the other operand."""
    arch = load_arch("a100_sparse_tensor_core")
    layer = {"op": "conv2d", "ifmap": [128, 4, 8], "filter": [64, 128, 1, 1]}
    dense, sparse = run_plain(arch, **layer), run_plain(arch, **layer, **TWO_OF_FOUR)
    n_blocks = 4 * 8 // arch.array.model_dump()["mma_n"]
    assert sparse.details["sparsity"]["metadata_bytes_read"] == n_blocks * 64 * 64 * 2 // 8
    assert dense.details["sparsity"]["metadata_bytes_read"] == 0
    level = arch.buffer_for("filter").name
    read = [row.accesses[level]["filter"]["read_bytes"] for row in (dense, sparse)]
    assert read[1] == read[0] // 2 + sparse.details["sparsity"]["metadata_bytes_read"]
