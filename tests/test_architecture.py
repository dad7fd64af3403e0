"""The shape of the code itself: imports go down, kernels are pure, only the command line prints, files stay short."""

from __future__ import annotations

import ast
import configparser
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "accel_sim"
MODULES = sorted(PACKAGE.rglob("*.py"))

# each room may import itself and those before it; docs/architecture.md says why in this order
ROOMS = (
    "errors",
    "units",
    "config",
    "kernels",
    "workload",
    "arch",
    "compression",
    "algorithms",
    "mapping",
    "program",
    "lowering",
    "energy",
    "results",
    "engine",
    "report",
    "sweep",
    "validation",
    "cli",
)
# conveniences that look up on purpose, inside functions only: (module, room it may import)
UPWARD = {
    ("results.model", "report"): "result.plot and result.save are written where plots and files are",
}
# the package's own front doors see every room
FRONT_DOORS = ("__init__", "__main__")

KERNEL_IMPORTS = {
    "__future__",
    "collections.abc",
    "math",
    "numba",
    "numpy",
    "numpy.typing",
    "typing",
}
LONGEST_FILE_LINES = 400

# A kernel module's twin in tests/reference is naive_<module>.py, unless it is named here. A module without compiled
# functions needs none.
TWINS: dict[str, str] = {}
WITHOUT_TWIN = {
    "jit": "the doorway to numba, no kernel",
}


# Words that promise work instead of doing it.
UNFINISHED = ("TODO", "FIXME", "XXX")


def name_of(path: Path) -> str:
    """Return a module's name below the package, e.g. ``kernels.hash``; a package's own is ``<room>.__init__``."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield every module imported anywhere below a node, inside functions and for typing too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write absolute imports"
            if node.module == "accel_sim":
                yield from (f"accel_sim.{alias.name}" for alias in node.names)
            else:
                yield str(node.module)


def rooms_in(tree: ast.AST) -> set[str]:
    """Return the rooms of the package that are imported anywhere below a node."""
    parts = [module.split(".") for module in imports(tree)]
    return {part[1] for part in parts if part[0] == "accel_sim" and len(part) > 1} - {"__version__"}


def has_kernels(tree: ast.Module) -> bool:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return any("njit" in ast.unparse(decorator) for function in functions for decorator in function.decorator_list)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_down(path: Path) -> None:
    name = name_of(path)
    room = name.partition(".")[0]
    if room in FRONT_DOORS:
        return
    assert room in ROOMS, "a new room needs its place in the order"
    tree = parse(path)
    upward = rooms_in(tree) - set(ROOMS[: ROOMS.index(room) + 1])
    assert {other for other in upward if (name, other) not in UPWARD} == set()
    when_loaded = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert upward & {other for node in when_loaded for other in rooms_in(node)} == set()


def test_upward_conveniences_are_still_there() -> None:
    for name, room in UPWARD:
        assert room in rooms_in(parse(PACKAGE / f"{name.replace('.', '/')}.py"))


@pytest.mark.parametrize("path", [path for path in MODULES if name_of(path).startswith("kernels")], ids=name_of)
def test_kernels_are_pure(path: Path) -> None:
    tree = parse(path)
    assert {module for module in imports(tree) if not module.startswith("accel_sim")} <= KERNEL_IMPORTS
    assert rooms_in(tree) <= {"errors", "kernels"}
    assert not any(isinstance(node, ast.Global | ast.Nonlocal) for node in ast.walk(tree))


@pytest.mark.parametrize("path", [path for path in MODULES if name_of(path).startswith("kernels")], ids=name_of)
def test_kernels_have_a_slow_twin(path: Path) -> None:
    name = name_of(path).removeprefix("kernels.")
    if not has_kernels(parse(path)) or name in WITHOUT_TWIN:
        return
    twin = TWINS.get(name, f"naive_{name.rpartition('.')[2]}.py")
    assert (ROOT / "tests" / "reference" / twin).is_file(), f"kernels.{name} has no twin tests/reference/{twin}"


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "reference").glob("*.py")), ids=lambda path: path.stem)
def test_twins_import_nothing_from_the_package(path: Path) -> None:
    assert not any(module.partition(".")[0] == "accel_sim" for module in imports(parse(path)))


@pytest.mark.parametrize("path", [path for path in MODULES if not name_of(path).startswith("cli")], ids=name_of)
def test_only_the_command_line_prints_or_exits(path: Path) -> None:
    tree = parse(path)
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert called & {"print", "input", "exit", "quit", "sys.exit", "os._exit", "breakpoint"} == set()
    named = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert named & {"sys.stdout", "sys.stderr", "sys.stdin"} == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_files_are_short_finished_and_say_what_they_are(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_FILE_LINES
    assert ast.get_docstring(ast.parse(text)), "the first line of a file names its one concept"
    assert [word for word in UNFINISHED if word in text] == []


def test_every_package_is_installed() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = config["options"]["packages"].split()
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py")}
    assert sorted(listed) == sorted({*found, "accel_sim.arch_configs", "accel_sim.workloads"})
    assert {path.parent for path in MODULES} == {path.parent for path in PACKAGE.rglob("__init__.py")}


def test_every_data_file_is_installed() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    patterns = [
        (ROOT.joinpath(*package.split(".")), pattern)
        for package, listed in config["options.package_data"].items()
        if package not in ("accel_sim.arch_configs", "accel_sim.workloads")
        for pattern in listed.split()
    ]
    covered = {path for folder, pattern in patterns for path in folder.glob(pattern)}
    data = {path for path in PACKAGE.rglob("*") if path.suffix in (".yaml", ".json", ".csv", ".npz", ".html")}
    assert data <= covered
