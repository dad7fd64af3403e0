"""Run-length coding in words, as Eyeriss stores fmaps in DRAM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.formats.base import Encoded, FormatSize, StorageFormat, as_mask
from accel_sim.compression.formats.bitstream import pack_fields, unpack_fields
from accel_sim.compression.formats.runs import join_runs, split_runs
from accel_sim.kernels.runs import padding_entries


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLength(StorageFormat):
    """Pairs of a zero run and a level, several to a word whose top bit marks the last word of a stream.

    With the defaults a word is 64 bits: three pairs of a 5-bit run and a 16-bit level, and the mark (Eyeriss, Chen et
    al., JSSC 2017, section V-A). Zeros after the last non-zero level are not stored: the reader of a stream that has
    ended fills its tile with zeros. A stream without any non-zero value is one word.

    Parameters
    ----------
    value_bits, run_bits, word_bits
        Widths of a level, of a run and of a word.
    restart_rows
        True: each row of the tensor (axis 0) is a stream of its own, so that tiles can be fetched alone. False: the
        tensor is one stream.
    """

    name: ClassVar[str] = "run_length"
    value_bits: int = 16
    run_bits: int = 5
    word_bits: int = 64
    restart_rows: bool = False

    def __post_init__(self) -> None:
        if self.pairs_per_word < 1:
            raise self.fault("word_bits", f"a pair of {self.run_bits} + {self.value_bits} bits and the mark do not fit")

    @property
    def pairs_per_word(self) -> int:
        """Pairs that fit a word beside its mark."""
        return (self.word_bits - 1) // (self.run_bits + self.value_bits)

    def encode(self, values: ArrayLike) -> Encoded:
        """See :class:`StorageFormat`."""
        array = self.check_values(values, self.value_bits)
        rows = array.reshape(-1) if not self.restart_rows or array.ndim < 2 else array.reshape(array.shape[0], -1)
        runs, levels, marks = [], [], []
        n_stored = 0
        for row in np.atleast_2d(rows):
            row_runs, row_levels = split_runs(row, (1 << self.run_bits) - 1)
            n_stored += row_runs.size
            n_words = max(1, -(-row_runs.size // self.pairs_per_word))
            fill = n_words * self.pairs_per_word - row_runs.size
            runs.append(np.pad(row_runs, (0, fill)))
            levels.append(np.pad(row_levels, (0, fill)))
            marks.append(np.arange(n_words) == n_words - 1)
        words_runs = np.concatenate(runs).reshape(-1, self.pairs_per_word)
        words_levels = np.concatenate(levels).reshape(-1, self.pairs_per_word)
        n_words = words_runs.shape[0]
        fields: list[tuple[NDArray[Any], int]] = []
        for pair in range(self.pairs_per_word):
            fields += [(words_runs[:, pair], self.run_bits), (words_levels[:, pair], self.value_bits)]
        fields += [(np.zeros(n_words, np.int64), self._unused_bits), (np.concatenate(marks), 1)]
        return Encoded(
            format_name=self.name,
            shape=array.shape,
            dtype=array.dtype,
            streams={"words": pack_fields(fields)},
            counts={"words": n_words},
            size=self._size(n_words, n_stored, n_stored - int(np.count_nonzero(array))),
        )

    @property
    def _unused_bits(self) -> int:
        return self.word_bits - 1 - self.pairs_per_word * (self.run_bits + self.value_bits)

    def _size(self, n_words: int, n_stored: int, n_padding: int) -> FormatSize:
        data_bits = n_stored * self.value_bits
        return FormatSize(
            data_bits=data_bits,
            metadata_bits=n_words * self.word_bits - data_bits,
            n_stored=n_stored,
            n_padding=n_padding,
        )

    def decode(self, encoded: Encoded) -> NDArray[Any]:
        """See :class:`StorageFormat`."""
        self.check_own(encoded)
        pair_widths = [self.run_bits, self.value_bits] * self.pairs_per_word
        signs = [False, encoded.dtype.kind == "i"] * self.pairs_per_word
        fields = unpack_fields(
            encoded.streams["words"],
            encoded.counts["words"],
            [*pair_widths, self._unused_bits, 1],
            [*signs, False, False],
        )
        runs = np.stack(fields[0:-2:2], axis=1)
        levels = np.stack(fields[1:-2:2], axis=1)
        ends = np.flatnonzero(fields[-1]) + 1
        row_length = int(np.prod(encoded.shape)) // ends.size
        streams = [
            join_runs(runs[start:end].reshape(-1), levels[start:end].reshape(-1), row_length)
            for start, end in zip([0, *ends[:-1]], ends, strict=True)
        ]
        return np.concatenate(streams).astype(encoded.dtype).reshape(encoded.shape)

    def size(self, tensor: BitMask | ArrayLike) -> FormatSize:
        """See :class:`StorageFormat`."""
        mask = as_mask(tensor)
        padding = padding_entries(mask.words, mask.row_bits, (1 << self.run_bits) - 1, self.restart_rows)
        entries = padding + mask.row_nnz()
        per_stream = entries if self.restart_rows else entries.sum(keepdims=True)
        n_words = int(np.maximum(1, -(-per_stream // self.pairs_per_word)).sum())
        return self._size(n_words, int(entries.sum()), int(padding.sum()))
