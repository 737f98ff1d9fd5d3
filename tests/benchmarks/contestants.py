"""One epoch of plain SGD on 10,000 digits, 784-30-10 sigmoid, shuffling included, by everybody in the race.

A contestant is a function of the digits that returns a function of the batch size that returns the seconds of one
epoch: of the processor, since everybody has one thread, so that other work on the machine does not count.
"""

import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nnparity import (
    define_network,
    define_optimizer,
    define_training,
    initialize_parameters,
    load_data,
    load_digits,
    one_hot,
)
from nnparity.random import r_sample_int, r_set_seed
from nnparity.training import begin_training, train_epoch

ROOT = Path(__file__).resolve().parent.parent.parent
ETA = 3.0
NETWORK = define_network([784, 30, 10])
W0, B0 = initialize_parameters(NETWORK, "normal_scaled", 1)

Digits = tuple[np.ndarray, np.ndarray]
Epoch = Callable[[int], float]


def digits(path: str | None) -> Digits:
    """Return MNIST's test digits as n × 784 and n × 10; without a path the shipped ones, enlarged and repeated."""
    if path is not None:
        data = load_data(path)
        return data.X, one_hot(data.y, 10)
    data = load_digits()
    images = np.pad(data.X.reshape(-1, 8, 8).repeat(3, 1).repeat(3, 2), ((0, 0), (2, 2), (2, 2)))
    rows = np.arange(10000) % data.X.shape[0]
    return images.reshape(-1, 784)[rows], one_hot(data.y[rows], 10)


def products(data: Digits) -> Epoch:
    """The five matrix products of an epoch alone, each in one call, on batches that lie in order."""
    X = data[0].T

    def epoch(batch):
        delta1, delta2 = np.ones((30, batch)), np.ones((10, batch))
        started = time.process_time()
        for first in range(0, X.shape[1], batch):
            x = X[:, first : first + batch]
            A1 = W0[0] @ x
            W0[1] @ A1
            W0[1].T @ delta2
            delta2 @ A1.T
            delta1 @ x.T
        return time.process_time() - started

    return epoch


def nnparity(data: Digits, buffered: bool = True) -> Epoch:
    """This package; buffered=False takes the plain step."""
    X, Y = data[0].T, np.ascontiguousarray(data[1]).T
    optimizer = define_optimizer("sgd", ETA)

    def epoch(batch):
        state = begin_training(NETWORK, optimizer, W0, B0)
        plan = define_training(epochs=1, batch=batch)
        started = time.process_time()
        train_epoch(NETWORK, optimizer, plan, state, X, Y, buffered=buffered)
        return time.process_time() - started

    return epoch


def plain_step(data: Digits) -> Epoch:
    """This package's plain step."""
    return nnparity(data, buffered=False)


def shuffled_products(data: Digits) -> Epoch:
    """R's shuffle, the batches gathered in its order, and the five products, each in one call."""
    rows = data[0]

    def epoch(batch):
        delta1, delta2, inputs = np.ones((30, batch)), np.ones((10, batch)), np.empty((batch, rows.shape[1]))
        Z1, A2, dA = np.empty((30, batch)), np.empty((10, batch)), np.empty((30, batch))
        dW2, dW1 = np.empty((10, 30)), np.empty((30, 784))
        started = time.process_time()
        order = r_sample_int(r_set_seed(1), rows.shape[0]) - 1
        for first in range(0, rows.shape[0], batch):
            rows.take(order[first : first + batch], 0, inputs, "clip")
            np.matmul(W0[0], inputs.T, Z1)
            np.matmul(W0[1], Z1, A2)
            np.matmul(W0[1].T, delta2, dA)
            np.matmul(delta2, Z1.T, dW2)
            np.matmul(delta1, inputs, dW1)
        return time.process_time() - started

    return epoch


