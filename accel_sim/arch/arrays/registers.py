"""A register file: the local memory of one PE for one tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterFile:
    """Storage of ``n_words`` words of ``word_bits`` bits for one tensor, present ``n_instances`` times in the array.

    Parameters
    ----------
    tensor
        ``ifmap``, ``filter`` or ``psum``.
    cell
        ``registers`` (flip-flops) or ``sram``; decides how an access and the area are priced.
    """

    tensor: Literal["ifmap", "filter", "psum"]
    n_words: int
    word_bits: int
    cell: Literal["registers", "sram"]
    n_instances: int
