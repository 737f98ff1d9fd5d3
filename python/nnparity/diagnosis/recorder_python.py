"""The child that runs a candidate in Python: `python recorder_python.py DIR` answers the requests it finds in DIR.

It needs nothing of nnparity but the recorder_python_*.py beside it, which it loads under names of its own, so that no
module of the candidate can stand in their way. The candidate is loaded once; each run is a fork of the loaded state.
"""

import contextlib
import faulthandler
import importlib.util
import io
import os
import random
import signal
import sys
import time
import traceback
from json import dumps

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
OUTPUT_KEPT = 20_000
GRACE = 2.0


def part(name):
    """Load a module beside this file under a name that no candidate uses."""
    spec = importlib.util.spec_from_file_location("_nnparity_" + name, os.path.join(HERE, f"recorder_python_{name}.py"))
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or ".") != HERE]
source, memory_of, loader_of, trials_of = part("source"), part("memory"), part("loader"), part("trials")


class TimeUp(BaseException):
    """The time limit of a request; no `except Exception` of the candidate catches it."""


class Quit(SystemExit):
    """The candidate called os._exit, which must not take the recorder along."""


class Printed(io.TextIOBase):
    """Keeps the first OUTPUT_KEPT characters of what the candidate prints and lets the rest go."""

    encoding = "utf-8"

    def __init__(self):
        self.kept, self.length = [], 0

    def write(self, text):
        """Keep a text while there is room."""
        if self.length < OUTPUT_KEPT:
            self.kept.append(text[: OUTPUT_KEPT - self.length])
        self.length += len(text)
        return len(text)

    def writable(self):
        """Say that it can be written to."""
        return True

    def text(self):
        """Return what was kept."""
        return "".join(self.kept)


class Request:
    """One request: its lines by keyword, its numbers."""

    def __init__(self, folder, number):
        with open(os.path.join(folder, f"request_{number}.txt"), encoding="utf-8") as stream:
            lines = [line.split("\t") for line in stream.read().split("\n") if line]
        self.lines = lines
        numbers = os.path.join(folder, f"request_{number}.bin")
        self.numbers = np.fromfile(numbers, dtype="<f8") if os.path.exists(numbers) else np.zeros(0)

    def all(self, word):
        """Return the entries of a keyword."""
        return [line[1:] for line in self.lines if line[0] == word]

    def one(self, word, default=None):
        """Return the entry of a keyword that stands at most once."""
        found = self.all(word)
        return found[0][0] if found else default

    def array(self, kind, rows, columns, offset):
        """Return an array of the request, by row in memory as the candidate would make it."""
        rows, columns, offset = int(rows), int(columns), int(offset)
        numbers = self.numbers[offset : offset + rows * columns]
        return numbers.copy() if kind == "vector" else np.ascontiguousarray(numbers.reshape((rows, columns), order="F"))


