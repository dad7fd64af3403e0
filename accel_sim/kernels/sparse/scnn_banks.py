"""The accumulator banks of a PE of SCNN: which product goes to which bank, and when a vector pair is issued.

A pair waits until the queues of its banks have room, and each bank takes one product a cycle. Counts of four banks lie
side by side in a word, 16 bits each, so that 32 banks take a few instructions. The output channel gives the lower two
bits of a bank and may turn the fifth, and the ofmap pixel gives the upper three; word ``2 * lower bits + fifth`` has
the four banks that differ in the other two. Counts stay below 2 ** 15 where ``i_vector * f_vector + bank_queue`` does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import inline_njit, njit
from accel_sim.kernels.references import inlined


class Banks(NamedTuple):
    """Accumulator banks while a group is computed.

    ``clock`` int64[n_pes]: first cycle in which each PE may issue its next vector pair. ``backlog`` uint64[n_pes, 8]:
    products that each bank still has to take in that cycle. ``arrivals`` uint64[n_pairs, 8]: products of all pairs of
    one vector of activations. ``reached`` uint64[n_taps, 2]: products of one weight of each tap, before the bits of
    its channel are applied.
    """

    clock: NDArray[np.int64]
    backlog: NDArray[np.uint64]
    arrivals: NDArray[np.uint64]
    reached: NDArray[np.uint64]


@inline_njit
def position_bits(p: int, q: int, n_banks: int) -> int:
    """Return the part of the bank that an ofmap pixel sets; see DNNsim, ``SCNN::map_accumulator``.

    The bank is the exclusive or with the output channel's part, ``((k & 4) << 2 | k & 3) % n_banks``; ``n_banks`` is a
    power of two.
    """
    return ((((p ^ q) & 2) << 3) | ((p & 1) << 3) | ((q & 1) << 2)) & (n_banks - 1)


@inlined
def in_bank(word: np.uint64, place: int) -> int:
    """Return the count of the bank that stands at bit ``place`` of a word."""
    return int(np.int64((word >> np.uint64(place)) & np.uint64(0xFFFF)))


@inlined
def issue_late(arrivals: NDArray[np.uint64], backlog: NDArray[np.uint64], bank_queue: int) -> int:
    """Issue a vector pair when the queues have room for it, and return the cycles until the next may follow.

    Parameters
    ----------
    arrivals
        uint64[8]: products that each bank gets.
    backlog
        uint64[8]: products that each bank has in the first cycle in which the pair may be issued, updated.
    bank_queue
        Products that wait at a bank; with 0 the pair stays until its fullest bank has taken all, and none is left.
    """
    wait = 0
    fullest = 1
    for word in range(8):
        for place in range(0, 64, 16):
            n_products = in_bank(arrivals[word], place)
            if n_products > 0:
                n_queued = in_bank(backlog[word], place)
                wait = max(wait, n_queued + min(0, n_products - bank_queue))
                fullest = max(fullest, n_products)
    if bank_queue == 0:
        return fullest
    for word in range(8):
        after = np.uint64(0)
        for place in range(0, 64, 16):
            n_products = in_bank(arrivals[word], place)
            n_queued = in_bank(backlog[word], place)
            left = max(0, max(0, n_queued - wait) + n_products - 1)
            after |= np.uint64(left) << np.uint64(place)
        backlog[word] = after
    return wait + 1


@inlined
def issue_pairs(
    arrivals: NDArray[np.uint64], n_pairs: int, backlog: NDArray[np.uint64], clock: int, bank_queue: int
) -> int:
    """Issue vector pairs one after the other and return the first cycle in which another may follow.

    Parameters
    ----------
    arrivals
        uint64[n, 8]: products that each bank gets of each pair.
    n_pairs
        Pairs to issue.
    backlog
        uint64[8]: products that each bank still has to take in cycle ``clock``, updated.
    clock
        First cycle in which a pair may be issued.
    bank_queue
        Products that wait at a bank.
    """
    ones = np.uint64(0x0001000100010001)
    high = np.uint64(0x8000800080008000)
    below_high = np.uint64(0x7FFF7FFF7FFF7FFF)
    queue = ones * np.uint64(bank_queue)
    for pair in range(n_pairs):
        # Adding sets a lane's high bit where a bank that gets something would have more than its queue holds.
        late = np.uint64(0)
        for word in range(8):
            after = backlog[word] + arrivals[pair, word]
            late |= (after + (below_high - queue)) & (arrivals[pair, word] + below_high) & high
        if late != 0:
            clock += issue_late(arrivals[pair], backlog, bank_queue)
            continue
        for word in range(8):
            after = backlog[word] + arrivals[pair, word]
            backlog[word] = after - (((after + below_high) >> np.uint64(15)) & ones)
        clock += 1
    return clock


@njit
def longest_backlog(backlog: NDArray[np.uint64]) -> int:
    """Return the products that the fullest of a PE's banks, uint64[8], still has to take."""
    longest = 0
    for word in range(8):
        for place in range(0, 64, 16):
            longest = max(longest, in_bank(backlog[word], place))
    return longest
