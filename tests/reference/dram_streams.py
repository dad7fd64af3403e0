"""The request streams of the reference figures: sequential, three interleaved, strided, random, dependent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Stream(NamedTuple):
    name: str
    addresses: np.ndarray  # int64[n], bytes
    is_write: np.ndarray  # uint8[n]
    dependent: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.addresses.astype("<u8").tobytes() + self.is_write.tobytes()).hexdigest()


def random_numbers(n: int, seed: int) -> np.ndarray:
    """uint64[n], splitmix64 of a counter that starts at ``seed``."""
    with np.errstate(over="ignore"):
        z = (np.arange(n, dtype=np.uint64) + np.uint64(seed)) * GOLDEN + GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def random_addresses(n: int, seed: int, span_bytes: int) -> np.ndarray:
    return (random_numbers(n, seed) % np.uint64(span_bytes) // np.uint64(64) * np.uint64(64)).astype(np.int64)


def three_streams(second: int, third: int) -> tuple[np.ndarray, np.ndarray]:
    """Two streams of reads and one of writes of 1 MiB each, in turns of 1 KiB."""
    bases = np.array([0, 0x10000000 + second, 0x20000000 + third])
    runs = np.arange(0, 1 << 20, 1024)
    addresses = runs[:, None, None] + bases[None, :, None] + np.arange(0, 1024, 64)[None, None, :]
    is_write = np.zeros(addresses.shape, np.uint8)
    is_write[:, 2, :] = 1
    return addresses.reshape(-1), is_write.reshape(-1)


def streams() -> Iterator[Stream]:
    def reads(name: str, addresses: np.ndarray, dependent: bool = False) -> Stream:
        return Stream(name, addresses.astype(np.int64), np.zeros(len(addresses), np.uint8), dependent)

    yield reads("a_seq_1MiB", np.arange(0, 1 << 20, 64))
    yield reads("a_seq_16MiB", np.arange(0, 1 << 24, 64))
    yield Stream("b_3stream_aligned", *three_streams(0, 0), False)
    yield Stream("b_3stream_offset", *three_streams(5 * 8192, 11 * 8192), False)
    for stride in (2048, 8192, 65536):
        yield reads(f"c_stride_{stride}", np.arange(1 << 14) * stride)
    yield reads("d_random_1GiB", random_addresses(1 << 16, 12345, 1 << 30))
    yield reads("e_dep_seq", np.arange(0, 4096 * 64, 64), dependent=True)
    yield reads("e_dep_random", random_addresses(4096, 777, 1 << 30), dependent=True)
