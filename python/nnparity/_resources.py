"""Where the R sources and the data lie: the checkout's when there is one, else those an installed wheel carries."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent


def in_checkout() -> bool:
    """Tell whether this module lies in a checkout (``python/nnparity`` beside ``R/``), not in an installed wheel."""
    return (_CHECKOUT / "R" / "nnparity.R").is_file() and (_CHECKOUT / "pyproject.toml").is_file()


def r_source_dir() -> Path:
    """Return the folder that holds ``nnparity.R`` and its sisters.

    Raises
    ------
    FileNotFoundError
        If neither the checkout nor the wheel has one.
    """
    return _own_folder("R")


def data_dir() -> Path:
    """Return the folder of the data sets that ship with the package (``fixtures/data`` of the checkout).

    Raises
    ------
    FileNotFoundError
        If neither the checkout nor the wheel has one.
    """
    return _own_folder("fixtures/data")


def _own_folder(name: str) -> Path:
    # The wheel lays its copies out as the checkout does, one floor down in _r/.
    folder = (_CHECKOUT if in_checkout() else _PACKAGE / "_r") / name
    if not folder.is_dir():
        raise FileNotFoundError(f"expected nnparity's own files in {folder}, found none: install nnparity again")
    return folder
