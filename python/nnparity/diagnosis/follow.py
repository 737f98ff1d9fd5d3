"""Follow a candidate through one gradient step: what it used at every quantity, and whether that was right.

The search goes through the quantities in order of computation.  Each is computed from the values that the candidate
really used before it, in the right way and in every known wrong way; the recorded values and the returned parameters
decide.  The cheapest complete account wins: a right formula costs nothing, a departure costs ten, a departure nobody
saw costs more, a quantity that nothing explains most.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from nnparity.diagnosis import textbook as book
from nnparity.diagnosis.matching import SAME, Hit, ValueIndex, proportion
from nnparity.diagnosis.plain import plain_pass
from nnparity.diagnosis.textbook import Formula

if TYPE_CHECKING:
    from nnparity.diagnosis.use import ByUse

BEAM = 8
COST = {
    "absent": 3.0,  # right, but fused into something else
    "rank": 0.1,  # an inferred option further down the list
    "declaration": 8.0,  # right for another network than the declared one
    "departure": 10.0,
    "repeated": 2.0,  # the same mistake in another layer: one statement, in all likelihood
    "right beside it": 3.0,  # the right value was computed as well: it is rather its use that is wrong
    "unseen departure": 16.0,
    "by use": 16.0,  # a value of unknown formula that stands where the quantity should
    "unknown": 30.0,
}


@dataclass
class Textbook:
    """The probe and what is known of the candidate's network; layers are counted from 1."""

    W: list[np.ndarray]
    b: list[np.ndarray]
    X: np.ndarray
    Y: np.ndarray
    eta: float
    activations: list[str | None]  # None: not declared
    loss: str
    loss_declared: bool
    slope: float
    language: str
    no_bias: tuple[int, ...] = ()
    target_orders: tuple = ()  # (words, Y in the order that goes with X) where the two were shuffled apart

    @property
    def depth(self) -> int:
        return len(self.W)

    @property
    def m(self) -> int:
        return self.X.shape[1]


@dataclass(frozen=True)
class Seen:
    """Where a quantity was found among the recorded values: as a batch, and sample by sample."""

    batch: tuple[Hit, ...] = ()
    samples: tuple[tuple[int, tuple[Hit, ...]], ...] = ()
    sums: tuple[Hit, ...] = ()
    coverage: float = 0.0

    def hits(self) -> list[Hit]:
        return [*self.batch, *[hit for _, hits in self.samples for hit in hits], *self.sums]

    def __bool__(self) -> bool:
        return self.coverage > 0


@dataclass(frozen=True)
class Departure:
    """A quantity that is not what the textbook makes of its operands."""

    quantity: str
    layer: int
    phase: str
    formula: Formula
    right: Formula
    seen: Seen
    kind: str = "bug"  # bug, unexplained, declaration
    rivals: tuple[Formula, ...] = ()  # the formulas it was chosen from

    @property
    def ties(self) -> tuple[str, ...]:
        """Other accounts of the very same value."""
        return ties_of(self.formula, self.rivals)


@dataclass
class Update:
    """How a returned parameter follows from the old one: new = keep * old + rate * gradient."""

    quantity: str
    layer: int
    keep: float
    rate: float
    formula: Formula | None  # the gradient in it; None where nothing explains the change
    right: Formula
    weights: np.ndarray | None = None  # per-sample weights where samples count unequally


@dataclass
class State:
    """One account of what the candidate computes, as far as it goes."""

    activations: list[str]
    Z: dict[int, np.ndarray] = field(default_factory=dict)
    A: dict[int, np.ndarray] = field(default_factory=dict)
    delta: dict[int, np.ndarray] = field(default_factory=dict)
    rights: dict[str, Formula] = field(default_factory=dict)
    used: dict[str, Formula] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    departures: list[Departure] = field(default_factory=list)
    updates: dict[str, Update] = field(default_factory=dict)
    inferred: dict[str, object] = field(default_factory=dict)
    loss: str = ""
    cost: float = 0.0
    weights: np.ndarray | None = None  # how much each sample counts, where they count unequally
    epsilon: float = 0.0  # in the divisions of the loss

    def branch(self, cost: float) -> State:
        return State(
            list(self.activations),
            dict(self.Z),
            dict(self.A),
            dict(self.delta),
            dict(self.rights),
            dict(self.used),
            dict(self.seen),
            list(self.departures),
            dict(self.updates),
            dict(self.inferred),
            self.loss,
            self.cost + cost,
            self.weights,
            self.epsilon,
        )


