"""The parity run finds and names a fault in every quantity, passes what is right, and both transports say the same."""

import numpy as np
import pytest

import nnparity
from nnparity.bridge import open_bridge
from nnparity.cases import all_cases, run_cases
from nnparity.checks import InputError
from nnparity.compare import element_place
from nnparity.course import GROUPS, CoursePoint
from nnparity.network import define_network
from nnparity.optimizers import define_optimizer
from nnparity.parity import assert_parity, r_element_place, run_parity
from nnparity.report.course_picture import STRETCHES, plot_course, thin
from nnparity.sides import PythonSide, RSide, Start, draw_data

ARITHMETICS = ["fast", "exact"]
SIZES = [4, 6, 5, 3]


@pytest.fixture(scope="module")
def bridge():
    with open_bridge() as line:
        yield line


def start_of(optimizer="adam", arithmetic="fast", **network):
    return Start(define_network(SIZES, **network), define_optimizer(optimizer, 0.1), arithmetic=arithmetic)


def run(start, bridge, **options):
    X, Y = draw_data(start, 20)
    return run_parity(start, X, Y, batch=7, epochs=2, bridge=bridge, **options)


# --- what is right passes --------------------------------------------------------------------------------------------


def test_exact_is_zero_ulp(bridge):
    result = run(start_of(arithmetic="exact"), bridge)
    assert result.agrees
    assert result.steps == 6
    assert result.max_ulp == 0
    assert result.values > 2000


def test_fast_is_rounding(bridge):
    result = run(start_of(), bridge)
    assert result.agrees
    assert 0 < result.ratio <= 1
    assert [step for step, _ in result.growth] == [1, 2, 5]


def test_both_transports_give_the_same_table():
    tables = []
    for transport in ("rpy2", "Rscript"):
        if transport == "rpy2":
            pytest.importorskip("rpy2.rinterface")
        with open_bridge(transport) as line:
            tables.append(run(start_of(), line).frame())
    assert tables[0].equals(tables[1])


def test_the_same_samples_as_training_draws(bridge):
    """A run's shuffles are those that go on after the weights: what `train` does with the same seed."""
    start = start_of(arithmetic="exact")
    X, Y = draw_data(start, 20)
    ours, theirs = PythonSide(), RSide(bridge)
    for side in (ours, theirs):
        side.begin(start)
        side.data(X, Y)
    assert np.array_equal(ours.shuffle(), theirs.shuffle())
    assert not np.array_equal(ours.order, np.arange(1, 21))


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_a_sample_of_the_matrix(bridge, sweep, arithmetic):
    cases = all_cases(arithmetic)
    assert len(cases) >= 500
    result = run_cases(sweep(cases, 150), bridge)
    assert not result.failures, str(result.failures[0].difference)
    assert result.turned_away < result.networks / 4
    assert result.ratio <= 1
    assert result.max_ulp == 0 or arithmetic == "fast"


# --- planted faults, one per quantity, in R alone --------------------------------------------------------------------

QUANTITIES = [
    "A0", "Z1", "A1", "Z2", "A2", "Z3", "A3", "loss", "delta3", "dW3", "db3", "delta2", "dW2", "db2", "delta1", "dW1",
    "db1", "W1_new", "b1_new", "W2_new", "b2_new", "W3_new", "b3_new", "step_count", "W1_m", "W1_v", "b1_m", "b1_v",
    "W2_m", "W2_v", "b2_m", "b2_v", "W3_m", "W3_v", "b3_m", "b3_v",
]  # fmt: skip


