"""How each tensor is stored in DRAM, and the codec between DRAM and buffers."""

from __future__ import annotations

from typing import Literal

from accel_sim.arch.spec import Count, Spec

StorageFormat = Literal["dense", "run_length", "bitmap", "csc_relative", "csr", "n_of_m"]


class Formats(Spec):
    """Storage format in DRAM of each tensor.

    Buffers hold dense words, unless the array itself works on the stored form.
    """

    ifmap: StorageFormat = "dense"
    filter: StorageFormat = "dense"
    ofmap: StorageFormat = "dense"

    def compressed(self) -> tuple[str, ...]:
        """Tensors that are not dense, in the order ifmap, filter, ofmap."""
        return tuple(tensor for tensor in ("ifmap", "filter", "ofmap") if getattr(self, tensor) != "dense")


class Codec(Spec):
    """The unit that packs and unpacks compressed tensors.

    Parameters
    ----------
    decode_words_per_cycle, encode_words_per_cycle
        Dense words delivered or taken in a cycle.
    run_bits
        Width of the zero-run field of ``run_length``.
    block_bits
        ``run_length`` packs as many (run, value) pairs as fit, and a mark, into a block of so many bits.
    """

    decode_words_per_cycle: Count
    encode_words_per_cycle: Count
    run_bits: Count = 5
    block_bits: Count = 64
