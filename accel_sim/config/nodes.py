"""Turn YAML nodes into plain data and note the line and column of every key and value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from accel_sim.config.document import KeyPath, Place, dotted
from accel_sim.errors import Fault

MAX_VALUES = 1_000_000
_TAG = "tag:yaml.org,2002:"


class UnreadableError(Exception):
    """The rest of the file cannot be read: no document comes out of it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class NodeReader:
    """Reads one node graph.

    Composed nodes are read here, and not ruamel's constructed objects, because only nodes keep the place of every
    scalar, all duplicates of a key, and aliases as aliases.

    Parameters
    ----------
    file
        Name of the file to show in faults.
    constructor
        Gives the YAML 1.2 value of plain scalars.
    """

    def __init__(self, file: str, constructor: SafeConstructor) -> None:
        self.file = file
        self.key_places: dict[KeyPath, Place] = {}
        self.value_places: dict[KeyPath, Place] = {}
        self.faults: list[Fault] = []
        self._n_values = 0
        self._open: set[int] = set()
        self._scalars: dict[str, Callable[[Any], Any]] = {
            f"{_TAG}null": constructor.construct_yaml_null,
            f"{_TAG}bool": constructor.construct_yaml_bool,
            f"{_TAG}int": constructor.construct_yaml_int,
            f"{_TAG}float": constructor.construct_yaml_float,
            f"{_TAG}str": lambda node: str(node.value),
            f"{_TAG}timestamp": lambda node: str(node.value),
        }

    def read(self, node: Node, path: KeyPath) -> Any:
        """Return the plain data of a node at a path, noting the places of all below it.

        Raises
        ------
        UnreadableError
            If a node has no plain data: a tag of its own, a key that is no text, an alias of itself.
        """
        self.value_places.setdefault(path, _place(node))
        self._count(node)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open:
            raise self._unreadable(node, path, "an alias that contains itself is not allowed")
        self._open.add(id(node))
        data: Any
        if isinstance(node, SequenceNode):
            data = tuple(self.read(item, (*path, i)) for i, item in enumerate(node.value))
        else:
            assert isinstance(node, MappingNode)
            data = self._mapping(node, path)
        self._open.discard(id(node))
        return data

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: list[MappingNode] = []
        for key_node, value_node in node.value:
            if str(key_node.tag) == f"{_TAG}merge":
                sources = value_node.value if isinstance(value_node, SequenceNode) else [value_node]
                merged.extend(self._mergeable(source, path) for source in sources)
                continue
            if not isinstance(key_node, ScalarNode):
                raise self._unreadable(key_node, path, "a key must be text, not a list or mapping")
            key = str(key_node.value)
            child = (*path, key)
            if key in data:
                line, column = self.key_places[child]
                message = f"duplicate key {key!r}; first given at line {line}, column {column}"
                self.faults.append(self._fault(key_node, child, message))
                continue
            self.key_places.setdefault(child, _place(key_node))
            if isinstance(value_node, ScalarNode) and value_node.value == "" and value_node.style is None:
                # the parser places an absent value at the next token, often on another line
                self.value_places.setdefault(child, _place(key_node))
            data[key] = self.read(value_node, child)
        for source in merged:
            if id(source) in self._open:
                raise self._unreadable(source, path, "an alias that contains itself is not allowed")
            for key, value in self._merge_from(source, path, data).items():
                data.setdefault(key, value)
        return data

    def _merge_from(self, source: MappingNode, path: KeyPath, own: Mapping[str, Any]) -> dict[str, Any]:
        self._count(source)
        self._open.add(id(source))
        kept = [pair for pair in source.value if str(pair[0].value) not in own]
        merged = self._mapping(MappingNode(tag=source.tag, value=kept), path)
        self._open.discard(id(source))
        return merged

    def _mergeable(self, node: Node, path: KeyPath) -> MappingNode:
        if not isinstance(node, MappingNode):
            raise self._unreadable(node, path, "'<<' takes an alias of a mapping, or a list of them")
        return node

    def _scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        construct = self._scalars.get(str(node.tag))
        if construct is None:
            raise self._unreadable(node, path, f"tag {node.tag} is not allowed")
        try:
            return construct(node)
        except (ValueError, KeyError):
            raise self._unreadable(node, path, f"{str(node.value)[:40]!r} cannot be read as a value") from None

    def _count(self, node: Node) -> None:
        # aliases of aliases can make a short text stand for more values than memory holds
        self._n_values += 1
        if self._n_values > MAX_VALUES:
            raise self._unreadable(node, (), f"more than {MAX_VALUES} values, aliases written out")

    def _fault(self, node: Node, path: KeyPath, message: str) -> Fault:
        line, column = _place(node)
        return Fault(message=message, key=dotted(path), file=self.file, line=line, column=column)

    def _unreadable(self, node: Node, path: KeyPath, message: str) -> UnreadableError:
        return UnreadableError(self._fault(node, path, message))


def _place(node: Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1
