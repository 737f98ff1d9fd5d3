"""Stretches cover a run, are compared in their order beside the next one, and leave the process as they found it."""

import gc
import os
import signal
import threading
import time
from concurrent.futures import Future
from itertools import pairwise

import numpy as np
import pytest
import threadpoolctl
from hypothesis import example, given, strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from nnparity import stretches
from nnparity.checks import InputError
from nnparity.products import THREADS
from nnparity.stretches import Stretch, plan_stretches, run_stretches


@example(sizes=[2, 600, 600, 1], n=300, batch=1, total=200, shuffle=True, arithmetic="fast")
@given(
    sizes=st.lists(st.integers(1, 600), min_size=2, max_size=4), n=st.integers(1, 300), batch=st.integers(1, 300),
    total=st.integers(1, 200), shuffle=st.booleans(), arithmetic=st.sampled_from(["fast", "exact"]),
)  # fmt: skip
def test_the_plan_is_the_run_step_by_step(sizes, n, batch, total, shuffle, arithmetic):
    batch = min(batch, n)
    plan = list(plan_stretches(sizes, n, batch, total, shuffle, arithmetic))
    steps = [(part.epoch, place) for part in plan for place in part.places]
    batches = [(first, min(first + batch - 1, n)) for first in range(1, n + 1, batch)]
    assert steps == [(step // len(batches) + 1, batches[step % len(batches)]) for step in range(total)]
    assert [part.first for part in plan] == list(np.cumsum([1, *(len(part.places) for part in plan)])[:-1])
    assert [part.shuffled for part in plan] == [shuffle and part.places[0][0] == 1 for part in plan]
    new_weights = 8 * sum(n_in * n_out for n_in, n_out in pairwise(sizes))
    assert all(len(part.places) == 1 or len(part.places) * new_weights < 16 * 2**20 for part in plan)  # bytes


class FakeSide:
    """A side whose traces are numbers; `faults` says what a step raises."""

    def __init__(self, faults=()):
        self.faults, self.stepped, self.shuffles = dict(faults), [], 0

    def shuffle(self):
        self.shuffles += 1
        if "shuffle" in self.faults:
            raise self.faults["shuffle"]
        return np.arange(3.0)

    def steps(self, places):
        self.stepped += places
        for k, (first, _) in enumerate(places):
            if first in self.faults:
                if k == 0:
                    raise self.faults[first]
                return [place for place, _ in places[:k]]
        return [first for first, _ in places]


class Owning(FakeSide):
    """A side whose traces note in which thread they are given back."""

    def __init__(self):
        super().__init__()
        self.gone = []

    def steps(self, places):
        return [Memory(self.gone) for _ in places]


class Memory:
    def __init__(self, gone):
        self.gone = gone

    def __del__(self):
        self.gone.append(threading.get_ident())


def plan_of(count, length=2):
    """So many stretches of so many steps on one sample each."""
    places = [[(k * length + i + 1,) * 2 for i in range(length)] for k in range(count)]
    return [Stretch(1, place[0][0], place, False) for place in places]


def run(plan, sides=None, verdicts=lambda stretch: True, keep=True):
    """What was compared, and told, in their order."""
    compared, told = [], []

    def compare(stretch):
        if keep:
            compared.append((stretch.first, [outcomes for _, outcomes in stretch.taken]))
        return verdicts(stretch)

    sides = sides or (FakeSide(), FakeSide())
    run_stretches(plan, sides, compare, lambda stretch, agrees: told.append((stretch.first, agrees)),
                  dict.fromkeys(("Python", "R"), 0.0))  # fmt: skip
    return compared, told


def test_every_stretch_is_compared_once_in_order():
    compared, told = run(plan_of(4))
    assert compared == [(first, [[first, first + 1]] * 2) for first in (1, 3, 5, 7)]
    assert told == [(first, True) for first in (1, 3, 5, 7)]


def test_a_plan_of_nothing_and_of_one():
    assert run([]) == ([], [])
    assert run(plan_of(1))[1] == [(1, True)]


def test_after_a_difference_one_stretch_more_is_taken_and_none_compared():
    sides = FakeSide(), FakeSide()
    compared, told = run(plan_of(5), sides, lambda stretch: stretch.first != 3)
    assert [first for first, _ in compared] == [1, 3]
    assert told == [(1, True), (3, False)]
    assert [max(side.stepped) for side in sides] == [(6, 6), (6, 6)]


def test_the_order_is_drawn_where_an_epoch_begins():
    sides = FakeSide(), FakeSide()
    plan = list(plan_stretches([600, 600, 600], 3, 1, 5, True, "exact"))
    run(plan, sides)
    assert [side.shuffles for side in sides] == [2, 2]
    assert all((order is not None) == part.shuffled for part in plan for order, _ in part.taken)


@pytest.mark.parametrize("wrong", [0, 1])
def test_what_a_language_turns_away_is_a_sentence_after_the_steps_before(wrong):
    sides = [FakeSide(), FakeSide()]
    sides[wrong] = FakeSide({4: InputError("no.")})
    compared, _ = run(plan_of(2), sides, lambda stretch: stretch.first < 3)
    assert compared[1][1][wrong] == [3, "no."]
    assert compared[1][1][1 - wrong] == [3, 4]


@pytest.mark.parametrize("wrong", [0, 1])
@pytest.mark.parametrize("where", [3, "shuffle"])
def test_an_error_waits_for_its_turn(wrong, where):
    error = RuntimeError("broken")
    plan = plan_of(3)
    plan[1].shuffled = True
    sides = [FakeSide(), FakeSide()]
    sides[wrong] = FakeSide({where: error})
    compared, told = run(plan, sides, lambda stretch: False)
    assert told == [(1, False)]  # the difference before it comes first
    sides[wrong] = FakeSide({where: error})
    compared, _ = run(plan, sides, lambda stretch: stretch.first < 3)
    assert compared[1][1][wrong] == [error]


def test_what_the_comparison_raises_is_raised():
    def compare(stretch):
        raise RuntimeError("from the comparison")

    with pytest.raises(RuntimeError, match="from the comparison"):
        run(plan_of(3), verdicts=compare)
    assert gc.isenabled()


def test_ctrl_c_is_obeyed_between_two_stretches():
    class Signalling(FakeSide):
        def steps(self, places):
            if places[0][0] == 3:
                signal.raise_signal(signal.SIGINT)
            return super().steps(places)

    sides = FakeSide(), Signalling()
    with pytest.raises(KeyboardInterrupt):
        run(plan_of(5), sides)
    assert [max(side.stepped) for side in sides] == [(4, 4), (4, 4)]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert gc.isenabled()


def test_a_second_ctrl_c_is_obeyed_at_once_and_a_third_leaves_no_thread_behind():
    class Signalling(FakeSide):
        def steps(self, places):
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)
            return super().steps(places)

    slow = FakeSide()
    slow.steps = lambda places: time.sleep(0.3) or list(places)
    side = Signalling()
    with pytest.raises(KeyboardInterrupt):
        run(plan_of(5), (slow, side))
    assert not side.stepped
    assert not [thread for thread in threading.enumerate() if thread.name == "nnparity"]
    assert gc.isenabled()


def test_after_an_error_nothing_waits_for_the_collector():
    def compare(stretch):
        held = stretch.taken  # as a frame of the comparison does
        if stretch.first == 5:
            error = RuntimeError("broken")
            raise error
        return bool(held)

    side = Owning()
    gc.disable()
    try:
        with pytest.raises(RuntimeError, match="broken"):
            run(plan_stretches([600, 600], 20, 1, 20, False, "exact"), (FakeSide(), side), compare, keep=False)
        assert side.gone == [threading.get_ident()] * 6
    finally:
        gc.enable()


def test_runs_in_several_threads_leave_the_process_as_it_was(monkeypatch):
    def slowly(stretch):
        time.sleep(0.001 * (stretch.first % 3))
        return True

    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    limits = []  # OpenBLAS heeds the main thread alone
    monkeypatch.setattr(threadpoolctl, "threadpool_limits", lambda *given, **options: limits.append(given))
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        runs = [threading.Thread(target=run, args=(plan_of(5 + k), None, slowly)) for k in range(4)]
        for one in runs:
            one.start()
            time.sleep(0.003)
        for one in runs:
            one.join()
        assert blas_threads() == before
    assert not limits
    assert gc.isenabled()


def test_r_works_in_the_calling_thread_and_the_comparison_in_another():
    threads = {}

    class Noting(FakeSide):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def steps(self, places):
            threads.setdefault(self.name, set()).add(threading.get_ident())
            return super().steps(places)

    def compare(stretch):
        threads.setdefault("comparison", set()).add(threading.get_ident())
        return True

    run(plan_of(5), (Noting("Python"), Noting("R")), compare)
    assert threads["R"] == {threading.get_ident()}
    assert threads["Python"] == threads["comparison"]
    assert threads["Python"].isdisjoint(threads["R"])


def test_r_s_memory_is_given_back_in_the_calling_thread(monkeypatch):
    class Lingering(stretches.OtherThread):
        """The other thread holds what it was given a while longer than until its answer is there."""

        def submit(self, work, *arguments):
            answer = Future()

            def hold():
                answer.set_result(work(*arguments))
                time.sleep(0.005)

            super().submit(hold)
            return answer

    monkeypatch.setattr(stretches, "OtherThread", Lingering)
    side = Owning()
    run(plan_stretches([600, 600], 20, 1, 20, False, "exact"), (FakeSide(), side), keep=False)
    assert side.gone == [threading.get_ident()] * 20


@pytest.mark.parametrize("was_on", [True, False])
def test_garbage_waits_and_is_collected_again(was_on):
    seen = []
    if not was_on:
        gc.disable()
    try:
        run(plan_of(2), verdicts=lambda stretch: seen.append(gc.isenabled()) or True)
        assert gc.isenabled() == was_on
    finally:
        gc.enable()
    assert seen == [False, False]


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core has one thread")
def test_blas_has_one_thread_unless_the_environment_says_how_many(monkeypatch, given):
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    if given:
        monkeypatch.setenv(THREADS[0], "2")
    seen = []
    with threadpool_limits(2, user_api="blas"):
        run(plan_of(1), verdicts=lambda stretch: seen.append(blas_threads()) or True)
        assert blas_threads() == {2}
    assert seen == [{2} if given else {1}]
