"""The shape of the code itself: imports go down, kernels are pure, only the command line prints, files stay short."""

from __future__ import annotations

import ast
import configparser
from collections.abc import Iterator
from fnmatch import fnmatch
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

# how kernels are compiled, not kernels: these alone know numba's insides
DOORWAYS = ("kernels.jit", "kernels.references")
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

# Which slow twin in tests/reference checks which kernel modules: (pattern, twin), first match; a module that no pattern
# matches is checked by naive_<module>.py. A module without compiled functions needs none.
TWINS = (
    ("bits", "naive_hash.py"),
    ("dram.*", "naive_dram.py"),
    ("huffman", "naive_formats.py"),
    ("runs", "naive_formats.py"),
    ("*row_stationary*", "naive_row_stationary.py"),
    ("*scnn*", "naive_scnn.py"),
    ("*systolic*", "naive_systolic.py"),
    ("sparse.balance", "naive_eie.py"),
    ("*broadcast_queue", "naive_eie.py"),
    ("*e[is]e", "naive_eie.py"),
    ("*cambricon_x", "naive_lanes.py"),
    ("*cnvlutin", "naive_lanes.py"),
    ("*dual_side", "naive_structured.py"),
    ("*n_of_m", "naive_structured.py"),
    ("*sigma*", "naive_sigma.py"),
)
WITHOUT_TWIN = {
    "jit": "the doorway to numba, no kernel",
    "references": "how kernels are compiled, no kernel",
    "event_loop": "its twin is the SimPy engine, equal for every command",
    "servers": "its twin is in the SimPy engine, equal for every command",
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


def imported_names(tree: ast.AST) -> set[str]:
    """Return what ``from module import name`` statements import, as ``module.name``, and their modules."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {f"{node.module}.{alias.name}" for node in found for alias in node.names} | {str(n.module) for n in found}


def has_kernels(tree: ast.Module) -> bool:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    decorators = {ast.unparse(decorator) for function in functions for decorator in function.decorator_list}
    return bool(decorators & {"njit", "inline_njit", "inlined"})


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
    outside = {module for module in imports(tree) if not module.startswith("accel_sim")}
    assert outside <= KERNEL_IMPORTS or name_of(path) in DOORWAYS
    assert rooms_in(tree) <= {"errors", "kernels"}
    assert not any(isinstance(node, ast.Global | ast.Nonlocal) for node in ast.walk(tree))


@pytest.mark.parametrize("path", [path for path in MODULES if name_of(path).startswith("kernels")], ids=name_of)
def test_kernels_have_a_slow_twin(path: Path) -> None:
    name = name_of(path).removeprefix("kernels.")
    if not has_kernels(parse(path)) or name in WITHOUT_TWIN:
        return
    twin = next((twin for pattern, twin in TWINS if fnmatch(name, pattern)), f"naive_{name.rpartition('.')[2]}.py")
    assert (ROOT / "tests" / "reference" / twin).is_file(), f"kernels.{name} has no twin tests/reference/{twin}"


def test_every_twin_is_used() -> None:
    used = {module for path in (ROOT / "tests").rglob("*.py") for module in imported_names(parse(path))}
    twins = {path.stem for path in (ROOT / "tests" / "reference").glob("naive_*.py")}
    assert {twin for twin in twins if f"tests.reference.{twin}" not in used} == set()


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
