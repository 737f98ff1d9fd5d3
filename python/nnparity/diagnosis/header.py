"""What is known of a candidate before it runs: its language, its text, and what the head of its adapter says."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from nnparity.diagnosis import failures

LANGUAGES = {".r": "R", ".rmd": "R", ".qmd": "R", ".py": "Python", ".ipynb": "Python"}


@dataclass(frozen=True, slots=True)
class Header:
    """The comments at the top of an adapter: `# functions_only: true`, `# before: FILE`, `# no_bias: 1,2`."""

    functions_only: bool = False
    before: tuple[Path, ...] = ()
    no_bias: tuple[int, ...] = ()


def read_header(adapter: Path | None) -> Header:
    """Read the header comments of an adapter: those before its first line of code.

    Raises
    ------
    CandidateFailure
        If `no_bias` is not a list of layer numbers, or a file named by `before` is not there.
    """
    if adapter is None:
        return Header()
    found: dict[str, list[str]] = {"functions_only": [], "before": [], "no_bias": []}
    for line in read_text(adapter).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            break
        entry = re.match(r"\s*#+'?\s*(functions[_-]only|before|no[_-]bias)\s*:\s*(.*?)\s*$", line)
        if entry:
            found[entry[1].replace("-", "_")].append(entry[2])
    before = tuple(adapter.parent / name.strip("'\"") for name in found["before"])
    for path in before:
        if not path.is_file():
            raise failures.MissingFile(
                f"{adapter.name} names {path.name} in '# before:', but there is no such file beside it."
            )
    layers = [word for entry in found["no_bias"] for word in re.split(r"[\s,]+", entry) if word]
    if not all(word.isdigit() and int(word) > 0 for word in layers):
        raise failures.CandidateFailure(
            f"{adapter.name}: '# no_bias:' expects layer numbers such as 1,2, not {found['no_bias'][0]!r}."
        )
    only = any(word.lower() in {"true", "yes", "1", "t"} for word in found["functions_only"])
    return Header(only, before, tuple(map(int, layers)))


def read_text(file: Path) -> str:
    """Read a source file, or say which line is not UTF-8.

    Raises
    ------
    MissingFile, UnreadableText
    """
    try:
        raw = file.read_bytes()
    except OSError as trouble:
        raise failures.MissingFile(f"{file} cannot be read: {trouble.strerror or trouble}.", str(file)) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as trouble:
        line = raw.count(b"\n", 0, trouble.start) + 1
        if file.suffix.lower() == ".py" and re.search(
            rb"^[ \t\f]*#.*?coding[:=]", b"\n".join(raw.splitlines()[:2]), re.M
        ):
            return raw.decode("latin-1")
        raise failures.UnreadableText(
            f"{file.name}, line {line}, is not UTF-8 text (byte 0x{raw[trouble.start]:02x}): "
            "save the file as UTF-8 and try again.",
            file.name,
            line,
        ) from None


def _kernel(notebook: Path) -> str:
    """The language that a notebook's metadata names, in small letters; nothing where they name none."""
    try:
        metadata = json.loads(notebook.read_text(encoding="utf-8"))["metadata"]
        kernel = metadata.get("kernelspec", {})
        return str(metadata.get("language_info", {}).get("name") or kernel.get("language") or kernel["name"]).lower()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""


def language_of(candidate: Path) -> str:
    """Return "R" or "Python" by the file's ending; a notebook says itself which kernel it is for.

    Raises
    ------
    UnknownLanguage
    """
    if candidate.is_dir():
        raise failures.UnknownLanguage(f"{candidate.name} is a folder: name the file in it that holds the network.")
    if candidate.suffix.lower() == ".ipynb" and _kernel(candidate) in ("r", "ir"):
        return "R"
    try:
        return LANGUAGES[candidate.suffix.lower()]
    except KeyError:
        raise failures.UnknownLanguage(
            f"{candidate.name} must end in one of {', '.join(LANGUAGES)} to be read as R or Python, not in "
            f"{candidate.suffix or 'nothing'!r}."
        ) from None
