"""The bridge to R, one way in code and two in transport: R embedded in this process (rpy2), or an `Rscript` beside it.

A request is a line of R code and its arrays of doubles; an answer is a line of layout and the doubles it describes
(`R/serve.R`).  Embedded, the answer's numbers are views of R's own memory; beside, they come through a pipe.  This is
the only file that imports rpy2.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Protocol

import numpy as np

from nnparity._resources import r_source_dir
from nnparity.arithmetic import Array
from nnparity.checks import InputError, check_word, stop_input
from nnparity.products import THREADS, threads_are_given

INSTALL_R = "install R (Debian, Ubuntu: apt-get install r-base-core; macOS: brew install r) or put it on the PATH"

#: A fresh session, with room from the start: R collects its garbage half as often, and a step costs a third less.
OPTIONS = ("--vanilla", "--min-vsize=256M", "--min-nsize=1M")

#: What R evaluates before the first request: its reference in an environment of its own, and a server.
START = 'local({{ nnparity <- new.env(); source("{source}", local = nnparity); nnparity$new_server() }})'
START_PIPE = (
    'nnparity <- new.env(); source("{source}", local = nnparity); '
    'nnparity$serve_pipe(file("stdin", "rb"), file("/dev/fd/{output}", "wb", raw = TRUE))'
)


class BridgeError(RuntimeError):
    """R could not answer: it stopped, or met an error that is no complaint about input."""


class Answer(dict[str, Array]):
    """Name → array, in R's order; `owner` keeps R's memory alive as long as the views of it."""

    owner: Any = None


class Transport(Protocol):
    """Carries one request there and the answer back."""

    name: str

    def carry(self, code: str, arrays: list[Array]) -> tuple[str, Sequence[Array], Any]:
        """Return the layout, one flat array a value, and what must live as long as they."""

    def close(self) -> None:
        """End it."""


class EmbeddedR:
    """R inside this process, through rpy2."""

    name = "rpy2"
    _running: Any = None  # an embedded R starts once in the life of a process

    def __init__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise ImportError("embedded R runs in the main thread only")
        self._rinterface = self._start()
        with self._undisturbed():
            self._server = self._rinterface.evalr(START.format(source=_r_path()))

    @classmethod
    def _start(cls) -> Any:
        if cls._running is None:
            try:
                from rpy2 import rinterface
                from rpy2.rinterface_lib import callbacks, embedded

                if not embedded.isinitialized():
                    options: Any = ("rpy2", "--quiet", "--no-save", *OPTIONS)
                    embedded.set_initoptions(options)
                    rinterface.initr()
            except ImportError:
                raise
            except Exception as error:  # where R does not start, rpy2 raises what its build mode happens to raise
                raise ImportError(str(error) or repr(error)) from error
            # R's complaints come back as conditions; what it prints is nobody's.
            console: Any = callbacks
            console.consolewrite_warnerror = console.consolewrite_print = lambda text: None
            cls._running = rinterface
        return cls._running

    def carry(self, code: str, arrays: list[Array]) -> tuple[str, Sequence[Array], Any]:
        vectors = self._rinterface.ListSexpVector([self._vector(array) for array in arrays])
        with self._undisturbed():
            answer = self._server(code, vectors)
        return answer[0][0], self._views(answer[1]), answer

    @staticmethod
    @contextlib.contextmanager
    def _undisturbed() -> Iterator[None]:
        """Keep R from calling Python back whenever it looks for events.

        It would wait each time for Python's other threads, and a Ctrl-C met there would be lost; now it is seen as soon
        as R has answered.
        """
        from rpy2.rinterface_lib import openrlib

        rlib: Any = openrlib.rlib
        looks = rlib.ptr_R_ProcessEvents
        rlib.ptr_R_ProcessEvents = openrlib.ffi.NULL
        try:
            yield
        finally:
            rlib.ptr_R_ProcessEvents = looks

    def _vector(self, array: Array) -> Any:
        """A vector of R's, with its shape: R would copy it to give it one."""
        vector = self._rinterface.FloatSexpVector.from_memoryview(array.ravel(order="F").data)
        if array.ndim == 2:
            vector.do_slot_assign("dim", self._rinterface.IntSexpVector(array.shape))
        return vector

    def _views(self, values: Any) -> list[Array]:
        """R's own memory under NumPy's hands, one flat view for each vector of a list, without a copy.

        rpy2's `memoryview()` would do, but takes a reference to None away at each call, until Python stops.
        """
        from rpy2.rinterface_lib import openrlib

        rlib, ffi, pointer = openrlib.rlib, openrlib.ffi, values.__sexp__._cdata
        views = []
        for k in range(len(values)):
            vector = rlib.VECTOR_ELT(pointer, k)
            size = rlib.Rf_xlength(vector)
            views.append(np.frombuffer(ffi.buffer(rlib.REAL(vector), 8 * size)) if size else np.empty(0))
        return views

    def close(self) -> None:
        """The embedded R stays: it cannot be started twice."""


