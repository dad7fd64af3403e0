"""MACs of one inference of the shipped networks, against the literature."""

from __future__ import annotations

from accel_sim.validation.figure import Figure
from accel_sim.workload import load_workload

_SZE = "Sze et al., Proc. IEEE 105(12), 2017, Table II"
_TORCHVISION = "torchvision model zoo, GFLOPS column (one per MAC)"
_MOBILENETS = "Howard et al., MobileNets, arXiv 1704.04861, Table 8"
# all are printed with three digits, which are off by up to half of the last
_ROUNDING = 0.005


def _figure(name: str, workload: str, ops: tuple[str, ...], source: str, published: float) -> Figure:
    def ours() -> float:
        layers = load_workload(workload, batch=1).layers
        return sum(layer.n_macs for layer in layers if not ops or layer.op in ops) / 1e6

    return Figure(name=name, source=source, published=published, unit="MMAC", ours=ours, tolerance=_ROUNDING)


FIGURES = (
    _figure("alexnet MACs", "alexnet", (), _SZE, 724),
    _figure("alexnet conv MACs", "alexnet", ("conv2d",), _SZE, 666),
    _figure("alexnet fc MACs", "alexnet", ("linear",), _SZE, 58.6),
    _figure("vgg16 MACs", "vgg16", (), _SZE, 15500),
    _figure("resnet18 MACs", "resnet18", (), _TORCHVISION, 1810),
    _figure("resnet50 MACs", "resnet50", (), _TORCHVISION, 4090),
    _figure("mobilenet_v1 MACs", "mobilenet_v1", (), _MOBILENETS, 569),
)
