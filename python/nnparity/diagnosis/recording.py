"""The candidate lives in a process of its own; here is the parent: start it, ask for a recorded step, outlive it."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nnparity.diagnosis import failures
from nnparity.diagnosis.header import Header, language_of, read_header, read_text
from nnparity.diagnosis.matching import SAME
from nnparity.diagnosis.records import (
    Answer,
    Array,
    Event,
    Failure,
    Frame,
    Function,
    Injection,
    Loaded,
    Meta,
    Node,
    Numbers,
    Operand,
    Recording,
    Watch,
    last_bits,
    listed,
    read_if_there,
    read_response,
    read_values,
    same_outcome,
)
from nnparity.diagnosis.sources import Source
from nnparity.diagnosis.workplace import Workplace

#: A source with another text than its own.
Edit = tuple[Source, str]

__all__ = [
    "CandidateProcess",
    "Event",
    "Failure",
    "Frame",
    "Function",
    "Header",
    "Injection",
    "Loaded",
    "Meta",
    "Node",
    "Operand",
    "Recording",
    "Watch",
    "language_of",
    "read_header",
]

# One thread each: the sums must not depend on how many cores are free. No window, no byte code, no start-up files.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "BLIS_NUM_THREADS": "1",
    "R_DATATABLE_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONIOENCODING": "utf-8",
    "R_DEFAULT_SAVE": "no",
    "LANGUAGE": "en",
}

# The candidate must not outlive its parent, however that ends: a guard reads from a pipe that closes with the parent,
# then kills the candidate, removes its folder ($0) and ends its group. The candidate itself has nothing to read from.
OUTLIVE = """
exec 3<&0
{ cat <&3 >/dev/null; kill -KILL $$; rm -rf "$0"; kill -KILL 0; } >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"""

SECONDS = 60.0
GRACE = 4.0
#: Seconds that may pass, on a busy machine, for one of the processor.
BUSY = 4.0
MOST_EVENTS = 200_000
MOST_BYTES = 256 * 2**20
ADDRESS_SPACE = 8 * 2**30
OUTPUT_KEPT = 20_000


class CandidateProcess:
    """Somebody's network, loaded in a process of its own; a context manager, so that nothing of it is left behind.

    All runs share one process while it survives. Each is a fork of the state after loading, so that no run sees what
    another left behind; a candidate that takes its whole process down is loaded again before the next run.

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

    def __init__(
        self,
        timeout: float = SECONDS,
        address_space: int = ADDRESS_SPACE,
        max_events: int = MOST_EVENTS,
        max_bytes: int = MOST_BYTES,
    ) -> None:
        self.timeout, self.address_space, self.max_events, self.max_bytes = (
            timeout,
            address_space,
            max_events,
            max_bytes,
        )
        self.loaded: Loaded | None = None
        self._workplace: Workplace | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._output = Output()
        self._requests = 0
        self.spent = 0.0  # seconds of the processor, by the last trials
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

    # -- loading ---

    def load(
        self,
        candidate: str | Path,
        adapter: str | Path | None = None,
        before: Iterable[str | Path] = (),
        functions_only: bool | None = None,
        prelude: str | Path | None = None,
    ) -> Loaded:
        """Load a candidate, and its adapter after it in the same environment, until a `step` exists.

        Parameters
        ----------
        candidate : source file in R (.R, .Rmd, .qmd) or Python (.py); a notebook (.ipynb) in either
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
            report = {
                "status": {"timeout": "timeout", "quit": "quit"}.get(answer.fate, "crash"),
                "message": answer.words,
                **self._last_place(answer),
            }
        loaded.nodes = self._nodes(answer.items)
        for name in report.get("files") or ():
            shown, path = self._file(name)
            loaded.files[shown] = path
        loaded.functions = [
            Function(
                f["name"],
                tuple(listed(f.get("args"))),
                self._shown(f.get("file")),
                f.get("line"),
                tuple(listed(f.get("optional"))),
                bool(f.get("class")),
                loaded.language == "Python" and "." in f["name"],
            )
            for f in listed(report.get("functions"))
        ]
        if report["status"] != "ok":
            self._kill()
            raise failures.load_failure(report, loaded, self._shown(report.get("file")), self.timeout)
        return loaded

    # -- running ---

    def run(
        self,
        W: Sequence[ArrayLike],
        b: Sequence[ArrayLike],
        X: ArrayLike,
        Y: ArrayLike,
        eta: float,
        seed: int = 1,
        record: bool = True,
        inject: Iterable[Injection | tuple[int, int, str, ArrayLike]] = (),
        watch: Iterable[Watch | tuple[int, int, str]] = (),
        rehearse: int = 0,
        timeout: float | None = None,
    ) -> Recording:
        """Call `step(W, b, X, Y, eta)` once and return what was recorded; failing candidates are reported, not raised.

        Parameters
        ----------
        W : list of n_l × n_{l−1} arrays        b : list of n_l vectors
        X : n₀ × m                              Y : n_L × m
        seed : the random state of the candidate's language before the call
        inject : values to put in the place of what the candidate computed
        watch : further expressions to evaluate along the way
        rehearse : call step that many times before, unrecorded, and keep what it leaves behind
        timeout : seconds, where other than the process's own
        """
        loaded = self.loaded
        if loaded is None:
            raise RuntimeError("load a candidate before running it")
        if self._child is None or self._child.poll() is not None:
            self._load()
        lines = [
            "kind\trun",
            f"seed\t{seed}",
            f"record\t{int(record)}",
            f"eta\t{eta:.17g}",
            f"max_events\t{self.max_events}",
            f"max_bytes\t{self.max_bytes}",
        ]
        if rehearse:
            lines.append(f"rehearse\t{rehearse}")
        numbers = Numbers()
        lines += numbers.problem(W, b, X, Y)
        for node, occ, path, array in inject:
            _, rows, columns, offset = numbers.add(array).split("\t")
            lines.append(f"inject\t{node}\t{occ}\t{path}\t{rows}\t{columns}\t{offset}")
        lines += [f"watch\t{node}\t{occ}\t{text}" for node, occ, text in watch]
        return self._recording(self._ask(lines, numbers.parts, timeout))

    def try_texts(
        self,
        W: Sequence[ArrayLike],
        b: Sequence[ArrayLike],
        X: ArrayLike,
        Y: ArrayLike,
        eta: float,
        trials: Sequence[Sequence[Edit]],
        seed: int = 1,
        seconds: float = 2.0,
    ) -> list[list[Array] | None]:
        """Take a step with each of some changes of the candidate's sources; nothing is recorded or kept.

        Parameters
        ----------
        trials : for each trial, the sources that differ, each with its whole text
        seconds : of the processor, for all trials together; what was spent is in `spent` thereafter

        Returns
        -------
        list
            For each trial the arrays that `step` returned, W before b; None where it stopped, and for the trials for
            which there was no time.
        """
        assert self._workplace is not None
        if self._child is None or self._child.poll() is not None:
            self._load()
        lines = ["kind\ttry", f"seed\t{seed}", f"eta\t{eta:.17g}", f"seconds\t{seconds:g}"]
        place, numbers = self._workplace.exchange, Numbers()
        lines += numbers.problem(W, b, X, Y)
        for number, edits in enumerate(trials):
            line = "trial"
            for k, (source, text) in enumerate(edits):
                path = place / f"text_{number}_{k}.txt"
                path.write_text(text, encoding="utf-8")
                line += f"\t{path}\t{self._workplace.inside(source.path)}\t{source.cell or ''}"
            lines.append(line)
        answer = self._ask(lines, numbers.parts, BUSY * seconds + GRACE)
        self.spent = (answer.last("tried") or {}).get("milliseconds", 1000 * seconds) / 1000
        for path in place.glob("text_*.txt"):
            path.unlink()
        results: list[list[Array] | None] = []
        offset = 0
        for item in answer.items:
            if item["t"] != "trial":
                continue
            if item["shapes"] is None:
                results.append(None)
                continue
            parts = []
            for shape in item["shapes"]:
                size = int(np.prod(shape))
                parts.append(answer.numbers[offset : offset + size].reshape(shape, order="F"))
                offset += size
            results.append(parts)
        return results + [None] * (len(trials) - len(results))

    def run_twice(
        self,
        W: Sequence[ArrayLike],
        b: Sequence[ArrayLike],
        X: ArrayLike,
        Y: ArrayLike,
        eta: float,
        seed: int = 1,
        **options: Any,
    ) -> Recording:
        """Run with and without recording from the same random state, compare bit by bit, and return the recorded run.

        Raises
        ------
        Nondeterministic
            If the two runs differ by more than sums taken in another order do.
        TooSlow
            If step ends in time only when it is not recorded.
        """
        recorded = self.run(W, b, X, Y, eta, seed, True, **options)
        plain = self.run(W, b, X, Y, eta, seed, False, **options)
        if same_outcome(recorded, plain):
            return recorded
        recorded.reordered = last_bits(recorded, plain)
        if recorded.reordered <= SAME:  # sums taken in another order, as over a set, whose order is that of addresses
            return recorded
        if recorded.status == "timeout":
            raise failures.TooSlow(
                f"step ends within {self.timeout:g} seconds, but not while it is recorded: give it more time "
                "(--timeout SECONDS) or less to do (--sizes, --batch)."
            )
        raise failures.Nondeterministic(
            f"Two runs of step from the same random state (seed {seed}) gave different results, so there is nothing to "
            "hold against the textbook: the candidate draws numbers that no seed fixes (the time, an unseeded "
            "generator); fix its seed inside step."
        )

    def _recording(self, answer: Answer) -> Recording:
        assert self.loaded is not None
        values, meta = read_values(answer.items, answer.numbers)
        nodes = self._nodes(answer.items)
        recording = Recording(
            "crash",
            {**self.loaded.nodes, **nodes} if nodes else self.loaded.nodes,
            values=values,
            meta=meta,
            stdout=answer.output,
            seconds=answer.seconds,
        )
        recording.frames = {
            item["id"]: Frame(
                item["id"],
                item["parent"],
                item.get("fun"),
                self._shown(item.get("file")),
                item.get("line"),
                item.get("call_node"),
            )
            for item in answer.items
            if item["t"] == "frame"
        }
        recording.events = [
            Event(item["seq"], item["node"], item["frame"], item["occ"], item["path"], item["ref"], item.get("alt"))
            for item in answer.items
            if item["t"] == "event"
        ]
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
            recording.W = [values[ref] for ref in listed(result["W"])]
            recording.b = [values[ref] for ref in listed(result["b"])]
        else:
            recording.error = Failure(
                status,
                result.get("message") or "",
                result.get("node"),
                result.get("stmt"),
                result.get("frame"),
                self._shown(result.get("file")),
                result.get("cell"),
                result.get("line"),
                result.get("end_line"),
                result.get("code"),
                result.get("call"),
                tuple(Operand(o["text"], o.get("node"), o.get("ref")) for o in listed(result.get("operands"))),
            )
        recording.status = status
        return recording

    # -- the child ---

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
                    "Rscript was not found, so an R candidate cannot run: install R (Debian, Ubuntu: apt-get install "
                    "r-base-core) and put it on the PATH."
                )
            command = [rscript, "--vanilla", str(here / "recorder_r.R")]
        else:
            command = [sys.executable, str(here / "recorder_python.py")]
        self._child = subprocess.Popen(
            ["/bin/sh", "-c", OUTLIVE, str(self._workplace.temporary), *command, str(self._workplace.exchange)],
            cwd=self._workplace.path,
            env={**os.environ, **ENVIRONMENT, "TMPDIR": str(self._workplace.scratch)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
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
        for stream in (child.stdin, child.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()

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
        # The child stops itself at the limit, and so can say where; the parent's own limit is for what it cannot stop.
        patience = limit + GRACE
        pause = 0.0005
        while not done.exists():
            code = self._child.poll()
            if code is not None and not done.exists():
                fate, words = (
                    ("quit", f"the process ended with exit status {code}")
                    if code >= 0
                    else ("crash", f"the interpreter died of {signal.Signals(-code).name}")
                )
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
        self._output.settle(self._child)
        answer.output = (
            "".join(item.get("text") or "" for item in answer.items if item["t"] in ("stdout", "stderr"))
            or self._output.text()
        )[:OUTPUT_KEPT]
        answer.fault = read_if_there(place / "fault.txt")
        if answer.fault:
            os.truncate(place / "fault.txt", 0)
        for file in place.glob(f"*_{k}.*"):
            file.unlink(missing_ok=True)
        return answer

    def _last_place(self, answer: Answer) -> dict[str, Any]:
        # faulthandler writes the stack of a dying Python, innermost first: the candidate's first file is the place.
        assert self._workplace is not None
        assert self.loaded is not None
        for name, line in re.findall(r'File "(.*?)", line (\d+)', answer.fault):
            name, _, cell = name.partition(" · cell ")
            path = Path(name)
            if (
                any(path.is_relative_to(folder) for folder in (self._workplace.path, self._workplace.original))
                or path == self.loaded.adapter
            ):
                return {"file": name, "line": int(line), "cell": int(cell) if cell else None}
        return {}

    # -- names of files ---

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
                item["id"],
                item["parent"],
                item["stmt"],
                shown[item["file"]],
                item.get("cell"),
                item["line"],
                item["end_line"],
                item["col"],
                item["end_col"],
                item["kind"],
                item.get("op"),
                item.get("arg"),
                item["text"],
                item.get("target"),
                item.get("fun"),
                item.get("code"),
                item.get("keyword"),
                tuple(item["children"])
                if "children" in item
                else tuple(child for _, child in sorted(children.get(item["id"], ()))),
            )
            for item in raw
        }


class Output:
    """What the candidate prints: read to the end, so that it never waits, and kept up to OUTPUT_KEPT bytes."""

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

    def settle(self, child: subprocess.Popen[bytes] | None) -> None:
        """Wait until what the child has written is read."""
        deadline = time.monotonic() + 0.1
        with contextlib.suppress(OSError, ValueError):
            while child is not None and child.stdout and time.monotonic() < deadline:
                if not select.select([child.stdout], [], [], 0)[0]:
                    break
                time.sleep(0.001)

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
