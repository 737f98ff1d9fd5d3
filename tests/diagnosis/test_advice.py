"""What one step cannot show, and the candidate's step on a person's own data; pure functions, no candidate needed."""

from types import SimpleNamespace

import numpy as np
import pytest

from nnparity.checks import InputError
from nnparity.datasets import Dataset, one_hot
from nnparity.diagnosis import own_data
from nnparity.diagnosis.advice import advice
from nnparity.network import define_network, gradient_step
from nnparity.optimizers import define_optimizer, initial_state

OPTIONS = SimpleNamespace(batch=10, eta=0.5, seed=1, slope=0.01, no_bias=())


def report(
    language="R",
    activation=("sigmoid",),
    output="softmax",
    loss="categorical_cross_entropy",
    sizes=(4, 6, 3),
    findings=(),
):
    network = {
        "sizes": list(sizes),
        "activation": list(activation),
        "output_activation": output,
        "loss": loss,
        "inferred": [],
    }
    return {"language": language, "findings": list(findings), "network": network, "verdict": "ok"}


class Process:
    """A stand-in for a candidate's process: its step is a function."""

    def __init__(self, step):
        self.step = step

    def run(self, W, b, X, Y, eta, seed=1, record=True):
        assert record is False
        try:
            W, b = self.step(W, b, X, Y, eta)
        except ValueError as error:
            return SimpleNamespace(status="error", message=str(error), W=None, b=None)
        return SimpleNamespace(status="ok", message="", W=W, b=b)


def right_step(network):
    def step(W, b, X, Y, eta):
        optimizer = define_optimizer("sgd", eta)
        W, b, _, _ = gradient_step(network, optimizer, W, b, X, Y, initial_state(optimizer, W, b))
        return W, [v[:, np.newaxis] for v in b]

    return step


def clusters(n=60, scale=1.0):
    random = np.random.default_rng(1)
    y = np.arange(n) % 3
    centres = np.array([[2, 0, 0, 1], [0, 2, 0, -1], [0, 0, 2, 0]])
    return Dataset(scale * (centres[y] + 0.3 * random.normal(size=(n, 4))), y, ("a", "b", "c"), None, "clusters")


# -- advice ---


def test_inputs_come_first_and_the_rate_second():
    lines = advice(report())
    assert [line.split(":")[0] for line in lines] == [
        "Inputs",
        "Learning rate",
        "Initial weights",
        "Labels",
        "Shuffling",
        "Prediction",
        "Training loop",
    ]


def test_checks_are_in_the_language_of_the_candidate():
    r, python = "\n".join(advice(report("R"))), "\n".join(advice(report("Python")))
    assert "which.max" in r
    assert "np." not in r
    assert "argmax over the outputs" in python
    assert "which.max" not in python


def test_a_constant_factor_is_named_beside_the_rate():
    finding = {"kind": "convention", "factor": 7.0}
    assert "carry the factor 7" in advice(report(findings=[finding]))[1]
    assert "factor" not in advice(report())[1]


def test_regression_is_not_told_of_classes():
    text = "\n".join(advice(report(output="linear", loss="quadratic", sizes=(4, 6, 1))))
    assert "Targets" in text
    assert "which.max" not in text


# -- data ---


def test_pixels_are_to_be_divided_by_255():
    X = np.random.default_rng(1).integers(0, 256, (16, 50)).astype(float)
    assert any("divide them by 255" in line for line in own_data.input_scale(X))
    assert list(own_data.input_scale(X / 255)) == []


def test_columns_on_scales_of_their_own_are_named():
    X = np.vstack([np.linspace(0, 1, 20), np.linspace(0, 1e-4, 20)])
    assert any("standardise the columns" in line for line in own_data.input_scale(X))


def test_inputs_that_never_change_are_counted():
    assert list(own_data.input_scale(np.vstack([np.linspace(0, 1, 9), np.ones(9)]))) == ["1 of 2 inputs never change."]


def test_classes_are_counted():
    data = clusters()
    assert list(own_data.class_balance(data)) == ["Classes are balanced: 20 to 20 observations of each."]
    rare = Dataset(data.X, np.where(np.arange(60) < 57, 0, 1), ("a", "b", "c"), None, "rare")
    lines = list(own_data.class_balance(rare))
    assert lines[0] == "No observation is of class c."
    assert "'a' is 95% of the observations" in lines[1]


