"""What a formula of the textbook is, and the values of activations and losses that formulas are made of."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass, field

import numpy as np

from nnparity import activations, losses
from nnparity.arithmetic import get_arithmetic
from nnparity.checks import InputError
from nnparity.network import define_network

FAST = get_arithmetic("fast")

#: Activations that a candidate may turn out to use, the commonest first.
ELEMENTWISE = ["sigmoid", "tanh", "relu", "leaky_relu", "linear", "elu", "softplus", "gelu", "silu"]
OUTPUT = [*ELEMENTWISE[:3], "softmax", *ELEMENTWISE[3:]]
LOSSES = [
    "quadratic",
    "categorical_cross_entropy",
    "binary_cross_entropy",
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
]


#: Small numbers in the divisions of a loss that show in its derivative; still smaller ones drown in rounding.
EPSILONS = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)


@dataclass(frozen=True)
class Formula:
    """One way to compute a quantity: the right one (`id` is None and `right`) or a departure from it."""

    id: str | None
    text: str
    value: np.ndarray
    right: bool = False
    omits: bool = False  # the value is a legitimate intermediate, used where more was due
    alone: bool = False  # of what it omits: all but the factor
    parts: tuple = ()  # wrong intermediate values that lead to it, innermost first
    used: tuple = ()  # the operand that stands in another's place
    declares: dict = field(default_factory=dict)  # the network options under which it would be right
    epsilon: float = 0.0  # the small number that keeps a division by zero away
    factors: tuple = ()  # of a gradient: the delta, and for dW the signal, n × m each


def quiet(function):
    """Departures are evaluated far from where they make sense; what overflows is simply not found."""

    @functools.wraps(function)
    def silent(*args, **kwargs):
        with np.errstate(all="ignore"):
            result = function(*args, **kwargs)
            return iter(list(result)) if inspect.isgenerator(result) else result

    return silent


@quiet
def activation_value(name: str, Z: np.ndarray, slope: float = 0.01) -> np.ndarray:
    """A = f(Z), shape (n, m); the reference's own formula."""
    return activations.activate(name, Z, network_for(name, Z.shape[0], slope), FAST)


@quiet
def activation_slope(name: str, Z: np.ndarray, slope: float = 0.01) -> np.ndarray:
    """f'(Z) element by element, shape (n, m); for softmax the diagonal s(1 - s) of its Jacobian."""
    if name.split("+")[-1] == "softmax":
        A = activation_value(name, Z, slope)
        return A * (1 - A)
    network = network_for(name, Z.shape[0], slope)
    A = activations.activate(name, Z, network, FAST)
    return activations.backprop_activation(name, Z, A, np.ones_like(Z), network, FAST)


def network_for(name: str, n: int, slope: float):
    """A layer of n units by itself, of that activation."""
    return define_network((n, n), output_activation=name, slope=slope)


@quiet
def delta_of(loss: str, output: str, Z: np.ndarray, A: np.ndarray, Y: np.ndarray, slope: float) -> np.ndarray | None:
    """dC_i/dz[L] of a loss and an output activation; None where the loss is not defined for these outputs."""
    network = define_network((1, Z.shape[0]), output_activation=output, loss=loss, slope=slope)
    try:
        return losses.output_delta(network, Z, A, Y, FAST)
    except (InputError, FloatingPointError, ZeroDivisionError):
        return None


@quiet
def loss_slope(loss: str, A: np.ndarray, Y: np.ndarray) -> np.ndarray | None:
    """dC_i/da[L], None where undefined."""
    network = define_network((1, A.shape[0]), loss=loss)
    try:
        return losses.loss_gradient(network, A, Y, FAST)
    except (InputError, FloatingPointError, ZeroDivisionError):
        return None


@quiet
def guarded_delta(loss: str, output: str, Z: np.ndarray, A: np.ndarray, Y: np.ndarray, epsilon: float, slope: float):
    """delta[L] of a cross-entropy whose divisions are kept from zero by an epsilon; None for other losses."""
    if loss == "binary_cross_entropy":
        gradient = (1 - Y) / (1 - A + epsilon) - Y / (A + epsilon)
    elif loss == "categorical_cross_entropy":
        gradient = -Y / (A + epsilon)
    else:
        return None
    first, _, last = output.rpartition("+")
    if last == "softmax":
        back = A * (gradient - (gradient * A).sum(axis=0))
        return back * activation_slope(first, Z, slope) if first else back
    return gradient * activation_slope(output, Z, slope)


def softmax_over(Z: np.ndarray, axis: int | None) -> np.ndarray:
    """Softmax over that axis, or over everything."""
    E = np.exp(Z - Z.max())
    return E / E.sum(axis=axis, keepdims=axis is not None)


def recycled(vector: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """R's recycling of a vector down the columns of a rows x columns matrix."""
    return np.resize(vector, rows * columns).reshape((rows, columns), order="F")
