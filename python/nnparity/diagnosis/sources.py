"""The candidate's source as findings point into it: a file, or a code cell of a notebook."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """One file, or one cell of a notebook, under the name by which findings report it."""

    file: str
    cell: int | None  # counted from 1, text cells included
    path: Path
    text: str  # its line ends as R and Python see them

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def title(self) -> str:
        return self.file if self.cell is None else f"{self.file}, cell {self.cell}"


def read_sources(files: dict[str, Path]) -> list[Source]:
    """The sources of files by name; files that cannot be read are left out."""
    found = []
    for name, path in files.items():
        try:
            text = _text(Path(path))
        except OSError:
            continue
        if str(path).endswith(".ipynb"):
            notebook = json.loads(text)
            cells = notebook.get("cells") or [
                cell for sheet in notebook.get("worksheets", ()) for cell in sheet["cells"]
            ]
            for number, cell in enumerate(cells, start=1):
                if cell.get("cell_type") == "code":
                    text_of_cell = "".join(cell.get("source", cell.get("input", "")))
                    found.append(Source(name, number, Path(path), _one_line_end(text_of_cell)))
        else:
            found.append(Source(name, None, Path(path), _one_line_end(text)))
    return found


def find_source(sources: list[Source], file: str | None, cell: int | None) -> Source | None:
    """The source that a finding points into."""
    return next((source for source in sources if source.file == file and source.cell == cell), None)


def _text(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _one_line_end(text: str) -> str:
    return re.sub(r"\r\n?", "\n", text).replace("\f", " ")
