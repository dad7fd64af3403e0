"""Compressed columns with relative indices and padding zeros, as EIE and Eyeriss v2 store weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.formats.base import Encoded, FormatSize, StorageFormat, as_mask
from accel_sim.compression.formats.bitstream import pack_fields, unpack_fields
from accel_sim.compression.formats.runs import join_runs, split_runs
from accel_sim.kernels.runs import EntryLists, interleaved_entries


@dataclass(frozen=True, slots=True, kw_only=True)
class CscRelative(StorageFormat):
    """For each PE a list of (value, zeros before it), and for each segment a pointer into that list.

    The tensor is a matrix (axis 0 against the rest). Its segments are its columns or its rows; element ``i`` of a
    segment belongs to list ``i mod n_parts``, and zeros are counted within the list. EIE: 4-bit codebook index, 4-bit
    run, 64 lists, 16-bit pointers (Han et al., ISCA 2016, section III). Eyeriss v2: 8-bit value, 4-bit count, one
    list, 7-bit addresses (Chen et al., JETCAS 2019). SCNN's blocks: 16-bit value, 4-bit run, one list, a row a block.

    Parameters
    ----------
    value_bits, run_bits, pointer_bits
        Widths of a value, of a run and of a pointer.
    n_parts
        Lists that the segments are dealt to.
    segments
        ``"columns"`` or ``"rows"``.
    """

    name: ClassVar[str] = "csc_relative"
    value_bits: int = 4
    run_bits: int = 4
    pointer_bits: int = 16
    n_parts: int = 64
    segments: str = "columns"

    def __post_init__(self) -> None:
        if self.segments not in ("columns", "rows"):
            raise self.fault("segments", f"found {self.segments!r}; 'columns' or 'rows'")

    def encode(self, values: ArrayLike) -> Encoded:
        """See :class:`StorageFormat`; also refuses lists that are too long for the pointers."""
        array = self.check_values(values, self.value_bits)
        lists = self.entry_lists(array)
        longest = int(lists.pointers.max())
        if longest >= 1 << self.pointer_bits:
            raise self.fault("pointer_bits", f"a list of {longest} entries needs {longest.bit_length()} bits")
        n_stored = lists.values.size
        return Encoded(
            format_name=self.name,
            shape=array.shape,
            dtype=array.dtype,
            streams={
                "entries": pack_fields([(lists.values, self.value_bits), (lists.runs, self.run_bits)]),
                "pointers": pack_fields([(lists.pointers.reshape(-1), self.pointer_bits)]),
            },
            counts={"entries": n_stored, "pointers": lists.pointers.size},
            size=self._size(lists.pointers.size, n_stored, n_stored - int(np.count_nonzero(array))),
        )

    def entry_lists(self, values: ArrayLike) -> EntryLists:
        """Return the lists before they are packed into bits."""
        array = np.asarray(values)
        matrix = array.reshape(array.shape[0] if array.ndim > 1 else 1, -1)
        segments = matrix.T if self.segments == "columns" else matrix
        runs, kept = [], []
        pointers = np.zeros((self.n_parts, len(segments) + 1), dtype=np.int64)
        for part in range(self.n_parts):
            for index, segment in enumerate(segments):
                segment_runs, segment_values = split_runs(segment[part :: self.n_parts], (1 << self.run_bits) - 1)
                runs.append(segment_runs)
                kept.append(segment_values.astype(np.int64))
                pointers[part, index + 1] = pointers[part, index] + segment_runs.size
        starts = np.cumsum(pointers[:, -1]) - pointers[:, -1]
        return EntryLists(np.concatenate(kept), np.concatenate(runs), pointers, starts)

    def _size(self, n_pointers: int, n_stored: int, n_padding: int) -> FormatSize:
        return FormatSize(
            data_bits=n_stored * self.value_bits,
            metadata_bits=n_stored * self.run_bits + n_pointers * self.pointer_bits,
            n_stored=n_stored,
            n_padding=n_padding,
        )

    def decode(self, encoded: Encoded) -> NDArray[Any]:
        """See :class:`StorageFormat`."""
        self.check_own(encoded)
        kept, runs = unpack_fields(
            encoded.streams["entries"],
            encoded.counts["entries"],
            [self.value_bits, self.run_bits],
            [encoded.dtype.kind == "i", False],
        )
        (pointers,) = unpack_fields(encoded.streams["pointers"], encoded.counts["pointers"], [self.pointer_bits])
        shape = encoded.shape if len(encoded.shape) > 1 else (1, encoded.shape[0])
        matrix = np.zeros((shape[0], int(np.prod(shape[1:]))), dtype=np.int64)
        segments = matrix.T if self.segments == "columns" else matrix
        base = 0
        for part, part_pointers in enumerate(pointers.reshape(self.n_parts, -1)):
            for index, segment in enumerate(segments):
                entries = slice(base + part_pointers[index], base + part_pointers[index + 1])
                own = segment[part :: self.n_parts]
                own[:] = join_runs(runs[entries], kept[entries], own.size)
            base += part_pointers[-1]
        return matrix.astype(encoded.dtype).reshape(encoded.shape)

    def size(self, tensor: BitMask | ArrayLike) -> FormatSize:
        """See :class:`StorageFormat`."""
        mask = as_mask(tensor)
        matrix = BitMask(shape=(mask.n_rows, mask.row_bits), words=mask.words)
        by_segment = matrix.transposed() if self.segments == "columns" else matrix
        nnz, padding = interleaved_entries(by_segment.words, self.n_parts, (1 << self.run_bits) - 1)
        n_padding = int(padding.sum())
        n_pointers = self.n_parts * (by_segment.n_rows + 1)
        return self._size(n_pointers, int(nnz.sum()) + n_padding, n_padding)