class FaultySide(RSide):
    """R's side with one element of one quantity altered in one step."""

    def __init__(self, bridge, quantity, step, alter):
        super().__init__(bridge)
        self.quantity, self.at, self.alter, self.taken = quantity, step, alter, 0

    def steps(self, places):
        traces = super().steps(places)
        for trace in traces:
            self.taken += 1
            if self.taken == self.at:
                value = np.array(trace[self.quantity], dtype=float)
                worst = np.unravel_index(value.size // 2, value.shape)
                value[worst] = self.alter(value[worst])
                trace[self.quantity] = value if value.ndim else float(value)
                self.place = worst
        return traces


def nudge(value):
    return np.nextafter(value, np.inf)


def off_by_a_millionth(value):
    return value * (1 + 1e-6) + 1e-300


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize(("arithmetic", "alter"), [("fast", off_by_a_millionth), ("exact", nudge)], ids=ARITHMETICS)
def test_a_fault_is_found_and_named(bridge, monkeypatch, quantity, arithmetic, alter):
    faulty = FaultySide(bridge, quantity, 4, alter)
    monkeypatch.setattr("nnparity.parity.RSide", lambda line: faulty)
    difference = run(start_of(arithmetic=arithmetic), bridge).difference
    assert difference is not None
    assert (difference.quantity, difference.step, difference.epoch) == (quantity, 4, 2)
    assert difference.place_python == element_place(quantity, faulty.place)
    assert difference.place_r == r_element_place(quantity, faulty.place)
    assert difference.value_r == pytest.approx(alter(difference.value_python), rel=1e-12)
    assert difference.value_r != difference.value_python
    assert difference.hex_r == float(difference.value_r).hex()


R_FAULTS = {
    "Z1": 'ARITHMETICS$exact$matmul <<- function(A, B) A %*% B * (1 + 2^-50)',
    "A1": 'ACTIVATIONS$sigmoid$value <<- function(Z, network, arithmetic) 1 / (1 + exp(-Z)) + 2^-52',
    "delta2": 'old <- backprop_activation; backprop_activation <<- function(name, Z, A, dA, network, arithmetic) '
    "old(name, Z, A, dA, network, arithmetic) * (1 + 2^-50)",
    "db3": 'ARITHMETICS$exact$row_sums <<- function(A) rowSums(A) * (1 + 2^-50)',
    "W1_new": 'OPTIMIZERS$sgd$update <<- function(parameter, gradient, memory, eta, hyper, count, is_weight) '
    "list(parameter - eta * gradient * (1 + 2^-40), list())",
    "W1": 'old <- r_rnorm; r_rnorm <<- function(state, n, mean = 0, sd = 1) old(state, n, mean, sd) * (1 + 2^-52)',
    "order": 'old <- r_sample_int; r_sample_int <<- function(...) rev(old(...))',
}  # fmt: skip


@pytest.mark.parametrize("quantity", R_FAULTS)
def test_a_fault_in_r_s_own_code_is_found_at_its_quantity(quantity):
    with open_bridge("Rscript") as line:
        assert run(start_of("sgd", "exact"), line).agrees
        line.evaluate(f"local({{ {R_FAULTS[quantity]} }}); NULL")
        difference = run(start_of("sgd", "exact"), line).difference
    assert difference is not None
    assert difference.quantity == quantity
    assert difference.step == (0 if quantity == "W1" else 1)
    assert "0x" in str(difference)


@pytest.mark.parametrize(
    ("alter", "problem"),
    [
        (lambda trace: trace.pop("dW2"), "missing in the second trace"),
        (lambda trace: trace.update(dW2=trace["dW2"].T), "shape 5 × 6 against 6 × 5"),
        (lambda trace: trace.update(dW2=np.full((5, 6), np.nan)), "NaN"),
        (lambda trace: trace.update(dW2=np.full((5, 6), np.inf)), "Inf"),
    ],
    ids=["missing", "shape", "nan", "inf"],
)
def test_what_has_no_distance_is_a_difference(bridge, monkeypatch, alter, problem):
    class Altered(RSide):
        def steps(self, places):
            traces = super().steps(places)
            alter(traces[0])
            return traces

    monkeypatch.setattr("nnparity.parity.RSide", Altered)
    difference = run(start_of(), bridge).difference
    assert difference.quantity == "dW2"
    assert problem in difference.problem
    assert "dW2" in str(difference)


def test_one_language_that_stops_alone_is_a_difference(bridge, monkeypatch):
    class Stopping(RSide):
        def steps(self, places):
            raise InputError("no more")

    monkeypatch.setattr("nnparity.parity.RSide", Stopping)
    assert "Python goes on; R stops: no more" in str(run(start_of(), bridge).difference)


def test_both_stopping_alike_is_none(bridge):
    start = start_of(output_activation="linear", loss="categorical_cross_entropy")
    result = run(start, bridge)
    assert result.agrees
    assert "categorical_cross_entropy" in result.stopped or "greater" in result.stopped or "above" in result.stopped


# --- the doors -------------------------------------------------------------------------------------------------------


def test_assert_parity(bridge):
    network = define_network([4, 6, 3])
    X, Y = draw_data(Start(network, define_optimizer()), 8)
    assert assert_parity(network, X, Y, steps=2, bridge=bridge).values > 100
    W, b = nnparity.initialize_parameters(network, seed=5)
    assert assert_parity(network, X, Y, W=W, b=b, arithmetic="exact", bridge=bridge).max_ulp == 0


def test_assert_parity_raises(bridge, monkeypatch):
    network = define_network([4, 6, 3])
    X, Y = draw_data(Start(network, define_optimizer()), 8)
    faulty = FaultySide(bridge, "dW1", 1, off_by_a_millionth)
    monkeypatch.setattr("nnparity.parity.RSide", lambda line: faulty)
    with pytest.raises(AssertionError, match=r"dW1 differs at step 1 .*dW\[0\]\[\d, \d\] = .* in Python, dW\[\[1\]\]"):
        assert_parity(network, X, Y, bridge=bridge)


@pytest.mark.parametrize(
    ("X", "Y", "sentence"),
    [
        (np.ones((3, 7)), np.ones((3, 7)), "X must be 4 x any, not 3 x 7"),
        (np.ones((7, 4)), np.ones((7, 3)), "X must have one column per sample, 4 x any, not 7 x 4: give X.T and Y.T"),
        (np.ones((4, 7)), np.ones((3, 6)), "Y must be 3 x 7, not 3 x 6"),
        (np.full((4, 7), np.nan), np.ones((3, 7)), "X must hold finite numbers only, not NaN"),
        ("text", np.ones((3, 7)), "X must be a matrix of numbers, not 'text'"),
    ],
)
def test_bad_input_is_one_sentence(bridge, X, Y, sentence):
    with pytest.raises(InputError, match=sentence):
        assert_parity(define_network([4, 6, 3]), X, Y, bridge=bridge)


def test_a_batch_larger_than_the_data(bridge):
    start = start_of()
    X, Y = draw_data(start, 5)
    with pytest.raises(InputError, match="batch must be at most the number of samples, 5, not 6"):
        run_parity(start, X, Y, batch=6, bridge=bridge)


def test_the_plugin_s_fixture(assert_parity):
    network = define_network([4, 6, 3])
    assert assert_parity(network, *draw_data(Start(network, define_optimizer()), 8)).agrees


# --- the course of a run ---------------------------------------------------------------------------------------------


def test_the_course_has_a_point_for_each_group_and_step(bridge):
    result = run(start_of(), bridge, course=True)
    assert [point.step for point in result.course] == [step for step in range(1, 7) for _ in GROUPS]
    assert [point.group for point in result.course[:6]] == list(GROUPS)
    assert all(0 <= point.difference <= point.bound for point in result.course)
    assert any(point.difference > 0 for point in result.course)
    assert run(start_of(), bridge).course is None


def test_the_course_of_a_fault_leaves_its_bound(bridge, monkeypatch):
    faulty = FaultySide(bridge, "dW2", 4, off_by_a_millionth)
    monkeypatch.setattr("nnparity.parity.RSide", lambda line: faulty)
    result = run(start_of(), bridge, course=True)
    beyond = [point for point in result.course if point.difference > point.bound]
    assert [(point.step, point.quantity) for point in beyond] == [(4, "dW2")]
    assert beyond[0].difference == result.difference.max_abs
    pytest.importorskip("matplotlib")
    figure = plot_course(result)
    assert figure.get_suptitle() == "dW2 differs at step 4"
    assert [len(axes.lines[2].get_xdata()) for axes in figure.axes] == [0, 0, 0, 0, 1, 0]


def test_a_long_course_keeps_the_points_nearest_to_their_bounds():
    points = [CoursePoint(step, "Z", "Z1", 0.9 if step == 500 else 0.1, 1.0) for step in range(1, 1001)]
    assert len(thin(points)) == STRETCHES
    assert points[499] in thin(points)
