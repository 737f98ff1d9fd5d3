"""Turn an account of the run into findings: which differences are bugs, which are conventions, where each stands."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from nnparity.diagnosis import textbook as book
from nnparity.diagnosis.blame import Blamer
from nnparity.diagnosis.catalogue import fix_for
from nnparity.diagnosis.explain import Explainer
from nnparity.diagnosis.finding import Finding, evidence_of, merged, update_text
from nnparity.diagnosis.follow import Departure, Follower, State, Textbook, Update
from nnparity.diagnosis.labels import factor_text, label_values
from nnparity.diagnosis.places import Places
from nnparity.diagnosis.run import Run


class Conclusion:
    """The findings of one account."""

    def __init__(self, run: Run, state: State, follower: Follower, textbook: Textbook):
        self.run, self.state, self.follower, self.textbook = run, state, follower, textbook
        self.labels = label_values(state, textbook, follower.index, follower.orders)
        self.blamer = Blamer(run, self.labels, follower, state)
        self.places = Places(run, state, follower, textbook, self.blamer)
        self.explainer = Explainer(run, self.labels)
        self.unseen: list[tuple[Departure, Any]] = []  # departures that show in no value, and where they were placed

    def findings(self) -> list[Finding]:
        self.unseen.clear()
        found = [self._from_departure(departure) for departure in self.state.departures]
        found += self._from_updates()
        return merged([finding for finding in found if finding is not None])

    # -- quantities --------------------------------------------------------------------------------------------------

    def _from_departure(self, departure: Departure) -> Finding | None:
        event = self.blamer.wrong_value(departure)
        if event is not None:
            event = self.blamer.asked_by_word(event, departure.formula) or event
        if departure.formula.id == "sequential-update":
            event = self.places.first_update(departure.layer)
        if departure.formula.id == "batch-lost" and event is None:
            event = self.places.short_loop(departure)
        if departure.formula.id in ("r-byrow", "transposed") and departure.quantity.startswith("dW"):
            event = self.places.unrolled(departure, event)
        if event is None:
            event = self._where_another_layer_has_it(departure) or self.places.fallback(departure)
            self.unseen.append((departure, event))
        row = self._row_repeated(departure)
        if row is not None:
            departure, event = replace(departure, formula=replace(departure.formula, id="np-alias")), row
        if event is not None and self.places.index_zero(event):
            departure = replace(departure, formula=replace(departure.formula, id="r-factor-codes"))
        idle = self._idle_mask(departure)
        if idle is not None:
            departure = replace(departure, formula=replace(departure.formula, id="relu-mask-wrong"))
            event = idle
        if departure.formula.id == "wrong-layer" and event is not None:
            event = self.blamer.layers.renamed(event, departure) or event
        turned = self.places.turned_by_apply(event) if departure.formula.id == "transposed" else None
        if turned is not None:
            departure = replace(departure, formula=replace(departure.formula, id="r-apply-transpose"))
            event = turned
        formula, right = departure.formula, departure.right
        computes = formula.text
        kind, id = departure.kind, formula.id
        if formula.text == "?" or event is not None:
            computes = self.explainer.computes(event) if formula.text == "?" and event is not None else formula.text
        if kind in ("bug", "unexplained") and formula.id is None and formula.text == "?":
            kind = self._kind_of_unknown(event)
        if kind == "declaration" and departure.quantity.startswith("delta") and self._computes_declared_loss():
            kind = "bug"
        if kind == "declaration" and departure.quantity.startswith("A") and self._derived_otherwise(departure.layer):
            kind = "bug"
        finding = Finding(
            id,
            kind,
            departure.phase,
            departure.quantity,
            departure.layer,
            computes,
            right.text,
            event,
            evidence=evidence_of(formula.value, right.value, self._terms(departure.layer)),
            departures=[departure],
            layers=[departure.layer],
            covers=[f"{departure.quantity[1]}{departure.layer}_new"] if departure.quantity[:2] in ("dW", "db") else [],
            ties=list(departure.ties),
        )
        if formula.declares and kind == "declaration":
            option, word = next(iter(formula.declares.items()))
            consistent = f"--{option.replace('_', '-')} {word}"
            finding.fix = f"The code is consistent with {consistent}: declare that, or compute {right.text}."
        return self._placed(finding)

    def _where_another_layer_has_it(self, departure: Departure):
        """The place of the same mistake in a layer above, of which no value was seen either."""
        mine = departure.formula.id, departure.quantity[:2]
        alike = [event for other, event in self.unseen if (other.formula.id, other.quantity[:2]) == mine]
        return alike[0] if alike and departure.formula.id else None

    def _row_repeated(self, departure: Departure):
        """Of a gradient whose rows, or columns, are all the same one: the zeros that hold one row several times."""
        value = departure.formula.value
        alike = value.ndim == 2 and any(np.ptp(value, axis=axis).max() == 0 for axis in (0, 1) if value.shape[axis] > 1)
        lists = self.textbook.language == "Python" and departure.quantity.startswith("dW")
        return self.blamer.stores.one_row_repeated(value) if lists and alike else None

    def _idle_mask(self, departure: Departure):
        """Of a rectifier's delta without its derivative: the mask that was computed, and is one everywhere."""
        if not departure.formula.omits or not departure.quantity.startswith("delta"):
            return None
        rectifier = "relu" in self.state.activations[departure.layer - 1]
        return self.blamer.handing.mask_of_ones(departure) if rectifier else None

    def _kind_of_unknown(self, event) -> str:
        """What is written with right values only, and is not the textbook's, is a bug, though no known mistake."""
        return "bug" if event is not None and self.explainer.known(event) else "unexplained"

    def _derived_otherwise(self, layer: int) -> bool:
        """A hidden layer's delta is not that of the activation which is computed: then no other network is meant."""
        wrong = {departure.quantity for departure in self.state.departures if departure.kind in ("bug", "unexplained")}
        return layer < self.textbook.depth and f"delta{layer}" in wrong

    def _computes_declared_loss(self) -> bool:
        """The loss value of the declared loss is computed in the step: then its delta is what was meant."""
        t, L = self.textbook, self.textbook.depth
        A, Y = self.state.A[L], t.Y
        with np.errstate(all="ignore"):
            terms = {
                "quadratic": (A - Y) ** 2,
                "mean_squared_error": (A - Y) ** 2,
                "categorical_cross_entropy": Y * np.log(A),
                "binary_cross_entropy": (1 - Y) * np.log(1 - A),
                "mean_absolute_error": np.abs(A - Y),
            }.get(t.loss)
        return terms is not None and bool(np.all(np.isfinite(terms))) and bool(self.follower.present(terms))

    def _terms(self, layer: int) -> int:
        return self.textbook.W[layer - 1].shape[1] + self.textbook.m

    def _from_updates(self) -> list[Finding]:
        eta = self.textbook.eta
        updates = self.state.updates
        found: list[Finding] = []
        factors: dict[str, float] = {}
        for name, update in updates.items():
            if update.formula is None:
                found.append(self._unknown_update(update))
            elif update.rate == 0:
                found.append(self._lost(update))
            elif abs(update.keep - 1) > self.follower.loose:
                found.append(self._kept(update))
            elif update.weights is None and update.formula.right and update.layer > self._unmeasured():
                factors[name] = -update.rate / eta
        decays = [finding for finding in found if finding.kind == "convention"]
        if 0 < len(decays) < sum(name.startswith("W") for name in updates):
            for finding in decays:  # a penalty on some layers only is none
                finding.kind, finding.fix = "bug", fix_for(None, finding.quantity, finding.expected)
        found += self._from_factors(factors)
        return found

    def _unmeasured(self) -> int:
        """Below this layer signs and factors say nothing: a delta above has no known formula, or one without sign."""
        layers = [
            departure.layer for departure in self.state.departures
            if departure.quantity.startswith("delta")
            and (departure.formula.text == "?" or departure.formula.id == "squared-error-as-delta")
        ]
        return max(layers, default=0)

    def _from_factors(self, factors: dict[str, float]) -> list[Finding]:
        """One constant on all is a convention; on some, a bug; a negative one climbs."""
        if not factors:
            return []
        rounded = {name: float(f"{factor:.6g}") for name, factor in factors.items()}
        counts = Counter(rounded.values())
        scattered = len(counts) > 2 and max(counts.values()) < len(rounded) / 2
        most = max(counts, key=lambda c: (c > 0, counts[c], -abs(np.log(abs(c)))))
        last = {c for name, c in rounded.items() if self.state.updates[name].layer == self.textbook.depth}
        half = 1.0 in counts and counts[most] <= len(rounded) / 2
        common = 1.0 if half or scattered or last == {1.0} else most  # what comes first is right: the outputs' layer
        found: list[Finding] = []
        if (common < 0 and len(counts) == 1) or (len({np.sign(c) for c in counts}) == 1 and common < 0):
            found.append(self._ascent(list(factors), abs(common)))
            rounded = {name: -factor for name, factor in rounded.items()}
            common = -common
        if abs(common - 1) > self.follower.loose:
            found.append(self._convention(common, [name for name, c in rounded.items() if c == common]))
        odd = {name: c for name, c in rounded.items() if abs(c - common) > self.follower.loose * abs(common)}
        groups: dict[float, list[str]] = {}
        for name, c in odd.items():
            groups.setdefault(float(f"{c / common:.6g}"), []).append(name)
        for ratio, names in groups.items():
            found += self._odd(ratio, names, common)
        return found

    def _odd(self, ratio: float, names: list[str], common: float) -> list[Finding]:
        update = self.state.updates[names[0]]
        letter = names[0][0]
        layers = sorted({self.state.updates[name].layer for name in names}, reverse=True)
        if ratio < 0:
            if letter == "b" and {name[0] for name in names} == {"b"} and self.places.folded(update) is not None:
                return [self._ascent([name], abs(ratio)) for name in names]
            return [self._ascent(names, abs(ratio))]
        quantity = f"d{letter}{update.layer}"
        both = all(
            f"{letter}{layer}_new" in names for layer in layers for letter in "Wb" if layer not in self.textbook.no_bias
        )
        below = both and layers == list(range(layers[0], 0, -1)) and layers[0] < self.textbook.depth
        if below and not self._seen_as_it_is(f"delta{layers[0]}"):
            quantity = f"delta{layers[0]}"
        id = self._factor_id(ratio)
        right = self.state.rights[quantity]
        words = self._factor_words(ratio)
        computes, expected = f"{words}[{right.text}]", right.text
        event, taken = self.places.spoiled(quantity, ratio, common), self.places.returned(letter, update.layer)
        if event is not None:
            if taken is not None and self.run.statement(event) is self.run.statement(taken):
                quantity, expected = names[0], update_text(names[0], update.layer)
                computes = expected.replace("η·", f"η·{words}")
        elif not self._sibling_alike(quantity, ratio, names):
            event = self.places.scaled_event(quantity, ratio, common)
        event = event or taken
        if id == "sum-for-mean" and event is not None and event is not taken and expected == right.text:
            beside = self.places.beside_the_division(event, update, names, ratio, common)
            event = beside or self.blamer.handing.named_again(event) or event
        if id == "missing-half":  # the square's 2 is on all gradients or on none
            id = None
        finding = Finding(
            id,
            "bug",
            "backward" if expected == right.text else "update",
            quantity,
            update.layer,
            computes,
            expected,
            event,
            factor=ratio,
            layers=layers,
            covers=list(names),
            evidence=evidence_of(right.value * ratio, right.value, self._terms(update.layer)),
        )
        return [self._placed(finding)]

    def _seen_as_it_is(self, quantity: str) -> bool:
        """Whether a quantity was recorded with no factor but a sign; a delta, with none but those of the output's."""
        seen, first = self.state.seen.get(quantity), self.state.seen.get(f"delta{self.textbook.depth}")
        due = {1.0, *(abs(hit.factor) for hit in (first.hits() if first and quantity.startswith("delta") else ()))}
        factors = [abs(hit.factor) for hit in seen.hits()] if seen is not None else []
        return any(abs(factor / value - 1) < 1e-6 for factor in factors for value in due)

    def _sibling_alike(self, quantity: str, ratio: float, names: list[str]) -> bool:
        """A gradient that ends right has the same factor at first: it is the update that differs."""
        if not quantity.startswith(("dW", "db")):
            return False
        letter, layer = ("b" if quantity[1] == "W" else "W"), int(quantity[2:])
        right = [f"{letter}{layer}", *[f"{quantity[1]}{k}" for k in range(1, self.textbook.depth + 1) if k != layer]]
        seen = [self.state.seen.get(f"d{name}") for name in right if f"{name}_new" not in names]
        near = lambda where, factor: any(abs(abs(hit.factor / factor) - 1) < 1e-4 for hit in where.batch)  # noqa: E731
        mine = self.state.seen.get(quantity)
        alike = [where for where in seen if where is not None and near(where, ratio) and not near(where, 1.0)]
        return mine is not None and near(mine, ratio) and bool(alike)

    def _factor_words(self, factor: float) -> str:
        """A constant on a gradient, in words."""
        t = self.textbook
        return factor_text(factor, t.m, t.eta, t.Y.shape[0], is_gradient=True) or f"{factor:.6g}·"

    def _factor_id(self, factor: float) -> str | None:
        m, n = self.textbook.m, self.textbook.Y.shape[0]
        near = lambda value: abs(factor - value) <= 1e-5 * abs(value)  # noqa: E731
        if near(m) or near(2 * m) or near(m / 2):
            return "sum-for-mean"
        if near(2):
            return "missing-half"
        widths = [self.textbook.X.shape[0], *[w.shape[0] for w in self.textbook.W]]
        widths += [width + 1 for width in widths]  # with the constant input of the biases
        counts = [1 / m, 2 / m, 1 / m**2, 1 / n, 2 / n]
        counts += (
            [m / k for k in widths] + [1 / k for k in widths] + [2 * m / k for k in widths] + [2 / k for k in widths]
        )
        if any(near(value) for value in counts) and not near(0.5):  # a half may be anything
            return "wrong-count"
        return None

    def _convention(self, factor: float, names: list[str]) -> Finding:
        update = self.state.updates[names[0]]
        event = self._origin_of_factor(factor, names) or self.places.returned(names[0][0], update.layer)
        id = self._factor_id(factor)
        words = self._factor_words(factor)
        finding = Finding(
            id,
            "convention",
            "update",
            f"{names[0]}",
            update.layer,
            f"every dW and db times {words.rstrip('·') or '1'}",
            update.right.text,
            event,
            factor=factor,
            evidence=None,
        )
        finding.fix = (
            f"Not a bug: every gradient carries the constant factor {factor:.6g}; "
            f"a learning rate of η/{factor:.6g} makes up for it."
        )
        return self._placed(finding)

    def _origin_of_factor(self, factor: float, names: list[str]):
        """Where a constant enters: at delta[L], else at the gradients."""
        L = self.textbook.depth
        delta = self.state.seen.get(f"delta{L}")
        if delta is not None and not any(abs(abs(hit.factor) - 1) < 1e-9 for hit in delta.hits()):
            event = self.places.scaled_event(f"delta{L}", factor)
            if event is not None:
                return event
        if delta is not None:
            m = self.textbook.m
            scaled = [
                hit
                for hit in delta.batch
                if abs(hit.factor * m / factor - 1) < 1e-4
                and abs(factor - 1) > 1e-4
                and abs(hit.factor * m - 1) > 1e-4
                and abs(hit.factor - 1) > 1e-4
            ]
            if scaled:
                return self.blamer.makers.earliest(scaled)
        for name in names:
            quantity = f"d{name[0]}{self.state.updates[name].layer}"
            seen = self.state.seen.get(quantity)
            if seen is not None and not any(abs(abs(hit.factor) - 1) < 1e-9 for hit in seen.batch):
                event = self.places.scaled_event(quantity, factor)
                if event is not None:
                    return event
        return None

    def _ascent(self, names: list[str], size: float) -> Finding:
        """The sign is turned where the code leaves the textbook's: at y − a with a minus update, else at the update."""
        L = self.textbook.depth
        update = self.state.updates[names[0]]
        everything = len(names) == len([u for u in self.state.updates.values() if u.formula is not None])
        layers = sorted({self.state.updates[name].layer for name in names}, reverse=True)
        event, quantity = None, names[0]
        right = update_text(names[0], update.layer)
        start = layers[0]
        chain = everything or (layers == list(range(start, 0, -1)) and {n[0] for n in names} == {"W", "b"})
        if chain:
            seen = self.state.seen.get(f"delta{start}")
            error = self.follower.present(self.state.A[L] - self.textbook.Y) if start == L else None
            way = 1.0
            if start < L:
                error = self.follower.present(self.textbook.W[start].T @ self.state.delta[start + 1])
                above = self.state.seen.get(f"delta{start + 1}")
                # Code that keeps y − a keeps it in every layer: turned is what differs from the layer above.
                way = -1.0 if above and all(hit.factor < 0 for hit in above.hits()) else 1.0
            for where in ([error] if error else []) + ([seen] if seen else []):
                hits = self.blamer.makers.live(where.hits())
                turned = [hit for hit in hits if way * hit.factor < 0]
                straight = [hit for hit in hits if way * hit.factor > 0]
                if (turned and not straight) or (turned and start < L):
                    first = self.blamer.makers.earliest(turned)
                    if first is not None and self.run.handed_in(first):
                        break  # as the adapter knows it has to be
                    if first is not None:
                        event = self._of_the_slope(first, turned)
                        quantity = f"delta{start}"
                        right = self.state.rights[quantity].text
                        break
        if event is None:
            event = self.places.gradient_turned(names)
        if event is None and everything:
            event, quantity, right = self._turned_before(names)
        if event is None:
            event = self.places.returned(names[0][0], update.layer)
        id = "ascent"
        if {name[0] for name in names} == {"b"}:
            folded = self.places.folded(update)
            if folded is not None:
                event, id = folded, "bias-sign"
        finding = Finding(
            id,
            "bug",
            "backward" if quantity.startswith("d") else "update",
            quantity,
            start,
            "",
            right,
            event,
            layers=layers,
            covers=list(names),
        )
        value = update.right.value
        finding.evidence = evidence_of(-value, value, self._terms(update.layer))
        finding = self._placed(finding)
        told = self.explainer.computes(finding.event) if finding.event is not None else ""
        uphill = right.replace(" − ", " + ", 1) if quantity.endswith("_new") else f"−({right})"
        finding.computes = uphill if re.fullmatch(r"[\w.\[\]]*", told) else told  # a bare name tells nothing
        return finding

    def _of_the_slope(self, event, turned: list):
        """Of an error a − y, the product with a constant that makes the loss's slope of it, where there is one."""
        made = [
            other
            for ref in {hit.ref for hit in turned}
            for other in self.run.by_ref.get(ref, ())
            if other.seq > event.seq and self.run.node(other).op in ("*", "/")
            and any(operand.ref == event.ref for operand in self.run.operands(other))
        ]  # fmt: skip
        return max(made, key=lambda other: other.seq, default=event)

    def _turned_before(self, names: list[str]):
        """The error, where several statements would have to turn the steps; what it misses, and the right of that."""
        L = self.textbook.depth
        updates = [self.places.returned_by_candidate(name[0], int(name[1:-4])) for name in names]
        own = {self.run.statement(one).id for one in updates if one is not None}
        errors = self.blamer.makers.events_of(self.follower.present(self.state.A[L] - self.textbook.Y))
        events = [one for one in errors if self.run.node(one).file != self.run.adapter]
        if len(own) == 1 or not events:
            return None, names[0], update_text(names[0], self.state.updates[names[0]].layer)
        return events[0], f"delta{L}", self.state.rights[f"delta{L}"].text

    def _lost(self, update: Update) -> Finding:
        t = self.textbook
        letter, layer = update.quantity[0], update.layer
        old = (t.W if letter == "W" else t.b)[layer - 1]
        expected = update_text(update.quantity, layer)
        event = None
        hits = self.places.changed_values(old, update)
        if not hits and letter == "b" and f"W{layer}_new" in self._lost_names():  # perhaps a row of the weights'
            hits = self.places.changed_values(t.W[layer - 1], self.state.updates[f"W{layer}_new"])
        if hits:
            events = [e for ref in hits if (e := self.run.computed(ref)) is not None]
            event = max(events, key=lambda e: e.seq) if events else None
            if event is not None:
                event = self.places.discarded(event) or event
                kept = self.places.kept_as_it_was(old, event)  # the old value where the new one was at hand
                event = kept if kept is not None and kept.frame == event.frame else event
        lost = letter == "W" or hits or f"W{layer}_new" in self._lost_names()
        id: str | None = "update-lost" if lost else "bias-missing"
        zeros = None if self._seen_as_it_is(f"delta{layer}") else self.places.all_zero(layer)
        if zeros is not None and f"W{layer}_new" in self._lost_names():
            delta = self.state.rights[f"delta{layer}"]
            base = self.state.activations[layer - 1]
            id = "relu-mask-wrong" if "relu" in base and layer < t.depth else None
            finding = Finding(
                id,
                "bug",
                "backward",
                f"delta{layer}",
                layer,
                "0",
                delta.text,
                zeros,
                layers=[layer],
                covers=[update.quantity],
                evidence=evidence_of(0 * delta.value, delta.value, self._terms(layer)),
            )
            return self._placed(finding)
        away = self.places.summed_away(layer) if letter == "b" and not lost else None
        if away is not None:
            event, id = away, book.one_number_id(t.language)
        if event is None and lost and len(self._lost_names()) == len(self.state.updates):
            event = self.places.kept_locally()
        found = self.state.seen.get(f"db{layer}")
        summed = found and (found.batch or found.sums or any(hit.layout == "number" for hit in found.hits()))
        kept = f"W{layer}_new" not in self._lost_names()
        if event is None and letter == "b" and kept and not summed:
            event = zeros or self.places.copied_delta([layer])
        if event is None and letter == "b" and kept and not summed:
            beside = self.state.seen.get(f"dW{layer}")  # there the bias's should stand, too
            event = next(iter(self.blamer.makers.events_of(beside)), None) if beside else None
            event = event or self.places.copied_delta(sorted(self.state.delta))
        if event is None and {f"W{layer}_new", f"b{layer}_new"} & set(self.state.updates) <= self._lost_names():
            event = self.places.call_for_others(update)
        if event is None:
            event = self.places.update_of_others(update)
        if event is None:
            event = self.places.kept_as_it_was(old, self.places.first_gradient(letter, layer))
        if event is None:
            other = "b" if letter == "W" else "W"
            event = self.places.returned(other, layer) or self.places.first_gradient(letter, layer)
        finding = Finding(
            id,
            "bug",
            "update",
            update.quantity,
            layer,
            f"{letter}{layer}",
            expected,
            event,
            layers=[layer],
            evidence=evidence_of(old, old - t.eta * update.right.value, self._terms(layer)),
        )
        return self._placed(finding)

    def discarded_call(self) -> Finding | None:
        """A function of the candidate called as a statement of its own, and its result thrown away."""
        for frame in self.run.frames.values():
            node = self.run.nodes.get(frame.call_node or -1)
            if node is None or node.kind != "expr" or node.stmt != node.id or node.file == self.run.adapter:
                continue
            finding = Finding("update-lost", "bug", "update", "W1_new", 1, f"{node.text}, and its result goes nowhere",
                              update_text("W1_new", 1), None, ties=["r-copy-semantics"])
            finding.place = self.run.place(node)
            finding.fix = fix_for(finding.id, finding.quantity, finding.expected)
            return finding
        return None

    def _lost_names(self) -> set[str]:
        return {name for name, update in self.state.updates.items() if update.rate == 0}

    def _kept(self, update: Update) -> Finding:
        """new = keep·old + rate·gradient with keep ≠ 1: a second subtraction, a decay, or a parameter thrown away."""
        t = self.textbook
        letter, layer = update.quantity[0], update.layer
        name = f"{letter}{layer}"
        event = self.places.returned(letter, layer)
        expected = update_text(update.quantity, layer)
        keep, rate = update.keep, update.rate
        id, kind = None, "bug"
        if abs(rate) < 1e-12:  # no gradient in it
            words = factor_text(1 - keep, t.m, t.eta, t.Y.shape[0]) or f"{1 - keep:.6g}·"
            computes = f"{name} − {words}{name}"
        elif abs(keep) < self.follower.loose:
            computes = f"{factor_text(rate, t.m, t.eta, t.Y.shape[0]) or f'{rate:.6g}·'}d{name}"
            event = self.places.named_last(event) or event
        elif rate > 0 and keep < 1:
            share = 1 - keep
            words = factor_text(share, t.m, t.eta, t.Y.shape[0]) or f"{share:.6g}·"
            computes, id = f"{name} − {words}{name}_new", "updated-parameters-as-gradient"
        elif letter == "W" and 0 < keep < 1 and rate < 0:
            penalty = (1 - keep) / t.eta
            computes, kind = f"{name} − η·(d{name} + {penalty:.6g}·{name})", "convention"
        else:
            computes = f"{keep:.6g}·{name} {'+' if rate > 0 else '−'} {abs(rate):.6g}·d{name}"
            if letter == "b" and 0 < keep < 1:
                id = "bias-missing"
        old = (t.W if letter == "W" else t.b)[layer - 1]
        new = (self.follower.W_new if letter == "W" else self.follower.b_new)[layer - 1]
        finding = Finding(
            id,
            kind,
            "update",
            update.quantity,
            layer,
            computes,
            expected,
            event,
            layers=[layer],
            covers=[update.quantity],
            evidence=evidence_of(new, old - t.eta * update.right.value, self._terms(layer)),
        )
        if kind == "convention":
            finding.fix = f"Not a bug: an L2 penalty of strength {(1 - keep) / t.eta:.6g} is part of the update."
            finding.factor = (1 - keep) / t.eta
        return self._placed(finding)

    def _unknown_update(self, update: Update) -> Finding:
        letter, layer = update.quantity[0], update.layer
        t = self.textbook
        new = (self.follower.W_new if letter == "W" else self.follower.b_new)[layer - 1]
        old = (t.W if letter == "W" else t.b)[layer - 1]
        change = new - old
        one_number = old.size > 1 and np.ptp(change) <= 1e-12 * np.max(np.abs(new))
        event = self.places.returned(letter, layer)
        if event is not None and not one_number:
            event = self.blamer.trail.first_unlabelled(event)
        expected = update_text(update.quantity, layer)
        computes = self.explainer.computes(event) if event is not None else expected
        if one_number:
            computes = f"{letter}{layer} and one number for all of it"
        if computes == expected:  # the update is as it should be, its gradient is not
            computes = "something that nothing explains"
        finding = Finding(
            "np-scalar-sum" if one_number and t.language == "Python" else None,
            "bug" if one_number else self._kind_of_unknown(event),
            "update",
            update.quantity,
            layer,
            computes,
            expected,
            event,
            layers=[layer],
            covers=[update.quantity],
            evidence=evidence_of(new, old - t.eta * update.right.value, self._terms(layer)),
        )
        return self._placed(finding)

    # -- places ------------------------------------------------------------------------------------------------------

    def _placed(self, finding: Finding) -> Finding:
        if finding.event is None:
            finding.event = self.places.nearest(finding)
        if finding.event is not None:
            finding.event = self._where_computed(finding.event, finding)
            if finding.kind != "convention" and self.run.node(finding.event).file == self.run.adapter:
                lost = finding.id in ("update-lost", "bias-missing")
                outside = self.places.out_of_adapter(finding.event, lost)
                if outside is not None:
                    if not finding.departures and finding.id is None:
                        outside = self.blamer.trail.first_unlabelled(outside)
                    finding.event = self._where_computed(outside, finding)
            finding.place = self.run.place(self.run.statement(finding.event))
        if not finding.fix:
            finding.fix = fix_for(finding.id, finding.quantity, finding.expected)
        return finding

    def _where_computed(self, event, finding: Finding):
        """Of a value that a statement only puts into a list, or gives another name: the expression that computed it."""
        if finding.departures and finding.departures[0].formula.omits:
            return event
        event = self.run.handed_to_setter(event)
        known = self.labels.get(event.ref)
        right = known is not None and known.right and event.ref not in self.blamer.trail.helpers.wrong
        stored = self.blamer.stores.only_stored(event, right) if finding.departures else None
        return self.run.filled_by(event) or stored or event
