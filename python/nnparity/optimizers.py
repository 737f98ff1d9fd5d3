"""Update rules: what becomes of a parameter, given its gradient and the rule's memory of earlier gradients.

Adding one is one entry in OPTIMIZERS, which is also the table of the default hyper-parameters: those of Keras and
PyTorch where these agree, PyTorch's where they differ.

    name        memory              hyper-parameters
    sgd         none                none
    momentum    velocity            momentum = 0.9
    nesterov    velocity            momentum = 0.9
    adagrad     accumulator         epsilon = 1e-10
    rmsprop     v                   rho = 0.99, epsilon = 1e-8
    adam        step_count, m, v    beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8
    adamw       step_count, m, v    beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01

State is one dict: `step_count` (where the rule counts steps), then W1_velocity, b1_velocity, W2_velocity, … by
parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnparity.arithmetic import Arithmetic, Array, get_arithmetic, raise_to
from nnparity.checks import check_matrix, check_number, check_vector, check_word, stop_input

Hyper = Mapping[str, float]
State = dict[str, Any]


@dataclass(frozen=True)
class UpdateRule:
    """One optimizer.

    Attributes
    ----------
    update : callable (parameter, gradient, memory, eta, hyper, count, is_weight)
        New parameter and new memory; `count` is the number of this step, 1 for the first.
    memory : tuple of str
        Names of the arrays kept for each parameter; they start at zero.
    counts : bool
        Whether the rule needs the number of the step.
    hyper : dict
        Hyper-parameters with their defaults.
    """

    update: Callable[[Array, Array, Sequence[Array], float, Hyper, float, bool], tuple[Array, list[Array]]]
    memory: tuple[str, ...] = ()
    counts: bool = False
    hyper: Hyper = field(default_factory=dict)


def sgd_update(
    parameter: Array, gradient: Array, memory: Sequence[Array], eta: float, hyper: Hyper, count: float, is_weight: bool
) -> tuple[Array, list[Array]]:
    """w ← w − η g (Nielsen, equations 20 and 21)."""
    return parameter - eta * gradient, []


def momentum_update(
    parameter: Array, gradient: Array, memory: Sequence[Array], eta: float, hyper: Hyper, count: float, is_weight: bool
) -> tuple[Array, list[Array]]:
    """v ← μ v − η g;  w ← w + v (Nielsen, equations 107 and 108)."""
    velocity = hyper["momentum"] * memory[0] - eta * gradient
    return parameter + velocity, [velocity]


def nesterov_update(
    parameter: Array, gradient: Array, memory: Sequence[Array], eta: float, hyper: Hyper, count: float, is_weight: bool
) -> tuple[Array, list[Array]]:
    """v ← μ v − η g;  w ← w + μ v − η g (Sutskever et al. 2013, as Keras writes it)."""
    step = eta * gradient
    velocity = hyper["momentum"] * memory[0] - step
    return parameter + (hyper["momentum"] * velocity - step), [velocity]


def adagrad_update(
    parameter: Array, gradient: Array, memory: Sequence[Array], eta: float, hyper: Hyper, count: float, is_weight: bool
) -> tuple[Array, list[Array]]:
    """s ← s + g²;  w ← w − η g / (√s + ε) (Duchi, Hazan and Singer 2011)."""
    accumulator = memory[0] + gradient * gradient
    return parameter - eta * gradient / (np.sqrt(accumulator) + hyper["epsilon"]), [accumulator]


def rmsprop_update(
    parameter: Array, gradient: Array, memory: Sequence[Array], eta: float, hyper: Hyper, count: float, is_weight: bool
) -> tuple[Array, list[Array]]:
    """v ← ρ v + (1 − ρ) g²;  w ← w − η g / (√v + ε) (Tieleman and Hinton 2012)."""
    v = hyper["rho"] * memory[0] + (1.0 - hyper["rho"]) * (gradient * gradient)
    return parameter - eta * gradient / (np.sqrt(v) + hyper["epsilon"]), [v]


def adam_update(
    parameter: Array, gradient: Array, memory: Sequence[Array], eta: float, hyper: Hyper, count: float, is_weight: bool
) -> tuple[Array, list[Array]]:
    """m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;  w ← w − η m̂ / (√v̂ + ε) (Kingma and Ba 2015, algorithm 1)."""
    m = hyper["beta1"] * memory[0] + (1.0 - hyper["beta1"]) * gradient
    v = hyper["beta2"] * memory[1] + (1.0 - hyper["beta2"]) * (gradient * gradient)
    # m_hat = m / (1 - beta1^t),  v_hat = v / (1 - beta2^t)
    m_hat = m / (1.0 - raise_to(hyper["beta1"], count))
    v_hat = v / (1.0 - raise_to(hyper["beta2"], count))
    return parameter - eta * m_hat / (np.sqrt(v_hat) + hyper["epsilon"]), [m, v]


def adamw_update(
    parameter: Array, gradient: Array, memory: Sequence[Array], eta: float, hyper: Hyper, count: float, is_weight: bool
) -> tuple[Array, list[Array]]:
    """w ← w − η λ w for weights, not biases; then Adam's step (Loshchilov and Hutter 2019, algorithm 2)."""
    decayed = parameter - eta * hyper["weight_decay"] * parameter if is_weight else parameter
    return adam_update(decayed, gradient, memory, eta, hyper, count, is_weight)