def per_sample(data: Digits) -> Epoch:
    """A network in the manner of Nielsen's network.py: pairs of columns, one sample at a time, lists of gradients."""
    pairs = [(x[:, None], y[:, None]) for x, y in zip(*data, strict=True)]

    def sigmoid(z):
        return 1.0 / (1.0 + np.exp(-z))

    def sigmoid_prime(z):
        return sigmoid(z) * (1 - sigmoid(z))

    def backprop(W, b, x, y):
        nabla_b = [np.zeros(biases.shape) for biases in b]
        nabla_W = [np.zeros(weights.shape) for weights in W]
        activation = x
        activations, zs = [x], []
        for biases, weights in zip(b, W, strict=True):
            z = np.dot(weights, activation) + biases
            zs.append(z)
            activation = sigmoid(z)
            activations.append(activation)
        delta = (activations[-1] - y) * sigmoid_prime(zs[-1])
        nabla_b[-1] = delta
        nabla_W[-1] = np.dot(delta, activations[-2].transpose())
        for layer in range(2, len(W) + 1):
            delta = np.dot(W[-layer + 1].transpose(), delta) * sigmoid_prime(zs[-layer])
            nabla_b[-layer] = delta
            nabla_W[-layer] = np.dot(delta, activations[-layer - 1].transpose())
        return nabla_b, nabla_W

    def update_mini_batch(W, b, mini_batch):
        nabla_b = [np.zeros(biases.shape) for biases in b]
        nabla_W = [np.zeros(weights.shape) for weights in W]
        for x, y in mini_batch:
            one_b, one_W = backprop(W, b, x, y)
            nabla_b = [nb + db for nb, db in zip(nabla_b, one_b, strict=True)]
            nabla_W = [nw + dw for nw, dw in zip(nabla_W, one_W, strict=True)]
        W = [w - (ETA / len(mini_batch)) * nw for w, nw in zip(W, nabla_W, strict=True)]
        b = [c - (ETA / len(mini_batch)) * nb for c, nb in zip(b, nabla_b, strict=True)]
        return W, b

    def epoch(batch):
        W, b = [weights.copy() for weights in W0], [biases[:, None].copy() for biases in B0]
        started = time.process_time()
        random.Random(1).shuffle(pairs)
        for first in range(0, len(pairs), batch):
            W, b = update_mini_batch(W, b, pairs[first : first + batch])
        return time.process_time() - started

    return epoch


def scikit_learn(data: Digits) -> Epoch:
    """MLPClassifier, one epoch of plain SGD; its loss is the cross-entropy of a softmax."""
    import warnings

    from sklearn.neural_network import MLPClassifier

    X, y = data[0], data[1].argmax(axis=1)

    def epoch(batch):
        model = MLPClassifier(
            (30,), "logistic", solver="sgd", alpha=0.0, batch_size=batch, learning_rate_init=0.1, max_iter=1,
            momentum=0.0, nesterovs_momentum=False, random_state=1,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            started = time.process_time()
            model.fit(X, y)
            return time.process_time() - started

    return epoch


def pytorch(data: Digits) -> Epoch:
    """PyTorch, eager, float64, one thread."""
    import torch

    torch.set_num_threads(1)
    X, Y = torch.from_numpy(data[0]), torch.from_numpy(data[1])

    def epoch(batch):
        torch.manual_seed(1)
        layers = [torch.nn.Linear(784, 30), torch.nn.Sigmoid(), torch.nn.Linear(30, 10), torch.nn.Sigmoid()]
        model = torch.nn.Sequential(*layers).double()
        optimizer = torch.optim.SGD(model.parameters(), lr=ETA)
        started = time.process_time()
        for places in torch.randperm(X.shape[0]).split(batch):
            optimizer.zero_grad()
            loss = 0.5 * ((model(X[places]) - Y[places]) ** 2).sum() / len(places)
            loss.backward()
            optimizer.step()
        return time.process_time() - started

    return epoch


def same_kernels() -> dict[str, str]:
    """The variable that names NumPy's kernels to R's OpenBLAS: one older than the processor takes its slowest."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return {}
    chosen = [one["architecture"] for one in threadpool_info() if one["internal_api"] == "openblas"]
    return {"OPENBLAS_CORETYPE": chosen[0]} if chosen and "OPENBLAS_CORETYPE" not in os.environ else {}


class RSession:
    """R in a process of its own that runs one epoch whenever it is asked to (speed.R)."""

    def __init__(self, path: str | None) -> None:
        command = ["Rscript", "--vanilla", str(Path(__file__).with_name("speed.R")), path or ""]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **same_kernels()})  # fmt: skip
        self.blas = self.process.stdout.readline().strip()

    def ask(self, what: str, batch: int) -> float:
        """Return the seconds of what is asked for."""
        self.process.stdin.write(f"{what} {batch}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


CONTESTANTS = {
    "matrix products alone": products,
    "products, shuffled and gathered": shuffled_products,
    "nnparity": nnparity,
    "nnparity, plain step": plain_step,
    "per sample, as Nielsen's network.py": per_sample,
    "scikit-learn": scikit_learn,
    "PyTorch eager": pytorch,
}
