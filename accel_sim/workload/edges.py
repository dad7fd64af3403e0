"""Check the edges of a network: names are unique, producers exist and come first, shapes agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from accel_sim.errors import nearest
from accel_sim.workload.layer import RESHAPING_OPS, Layer

Mistake = tuple[tuple[str | int, ...], str]


def name_mistakes(names: Sequence[str], inputs: Sequence[Sequence[str]]) -> Iterator[Mistake]:
    """Yield (path, message) for duplicate names and for inputs that name no earlier layer.

    Parameters
    ----------
    names, inputs
        One entry a layer. An empty name is one that could not be read; nothing is said about it.
    """
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        for j, producer in enumerate(inputs[i]):
            path = ("layers", i, "inputs", j)
            if producer in first or not producer:
                continue
            if producer == name:
                yield path, f"layer {name!r} cannot be its own input"
            elif producer in names:
                yield path, f"layer {producer!r} comes later; a producer stands before its consumers"
            else:
                yield path, f"unknown layer {producer!r}{nearest(producer, [n for n in names[:i] if n])}"
        if name in first:
            yield ("layers", i, "name"), f"duplicate name {name!r}; layers[{first[name]}] has it too"
        elif name:
            first[name] = i


def edge_mistakes(layers: Sequence[Layer]) -> Iterator[Mistake]:
    """Yield (path, message) for inputs whose number or shapes do not fit; names must be right already."""
    by_name = {layer.name: layer for layer in layers}
    for i, layer in enumerate(layers):
        n_inputs, most = len(layer.inputs), layer.n_operands
        # one operand of a matmul may be made on the chip while the other (a cache, say) lies in DRAM
        least = 1 if layer.op == "matmul" else most
        if n_inputs and not least <= n_inputs <= most:
            allowed = f"{most}" if least == most else f"{least} to {most}"
            yield ("layers", i, "inputs"), f"found {n_inputs} inputs; allowed for this {layer.op}: {allowed}, or none"
            continue
        for j, name in enumerate(layer.inputs):
            message = _disagreement(by_name[name], layer, j)
            if message:
                yield ("layers", i, "inputs", j), message


def _disagreement(producer: Layer, consumer: Layer, index: int) -> str | None:
    made, taken = producer.ofmap, consumer.operand(index)
    if RESHAPING_OPS.isdisjoint((producer.op, consumer.op)):
        if made.shape[1:] != taken.shape[1:]:
            return (
                f"{producer.name!r} makes {list(made.shape[1:])}, but {consumer.name!r} takes "
                f"{list(taken.shape[1:])} [C, H, W]"
            )
    elif made.n_elements != taken.n_elements:
        return (
            f"{producer.name!r} makes {made.n_elements} values {list(made.shape)}, but {consumer.name!r} takes "
            f"{taken.n_elements} {list(taken.shape)}"
        )
    return None
