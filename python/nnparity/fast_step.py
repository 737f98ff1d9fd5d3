"""The plain step's formulas in buffers made once: the same bits as `training_step`, without making an array.

Here for speed alone, and beside the plain step, which says what is computed; a test holds both together bit for bit.
It covers plain gradient descent in fast arithmetic without penalties, for the activations and losses of
FAST_ACTIVATIONS and FAST_OUTPUTS.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nnparity.arithmetic import Arithmetic, Array
from nnparity.losses import stable_pair
from nnparity.network import NetworkDefinition
from nnparity.optimizers import Optimizer

# Parameters are updated this many at a time, to stay in the processor's cache.
BLOCK_VALUES = 32768


class LayerBuffers:
    """What one layer computes in a step, n units × m samples."""

    def __init__(self, n: int, m: int) -> None:
        self.Z, self.A, self.delta = np.empty((n, m)), np.empty((n, m)), np.empty((n, m))
        self.slope = np.empty((n, m))  # f'(Z)
        self.E = np.empty((n, m))
        self.low = np.empty((n, m), bool)


def sigmoid_fast(layer: LayerBuffers) -> None:
    """A = σ(Z), slope = σ′(Z), both out of E = e^−|z| as in `activations`."""
    E, A, slope = layer.E, layer.A, layer.slope
    np.copysign(layer.Z, -1.0, out=E)
    np.exp(E, out=E)
    np.add(E, 1.0, out=A)
    np.multiply(A, A, out=slope)
    np.divide(E, slope, out=slope)
    np.greater_equal(layer.Z, 0.0, out=layer.low)
    np.copyto(E, 1.0, where=layer.low)
    np.divide(E, A, out=A)


def tanh_fast(layer: LayerBuffers) -> None:
    """A = tanh Z, slope = 4 e / (1 + e)² with e = e^−2|z|."""
    E, A, slope = layer.E, layer.A, layer.slope
    np.abs(layer.Z, out=E)
    np.multiply(E, -2.0, out=E)
    np.exp(E, out=E)
    np.add(E, 1.0, out=A)
    np.multiply(A, A, out=slope)
    np.multiply(E, 4.0, out=E)
    np.divide(E, slope, out=slope)
    np.tanh(layer.Z, out=A)


def relu_fast(layer: LayerBuffers) -> None:
    """A = max(z, 0), slope = 1 where z > 0."""
    np.greater(layer.Z, 0.0, out=layer.slope, casting="unsafe")
    np.less(layer.Z, 0.0, out=layer.low)
    np.copyto(layer.A, layer.Z)
    np.copyto(layer.A, 0.0, where=layer.low)


def linear_fast(layer: LayerBuffers) -> None:
    """A = Z, slope = 1."""
    np.copyto(layer.A, layer.Z)
    layer.slope.fill(1.0)


def softmax_fast(layer: LayerBuffers) -> None:
    """A = softmax(Z) of each column; it has no slope."""
    np.subtract(layer.Z, layer.Z.max(axis=0), out=layer.E)
    np.exp(layer.E, out=layer.E)
    np.divide(layer.E, layer.E.sum(axis=0), out=layer.A)


FAST_ACTIVATIONS: dict[str, Callable[[LayerBuffers], None]] = {
    "sigmoid": sigmoid_fast, "tanh": tanh_fast, "relu": relu_fast, "linear": linear_fast,
}  # fmt: skip


def quadratic_delta(layer: LayerBuffers, Y: Array) -> None:
    """delta = (A − Y) ⊙ slope."""
    np.subtract(layer.A, Y, out=layer.delta)
    np.multiply(layer.delta, layer.slope, out=layer.delta)


def difference_delta(layer: LayerBuffers, Y: Array) -> None:
    """delta = A − Y."""
    np.subtract(layer.A, Y, out=layer.delta)


def softmax_delta(layer: LayerBuffers, Y: Array) -> None:
    """delta = A Σ_k y_k − Y."""
    np.multiply(layer.A, Y.sum(axis=0), out=layer.delta)
    np.subtract(layer.delta, Y, out=layer.delta)


# Loss and output activation: how the outputs are computed, and their delta.
FAST_OUTPUTS: dict[tuple[str, str], tuple[Callable[[LayerBuffers], None], Callable[[LayerBuffers, Array], None]]] = {
    **{("quadratic", name): (value, quadratic_delta) for name, value in FAST_ACTIVATIONS.items()},
    ("binary_cross_entropy", "sigmoid"): (sigmoid_fast, difference_delta),
    ("categorical_cross_entropy", "softmax"): (softmax_fast, softmax_delta),
}


def fast_step_applies(network: NetworkDefinition, optimizer: Optimizer, dropout: float, arithmetic: Arithmetic) -> bool:
    """Tell whether this file covers a step of that kind."""
    plain = optimizer.name == "sgd" and optimizer.clip_norm is None and dropout == 0 and arithmetic.name == "fast"
    no_penalty = network.l1 == 0 and network.l2 == 0
    known = all(name in FAST_ACTIVATIONS for name in network.activations[:-1])
    pair = (network.loss, network.activations[-1])
    single = pair == ("categorical_cross_entropy", "softmax") and network.sizes[-1] == 1
    return plain and no_penalty and known and not single and (network.loss, network.activations[-1]) in FAST_OUTPUTS


def parameter_views(network: NetworkDefinition, flat: Array) -> tuple[list[Array], list[Array]]:
    """W and b, or dW and db, as views of one vector: W1, b1, W2, b2, …, so that one call changes them all."""
    W, b, start = [], [], 0
    for n_before, n in itertools.pairwise(network.sizes):
        W.append(flat[start : start + n * n_before].reshape(n, n_before))
        b.append(flat[start + n * n_before : start + n * n_before + n])
        start += n * n_before + n
    return W, b


class FastStep:
    """Steps on batches of m samples that change the parameters in place.

    Parameters
    ----------
    network : one that `fast_step_applies` to.
    parameters : all of them in one vector, see `parameter_views`; it is changed by every step.
    eta : learning rate.
    m : samples in a batch.
    """

    def __init__(self, network: NetworkDefinition, parameters: Array, eta: float, m: int) -> None:
        self.layers = [LayerBuffers(n, m) for n in network.sizes[1:]]
        self.inputs, self.targets = np.empty((m, network.sizes[0])), np.empty((m, network.sizes[-1]))
        self.X, self.Y = self.inputs.T, self.targets.T
        output, self.output_delta = FAST_OUTPUTS[network.loss, network.activations[-1]]
        self.activate = [*(FAST_ACTIVATIONS[name] for name in network.activations[:-1]), output]
        gradients = np.zeros(parameters.size)
        starts = range(0, parameters.size, BLOCK_VALUES)
        self.blocks = [(parameters[i : i + BLOCK_VALUES], gradients[i : i + BLOCK_VALUES]) for i in starts]
        self.W, b = parameter_views(network, parameters)
        self.columns = [biases[:, np.newaxis] for biases in b]
        self.dW, self.db = parameter_views(network, gradients)
        self.eta, self.m, self.no_bias = eta, float(m), [layer - 1 for layer in network.no_bias]

    def step(self) -> None:
        """One step on what stands in `inputs` and `targets`, one row per sample."""
        A = self.X
        for k, layer in enumerate(self.layers):
            # Z = W A + b,  A = f(Z)
            np.matmul(self.W[k], A, out=layer.Z)
            np.add(layer.Z, self.columns[k], out=layer.Z)
            self.activate[k](layer)
            A = layer.A
        self.output_delta(self.layers[-1], self.Y)
        for k in reversed(range(len(self.layers))):
            layer, before = self.layers[k], self.layers[k - 1]
            # delta A_before',  sum_i delta_i
            np.matmul(layer.delta, before.A.T if k > 0 else self.inputs, out=self.dW[k])
            if k not in self.no_bias:
                np.add.reduce(layer.delta, axis=1, out=self.db[k])
            if k > 0:
                # delta_before = (W' delta) * f'(Z_before)
                np.matmul(self.W[k].T, layer.delta, out=before.delta)
                np.multiply(before.delta, before.slope, out=before.delta)
        # W <- W - eta (1/m) delta A_before',  b <- b - eta (1/m) sum_i delta_i
        for parameters, gradients in self.blocks:
            np.divide(gradients, self.m, out=gradients)
            np.multiply(gradients, self.eta, out=gradients)
            np.subtract(parameters, gradients, out=parameters)


def fast_batches(
    network: NetworkDefinition, optimizer: Optimizer, batch: int, W: list[Array], b: list[Array], X: Array, Y: Array,
    order: NDArray[np.int64],
) -> tuple[list[Array], list[Array], Array, Array]:
    """All batches of an epoch, as `training.run_batches`, by `FastStep`; the caller's W and b stay as they are.

    Returns
    -------
    W, b : after the epoch
    Z_L, A_L : n_L × n, each sample's outputs before its step, in the order of the samples; Z_L is zero where the loss
        does not use it
    """
    parameters = np.concatenate([part for layer in zip(W, b, strict=True) for part in map(np.ravel, layer)])
    n = order.size
    from_Z = stable_pair(network) is not None  # the loss of the others needs A alone
    rows, targets = np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T)
    Z_L, A_L = np.zeros((n, network.sizes[-1])), np.empty((n, network.sizes[-1]))
    steps: dict[int, FastStep] = {}
    with np.errstate(all="ignore"):
        for first in range(0, n, batch):
            places = order[first : first + batch]
            if places.size not in steps:
                steps[places.size] = FastStep(network, parameters, optimizer.eta, places.size)
            stepper = steps[places.size]
            rows.take(places, axis=0, out=stepper.inputs, mode="clip")
            targets.take(places, axis=0, out=stepper.targets, mode="clip")
            stepper.step()
            if from_Z:
                Z_L[first : first + batch] = stepper.layers[-1].Z.T
            A_L[first : first + batch] = stepper.layers[-1].A.T
    W, b = parameter_views(network, parameters)
    return [weights.copy() for weights in W], [biases.copy() for biases in b], Z_L.T, A_L.T
