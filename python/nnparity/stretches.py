"""Both languages take their steps a stretch at a time; while they take one, the stretch before it is compared.

R takes its steps in the calling thread, which an embedded R is bound to; beside it, in a thread of its own, Python
compares what is there and takes its own steps.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from nnparity.arithmetic import Array
from nnparity.checks import InputError
from nnparity.products import threads_are_given
from nnparity.sides import Side
from nnparity.trace import Trace

LANGUAGES = ("Python", "R")

# A step's trace; the sentence of a language that turns its numbers away; an error, to be raised in its turn.
Outcome = Trace | str | Exception
# The order that a side drew, or None, and the outcomes of the steps, which end at the first that is no trace.
Taken = tuple[Array | None, list[Outcome]]


@dataclass
class Stretch:
    """Steps that each side takes at once: to change sides costs time.

    Attributes
    ----------
    epoch, first : of its first step, from 1.
    places : the first and last sample of each step's batch, from 1, in the epoch's order.
    shuffled : whether the epoch's order is drawn before.
    taken : what Python and R made of it.
    """

    epoch: int
    first: int
    places: list[tuple[int, int]]
    shuffled: bool
    taken: tuple[Taken, ...] = ()


# So many values, about, are computed at once; in exact arithmetic, which takes some twenty times as long, fewer.
VALUES_AT_ONCE = {"fast": 2**21, "exact": 2**17}


def plan_stretches(
    sizes: Sequence[int], n: int, batch: int, total: int, shuffle: bool, arithmetic: str
) -> Iterator[Stretch]:
    """Divide a run of `total` steps on n samples; a stretch lies within an epoch."""
    weights = sum(n_before * n for n_before, n in itertools.pairwise(sizes))
    at_once = max(1, VALUES_AT_ONCE[arithmetic] // (3 * sum(sizes) * batch + 2 * weights))
    per_epoch = -(-n // batch)
    step = 0
    while step < total:
        k = step % per_epoch
        count = min(at_once, per_epoch - k, total - step)
        places = [(i * batch + 1, min((i + 1) * batch, n)) for i in range(k, k + count)]
        yield Stretch(step // per_epoch + 1, step + 1, places, shuffle and k == 0)
        step += count


def run_stretches(
    plan: Iterable[Stretch], sides: Sequence[Side], compare: Callable[[Stretch], bool],
    compared: Callable[[Stretch, bool], None], seconds: dict[str, float],
) -> None:  # fmt: skip
    """Take each stretch and compare it, until the plan's end or the first that does not agree.

    Parameters
    ----------
    plan : from `plan_stretches`.
    sides : Python's and R's.
    compare : says whether a stretch agrees; called in another thread.
    compared : called in this thread with each stretch and what `compare` said.
    seconds : language → time, which is added to.
    """
    before = stretch = said = ours = theirs = None
    with _noted_interrupts() as interrupts, _one_blas_thread(), OtherThread() as beside:
        try:
            for stretch in itertools.chain(plan, [None]):
                # First the comparison, then Python's steps: when these are there, the other thread has let go of the
                # stretch before, and it is this one, R's own, that gives back R's memory with it.  (`theirs` keeps that
                # of the last one until the other thread has ended.)
                said = None if before is None else beside.submit(compare, before)
                if stretch is not None:
                    ours = beside.submit(timed, seconds, LANGUAGES[0], take, sides[0], stretch)
                    theirs = timed(seconds, LANGUAGES[1], take, sides[1], stretch)
                    stretch.taken = ours.result(), theirs
                if before is not None and said is not None:
                    agrees = said.result()
                    compared(before, agrees)
                    if not agrees:
                        return
                if interrupts:
                    return
                before = stretch
        except Exception as error:
            # What its frames hold, R's memory among it, would wait in a cycle for a collector in whatever thread.
            traceback.clear_frames(error.__traceback__)
            before = stretch = said = ours = theirs = None
            raise


class OtherThread:
    """A thread that does what it is given, one thing after the other, while Python's collector rests.

    It has ended when its `with` has, however often that is interrupted.
    """

    def __init__(self) -> None:
        self._tasks: SimpleQueue[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="nnparity", daemon=True)
        self._ended = threading.Event()

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have it done; the answer is in the future."""
        answer: Future[Any] = Future()
        self._tasks.put((answer, work, arguments))
        return answer

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            answer, work, arguments = task
            try:
                answer.set_result(work(*arguments))
            except BaseException as error:
                answer.set_exception(error)
            del task, answer, work, arguments
        self._ended.set()

    def __enter__(self) -> OtherThread:
        COLLECTOR.rest()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._tasks.put(None)
        again: KeyboardInterrupt | None = None
        while not self._ended.is_set():
            try:
                self._ended.wait()  # not join, which takes an interrupted thread for one that has ended
            except KeyboardInterrupt as interrupt:
                again = interrupt
        COLLECTOR.go_on()
        if again is not None:
            raise again


class Collector:
    """Python's collector of cyclic garbage, which rests while there are runs.

    The garbage may hold R's memory, and any thread may collect it.
    """

    def __init__(self) -> None:
        self._runs, self._was_on, self._lock = 0, False, threading.Lock()

    def rest(self) -> None:
        """Count a run more; with the first one it stops."""
        with self._lock:
            if self._runs == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._runs += 1

    def go_on(self) -> None:
        """Count a run less; with the last one it goes on."""
        with self._lock:
            self._runs -= 1
            if self._runs == 0 and self._was_on:
                gc.enable()


COLLECTOR = Collector()


def take(side: Side, stretch: Stretch) -> Taken:
    """A side's part in a stretch."""
    try:
        order = side.shuffle() if stretch.shuffled else None
    except Exception as error:
        return None, [error]
    return order, outcomes(side, stretch.places)


def outcomes(side: Side, places: list[tuple[int, int]]) -> list[Outcome]:
    """The outcomes of some steps."""
    try:
        traces = side.steps(places)
    except InputError as error:
        return [str(error)]
    except Exception as error:
        return [error]
    return [*traces, *(outcomes(side, places[len(traces) :]) if len(traces) < len(places) else [])]


def timed(seconds: dict[str, float], where: str, work: Callable[..., Any], *arguments: Any) -> Any:
    """Do the work and book its time."""
    began = time.perf_counter()
    value = work(*arguments)
    seconds[where] += time.perf_counter() - began
    return value


@contextlib.contextmanager
def _noted_interrupts() -> Iterator[list[int]]:
    """Note a Ctrl-C, to be obeyed between two stretches, and raise only a second one at once.

    Raised anywhere, it could be lost where R's memory is given back, or leave half an answer in a pipe.
    """
    noted: list[int] = []
    usual = signal.default_int_handler
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not usual:
        yield noted
        return

    def note(number: int, frame: Any) -> None:
        noted.append(number)
        if len(noted) > 1:
            usual(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, usual)
    if noted:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Keep each language's BLAS to one thread, unless the environment says how many.

    They get in each other's way otherwise: on two cores, a run of 784-30-10 takes three times as long.  OpenBLAS heeds
    the main thread alone.
    """
    if threads_are_given() or threading.current_thread() is not threading.main_thread():
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield
