"""Input files: places of keys and values, every fault at once, and files that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, model_validator

from accel_sim.config import (
    Document,
    KeyFaultError,
    StrictModel,
    dotted,
    load_document,
    nodes,
    parse_document,
    resolve_shipped,
    shipped_names,
    validate,
)
from accel_sim.errors import ArchError, InputError, WorkloadError


class Square(StrictModel):
    kind: Literal["square"]
    side: Annotated[int, Field(ge=1)] = 1


class Circle(StrictModel):
    kind: Literal["circle"]
    radius: float = 1.0
    centre: int | tuple[int, int] = 0


class Drawing(StrictModel):
    name: str
    shapes: Annotated[tuple[Annotated[Square | Circle, Field(discriminator="kind")], ...], Field(min_length=1)] = ()
    sizes: dict[str, int] = {}
    low: int = 0
    high: int = 1

    @model_validator(mode="after")
    def _ordered(self) -> Drawing:
        if self.low > self.high:
            raise KeyFaultError(("low", f"found {self.low}, above high"), (("high",), "found less than low"))
        return self


def faults_of(text: str, model: type[StrictModel] = Drawing) -> list[str]:
    with pytest.raises(WorkloadError) as error:
        validate(model, parse_document(text, "f.yaml", WorkloadError), WorkloadError)
    return [str(fault) for fault in error.value.faults]


def test_a_right_document_gives_the_model() -> None:
    text = "name: x\nshapes:\n  - {kind: circle, radius: 2}\n  - {kind: square, side: 0x10}\nsizes: {a: 1_000}\n"
    drawing = validate(Drawing, parse_document(text))
    circle, square = drawing.shapes
    assert isinstance(circle, Circle)
    assert circle.radius == 2.0
    assert isinstance(square, Square)
    assert square.side == 16
    assert drawing.sizes == {"a": 1000}


def test_places_of_keys_and_values() -> None:
    document = parse_document("a: 1\nb:\n  - {c: 2, d: [3, 4]}\ne:\nf: 5\n")
    assert document.data == {"a": 1, "b": ({"c": 2, "d": (3, 4)},), "e": None, "f": 5}
    assert document.key_places["b",] == (2, 1)
    assert document.value_places["b", 0, "d", 1] == (3, 19)
    assert document.key_places["b", 0, "d"] == (3, 12)
    assert document.value_places["e",] == (4, 1), "an absent value stands at its key"
    assert document.fault(("b", 0, "missing"), "m").line == 3, "an unknown place is that of the nearest parent"


def test_scalars_are_yaml_1_2() -> None:
    text = "{a: 1e9, b: 010, c: yes, d: true, e: ~, f: 2016-06-18, g: '1', h: 1.5, i: 0o17}"
    assert parse_document(text).data == {
        "a": 1e9,
        "b": 10,
        "c": "yes",
        "d": True,
        "e": None,
        "f": "2016-06-18",
        "g": "1",
        "h": 1.5,
        "i": 15,
    }


def test_merge_keys_keep_their_place_and_give_way() -> None:
    document = parse_document("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n")
    assert document.data["use"] == {"x": 1, "y": 3}
    assert document.value_places["use", "x"] == (1, 14)
    assert document.value_places["use", "y"] == (4, 6)


def test_all_faults_at_once_in_file_order() -> None:
    text = """\
nme: x
shapes:
  - {kind: square, side: true}
  - {kind: circle, radius: .nan, raduis: 1}
  - {kind: circel}
  - {}
  - {kind: circle, centre: "3"}
  - 7
  - {kind: square, side: 0, side: 2}