class Follower:
    """Searches for the account of one recorded run."""

    def __init__(
        self,
        textbook: Textbook,
        index: ValueIndex,
        W_new: list[np.ndarray],
        b_new: list[np.ndarray],
        by_use: ByUse | None = None,
        loose: float = 1e-6,
    ):
        self.textbook = textbook
        self.index = index
        self.W_new = W_new
        self.b_new = b_new
        self.by_use = by_use
        self.loose = loose
        self._presence: dict = {}
        self._plain: dict = {}
        self.orders = _orders(index, textbook.X)
        t = textbook
        pairs = []
        for order in self.orders or [np.arange(t.m)]:
            back = np.argsort(order)
            for other in _orders(index, t.Y, keep_identity=True):
                targets = t.Y[:, other][:, back]
                if not np.array_equal(targets, t.Y):
                    pairs.append(("of the batch", targets, t.Y[:, other]))
        t.target_orders = tuple(pairs[:3])

    # -- presence --------------------------------------------------------------------------------------------------

    def present(self, value: np.ndarray) -> Seen:
        """Where an n x m quantity (one column per sample) was seen."""
        key = (value.tobytes(), value.shape)
        if key in self._presence:
            return self._presence[key]
        batch = tuple(self.index.find(value, parts=True))
        if not batch and value.ndim == 2 and value.shape[1] == self.textbook.m:
            for order in self.orders:
                batch = batch or tuple(self.index.find(value[:, order], parts=True))
        samples = []
        if value.ndim == 2 and value.shape[1] > 1 and not batch:
            first = self.index.find(value[:, 0], parts=True)
            last = self.index.find(value[:, -1], parts=True)
            if first or last:
                for i in range(value.shape[1]):
                    hits = self.index.find(value[:, i], parts=True)
                    if hits:
                        samples.append((i, tuple(hits)))
                samples = _same_scale(samples)
        if not batch and not samples and value.size > 2:
            samples = list(enumerate(self.index.numbers(value)))
        coverage = 1.0 if batch else len(samples) / max(1, value.shape[-1] if value.ndim == 2 else 1)
        self._presence[key] = Seen(batch, tuple(samples), (), coverage)
        return self._presence[key]

    def _gradient_hits(self, value: np.ndarray) -> tuple[Hit, ...]:
        """Where a gradient was recorded; with one output, only with a constant that networks have.

        The gradient of one sample is then a multiple of the layer's input, which is no gradient.
        """
        one = _of_one_output(value)
        return tuple(self.index.find(value, parts=True, edges=value.ndim == 1, known=one))

    def present_gradient(self, mean: np.ndarray, each: Callable[[int], np.ndarray]) -> Seen:
        """Where a gradient was seen: the batch's, each sample's, and running sums over samples."""
        edges = mean.ndim == 1
        batch = self._gradient_hits(mean) or tuple(self.index.find(mean, parts=True, edges=edges))
        samples, sums = [], []
        m = self.textbook.m
        if m > 1:
            running = np.zeros_like(mean)
            for i in range(m):
                term = each(i)
                hits = self._gradient_hits(term) or [hit for hits in self.index.numbers(term) for hit in hits]
                if not hits and i == 0 and not batch:
                    break
                if hits:
                    samples.append((i, tuple(hits)))
                running = running + term
                if 0 < i < m - 1:
                    sums.extend(self.index.find(running, parts=True, edges=edges))
        return Seen(batch, tuple(samples), tuple(sums), 1.0 if batch else len(samples) / m)

    # -- the search ------------------------------------------------------------------------------------------------

    def follow(self) -> State:
        t = self.textbook
        states = [State([name or "" for name in t.activations], A={0: t.X}, loss=t.loss)]
        for layer in range(1, t.depth + 1):
            states = self._best_of([list(self._sums(state, layer)) for state in states])
            states = self._best_of([list(self._activations(state, layer)) for state in states])
        for layer in range(t.depth, 0, -1):
            states = self._best_with_parameters((s for state in states for s in self._backward(state, layer)), layer)
        return states[0]

    @staticmethod
    def _best(states: Iterable[State]) -> list[State]:
        return sorted(states, key=lambda state: state.cost)[:BEAM]

    def _best_of(self, families: list[list[State]]) -> list[State]:
        """The best of all that follow, and what the best so far knows by its use alone, which costs more at first."""
        best = self._best(state for family in families for state in family)
        by_use = [state for state in families[0] if state.departures and state.departures[-1].formula.text == "?"]
        return best + [state for state in by_use if all(state is not one for one in best)]

    def _best_with_parameters(self, states: Iterable[State], layer: int) -> list[State]:
        """The best once the layer's returned parameters are explained as well, which adds to what a state costs.

        The cheapest come first, until no other can be among the best.
        """
        explained: list[State] = []
        for state in sorted(states, key=lambda state: state.cost):
            if len(explained) == BEAM and state.cost >= explained[-1].cost:
                break
            self._parameter(state, layer, "W")
            if layer not in self.textbook.no_bias:
                self._parameter(state, layer, "b")
            explained = self._best([*explained, state])
        return explained

    def _sums(self, state: State, layer: int) -> Iterable[State]:
        t = self.textbook
        one = book.activation_value(state.activations[layer - 2], np.ones((1, 1)), t.slope).item() if layer > 1 else 1.0
        formulas = list(book.forward_sums(t.W, t.b, state.A, state.Z, layer, layer in t.no_bias, one))
        return self._forward(state, layer, "Z", formulas, None)

    def _activations(self, state: State, layer: int) -> Iterable[State]:
        t = self.textbook
        last = layer == t.depth
        declared = t.activations[layer - 1]
        earlier = state.activations[0] if layer > 1 and not last else None
        wanted = declared or earlier or "sigmoid"
        bias = None if layer in t.no_bias else t.b[layer - 1]
        known = declared is not None
        formulas = list(book.forward_activations(state.Z[layer], layer, wanted, known, last, t.slope, bias))
        if declared is None and not last:
            formulas = [
                Formula(f.id, f.text, f.value, right=True, declares=f.declares) if f.text == f"Z{layer}" else f
                for f in formulas
            ]
        return self._forward(state, layer, "A", formulas, wanted)

    def _forward(self, state: State, layer: int, letter: str, formulas: list[Formula], wanted: str | None):
        quantity = f"{letter}{layer}"
        right = next(f for f in formulas if f.right)
        found, rank, another = False, 0, False
        first_right = min((hit.ref for hit in unscaled(self.present(right.value)).hits()), default=0)
        first, _, second = (wanted or "").partition("+")
        for formula in formulas:
            if second and first in formula.declares.values():  # the first of two functions alone is no other network
                formula = replace(formula, declares={}, omits=True)
            seen = unscaled(self.present(formula.value))
            if not seen or (formula.declares and np.ptp(formula.value) == 0):
                continue
            turned = not any(hit.factor > 0 for hit in seen.hits())
            if not formula.right and (turned or seen.coverage < _shown(formula.value)):
                continue
            if not formula.right and _repeated(state, quantity, formula):
                cost = COST["repeated"]
            elif formula.omits and not formula.right:
                cost = COST["departure"] + 1
            elif formula.right:
                cost = COST["rank"] * rank + (1.5 if formula.text == f"Z{layer}" and letter == "A" and rank else 0)
                rank += 1
            elif formula.declares:
                cost = COST["declaration"]
            else:  # the right value may come later, from something else: 1 − a is σ(z) where a is σ(−z)
                cost = COST["departure"] - (1 if min(hit.ref for hit in seen.hits()) < first_right else 0)
            found = found or (formula.right and not formula.omits)
            another = another or bool(formula.declares and not formula.omits)
            unused = formula.omits and not formula.right and first_right  # f(z) is computed: no network without f
            if not (unused and formula.declares):
                yield self._used(state, layer, letter, quantity, formula, right, seen, cost, wanted, tuple(formulas))
            twice = "+" in "".join(map(str, formula.declares.values()))
            if (formula.omits or twice) and formula.declares and not formula.right:
                bare = replace(formula, declares={})
                yield self._used(state, layer, letter, quantity, bare, right, seen, cost + 0.5, wanted, tuple(formulas))
        if not found:
            cost = COST["absent"] if not another else COST["declaration"] + 1
            yield self._used(state, layer, letter, quantity, right, right, Seen(), cost, wanted)
            if self.by_use is not None:
                for formula, seen in self.by_use(self, state, quantity, layer):
                    cost = self._unknown_cost(state, seen)
                    yield self._used(state, layer, letter, quantity, formula, right, seen, cost, wanted)

    def _unknown_cost(self, state: State, seen: Seen) -> float:
        """What a value of unknown formula costs: little where its expression is to blame in another layer already."""
        return COST["repeated" if self.by_use is not None and self.by_use.repeated(state, seen) else "by use"]

    def _used(self, state, layer, letter, quantity, formula, right, seen, cost, wanted,
              rivals: tuple[Formula, ...] = ()) -> State:
        new = state.branch(cost)
        target = new.Z if letter == "Z" else new.A
        target[layer] = formula.value
        name = None
        if letter == "A":
            name = formula.declares.get("activation") or formula.declares.get("output_activation") or wanted
            new.activations[layer - 1] = name
            if self.textbook.activations[layer - 1] is None and formula.right:
                new.inferred[quantity] = name
        new.rights[quantity], new.used[quantity], new.seen[quantity] = right, formula, seen
        if not formula.right:
            kind = "declaration" if formula.declares else ("unexplained" if formula.text == "?" else "bug")
            new.departures.append(Departure(quantity, layer, "forward", formula, right, seen, kind, rivals))
        return new

    # -- backward and update, layer by layer -----------------------------------------------------------------------

    def _backward(self, state: State, layer: int) -> Iterable[State]:
        t = self.textbook
        if layer == t.depth:
            formulas = list(book.output_deltas(state, t))
        else:
            new_weights = {layer + 1: self.W_new[layer]}
            formulas = list(book.hidden_deltas(state, t, layer, new_weights))
        right = next((f for f in formulas if f.right), formulas[0])
        quantity = f"delta{layer}"
        rank = 0
        options = []
        right_seen = bool(unscaled(self.present(right.value)))
        for formula in formulas:
            if not np.all(np.isfinite(formula.value)):
                continue
            seen = self.present(formula.value)
            weight_fits = self._change_fits(formula.value, state, layer)
            if not (seen or weight_fits or formula is right):
                continue
            if formula.right:
                cost = 0.0 if formula is right else COST["rank"] * (1 + rank)
                rank += 1
            elif _repeated(state, quantity, formula):
                cost = COST["repeated"]
            elif formula.declares:
                cost = COST["declaration"]
            else:
                cost = COST["departure"] + (1 if formula.id == "shuffle-unpaired" else 0)
            if not seen:
                cost += COST["absent"]
            if not formula.right and right_seen:
                cost += COST["right beside it"]
            if formula.right and layer == t.depth and not t.loss_declared and self._squares_its_error(state, formula):
                cost += 2 * COST["departure"]
            options.append((formula, seen, cost, weight_fits))
        fitting = any(fits for *_, fits in options)
        if not fitting and self.by_use is not None:
            options += [(*known, self._unknown_cost(state, known[1]), True)
                        for known in self.by_use(self, state, quantity, layer)]  # fmt: skip
        for formula, seen, cost, _ in options:
            new = state.branch(cost)
            new.delta[layer] = formula.value
            new.rights[quantity], new.used[quantity], new.seen[quantity] = right, formula, seen
            if formula.right and layer == t.depth:
                new.loss, new.epsilon = formula.declares.get("loss", t.loss), formula.epsilon
                if not t.loss_declared:
                    new.inferred["loss"] = new.loss
            if not formula.right:
                kind = "declaration" if formula.declares else ("unexplained" if formula.text == "?" else "bug")
                new.departures.append(
                    Departure(quantity, layer, "backward", formula, right, seen, kind, tuple(formulas))
                )
            yield new

    def _squares_its_error(self, state: State, formula: Formula) -> bool:
        """The step itself computes a squared error and no logarithm: then a delta of cross-entropy is not meant."""
        if not formula.declares.get("loss", "").endswith("cross_entropy"):
            return False
        A, Y = state.A[self.textbook.depth], self.textbook.Y
        with np.errstate(all="ignore"):
            logarithms = [np.log(A), Y * np.log(A)]
        squared = bool(unscaled(self.present((A - Y) ** 2)))
        return squared and not any(np.all(np.isfinite(term)) and self.present(term) for term in logarithms)

    def _change_fits(self, delta: np.ndarray, state: State, layer: int) -> bool:
        t = self.textbook
        change = self.W_new[layer - 1] - t.W[layer - 1]
        gradient = delta @ state.A[layer - 1].T
        moved = bool(np.any(change)) and bool(np.any(gradient))
        return moved and proportion(change, gradient, self.loose) is not None

    def _parameter(self, state: State, layer: int, letter: str) -> None:
        """Explain the returned W[l] or b[l]: new = keep * old + rate * gradient."""
        t = self.textbook
        old = (t.W if letter == "W" else t.b)[layer - 1]
        new = (self.W_new if letter == "W" else self.b_new)[layer - 1]
        source = book.weight_gradients if letter == "W" else book.bias_gradients
        formulas = [f for f in source(state, t, layer) if np.all(np.isfinite(f.value))]
        right = formulas[0]
        quantity = f"d{letter}{layer}"
        state.rights[quantity] = right
        delta, a = state.delta[layer], state.A[layer - 1]
        if letter == "W":
            seen = self.present_gradient(right.value, lambda i: np.outer(delta[:, i], a[:, i]))
        else:
            seen = self.present_gradient(right.value, lambda i: delta[:, i])
        state.seen[quantity] = seen
        name = f"{letter}{layer}_new"
        idle = np.all(np.isfinite(new)) and np.max(np.abs(new - old)) <= 1e-12 * max(float(np.max(np.abs(old))), 1e-300)
        if idle and np.any(new != old) and np.max(np.abs(right.value)) > 1e-9:
            for formula in formulas:  # a sum that cancels is a change of zero, up to rounding
                cancels = np.max(np.abs(formula.value)) <= 1e-12 * np.max(np.abs(delta))
                if not formula.right and cancels and self._zeros(formula.value):
                    state.updates[name] = Update(name, layer, 1.0, -t.eta, formula, right)
                    state.used[quantity] = formula
                    state.cost += COST["departure"]
                    state.departures.append(
                        Departure(quantity, layer, "backward", formula, right, self._zeros(formula.value))
                    )
                    return
        if idle:
            state.updates[name] = Update(name, layer, 1.0, 0.0, right, right)
            state.used[quantity] = right
            state.cost += COST["departure"]
            return
        for formula in formulas:
            fit = self._fit(old, new, formula.value, formula.right)
            if fit is None:
                continue
            keep, rate = fit
            odd_keep = abs(keep - 1) > self.loose
            if formula.right or not odd_keep:
                state.updates[name] = Update(name, layer, keep, rate, formula, right)
                state.used[quantity] = formula
                mistake = COST["repeated"] if _twin(state, layer, formula) else COST["departure"]
                state.cost += (0 if formula.right else mistake) + (5 if odd_keep else 0)
                if formula.right and not odd_keep and rate > 0:
                    state.cost += 0.5
                if not formula.right:
                    where = self._gradient_seen(formula)
                    state.departures.append(Departure(quantity, layer, "backward", formula, right, where))
                return
        others = (self._of_another_delta(state, layer, letter), self._beyond_the_layer(state, layer, letter))
        for formula in chain.from_iterable(others):
            fit = self._fit(old, new, formula.value, False)
            if fit is not None and abs(fit[0] - 1) <= self.loose and old.size > 2:
                state.updates[name] = Update(name, layer, 1.0, fit[1], formula, right)
                state.used[quantity] = formula
                known = any(departure.formula.id == formula.id for departure in state.departures)
                state.cost += COST["repeated"] if known else COST["departure"] - 1
                if formula.factors and self.present(formula.factors[0]):  # a delta that was computed departs itself
                    state.cost += 2 * COST["right beside it"]
                where = self._gradient_seen(formula) if formula.factors else Seen()
                state.departures.append(Departure(quantity, layer, "backward", formula, right, where))
                return
        weights = self._sample_weights(state, layer, letter, new - old)
        if weights is not None:
            text = "samples counted " + ", ".join(f"{w:.3g}" for w in weights)
            value = (delta * weights) @ a.T if letter == "W" else (delta * weights).sum(axis=1)
            formula = Formula(_weights_id(weights), text, value)
            state.updates[name] = Update(name, layer, 1.0, -t.eta, formula, right, weights)
            state.used[quantity] = formula
            state.cost += COST["departure"] + 2 if state.weights is None else 2
            state.weights = weights
            alone = np.flatnonzero(weights)
            seen = Seen()
            if alone.size == 1:  # where the one sample that counts was seen
                i = int(alone[0])
                one = np.outer(delta[:, i], a[:, i]) if letter == "W" else delta[:, i]
                hits = self._gradient_hits(one)
                seen = Seen(hits, (), (), 1.0 if hits else 0.0)
            state.departures.append(Departure(quantity, layer, "backward", formula, right, seen))
            return
        state.updates[name] = Update(name, layer, float("nan"), float("nan"), None, right)
        state.cost += COST["unknown"]

    def _of_another_delta(self, state: State, layer: int, letter: str) -> Iterable[Formula]:
        """Gradients of a delta that is wrong in this gradient only; that delta is their operand."""
        t = self.textbook
        if any(departure.quantity == f"delta{layer}" for departure in state.departures):
            return
        deltas = book.output_deltas(state, t) if layer == t.depth else book.hidden_deltas(state, t, layer, {})
        for delta in deltas:
            if delta.right or not np.all(np.isfinite(delta.value)):
                continue
            if letter == "W":
                text, value = f"(1/m)·[{delta.text}]·A{layer - 1}ᵀ", delta.value @ state.A[layer - 1].T / t.m
            else:
                text, value = f"(1/m)·Σ [{delta.text}]", delta.value.mean(axis=1)
            yield Formula(delta.id, text, value, parts=delta.parts, factors=(delta.value, state.A[layer - 1]))

    def _gradient_seen(self, formula: Formula) -> Seen:
        """Where a wrong gradient was seen, as a batch's or, where it is made of the samples' own, as theirs."""
        if not formula.factors:
            hits = self._gradient_hits(formula.value) if _of_one_output(formula.value) else ()
            return Seen(hits, (), (), 1.0) if hits else self.present(formula.value)
        d, *signals = formula.factors
        return self.present_gradient(
            formula.value, lambda i: np.outer(d[:, i], signals[0][:, i]) if formula.value.ndim == 2 else d[:, i]
        )

    def _zeros(self, value: np.ndarray) -> Seen:
        """Recorded numbers that are zero up to rounding, as sums that cancel are."""
        tiny = [Hit(ref, 1.0, "as is") for ref, number in self.index.of_size(1) if 0 < abs(float(number)) < 1e-14]
        return Seen(tuple(tiny[:3]), (), (), 1.0 if tiny else 0.0)

    def _beyond_the_layer(self, state: State, layer: int, letter: str) -> Iterable[Formula]:
        """Gradients that involve other layers: taken after another layer's update, or summed with another layer's."""
        t = self.textbook
        for words, changed in (
            ("below", [k for k in range(1, t.depth + 1) if k < layer]),
            ("above", [k for k in range(1, t.depth + 1) if k > layer]),
            ("all others", [k for k in range(1, t.depth + 1) if k != layer]),
        ):
            if changed and all(np.all(np.isfinite(self.W_new[k - 1])) for k in changed):
                gradient = self._plain_gradients(state, changed)
                if gradient is not None:
                    value = gradient[layer][0 if letter == "W" else 1]
                    yield Formula(
                        "sequential-update", f"d{letter}{layer} taken after the update of the layers {words}", value
                    )
        plain = self._plain_gradients(state, [])
        if plain is not None and letter == "W":
            mine = plain[layer][0]
            for other, (gradient, _) in plain.items():
                if other != layer and gradient.shape == mine.shape:
                    id = "np-alias" if t.language == "Python" else "accumulator-not-reset"
                    yield Formula(id, f"dW{layer} + dW{other}", mine + gradient)
                    yield Formula("wrong-layer", f"dW{other}", gradient)
        if plain is not None and letter == "b":
            mine = plain[layer][1]
            for other, (_, gradient) in plain.items():
                if other != layer and gradient.shape == mine.shape:
                    id = "np-alias" if t.language == "Python" else "accumulator-not-reset"
                    yield Formula(id, f"db{layer} + db{other}", mine + gradient)
                    yield Formula("wrong-layer", f"db{other}", gradient)

    def _plain_gradients(self, state: State, changed: list[int]):
        """dW and db of every layer by the book, with the layers in `changed` at their returned values."""
        t = self.textbook
        key = (tuple(changed), tuple(state.activations), state.loss)
        if key not in self._plain:
            W = [self.W_new[k] if k + 1 in changed else w for k, w in enumerate(t.W)]
            b = [self.b_new[k] if k + 1 in changed else v for k, v in enumerate(t.b)]
            self._plain[key] = plain_pass(t, state, t.X, t.Y, W, b).gradients or None
        return self._plain[key]

    def _fit(self, old: np.ndarray, new: np.ndarray, gradient: np.ndarray, decays: bool) -> tuple[float, float] | None:
        """keep and rate with new = keep * old + rate * gradient, element by element; None if there are none.

        keep is 1 unless the parameter may decay.
        """
        if not (np.all(np.isfinite(new)) and np.all(np.isfinite(gradient)) and np.any(gradient)):
            return None
        change = proportion(new - old, gradient, self.loose)
        if change is not None:
            if (old.size > 2 and np.ptp(gradient) > 0) or self._known_rate(change):  # equal numbers fit any rate
                return 1.0, change
            return None
        if old.size < 3 or not decays:
            return None
        basis = np.column_stack([old.ravel(), gradient.ravel()])
        solution, *_ = np.linalg.lstsq(basis, new.ravel(), rcond=None)
        rest = np.max(np.abs(basis @ solution - new.ravel()))
        if rest <= SAME * 10 * np.max(np.abs(new)) and abs(solution[1]) > 0:
            return float(solution[0]), float(solution[1])
        return None

    def _known_rate(self, rate: float) -> bool:
        eta = self.textbook.eta
        return any(abs(abs(rate) - eta * factor) <= self.loose * eta * factor for factor in self.index.factors)

    def _sample_weights(self, state: State, layer: int, letter: str, change: np.ndarray) -> np.ndarray | None:
        """Weights w_i with change = −eta Σ w_i gradient_i, where samples do not count equally."""
        delta, a = state.delta[layer], state.A[layer - 1]
        m = self.textbook.m
        basis = np.column_stack([np.outer(delta[:, i], a[:, i]).ravel() for i in range(m)]) if letter == "W" else delta
        if state.weights is not None:
            value = basis @ state.weights
            if proportion(change.ravel(), value, self.loose) is not None:
                return state.weights
        if basis.shape[0] <= m or not np.all(np.isfinite(change)) or not np.all(np.isfinite(basis)):
            return None
        solution, *_ = np.linalg.lstsq(basis, -change.ravel() / self.textbook.eta, rcond=None)
        rest = np.max(np.abs(basis @ solution + change.ravel() / self.textbook.eta))
        if not np.any(solution) or rest > 1e-8 * np.max(np.abs(change)) / self.textbook.eta:
            return None
        solution[np.abs(solution) < 1e-9 * np.max(np.abs(solution))] = 0.0
        return solution


