"""What every array organisation answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from accel_sim.arch.spec import Spec

if TYPE_CHECKING:
    from accel_sim.arch.accelerator import Accelerator
    from accel_sim.arch.arrays.registers import RegisterFile
    from accel_sim.arch.mac import OperandBits

Problem = tuple[tuple[str, ...], str]
"""A key's path below ``array`` and what is wrong there."""


class ArraySpec(Spec):
    """Base of all array organisations.

    A new organisation is one file with a subclass that has ``organisation: Literal["its_name"]`` and the members
    below, and one line in the union of ``accel_sim.arch.arrays``.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]]
    """Names of the dataflows that the organisation can run."""

    SPARSITY: ClassVar[tuple[str, ...]] = ("none", "gate_ifmap", "gate_both")
    """Values of ``mac.sparsity`` that the organisation can have."""

    FORMATS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        dict.fromkeys(("ifmap", "filter", "ofmap"), ("dense", "run_length"))
    )
    """Storage formats that the machine can decode, by tensor."""

    FMAPS_ON_CHIP: ClassVar[bool] = False
    """Whether the organisation can have ``activations: on_chip``."""

    PRELOADS: ClassVar[bool] = False
    """Whether the organisation can have ``preloaded: [filter]``."""

    POINTERS: ClassVar[bool] = False
    """Whether the array reads pointers into compressed filters, which may then lie in a buffer of their own."""

    NATIVE: ClassVar[tuple[str, ...]] = ()
    """Formats that the array works on as they are: they need no codec and fill the buffers in their stored form."""

    TAKES_DENSE: ClassVar[bool] = False
    """Whether an array with native formats also takes tensors without zeros as they are."""

    RESULTS: ClassVar[Literal["psum", "ofmap"]] = "ofmap"
    """Whose width results have in their buffer: sums that go on there are psums, finished ones are ofmap values."""

    GROUPS_TOGETHER: ClassVar[bool] = False
    """Whether the groups of a layer, such as those of a depthwise one, can be on the array at the same time."""

    @property
    def n_pes(self) -> int:
        """Number of PEs."""
        raise NotImplementedError

    @property
    def macs_per_cycle(self) -> int:
        """Multiplications that all PEs together start in a cycle at full precision."""
        raise NotImplementedError

    @property
    def grid(self) -> tuple[int, int] | None:
        """Rows and columns in which the PEs stand, if where one stands decides what it works on."""
        return None

    def register_files(self, bits: OperandBits) -> tuple[RegisterFile, ...]:
        """Register files of the array, one entry a tensor; empty where PEs keep nothing."""
        raise NotImplementedError

    def format_keys(self, tensor: str) -> dict[str, Any]:
        """Return the keys of the native format of ``tensor``, such as widths; empty for other formats."""
        return {}

    def pointer_bytes(self, columns: int) -> int:
        """Return what the pointers of a compressed matrix of so many columns take."""
        return 0

    def problems(self, arch: Accelerator) -> Iterator[Problem]:
        """Yield what excludes each other among the array's keys, and between them and the rest of ``arch``."""
        yield from ()
