"""The bridge: the same answers over both transports, R's own sentences, and one sentence where something is missing."""

import subprocess
import sys
import time

import numpy as np
import pytest

from nnparity import bridge as bridge_module
from nnparity.bridge import BridgeError, EmbeddedR, RscriptBeside, open_bridge
from nnparity.checks import InputError
from nnparity.products import THREADS

TRANSPORTS = ["rpy2", "Rscript"]


@pytest.fixture(scope="module", params=TRANSPORTS)
def bridge(request):
    if request.param == "rpy2":
        pytest.importorskip("rpy2.rinterface")
    with open_bridge(request.param) as line:
        yield line


def test_says_which_and_why(bridge):
    assert bridge.name in bridge.why
    assert bridge.about.startswith("R version")


def test_numbers_arrive_bit_for_bit_in_the_same_shape(bridge):
    special = [0.0, -0.0, 5e-324, -1e308, np.inf, -np.inf, np.nan, 1 / 3]
    X = np.array(special).reshape(2, 4)
    answer = bridge.ask("data", X=X, Y=X)
    assert answer == {}
    back = bridge.evaluate("list(a = matrix(c(0, -0, 2^-1074, -1e308, Inf, -Inf, NaN, 1/3), 2, byrow = TRUE), b = 1:3)")
    assert np.array_equal(np.signbit(back["a"]), np.signbit(X))
    assert np.array_equal(back["a"], X, equal_nan=True)
    assert back["b"].shape == (3,)
    assert back["a"].shape == (2, 4)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 5e-324, -1.7976931348623157e308, np.inf, -np.inf])
def test_a_number_as_code_keeps_its_bits(bridge, value):
    text = bridge_module._as_r(value, [])
    assert bridge.evaluate(f"list(x = {text})")["x"][0] == value


def test_text_is_quoted(bridge):
    with pytest.raises(InputError, match=r"must be one of .*, not 'qu.o.te'"):
        bridge.ask("begin", network={"sizes": [2, 1], "loss": 'qu"o\\te'}, optimizer={}, init="normal", seed=1,
                   arithmetic="fast")  # fmt: skip


def test_an_empty_value_and_an_empty_answer(bridge):
    assert bridge.evaluate("list(a = double())")["a"].shape == (0,)
    assert bridge.evaluate("NULL") == {}


def test_bad_input_in_r_is_bad_input_here_with_r_s_sentence(bridge):
    with pytest.raises(InputError, match="sizes must hold at least two widths"):
        bridge.evaluate("define_network(3)")


def test_any_other_stop_is_no_bad_input(bridge):
    with pytest.raises(BridgeError, match="ouch"):
        bridge.evaluate("stop('ouch')")
    assert bridge.evaluate("list(a = 1)")["a"][0] == 1  # and the line stands


def test_ten_thousand_views_leave_python_standing():
    pytest.importorskip("rpy2.rinterface")
    with open_bridge("rpy2") as line:
        for _ in range(3000):
            answer = line.evaluate("list(a = c(1, 2), b = matrix(1:4, 2), c = 3, d = 4)")
    assert answer["b"][1, 0] == 2


def test_an_rscript_that_ends_is_told():
    line = open_bridge("Rscript")
    with pytest.raises(BridgeError, match="Rscript stopped with status 3"):
        line.evaluate("quit(status = 3)")
    line.close()


def test_without_r_one_sentence(monkeypatch):
    monkeypatch.setattr(bridge_module.shutil, "which", lambda name: None)
    monkeypatch.delenv("R_HOME", raising=False)
    with pytest.raises(InputError, match="R is not found: install R"):
        open_bridge()
    with pytest.raises(InputError, match="Rscript is not found: install R"):
        open_bridge("Rscript")


def test_without_rpy2_an_rscript_runs_beside_and_says_so(monkeypatch):
    def missing(self):
        raise ImportError("No module named 'rpy2'")

    monkeypatch.setattr(EmbeddedR, "__init__", missing)
    with open_bridge() as line:
        assert line.name == "Rscript"
        assert "because rpy2 cannot be used (No module named 'rpy2')" in line.why
    with pytest.raises(InputError, match=r"rpy2 cannot be used .*pip install"):
        open_bridge("rpy2")


def test_an_r_that_does_not_start_is_one_sentence(tmp_path, monkeypatch):
    for name in ("R", "Rscript"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 3\n")
        (tmp_path / name).chmod(0o755)
    program = "from nnparity.cli import main; main(['parity', '--steps', '2'])"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "nnparity: R does not start: Rscript stopped with status 3: no word"
    assert "Traceback" not in done.stderr


def test_unknown_transport_names_the_nearest():
    with pytest.raises(InputError, match=r"bridge must be one of .*, not 'rscript'; did you mean 'Rscript'"):
        open_bridge("rscript")


def test_only_a_parity_run_loads_rpy2():
    program = "import sys, nnparity.bridge, nnparity.parity; assert not any(m.startswith('rpy2') for m in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_a_closed_rscript_is_gone():
    line = open_bridge("Rscript")
    transport = line._transport
    assert isinstance(transport, RscriptBeside)
    line.close()
    assert transport._process.returncode == 0


def test_an_embedded_r_does_not_call_python_while_it_answers(monkeypatch):
    pytest.importorskip("rpy2.rinterface")
    from rpy2.rinterface_lib import callbacks, openrlib

    called = []
    with open_bridge("rpy2") as bridge:
        monkeypatch.setattr(callbacks, "processevents", lambda: called.append(1))
        looks = openrlib.rlib.ptr_R_ProcessEvents
        assert looks != openrlib.ffi.NULL
        bridge.evaluate("{ for (k in 1:100) Sys.sleep(0.001); NULL }")
        with pytest.raises(BridgeError):
            bridge.evaluate("stop('so')")
        assert openrlib.rlib.ptr_R_ProcessEvents == looks
    assert not called


@pytest.mark.parametrize("given", [False, True])
def test_r_beside_has_a_thread_for_its_blas_unless_the_environment_says_how_many(monkeypatch, given):
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    if given:
        monkeypatch.setenv(THREADS[-1], "7")
    with open_bridge("Rscript") as bridge:
        code = f'list(x = as.double(Sys.getenv("{THREADS[-1]}")), y = as.double(nchar(Sys.getenv("{THREADS[0]}"))))'
        assert [float(value[0]) for value in bridge.evaluate(code).values()] == ([7, 0] if given else [1, 1])


def test_an_interrupted_answer_is_not_taken_for_the_next_one():
    class Impatient(RscriptBeside):
        def _read(self, size):
            if size == 8 and interrupts:
                raise interrupts.pop()
            return super()._read(size)

    interrupts = []
    transport = Impatient()
    transport.carry("ask$about()", [])
    interrupts.append(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        transport.carry("list(a = 1)", [])
    assert transport.carry("list(b = 2)", [])[0] == "values\tb:1"
    transport.close()


def test_closing_does_not_wait_for_an_answer_that_nobody_reads():
    transport = RscriptBeside()
    transport._process.stdin.write(np.array([14.0, 0.0]).tobytes() + b"list(a=1:1e6 )")
    transport._process.stdin.flush()
    time.sleep(1)
    began = time.monotonic()
    transport.close()
    assert time.monotonic() - began < 4  # after 5 it would be killed
