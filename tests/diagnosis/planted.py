"""Healthy networks of many hands, and the bugs planted in them one at a time: how often a diagnosis is right.

    python tests/diagnosis/planted.py held_out               the half that nothing was tuned on
    python tests/diagnosis/planted.py tuned/r                one folder of fixtures/planted
    python tests/diagnosis/planted.py held_out/r planar_2    these cases

A folder has `networks.csv`, the healthy networks, and `planted.csv`, one row a bug: the line that is replaced, what
stands there instead, and what an expert would say of it (lines, ids and quantities, several answers separated by `|`).
A line is replaced by a line, so that numbers never shift.  Who wrote a folder had seen neither the tool's sources nor
its answers.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from corpus import Case, Span, Want, diagnose_case, score, show

from nnparity.diagnosis.header import read_header

PLANTED = Path(__file__).resolve().parents[2] / "fixtures" / "planted"


def folders(name: str = "") -> list[Path]:
    """The folders below one that hold networks."""
    return sorted(path.parent for path in (PLANTED / name).rglob("networks.csv"))


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def planted_source(source: str, row: dict[str, str]) -> str:
    """The source with the row's lines replaced; ValueError where a line is not what the row says it is."""
    lines = source.splitlines()
    for k in ("", "2"):
        if not row[f"line{k}"]:
            continue
        number = int(row[f"line{k}"])
        line = lines[number - 1]
        if line.strip() != row[f"old{k}"].strip():
            raise ValueError(f"{row['name']}: line {number} must read {row[f'old{k}']!r}, not {line.strip()!r}")
        new = row[f"new{k}"].strip()
        lines[number - 1] = line[: len(line) - len(line.lstrip())] + new if new else ""
    return "\n".join(lines) + "\n"


def cases_of(folder: Path, into: Path) -> Iterator[Case]:
    """The healthy networks of a folder, then the planted ones, each written into a folder of its own below `into`."""
    networks = {row["name"]: row for row in rows_of(folder / "networks.csv")}
    for name, network in networks.items():
        yield _case(name, network, folder, network["verdict"], ())
    for row in rows_of(folder / "planted.csv"):
        network = networks[row["network"]]
        place = into / folder.parent.name / folder.name / row["name"]
        place.mkdir(parents=True)
        shutil.copy(folder / network["adapter"], place)
        for stand_in in read_header(folder / network["adapter"]).before:
            shutil.copy(stand_in, place)
        source = (folder / network["file"]).read_text(encoding="utf-8")
        (place / network["file"]).write_text(planted_source(source, row), encoding="utf-8")
        want = Want(tuple(Span.read(text) for text in row["lines"].split("|")), tuple(row["quantity"].split("|")),
                    tuple(None if id in ("", "none") else id for id in row["id"].split("|")))  # fmt: skip
        yield _case(row["name"], network, place, row["verdict"], (want,), row["note"])


def _case(
    name: str, network: dict[str, str], place: Path, verdict: str, wants: tuple[Want, ...], note: str = ""
) -> Case:
    language = "python" if network["file"].endswith(".py") else "r"
    return Case(name, language, place / network["file"], place / network["adapter"], network["options"], verdict, wants,
                network["style"], note)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="", help="below fixtures/planted; all unless given")
    parser.add_argument("names", nargs="*", help="of cases; all of them unless given")
    parser.add_argument("--all", action="store_true", help="list the cases that are entirely right as well")
    chosen = parser.parse_args(arguments)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as into:
        cases = [case for folder in folders(chosen.folder) for case in cases_of(folder, Path(into))
                 if not chosen.names or case.name in chosen.names]  # fmt: skip
        reports = [diagnose_case(case) for case in cases]
        result = score(cases, reports)
        show(result, reports, all_cases=chosen.all)
    print(f"{time.perf_counter() - began:.0f} s")
    return 0 if result["false_alarms"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
