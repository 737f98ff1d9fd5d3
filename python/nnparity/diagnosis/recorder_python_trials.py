"""Takes a step of the candidate with some of its text changed, unrecorded, many times over in one fork.

Every trial loads the candidate anew from its sources, the changed one among them, as it was loaded for recording: so
that classes, closures and tables of functions all hold what the changed text defines.
"""

import ast
import os
import pickle
import signal
import sys
import time

LEAST_SECONDS = 0.05  # allowed to a trial, however quick the untouched candidate was
SLOWER = 20  # a trial may take so many times as long as the untouched candidate


class AsItIs:
    """Stands where the recorder's rewriter stands: nothing is rewritten."""

    def __init__(self, *_):
        self.imported = set()

    def rewrite_each(self, tree, imported=()):
        """Return every statement as what stands in its place."""
        return [[node] for node in tree.body]


def trial_loader(loader):
    """Return a kind of Loader that reads an unchanged file, and compiles a statement, once for all trials."""
    read_before, compiled = {}, {}

    class TrialLoader(loader):
        """Loads the candidate for one trial."""

        def read(self, file):
            """Return the pieces of a file, from an earlier trial where nothing of it is changed."""
            file = os.path.abspath(file)
            if any(name == file for name, _ in self.edited):
                return super().read(file)
            if file not in read_before:
                read_before[file] = super().read(file)
            self.pieces[file] = read_before[file]
            return self.pieces[file]

        def compile(self, piece, plain, recorded):
            """Compile a statement, unless a statement of the same text was compiled before."""
            first = min([plain.lineno, *(node.lineno for node in getattr(plain, "decorator_list", ()))])
            key = piece.filename, "\n".join(piece.text.split("\n")[first - 1 : plain.end_lineno]), plain.col_offset
            if key not in compiled:
                compiled[key] = compile(ast.Module([plain], []), piece.filename, "exec", piece.flags, True)
            return compiled[key]

    return TrialLoader


def read(path):
    """Return the text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def in_two(work, leave):
    """Return what work(0) and work(1) return, the second from a fork; an empty list where that fork dies."""
    reading, writing = os.pipe()
    other = os.fork()
    if other == 0:
        os.close(reading)
        with os.fdopen(writing, "wb") as stream:
            pickle.dump(work(1), stream)
        leave(0)
    os.close(writing)
    first = work(0)
    with os.fdopen(reading, "rb") as stream:
        try:
            second = pickle.load(stream)
        except (EOFError, pickle.UnpicklingError):
            second = []
    os.waitpid(other, 0)
    return first, second


class Trials:
    """The trials of one request.

    Parameters
    ----------
    make_loader : makes a loader whose rewriter is AsItIs
    load : the arguments of Loader.load      as_step : the prelude's, made once
    arguments : makes fresh arguments of step      prepare : sets the random state
    read : turns what step returned into numbers, None where it cannot
    """

    def __init__(self, make_loader, load, as_step, arguments, prepare, read):
        self.make_loader, self.load, self.as_step = make_loader, load, as_step
        self.arguments, self.prepare, self.read = arguments, prepare, read
        self.limit = LEAST_SECONDS
        self.own = self.modules_of_the_candidate()

    def run(self, trials, seconds):
        """Yield, for the edits of each trial, what step returned or None; stops when the seconds are over.

        They are seconds of this process: what is found does not depend on what else the machine does.
        """
        started = time.process_time()
        began = time.monotonic()
        self.limit = max(seconds, LEAST_SECONDS)
        self.attempt(())  # reads and compiles what every trial will need
        self.own |= self.modules_of_the_candidate()
        warm = time.monotonic()
        self.attempt(())
        self.limit = max(LEAST_SECONDS, SLOWER * (time.monotonic() - warm), 3 * (warm - began))
        for edits in trials:
            if time.process_time() - started > seconds:
                return
            yield self.attempt(edits)

    def attempt(self, edits):
        """Load and step once; `edits` has three for each changed source: its new text's file, its path, its cell."""
        sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "_nnparity_loader"]
        for name in self.own:
            sys.modules.pop(name, None)
        signal.setitimer(signal.ITIMER_REAL, self.limit, 0.5)
        try:
            loader = self.make_loader()
            for text, file, cell in zip(edits[::3], edits[1::3], edits[2::3], strict=True):
                loader.edited[os.path.abspath(file), int(cell) if cell else None] = read(text)
            namespace = loader.load(*self.load, as_step=self.as_step)
            self.prepare()
            return self.read(namespace["step"](*self.arguments()))
        except BaseException:  # whatever somebody's changed code raises: this trial is none
            return None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    @staticmethod
    def modules_of_the_candidate():
        """Return the names under which modules of the candidate's folder are known."""
        folder = os.getcwd()
        found = {name for name, module in list(sys.modules.items())
                 if (getattr(module, "__file__", None) or "").startswith(folder + os.sep)}  # fmt: skip
        return found | {"candidate", os.path.basename(folder)}
