"""Whatever a candidate does, the parent stays standing, says whose fault it was, and leaves nothing behind."""

import os
import shutil
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from nnparity.checks import InputError
from nnparity.diagnosis import failures, recording as rec

RNG = np.random.default_rng(7)
W = [RNG.normal(size=(6, 4)), RNG.normal(size=(3, 6))]
B = [RNG.normal(size=6), RNG.normal(size=3)]
X, Y = RNG.normal(size=(4, 7)), RNG.random((3, 7))

RIGHT = "def step(W, b, X, Y, eta):\n    return [w * 2 for w in W], b\n"
RIGHT_R = "step <- function(W, b, X, Y, eta) list(W = lapply(W, function(w) w * 2), b = b)\n"

needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="Rscript is not installed")


def write(folder, source, name="net.py"):
    file = folder / name
    file.write_bytes(source if isinstance(source, bytes) else textwrap.dedent(source).encode())
    return file


def run(folder, source, name="net.py", timeout=20, adapter=None, **options):
    with rec.CandidateProcess(timeout=timeout) as process:
        process.load(write(folder, source, name), adapter)
        return process.run(W, B, X, Y, 0.5, **options)


def refusal(folder, source, name="net.py", timeout=20, **options):
    with rec.CandidateProcess(timeout=timeout) as process, pytest.raises(failures.CandidateFailure) as caught:
        process.load(write(folder, source, name), **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "nnparity-" not in sentence, "a temporary folder is no place to send anybody"
    return caught.value


def body(*lines):
    return (
        "import os, sys, time, signal\nimport numpy as np\ndef step(W, b, X, Y, eta):\n"
        + "".join(f"    {line}\n" for line in lines)
        + "    return W, b\n"
    )


# -- when there is no step ---


def test_failures_are_bad_input():
    assert issubclass(failures.CandidateFailure, InputError)


@pytest.mark.parametrize(
    ("source", "kind", "words", "line"),
    [
        ("x = (1,\ny = 2\n", failures.ParseFailure, "'(' was never closed", 1),
        ("print 'x'\n", failures.ParseFailure, "Python 2", 1),
        ("x = 1\nimport surely_absent_package\n", failures.MissingPackage, "surely_absent_package", 2),
        ("x = 1\n\n1 / 0\n", failures.LoadFailure, "division by zero", 3),
        ("def f():\n    return open('absent.csv')\nf()\n", failures.LoadFailure, "absent.csv", 2),
        ("import sys\nsys.exit()\n", failures.LoadQuit, "functions_only", 2),
        ("import os\n\nos._exit(1)\n", failures.LoadQuit, "functions_only", 3),
        ("import os, signal\n\nos.kill(os.getpid(), signal.SIGSEGV)\n", failures.LoadCrash, "SIGSEGV", 3),
        ("x = input('rate? ')\n", failures.LoadFailure, "asks for input", 1),
        (
            "def f(a, b): pass\nclass Net:\n    def __init__(self, sizes): pass\n    def train(self, x): pass\n",
            failures.NoStep,
            "f(a, b), Net(sizes), Net.train(x)",
            None,
        ),
        ("step = 5\n", failures.NoStep, "none", None),
    ],
)
def test_each_failure_says_whose_fault_it_is(tmp_path, source, kind, words, line):
    failure = refusal(tmp_path, source)
    assert type(failure) is kind
    assert words in str(failure)
    assert "net.py" in str(failure)
    assert failure.line == line
    if line:
        assert f"line {line}" in str(failure)


@pytest.mark.parametrize(
    "source",
    [
        "while True: pass\n",
        "import time\ntime.sleep(100)\n",
        "while True:\n    try:\n        print('x' * 1000)\n    except BaseException: pass\n",
    ],
)
def test_a_candidate_that_never_finishes_loading(tmp_path, source):
    started = time.monotonic()
    failure = refusal(tmp_path, source, timeout=1)
    assert type(failure) is failures.LoadTimeout
    assert "functions_only" in str(failure)
    assert time.monotonic() - started < 8


def test_text_that_is_not_utf8_is_named_by_line(tmp_path):
    failure = refusal(tmp_path, b"# first\nx = '\xe9'\n")
    assert type(failure) is failures.UnreadableText
    assert failure.line == 2
    declared = b"# -*- coding: latin-1 -*-\nname = '\xe9'\n" + RIGHT.encode()
    assert run(tmp_path, declared).status == "ok"


def test_a_module_beside_the_candidate_that_cannot_be_read(tmp_path):
    write(tmp_path, b"x = '\xe9'\n", "helper.py")
    assert type(refusal(tmp_path, "import helper\n" + RIGHT)) in (failures.ParseFailure, failures.UnreadableText)
    write(tmp_path, "x = (", "helper.py")
    failure = refusal(tmp_path, "import helper\n" + RIGHT)
    assert type(failure) is failures.ParseFailure
    assert failure.file == "helper.py"


def test_files_that_are_not_there(tmp_path):
    with rec.CandidateProcess() as process:
        with pytest.raises(failures.MissingFile, match=r"absent\.py"):
            process.load(tmp_path / "absent.py")
        with pytest.raises(failures.UnknownLanguage, match=r"\.jl"):
            process.load(write(tmp_path, "", "net.jl"))
        with pytest.raises(failures.MissingFile, match=r"stub\.py"):
            process.load(write(tmp_path, RIGHT), write(tmp_path, "# before: stub.py\n", "adapter.py"))


def test_without_rscript_an_r_candidate_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert type(refusal(tmp_path, RIGHT_R, "net.R")) is failures.MissingInterpreter


def test_the_header_of_an_adapter_is_read(tmp_path):
    write(tmp_path, "import sys, types\nsys.modules['cupy'] = types.SimpleNamespace(LIMIT=3)\n", "stand_in.py")
    adapter = write(
        tmp_path,
        "# An adapter.\n\n# functions_only: true\n# before: stand_in.py\n# no_bias: 1,2\nk = 1\n"
        "# functions_only: false\n",
        "adapter.py",
    )
    header = rec.read_header(adapter)
    assert (header.functions_only, header.no_bias) == (True, (1, 2))
    with rec.CandidateProcess() as process:
        loaded = process.load(write(tmp_path, "import cupy\nraise KeyError\n" + RIGHT), adapter)
        assert loaded.header == header
    with pytest.raises(failures.CandidateFailure, match="no_bias"):
        rec.read_header(write(tmp_path, "# no_bias: first\n", "adapter.py"))


def test_an_adapter_is_named_when_the_fault_is_its_own(tmp_path):
    adapter = write(tmp_path, "x = 1\nundefined\n", "adapter.py")
    failure = refusal(tmp_path, RIGHT, adapter=adapter)
    assert (failure.file, failure.line) == ("adapter.py", 2)
    assert "functions_only" not in str(failure)


# -- once there is a step ---


@pytest.mark.parametrize(
    ("line", "status", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crash", "SIGSEGV"),
        ("os.abort()", "crash", "SIGABRT"),
        ("while True: pass", "timeout", ""),
        ("while True: print('x' * 10000)", "timeout", ""),
        ("time.sleep(100)", "timeout", ""),
        ("signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM]); time.sleep(100)", "timeout", ""),
        ("sys.exit('bye')", "quit", "bye"),
        ("os._exit(3)", "quit", "3"),
        ("os.execv('/bin/true', ['true'])", "quit", ""),
        ("exec('x = 1 / 0')", "error", "division by zero"),
        ("x = bytearray(100 * 2**30)", "error", "MemoryError"),
    ],
)
def test_inside_step_everything_is_reported_with_its_line(tmp_path, line, status, words):
    with rec.CandidateProcess(timeout=1) as process:
        process.load(write(tmp_path, body("x = 1", line)))
        recording = process.run(W, B, X, Y, 0.5)
        assert recording.status == status
        assert words in recording.message
        if "exec" not in line or status == "error":
            assert (recording.error.line, recording.error.file) == (5, "net.py")
        assert len(recording.stdout) <= rec.OUTPUT_KEPT
        # The process survives, or is started again.
        assert process.run(W, B, X, Y, 0.5, timeout=0.5).status == status


def test_endless_recursion_is_an_error(tmp_path):
    recording = run(tmp_path, "def f(x):\n    return f(x + 1)\ndef step(W, b, X, Y, eta):\n    return f(0)\n")
    assert (recording.status, recording.error.line) == ("error", 2)
    assert "RecursionError" in recording.message


def test_the_working_directory_and_globals_may_be_spoilt(tmp_path):
    recording = run(tmp_path, body("os.chdir('/')", "globals().clear()", "return [w + 1 for w in W], b"))
    assert recording.status == "ok", recording.error
    np.testing.assert_array_equal(recording.W[0], W[0] + 1)
    recording = run(
        tmp_path, "import builtins, json, numpy as np\nnp.savetxt = json.dumps = open = print = list = None\n" + RIGHT
    )
    assert recording.status == "ok", recording.error


def test_standard_streams_may_be_closed(tmp_path):
    assert run(tmp_path, body("sys.stdout.close(); sys.stderr = None; os.close(1); os.close(2)")).status == "ok"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ("None", "without return"),
        ("W", "W, b"),
        ("5", "int"),
        ("(1, b)", "int as W"),
        ("(['a'], b)", "W[0]"),
        ("(W, b, 0.3)", "of 3"),
    ],
)
def test_a_result_of_another_kind_is_named(tmp_path, result, words):
    recording = run(tmp_path, f"def step(W, b, X, Y, eta):\n    W = W + [W[0]]\n    return {result}\n")
    assert recording.status == "bad_result"
    assert words in recording.message


