"""Which dataflow is lowered how: its machine and its program; a new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from accel_sim.arch import Accelerator
from accel_sim.lowering.context import LoweringContext
from accel_sim.lowering.machine import standard_machine
from accel_sim.lowering.no_local_reuse import lower_no_local_reuse
from accel_sim.lowering.pixel_stationary import lower_pixel_stationary
from accel_sim.lowering.row_stationary import lower_row_stationary, row_stationary_machine
from accel_sim.lowering.skipping import lower_skipping
from accel_sim.lowering.systolic import lower_systolic
from accel_sim.lowering.systolic_machine import systolic_machine
from accel_sim.mapping.base import Mapping
from accel_sim.program import LayerProgram, Machine
from accel_sim.workload import Layer


class Lowering(NamedTuple):
    """How a dataflow becomes a tile program.

    ``machine`` gives the units, semaphores and servers of an architecture; ``lower`` the program of one MAC layer on
    it.
    """

    machine: Callable[[Accelerator], Machine]
    lower: Callable[[LoweringContext, Layer, Mapping], LayerProgram]


LOWERINGS: dict[str, Lowering] = {
    "no_local_reuse": Lowering(standard_machine, lower_no_local_reuse),
    "row_stationary": Lowering(row_stationary_machine, lower_row_stationary),
    "pixel_stationary": Lowering(standard_machine, lower_pixel_stationary),
    "weight_stationary": Lowering(systolic_machine, lower_systolic),
    "output_stationary": Lowering(systolic_machine, lower_systolic),
    "input_stationary": Lowering(systolic_machine, lower_systolic),
    "column_broadcast": Lowering(standard_machine, lower_skipping),
    "planar_tiled_input_stationary": Lowering(standard_machine, lower_skipping),
    "indexed_neurons": Lowering(standard_machine, lower_skipping),
    "zero_free_neurons": Lowering(standard_machine, lower_skipping),
    "matrix_instructions": Lowering(standard_machine, lower_skipping),
    "sparse_weight_stationary": Lowering(standard_machine, lower_skipping),
    "condensed_outer_product": Lowering(standard_machine, lower_skipping),
    "shared_entries": Lowering(standard_machine, lower_skipping),
    "row_stationary_compressed": Lowering(standard_machine, lower_skipping),
    "structured_weight_stationary": Lowering(standard_machine, lower_skipping),
}