ADAM_DEFAULTS: Hyper = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}

OPTIMIZERS: dict[str, UpdateRule] = {
    "sgd": UpdateRule(sgd_update),
    "momentum": UpdateRule(momentum_update, memory=("velocity",), hyper={"momentum": 0.9}),
    "nesterov": UpdateRule(nesterov_update, memory=("velocity",), hyper={"momentum": 0.9}),
    "adagrad": UpdateRule(adagrad_update, memory=("accumulator",), hyper={"epsilon": 1e-10}),
    "rmsprop": UpdateRule(rmsprop_update, memory=("v",), hyper={"rho": 0.99, "epsilon": 1e-8}),
    "adam": UpdateRule(adam_update, memory=("m", "v"), counts=True, hyper=ADAM_DEFAULTS),
    "adamw": UpdateRule(adamw_update, memory=("m", "v"), counts=True, hyper={**ADAM_DEFAULTS, "weight_decay": 0.01}),
}

# Decay rates lie in [0, 1): at 1 nothing is ever forgotten, or learned.
RATES = ("momentum", "rho", "beta1", "beta2")


@dataclass(frozen=True)
class Optimizer:
    """An update rule with its numbers.

    Attributes
    ----------
    name : a word of OPTIMIZERS.
    eta : learning rate.
    clip_norm : largest norm of the whole gradient, or None.
    hyper : dict of hyper-parameters.
    """

    name: str
    eta: float
    clip_norm: float | None
    hyper: Hyper


def define_optimizer(name: str = "sgd", eta: float = 0.5, clip_norm: float | None = None, **hyper: float) -> Optimizer:
    """An optimizer, checked.

    Parameters
    ----------
    name : a word of OPTIMIZERS.
    eta : learning rate, above 0.
    clip_norm : a gradient whose norm over all parameters exceeds this is scaled down to it; None leaves it alone.
    **hyper : hyper-parameters of the rule, by name; the defaults stand in the table above.

    Raises
    ------
    InputError
        A name is unknown, or a number is outside its range.
    """
    rule = OPTIMIZERS[check_word(name, OPTIMIZERS, "optimizer")]
    eta = check_number(eta, "eta", above=0.0)
    if clip_norm is not None:
        clip_norm = check_number(clip_norm, "clip_norm", above=0.0)
    values = dict(rule.hyper)
    for word, value in hyper.items():
        if not rule.hyper:
            stop_input(f"optimizer {name} has no hyper-parameters, not even '{word}'")
        check_word(word, rule.hyper, f"hyper-parameter of {name}")
        values[word] = check_number(value, word, at_least=0.0, below=1.0 if word in RATES else np.inf)
    return Optimizer(name, eta, clip_norm, values)


def initial_state(optimizer: Optimizer, W: Sequence[Array], b: Sequence[Array]) -> State:
    """The optimizer's memory before the first step: zeros, named after their parameters."""
    rule = OPTIMIZERS[optimizer.name]
    state: State = {"step_count": 0.0} if rule.counts else {}
    for layer, (weights, biases) in enumerate(zip(W, b, strict=True), start=1):
        for parameter, value in ((f"W{layer}", weights), (f"b{layer}", biases)):
            for memory in rule.memory:
                state[f"{parameter}_{memory}"] = np.zeros(value.shape)
    return state