def _shown(value: np.ndarray) -> float:
    """The share of the samples that can be seen one by one: those that are not all zero."""
    return float(np.mean(np.any(value, axis=0))) if value.ndim == 2 else 1.0


def _repeated(state: State, quantity: str, formula: Formula) -> bool:
    """The account has the same mistake in the same quantity of another layer already."""
    alike = [departure.formula for departure in state.departures if _letters(departure.quantity) == _letters(quantity)]
    if formula.id is None and not formula.omits:
        return formula.text != "?" and any(_letters(other.text) == _letters(formula.text) for other in alike)
    return any((other.id, other.omits) == (formula.id, formula.omits) for other in alike)


def _letters(text: str) -> str:
    """A text without the numbers of layers."""
    return re.sub(r"\d", "", text)


def _twin(state: State, layer: int, formula: Formula) -> bool:
    """The layer's other parameter has the same mistake: W and b in one matrix, or both from one wrong operand."""
    return formula.id is not None and any(
        departure.formula.id == formula.id and departure.layer == layer and departure.quantity[:2] in ("dW", "db")
        for departure in state.departures
    )


def ties_of(formula: Formula, formulas: Iterable[Formula]) -> tuple[str, ...]:
    """Other mistakes that give the very same value; numbers alone cannot tell them apart."""
    names = []
    for other in formulas:
        name = other.id or other.text
        if other is formula or other.right or name == (formula.id or formula.text) or name in names:
            continue
        if other.value.shape == formula.value.shape and proportion(other.value, formula.value) is not None:
            names.append(name)
    return tuple(names[:4])