class Child:
    """Serves the requests of one candidate."""

    def __init__(self, folder):
        self.folder, self.book = folder, source.Book()
        self.memory = memory_of.Memory(self.book)
        memory_of.install(self.memory)
        self.loader, self.namespace, self.loads = None, {}, ()
        self.fault = open(os.path.join(folder, "fault.txt"), "a", encoding="utf-8")  # noqa: SIM115 (open as long as the child)
        faulthandler.enable(self.fault, all_threads=False)
        self.exit = os._exit
        os._exit = leave
        signal.signal(signal.SIGALRM, time_up)

    def serve(self):
        """Answer requests until asked to quit or left alone."""
        number, parent = 1, os.getppid()
        while os.getppid() == parent:
            if not os.path.exists(os.path.join(self.folder, f"request_{number}.txt")):
                time.sleep(0.002)
                continue
            request = Request(self.folder, number)
            kind = request.one("kind")
            if kind == "quit":
                return
            if kind == "load":
                self.answer(number, *self.load(request))
            else:
                self.fork(number, request)
            number += 1

    def fork(self, number, request):
        """Run in a fork, so that the loaded state stays as it is whatever the candidate does."""
        limit = float(request.one("timeout", "60"))
        child = os.fork()
        if child == 0:
            try:
                work = self.tries if request.one("kind") == "try" else self.run
                self.answer(number, *work(request))
            except BaseException:
                traceback.print_exc(file=sys.__stderr__)
                self.exit(70)
            self.exit(0)
        end, status = time.monotonic() + limit + GRACE, None
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            time.sleep(0.0005)
        else:
            os.kill(child, signal.SIGABRT)  # faulthandler writes where it was
            time.sleep(0.1)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            status = None
        if os.path.exists(os.path.join(self.folder, f"response_{number}.done")):
            return
        if status is None:
            kind, message = "timeout", f"no result after {limit:g} seconds"
        elif os.WIFSIGNALED(status):
            kind, message = "crash", f"Python itself died of {signal.Signals(os.WTERMSIG(status)).name}"
        else:
            kind, message = "quit", f"the process ended with exit status {os.WEXITSTATUS(status)}"
        self.answer(number, [{"t": "result", "status": "error", "kind": kind, "message": message}], b"")

    def answer(self, number, items, numbers):
        """Write a response; the flag file is the last thing to appear."""
        stem = os.path.join(self.folder, f"response_{number}")
        with open(stem + ".bin", "wb") as stream:
            stream.write(numbers)
        with open(stem + ".jsonl", "w", encoding="utf-8", errors="replace") as stream:
            stream.write("\n".join(item if isinstance(item, str) else dumps(item) for item in items) + "\n")
        with open(stem + ".tmp", "w", encoding="utf-8"):
            pass
        os.rename(stem + ".tmp", stem + ".done")

    # -- loading ---

    def load(self, request):
        """Load a candidate; return the response."""
        folder = os.getcwd()
        sys.path.insert(0, folder)
        self.loader = loader_of.Loader(source.Instrument, self.book, folder, request.one("functions_only") == "1")
        report = {"t": "loaded", "status": "ok", "message": ""}
        before = [line[0] for line in request.all("before")]
        self.loads = request.one("candidate"), before, request.one("prelude"), request.one("adapter")
        with printed() as output:
            trouble = self.attempt(request, lambda: self.loader.load(*self.loads))
        self.namespace = self.loader.module.__dict__
        if trouble is not None:
            report.update(self.describe(trouble, None), status=load_status(trouble))
            report.pop("operands", None)
            if isinstance(trouble, loader_of.Unparsable):
                report.update(
                    file=trouble.file, cell=trouble.cell, line=trouble.line, code=trouble.code, message=str(trouble)
                )
        elif not callable(self.namespace.get("step")):
            report["status"] = "no_step"
        report.update(functions=self.loader.functions(), files=list(self.loader.pieces))
        return [*self.book.unsent(), {"t": "stdout", "text": output.text()}, report], b""

    def attempt(self, request, action):
        """Carry out an action of the candidate within its time; return what it raised."""
        limit = float(request.one("timeout", "60"))
        signal.setitimer(signal.ITIMER_REAL, limit, 0.5)
        try:
            action()
        except BaseException as trouble:
            return trouble
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.memory.active = False
        return None

    # -- running ---

    def arguments(self, request):
        """Return W, b, X, Y and eta of a request, fresh arrays every time."""
        arrays = {line[0]: request.array(*line[1:]) for line in request.all("array")}
        depth = sum(name[0] == "W" for name in arrays)
        given = {word: [arrays[f"{word}{i}"] for i in range(1, depth + 1)] for word in "Wb"}
        return [given["W"], given["b"], arrays["X"], arrays["Y"], float(request.one("eta"))]

    def seed(self, request):
        """Set the streams that a candidate draws from."""
        seed = int(request.one("seed", "1"))
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002

    def tries(self, request):
        """Take a step with each changed text; return the response."""
        edits = request.all("trial")
        loader, nothing = trials_of.trial_loader(loader_of.Loader), source.Book()

        def numbers_of(result):
            end = self.returned(result)
            if end["status"] != "ok":
                return None
            return [np.asarray(part, dtype=np.float64) for group in self.read_parts(result) for part in group]

        trials = trials_of.Trials(
            lambda: loader(trials_of.AsItIs, nothing, os.getcwd(), self.loader.functions_only),
            self.loads,
            self.namespace.get("as_step"),
            lambda: self.arguments(request),
            lambda: self.seed(request),
            numbers_of,
        )
        half, seconds, began = (edits[::2], edits[1::2]), float(request.one("seconds")), time.process_time()
        with printed(), np.errstate(all="ignore"):
            first, second = trials_of.in_two(lambda share: list(trials.run(half[share], seconds)), self.exit)
        results = [None] * len(edits)
        results[: 2 * len(first) : 2], results[1 : 2 * len(second) : 2] = first, second
        items = [{"t": "trial", "shapes": None if parts is None else [list(part.shape) for part in parts]}
                 for parts in results]  # fmt: skip
        items.append({"t": "tried", "milliseconds": 1000 * (time.process_time() - began)})
        numbers = [part.ravel(order="F") for parts in results for part in parts or ()]
        return items, np.concatenate(numbers).tobytes() if numbers else b""

    def run(self, request):
        """Call step once; return the response."""
        memory, recording = self.memory, request.one("record") == "1"
        arguments = self.arguments(request)
        depth = len(arguments[0])
        copies = [
            [array.copy() for array in arguments[0]],
            [array.copy() for array in arguments[1]],
            arguments[2].copy(),
            arguments[3].copy(),
        ]
        memory.start(int(request.one("max_events", "200000")), int(request.one("max_bytes", str(2**28))))
        for node, occ, path, rows, columns, offset in request.all("inject"):
            memory.injections.setdefault(int(node), []).append(
                (int(occ), path, request.array("vector", int(rows) * int(columns), 1, offset))
            )
        for node, occ, text in request.all("watch"):
            memory.watches.setdefault(int(node), []).append((int(occ), text))
        if not recording and not memory.injections:
            self.loader.without_recording()
        result = []

        def call():
            for _ in range(int(request.one("rehearse", "0"))):
                self.namespace["step"](
                    *[[array.copy() for array in part] if isinstance(part, list) else part.copy() for part in copies],
                    arguments[4],
                )
            self.seed(request)
            memory.recording = recording
            memory.active = recording or bool(memory.injections)
            result.append(self.namespace["step"](*arguments))
            memory.active = False

        with printed() as output:
            trouble = self.attempt(request, call)
        # The candidate may have made NumPy raise what it usually ignores.
        with np.errstate(all="ignore"):
            if trouble is not None:
                end = {"t": "result", "status": "error", **self.describe(trouble, memory)}
            else:
                end = self.returned(result[0])
            flat = [*arguments[0], *arguments[1], arguments[2], arguments[3]]
            same = (len(arguments[0]), len(arguments[1])) == (depth, depth) and all(
                isinstance(now, np.ndarray) and now.shape == was.shape and now.tobytes() == was.tobytes()
                for now, was in zip(flat, [*copies[0], *copies[1], copies[2], copies[3]], strict=True)
            )
            numbers, values = self.values()
            items = [
                *self.book.unsent(),
                *self.frames(),
                *values,
                *events(memory.events),
                *({"t": "inject_refused", **entry} for entry in memory.refused),
                *([{"t": "truncated"}] if memory.truncated else []),
                {"t": "stdout", "text": output.text()},
                {"t": "state", "same": same},
                end,
            ]
            return items, numbers

    def frames(self):
        """Return the frames as items."""
        for number, parent, function, node in self.memory.frames:
            name, file, _, line = self.book.functions[function]
            yield {
                "t": "frame",
                "id": number,
                "parent": parent,
                "fun": name,
                "file": file,
                "line": line,
                "call_node": node,
            }

    def values(self):
        """Return the numbers of all values by column, and their items."""
        parts, items, offset = [], [], 0
        for (raw, dtype, shape, container, kind), ref in self.memory.refs.items():
            numbers = raw if dtype == "=f8" else np.frombuffer(raw, dtype=dtype).astype("<f8").tobytes()
            dtype = np.dtype(dtype)
            class_ = {"bool": "logical", "int": "integer"}.get(kind) or memory_of.CLASSES[dtype.kind]
            items.append(
                f'{{"t":"value","ref":{ref},"dim":[{",".join(map(str, shape))}],'
                f'"n":{len(numbers) // 8},"offset":{offset},'
                f'"class":"{class_}","dtype":"{kind or dtype.name}","container":"{container}"}}'
            )
            parts.append(numbers)
            offset += len(numbers) // 8
        return b"".join(parts), items

    @staticmethod
    def pair_of(result):
        """Return (W, b) of a dict that holds both, anything else as it is."""
        both = isinstance(result, dict) and {"W", "b"} <= set(result)
        return (result["W"], result["b"]) if both else result

    def read_parts(self, result):
        """Return the lists W and b of what step returned; a dict of layers counts as the list of them."""
        return [list(part.values()) if isinstance(part, dict) else part for part in self.pair_of(result)]

    def returned(self, result):
        """Return the end of a run from what step returned."""

        def bad(what):
            return {
                "t": "result",
                "status": "bad_result",
                "message": f"step must return (W, b), two lists of arrays, not {what}",
            }

        result = self.pair_of(result)
        if result is None:
            return bad("None (does it end without return?)")
        if not isinstance(result, tuple | list) or len(result) != 2:
            length = f" of {len(result)}" if isinstance(result, tuple | list | dict) else ""
            return bad(f"a {type(result).__name__}{length}")
        end = {"t": "result", "status": "ok"}
        for word, part in zip("Wb", self.read_parts(result), strict=True):
            if not isinstance(part, tuple | list | np.ndarray) or (isinstance(part, np.ndarray) and part.ndim == 0):
                return bad(f"a {type(part).__name__} as {word}")
            refs = []
            for i, array in enumerate(part):
                try:
                    numbers = np.asarray(array, dtype=np.float64)
                except (TypeError, ValueError):
                    return bad(f"something other than numbers in {word}[{i}] ({type(array).__name__})")
                refs.append(self.memory.ref(memory_of.numbers_of(numbers)))
            end[word] = refs
        return end

    # -- errors ---

    def describe(self, trouble, memory):
        """Return where an exception arose in the candidate's files, in which expression, and what its operands were."""
        book, last = self.book, None
        step = trouble.__traceback__
        while step is not None:
            if step.tb_frame.f_code.co_filename in book.filenames:
                last = step
            step = step.tb_next
        report = {"message": words(trouble), "kind": kind_of(trouble)}
        if last is None:
            return report
        code, frame = last.tb_frame.f_code, last.tb_frame
        file, _, cell = code.co_filename.partition(" · cell ")
        report.update(file=file, cell=int(cell) if cell else None, line=last.tb_lineno)
        node = self.memory.find_node(code, last.tb_lasti)
        entry = book[node] if node else None
        root = book[entry["stmt"]] if entry and entry["stmt"] else self.statement(file, report["cell"], last.tb_lineno)
        if root:
            report.update(stmt=root["id"], line=root["line"], end_line=root["end_line"], code=root.get("code"))
        if entry:
            report.update(node=node, call=entry["text"] if entry["kind"] != "after" else root["code"])
        if memory is not None:
            number = memory.frame_of(frame)
            report.update(frame=number, operands=self.operands(node, number, frame, memory) if node else [])
        return report

    def operands(self, node, number, frame, memory):
        """Return what the arguments of a failed expression were worth."""
        found = []
        held = memory.held.get((node, id(frame))) if self.book[node]["op"] == "=" else None
        if held and len(held) > 1 and not isinstance(held[-2], dict):
            key = memory_of.numbers_of(held[-2])
            text = self.book[node]["text"]
            found.append(
                {"text": text.rpartition("[")[0] or text, "node": None, "ref": memory.ref(key) if key else None}
            )
        for child in self.book.children.get(node, ()):
            ref = next((e[4] for e in reversed(memory.events) if e[0] == child and e[1] == number and e[3] == ""), None)
            found.append({"text": self.book[child]["text"], "node": child, "ref": ref})
        return found

    def statement(self, file, cell, line):
        """Return the smallest statement that covers a line."""
        roots = [
            node
            for node in self.book.nodes
            if node["file"] == file
            and node["cell"] == cell
            and node["id"] == node["stmt"]
            and node["line"] <= line <= node["end_line"]
        ]
        return min(roots, key=lambda node: node["end_line"] - node["line"], default=None)


