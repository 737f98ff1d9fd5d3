"""Both sources are read and held together: files, functions, their order, argument names and defaults (floors 0 to 2).

What differs on purpose stands in `differences.csv`, each row with its reason; a row that no longer describes a
difference fails, too.  Python's classes are lists in R and R's S3 methods are methods or operators in Python, so both
stay out; a leading underscore, which R cannot write, is not part of a name.
"""

import ast
import csv
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

import nnparity

ROOT = Path(__file__).resolve().parent.parent.parent

Arguments = dict[str, str]  # name -> default, canonical; "" for none
Functions = dict[str, Arguments]  # in order of definition


# --- the two readers -------------------------------------------------------------------------------------------------


def python_functions(path: Path) -> Functions:
    functions = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            functions[node.name.lstrip("_")] = python_arguments(node.args)
    return functions


def python_arguments(arguments: ast.arguments) -> Arguments:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
    found = {a.arg: python_default(d) for a, d in zip(positional, defaults, strict=True)}
    found |= {a.arg: python_default(d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)}
    if arguments.vararg or arguments.kwarg:
        found["..."] = ""
    return found


def python_default(node: ast.expr | None) -> str:
    return "" if node is None else canonical(ast.unparse(node))


@cache
def r_sources() -> dict[str, Functions]:
    paths = sorted((ROOT / "R").glob("*.R"))
    command = ["Rscript", "--vanilla", str(Path(__file__).with_name("read_r.R")), *map(str, paths)]
    sources: dict[str, Functions] = {path.stem: {} for path in paths}
    output = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    for line in output.splitlines():
        file, function, argument, default = line.split("\t")
        arguments = sources[Path(file).stem].setdefault(function, {})
        if argument:
            arguments[argument] = canonical(default)
    return sources


SAME_VALUE = {
    "NULL": "None", "TRUE": "True", "FALSE": "False", "Inf": "inf", "math.inf": "inf", "np.inf": "inf",
    "NaN": "nan", "math.nan": "nan", "np.nan": "nan", "()": "empty", "[]": "empty", "{}": "empty",
    "integer()": "empty", "character()": "empty", "list()": "empty", "c()": "empty", "integer(0)": "empty",
}  # fmt: skip


def canonical(default: str) -> str:
    """One spelling for what both languages write differently: strings, whole numbers, NULL, empty and short vectors."""
    default = default.strip()
    if default.startswith("-"):
        return "-" + canonical(default[1:])
    if default in SAME_VALUE:
        return SAME_VALUE[default]
    if re.fullmatch(r"[\d.]+(e[-+]?\d+)?L?", default):
        return repr(float(default.rstrip("L")))
    if re.fullmatch(r"'[^']*'|\"[^\"]*\"", default):
        return f'"{default[1:-1]}"'
    if vector := re.fullmatch(r"(?:c\(|\(|\[)(.*?),?(?:\)|\])", default):
        return "[" + ", ".join(map(canonical, vector[1].split(","))) + "]"
    return default


# --- the deliberate differences --------------------------------------------------------------------------------------

KINDS = {"python only", "R only", "order", "arguments", "default", "own helpers", "not exported from R"}


@cache
def differences() -> dict[tuple[str, str, str], dict[str, str]]:
    with Path(__file__).with_name("differences.csv").open(encoding="utf-8", newline="") as file:
        return {(row["file"], row["name"], row["kind"]): row for row in csv.DictReader(file)}


used: set[tuple[str, str, str]] = set()


def is_private(file: str, name: str, private: bool) -> bool:
    """Tell whether a file's row "own helpers" excuses a helper: underscored in Python, not exported from R."""
    return private and deliberate(file, "", "own helpers")


def deliberate(file: str, name: str, kind: str, python: str = "", r: str = "") -> bool:
    row = differences().get((file, name, kind))
    if row is None or (row["python"], row["r"]) != (python, r):
        return False
    used.add((file, name, kind))
    return True


@cache
def floors() -> dict[str, int]:
    with Path(__file__).with_name("floors.csv").open(encoding="utf-8", newline="") as file:
        return {row["module"].lstrip("_"): int(row["floor"]) for row in csv.DictReader(file)}


TWINS = [m for m, floor in floors().items() if floor <= 2 and (m, "", "python only") not in differences()]

# --- the comparison --------------------------------------------------------------------------------------------------


def departures(file: str, python: Functions, r: Functions) -> list[str]:
    """Return what differs between two files and stands in no row of the table, one sentence each."""
    found = [
        f"{name} is missing in R/{file}.R"
        for name in python
        if name not in r
        and not deliberate(file, name, "python only")
        and not is_private(file, name, name in python_private(file))
    ]
    found += [
        f"{name} is missing in {file}.py"
        for name in r
        if name not in python
        and not is_method(name)
        and not deliberate(file, name, "R only")
        and not is_private(file, name, name not in r_exports())
    ]
    shared_python, shared_r = [n for n in python if n in r], [n for n in r if n in python]
    for ours, theirs in zip(shared_python, shared_r, strict=True):
        if ours != theirs:
            if not deliberate(file, ours, "order", "", theirs):
                found.append(f"where {file}.py defines {ours}, R/{file}.R defines {theirs}")
            break
    for name in shared_python:
        found += argument_departures(file, name, python[name], r[name])
    return found


def argument_departures(file: str, name: str, python: Arguments, r: Arguments) -> list[str]:
    ours, theirs = ", ".join(python), ", ".join(r)
    if ours != theirs:
        if deliberate(file, name, "arguments", ours, theirs):
            return []
        return [f"{name}({ours}) in Python is {name}({theirs}) in R"]
    return [
        f"{name}({argument} = {python[argument] or 'none'}) in Python defaults to {r[argument] or 'none'} in R"
        for argument in python
        if python[argument] != r[argument]
        and not deliberate(file, f"{name}({argument})", "default", python[argument], r[argument])
    ]


def is_method(name: str) -> bool:
    """Tell whether an R function is a registered S3 method, such as print.nnparity_network."""
    return name in {".".join(words) for words in namespace_calls("S3method")}


@cache
def r_exports() -> set[str]:
    return {name for names in namespace_calls("export") for name in names}


@cache
def namespace_calls(directive: str) -> list[list[str]]:
    text = re.sub("#.*", "", (ROOT / "NAMESPACE").read_text(encoding="utf-8")).replace('"', "")
    calls = re.findall(rf"{directive}\((.*?)\)", text, flags=re.DOTALL)
    return [[word.strip() for word in call.split(",") if word.strip()] for call in calls]


@cache
def python_private(file: str) -> set[str]:
    path = python_path(file)
    source = path.read_text(encoding="utf-8") if path.is_file() else ""
    return set(re.findall(r"^def _(\w+)", source, flags=re.MULTILINE))


def python_path(file: str) -> Path:
    folder = ROOT / "python" / "nnparity"
    return folder / f"{file}.py" if (folder / f"{file}.py").is_file() else folder / f"_{file}.py"


def twin_departures(file: str) -> list[str]:
    if file not in r_sources():
        return [f"R/{file}.R is missing"]
    return departures(file, python_functions(python_path(file)), r_sources()[file])


def lone_files() -> list[str]:
    """Return the files that exist on one side only, without a reason."""
    below = {module for module, floor in floors().items() if floor <= 2}
    found = [f"{f}.py is alone" for f in below - set(r_sources()) if not deliberate(f, "", "python only")]
    found += [f"{f}.R is alone" for f in set(r_sources()) - below if not deliberate(f, "", "R only")]
    return sorted(found)


@pytest.mark.parametrize("file", TWINS)
def test_twins(file):
    found = twin_departures(file)
    assert not found, "\n".join(["", *found])


def test_every_lone_file_has_its_reason():
    assert lone_files() == []


def test_both_export_the_same():
    """Classes apart (R has lists), what `import nnparity` offers of the floors below 3 is what NAMESPACE exports."""
    homes = {name: home for name, home in nnparity._HOME.items() if home in TWINS}
    python = {name for name, home in homes.items() if not isinstance(getattr(nnparity, name), type)}
    lone = [name for name in python - r_exports() if not deliberate(homes[name], name, "not exported from R")]
    lone += [name for name in r_exports() - python if not deliberate("NAMESPACE", name, "R only")]
    assert sorted(lone) == []


def test_every_row_is_needed():
    used.clear()
    for file in TWINS:
        twin_departures(file)
    lone_files()
    test_both_export_the_same()
    assert [key for key in differences() if key not in used] == []


def test_one_row_for_each_difference():
    lines = Path(__file__).with_name("differences.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) - 1 == len(differences())


def test_every_row_has_a_reason():
    assert {kind for _, _, kind in differences()} <= KINDS
    assert all(row["reason"].strip() for row in differences().values())


# --- a check that has never been seen to fail is no check ------------------------------------------------------------

PLANTED = {
    "missing in R": ({"f": {}}, {}),
    "missing in Python": ({}, {"f": {}}),
    "order": ({"f": {}, "g": {}}, {"g": {}, "f": {}}),
    "argument name": ({"f": {"x": ""}}, {"f": {"y": ""}}),
    "argument order": ({"f": {"x": "", "y": ""}}, {"f": {"y": "", "x": ""}}),
    "default": ({"f": {"x": "1.0"}}, {"f": {"x": "2.0"}}),
    "no default": ({"f": {"x": ""}}, {"f": {"x": "None"}}),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_departure_is_found(planted):
    assert len(departures("nowhere", *PLANTED[planted])) >= 1


@pytest.mark.parametrize(
    ("python", "r"),
    [("None", "NULL"), ("'relu'", '"relu"'), ("1", "1L"), ("0.5", "0.5"), ("-math.inf", "-Inf"), ("()", "integer(0)"),
     ("(1, 2)", "c(1, 2)"), ("True", "TRUE"), ("1e-8", "1e-08")],
)  # fmt: skip
def test_two_spellings_of_one_default(python, r):
    assert canonical(python) == canonical(r)
