"""When no `step` is obtained there is nothing to diagnose: each failure says whose fault it is and what to do."""

import re
from typing import Any

from nnparity.checks import InputError


class CandidateFailure(InputError):
    """No step was obtained from the candidate; the message is one sentence with the fault and the remedy.

    Attributes
    ----------
    file, line, cell : where in the untouched source, or None where no place is known (lines and cells are 1-based)
    code : the statement at that place, or None
    """

    def __init__(
        self,
        sentence: str,
        file: str | None = None,
        line: int | None = None,
        cell: int | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(sentence)
        self.file, self.line, self.cell, self.code = file, line, cell, code


class MissingFile(CandidateFailure):
    """The candidate, its adapter or a file named `before` is not there."""


class UnreadableText(CandidateFailure):
    """A source file is not UTF-8 text."""


class UnknownLanguage(CandidateFailure):
    """The candidate's name ends in none of the endings of R and Python sources."""


class MissingInterpreter(CandidateFailure):
    """Rscript is not installed."""


class ParseFailure(CandidateFailure):
    """The candidate, or its adapter, is not valid R or Python."""


class MissingPackage(CandidateFailure):
    """The candidate needs a package that is not installed."""


class LoadFailure(CandidateFailure):
    """The candidate stops with an error while it is loaded."""


class LoadQuit(CandidateFailure):
    """The candidate leaves R or Python while it is loaded."""


class LoadCrash(CandidateFailure):
    """The interpreter itself dies while the candidate is loaded."""


class LoadTimeout(CandidateFailure):
    """The candidate is still running its own actions when the time is up."""


class NoStep(CandidateFailure):
    """The candidate was loaded, but neither it nor its adapter defines `step`."""


class BadResult(CandidateFailure):
    """`step` returned something else than new weights and biases, or in other shapes."""


class Nondeterministic(CandidateFailure):
    """Two runs from the same random state disagree."""


class TooSlow(CandidateFailure):
    """Recording makes `step` outlast its time limit."""


def load_failure(report: dict[str, Any], loaded: Any, file: str | None, timeout: float) -> CandidateFailure:
    """Return the exception for a candidate that gave no step: `report` is the child's, `loaded` what is known of it."""
    status, message, line, cell = (
        report["status"],
        (report.get("message") or "").strip(),
        report.get("line"),
        report.get("cell"),
    )
    name = file or loaded.candidate.name
    place = name + (f", cell {cell}" if cell else "") + (f", line {line}" if line else "")
    where: dict[str, Any] = {"file": file, "line": line, "cell": cell, "code": report.get("code")}
    is_adapter = loaded.adapter is not None and name == loaded.adapter.name
    remedy = (
        ""
        if is_adapter
        else " If only its functions are needed, load it with --functions-only (or put '# functions_only: true' at the "
        "top of the adapter)."
    )
    if status == "no_step":
        names = ", ".join(f"{f.name}({', '.join(f.args)})" for f in loaded.functions[:12]) or "none"
        more = f" and {len(loaded.functions) - 12} more" if len(loaded.functions) > 12 else ""
        return NoStep(
            f"{loaded.candidate.name} defines no step(W, b, X, Y, eta): write an adapter that does and pass it with "
            f"--adapter (nnparity adapter {loaded.candidate.name} writes a first one). Functions found: {names}{more}.",
            **where,
        )
    if status == "parse_error":
        return ParseFailure(
            f"{place}: {message or 'this is not valid ' + loaded.language}.".replace("..", "."), **where
        )
    if status == "quit":
        return LoadQuit(f"{place} leaves {loaded.language} while it is loaded ({message or 'quit'}).{remedy}", **where)
    if status == "timeout":
        return LoadTimeout(
            f"{place} is still running after {timeout:g} seconds of loading: it acts (trains, asks, waits) on its own."
            f"{remedy} A longer limit is --timeout SECONDS.",
            **where,
        )
    if status == "crash":
        return LoadCrash(
            f"{place}: {loaded.language} itself crashed while the file was loaded ({message}).{remedy}", **where
        )
    package = _missing_package(message)
    if package:
        return MissingPackage(
            f"{place} needs {package}, which is not installed: install it, or name a stand-in with '# before: FILE' in "
            f"the adapter.{remedy}",
            **where,
        )
    return LoadFailure(f"{place} stops while it is loaded: {message.rstrip('.')}.{remedy}", **where)


def _missing_package(message: str) -> str | None:
    for pattern in (r"No module named ['\"]([\w.]+)['\"]", r"there is no package called [‘'\"“]?([\w.]+)"):
        found = re.search(pattern, message)
        if found:
            return found[1]
    return None
