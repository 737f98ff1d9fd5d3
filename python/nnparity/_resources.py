"""Where the R sources and the data lie: the checkout's when there is one, else those an installed wheel carries."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent


def _first_directory(*candidates: Path) -> Path:
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(
        f"expected a folder of nnparity's own files at {' or '.join(map(str, candidates))}, found none: "
        "the installation is damaged, install nnparity again"
    )


def in_checkout() -> bool:
    """Tell whether this module lies in a checkout (``python/nnparity`` beside ``R/``) and not in an installed wheel."""
    return (_CHECKOUT / "R" / "nnparity.R").is_file() and (_CHECKOUT / "pyproject.toml").is_file()


def r_source_dir() -> Path:
    """Return the folder that holds ``nnparity.R`` and its sisters.

    Raises
    ------
    FileNotFoundError
        If neither the checkout nor the wheel has one.
    """
    return _first_directory(*([_CHECKOUT / "R"] if in_checkout() else []), _PACKAGE / "_r" / "R")


def data_dir() -> Path:
    """Return the folder of the data sets that ship with the package (``fixtures/data`` of the checkout).

    Raises
    ------
    FileNotFoundError
        If neither the checkout nor the wheel has one.
    """
    return _first_directory(*([_CHECKOUT / "fixtures" / "data"] if in_checkout() else []), _PACKAGE / "_data")