def test_results_keep_their_own_shapes(tmp_path):
    recording = run(
        tmp_path, "def step(W, b, X, Y, eta):\n    return {'W': [w.T for w in W], 'b': [v.reshape(-1, 1) for v in b]}\n"
    )
    assert [w.shape for w in recording.W] == [(4, 6), (6, 3)]
    assert [v.shape for v in recording.b] == [(6, 1), (3, 1)]
    np.testing.assert_array_equal(recording.W[0], W[0].T)


def test_runs_do_not_see_each_other_unless_rehearsed(tmp_path):
    source = (
        "calls = 0\ndef step(W, b, X, Y, eta):\n    global calls\n    calls += 1\n    W[0] += calls\n    return W, b\n"
    )
    with rec.CandidateProcess() as process:
        process.load(write(tmp_path, source))
        for _ in range(2):
            np.testing.assert_array_equal(process.run(W, B, X, Y, 0.5).W[0], W[0] + 1)
        np.testing.assert_array_equal(process.run(W, B, X, Y, 0.5, rehearse=2).W[0], W[0] + 3)


def test_the_seed_fixes_what_is_drawn(tmp_path):
    source = (
        "import random, numpy as np\ndef step(W, b, X, Y, eta):\n"
        "    return [w * np.random.rand() + random.random() for w in W], b\n"
    )
    with rec.CandidateProcess() as process:
        process.load(write(tmp_path, source))
        one, two = process.run_twice(W, B, X, Y, 0.5, seed=1), process.run(W, B, X, Y, 0.5, seed=2)
    assert not np.array_equal(one.W[0], two.W[0])


