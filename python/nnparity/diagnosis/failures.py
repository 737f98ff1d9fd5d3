"""When no `step` is obtained there is nothing to diagnose: each way of failing says whose fault it is and what to do."""

from nnparity.checks import InputError


class CandidateFailure(InputError):
    """No step was obtained from the candidate; the message is one sentence with the fault and the remedy.

    Attributes
    ----------
    file, line, cell : where in the untouched source, or None where no place is known (lines and cells are 1-based)
    code : the statement at that place, or None
    """

    def __init__(self, sentence: str, file: str | None = None, line: int | None = None, cell: int | None = None,
                 code: str | None = None) -> None:
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


class RecorderTrouble(RuntimeError):
    """nnparity's own recorder failed: not the candidate's fault."""
