"""Huffman coding of codebook weights and their zero runs: the last stage of Deep Compression."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.formats.base import Encoded, FormatSize, StorageFormat
from accel_sim.compression.formats.bitstream import pack_fields, unpack_fields
from accel_sim.compression.formats.runs import join_runs, split_runs
from accel_sim.kernels.huffman import decode_canonical


def code_lengths(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return int64[alphabet]: the length of each symbol's Huffman code, 0 for symbols that do not occur.

    A single symbol takes one bit. Ties are broken by symbol, so that the code is the same everywhere.
    """
    heap = [(int(count), symbol, [symbol]) for symbol, count in enumerate(counts) if count > 0]
    lengths = np.zeros(counts.size, dtype=np.int64)
    if len(heap) == 1:
        lengths[heap[0][1]] = 1
    heapq.heapify(heap)
    while len(heap) > 1:
        count_a, first_a, symbols_a = heapq.heappop(heap)
        count_b, first_b, symbols_b = heapq.heappop(heap)
        merged = symbols_a + symbols_b
        lengths[merged] += 1
        heapq.heappush(heap, (count_a + count_b, min(first_a, first_b), merged))
    return lengths


def canonical_codes(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return int64[alphabet]: the canonical code of each symbol; see :mod:`accel_sim.kernels.huffman`."""
    codes = np.zeros(lengths.size, dtype=np.int64)
    code = 0
    previous = 0
    for symbol in np.argsort(lengths, kind="stable"):
        if lengths[symbol] == 0:
            continue
        code <<= int(lengths[symbol]) - previous
        codes[symbol] = code
        code += 1
        previous = int(lengths[symbol])
    return codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Huffman(StorageFormat):
    """Codebook indices and zero runs, each Huffman coded with a table of its own.

    Values are indices into a codebook whose entry 0 is the weight zero. The tensor is one stream of (run, index)
    entries with padding zeros; the tables and the codebook are part of the size (Han, Mao and Dally, ICLR 2016).

    Parameters
    ----------
    value_bits
        Width of a codebook index: the codebook has ``2**value_bits`` entries.
    run_bits
        Width of a run before coding: 8 for conv layers and 5 for fc layers in the paper.
    length_bits
        Bits that the tables spend on the code length of a symbol.
    codebook_entry_bits
        Bits of a codebook entry.
    """

    name: ClassVar[str] = "huffman"
    needs_values: ClassVar[bool] = True
    value_bits: int = 5
    run_bits: int = 5
    length_bits: int = 5
    codebook_entry_bits: int = 32

    def encode(self, values: ArrayLike) -> Encoded:
        """See :class:`StorageFormat`."""
        array = np.asarray(values)
        runs, kept = self._entries(array)
        streams, counts = {}, {"entries": runs.size}
        for stream, symbols, width in (("values", kept, self.value_bits), ("runs", runs, self.run_bits)):
            lengths = self._lengths(np.bincount(symbols, minlength=1 << width))
            bits = _code_bits(symbols, lengths)
            streams[stream] = np.packbits(bits, bitorder="little")
            streams[f"{stream}_table"] = pack_fields([(lengths, self.length_bits)])
            counts[stream] = bits.size
        return Encoded(
            format_name=self.name,
            shape=array.shape,
            dtype=array.dtype,
            streams=streams,
            counts=counts,
            size=self._size(counts["values"], counts["runs"], runs.size, int(np.count_nonzero(array))),
        )

    def _entries(self, array: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if array.dtype.kind not in "iu" or array.size == 0 or array.min() < 0 or array.max() >= 1 << self.value_bits:
            raise self.fault("values", f"codebook indices 0..{(1 << self.value_bits) - 1} are needed")
        runs, kept = split_runs(array.reshape(-1), (1 << self.run_bits) - 1)
        return runs, kept.astype(np.int64)

    def _lengths(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        lengths = code_lengths(counts)
        if lengths.max() >= 1 << self.length_bits:
            raise self.fault("length_bits", f"a code of {lengths.max()} bits does not fit the table")
        return lengths

    def _size(self, value_code_bits: int, run_code_bits: int, n_stored: int, nnz: int) -> FormatSize:
        tables = ((1 << self.value_bits) + (1 << self.run_bits)) * self.length_bits
        return FormatSize(
            data_bits=value_code_bits,
            metadata_bits=run_code_bits + tables + (1 << self.value_bits) * self.codebook_entry_bits,
            n_stored=n_stored,
            n_padding=n_stored - nnz,
        )

    def decode(self, encoded: Encoded) -> NDArray[Any]:
        """See :class:`StorageFormat`."""
        self.check_own(encoded)
        decoded = {}
        for stream, width in (("values", self.value_bits), ("runs", self.run_bits)):
            (lengths,) = unpack_fields(encoded.streams[f"{stream}_table"], 1 << width, [self.length_bits])
            bits = np.unpackbits(encoded.streams[stream], count=encoded.counts[stream], bitorder="little")
            decoded[stream] = decode_canonical(bits, encoded.counts["entries"], lengths)
        length = int(np.prod(encoded.shape))
        return join_runs(decoded["runs"], decoded["values"], length).astype(encoded.dtype).reshape(encoded.shape)

    def size(self, tensor: BitMask | ArrayLike) -> FormatSize:
        """See :class:`StorageFormat`; needs the codebook indices, because a code's length depends on them."""
        if isinstance(tensor, BitMask):
            raise self.fault("values", "the size depends on the codebook indices, and only a mask is given")
        array = np.asarray(tensor)
        runs, kept = self._entries(array)
        code_bits = []
        for symbols, width in ((kept, self.value_bits), (runs, self.run_bits)):
            counts = np.bincount(symbols, minlength=1 << width)
            code_bits.append(int(counts @ self._lengths(counts)))
        return self._size(code_bits[0], code_bits[1], runs.size, int(np.count_nonzero(array)))


def _code_bits(symbols: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the code of every symbol in turn, one bit an element, most significant bit first."""
    own_lengths = lengths[symbols]
    starts = np.cumsum(own_lengths) - own_lengths
    owner = np.repeat(np.arange(symbols.size), own_lengths)
    place = np.arange(owner.size) - starts[owner]
    codes = canonical_codes(lengths)[symbols]
    return ((codes[owner] >> (own_lengths[owner] - 1 - place)) & 1).astype(np.uint8)
