"""The dataflows by name; a new one is one file and one line here."""

from __future__ import annotations

from accel_sim.mapping.base import Dataflow
from accel_sim.mapping.no_local_reuse import NoLocalReuse
from accel_sim.mapping.pixel_stationary import PixelStationary
from accel_sim.mapping.row_stationary import RowStationary
from accel_sim.mapping.skipping import SkippingDataflow
from accel_sim.mapping.systolic import SystolicDataflow

DATAFLOWS: dict[str, Dataflow] = {
    dataflow.name: dataflow
    for dataflow in (
        NoLocalReuse(),
        RowStationary(),
        PixelStationary(),
        SystolicDataflow("weight_stationary"),
        SystolicDataflow("output_stationary"),
        SystolicDataflow("input_stationary"),
        SkippingDataflow("column_broadcast"),
        SkippingDataflow("planar_tiled_input_stationary", one_stride=True),
        SkippingDataflow("indexed_neurons"),
        SkippingDataflow("zero_free_neurons", one_stride=True),
        SkippingDataflow("matrix_instructions"),
        SkippingDataflow("sparse_weight_stationary"),
        SkippingDataflow("condensed_outer_product"),
        SkippingDataflow("shared_entries"),
        SkippingDataflow("row_stationary_compressed", one_stride=True),
        SkippingDataflow("structured_weight_stationary"),
    )
}