def unscaled(seen: Seen) -> Seen:
    """Only the hits that are the quantity itself, up to sign."""
    batch = tuple(hit for hit in seen.batch if abs(abs(hit.factor) - 1) < 1e-6)
    samples = []
    for i, hits in seen.samples:
        exact = tuple(hit for hit in hits if abs(abs(hit.factor) - 1) < 1e-6)
        if exact:
            samples.append((i, exact))
    total = max(1, len(seen.samples))
    return Seen(batch, tuple(samples), (), 1.0 if batch else seen.coverage * len(samples) / total)


def _same_scale(samples: list) -> list:
    """Keep the factors that all samples share; a factor of its own for each sample is another quantity."""
    if len(samples) < 2:
        return samples
    shared = None
    for _, hits in samples:
        factors = {float(f"{hit.factor:.7g}") for hit in hits}
        shared = factors if shared is None else shared & factors
    if not shared:
        return []
    return [(i, tuple(hit for hit in hits if float(f"{hit.factor:.7g}") in shared)) for i, hits in samples]


def _orders(index: ValueIndex, value: np.ndarray, keep_identity: bool = False) -> list[np.ndarray]:
    """Permutations of the samples in which `value` was recorded."""
    n, m = value.shape
    columns = {value[:, i].tobytes(): i for i in range(m)}
    found: list[np.ndarray] = []
    for _, recorded in index.of_size(value.size):
        if recorded.shape == (m, n) and n != m:
            recorded = recorded.T
        if recorded.shape != (n, m):
            continue
        order = [columns.get(np.ascontiguousarray(recorded[:, i]).tobytes()) for i in range(m)]
        if None in order:
            continue
        permutation = np.array(order)
        whole = len(set(order)) == len(columns)
        identity = np.array_equal(value[:, permutation], value)
        if whole and (keep_identity or not identity) and not any(np.array_equal(permutation, other) for other in found):
            found.append(permutation)
    return found[:3]


def _weights_id(weights: np.ndarray) -> str:
    used = weights[weights != 0]
    if used.size < weights.size and np.allclose(used, used[0]):
        return "batch-lost"
    return "accumulator-not-reset" if np.all(np.diff(np.abs(weights)) <= 1e-9) else "batch-lost"


def _of_one_output(gradient: np.ndarray) -> bool:
    """The gradient of the weights of a layer of one unit."""
    return gradient.ndim == 2 and gradient.shape[0] == 1
