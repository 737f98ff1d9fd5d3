"""What one right step cannot show: why a network with right gradients may not learn, each cause with its check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Network(NamedTuple):
    """What the advice depends on."""

    language: str
    hidden: tuple[str, ...]
    output: str
    loss: str
    outputs: int
    factor: float | None

    def say(self, r: str, python: str) -> str:
        """The wording of the candidate's language."""
        return r if self.language == "R" else python


def advice(report: dict[str, Any]) -> list[str]:
    """What to look at next after a verdict without a bug, the likeliest first.

    Parameters
    ----------
    report : dict
        The report of a diagnosis, as in its JSON.

    Returns
    -------
    list of str
        One sentence for each cause, with its check in the candidate's language.
    """
    network = report.get("network") or {}
    sizes = network.get("sizes") or [0, 0]
    factor = next((f["factor"] for f in report["findings"] if f["kind"] == "convention" and f["factor"]), None)
    known = Network(
        report["language"],
        tuple(word or "" for word in network.get("activation") or ()),
        network.get("output_activation") or "",
        network.get("loss") or "",
        sizes[-1],
        factor,
    )
    return [line for cause in CAUSES for line in cause(known)]


def inputs(network: Network) -> Iterator[str]:
    """unscaled-input: f′(z) is 0 to rounding where |z| is in the hundreds."""
    check = network.say("range(X)", "X.min(), X.max()")
    what = "saturate every unit, and right gradients are then zero"
    if network.hidden and all(word in ("relu", "leaky_relu", "linear") for word in network.hidden):
        what = "make the first steps so large that the loss overflows or every unit dies"
    scales = "pixels of 0–255, or columns on scales of their own"
    yield f"Inputs: {scales}, {what}. {check} should be about 0 to 1 or −2 to 2."


def learning_rate(network: Network) -> Iterator[str]:
    """η, and the factor that a convention puts into every gradient."""
    beside = (
        f" Your gradients carry the factor {network.factor:.4g}, so η acts as {network.factor:.4g} times itself."
        if network.factor
        else ""
    )
    yield (
        "Learning rate: print the loss of one and the same batch for 20 steps at η, η/10 and 10·η; "
        f"at a good η it falls at every step.{beside}"
    )


def initial_weights(network: Network) -> Iterator[str]:
    """constant-init: hidden units with equal weights get equal gradients for ever (Nielsen, chapter 1)."""
    check = network.say("length(unique(c(W1)))", "len(np.unique(W1))")
    yield (
        "Initial weights: equal or zero weights keep all hidden units alike, large ones saturate them. "
        f"{check} should be the "
        f"number of weights, and {network.say('sd(W1)', 'W1.std()')} about 1/√n of the layer before."
    )


def labels(network: Network) -> Iterator[str]:
    """label-encoding: targets that do not say what the data say."""
    if network.output == "linear":
        yield (
            "Targets: numbers far from 0 and 1 need an η to match; "
            f"{network.say('mean(Y), sd(Y)', 'Y.mean(), Y.std()')} should be about 0 and 1."
        )
    elif network.outputs == 1:
        classes = network.say("table(Y)", "np.unique(Y, return_counts=True)")
        yield f"Labels: 0 and 1, not 1 and 2 or −1 and 1, and each often enough: {classes}."
    else:
        sums = network.say("all(colSums(Y) == 1)", "(Y.sum(axis=0) == 1).all()")
        trap = network.say("; as.integer(factor) counts from 1, not from the label", "")
        each = network.say("rowSums(Y)", "Y.sum(axis=1)")
        yield (
            f"Labels: every sample has exactly one 1 ({sums}), every class occurs ({each}), "
            f"and the 1 stands at the right class{trap}."
        )


def shuffling(network: Network) -> Iterator[str]:
    """shuffle-unpaired: X and Y in two orders."""
    trap = network.say(
        "order <- sample(n), used for X and for Y",
        "order = rng.permutation(n), used for X and for Y; random.shuffle on an array duplicates rows",
    )
    yield f"Shuffling: X and Y must be taken in one and the same order ({trap})."


def prediction(network: Network) -> Iterator[str]:
    """np-argmax-axis and its likes: the network learns and the accuracy does not show it."""
    if network.output == "linear":
        yield (
            "Prediction: undo the scaling of the targets before errors are measured, "
            "and scale new inputs as those of the training."
        )
        return
    check = network.say(
        'which.max counts from 1, and max.col breaks ties at random unless ties.method = "first"',
        "argmax over the outputs, not over the samples: axis 0 where samples are columns",
    )
    if network.outputs == 1:
        check = "the single output is held against 0.5, or against 0 where it is tanh"
    yield f"Prediction: {check}; new inputs are scaled with the numbers of the training data."


def loop(network: Network) -> Iterator[str]:
    """update-lost and batch-lost outside the step."""
    copy = network.say(
        "a function changes a copy: net <- step(net, …)", "the arrays that step returns replace the old ones"
    )
    yield (
        f"Training loop: the new parameters must reach the next step ({copy}), "
        "every sample must reach a batch, and there must be enough epochs."
    )


#: In order of likelihood, by how often each stood behind "it does not learn" among public questions.
CAUSES: list[Callable[[Network], Iterator[str]]] = [
    inputs,
    learning_rate,
    initial_weights,
    labels,
    shuffling,
    prediction,
    loop,
]
