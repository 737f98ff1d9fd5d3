"""Recognise a quantity by its use: what is multiplied by W[l+1] next is the candidate's A[l], whatever its formula."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from nnparity.diagnosis import textbook as book
from nnparity.diagnosis.follow import Follower, Seen, State
from nnparity.diagnosis.matching import Hit, normal_form, proportion
from nnparity.diagnosis.run import READS, Run
from nnparity.diagnosis.textbook import Formula

MOST = 3  # accounts that one unknown quantity may open
MOST_NUMBERS = 2000  # evaluations of an expression, in code that works number by number


class ByUse:
    """Looks for values of unknown formula among the recorded ones, by what the candidate does with them."""

    def __init__(self, run: Run):
        self.run = run
        self._candidates: dict[tuple[int, int], list[tuple[np.ndarray, Seen]]] = {}

    def candidates(self, n: int, m: int) -> list[tuple[np.ndarray, Seen]]:
        """Values of n units x m samples: whole batches, and expressions evaluated once per sample."""
        if (n, m) not in self._candidates:
            self._candidates[n, m] = list(self._search(n, m))
        return self._candidates[n, m]

    def _ordered(self, follower: Follower, n: int) -> Iterator[tuple[np.ndarray, Seen]]:
        """The candidates, their samples in the order of X where the network shuffled them."""
        for value, seen in self.candidates(n, follower.textbook.m):
            for order in follower.orders[:1]:
                yield value[:, np.argsort(order)], seen
            yield value, seen

    def _search(self, n: int, m: int) -> Iterator[tuple[np.ndarray, Seen]]:
        seen_refs = set()
        per_node, numbers = defaultdict(list), defaultdict(list)
        for event in self.run.events:
            if self.run.node(event).kind in READS:
                continue
            value = normal_form(self.run.value(event))
            if value.size == n * m and m > 1 and event.ref not in seen_refs and np.all(np.isfinite(value)):
                seen_refs.add(event.ref)
                for form in _forms(value, n, m):
                    yield form, Seen((Hit(event.ref, 1.0, "as is"),), (), (), 1.0)
            if (value.size == n and value.ndim == 1) or (n == 1 and value.ndim == 0):
                per_node[event.node, event.path].append((event.ref, value.reshape(n)))
            elif value.ndim == 0:
                numbers[event.node].append((event.ref, float(value)))
        for rows in per_node.values():
            if len(rows) % m == 0 and len(rows) >= m:
                step = len(rows) // m
                for offset in range(min(step, 6)):
                    chosen = rows[offset::step]
                    form = np.column_stack([value for _, value in chosen])
                    if np.all(np.isfinite(form)):
                        hits = tuple((i, (Hit(ref, 1.0, "as is"),)) for i, (ref, _) in enumerate(chosen))
                        yield form, Seen((), hits, (), 1.0)
        for row in numbers.values():
            yield from _number_by_number(row, n, m)

    def __call__(self, follower: Follower, state: State, quantity: str, layer: int):
        test = {"Z": self._feeds_activation, "A": self._feeds_next_layer, "d": self._feeds_gradient}[quantity[0]]
        t = follower.textbook
        n = t.W[layer - 1].shape[0]
        found = 0
        known = [table[k] for table in (state.Z, state.A, state.delta) for k in table if table[k].shape == (n, t.m)]
        for value, seen in self._ordered(follower, n):
            if any(proportion(value, other) is not None for other in known):
                continue
            if not test(follower, state, layer, value):
                continue
            yield Formula(None, "?", value), seen
            found += 1
            if found >= MOST:
                return

    def repeated(self, state: State, seen: Seen) -> bool:
        """The expression that computed an unknown value also computed one in another layer of the account."""
        unknown = [departure.seen for departure in state.departures if departure.formula.text == "?"]
        return any(self._makers(seen) & self._makers(other) for other in unknown)

    def _makers(self, seen: Seen) -> set[int]:
        """The expressions of the candidate that computed a value, not those that only name or keep it."""
        made = (self.run.computed(hit.ref) for hit in seen.hits())
        return {event.node for event in made if event is not None and self.run.node(event).file != self.run.adapter}

    def _feeds_activation(self, follower: Follower, state: State, layer: int, value: np.ndarray) -> bool:
        name = follower.textbook.activations[layer - 1]
        names = [name] if name else ["sigmoid", "tanh", "relu", "softmax"]
        for word in names:
            made = book.activation_value(word, value, follower.textbook.slope)
            if not np.array_equal(made, value) and follower.present(made):  # what is positive is its own relu
                return True
        return False

    def _feeds_next_layer(self, follower: Follower, state: State, layer: int, value: np.ndarray) -> bool:
        t = follower.textbook
        if layer == t.depth:
            told = np.ptp(value) > 0 and not np.allclose(value, state.Z[layer])
            return told and bool(follower.present(value - t.Y))
        product = t.W[layer] @ value
        return bool(follower.present(product + t.b[layer][:, None]) or follower.present(product))

    def _feeds_gradient(self, follower: Follower, state: State, layer: int, value: np.ndarray) -> bool:
        t = follower.textbook
        change = follower.W_new[layer - 1] - t.W[layer - 1]
        gradient = value @ state.A[layer - 1].T
        if not np.any(gradient):
            return False
        if np.any(change) and proportion(change, gradient, follower.loose) is not None:
            return True
        return bool(follower.index.find(gradient, parts=True)) or bool(
            follower.index.find(np.outer(value[:, 0], state.A[layer - 1][:, 0]), parts=True)
            and t.m > 1
            and follower.index.find(np.outer(value[:, 1], state.A[layer - 1][:, 1]), parts=True)
        )


def _number_by_number(row: list[tuple[int, float]], n: int, m: int) -> Iterator[tuple[np.ndarray, Seen]]:
    """An expression evaluated once for each unit of each sample, perhaps for the units of other layers in between."""
    if len(row) % m or len(row) < n * m or len(row) > MOST_NUMBERS:
        return
    width = len(row) // m
    for first in dict.fromkeys((0, width - n)):
        chosen = [row[i * width + first : i * width + first + n] for i in range(m)]
        form = np.array([[value for _, value in sample] for sample in chosen]).T
        if np.all(np.isfinite(form)) and np.ptp(form) > 0:
            hits = tuple((i, tuple(Hit(ref, 1.0, "number") for ref, _ in sample)) for i, sample in enumerate(chosen))
            yield form, Seen((), hits, (), 1.0)


def _forms(value: np.ndarray, n: int, m: int):
    if value.shape == (n, m):
        yield value
    if value.shape == (m, n):
        yield value.T
    if value.ndim == 1:
        yield value.reshape((n, m))
