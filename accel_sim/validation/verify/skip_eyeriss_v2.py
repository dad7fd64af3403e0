"""Steps Eyeriss v2: every pass of a step through all PEs, and through the ports of every cluster."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from accel_sim.arch import Accelerator
from accel_sim.arch.arrays.eyeriss_v2 import EyerissV2
from accel_sim.errors import Fault
from accel_sim.kernels.sparse.eyeriss_v2_types import Ports, Slide, Spread
from accel_sim.kernels.stepped.eyeriss_v2_array import array_stepped
from accel_sim.mapping.eyeriss_v2 import choose_spread, grid_of, ports_of, slide_of
from accel_sim.program import ActionKey
from accel_sim.units import ceil_div
from accel_sim.validation.verify.skip_tile import I64, StepRun, StepTile, counted
from accel_sim.validation.verify.twin import Tally

RF, PEER = "rf", "array"


class EyerissV2Stepper:
    """See :class:`accel_sim.validation.verify.skipping.SkipStepper`."""

    def refused(self, arch: Accelerator) -> Iterator[Fault]:
        """Nothing: the stepped array has all settings."""
        yield from ()

    def step(self, tile: StepTile) -> StepRun:
        """All passes of a step; the mapping is the one that the tile program has."""
        bits = tile.bits
        slide, spread, ports = _mapping(tile)
        filters = np.ascontiguousarray(tile.filters, dtype=np.int64)
        run = array_stepped(np.ascontiguousarray(tile.ifmap), filters, slide, spread, grid_of(_array(tile.arch)), ports)
        glb, weights, results = (tile.arch.buffer_for(tensor).name for tensor in ("ifmap", "filter", "psum"))
        carried = run.psums_down, bits.bytes_of("psum", run.psums_down)
        products = bits.bytes_of("psum", run.n_macs)
        return StepRun(
            outputs=run.outputs,
            cycles=run.total_cycles,
            n_macs=run.n_macs,
            tallies={
                **_moved(glb, "ifmap", run.iacts),
                **_moved(weights, "filter", run.weights),
                **counted(RF, "ifmap", "read", run.n_activations, bits.bytes_of("ifmap", run.n_activations)),
                **counted(RF, "filter", "read", run.n_macs, bits.bytes_of("filter", run.n_macs)),
                **counted(RF, "psum", "read", run.n_macs, products),
                **counted(RF, "psum", "write", run.n_macs, products),
                **counted(results, "psum", "read", *carried, PEER),
                **counted(results, "psum", "write", *carried, PEER),
            },
        )

    def pe(self, tile: StepTile, output: tuple[int, int, int, int], tap: tuple[int, int, int]) -> str:
        """The PE that holds the tap's filter row and channel for the output's row."""
        slide, spread, _ = _mapping(tile)
        grid = grid_of(_array(tile.arch))
        group, in_group = divmod(output[1], tile.shape.k) if tile.n_groups > 1 else (0, output[1])
        strip = (output[0] * slide.p + output[2]) % spread.rows
        block, item = in_group // spread.m0 % spread.filters, tap[0] // spread.c0 * tile.shape.r + tap[1]
        columns = grid.cluster_cols * grid.pe_cols
        place, column = divmod(strip + spread.rows * (block + spread.filters * (group % spread.groups)), columns)
        row = place * spread.height + item % spread.height
        cluster = f"cluster {row // grid.pe_rows}, {column // grid.pe_cols}"
        return f"{cluster}, PE {row % grid.pe_rows}, {column % grid.pe_cols}"


def _array(arch: Accelerator) -> EyerissV2:
    assert isinstance(arch.array, EyerissV2)
    return arch.array


def _mapping(tile: StepTile) -> tuple[Slide, Spread, Ports]:
    """Return how the step is laid on the PEs: by where its operands are zero, as the compiler sees them."""
    array, ifmap, filters = _array(tile.arch), tile.ifmap != 0, tile.filters != 0
    slide = slide_of(tile.shape, tile.band.p, tile.band.top)
    ports = ports_of(array, tile.bits, bool(ifmap.all()), bool(filters.all()))
    return slide, choose_spread(array, ifmap, filters, tile.n_groups, slide, ports), ports


def _moved(level: str, tensor: str, sent: I64) -> dict[ActionKey, Tally]:
    """Return the two ends of transfers; ``sent`` int64[PEs + 1, 2]: words and bits by the number of receivers."""
    receivers, n_bytes = np.arange(len(sent)), np.array([ceil_div(int(bits), 8) for bits in sent[:, 1]])
    words, arrivals = int(sent[:, 0].sum()), int((receivers * sent[:, 0]).sum())
    return {
        ActionKey(level, tensor, "read", RF): Tally(words, arrivals, int(n_bytes.sum())),
        ActionKey(RF, tensor, "write", level): Tally(arrivals, arrivals, int((receivers * n_bytes).sum())),
    }
