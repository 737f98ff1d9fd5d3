"""What the commands write: text files, and the places, looked at before the work whose result would be lost."""

from __future__ import annotations

import os
from collections.abc import Sequence

from nnparity.checks import check_word, stop_input
from nnparity.files import stop_unwritten, write_lines_whole


def write_text(lines: Sequence[str], path: str) -> None:
    """Write a text file whole or not at all."""
    try:
        write_lines_whole(lines, path)
    except OSError as error:
        stop_unwritten(path, error)


def check_place(path: str | None, replaced: bool = False) -> None:
    """InputError where no file could be written.

    Parameters
    ----------
    path : the file; None for none.
    replaced : whether a file is written beside its place and then moved there; a device or a pipe is not.
    """
    reason = None if path is None else place_refusal(path, replaced)
    if reason is not None:
        stop_input(f"{path or repr('')}: expected a place to write to, but {reason}")


def place_refusal(path: str, replaced: bool) -> str | None:
    """Why no file could be written there, or None."""
    folder = os.path.dirname(path) or "."
    if path == "":
        return "it is none"
    if os.path.isdir(path):
        return "is a directory"
    if os.path.exists(folder) and not os.path.isdir(folder):
        return "not a directory"
    if not os.path.isdir(folder):
        return "no such file or directory"
    written = folder if (replaced and os.path.isfile(path)) or not os.path.exists(path) else path
    return None if os.access(written, os.W_OK) else "permission denied"


def check_picture_place(path: str | None) -> None:
    """InputError where no picture could be drawn: its ending, its place, matplotlib."""
    if path is None:
        return
    from nnparity.plots import FORMATS, new_figure

    ending = os.path.splitext(os.path.basename(path))[1].removeprefix(".").lower()
    check_word(ending, FORMATS, f"the ending of {path}")
    check_place(path)
    new_figure()