@pytest.mark.parametrize(
    "draw", ["np.random.default_rng().random()", "time.perf_counter()", "float.fromhex(os.urandom(3).hex())"]
)
def test_a_candidate_that_differs_from_itself_is_called_nondeterministic(tmp_path, draw):
    with rec.CandidateProcess() as process:
        process.load(write(tmp_path, body(f"W[0] += {draw}")))
        with pytest.raises(failures.Nondeterministic, match="seed"):
            process.run_twice(W, B, X, Y, 0.5)


def test_a_sum_over_a_set_of_objects_may_differ_in_its_last_bits(tmp_path):
    source = """
    class Value:
        def __init__(self, data):
            self.data = data
    def step(W, b, X, Y, eta):
        scattered = [bytearray(17 * k % 4096) for k in range(5000)]
        terms = {Value(float(x)) for x in X.ravel()} | {Value(0.1 * k) for k in range(200)}
        W[0] = W[0] + sum(term.data for term in terms)
        return W, b
    """
    with rec.CandidateProcess() as process:
        process.load(write(tmp_path, textwrap.dedent(source)))
        recording = process.run_twice(W, B, X, Y, 0.5)
    assert recording.status == "ok"
    # Two sums of n numbers in any order: 2 (n - 1) u sum |x| apart at most (Higham, section 4.2), to first order.
    terms = np.abs([*X.ravel(), *(0.1 * k for k in range(200))])
    assert recording.reordered <= 2 * terms.size * 2.0**-53 * terms.sum() / np.max(np.abs(recording.W[0]))


