"""Array organisations, one a file; a new one adds its class to the union below.

May import errors, units and the arch room.
"""

from typing import Annotated

from pydantic import Field

from accel_sim.arch.arrays.adder_tree import AdderTree
from accel_sim.arch.arrays.base import ArraySpec
from accel_sim.arch.arrays.bitmap_gemm import BitmapGemm
from accel_sim.arch.arrays.cambricon_x import CambriconX
from accel_sim.arch.arrays.cnvlutin import Cnvlutin
from accel_sim.arch.arrays.dual_side_tensor_core import DualSideTensorCore
from accel_sim.arch.arrays.eie import Eie
from accel_sim.arch.arrays.ese import Ese
from accel_sim.arch.arrays.eyeriss_v2 import EyerissV2
from accel_sim.arch.arrays.n_of_m_tensor_core import NOfMTensorCore
from accel_sim.arch.arrays.pixel_mesh import PixelMesh
from accel_sim.arch.arrays.registers import RegisterFile
from accel_sim.arch.arrays.row_stationary_mesh import RowStationaryMesh
from accel_sim.arch.arrays.scnn import Scnn
from accel_sim.arch.arrays.structured_systolic import StructuredSystolic
from accel_sim.arch.arrays.systolic import SystolicMesh

Array = Annotated[
    RowStationaryMesh
    | AdderTree
    | SystolicMesh
    | PixelMesh
    | Eie
    | Scnn
    | CambriconX
    | Cnvlutin
    | NOfMTensorCore
    | BitmapGemm
    | DualSideTensorCore
    | Ese
    | EyerissV2
    | StructuredSystolic,
    Field(discriminator="organisation"),
]
"""Any array organisation, told apart by its key ``organisation``."""

__all__ = [
    "AdderTree",
    "Array",
    "ArraySpec",
    "BitmapGemm",
    "CambriconX",
    "Cnvlutin",
    "DualSideTensorCore",
    "Eie",
    "Ese",
    "EyerissV2",
    "NOfMTensorCore",
    "PixelMesh",
    "RegisterFile",
    "RowStationaryMesh",
    "Scnn",
    "StructuredSystolic",
    "SystolicMesh",
]
