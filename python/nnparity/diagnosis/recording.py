"""The candidate lives in a process of its own; this is the parent's side: start it, ask it for a recorded step, outlive it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnparity.diagnosis import failures
from nnparity.diagnosis.workplace import Workplace

Array = NDArray[np.float64]

LANGUAGES = {".r": "R", ".rmd": "R", ".qmd": "R", ".py": "Python", ".ipynb": "Python"}

# One thread each: the sums must not depend on how many cores are free. No window, no byte code, no start-up files.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "VECLIB_MAXIMUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1", "BLIS_NUM_THREADS": "1", "R_DATATABLE_NUM_THREADS": "1",
    "MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": "0", "PYTHONIOENCODING": "utf-8",
    "R_DEFAULT_SAVE": "no", "LANGUAGE": "en",
}

SECONDS = 60.0
GRACE = 4.0
MOST_EVENTS = 200_000
MOST_BYTES = 256 * 2**20
ADDRESS_SPACE = 8 * 2**30
OUTPUT_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Node:
    """One expression of the candidate's source. Statement roots have `stmt == id`; lines and columns are 1-based, ends inclusive.

    `kind` is what the value is to its statement (assign, after, return, cond, expr) or, inside one, what the expression is
    (name, index, call, constant); `op` the operator or callee; `arg` the place among the parent's arguments; `text` the
    expression's source; `target` the left side of an assignment; `fun` the function around it; `code` (roots) the statement.
    """

    id: int
    parent: int
    stmt: int
    file: str
    cell: int | None
    line: int
    end_line: int
    col: int
    end_col: int
    kind: str
    op: str | None
    arg: int | None
    text: str
    target: str | None
    fun: str | None
    code: str | None = None
    keyword: str | None = None
    children: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """One call of one of the candidate's functions; 0 is the top, 1 the call of `step`."""

    id: int
    parent: int
    fun: str | None
    file: str | None
    line: int | None
    call_node: int | None


class Event(NamedTuple):
    """A node got a value: `ref` names it in `Recording.values`; `path` is the leaf of a list, `occ` counts from 1 in a run."""

    seq: int
    node: int
    frame: int
    occ: int
    path: str
    ref: int
    alt: str | None = None


class Meta(NamedTuple):
    """What the candidate's language says of a value: `kind` is its class, `container` its dress (matrix, vector, scalar, list …)."""

    dim: tuple[int, ...]
    kind: str
    dtype: str
    container: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function found in the candidate."""

    name: str
    args: tuple[str, ...]
    file: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class Operand:
    """What stood in an expression that failed: its text, its node and the value it had (a ref, or None where it was no number)."""

    text: str
    node: int | None
    ref: int | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Where and why a run stopped: kind is error, quit, timeout or crash."""

    kind: str
    message: str
    node: int | None = None
    stmt: int | None = None
    frame: int | None = None
    file: str | None = None
    cell: int | None = None
    line: int | None = None
    end_line: int | None = None
    code: str | None = None
    call: str | None = None
    operands: tuple[Operand, ...] = ()


@dataclass(slots=True)
class Loaded:
    """A candidate that has a step: its language, functions, files (name as reported → path of the untouched file) and nodes."""

    candidate: Path
    adapter: Path | None
    language: str
    functions: list[Function]
    files: dict[str, Path]
    nodes: dict[int, Node]
    header: Header
    stdout: str = ""
    seconds: float = 0.0


