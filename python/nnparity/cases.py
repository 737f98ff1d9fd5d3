"""The whole matrix of networks for the parity run: every activation with every loss, optimizer and depth."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nnparity.activations import ACTIVATIONS
from nnparity.bridge import Bridge
from nnparity.initializers import INITIALIZERS
from nnparity.losses import LOSSES
from nnparity.network import define_network
from nnparity.optimizers import OPTIMIZERS, define_optimizer
from nnparity.parity import ParityResult, run_parity
from nnparity.sides import Start, draw_data

DEPTHS = (0, 1, 2, 4)
SAMPLES = 7
STEPS = 2


@dataclass
class CasesResult:
    """What the matrix brought.

    Attributes
    ----------
    networks : how many were run.
    values : compared over all.
    max_ulp, ratio : the largest difference in ulps, and the largest evidence ratio.
    turned_away : networks whose numbers both languages turned away with the same sentence (a loss outside its domain).
    failures : the runs with a difference.
    """

    networks: int = 0
    values: int = 0
    max_ulp: float = 0.0
    ratio: float = 0.0
    turned_away: int = 0
    failures: list[ParityResult] = field(default_factory=list)


def all_cases(arithmetic: str = "fast") -> list[Start]:
    """Every activation × loss × optimizer × depth, one network each.

    The activation serves the hidden layers and, in turns with linear, sigmoid and softmax, the output; widths,
    initializer, penalties, clipping and layers without bias take turns, too.
    """
    outputs = itertools.cycle(("own", "sigmoid", "softmax", "linear"))
    inits = itertools.cycle(INITIALIZERS)
    cases = []
    words = [*ACTIVATIONS, "relu+softmax"]
    for seed, (word, loss, rule, depth) in enumerate(itertools.product(words, LOSSES, OPTIMIZERS, DEPTHS), 1):
        output = next(outputs)
        network = define_network(
            [4, *(6 - k % 3 for k in range(depth)), 3],
            activation=word,
            output_activation=word if output == "own" else output,
            loss=loss,
            l1=0.01 * (seed % 5 == 0),
            l2=0.1 * (seed % 3 == 0),
            no_bias=[1] if seed % 7 == 0 else [],
        )
        optimizer = define_optimizer(rule, eta=0.1, clip_norm=0.5 if seed % 4 == 0 else None)
        cases.append(Start(network, optimizer, next(inits), seed, arithmetic))
    return cases


def run_cases(
    cases: Sequence[Start], bridge: Bridge, on_case: Callable[[int, int], None] | None = None
) -> CasesResult:
    """Run each case a few steps in lockstep.

    Parameters
    ----------
    cases : of `all_cases`.
    bridge : an open one.
    on_case : called with the number of the case that was run and the number of all.
    """
    total = CasesResult()
    for number, case in enumerate(cases, start=1):
        X, Y = draw_data(case, SAMPLES)
        result = run_parity(case, X, Y, batch=SAMPLES, steps=STEPS, bridge=bridge)
        total.networks += 1
        total.values += result.values
        total.turned_away += bool(result.stopped)
        if result.agrees:
            total.max_ulp = max(total.max_ulp, result.max_ulp)
            total.ratio = max(total.ratio, result.ratio)
        else:
            total.failures.append(result)
        if on_case is not None:
            on_case(number, len(cases))
    return total
