"""Which array organisation has which stepped twin; a new one is one file and one line here."""

from __future__ import annotations

from accel_sim.arch import Accelerator
from accel_sim.errors import ArchError, Fault
from accel_sim.validation.verify.adder_tree import AdderTreeTwin
from accel_sim.validation.verify.pixel_mesh import PixelMeshTwin
from accel_sim.validation.verify.row_stationary_mesh import RowStationaryTwin
from accel_sim.validation.verify.skip_bitmap_gemm import BitmapGemmStepper
from accel_sim.validation.verify.skip_cambricon_x import CambriconXStepper
from accel_sim.validation.verify.skip_cnvlutin import CnvlutinStepper
from accel_sim.validation.verify.skip_dual_side import DualSideStepper
from accel_sim.validation.verify.skip_eie import EieStepper
from accel_sim.validation.verify.skip_ese import EseStepper
from accel_sim.validation.verify.skip_eyeriss_v2 import EyerissV2Stepper
from accel_sim.validation.verify.skip_n_of_m import NOfMStepper
from accel_sim.validation.verify.skip_scnn import ScnnStepper
from accel_sim.validation.verify.skip_structured_systolic import StructuredSystolicStepper
from accel_sim.validation.verify.skipping import SkippingTwin
from accel_sim.validation.verify.systolic import SystolicTwin
from accel_sim.validation.verify.twin import Twin

TWINS: dict[str, Twin] = {
    "adder_tree": AdderTreeTwin(),
    "row_stationary_mesh": RowStationaryTwin(),
    "pixel_mesh": PixelMeshTwin(),
    "systolic": SystolicTwin(),
    "eie": SkippingTwin(EieStepper()),
    "scnn": SkippingTwin(ScnnStepper()),
    "n_of_m_tensor_core": SkippingTwin(NOfMStepper()),
    "dual_side_tensor_core": SkippingTwin(DualSideStepper()),
    "bitmap_gemm": SkippingTwin(BitmapGemmStepper()),
    "ese": SkippingTwin(EseStepper()),
    "cambricon_x": SkippingTwin(CambriconXStepper()),
    "cnvlutin": SkippingTwin(CnvlutinStepper()),
    "eyeriss_v2": SkippingTwin(EyerissV2Stepper()),
    "structured_systolic": SkippingTwin(StructuredSystolicStepper()),
}


def twin_of(arch: Accelerator) -> Twin:
    """Return the twin of the array of ``arch``.

    Raises
    ------
    ArchError
        If there is none.
    """
    organisation = arch.array.organisation
    if organisation not in TWINS:
        known = ", ".join(TWINS)
        message = f"{arch.name} is a {organisation}, which has no stepped twin to verify it with; allowed: {known}"
        raise ArchError(Fault(key="array.organisation", message=message))
    return TWINS[organisation]