def test_recording_stops_at_its_limits_and_the_step_goes_on(tmp_path):
    source = body("for i in range(3000): W[0] = W[0] + 1")
    with rec.CandidateProcess(max_events=500) as process:
        process.load(write(tmp_path, source))
        recording = process.run_twice(W, B, X, Y, 0.5)
    assert recording.truncated
    assert 500 <= len(recording.events) < 1000
    with rec.CandidateProcess(max_bytes=100_000) as process:
        process.load(tmp_path / "net.py")
        assert process.run(W, B, X, Y, 0.5).truncated


def test_warnings_and_prints_are_kept_for_whoever_asks(tmp_path):
    recording = run(tmp_path, body("print('hello')", "np.log(np.zeros(1))", "sys.stderr.write('there')"))
    assert "hello" in recording.stdout
    assert "RuntimeWarning" in recording.stdout
    assert "there" in recording.stdout


# -- nothing left behind ---


def test_nothing_is_left_in_the_candidates_folder(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "data").mkdir()
    write(tmp_path / "data", "5", "x.txt")
    write(home, "def f():\n    return 1\n", "helper.py")
    source = """
        import helper, os
        open('out.txt', 'w').write('x')
        os.remove('helper.py')
        k = float(open('../data/x.txt').read())
        def step(W, b, X, Y, eta):
            open('more.txt', 'w').write('x')
            import matplotlib
            return [w * k for w in W], b
        """
    before = {path.name: path.stat().st_mtime_ns for path in home.iterdir()}
    recording = run(home, source)
    after = {path.name: path.stat().st_mtime_ns for path in home.iterdir()}
    assert recording.status in ("ok", "error")
    assert after.keys() - {"net.py"} == before.keys()
    with rec.CandidateProcess() as process:
        process.load(home / "net.py")
        exchange = process._workplace.exchange
        assert exchange.is_dir()
        child = process._child.pid
    assert not exchange.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_large_folder_is_used_in_place(tmp_path, monkeypatch):
    monkeypatch.setattr("nnparity.diagnosis.workplace.MOST_FILES", 2)
    for i in range(4):
        write(tmp_path, "", f"file{i}.txt")
    recording = run(tmp_path, "import os\nopen('kept.txt', 'w').write('x')\n" + RIGHT)
    assert recording.status == "ok"
    assert (tmp_path / "kept.txt").exists()
    assert not (tmp_path / "__pycache__").exists()
    assert next(iter(recording.nodes.values())).file == "net.py"


def test_grandchildren_end_with_the_candidate(tmp_path):
    marker = tmp_path / "marker"
    source = f"import subprocess\nsubprocess.Popen(['sh', '-c', 'sleep 1; touch {marker}'])\n" + RIGHT
    assert run(tmp_path, source).status == "ok"
    time.sleep(1.3)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["net.py", pytest.param("net.R", marks=needs_r)])
