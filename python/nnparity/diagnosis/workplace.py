"""A candidate runs in a copy of its folder, so that whatever it writes there is gone afterwards."""

import os
import shutil
import tempfile
from pathlib import Path

MOST_BYTES = 50 * 2**20
MOST_FILES = 2000
MOST_NEIGHBOURS = 200

# What a candidate never reads and what would only make the copy slow.
LEFT_OUT = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".venv",
        "venv",
        "node_modules",
        "__pycache__",
        ".ipynb_checkpoints",
        ".Rproj.user",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".tox",
        "renv",
        "packrat",
    }
)

# What R writes into the working directory without being asked.
DROPPINGS = ("Rplots.pdf", ".RData", ".Rhistory", "__pycache__")


class Workplace:
    """The folder in which a candidate runs: a temporary copy of its own, or its own where that is large.

    The copy stands among links to the neighbours of the original, so that ``../data`` still leads to the data.

    Parameters
    ----------
    home : the candidate's own folder

    Attributes
    ----------
    original : Path, the candidate's own folder
    path : Path, where the candidate runs
    exchange : Path, an empty folder for requests and responses, outside of it
    scratch : Path, what the candidate's own temporary files go into: R cannot remove its folder when it is killed
    temporary : Path, the folder that holds them all
    """

    def __init__(self, home: Path) -> None:
        self.original = home.resolve()
        self.temporary = Path(tempfile.mkdtemp(prefix="nnparity-")).resolve()
        self.exchange = self.temporary / "exchange"
        self.scratch = self.temporary / "scratch"
        for folder in (self.exchange, self.scratch):
            folder.mkdir()
        self.copied = is_small(self.original)
        self.path = self._copy() if self.copied else self.original
        self._known: dict[str, tuple[str, Path]] = {}  # asked for once for every node
        self._found = {name for name in DROPPINGS if (self.path / name).exists()}

    def _copy(self) -> Path:
        around = self.temporary / "around"
        around.mkdir()
        path = around / (self.original.name or "candidate")
        shutil.copytree(self.original, path, ignore=_leave_out, ignore_dangling_symlinks=True)
        neighbours = _neighbours(self.original)
        for neighbour in neighbours if len(neighbours) <= MOST_NEIGHBOURS else ():
            (around / neighbour.name).symlink_to(neighbour)
        return path

    def inside(self, file: Path) -> Path:
        """Return the copy of that file if it lies in the candidate's folder, else the file itself."""
        file = file.resolve()
        if self.copied and file.is_relative_to(self.original):
            copy = self.path / file.relative_to(self.original)
            return copy if copy.exists() else file
        return file

    def outside(self, file: str) -> tuple[str, Path]:
        """Return a file's name as a reader knows it (relative to the candidate's folder) and its untouched path."""
        if file not in self._known:
            self._known[file] = self._outside(file)
        return self._known[file]

    def _outside(self, file: str) -> tuple[str, Path]:
        path = Path(file)
        if not path.is_absolute():
            path = self.path / path
        path = Path(os.path.normpath(path))
        for folder in (self.path, self.original):
            if path.is_relative_to(folder):
                inner = path.relative_to(folder)
                return inner.as_posix(), self.original / inner
        return path.name, path

    def close(self) -> None:
        """Remove the copy, the exchange and what R drops into a working directory."""
        if not self.copied:
            for name in DROPPINGS:
                if name not in self._found:
                    _remove(self.path / name)
        shutil.rmtree(self.temporary, ignore_errors=True)


def is_small(folder: Path) -> bool:
    """Tell whether a folder has at most MOST_FILES files and MOST_BYTES bytes; stops looking as soon as it has not."""
    files = size = 0
    waiting = [folder]
    try:
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    files += 1
                    if entry.name in LEFT_OUT:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    elif entry.is_file():
                        size += entry.stat().st_size
                    elif entry.is_dir():  # a link to a folder elsewhere may be of any size
                        return False
                    if files > MOST_FILES or size > MOST_BYTES:
                        return False
    except OSError:
        return False
    return True


def _leave_out(folder: str, names: list[str]) -> list[str]:
    # Sockets and pipes cannot be copied; what is not readable is not the candidate's.
    paths = {name: Path(folder, name) for name in names}
    return [
        name
        for name, path in paths.items()
        if name in LEFT_OUT or not (path.is_dir() or path.is_file()) or not os.access(path, os.R_OK)
    ]


def _neighbours(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.parent.iterdir() if path != folder and not path.name.startswith(".")]
    except OSError:
        return []


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