def gradient_norm(dW: Sequence[Array], db: Sequence[Array], arithmetic: Arithmetic) -> float:
    """√(Σ dW² + Σ db²) over all layers, in the order dW1, db1, dW2, …."""
    squares = 0.0
    for weights, biases in zip(dW, db, strict=True):
        squares = squares + arithmetic.total(weights * weights) + arithmetic.total(biases * biases)
    return float(np.sqrt(squares))


def clip_gradients(
    optimizer: Optimizer, dW: Sequence[Array], db: Sequence[Array], arithmetic: Arithmetic
) -> tuple[Sequence[Array], Sequence[Array]]:
    """g ← g · clip_norm/‖g‖ where ‖g‖ > clip_norm (Pascanu, Mikolov and Bengio 2013, algorithm 1)."""
    if optimizer.clip_norm is None:
        return dW, db
    norm = gradient_norm(dW, db, arithmetic)
    if not norm > optimizer.clip_norm:
        return dW, db
    scale = optimizer.clip_norm / norm
    return [scale * weights for weights in dW], [scale * biases for biases in db]


def check_state(optimizer: Optimizer, state: State, layers: int) -> None:
    """InputError when the state lacks what the rule remembers."""
    rule = OPTIMIZERS[optimizer.name]
    needed = ["step_count"] if rule.counts else []
    for layer in range(1, layers + 1):
        needed += [f"{letter}{layer}_{memory}" for letter in "Wb" for memory in rule.memory]
    for name in needed:
        if name not in state:
            stop_input(f"state must hold {name}, as initial_state makes it for {optimizer.name}")


def check_gradients(W: Sequence[Array], b: Sequence[Array], dW: Sequence[Array], db: Sequence[Array]) -> None:
    """InputError when a gradient has not the shape of its parameter."""
    if len({len(W), len(b), len(dW), len(db)}) > 1:
        stop_input(f"W, b, dW and db must be equally long, not {len(W)}, {len(b)}, {len(dW)} and {len(db)}")
    for layer in range(1, len(W) + 1):
        check_matrix(dW[layer - 1], f"dW{layer}", *W[layer - 1].shape)
        check_vector(db[layer - 1], f"db{layer}", b[layer - 1].size)


def apply_update(
    optimizer: Optimizer,
    W: Sequence[Array],
    b: Sequence[Array],
    dW: Sequence[Array],
    db: Sequence[Array],
    state: State,
    arithmetic: str | Arithmetic = "fast",
) -> tuple[list[Array], list[Array], State]:
    """New weights, biases and state after one step; the caller's arrays stay as they are.

    Parameters
    ----------
    optimizer : from `define_optimizer`.
    W, b : lists of parameters, n_l × n_{l−1} and n_l.
    dW, db : lists of gradients of the same shapes.
    state : from `initial_state` or the last call.

    Returns
    -------
    W, b, state : new lists and a new dict

    Raises
    ------
    InputError
        A gradient has not the shape of its parameter, or the state is another optimizer's.
    """
    arithmetic = get_arithmetic(arithmetic)
    rule = OPTIMIZERS[optimizer.name]
    check_gradients(W, b, dW, db)
    check_state(optimizer, state, len(W))
    with np.errstate(all="ignore"):
        dW, db = clip_gradients(optimizer, dW, db, arithmetic)
        count = state["step_count"] + 1.0 if rule.counts else 0.0
        new: State = {"step_count": count} if rule.counts else {}
        parameters: dict[str, list[Array]] = {"W": [], "b": []}
        for layer in range(1, len(W) + 1):
            for letter, values, gradients in (("W", W, dW), ("b", b, db)):
                names = [f"{letter}{layer}_{memory}" for memory in rule.memory]
                value, memory = rule.update(
                    values[layer - 1], gradients[layer - 1], [state[name] for name in names],
                    optimizer.eta, optimizer.hyper, count, letter == "W",
                )
                parameters[letter].append(value)
                new.update(zip(names, memory, strict=True))
        return parameters["W"], parameters["b"], new
