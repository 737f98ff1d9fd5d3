"""A trace holds every quantity in order of computation, and its file loses nothing.  (R: tests/r/test_trace.R)"""

import math

import numpy as np
import pytest

from nnparity.arithmetic import get_arithmetic
from nnparity.checks import InputError
from nnparity.initializers import initialize_parameters
from nnparity.network import define_network
from nnparity.optimizers import define_optimizer, initial_state
from nnparity.trace import Trace, format_number, read_trace, trace_step, trace_table, write_trace

NETWORK = define_network([3, 4, 2])
OPTIMIZER = define_optimizer("adam", eta=0.1)
X = np.array([[1.0, 0.5], [-1.0, 2.0], [0.25, 0.0]])
Y = np.array([[1.0, 0.0], [0.0, 1.0]])


def one_step():
    W, b = initialize_parameters(NETWORK, seed=1)
    return trace_step(NETWORK, OPTIMIZER, W, b, X, Y, initial_state(OPTIMIZER, W, b), get_arithmetic("fast"))


def same_bits(a, b):
    return np.shape(a) == np.shape(b) and np.asarray(a, dtype=float).tobytes() == np.asarray(b, dtype=float).tobytes()


def write_lines(path, *lines):
    path.write_text("\n".join(["# nnparity trace 1", "step,quantity,row,col,value", *lines, ""]), encoding="utf-8")
    return path


def test_quantities_come_in_order_of_computation():
    assert list(one_step()) == [
        "A0",
        "Z1",
        "A1",
        "Z2",
        "A2",
        "loss",
        "delta2",
        "dW2",
        "db2",
        "delta1",
        "dW1",
        "db1",
        "W1_new",
        "b1_new",
        "W2_new",
        "b2_new",
        "step_count",
        "W1_m",
        "W1_v",
        "b1_m",
        "b1_v",
        "W2_m",
        "W2_v",
        "b2_m",
        "b2_v",
    ]


def test_a_trace_knows_what_it_started_from():
    assert list(one_step().inputs)[:5] == ["W1", "b1", "W2", "b2", "Y"]


def test_table_goes_column_by_column():
    table = trace_table([one_step(), one_step()])
    assert list(table.columns) == ["step", "quantity", "row", "col", "value"]
    inputs = table[(table.step == 2) & (table.quantity == "A0")]
    assert list(inputs.row) == [1, 2, 3, 1, 2, 3]
    assert list(inputs.col) == [1, 1, 1, 2, 2, 2]
    assert list(inputs.value) == [1.0, -1.0, 0.25, 0.5, 2.0, 0.0]


def test_a_file_loses_nothing(tmp_path):
    trace = one_step()
    trace["A0"] = np.array(
        [[math.nan, math.inf, -math.inf], [-0.0, 5e-324, 1.7976931348623157e308], [0.1, 1 / 3, -2e-310]]
    )
    write_trace(tmp_path / "trace.csv", [trace, one_step()])
    read = read_trace(tmp_path / "trace.csv")
    assert len(read) == 2
    assert list(read[0]) == list(trace)
    for quantity, value in trace.items():
        assert same_bits(read[0][quantity], value), quantity


def test_the_form_of_the_file(tmp_path):
    write_trace(
        tmp_path / "trace.csv",
        Trace({"Z1": np.array([[0.1, -0.0], [math.nan, -math.inf]]), "b1_new": np.array([1e-5])}),
    )
    assert (tmp_path / "trace.csv").read_bytes().decode().split("\n") == [
        "# nnparity trace 1",
        "step,quantity,row,col,value",
        "1,Z1,1,1,0.10000000000000001",
        "1,Z1,2,1,NaN",
        "1,Z1,1,2,-0",
        "1,Z1,2,2,-Inf",
        "1,b1_new,1,1,1.0000000000000001e-05",
        "",
    ]


def test_numbers():
    values = [math.nan, math.inf, -math.inf, -0.0, 0.1, 1e300]
    assert [format_number(x) for x in values] == [
        "NaN",
        "Inf",
        "-Inf",
        "-0",
        "0.10000000000000001",
        "1.0000000000000001e+300",
    ]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["1,Z1,1,1"], "line 3: expected step,quantity,row,col,value, found '1,Z1,1,1'"),
        (["1,Z1,1,1,0.5", "1,Z1,2,1,abc"], "line 4: expected step,quantity,row,col,value, found '1,Z1,2,1,abc'"),
        (["2,Z1,1,1,0.5"], "line 3: expected step 1, found step 2"),
        (["1,Z1,1,1,0.5", "1,Z1,3,1,0.5"], "line 4: expected row 2, column 1 of Z1, found row 3, column 1"),
        (["1,Z1,1,1,1", "1,Z1,2,1,1", "1,Z1,1,2,1"], "line 5: the last column of Z1 has 1 of 2 rows"),
        (["1,Z1,1,1,1", "1,A1,1,1,1", "1,Z1,1,1,1"], "line 5: Z1 of step 1 stands in two places"),
    ],
)
def test_damage_is_named_with_its_line(tmp_path, lines, sentence):
    with pytest.raises(InputError) as error:
        read_trace(write_lines(tmp_path / "trace.csv", *lines))
    assert str(error.value) == f"trace file '{tmp_path / 'trace.csv'}', {sentence}"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "line 1 must be '# nnparity trace 1', not ''"),
        (b"step,quantity\n", "line 1 must be '# nnparity trace 1', not 'step,quantity'"),
        (b"# nnparity trace 1\n", "line 2: expected 'step,quantity,row,col,value', found ''"),
        (
            b"# nnparity trace 1\nstep,quantity,row,col,value\n1,Z1,1,1,0.",
            "line 3: the file is truncated, this line has no end",
        ),
        (b"\xff\xfe\x00", "it is not text"),
    ],
)
def test_another_format_is_named(tmp_path, content, sentence):
    (tmp_path / "trace.csv").write_bytes(content)
    with pytest.raises(InputError) as error:
        read_trace(tmp_path / "trace.csv")
    assert str(error.value).endswith(sentence)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"must be readable, but .*nothing[.]csv' is not: No such file or directory"):
        read_trace(tmp_path / "nothing.csv")


def test_nothing_is_left_half_written(tmp_path):
    with pytest.raises(InputError, match="must be writable"):
        write_trace(tmp_path / "nowhere" / "trace.csv", one_step())
    write_trace(tmp_path / "trace.csv", one_step())
    assert [path.name for path in tmp_path.iterdir()] == ["trace.csv"]
