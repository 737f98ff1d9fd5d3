"""The plain step's formulas in buffers made once: the same bits as `training_step`, without making an array.

Here for speed alone, and beside the plain step, which says what is computed; a test holds both together bit for bit.
It covers plain gradient descent in fast arithmetic without penalties, for the activations and losses of
FAST_ACTIVATIONS and FAST_OUTPUTS.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.activations import LARGEST_EXPONENTIAL
from nnparity.arithmetic import Arithmetic, Array
from nnparity.losses import stable_pair
from nnparity.network import NetworkDefinition
from nnparity.optimizers import Optimizer
from nnparity.products import product_pieces

# Parameters are updated this many at a time, to stay in the processor's cache.
BLOCK_VALUES = 32768

# np.dot starts sooner than np.matmul, but clears its result first, which is dear from about this size on.
SMALL_VALUES = 4096

# Takes a function and its arguments down, to be called at every step.
Do = Callable[..., None]


class LayerBuffers:
    """What one layer computes in a step, n units × m samples.

    What is done with lends its memory to the next: the fewer there are, the more of them stay in the processor's cache.

    Parameters
    ----------
    delta : n × m, free until the backward pass.
    limit : n × m, LARGEST_EXPONENTIAL everywhere: NumPy is three times as fast with it as with one number.
    keep_Z : whether Z is asked for after the forward pass.
    """

    def __init__(self, delta: Array, limit: Array, keep_Z: bool) -> None:
        self.Z, self.A, self.delta, self.limit = np.empty_like(delta), np.empty_like(delta), delta, limit
        self.E = np.empty_like(delta) if keep_Z else self.Z
        self.slope = self.E  # f'(Z)
        self.top, self.total = np.empty(delta.shape[1]), np.empty(delta.shape[1])  # of each column


def sigmoid_fast(layer: LayerBuffers, do: Do) -> None:
    """A = 1/(1 + E), slope = E A A, both out of E = e^-z as in `activations`."""
    E, A, slope = layer.E, layer.A, layer.slope
    do(np.negative, layer.Z, E)
    do(np.exp, E, E)
    do(np.add, E, 1.0, A)
    do(np.divide, 1.0, A, A)  # twice as fast as np.reciprocal
    do(np.fmin, E, layer.limit, E)
    do(np.multiply, E, A, slope)
    do(np.multiply, slope, A, slope)


def tanh_fast(layer: LayerBuffers, do: Do) -> None:
    """A = tanh Z, slope = 4 e / (1 + e)² with e = e^−2|z|."""
    E, square = layer.E, layer.delta
    do(np.tanh, layer.Z, layer.A)
    do(np.abs, layer.Z, E)
    do(np.multiply, E, -2.0, E)
    do(np.exp, E, E)
    do(np.add, E, 1.0, square)
    do(np.multiply, square, square, square)
    do(np.multiply, E, 4.0, E)
    do(np.divide, E, square, layer.slope)


def relu_fast(layer: LayerBuffers, do: Do) -> None:
    """A = max(z, 0), slope = 1 where z > 0."""
    do(np.maximum, layer.Z, 0.0, out=layer.A)
    do(np.greater, layer.Z, 0.0, layer.slope, casting="unsafe")


def linear_fast(layer: LayerBuffers, do: Do) -> None:
    """A = Z, slope = 1."""
    do(np.copyto, layer.A, layer.Z)
    do(layer.slope.fill, 1.0)


def softmax_fast(layer: LayerBuffers, do: Do) -> None:
    """A = softmax(Z) of each column; it has no slope."""
    do(np.maximum.reduce, layer.Z, 0, None, layer.top)
    do(np.subtract, layer.Z, layer.top, layer.E)
    do(np.exp, layer.E, layer.E)
    do(np.add.reduce, layer.E, 0, None, layer.total)
    do(np.divide, layer.E, layer.total, layer.A)


FAST_ACTIVATIONS: dict[str, Callable[[LayerBuffers, Do], None]] = {
    "sigmoid": sigmoid_fast, "tanh": tanh_fast, "relu": relu_fast, "linear": linear_fast,
}  # fmt: skip


def quadratic_delta(layer: LayerBuffers, Y: Array, do: Do) -> None:
    """delta = (A − Y) ⊙ slope."""
    do(np.subtract, layer.A, Y, layer.delta)
    do(np.multiply, layer.delta, layer.slope, layer.delta)


def difference_delta(layer: LayerBuffers, Y: Array, do: Do) -> None:
    """delta = A − Y."""
    do(np.subtract, layer.A, Y, layer.delta)


def softmax_delta(layer: LayerBuffers, Y: Array, do: Do) -> None:
    """delta = A Σ_k y_k − Y."""
    do(np.add.reduce, Y, 0, None, layer.total)
    do(np.multiply, layer.A, layer.total, layer.delta)
    do(np.subtract, layer.delta, Y, layer.delta)


# Loss and output activation: how the outputs are computed, and their delta.
FAST_OUTPUTS: dict[
    tuple[str, str], tuple[Callable[[LayerBuffers, Do], None], Callable[[LayerBuffers, Array, Do], None]]
] = {
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


def empty_on_a_line(size: int) -> Array:
    """So many numbers from the beginning of a cache line on: the processor would fetch one across two lines twice."""
    memory = np.empty(size + 7)
    return memory[-(memory.ctypes.data // 8) % 8 :][:size]


class FastStep:
    """Steps on batches of m samples that change the parameters in place.

    All buffers are there from the start, so a step is one list of calls, taken down here and gone through by `step`.

    Parameters
    ----------
    network : one that `fast_step_applies` to.
    parameters : all of them in one vector, see `parameter_views`; it is changed by every step.
    eta : learning rate.
    m : samples in a batch.
    """

    def __init__(self, network: NetworkDefinition, parameters: Array, eta: float, m: int) -> None:
        widths = network.sizes[1:]
        keep_Z = stable_pair(network) is not None  # the loss of the others needs A_L alone
        # Memory for the deltas of one layer and of the one before it, and for delta / m.
        lent = [np.empty((max(widths), m)) for _ in range(3)]
        limit = np.full_like(lent[0], LARGEST_EXPONENTIAL)
        self.layers = [
            LayerBuffers(lent[k % 2][:n], limit[:n], keep_Z and k == len(widths) - 1) for k, n in enumerate(widths)
        ]
        self.share = lent[2]
        self.inputs, self.targets = np.empty((m, network.sizes[0])), np.empty((m, network.sizes[-1]))
        self.calls: list[Callable[[], object]] = []
        gradients = empty_on_a_line(parameters.size)
        gradients.fill(0.0)
        W, b = parameter_views(network, parameters)
        self._take_down_forward(network, W, b)
        self._take_down_backward(network, W, *parameter_views(network, gradients), float(m))
        self._take_down_update(parameters, gradients, eta)

    def step(self) -> None:
        """One step on what stands in `inputs` and `targets`, one row per sample."""
        for call in self.calls:
            call()

    def _do(self, function: Callable[..., object], *arguments: Any, **options: Any) -> None:
        # NumPy would make an array of a number at every call.
        values = [np.array(value) if isinstance(value, float) else value for value in arguments]
        self.calls.append(partial(function, *values, **options))

    def _product(self, M: Array, N: Array, result: Array) -> None:
        pieces = product_pieces(M, N)
        for columns in pieces:
            self._do(np.matmul, M, N[:, columns], result[:, columns])
        if not pieces:
            self._do(np.dot if result.size < SMALL_VALUES else np.matmul, M, N, result)

    def _take_down_forward(self, network: NetworkDefinition, W: list[Array], b: list[Array]) -> None:
        output, _ = FAST_OUTPUTS[network.loss, network.activations[-1]]
        activate = [*(FAST_ACTIVATIONS[name] for name in network.activations[:-1]), output]
        A = self.inputs.T
        for k, layer in enumerate(self.layers):
            # Z = W A + b,  A = f(Z)
            self._product(W[k], A, layer.Z)
            self._do(np.add, layer.Z, b[k][:, np.newaxis], layer.Z)
            activate[k](layer, self._do)
            A = layer.A

    def _take_down_backward(
        self, network: NetworkDefinition, W: list[Array], dW: list[Array], db: list[Array], m: float
    ) -> None:
        _, output_delta = FAST_OUTPUTS[network.loss, network.activations[-1]]
        output_delta(self.layers[-1], self.targets.T, self._do)
        ones = np.ones(int(m))
        for k in reversed(range(len(self.layers))):
            layer, before = self.layers[k], self.layers[k - 1]
            share = self.share[: len(layer.delta)]
            # share = delta / m,  dW = share A_before',  db = sum_i share_i
            self._do(np.divide, layer.delta, m, share)
            self._product(share, before.A.T if k > 0 else self.inputs, dW[k])
            if k + 1 not in network.no_bias:
                self._product(share, ones, db[k])
            if k > 0:
                # delta_before = (W' delta) * f'(Z_before)
                self._product(W[k].T, layer.delta, before.delta)
                self._do(np.multiply, before.delta, before.slope, before.delta)

    def _take_down_update(self, parameters: Array, gradients: Array, eta: float) -> None:
        for first in range(0, parameters.size, BLOCK_VALUES):
            p, g = parameters[first : first + BLOCK_VALUES], gradients[first : first + BLOCK_VALUES]
            # W <- W - eta dW,  b <- b - eta db
            self._do(np.multiply, g, eta, g)
            self._do(np.subtract, p, g, p)


def fast_batches(
    network: NetworkDefinition, optimizer: Optimizer, batch: int, W: list[Array], b: list[Array], X: Array,
    Y_seen: Array, order: NDArray[np.int64],
) -> tuple[list[Array], list[Array], Array, Array]:
    """All batches of an epoch, as `training.run_batches`, by `FastStep`; the caller's W and b stay as they are.

    Y_seen, n_L × n, holds the targets in the order of the samples.

    Returns
    -------
    W, b : after the epoch
    Z_L, A_L : n_L × n, each sample's outputs before its step, in the order of the samples; Z_L is zero where the loss
        does not use it
    """
    flat = [part for layer in zip(W, b, strict=True) for part in map(np.ravel, layer)]
    parameters = np.concatenate(flat, out=empty_on_a_line(sum(part.size for part in flat)))
    n, n_L = order.size, network.sizes[-1]
    from_Z = stable_pair(network) is not None  # the loss of the others needs A alone
    rows, targets = np.ascontiguousarray(X.T), np.ascontiguousarray(Y_seen.T)
    Z_L, A_L = np.zeros((n, n_L)) if from_Z else np.broadcast_to(0.0, (n, n_L)), np.empty((n, n_L))
    whole = n - n % batch
    with np.errstate(all="ignore"):
        # the full batches, then the rest
        for part, m in ((slice(0, whole), min(batch, n)), (slice(whole, n), n - whole)):
            if part.start == part.stop:
                continue
            stepper = FastStep(network, parameters, optimizer.eta, m)
            Z, A = stepper.layers[-1].Z.T, stepper.layers[-1].A.T
            of_batches = (M[part].reshape(-1, m, n_L) for M in (targets, Z_L, A_L))
            for places, Y_batch, Z_batch, A_batch in zip(order[part].reshape(-1, m), *of_batches, strict=True):
                rows.take(places, 0, stepper.inputs, "clip")
                np.copyto(stepper.targets, Y_batch)
                stepper.step()
                if from_Z:
                    np.copyto(Z_batch, Z)
                np.copyto(A_batch, A)
    W, b = parameter_views(network, parameters)
    return [weights.copy() for weights in W], [biases.copy() for biases in b], Z_L.T, A_L.T