def test_nothing_outlives_a_parent_that_is_killed(tmp_path, name):
    candidate = write(tmp_path, RIGHT if name.endswith("py") else RIGHT_R, name)
    code = f"""
import sys, time
from nnparity.diagnosis.recording import CandidateProcess
process = CandidateProcess()
process.load({str(candidate)!r})
print(process._child.pid, process._workplace.temporary, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid, folder = parent.stdout.readline().split()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and (os.path.exists(f"/proc/{pid}") or os.path.exists(folder)):
        time.sleep(0.05)
    assert not os.path.exists(folder)
    assert not os.path.exists(f"/proc/{pid}")


# -- R, through the same door ---


@needs_r
def test_an_r_candidate_is_recorded_through_the_same_door(tmp_path):
    with rec.CandidateProcess(timeout=20) as process:
        loaded = process.load(write(tmp_path, RIGHT_R, "net.R"))
        assert loaded.language == "R"
        recording = process.run_twice(W, B, X, Y, 0.5)
    assert recording.status == "ok"
    np.testing.assert_array_equal(recording.W[1], W[1] * 2)
    assert not (tmp_path / "Rplots.pdf").exists()
    assert {node.file for node in recording.nodes.values()} == {"net.R"}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("net.py", "import tempfile\nprint(tempfile.mkdtemp())\n" + RIGHT),
        pytest.param("net.R", "cat(tempdir())\n" + RIGHT_R, marks=needs_r),
    ],
)
def test_temporary_files_of_a_killed_candidate_go_with_it(tmp_path, name, source):
    with rec.CandidateProcess(timeout=20) as process:
        made = process.load(write(tmp_path, source, name)).stdout.strip()
        assert os.path.isdir(made)
    assert not os.path.exists(made)


@needs_r
@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [
        ("x <- (1\ny <- 2\n", failures.ParseFailure, "net.R"),
        ("library(surelyAbsentPackage)\n", failures.MissingPackage, "surelyAbsentPackage"),
        ("x <- 1\nstop('no data')\n", failures.LoadFailure, "no data"),
        ("x <- 1\nquit()\n", failures.LoadQuit, "functions_only"),
        ("f <- function(a, b) a\n", failures.NoStep, "f(a, b)"),
        ("repeat {}\n", failures.LoadTimeout, "functions_only"),
    ],
)
def test_r_candidates_without_a_step(tmp_path, source, kind, words):
    failure = refusal(tmp_path, source, "net.R", timeout=3)
    assert type(failure) is kind, failure
    assert words in str(failure)


@needs_r
@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("quit('no')", "quit"),
        ("repeat {}", "timeout"),
        ("stop('no')", "error"),
        ("tools::pskill(Sys.getpid(), 11)", "crash"),
        ("rm(list = ls(globalenv()), envir = globalenv())", "ok"),
        ("setwd('/')", "ok"),
        ("W <- NULL", "bad_result"),
    ],
)
def test_r_candidates_that_stop_inside_step(tmp_path, line, status):
    source = (
        f"step <- function(W, b, X, Y, eta) {{\n  x <- 1\n  {line}\n  if (is.null(W)) 5 else list(W = W, b = b)\n}}\n"
    )
    with rec.CandidateProcess(timeout=2) as process:
        process.load(write(tmp_path, source, "net.R"))
        recording = process.run(W, B, X, Y, 0.5)
    assert recording.status == status, recording.error
    if status in ("error", "quit", "timeout"):
        assert recording.error.line in (2, 3)


def test_a_second_crash_is_not_blamed_on_the_line_of_the_first(tmp_path):
    source = body("if eta > 1:", "    os.kill(os.getpid(), signal.SIGSEGV)", "os.abort()")
    with rec.CandidateProcess(timeout=20) as process:
        process.load(write(tmp_path, source))
        assert [process.run(W, B, X, Y, eta).error.line for eta in (2, 0.5)] == [5, 6]


def test_numpy_may_be_made_to_raise(tmp_path):
    recording = run(tmp_path, body("np.seterr(all='raise')", "x = np.array([1e300], dtype=np.longdouble) ** 5"))
    assert recording.status == "ok", recording.stdout


def test_a_step_that_is_too_slow_only_when_recorded_is_no_crash(tmp_path):
    source = body("k = 0", "for i in range(3_000_000): k = k + i")
    with rec.CandidateProcess(timeout=1.5, max_events=10**9, max_bytes=10**12) as process:
        process.load(write(tmp_path, source))
        with pytest.raises(failures.TooSlow, match="--timeout"):
            process.run_twice(W, B, X, Y, 0.5)
    with rec.CandidateProcess(timeout=20) as process:
        process.load(tmp_path / "net.py")
        assert process.run_twice(W, B, X, Y, 0.5).truncated
