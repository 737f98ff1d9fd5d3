"""Files are written whole or not at all.

A file is written beside its place and then moved there: whoever looks sees the old one or the new one, never half
of it.  A device or a pipe has no such place beside it and is written to as it is.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from nnparity.checks import stop_input


def write_lines_whole(lines: Sequence[str], path: str | Path) -> None:
    """Write lines of text to a file, in UTF-8.

    Raises
    ------
    OSError
        What stood in the way; then the file is as it was.
    """

    def write(place: Path) -> None:
        place.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")

    if _is_device(Path(path)):
        write(Path(path))
    else:
        replace_file(path, write)


def replace_file(path: str | Path, write: Callable[[Path], object], ending: str = ".part") -> None:
    """Make a new file beside the path and move it there; the old one's rights stay, and a link stays a link.

    Parameters
    ----------
    path : the file.
    write : called with the path of the new file.
    ending : of that path.

    Raises
    ------
    OSError
        What stood in the way; then the file is as it was.
    """
    path = Path(path)
    if _is_device(path):
        raise OSError(errno.EINVAL, "It is a device")
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    target = path.resolve() if path.is_symlink() else path
    partial = target.with_name(f".nnparity-{target.stem}-{os.getpid()}{ending}")
    try:
        write(partial)
        if target.exists():
            partial.chmod(target.stat().st_mode)
        partial.replace(target)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def stop_unwritten(path: str | Path, error: OSError) -> NoReturn:
    """Stop with the sentence about a file that could not be written."""
    stop_input(f"{path}: expected a place to write to, but {(error.strerror or 'it is none').lower()}")


def _is_device(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()