@dataclass(slots=True)
class Recording:
    """One run of `step`: what every expression was worth, in order, and what came back.

    Attributes
    ----------
    status : ok, error, quit, timeout, crash or bad_result; `error` has the place unless it is ok
    W, b : the arrays `step` returned, in the candidate's own shapes (None unless the status is ok)
    values, meta : ref → float64 array in its natural shape; ref → Meta
    truncated : recording stopped early, at `max_events` or `max_bytes`; the step itself ran on
    refused : the injections that did not fit, each with its reason
    same : the arguments were left as they were (False: changed in place; None: not known)
    """

    status: str
    nodes: dict[int, Node]
    frames: dict[int, Frame] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    values: dict[int, Array] = field(default_factory=dict)
    meta: dict[int, Meta] = field(default_factory=dict)
    W: list[Array] | None = None
    b: list[Array] | None = None
    error: Failure | None = None
    stdout: str = ""
    truncated: bool = False
    refused: list[dict[str, Any]] = field(default_factory=list)
    same: bool | None = None
    seconds: float = 0.0

    @property
    def message(self) -> str:
        """The candidate's own words for what went wrong, or nothing."""
        return self.error.message if self.error else ""


class Injection(NamedTuple):
    """Put `array` in the place of what `node` is worth at its occ-th evaluation (0: every one), in the leaf at `path`."""

    node: int
    occ: int
    path: str
    array: ArrayLike


class Watch(NamedTuple):
    """Evaluate another expression where and when `node` is evaluated; its value comes back as an event with `alt`."""

    node: int
    occ: int
    text: str


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
            raise failures.MissingFile(f"{adapter.name} names {path.name} in '# before:', but there is no such file beside it.")
    layers = [word for entry in found["no_bias"] for word in re.split(r"[\s,]+", entry) if word]
    if not all(word.isdigit() and int(word) > 0 for word in layers):
        raise failures.CandidateFailure(f"{adapter.name}: '# no_bias:' expects layer numbers such as 1,2, not {found['no_bias'][0]!r}.")
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
        if file.suffix.lower() == ".py" and re.search(rb"^[ \t\f]*#.*?coding[:=]", b"\n".join(raw.splitlines()[:2]), re.M):
            return raw.decode("latin-1")
        raise failures.UnreadableText(
            f"{file.name}, line {line}, is not UTF-8 text (byte 0x{raw[trouble.start]:02x}): save the file as UTF-8 and try again.",
            file.name, line) from None


def language_of(candidate: Path) -> str:
    """Return "R" or "Python" by the file's ending.

    Raises
    ------
    UnknownLanguage
    """
    try:
        return LANGUAGES[candidate.suffix.lower()]
    except KeyError:
        raise failures.UnknownLanguage(
            f"{candidate.name} must end in one of {', '.join(LANGUAGES)} to be read as R or Python, not in "
            f"{candidate.suffix or 'nothing'!r}.") from None