def test_targets_of_a_regression_are_measured():
    data = Dataset(np.zeros((5, 2)), np.linspace(100, 200, 5), None, None, "prices")
    assert "standardise them" in next(own_data.class_balance(data))


def test_the_ends_of_the_network_are_those_of_the_data():
    network = own_data.network_for(clusters(), report(sizes=(9, 6, 5))["network"], OPTIONS)
    assert tuple(network.sizes) == (4, 6, 3)
    assert own_data.columns(clusters(), 3)[1].shape == (3, 60)


def test_one_output_takes_two_classes_as_0_and_1():
    data = Dataset(np.zeros((4, 2)), np.array([0, 1, 1, 0]), ("no", "yes"), None, "two")
    network = own_data.network_for(
        data, report(output="sigmoid", loss="quadratic", sizes=(4, 6, 1))["network"], OPTIONS
    )
    assert network.sizes[-1] == 1
    np.testing.assert_array_equal(own_data.columns(data, 1)[1], [[0, 1, 1, 0]])


def test_more_classes_than_outputs_are_bad_input():
    with pytest.raises(InputError, match="3 classes"):
        own_data.columns(clusters(), 2)


# -- units and steps ---


def test_saturated_and_dead_units_are_counted():
    Z = np.array([[40.0, -40.0], [0.0, 0.1]])
    assert own_data.saturated_share(Z, 1 / (1 + np.exp(-Z)), "sigmoid") == 0.5
    assert own_data.saturated_share(Z, np.tanh(Z), "tanh") == 0.5
    assert own_data.saturated_share(Z, np.maximum(Z, 0), "relu") == 0.0
    assert own_data.dead_units(np.array([[0.0, 0.0], [1.0, 0.0]]), "relu") == 1
    assert own_data.dead_units(np.array([[0.0, 0.0], [1.0, 0.0]]), "sigmoid") == 0


def test_every_epoch_takes_every_sample_once():
    places = np.concatenate(own_data.mini_batches(12, 4, 6, seed=1))
    assert sorted(places[:12].tolist()) == sorted(places[12:].tolist()) == list(range(12))


def on_clusters(step_of=right_step, scale=1.0, options=OPTIONS):
    data = clusters(scale=scale)
    network = define_network((4, 6, 3), "sigmoid", "softmax", "categorical_cross_entropy")
    return own_data.on_data(Process(step_of(network)), data.X.T, one_hot(data.y, 3).T, network, options)


def test_a_right_step_agrees_with_the_reference():
    lines = on_clusters()
    assert lines[-1].startswith("Your step and the reference's agree on all 20 batches")
    assert not any("saturated" in line for line in lines)


def test_a_wrong_step_parts_from_the_reference():
    def ascent(network):
        def step(W, b, X, Y, eta):
            down, _ = right_step(network)(W, b, X, Y, eta)
            return [2 * w - v for w, v in zip(W, down, strict=True)], b

        return step

    assert any("part after batch 1" in line for line in on_clusters(ascent))


def test_unscaled_inputs_show_as_saturation():
    assert any("saturated" in line for line in on_clusters(scale=200.0))


def test_a_step_that_stops_is_named_with_its_words():
    def stops(network):
        def step(W, b, X, Y, eta):
            raise ValueError("shapes (6,4) and (3,7) not aligned")

        return step

    assert "Your step stopped after 0 batches: shapes (6,4) and (3,7) not aligned." in on_clusters(stops)


def test_a_rate_that_is_too_small_is_named_with_better_ones():
    lines = on_clusters(options=SimpleNamespace(batch=10, eta=1e-6, seed=1))
    assert any("does not fall at η = 1e-06" in line for line in lines)


def test_a_common_factor_is_taken_into_account():
    def summing(network):
        return lambda W, b, X, Y, eta: right_step(network)(W, b, X, Y, X.shape[1] * eta)

    lines = on_clusters(summing, options=SimpleNamespace(batch=10, eta=0.05, seed=1))
    assert "All your gradients carry the factor 10: the reference goes beside them at 10·η." in lines
    assert any("agree on all 20 batches" in line for line in lines)