sizes: {a: 1.5, b: "2"}
"""
    assert faults_of(text) == [
        "f.yaml:1:1: name: the key 'name' is required and missing",
        "f.yaml:1:1: nme: unknown key 'nme'; did you mean 'name'?; allowed: name, shapes, sizes, low, high",
        "f.yaml:3:26: shapes[0].side: found true (a truth value); allowed: a whole number",
        "f.yaml:4:28: shapes[1].radius: found nan; allowed: a finite number",
        "f.yaml:4:34: shapes[1].raduis: unknown key 'raduis'; did you mean 'radius'?; allowed: kind, radius, centre",
        "f.yaml:5:12: shapes[2].kind: unknown kind 'circel'; did you mean 'circle'?; allowed: square, circle",
        "f.yaml:6:5: shapes[3].kind: the key 'kind' is required and missing",
        "f.yaml:7:28: shapes[4].centre: found '3' (text); allowed: a whole number or a list",
        "f.yaml:8:5: shapes[5]: found 7; allowed: a mapping of keys to values",
        "f.yaml:9:26: shapes[6].side: found 0; allowed: at least 1",
        "f.yaml:9:29: shapes[6].side: duplicate key 'side'; first given at line 9, column 20",
        "f.yaml:10:12: sizes.a: found 1.5; allowed: a whole number",
        "f.yaml:10:20: sizes.b: found '2' (text); allowed: a whole number",
    ]


def test_faults_between_keys_stand_at_their_keys() -> None:
    assert faults_of("name: a\nlow: 5\nhigh: 2\nshapes: [{kind: square}]\n") == [
        "f.yaml:2:6: low: found 5, above high",
        "f.yaml:3:7: high: found less than low",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name: 3\n", "f.yaml:1:7: name: found 3; allowed: text"),
        ("name:\n", "f.yaml:1:1: name: found nothing (null); allowed: text"),
        ("name: a\nshapes: []\n", "f.yaml:2:9: shapes: found a list of 0; allowed: at least 1"),
        ("name: a\nlow: .inf\n", "f.yaml:2:6: low: found inf; allowed: a whole number"),
        ("name: a\nlow: 2.0\n", "f.yaml:2:6: low: found 2.0; allowed: a whole number"),
        ("[1]", "f.yaml:1:1: found a list of 1; allowed: a mapping of keys to values"),
        ("text", "f.yaml:1:1: found 'text' (text); allowed: a mapping of keys to values"),
    ],
)
def test_wrong_types(text: str, fault: str) -> None:
    assert faults_of(text) == [fault]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 0, 0, "is empty"),
        ("# only a comment\n", 0, 0, "is empty"),
        ("a: [1,\n", 2, 1, "is not YAML: while parsing a flow node"),
        ("a: 1\n b: 2\n", 2, 3, "is not YAML: mapping values are not allowed here"),
        ("\ta: 1\n", 1, 1, "is not YAML"),
        ("a: 1\n---\nb: 1\n", 2, 1, "is not YAML: expected a single document"),
        ("a: *nothing\n", 1, 4, "is not YAML: found undefined alias 'nothing'"),
        ("a: b\nc: \x07\n", 2, 4, "is not YAML: control character '\\x07'"),
        ("a: &x [*x]\n", 1, 4, "an alias that contains itself"),
        ("a: &x\n  <<: *x\n", 1, 4, "an alias that contains itself"),
        ("a: 1\n<<: 3\n", 2, 5, "'<<' takes an alias of a mapping"),
        ("a: !!python/object:os.system x\n", 1, 4, "tag tag:yaml.org,2002:python/object:os.system is not allowed"),
        ("a: !!int x\n", 1, 4, "'x' cannot be read as a value"),
        ("? [a]\n: 1\n", 1, 3, "a key must be text"),
        ("[" * 1200 + "]" * 1200, 0, 0, "is nested too deeply"),
    ],
)
def test_text_that_is_no_document(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ArchError) as error:
        parse_document(text, "f.yaml", ArchError)
    (fault,) = error.value.faults
    assert (fault.file, fault.line, fault.column) == ("f.yaml", line, column)
    assert message in fault.message
    assert "\n" not in str(fault)


def test_aliases_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "MAX_VALUES", 10_000)
    lines = ["k0: &k0 [x, x]"] + [f"k{i}: &k{i} [*k{i - 1}, *k{i - 1}]" for i in range(1, 40)]
    with pytest.raises(InputError, match="more than 10000 values"):
        parse_document("\n".join(lines))
    merges = ["k0: &k0 {a: 1}"] + [f"k{i}: &k{i} {{<<: [*k{i - 1}, *k{i - 1}]}}" for i in range(1, 40)]
    with pytest.raises(InputError, match="more than 10000 values"):
        parse_document("\n".join(merges))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    def message_of(path: Path) -> str:
        with pytest.raises(WorkloadError) as error:
            load_document(path, WorkloadError)
        (fault,) = error.value.faults
        return str(fault)

    assert message_of(tmp_path) == f"{tmp_path}: is a folder; allowed: a YAML file"
    assert message_of(tmp_path / "none.yaml") == f"{tmp_path}/none.yaml: no such file"
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("a: 1\nb: é".encode("latin-1"))
    assert message_of(latin) == f"{latin}:2:4: byte 0xe9 is not UTF-8; allowed: a YAML file in UTF-8"
    latin.write_bytes(b"\xef\xbb\xbf" + "a: é".encode("latin-1"))
    assert message_of(latin).startswith(f"{latin}:1:4: byte 0xe9")
    assert message_of(latin / "below") == f"{latin}/below: cannot be read: Not a directory"
    assert message_of(Path("a\0b")).endswith("cannot be read: embedded null byte")


def test_a_locked_file_is_one_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", locked)
    with pytest.raises(InputError) as error:
        load_document(tmp_path / "x.yaml")
    assert str(error.value) == f"{tmp_path}/x.yaml: cannot be read: Permission denied"


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load_document(path).data == {"a": 1}


def test_data_without_a_file() -> None:
    document = Document.from_data({"name": "a", "shapes": [{"kind": "square", "side": 0}]}, "--set")
    with pytest.raises(ArchError, match=r"^--set: shapes\[0\]\.side: found 0; allowed: at least 1$"):
        validate(Drawing, document, ArchError)
    assert validate(Drawing, Document.from_data({"name": "a"})).name == "a"


def test_dotted() -> None:
    assert dotted(("layers", 2, "filter", 0)) == "layers[2].filter[0]"
    assert dotted(()) == ""


def test_shipped_names_resolve() -> None:
    names = shipped_names("accel_sim.workloads")
    assert {"alexnet", "vgg16", "resnet18", "resnet50", "mobilenet_v1", "lenet5"} <= set(names)
    for package in ("accel_sim.workloads", "accel_sim.arch_configs"):
        for name in shipped_names(package):
            assert resolve_shipped(package, name).is_file()


def test_paths_resolve_to_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("a: 1\n")
    (tmp_path / "alexnet").write_text("a: 1\n")
    assert resolve_shipped("accel_sim.workloads", "mine") == Path("mine")
    assert resolve_shipped("accel_sim.workloads", "alexnet").name == "alexnet.yaml", "the shipped name wins"
    assert os.fspath(resolve_shipped("accel_sim.workloads", "./x/y")) == "x/y"
    assert os.fspath(resolve_shipped("accel_sim.workloads", "other.yaml")) == "other.yaml"


@pytest.mark.parametrize("name", ["alexnt", "Alexnet"])
def test_an_unknown_name_gets_the_nearest(name: str) -> None:
    with pytest.raises(WorkloadError) as error:
        resolve_shipped("accel_sim.workloads", name, WorkloadError)
    text = str(error.value)
    assert text.startswith(f"{name}: no shipped file of this name; did you mean 'alexnet'?; allowed: a path, or")
    assert "vgg16" in text


def test_an_empty_name_is_a_fault() -> None:
    with pytest.raises(InputError, match="no shipped file"):
        resolve_shipped("accel_sim.workloads", "")
