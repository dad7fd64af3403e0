"""The skipping machines by organisation; a new one is one file and one line here."""

from __future__ import annotations

from accel_sim.lowering.skip_bitmap_gemm import BitmapGemmMachine
from accel_sim.lowering.skip_cambricon_x import CambriconXMachine
from accel_sim.lowering.skip_cnvlutin import CnvlutinMachine
from accel_sim.lowering.skip_dual_side import DualSideMachine
from accel_sim.lowering.skip_eie import EieMachine
from accel_sim.lowering.skip_ese import EseMachine
from accel_sim.lowering.skip_eyeriss_v2 import EyerissV2Machine
from accel_sim.lowering.skip_scnn import ScnnMachine
from accel_sim.lowering.skip_structured_systolic import StructuredSystolicMachine
from accel_sim.lowering.skip_tensor_core import TensorCoreMachine
from accel_sim.lowering.skipping_tile import SkipMachine

MACHINES: dict[str, SkipMachine] = {
    "eie": EieMachine(),
    "scnn": ScnnMachine(),
    "cambricon_x": CambriconXMachine(),
    "cnvlutin": CnvlutinMachine(),
    "n_of_m_tensor_core": TensorCoreMachine(),
    "bitmap_gemm": BitmapGemmMachine(),
    "dual_side_tensor_core": DualSideMachine(),
    "ese": EseMachine(),
    "eyeriss_v2": EyerissV2Machine(),
    "structured_systolic": StructuredSystolicMachine(),
}
