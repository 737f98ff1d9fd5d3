"""The two languages as two sides with the same verbs: begin, take the data, shuffle, step, answer.

Each side draws its own weights and shuffles, keeps its own parameters and takes its own steps.  Neither knows the
other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from nnparity.arithmetic import Array, get_arithmetic
from nnparity.bridge import Bridge
from nnparity.checks import InputError
from nnparity.initializers import initialize_parameters
from nnparity.network import NetworkDefinition, check_parameters, forward
from nnparity.optimizers import Optimizer, initial_state
from nnparity.random import r_rnorm, r_runif, r_sample_int, r_set_seed
from nnparity.trace import SCALARS, Trace, name_inputs, trace_step
from nnparity.training import columns_in_memory, take_columns


@dataclass(frozen=True)
class Start:
    """What a run depends on: the network and how it is trained.

    Attributes
    ----------
    network, optimizer : from `define_network` and `define_optimizer`.
    init : a word of INITIALIZERS.
    seed : of R's stream; the weights are drawn from it first, then the shuffles.
    arithmetic : "fast" or "exact".
    W, b : parameters to start from instead of drawing them, or None.
    """

    network: NetworkDefinition
    optimizer: Optimizer
    init: str = "normal"
    seed: int = 1
    arithmetic: str = "fast"
    W: Sequence[Array] | None = None
    b: Sequence[Array] | None = None


class Side(Protocol):
    """One language's part in the run."""

    def begin(self, start: Start) -> Mapping[str, Any]:
        """Take up the network; its parameters and optimizer state by name, `W1`, `b1`, …."""

    def data(self, X: Array, Y: Array) -> None:
        """Take over the data, one column per sample."""

    def shuffle(self) -> Array:
        """Draw the order of an epoch: whole numbers from 1."""

    def steps(self, places: Sequence[tuple[int, int]]) -> list[Trace]:
        """Take a step for each first … last (from 1) of the epoch's order: as many as can be taken.

        Raises
        ------
        InputError
            The first of them cannot: its numbers leave the loss's domain.
        """

    def outputs(self, X: Array) -> Array:
        """A_L of the network as it stands."""


class PythonSide:
    """The Python twin."""

    def begin(self, start: Start) -> Mapping[str, Any]:
        self.start = start
        self.stream = r_set_seed(start.seed)
        if start.W is None or start.b is None:
            self.W, self.b = initialize_parameters(start.network, start.init, self.stream)
        else:
            self.W, self.b = check_parameters(start.network, start.W, start.b)
        self.state = initial_state(start.optimizer, self.W, self.b)
        self.arithmetic = get_arithmetic(start.arithmetic)
        return {name: value for name, value in name_inputs(self.W, self.b, None, self.state).items() if name != "Y"}

    def data(self, X: Array, Y: Array) -> None:
        self.X, self.Y = columns_in_memory(X), columns_in_memory(Y)
        self.order = np.arange(1, X.shape[1] + 1)

    def shuffle(self) -> Array:
        self.order = r_sample_int(self.stream, self.X.shape[1])
        return self.order.astype(float)

    def steps(self, places: Sequence[tuple[int, int]]) -> list[Trace]:
        traces: list[Trace] = []
        for first, last in places:
            try:
                traces.append(self._step(first, last))
            except InputError:
                if not traces:
                    raise
                break
        return traces

    def _step(self, first: int, last: int) -> Trace:
        batch = self.order[first - 1 : last] - 1
        X, Y = take_columns(self.X, batch), take_columns(self.Y, batch)
        start = self.start
        trace = trace_step(start.network, start.optimizer, self.W, self.b, X, Y, self.state, self.arithmetic)
        layers = range(1, len(self.W) + 1)
        self.W = [trace[f"W{l}_new"] for l in layers]
        self.b = [trace[f"b{l}_new"] for l in layers]
        self.state = {name: trace[name] for name in self.state}
        return trace

    def outputs(self, X: Array) -> Array:
        return forward(self.start.network, self.W, self.b, X, self.arithmetic)[1][-1]


