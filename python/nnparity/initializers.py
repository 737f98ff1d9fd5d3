"""First weights and biases, drawn from R's random stream in both languages, so that one seed gives one network.

Adding an initializer is one entry in INITIALIZERS.  Draws are taken in this order: W1 by column, b1, W2 by column, b2,
…; biases that start at zero, and those of layers without bias, take none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnparity.arithmetic import Array
from nnparity.checks import check_number, check_word
from nnparity.random import RStream, r_rnorm, r_runif, r_set_seed

if TYPE_CHECKING:
    from nnparity.network import NetworkDefinition


@dataclass(frozen=True)
class Initializer:
    """How one layer begins.

    Attributes
    ----------
    weights : callable (stream, n, n_in, n_out, constant)
        The n = n_out · n_in weights, by column.
    normal_biases : bool
        Biases are drawn from N(0, 1), as Nielsen's are; otherwise they are zero.
    """

    weights: Callable[[Any, int, int, int, float], Array]
    normal_biases: bool = False


def centred_uniform(stream: Any, n: int, limit: float) -> Array:
    """Draw n values from U(−limit, limit)."""
    return r_runif(stream, n, -limit, limit)


INITIALIZERS: dict[str, Initializer] = {
    # N(0, 1) (Nielsen, chapter 1)
    "normal": Initializer(lambda stream, n, n_in, n_out, constant: r_rnorm(stream, n), normal_biases=True),
    # N(0, 1/n_in), biases still N(0, 1) (Nielsen, chapter 3)
    "normal_scaled": Initializer(
        lambda stream, n, n_in, n_out, constant: r_rnorm(stream, n) / math.sqrt(n_in), normal_biases=True
    ),
    # Var W = 2/(n_in + n_out) (Glorot and Bengio 2010)
    "glorot_uniform": Initializer(
        lambda stream, n, n_in, n_out, constant: centred_uniform(stream, n, math.sqrt(6.0 / (n_in + n_out)))
    ),
    "glorot_normal": Initializer(
        lambda stream, n, n_in, n_out, constant: math.sqrt(2.0 / (n_in + n_out)) * r_rnorm(stream, n)
    ),
    # Var W = 2/n_in (He et al. 2015)
    "he_uniform": Initializer(
        lambda stream, n, n_in, n_out, constant: centred_uniform(stream, n, math.sqrt(6.0 / n_in))
    ),
    "he_normal": Initializer(lambda stream, n, n_in, n_out, constant: math.sqrt(2.0 / n_in) * r_rnorm(stream, n)),
    # Var W = 1/n_in (LeCun et al. 1998)
    "lecun_uniform": Initializer(
        lambda stream, n, n_in, n_out, constant: centred_uniform(stream, n, math.sqrt(3.0 / n_in))
    ),
    "lecun_normal": Initializer(lambda stream, n, n_in, n_out, constant: math.sqrt(1.0 / n_in) * r_rnorm(stream, n)),
    "zeros": Initializer(lambda stream, n, n_in, n_out, constant: np.zeros(n)),
    "constant": Initializer(lambda stream, n, n_in, n_out, constant: np.full(n, constant)),
}


def initialize_parameters(
    network: NetworkDefinition, init: str = "normal", seed: Any = 1, constant: float = 0.1
) -> tuple[list[Array], list[Array]]:
    """Weights and biases to start from.

    Parameters
    ----------
    network : from `define_network`.
    init : a word of INITIALIZERS.
    seed : a whole number, as R's set.seed takes it, or a stream of `r_set_seed`, which moves on.
    constant : the weights' value for init = "constant".

    Returns
    -------
    W : list of arrays, W[l] n_l × n_{l−1}
    b : list of arrays, b[l] 1-D of n_l

    Raises
    ------
    InputError
        The word is unknown, or the seed is no whole number between −(2³¹−1) and 2³¹−1.
    """
    initializer = INITIALIZERS[check_word(init, INITIALIZERS, "init")]
    constant = check_number(constant, "constant")
    stream = seed if isinstance(seed, RStream) else r_set_seed(seed)
    W: list[Array] = []
    b: list[Array] = []
    for layer in range(1, len(network.sizes)):
        n_in, n_out = network.sizes[layer - 1], network.sizes[layer]
        weights = initializer.weights(stream, n_out * n_in, n_in, n_out, constant)
        W.append(weights.reshape(n_in, n_out).T.copy())
        drawn = initializer.normal_biases and layer not in network.no_bias
        b.append(r_rnorm(stream, n_out) if drawn else np.zeros(n_out))
    return W, b
