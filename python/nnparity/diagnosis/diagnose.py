"""The door: run somebody's network once on a probe, follow it, conclude, prove, and go on to the next mistake."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nnparity.activations import check_activation
from nnparity.checks import InputError, check_count, check_number
from nnparity.diagnosis import failures, textbook as book
from nnparity.diagnosis.advice import advice
from nnparity.diagnosis.beyond import other_shapes, second_call
from nnparity.diagnosis.conclude import Conclusion
from nnparity.diagnosis.crash import crash_finding
from nnparity.diagnosis.finding import KINDS, Finding, update_text
from nnparity.diagnosis.follow import Follower, Textbook
from nnparity.diagnosis.matching import SAME, SAME_SINGLE, ValueIndex, constant_factors, proportion
from nnparity.diagnosis.mend import mend
from nnparity.diagnosis.plain import plain_pass
from nnparity.diagnosis.probe import Probe, make_probe, with_near_targets
from nnparity.diagnosis.prove import injections
from nnparity.diagnosis.recording import CandidateProcess, Recording, language_of
from nnparity.diagnosis.run import Run
from nnparity.diagnosis.use import ByUse

#: Repairs tried in one diagnosis.
MOST_REPAIRS = 6
#: Time for the changes of the source that are tried.
MENDING_SECONDS = 3.0


@dataclass
class Options:
    """What the person declared of the network; None where it is to be inferred."""

    sizes: tuple[int, ...] = (4, 6, 3)
    activation: str | tuple[str, ...] | None = None
    output_activation: str | None = None
    loss: str | None = None
    slope: float = 0.01
    batch: int = 7
    eta: float = 0.5
    seed: int = 1
    no_bias: tuple[int, ...] = ()
    functions_only: bool | None = None
    timeout: float = 60.0

    def __post_init__(self):
        """Refuse what no probe can be made of.

        Raises
        ------
        InputError
        """
        if len(self.sizes) < 2:
            raise InputError(f"--sizes must give at least two widths, such as 4,6,3, not {len(self.sizes)}.")
        for width in self.sizes:
            check_count(width, "each width of --sizes")
        check_count(self.batch, "--batch")
        check_count(self.seed, "--seed", 0)
        check_number(self.eta, "--eta", above=0)
        check_number(self.timeout, "--timeout", above=0)
        for layer in self.no_bias:
            if not 1 <= layer < len(self.sizes):
                last = len(self.sizes) - 1
                raise InputError(f"--no-bias must name layers from 1 to {last}, not {layer}.")
        for word in self.activations()[:-1]:
            if word is not None:
                check_activation(word, "--activation")

    def activations(self) -> list[str | None]:
        """One word, or None, for each layer."""
        hidden = len(self.sizes) - 2
        words = self.activation
        if words is None:
            row: list[str | None] = [None] * hidden
        elif isinstance(words, str):
            row = [*words.split(",")] if "," in words else [words] * hidden
        else:
            row = list(words) if len(words) != 1 else [words[0]] * hidden
        if len(row) != hidden:
            raise InputError(
                f"--activation must name one activation, or one for each of the {hidden} hidden layers, not {len(row)}."
            )
        return [*row, self.output_activation]


@dataclass
class Diagnosis:
    """The outcome of a diagnosis.

    Attributes
    ----------
    report : dict
        The JSON of the command line's contract: verdict, findings, verified quantities, blind spots, beyond.
    findings : pandas.DataFrame
        One row for each finding.
    verdict : str
        "crash", "bug", "unexplained", "declaration", "convention" or "ok".
    """

    report: dict[str, Any]
    details: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def verdict(self) -> str:
        return self.report["verdict"]

    @property
    def ok(self) -> bool:
        return self.verdict in ("ok", "convention")

    @property
    def exit_status(self) -> int:
        return 0 if self.ok else 1

    @property
    def findings(self):
        import pandas

        columns = list(Finding(None, "", "", "", None, "", "").as_dict())
        return pandas.DataFrame(self.report["findings"], columns=columns)

    def write_json(self, path: str | Path) -> None:
        """Write the report; the file appears whole or not at all."""
        path = Path(path)
        handle, temporary = tempfile.mkstemp(dir=path.parent or ".", prefix=path.name, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(self.report, file, ensure_ascii=False, indent=2, allow_nan=False)
            file.write("\n")
        os.replace(temporary, path)


def diagnose(candidate: str | Path, adapter: str | Path | None = None, **network: Any) -> Diagnosis:
    """Find the line in somebody's own network that is wrong, what it computes and what it should.

    Parameters
    ----------
    candidate : path
        One source file in R or Python; it, or `adapter` evaluated after it, defines step(W, b, X, Y, eta).
    adapter : path, optional
        A few lines that convert between the contract of `step` and the candidate's own functions.
    **network
        The fields of `Options`: sizes, activation, output_activation, loss, slope, batch, eta, seed, no_bias,
        functions_only, timeout.

    Returns
    -------
    Diagnosis

    Raises
    ------
    InputError
        When no step is obtained, or its result has the wrong shape; one sentence says whose fault it is.
    """
    data = network.pop("data", None)
    options = network.pop("options", None) or Options(**network)
    language = language_of(Path(candidate))
    if adapter is not None and language_of(Path(adapter)) != language:
        names = Path(candidate).name, Path(adapter).name
        raise InputError(f"{names[0]} is {language}, so its adapter must be {language} too, not {names[1]}.")
    # The numbers of somebody else's network may be of any size.
    with CandidateProcess(timeout=options.timeout) as process, np.errstate(all="ignore"):
        loaded = process.load(candidate, adapter=adapter, functions_only=options.functions_only)
        no_bias = tuple(sorted({*options.no_bias, *loaded.header.no_bias}))
        session = Session(process, options, no_bias, language, Path(candidate), adapter)
        diagnosis = session.diagnose()
        diagnosis.details["files"] = loaded.files
        if diagnosis.ok:
            diagnosis.report["next"] = advice(diagnosis.report)
        if data is not None:
            from nnparity.diagnosis.own_data import report_on_data  # floor 1's readers, only where there are data

            diagnosis.report["data"] = report_on_data(process, data, diagnosis.report["network"], options, no_bias)
        return diagnosis


class Session:
    """One candidate, its process and its probes."""

    def __init__(
        self,
        process: CandidateProcess,
        options: Options,
        no_bias: tuple[int, ...],
        language: str,
        candidate: Path,
        adapter,
    ):
        self.process, self.options, self.no_bias, self.language = process, options, no_bias, language
        self.candidate, self.adapter = candidate, adapter
        self.declared = options.activations()
        self.notes: list[str] = []  # what goes under "beyond"
        self.misshapen = ""  # what is said of a parameter that came back in another shape

    # -- one run -----------------------------------------------------------------------------------------------------

    def probe(self, batch: int | None = None) -> Probe:
        last = self.declared[-1]
        real = last in (
            "linear",
            "tanh",
            "relu",
            "leaky_relu",
            "elu",
            "softplus",
            "gelu",
            "silu",
        ) and self.options.loss in (None, "quadratic", "mean_squared_error", "mean_absolute_error", "huber")
        o = self.options
        probe = make_probe(o.sizes, batch or o.batch, o.eta, o.seed, self.no_bias, "real" if real else "classes")
        if real and o.loss in ("mean_absolute_error", "huber"):
            A = probe.X
            for w, b, name in zip(probe.W, probe.b, self.declared, strict=True):
                A = book.activation_value(name or "sigmoid", w @ A + b[:, None], o.slope)
            probe = with_near_targets(probe, A)
        return probe

    def textbook(self, probe: Probe) -> Textbook:
        o = self.options
        return Textbook(
            probe.W,
            probe.b,
            probe.X,
            probe.Y,
            probe.eta,
            list(self.declared),
            o.loss or "quadratic",
            o.loss is not None,
            o.slope,
            self.language,
            self.no_bias,
        )

    def run(self, probe: Probe, inject=(), **more) -> Recording:
        return self.process.run(probe.W, probe.b, probe.X, probe.Y, probe.eta, seed=probe.seed, inject=inject, **more)

    def account(self, probe: Probe, recording: Recording, textbook: Textbook | None = None):
        textbook = textbook or self.textbook(probe)
        single = any(meta.dtype == "float32" for meta in recording.meta.values())
        index = ValueIndex(
            recording.values,
            constant_factors(textbook.m, textbook.eta, textbook.Y.shape[0]),
            SAME_SINGLE if single else SAME,
        )
        loaded = self.process.loaded
        functions = {f.name: f.args for f in loaded.functions} if loaded is not None else {}
        run = Run(recording, Path(self.adapter).name if self.adapter else None, functions)
        W_new, b_new = self.returned(probe, recording)
        follower = Follower(textbook, index, W_new, b_new, ByUse(run), 1e-3 if single else 1e-6)
        return Conclusion(run, follower.follow(), follower, textbook)

    def returned(self, probe: Probe, recording: Recording) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """What step returned, in the shapes of the contract; NaN where it did not return."""
        if recording.status != "ok":
            return [np.full(w.shape, np.nan) for w in probe.W], [np.full(v.shape, np.nan) for v in probe.b]
        W_new, b_new = recording.W or [], recording.b or []
        whose = Path(self.adapter).name if self.adapter else self.candidate.name
        if len(W_new) != len(probe.W) or len(b_new) != len(probe.b) - 0:
            if len(W_new) != len(probe.W) or len(b_new) > len(probe.b):
                raise failures.BadResult(
                    f"step in {whose} must return {len(probe.W)} weight matrices and {len(probe.b)} bias vectors, "
                    f"not {len(W_new)} and {len(b_new)}: a matter of the adapter, not of the network."
                )
            b_new = [*b_new, *list(probe.b[len(b_new) :])]
        W, b = [], []
        for layer, (old, new) in enumerate(zip(probe.W, W_new, strict=False), start=1):
            new = np.asarray(new, dtype=float)
            if new.size == 0:  # arithmetic with NULL: the update came to nothing
                new = old
            if new.shape != old.shape:
                turned = new.shape == old.shape[::-1]
                shape = " × ".join(map(str, new.shape)) or "one number"
                self.misshapen = (
                    f"step in {whose} must return W[{layer}] as {old.shape[0]} × {old.shape[1]}, "
                    f"not {shape}{' (it looks transposed)' if turned else ''}: "
                    "a matter of the adapter, not of the network."
                )
                if turned:
                    raise failures.BadResult(self.misshapen)
                new = np.full(old.shape, np.nan)
            W.append(new)
        for layer, (old, new) in enumerate(zip(probe.b, b_new, strict=False), start=1):
            new = np.asarray(new, dtype=float)
            if layer in self.no_bias:
                b.append(old)
                continue
            if new.size == 0:
                new = old
            if new.size != old.size:
                shape = " × ".join(map(str, new.shape)) or "one number"
                if new.size == 1 or (new.ndim == 2 and old.size in new.shape):
                    b.append(np.broadcast_to(new.ravel()[0], old.shape) if new.size == 1 else self._collapsed(new, old))
                    continue
                self.misshapen = (
                    f"step in {whose} must return b[{layer}] with {old.size} elements, not {shape}: "
                    "a matter of the adapter, or of a bias that changes its shape in the network."
                )
                new = np.full(old.shape, np.nan)
            b.append(new.reshape(old.shape))
        return W, b

    @staticmethod
    def _collapsed(new: np.ndarray, old: np.ndarray) -> np.ndarray:
        return new[:, 0] if new.shape[0] == old.size else new[0]

    # -- the diagnosis -----------------------------------------------------------------------------------------------

    def diagnose(self) -> Diagnosis:
        probe = self.probe()
        recording = self.process.run_twice(probe.W, probe.b, probe.X, probe.Y, probe.eta, seed=probe.seed)
        if recording.reordered:
            self.notes.append(
                f"two runs from the same random state differ in their last bits (by {recording.reordered:.1e} of the "
                "largest number): sums are taken in an order that changes from run to run, as that of a set does"
            )
        lost = self.emptied(probe, recording)
        if recording.status == "bad_result" and lost is None:
            raise failures.BadResult(f"{recording.message}")
        conclusion = self.account(probe, recording)
        findings = conclusion.findings()
        places = [finding.place.get("file") for finding in findings]
        if self.misshapen and self.candidate.name not in places:
            raise failures.BadResult(self.misshapen)
        if lost is not None:
            return self.report(probe, recording, conclusion, [*[f for f in findings if f.phase == "forward"], lost])
        if recording.status != "ok":
            findings = [f for f in findings if f.phase == "forward"]
            findings.append(crash_finding(recording.error, conclusion))
            if recording.status == "error":
                findings = self.mend(probe, conclusion, findings)
        else:
            findings = self.prove(probe, conclusion, findings)
            findings = self.mend(probe, conclusion, findings)
            self.rate(probe, conclusion, findings)
            findings += self.twice(probe, conclusion, findings)
        return self.report(probe, recording, conclusion, findings)

    def mend(self, probe: Probe, conclusion: Conclusion, findings: list[Finding]) -> list[Finding]:
        """The findings, each where one small change of the source puts it right, as far as such changes are found."""
        return mend(self.process, probe, conclusion, findings, self.language, MENDING_SECONDS)

    def emptied(self, probe: Probe, recording: Recording) -> Finding | None:
        """A parameter came back empty, for a function's result was thrown away: the fault of the network."""
        if recording.status != "bad_result" or "length 0" not in recording.message:
            return None
        return self.account(probe, recording).discarded_call()

    def twice(self, probe: Probe, conclusion: Conclusion, findings: list[Finding]) -> list[Finding]:
        """A second call in a row that steps exactly twice as far has added to sums that were not reset."""
        follower = conclusion.follower
        factor = second_call(self, probe, follower.W_new, follower.b_new)
        if isinstance(factor, str):
            self.notes.append(factor)
            return []
        if factor is None or findings:
            return []
        if abs(factor - 2) > 1e-6:
            self.notes.append(
                f"a second call in a row steps {factor:.6g} times as far: something is kept between the calls "
                "(a momentum of that size, or gradient sums that are not reset)"
            )
            return []
        recording = self.run(probe, rehearse=1)
        later = self.account(probe, recording)
        found = [finding for finding in later.findings() if finding.event is not None]
        if not found:
            return []
        finding = found[0]
        finding.id, finding.kind, finding.phase, finding.factor = "accumulator-not-reset", "bug", "backward", None
        finding.computes = f"the gradient of this batch + the gradient of the batch before ({finding.quantity})"
        finding.fix = "Set the gradient sums to zero at the start of every batch."
        finding.proved = True
        return [finding]

    def prove(self, probe: Probe, conclusion: Conclusion, findings: list[Finding]) -> list[Finding]:
        """Repair the first finding and run again; what is still found then is independent, and is repaired in its turn.

        Returns the findings that stand: each root cause once, without what only followed from it.
        """
        stands: list[Finding] = []
        repairs: list[tuple] = []
        for _ in range(MOST_REPAIRS):
            first = next((f for f in findings if f.kind != "convention" and not any(f is g for g in stands)), None)
            if first is None:
                break
            stands.append(first)
            repair = injections(first, conclusion.run, conclusion.textbook, conclusion.follower, conclusion.state)
            again = self.run(probe, inject=[*repairs, *repair]) if repair else None
            if again is None or again.status != "ok" or again.refused:
                continue
            later = self.account(probe, again)
            left = later.findings()
            if any(_same_cause(first, other) for other in left) or _weight(left) >= _weight(findings):
                continue
            first.proved = True
            repairs += repair
            conclusion, findings = later, left
        known = [
            *stands,
            *[f for f in findings if f.kind == "convention" or not any(_same_cause(f, g) for g in stands)],
        ]
        spot = [(f.quantity, f.place.get("file"), f.place.get("line")) for f in known]
        unique = [f for place, f in enumerate(known) if spot[place] not in spot[:place]]
        return sorted(
            unique, key=lambda f: (f.kind == "convention", f.event.seq if f.event is not None else float("inf"))
        )

    def rate(self, probe: Probe, conclusion: Conclusion, findings: list[Finding]) -> None:
        """Whether a constant factor is a learning rate of the candidate's own: then another eta changes nothing."""
        for finding in findings:
            rated = finding.factor is not None and abs(abs(finding.factor) * probe.eta - 1) < 1e-6
            if finding.factor is None or not (finding.kind == "convention" or rated):
                continue
            eta = probe.eta * 0.625
            again = self.process.run(probe.W, probe.b, probe.X, probe.Y, eta, seed=probe.seed, record=False)
            if again.status != "ok":
                return
            W_new, b_new = self.returned(probe, again)
            if finding.kind != "convention":
                self.without_rate(finding, conclusion, {"W": W_new, "b": b_new})
                continue
            follower, t = conclusion.follower, conclusion.textbook
            pairs = [*zip(W_new, follower.W_new, t.W, strict=False), *zip(b_new, follower.b_new, t.b, strict=False)]
            moved = [pair for pair in pairs if np.any(pair[1] != pair[2])]
            if moved and all(np.allclose(one, other, rtol=1e-12, atol=0) for one, other, _ in moved):
                finding.id = None
                finding.computes = "a step of a length of its own: the learning rate that step is given is not used"
                finding.fix = (
                    "Not a bug in the gradients: the code steps by "
                    f"{finding.factor * probe.eta:.6g} times the gradient, "
                    "whatever eta is; let step pass its eta on."
                )

    @staticmethod
    def without_rate(finding: Finding, conclusion: Conclusion, new: dict[str, list[np.ndarray]]) -> None:
        """A step of one parameter that another eta leaves as long as it was has forgotten the learning rate."""
        follower = conclusion.follower
        for name in finding.covers:
            letter, k = name[0], int(name[1:-4]) - 1
            before = (follower.W_new if letter == "W" else follower.b_new)[k]
            if not np.allclose(new[letter][k], before, rtol=1e-12, atol=0):
                return
        if finding.covers and finding.layer:
            finding.id, finding.quantity, finding.phase = None, finding.covers[0], "update"
            finding.expected = update_text(finding.quantity, finding.layer)
            finding.computes = finding.expected.replace("η·", "")
            finding.fix = f"The learning rate is left out of this step: {finding.quantity} = {finding.expected}."

    # -- the report --------------------------------------------------------------------------------------------------

    def report(self, probe: Probe, recording: Recording, conclusion: Conclusion, findings: list[Finding]) -> Diagnosis:
        kinds = [finding.kind for finding in findings]
        verdict = next((kind for kind in KINDS if kind in kinds), "ok")
        wrong = {departure.quantity for departure in conclusion.state.departures}
        wrong |= {finding.quantity for finding in findings if finding.kind != "convention"}
        verified = self.verified(conclusion, wrong)
        state = conclusion.state
        report = {
            "format": 1,
            "candidate": self.candidate.name,
            "language": self.language,
            "verdict": verdict,
            "findings": [finding.as_dict() for finding in findings],
            "verified": verified,
            "blind_spots": self.blind_spots(probe, conclusion),
            "beyond": [*self.notes, *self.beyond(recording, state, verdict)],
            "network": {
                "sizes": list(self.options.sizes),
                "activation": state.activations[:-1],
                "output_activation": state.activations[-1],
                "loss": state.loss,
                **self.undeclared(recording, conclusion),
            },
        }
        return Diagnosis(
            _plain(report), {"recording": recording, "conclusion": conclusion, "findings": findings, "probe": probe}
        )

    @staticmethod
    def undeclared(recording: Recording, conclusion: Conclusion) -> dict[str, list[str]]:
        """The options that were inferred, and those of a run that stopped before anything of them was seen."""
        state, last = conclusion.state, f"A{conclusion.textbook.depth}"
        options = {"loss": "loss", last: "output_activation"}
        signs = {"loss": f"delta{conclusion.textbook.depth}"}
        unseen = {
            options.get(key, "activation")
            for key in state.inferred
            if recording.status != "ok" and not state.seen.get(signs.get(key, key))
        }
        inferred = {options.get(key, "activation") for key in state.inferred} - unseen
        return {"inferred": sorted(inferred), "assumed": sorted(unseen)}

    def beyond(self, recording: Recording, state, verdict: str) -> list[str]:
        """What other shapes show; nothing where step does not come back even in this one."""
        return other_shapes(self, state, verdict in ("ok", "convention")) if recording.status == "ok" else []

    def verified(self, conclusion: Conclusion, wrong: set[str]) -> list[str]:
        state = conclusion.state
        names = [
            q
            for q, seen in state.seen.items()
            if (seen and q not in wrong and state.used.get(q) is state.rights.get(q))
            or (seen and q not in wrong and state.used.get(q) is not None and state.used[q].right)
        ]
        for name, update in state.updates.items():
            right = update.formula is not None and update.formula.right and abs(update.keep - 1) < 1e-6
            if right and abs(update.rate + conclusion.textbook.eta) <= 1e-6 * conclusion.textbook.eta:
                names.append(name)
                if f"d{name[0]}{update.layer}" not in names:
                    names.append(f"d{name[0]}{update.layer}")
                if (
                    update.quantity[0] == "W"
                    and f"delta{update.layer}" not in names
                    and f"delta{update.layer}" not in wrong
                ):
                    names.append(f"delta{update.layer}")
        t = conclusion.textbook
        gradients = plain_pass(t, state, t.X, t.Y).gradients
        for layer, (dW, db) in gradients.items():  # what only follows from something wrong is not right
            for letter, gradient in (("W", dW), ("b", db)):
                used = state.used.get(f"d{letter}{layer}")
                if used is not None and proportion(used.value, gradient, 1e-6) is None:
                    follows = {f"d{letter}{layer}", f"{letter}{layer}_new", f"delta{layer}"}
                    names = [name for name in names if name not in follows]
        order = {"Z": 0, "A": 0, "d": 1, "W": 2, "b": 2}
        return sorted(set(names), key=lambda q: (order[q[0]], q.endswith("_new"), q))

    def blind_spots(self, probe: Probe, conclusion: Conclusion) -> list[str]:
        spots = []
        sizes = self.options.sizes
        if len(set(sizes)) < len(sizes):
            spots.append(
                f"Layers of equal width ({', '.join(map(str, sizes))}): "
                "a transposed square matrix shows in its values only."
            )
        if probe.X.shape[1] == 1:
            spots.append("A batch of one sample: sums and means over samples cannot be told apart.")
        if probe.Y.shape[0] == 1:
            spots.append("A single output: sums over the outputs cannot be told from the output itself.")
        loss = conclusion.state.loss
        if "loss" in conclusion.state.inferred and loss == "binary_cross_entropy":
            spots.append("The loss was inferred: delta = A − Y belongs to cross-entropy. "
                         "If a squared error is meant, its σ′ is missing: say --loss quadratic.")
        unseen = [q for q, seen in conclusion.state.seen.items() if not seen and not q.startswith("d")]
        if unseen:
            spots.append("Never seen as a value of its own: " + ", ".join(unseen) + "; judged by what follows from it.")
        return spots


def _same_cause(one: Finding, other: Finding) -> bool:
    same_place = all(one.place.get(key) == other.place.get(key) for key in ("file", "cell", "line"))
    return one.id == other.id and one.kind == other.kind and (same_place or one.quantity == other.quantity)


def _weight(findings: list[Finding]) -> int:
    """How many quantities the findings leave unexplained or wrong; conventions do not count."""
    return sum(max(1, len(f.layers)) for f in findings if f.kind != "convention")


def _plain(value):
    """Numbers and lists that JSON knows; NaN and infinities as null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.integer,)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value