class RSide:
    """The R twin, at the other end of a bridge."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge

    def begin(self, start: Start) -> Mapping[str, Any]:
        network = {name: value for name, value in asdict(start.network).items() if name != "activations"}
        # R's define_network takes hidden and output activations apart; the words may be many, one or none.
        hidden, output = start.network.activations[:-1], start.network.activations[-1]
        network |= {"activation": hidden or ("sigmoid",), "output_activation": output}
        optimizer = {"name": start.optimizer.name, "eta": start.optimizer.eta, **start.optimizer.hyper}
        if start.optimizer.clip_norm is not None:
            optimizer["clip_norm"] = start.optimizer.clip_norm
        given = start.W is not None and start.b is not None
        parameters = {"W": _unnamed(start.W), "b": _unnamed(start.b)} if given else None
        answer = self.bridge.ask(
            "begin", network=network, optimizer=optimizer, init=start.init, seed=start.seed,
            arithmetic=start.arithmetic, parameters=parameters,
        )  # fmt: skip
        self.parameters = {name: _number_or_array(name, value) for name, value in answer.items()}
        self._owner = answer.owner
        return self.parameters

    def data(self, X: Array, Y: Array) -> None:
        self.Y = columns_in_memory(Y)
        self.order = np.arange(1, X.shape[1] + 1)
        self.bridge.ask("data", X=X, Y=Y)

    def shuffle(self) -> Array:
        order = self.bridge.ask("shuffle")["order"].copy()
        self.order = order.astype(np.int64)
        return order

    def steps(self, places: Sequence[tuple[int, int]]) -> list[Trace]:
        answer = self.bridge.ask("steps", first=[first for first, _ in places], last=[last for _, last in places])
        quantities: list[dict[str, Any]] = []
        for place, value in answer.items():
            k, _, name = place.partition(":")
            if int(k) > len(quantities):
                quantities.append({})
            quantities[-1][name] = _number_or_array(name, value)
        traces = []
        for named, (first, last) in zip(quantities, places, strict=False):
            trace = Trace(named, inputs=self.parameters)
            trace.inputs["Y"] = take_columns(self.Y, self.order[first - 1 : last] - 1)
            # R's memory stays while the trace does: its own, and that of what its step started from.
            trace.owner = (self._owner, answer.owner)  # type: ignore[attr-defined]
            self.parameters = {name: trace.get(f"{name}_new", trace.get(name)) for name in self.parameters}
            self._owner = answer.owner
            traces.append(trace)
        return traces

    def outputs(self, X: Array) -> Array:
        return self.bridge.ask("outputs", X=X)["A"].copy()


def _number_or_array(name: str, value: Array) -> Any:
    # A number is a vector of one in R; its name tells that it is a number.
    return float(value[0]) if name in SCALARS and value.shape == (1,) else value


def _unnamed(arrays: Sequence[Array] | None) -> list[Array]:
    return [np.asarray(array) for array in arrays or ()]


def draw_data(start: Start, samples: int) -> tuple[Array, Array]:
    """Data for a network, from R's stream where the seed's weights leave it.

    X is N(0, 1); Y is uniform on (0, 1), or a class for categorical cross-entropy.

    Returns
    -------
    X : n₀ × samples, drawn by column
    Y : n_L × samples, drawn by column after X
    """
    network = start.network
    stream = r_set_seed(start.seed)
    initialize_parameters(network, start.init, stream)
    n_in, n_out = network.sizes[0], network.sizes[-1]
    X = r_rnorm(stream, n_in * samples).reshape(samples, n_in).T
    if network.loss == "categorical_cross_entropy":
        return X, np.eye(n_out)[:, r_sample_int(stream, n_out, samples, replace=True) - 1]
    return X, r_runif(stream, n_out * samples).reshape(samples, n_out).T
