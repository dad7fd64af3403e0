"""The types of keys in a workload file: names, sizes, pairs, bits, densities, algorithms, activations."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from accel_sim.errors import nearest
from accel_sim.workload.tensor import MAX_BITS
from accel_sim.workload.windows import MAX_WINDOW

MAX_SIZE = 2**31 - 1
POSTS = ("none", "relu", "relu6", "leaky_relu", "sigmoid", "tanh", "gelu", "silu", "hard_sigmoid", "hard_swish")
_ALGORITHM = re.compile(r"direct|im2col|best|winograd:[1-9]\d{0,2}|fft:[1-9]\d{0,4}")


def _layer_name(name: str) -> str:
    if not name or re.search(r"[\s,*?\[\]]", name):
        raise ValueError(f"found {name!r}; allowed: a name without spaces, commas and * ? [ ]")
    return name


def _algorithm(text: str) -> str:
    if _ALGORITHM.fullmatch(text) is None:
        choices = ["direct", "im2col", "winograd:<m>", "fft:<tile>", "best"]
        hint = nearest(text, choices)
        raise ValueError(f"unknown algorithm {text!r}{hint}; allowed: {', '.join(choices)}")
    return text


def _post(text: str) -> str:
    if text not in POSTS:
        raise ValueError(f"unknown activation {text!r}{nearest(text, POSTS)}; allowed: {', '.join(POSTS)}")
    return text


def _both(value: Any) -> Any:
    return value if isinstance(value, tuple) else (value, value)


def _sizes(meaning: str) -> Callable[[Any], Any]:
    count = meaning.count(",") + 1

    def check(value: Any) -> Any:
        if not isinstance(value, tuple) or len(value) != count:
            found = f"a list of {len(value)}" if isinstance(value, tuple) else repr(value)
            raise ValueError(f"found {found}; allowed: a list of {count} sizes {meaning}")
        return value

    return check


Size = Annotated[int, Field(ge=1, le=MAX_SIZE)]
Padding = Annotated[int, Field(ge=0, le=MAX_SIZE)]
WindowSize = Annotated[int, Field(ge=1, le=MAX_WINDOW)]
SizePair = Annotated[tuple[Size, Size], BeforeValidator(_both)]
PaddingPair = Annotated[tuple[Padding, Padding], BeforeValidator(_both)]
WindowPair = Annotated[tuple[WindowSize, WindowSize], BeforeValidator(_both)]
IfmapSizes = Annotated[tuple[Size, Size, Size], BeforeValidator(_sizes("[C, H, W]"))]
FilterSizes = Annotated[tuple[Size, Size, WindowSize, WindowSize], BeforeValidator(_sizes("[K, C/groups, R, S]"))]
Bits = Annotated[int, Field(ge=1, le=MAX_BITS)]
Density = Annotated[float, Field(ge=0, le=1)]
LayerName = Annotated[str, AfterValidator(_layer_name)]
Algorithm = Annotated[str, AfterValidator(_algorithm)]
Post = Annotated[str, AfterValidator(_post)]
