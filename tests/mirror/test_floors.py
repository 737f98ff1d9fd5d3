"""A floor imports only lower floors; the reference needs NumPy only; one file imports rpy2."""

import ast
import csv
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent.parent / "python" / "nnparity"

# Module or sub-package -> floor.  A module may import its own floor and those below.
with Path(__file__).with_name("floors.csv").open(encoding="utf-8", newline="") as _file:
    FLOOR = {row["module"]: int(row["floor"]) for row in csv.DictReader(_file)}

MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def walk(node: ast.AST):
    """Every node that runs: blocks for the type checker alone are left out."""
    for child in ast.iter_child_nodes(node):
        if not is_type_checking(child):
            yield child
            yield from walk(child)


def imports(path: Path) -> set[str]:
    """The absolute dotted names a module imports, wherever in the file."""
    home = ["nnparity", *path.relative_to(PACKAGE).with_suffix("").parts[:-1]]
    names = set()
    for node in walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names} if module == "nnparity" else {module}
    return names


def test_every_module_stands_once_and_exists():
    lines = Path(__file__).with_name("floors.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) - 1 == len(FLOOR)
    assert {module for module in FLOOR if not (PACKAGE / module).is_dir()} <= {path.stem for path in MODULES}


def home(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    assert home(path) in FLOOR, f"{path.name} stands on no floor"
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "nnparity" and len(parts) > 1 and parts[1] in FLOOR:
            assert FLOOR[parts[1]] <= FLOOR[home(path)], f"floor {FLOOR[home(path)]} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_foreign_imports(path):
    foreign = {name.partition(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - {"nnparity"}
    if home(path) != "bridge":
        assert "rpy2" not in foreign, "only bridge.py imports rpy2"
    if FLOOR[home(path)] <= 1:
        assert foreign <= {"numpy"}