def events(found):
    """Write events as JSON lines, the short ones by hand."""
    for seq, (node, frame, occ, path, ref, alt) in enumerate(found, start=1):
        more = "" if alt is None else f',"alt":{dumps(alt)}'
        yield (
            f'{{"t":"event","seq":{seq},"node":{node},"frame":{frame},"occ":{occ},'
            f'"path":{dumps(path) if path else chr(34) * 2},'
            f'"ref":{ref}{more}}}'
        )


def words(trouble):
    """Return an exception in one line."""
    text = " ".join(str(trouble).split())
    if isinstance(trouble, TimeUp):
        return "still running when the time was up"
    if isinstance(trouble, Quit):
        return f"os._exit({text})"
    if isinstance(trouble, SystemExit):
        return f"sys.exit({text if trouble.code is not None else ''})"
    if isinstance(trouble, EOFError):
        return "it asks for input, and nobody is there to answer"
    plain = isinstance(trouble, ValueError | ZeroDivisionError | ImportError) and text
    return text if plain else f"{type(trouble).__name__}: {text}" if text else type(trouble).__name__


def kind_of(trouble):
    """Tell a stop, a quit and the end of the time apart."""
    return "timeout" if isinstance(trouble, TimeUp) else "quit" if isinstance(trouble, SystemExit) else "error"


def load_status(trouble):
    """Return the status of a failed load."""
    if isinstance(trouble, loader_of.Unparsable | SyntaxError):
        return "parse_error"
    return kind_of(trouble)


def leave(code=0):
    """Stand in for os._exit."""
    raise Quit(code)


def time_up(*_):
    """End the candidate's work when the alarm rings."""
    raise TimeUp


@contextlib.contextmanager
def printed():
    """Catch what is printed."""
    output, was = Printed(), (sys.stdout, sys.stderr)
    sys.stdout = sys.stderr = output
    try:
        yield output
    finally:
        sys.stdout, sys.stderr = was


if __name__ == "__main__":
    Child(os.path.abspath(sys.argv[1])).serve()