class RscriptBeside:
    """An `Rscript` that answers through pipes until it is closed."""

    name = "Rscript"

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._halfway = False
        rscript = shutil.which("Rscript")
        if rscript is None:
            stop_input(f"Rscript is not found: {INSTALL_R}")
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`)
        # R's BLAS and Python's would get in each other's way (`stretches`).
        threads = {} if threads_are_given() else dict.fromkeys(THREADS, "1")
        read, write = os.pipe()
        self._process = subprocess.Popen(
            [rscript, *OPTIONS, "-e", START_PIPE.format(source=_r_path(), output=write)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
            pass_fds=[write],
            env={**os.environ, **threads},
        )
        os.close(write)
        self._answers = os.fdopen(read, "rb")

    def carry(self, code: str, arrays: list[Array]) -> tuple[str, Sequence[Array], Any]:
        if self._halfway:  # interrupted in an answer, whose rest would be taken for the next one
            self.close()
            self._start()
        self._halfway = True
        answer = self._carry(code, arrays)
        self._halfway = False
        return answer

    def _carry(self, code: str, arrays: list[Array]) -> tuple[str, Sequence[Array], Any]:
        text = code.encode()
        assert self._process.stdin is not None
        try:
            sizes = np.array([len(text), len(arrays), *(array.size for array in arrays)], dtype=np.float64)
            self._process.stdin.write(sizes.tobytes() + text)
            for array in arrays:
                self._process.stdin.write(array.ravel(order="F").data.cast("B") if array.size else b"")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._stopped()
        layout = self._read(int(struct.unpack("=d", self._read(8))[0])).decode()
        values = np.frombuffer(self._read(8 * sum(_lengths(layout))))
        ends = np.cumsum(_lengths(layout))
        return layout, np.split(values, ends[:-1]) if len(ends) else [], None

    def _read(self, size: int) -> bytes:
        data = self._answers.read(size)
        if len(data) < size:
            self._stopped()
        return data

    def _stopped(self) -> NoReturn:
        self._process.wait()
        self._complaints.seek(0)
        words = self._complaints.read().decode(errors="replace").strip().splitlines()
        last_words = " ".join(words[-3:]) or "no word"
        raise BridgeError(f"Rscript stopped with status {self._process.returncode}: {last_words}")

    def close(self) -> None:
        self._answers.close()  # first, for R may be writing one
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._complaints.close()


TRANSPORTS: dict[str, type[EmbeddedR] | type[RscriptBeside]] = {"rpy2": EmbeddedR, "Rscript": RscriptBeside}


class Bridge:
    """A line to R.

    Attributes
    ----------
    name : the transport's word, "rpy2" or "Rscript".
    why : a sentence that says which transport it is and why.
    about : R's version and its BLAS.
    """

    def __init__(self, transport: Transport, why: str) -> None:
        self._transport = transport
        self.name = transport.name
        version, blas = self.ask("about")
        self.about = f"{version.removesuffix(')').partition(' (')[0]}, {Path(blas).name}"
        self.why = why

    def ask(self, request: str, **arguments: Any) -> Answer:
        """Call a function of R's `SERVED`.

        Parameters
        ----------
        request : its word.
        **arguments : numbers, text, None, arrays, and lists, tuples and dicts of these.

        Raises
        ------
        InputError
            R turns the input away; the sentence is R's.
        BridgeError
            R stops otherwise.
        """
        arrays: list[Array] = []
        inside = ", ".join(f"{name} = {_as_r(value, arrays)}" for name, value in arguments.items())
        return self._carry(f"ask${request}({inside})", arrays)

    def evaluate(self, code: str) -> Answer:
        """Evaluate R code where the reference is defined; its value is a named list of numbers, or NULL."""
        return self._carry(f"evalq({{ {code} }}, environment(new_server))", [])

    def _carry(self, code: str, arrays: list[Array]) -> Answer:
        layout, values, owner = self._transport.carry(code, arrays)
        kind, _, rest = layout.partition("\t")
        if kind != "values":
            raise InputError(rest) if kind == "input" else BridgeError(f"R stopped: {rest}")
        answer = Answer()
        for (name, shape), value in zip(_fields(layout), values, strict=True):
            answer[name] = value.reshape(shape, order="F")
        answer.owner = owner
        return answer

    def close(self) -> None:
        """End the line."""
        self._transport.close()

    def __enter__(self) -> Bridge:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_bridge(transport: str = "auto") -> Bridge:
    """Open a line to R.

    Parameters
    ----------
    transport : "rpy2", "Rscript", or "auto": rpy2 where it loads, else Rscript.

    Raises
    ------
    InputError
        R, or what the transport needs, is not there.
    """
    check_word(transport, ("auto", *TRANSPORTS), "bridge")
    if transport != "Rscript" and shutil.which("R") is None and "R_HOME" not in os.environ:
        stop_input(f"R is not found: {INSTALL_R}")
    if transport == "Rscript":
        return _beside("as asked")
    try:
        return Bridge(EmbeddedR(), "R inside this process, through rpy2")
    except ImportError as error:
        reason = str(error)
    if transport == "rpy2":
        stop_input(f"rpy2 cannot be used ({reason}): pip install 'nnparity[r]', or take the bridge Rscript")
    return _beside(f"because rpy2 cannot be used ({reason})")


def _beside(reason: str) -> Bridge:
    transport = RscriptBeside()
    try:
        return Bridge(transport, f"Rscript beside this process, {reason}")
    except BridgeError as error:
        transport.close()
        stop_input(f"R does not start: {error}")


def _r_path() -> str:
    return (r_source_dir() / "nnparity.R").as_posix().replace("\\", "\\\\").replace('"', '\\"')


@lru_cache(maxsize=256)
def _fields(layout: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Read a layout: the name and shape of each value."""
    fields = []
    for part in layout.split("\t")[1:] if layout.startswith("values") else ():
        words = part.split(":")
        n = 2 if len(words) > 2 and words[-2].isdigit() else 1
        fields.append((":".join(words[:-n]), tuple(map(int, words[-n:]))))
    return tuple(fields)


@lru_cache(maxsize=256)
def _lengths(layout: str) -> tuple[int, ...]:
    return tuple(int(np.prod(shape)) for _, shape in _fields(layout))


def _as_r(value: Any, arrays: list[Array]) -> str:
    """A value as R code; arrays are put to the others and taken from there."""
    if isinstance(value, np.ndarray):
        arrays.append(np.asarray(value, np.float64))
        return f"array_at({len(arrays)}, {_as_r(value.shape, arrays)})"
    if isinstance(value, Mapping):
        return f"list({', '.join(f'`{name}` = {_as_r(entry, arrays)}' for name, entry in value.items())})"
    if isinstance(value, list | tuple):
        plain = all(isinstance(entry, int | float | str) for entry in value)
        return f"{'c' if plain else 'list'}({', '.join(_as_r(entry, arrays) for entry in value)})"
    if value is None:
        return "NULL"
    if isinstance(value, bool | np.bool_):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, int | np.integer):
        return f"({int(value)})"
    number = float(value)
    # Hexadecimal: R's own parser may be an ulp off a decimal.
    return f"({number.hex()})" if np.isfinite(number) else {np.inf: "Inf", -np.inf: "-Inf"}.get(number, "NaN")