class CandidateProcess:
    """Somebody's network, loaded in a process of its own; a context manager, so that nothing of it is left behind.

    All runs share one process while it survives. Each is a fork of the state after loading, so that no run sees what another
    left behind; a candidate that takes its whole process down is loaded again before the next run.

    Parameters
    ----------
    timeout : seconds allowed to each request, loading included
    address_space : bytes of memory the candidate may ask for (where the system can limit it)
    max_events, max_bytes : recording stops there; the candidate runs on

    Examples
    --------
    >>> with CandidateProcess() as process:                          # doctest: +SKIP
    ...     process.load("network.py", adapter="adapter.py")
    ...     recording = process.run(W, b, X, Y, eta=0.5)
    """

    def __init__(self, timeout: float = SECONDS, address_space: int = ADDRESS_SPACE, max_events: int = MOST_EVENTS,
                 max_bytes: int = MOST_BYTES) -> None:
        self.timeout, self.address_space, self.max_events, self.max_bytes = timeout, address_space, max_events, max_bytes
        self.loaded: Loaded | None = None
        self._workplace: Workplace | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._output = Output()
        self._requests = 0
        self._request_of_load: list[str] = []

    def __enter__(self) -> CandidateProcess:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the candidate's process and remove the copy of its folder."""
        self._kill()
        if self._workplace is not None:
            self._workplace.close()
            self._workplace = None

    # -- loading -----------------------------------------------------------------------------------------------------------------------

    def load(self, candidate: str | Path, adapter: str | Path | None = None, before: Iterable[str | Path] = (),
             functions_only: bool | None = None, prelude: str | Path | None = None) -> Loaded:
        """Load a candidate, and its adapter after it in the same environment, until a `step` exists.

        Parameters
        ----------
        candidate : source file in R (.R, .Rmd, .qmd) or Python (.py, .ipynb)
        adapter : file that defines `step` from the candidate's own functions, where the candidate does not
        before : files evaluated before the candidate, besides those the adapter's header names
        functions_only : take the candidate's definitions and not its actions; None: what the adapter's header says
        prelude : file evaluated before the adapter; None: the language's own `as_step`

        Raises
        ------
        CandidateFailure
            One of its subclasses, when no step is obtained: the sentence says whose fault it is and what to do.
        """
        candidate = Path(candidate).resolve()
        adapter = Path(adapter).resolve() if adapter is not None else None
        language = language_of(candidate)
        for file in filter(None, (candidate, adapter)):
            read_text(file)
        header = read_header(adapter)
        functions_only = header.functions_only if functions_only is None else functions_only
        files_before = [*header.before, *(Path(path).resolve() for path in before)]
        if prelude is None:
            own = Path(__file__).with_name("as_step.R" if language == "R" else "as_step.py")
            prelude = own if own.is_file() else None

        self.close()
        place = self._workplace = Workplace(candidate.parent)
        lines = ["kind\tload", f"candidate\t{place.inside(candidate)}", f"functions_only\t{int(functions_only)}"]
        lines += [f"before\t{place.inside(path)}" for path in files_before]
        lines += [f"prelude\t{prelude}"] if prelude else []
        lines += [f"adapter\t{place.inside(adapter)}"] if adapter else []
        self._request_of_load = lines
        self.loaded = Loaded(candidate, adapter, language, [], {}, {}, header)
        return self._load()

    def _load(self) -> Loaded:
        loaded, started = self.loaded, time.monotonic()
        assert loaded is not None
        self._start(loaded.language)
        answer = self._ask(self._request_of_load)
        loaded.seconds = time.monotonic() - started
        loaded.stdout = answer.output
        report = answer.last("loaded")
        if report is None:
            report = {"status": {"timeout": "timeout", "quit": "quit"}.get(answer.fate, "crash"), "message": answer.words,
                      **self._last_place(answer)}
        loaded.nodes = self._nodes(answer.items)
        for name in report.get("files") or ():
            shown, path = self._file(name)
            loaded.files[shown] = path
        loaded.functions = [Function(f["name"], tuple(_listed(f.get("args"))), self._shown(f.get("file")), f.get("line"))
                            for f in _listed(report.get("functions"))]
        if report["status"] != "ok":
            self._kill()
            raise _load_failure(report, loaded, self._shown(report.get("file")), self.timeout)
        return loaded

    # -- running -----------------------------------------------------------------------------------------------------------------------

    def run(self, W: Sequence[ArrayLike], b: Sequence[ArrayLike], X: ArrayLike, Y: ArrayLike, eta: float, seed: int = 1,
            record: bool = True, inject: Iterable[Injection | tuple[int, int, str, ArrayLike]] = (),
            watch: Iterable[Watch | tuple[int, int, str]] = (), rehearse: int = 0, timeout: float | None = None) -> Recording:
        """Call `step(W, b, X, Y, eta)` once and return what was recorded; failing candidates are reported, not raised.

        Parameters
        ----------
        W : list of n_l × n_{l−1} arrays        b : list of n_l vectors
        X : n₀ × m                              Y : n_L × m
        seed : the random state of the candidate's language before the call
        inject : values to put in the place of what the candidate computed
        watch : further expressions to evaluate along the way
        rehearse : call step that many times before, unrecorded and with the same arguments, and keep what it leaves behind
        timeout : seconds, where other than the process's own
        """
        loaded = self.loaded
        if loaded is None:
            raise RuntimeError("load a candidate before running it")
        if self._child is None or self._child.poll() is not None:
            self._load()
        lines = ["kind\trun", f"seed\t{seed}", f"record\t{int(record)}", f"eta\t{eta:.17g}",
                 f"max_events\t{self.max_events}", f"max_bytes\t{self.max_bytes}"]
        if rehearse:
            lines.append(f"rehearse\t{rehearse}")
        numbers = Numbers()
        for names, arrays in (("W", W), ("b", b)):
            lines += [f"array\t{names}{i}\t{numbers.add(array)}" for i, array in enumerate(arrays, start=1)]
        lines += [f"array\tX\t{numbers.add(X)}", f"array\tY\t{numbers.add(Y)}"]
        for node, occ, path, array in inject:
            _, rows, columns, offset = numbers.add(array).split("\t")
            lines.append(f"inject\t{node}\t{occ}\t{path}\t{rows}\t{columns}\t{offset}")
        lines += [f"watch\t{node}\t{occ}\t{text}" for node, occ, text in watch]
        return self._recording(self._ask(lines, numbers.parts, timeout))

    def run_twice(self, W: Sequence[ArrayLike], b: Sequence[ArrayLike], X: ArrayLike, Y: ArrayLike, eta: float, seed: int = 1,
                  **options: Any) -> Recording:
        """Run with and without recording from the same random state, compare bit by bit, and return the recorded run.

        Raises
        ------
        Nondeterministic
            If the two runs differ.
        """
        recorded = self.run(W, b, X, Y, eta, seed, True, **options)
        plain = self.run(W, b, X, Y, eta, seed, False, **options)
        if same_outcome(recorded, plain):
            return recorded
        raise failures.Nondeterministic(
            f"Two runs of step from the same random state (seed {seed}) gave different results, so there is nothing to hold against the "
            "textbook: the candidate draws numbers that no seed fixes (the time, an unseeded generator); fix its seed inside step.")

    def _recording(self, answer: Answer) -> Recording:
        assert self.loaded is not None
        values, meta = read_values(answer.items, answer.numbers)
        nodes = self._nodes(answer.items)
        recording = Recording("crash", {**self.loaded.nodes, **nodes} if nodes else self.loaded.nodes, values=values, meta=meta,
                              stdout=answer.output, seconds=answer.seconds)
        if nodes and self.loaded.language == "R":
            self.loaded.nodes = recording.nodes
        recording.frames = {
            item["id"]: Frame(item["id"], item["parent"], item.get("fun"), self._shown(item.get("file")), item.get("line"), item.get("call_node"))
            for item in answer.items if item["t"] == "frame"}
        recording.events = [Event(item["seq"], item["node"], item["frame"], item["occ"], item["path"], item["ref"], item.get("alt"))
                            for item in answer.items if item["t"] == "event"]
        recording.refused = [item for item in answer.items if item["t"] == "inject_refused"]
        recording.truncated = any(item["t"] == "truncated" for item in answer.items)
        state = answer.last("state")
        recording.same = state.get("same") if state else None
        result = answer.last("result")
        if result is None:
            result = {"status": "error", "kind": answer.fate or "crash", "message": answer.words}
        status = result["status"]
        if status == "error":
            if result.get("line") is None:
                result = {**result, **self._last_place(answer)}
            status = result.get("kind") or "error"
        if status == "ok":
            recording.W = [values[ref] for ref in _listed(result["W"])]
            recording.b = [values[ref] for ref in _listed(result["b"])]
        else:
            recording.error = Failure(
                status, result.get("message") or "", result.get("node"), result.get("stmt"), result.get("frame"),
                self._shown(result.get("file")), result.get("cell"), result.get("line"), result.get("end_line"), result.get("code"),
                result.get("call"), tuple(Operand(o["text"], o.get("node"), o.get("ref")) for o in _listed(result.get("operands"))))
        recording.status = status
        return recording

    # -- the child ---------------------------------------------------------------------------------------------------------------------

    def _start(self, language: str) -> None:
        self._kill()
        assert self._workplace is not None
        for file in self._workplace.exchange.iterdir():
            file.unlink()
        here = Path(__file__).parent
        if language == "R":
            rscript = shutil.which("Rscript")
            if rscript is None:
                raise failures.MissingInterpreter(
                    "Rscript was not found, so an R candidate cannot run: install R (Debian, Ubuntu: apt-get install r-base-core) and put it on the PATH.")
            command = [rscript, "--vanilla", str(here / "recorder_r.R")]
        else:
            command = [sys.executable, str(here / "recorder_python.py")]
        self._child = subprocess.Popen(
            [*command, str(self._workplace.exchange)], cwd=self._workplace.path, env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        with contextlib.suppress(ImportError, AttributeError, OSError, ValueError):
            import resource
            resource.prlimit(self._child.pid, resource.RLIMIT_AS, (self.address_space, self.address_space))
            resource.prlimit(self._child.pid, resource.RLIMIT_CORE, (0, 0))
        self._output = Output()
        self._output.drain(self._child)
        self._requests = 0

    def _kill(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.kill()
        child.wait()
        self._output.join()
        assert child.stdout is not None
        with contextlib.suppress(OSError):
            child.stdout.close()

    def _ask(self, lines: list[str], numbers: Iterable[Array] = (), timeout: float | None = None) -> Answer:
        assert self._child is not None
        assert self._workplace is not None
        assert self.loaded is not None
        limit = self.timeout if timeout is None else timeout
        self._requests += 1
        place, k = self._workplace.exchange, self._requests
        (place / f"request_{k}.bin").write_bytes(b"".join(part.tobytes() for part in numbers))
        lines = [*lines, f"timeout\t{limit:.17g}"]
        (place / f"request_{k}.tmp").write_text("\n".join(lines) + "\n", encoding="utf-8")
        started = time.monotonic()
        self._output.restart()
        (place / f"request_{k}.tmp").rename(place / f"request_{k}.txt")
        done, fate, words = place / f"response_{k}.done", "", ""
        # The child stops itself at the limit, and so can say where; the parent's own limit is for what cannot be stopped.
        patience = limit + GRACE
        pause = 0.0005
        while not done.exists():
            code = self._child.poll()
            if code is not None and not done.exists():
                fate, words = ("quit", f"the process ended with exit status {code}") if code >= 0 else \
                    ("crash", f"the interpreter died of {signal.Signals(-code).name}")
                break
            if time.monotonic() - started > patience:
                fate, words = "timeout", f"no answer after {limit:g} seconds"
                break
            time.sleep(pause)
            pause = min(pause * 1.2, 0.01)
        if fate:
            self._kill()
        answer = Answer(*read_response(place / f"response_{k}.jsonl", place / f"response_{k}.bin"), fate, words)
        answer.seconds = time.monotonic() - started
        answer.output = ("".join(item.get("text") or "" for item in answer.items if item["t"] in ("stdout", "stderr"))
                         or self._output.text())[:OUTPUT_KEPT]
        answer.fault = _read_if_there(place / "fault.txt")
        for file in place.glob(f"*_{k}.*"):
            file.unlink(missing_ok=True)
        return answer

    def _last_place(self, answer: Answer) -> dict[str, Any]:
        # faulthandler writes the stack of a dying Python, innermost first: the first file of the candidate is the place.
        assert self._workplace is not None
        assert self.loaded is not None
        for name, line in re.findall(r'File "(.*?)", line (\d+)', answer.fault):
            name, _, cell = name.partition(" · cell ")
            path = Path(name)
            if any(path.is_relative_to(folder) for folder in (self._workplace.path, self._workplace.original)) or path == self.loaded.adapter:
                return {"file": name, "line": int(line), "cell": int(cell) if cell else None}
        return {}

    # -- names of files ----------------------------------------------------------------------------------------------------------------

    def _file(self, name: str) -> tuple[str, Path]:
        assert self._workplace is not None
        return self._workplace.outside(name)

    def _shown(self, name: str | None) -> str | None:
        return self._file(name)[0] if name else None

    def _nodes(self, items: list[dict[str, Any]]) -> dict[int, Node]:
        raw = [item for item in items if item["t"] == "node"]
        children: dict[int, list[tuple[int, int]]] = {}
        for item in raw:
            if item["parent"]:
                children.setdefault(item["parent"], []).append((item.get("arg") or 0, item["id"]))
        shown = {name: self._shown(name) or "" for name in {item["file"] for item in raw}}
        return {
            item["id"]: Node(
                item["id"], item["parent"], item["stmt"], shown[item["file"]], item.get("cell"), item["line"], item["end_line"], item["col"],
                item["end_col"], item["kind"], item.get("op"), item.get("arg"), item["text"], item.get("target"), item.get("fun"),
                item.get("code"), item.get("keyword"),
                tuple(item["children"]) if "children" in item else tuple(child for _, child in sorted(children.get(item["id"], ()))))
            for item in raw}


# -- what comes back -------------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Answer:
    """What a child answered to one request, or its fate (quit, crash, timeout) if it did not, in words."""

    items: list[dict[str, Any]]
    numbers: Array
    fate: str
    words: str
    output: str = ""
    fault: str = ""
    seconds: float = 0.0

    def last(self, kind: str) -> dict[str, Any] | None:
        """Return the last item of that kind."""
        return next((item for item in reversed(self.items) if item["t"] == kind), None)


def read_response(text: Path, numbers: Path) -> tuple[list[dict[str, Any]], Array]:
    """Read a response: its JSON lines and its numbers; what a dying child left half-written is left out."""
    lines = [line for line in _read_if_there(text).split("\n") if line]
    try:
        items = json.loads("[" + ",".join(lines) + "]")
    except ValueError:
        items = []
        for line in lines:
            with contextlib.suppress(ValueError):
                items.append(json.loads(line))
    raw = numbers.read_bytes() if numbers.exists() else b""
    return items, np.frombuffer(raw[: len(raw) // 8 * 8], dtype="<f8")


def read_values(items: list[dict[str, Any]], numbers: Array) -> tuple[dict[int, Array], dict[int, Meta]]:
    """Return the recorded arrays in their natural shapes, and what the candidate's language says of them."""
    values: dict[int, Array] = {}
    meta: dict[int, Meta] = {}
    for item in items:
        if item["t"] != "value":
            continue
        start, dim = item["offset"], _listed(item["dim"])
        values[item["ref"]] = numbers[start : start + item["n"]].reshape(dim, order="F")
        meta[item["ref"]] = Meta(tuple(dim), item.get("class") or "numeric", item.get("dtype") or "float64", item.get("container") or "vector")
    return values, meta


def same_outcome(one: Recording, other: Recording) -> bool:
    """Tell whether two runs ended alike: the same status and, bit by bit, the same result."""
    if one.status != other.status:
        return False
    if one.status != "ok":
        return (one.message, one.error and one.error.line) == (other.message, other.error and other.error.line) or one.status != "error"
    pairs = [(one.W, other.W), (one.b, other.b)]
    return all(x is not None and y is not None and len(x) == len(y) and
               all(p.shape == q.shape and p.tobytes() == q.tobytes() for p, q in zip(x, y, strict=True)) for x, y in pairs)


class Numbers:
    """The numbers of a request, one array after the other, each by column."""

    def __init__(self) -> None:
        self.parts: list[Array] = []
        self.length = 0

    def add(self, array: ArrayLike) -> str:
        """Append an array and return its entry: kind, rows, columns, offset in numbers."""
        numbers = np.asarray(array, dtype=np.float64)
        offset = self.length
        self.parts.append(numbers.ravel(order="F"))
        self.length += numbers.size
        if numbers.ndim < 2:
            return f"vector\t{numbers.size}\t1\t{offset}"
        rows = numbers.shape[0]
        return f"matrix\t{rows}\t{numbers.size // max(rows, 1)}\t{offset}"


class Output:
    """What the candidate prints: read to the end, so that it never waits, and kept up to OUTPUT_KEPT bytes a request."""

    def __init__(self) -> None:
        self._kept = b""
        self._thread: threading.Thread | None = None

    def drain(self, child: subprocess.Popen[bytes]) -> None:
        """Read the child's output in a thread until it closes."""
        stream = child.stdout
        assert stream is not None

        def read() -> None:
            with contextlib.suppress(OSError, ValueError):
                while chunk := os.read(stream.fileno(), 65536):
                    if len(self._kept) < OUTPUT_KEPT:
                        self._kept += chunk

        self._thread = threading.Thread(target=read, daemon=True)
        self._thread.start()

    def restart(self) -> None:
        """Forget what the last request printed."""
        self._kept = b""

    def join(self) -> None:
        """Wait for the last words of a child that has ended."""
        if self._thread is not None:
            self._thread.join(timeout=1)

    def text(self) -> str:
        """What was printed since the request."""
        return self._kept[:OUTPUT_KEPT].decode("utf-8", "replace")


def _read_if_there(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _listed(value: Any) -> list[Any]:
    # R has no scalars: an array of one may arrive bare.
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


# -- when there is no step -------------------------------------------------------------------------------------------------------------


def _load_failure(report: dict[str, Any], loaded: Loaded, file: str | None, timeout: float) -> failures.CandidateFailure:
    status, message, line, cell = report["status"], (report.get("message") or "").strip(), report.get("line"), report.get("cell")
    name = file or loaded.candidate.name
    place = name + (f", cell {cell}" if cell else "") + (f", line {line}" if line else "")
    where = {"file": file, "line": line, "cell": cell, "code": report.get("code")}
    is_adapter = loaded.adapter is not None and name == loaded.adapter.name
    remedy = ("" if is_adapter else
              " If only its functions are needed, load it with --functions-only (or put '# functions_only: true' at the top of the adapter).")
    if status == "no_step":
        names = ", ".join(f"{f.name}({', '.join(f.args)})" for f in loaded.functions[:12]) or "none"
        more = f" and {len(loaded.functions) - 12} more" if len(loaded.functions) > 12 else ""
        return failures.NoStep(
            f"{loaded.candidate.name} defines no step(W, b, X, Y, eta): write an adapter that does and pass it with --adapter "
            f"(nnparity adapter {loaded.candidate.name} writes a first one). Functions found: {names}{more}.", **where)
    if status == "parse_error":
        return failures.ParseFailure(f"{place}: {message or 'this is not valid ' + loaded.language}.".replace("..", "."), **where)
    if status == "quit":
        return failures.LoadQuit(f"{place} leaves {loaded.language} while it is loaded ({message or 'quit'}).{remedy}", **where)
    if status == "timeout":
        return failures.LoadTimeout(f"{place} is still running after {timeout:g} seconds of loading: it acts (trains, asks, waits) on its own."
                                    f"{remedy} A longer limit is --timeout SECONDS.", **where)
    if status == "crash":
        return failures.LoadCrash(f"{place}: {loaded.language} itself crashed while the file was loaded ({message}).{remedy}", **where)
    package = _missing_package(message)
    if package:
        return failures.MissingPackage(
            f"{place} needs {package}, which is not installed: install it, or name a stand-in with '# before: FILE' in the adapter.{remedy}", **where)
    return failures.LoadFailure(f"{place} stops while it is loaded: {message.rstrip('.')}.{remedy}", **where)


def _missing_package(message: str) -> str | None:
    for pattern in (r"No module named ['\"]([\w.]+)['\"]", r"there is no package called [‘'\"“]?([\w.]+)"):
        found = re.search(pattern, message)
        if found:
            return found[1]
    return None
