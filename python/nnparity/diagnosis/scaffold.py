"""Writes the adapter that a candidate needs: tries the common layouts by running it, or leaves a form to fill in."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnparity.diagnosis import failures
from nnparity.diagnosis.adapter_check import check_adapter
from nnparity.diagnosis.probe import Probe, make_probe
from nnparity.diagnosis.recording import CandidateProcess, Failure, Function, Loaded, language_of

__all__ = ["Scaffold", "check_adapter", "scaffold", "write_adapter"]

# Settings are tried with a learning rate so small that new parameters lie next to the old ones, and gradients do not.
RATE = 1e-7
STILL = 1e-12
NEAR = 1e-3
# Many settings are tried in one run; those of a run that loops for ever are tried one by one.
MOST_TRIALS = 1500
AT_ONCE = 100
SECONDS = 20.0
# Where none runs through, so many are tried once more, for how far they come.
FURTHEST = 120
LOADING = 5.0

# What the arguments of hand-written networks are called. A guess made here counts for nothing until it has run.
INPUTS, TARGETS = ("X", "Xs", "X_frame"), ("Y", "Ys", "labels", "classes", "Y_frame")
ALL_PARAMETERS = ("parameters", "flat", "pairs", "W", "theta")
ROLES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        r"x|xs|xx|x_?(train|batch|data|b|in|mini|tr)|inputs?|input_?data|features?|(mini_?|batch_?|train_?)x|images?|a_?0|samples?",
        INPUTS,
    ),
    (
        r"y|ys|yy|y_?(train|batch|data|b|true|mini|tr|hot)|targets?|labels?|outputs?|(mini_?|batch_?|train_?)y|t|d|truth|onehot",
        TARGETS,
    ),
    (r"eta|lr|alpha|rate|lambda_?lr|l_?rate|(learning|learn)_?rate|step_?size|learning|gamma", ("eta",)),
    (r"p|pars?|params?|parameters?|model|net|network|nn|weights_and_biases|layers", ALL_PARAMETERS[:4]),
    (r"theta|vec|flat|params?_?(vec|flat)", ("theta", "W")),
    (r"thetas|w|ws|weights?|weight_?list|matrices|w_?list", ("W",)),
    (r"b|bs|bias|biases|bias_?list|b_?list", ("b",)),
    (r"(mini_?)?batch|data|(training|train)_?(data|set)|examples?|pairs", ("batch", "X")),
    (r"m|n|n_?samples|(mini_?)?batch_?size|num_?examples|size", ("m",)),
    (r"sizes?|layer_?(sizes?|dims?)|dims?|architecture|topology|structure|widths?", ("sizes",)),
    (r"(n_?|num_?|max_?)?(epochs?|iter|iters|iterations|steps|it)", ("1",)),
    (r"verbose|print_?(cost|loss|every)|plot|debug|show", ("False",)),
)
# What a step needs; arguments with other names are tried in these parts.
KINDS = (ALL_PARAMETERS, INPUTS, TARGETS, ("eta",))
# The forms in which inputs and targets go together.
TOGETHER = tuple(set(pair.split()) for pair in (
    "X Y", "batch", "Xs Ys", "X labels", "X classes", "X_frame Y", "X_frame Y_frame", "X_frame classes",
))  # fmt: skip
HIDDEN = re.compile(r"^(w|b|weights?|bias(?:es)?|theta)_?(h|ih|xh|hid|hidden|in|input_hidden|1st|first)$")
OUTER = re.compile(r"^(w|b|weights?|bias(?:es)?|theta)_?(o|ho|hy|out|output|hidden_output|y|2nd|second)$")
NUMBERED = re.compile(r"^(w|b|weights?|bias(?:es)?|theta|syn(?:apse)?|layer)_?(\d)$")
WIDTHS = (
    re.compile(
        r"^(n_?|num_?|size_?|dim_?)?(x|i|in|inputs?|features?|input_?(size|dim|nodes|units|neurons)|inputs?_?n|d)$"
    ),
    re.compile(r"^(n_?|num_?|size_?|dim_?)?(h|hid|hidden|hidden_?(size|dim|nodes|units|neurons|layer))$"),
    re.compile(r"^(n_?|num_?|size_?|dim_?)?(y|o|k|c|out|outputs?|classes|output_?(size|dim|nodes|units|neurons))$"),
)
MARKER = 0.1234375


@dataclass(frozen=True)
class Dialect:
    """How an adapter is written in one of the languages."""

    suffix: str
    call: str
    equals: str
    constants: dict[str, str]
    form: str
    trial: str
    inspect: Callable[[list[tuple[str, str]], list[int]], str]
    mapping: Callable[[dict[str, str]], str]


PYTHON = Dialect(
    ".py",
    "step = as_step({})",
    "=",
    {},
    '''def step(W, b, X, Y, eta):
    """One step of gradient descent on the batch; W[0] is W1 of the textbook."""
    # Given: W[l] n_l x n_(l-1), b[l] n_l numbers, X n_0 x m and Y n_L x m, one column per sample.
    # Convert to what the candidate takes:   X.T (one row per sample), w.T, v.reshape(-1, 1), np.vstack([v, w.T])
    # call its functions, and convert back:  return [new W1, new W2, ...], [new b1, new b2, ...]
    #
    # Statements outside of functions: env = {"w1": W[0], ...}; candidate_lines(FIRST, LAST, env); env["w1"]
    raise NotImplementedError("fill in this adapter")
''',
    """_settings = {settings}
def _make(k):
    f, options = _settings[k]
    return as_step(eval(f), **{{**options, **({{"holder": eval(options["holder"])}} if "holder" in options else {{}})}})
def step(W, b, X, Y, eta):
    import numpy as np
    start, count = int(eta), round(1000 * (eta % 1))
    if not count:
        return _make(start)(W, b, X, Y, {rate!r})
    hits = [[0.0, 0.0]]
    for k in range(start, start + count):
        try:
            W_new, b_new = _make(k)([w.copy() for w in W], [v.copy() for v in b], X.copy(), Y.copy(), {rate!r})
            if [v.size for v in b_new] == [v.size for v in b] and all(np.isfinite(w).all() for w in W_new):
                hits.append([k + 1, max(np.max(np.abs(new - old)) / np.max(np.abs(old)) for new, old in zip(W_new, W))])
        except (Exception, SystemExit):
            pass
    return [np.array(hits)], [np.zeros(1)]
""",
    lambda makers, sizes: inspect_python(makers, sizes),
    json.dumps,
)
R = Dialect(
    ".R",
    "step <- as_step({})",
    " = ",
    {"False": "FALSE", "True": "TRUE", "None": "NULL"},
    """# One step of gradient descent on the batch.
step <- function(W, b, X, Y, eta) {
  # Given: W[[l]] n_l x n_(l-1), b[[l]] n_l numbers, X n_0 x m and Y n_L x m, one column per sample.
  # Convert to what the candidate takes:   t(X) (one row per sample), as.data.frame(t(X)), t(w), rbind(v, t(w))
  # call its functions, and convert back:  list(W = list(new W1, new W2, ...), b = list(new b1, new b2, ...))
  #
  # Statements outside of functions: env <- list2env(list(w1 = W[[1]])); candidate_lines(FIRST, LAST, env); env$w1
  stop("fill in this adapter")
}
""",
    """.settings <- {settings}
.make <- function(setting) {{
  base::do.call(as_step, base::c(base::list(base::get(setting$f, mode = "function")), setting$options))
}}
step <- function(W, b, X, Y, eta) {{
  start <- base::floor(eta)
  count <- base::round(1000 * (eta - start))
  if (!count) return(.make(.settings[[start + 1]])(W, b, X, Y, {rate!r}))
  hits <- base::matrix(0, 1, 2)
  for (k in start + base::seq_len(count)) {{
    away <- base::tryCatch({{
      new <- .make(.settings[[k]])(W, b, X, Y, {rate!r})
      if (!base::identical(base::lengths(new$b), base::lengths(b))) NA else
        base::max(base::mapply(function(p, q) base::max(base::abs(p - q)) / base::max(base::abs(q)), new$W, W))
    }}, error = function(e) NA)
    if (base::is.finite(away)) hits <- base::rbind(hits, base::c(k, away))
  }}
  base::list(W = base::list(hits), b = base::list(0))
}}
""",
    lambda makers, sizes: inspect_r(makers, sizes),
    lambda slots: f"c({', '.join(f'{field} = {json.dumps(word)}' for field, word in slots.items())})",
)
DIALECTS = {"Python": PYTHON, "R": R}


@dataclass(frozen=True)
class Setting:
    """One way to call one function: the options of as_step."""

    f: str
    options: tuple[tuple[str, Any], ...]

    def oddity(self) -> int:
        """Return how unusual the form of inputs and targets is."""
        words = {part.rpartition("=")[2] for part in dict(self.options)["takes"].split(", ")}
        return next(i for i, together in enumerate(TOGETHER) if together <= words)

    def is_rated(self) -> bool:
        """Tell whether the learning rate is handed over."""
        options = dict(self.options)
        return re.search(r"=eta\b", options["takes"]) is not None or "eta" in options.get("slots", {}).values()

    def with_returns(self, word: str) -> Setting:
        """Return the setting with another `returns`."""
        return Setting(self.f, (*((n, v) for n, v in self.options if n != "returns"), ("returns", word)))


@dataclass
class Scaffold:
    """An adapter for a candidate.

    Attributes
    ----------
    text : what to write into the adapter
    complete : it was tried and returns weights and biases of the right shapes; otherwise it is a form to fill in
    says : one sentence for the screen
    functions : what the candidate offers
    """

    text: str
    complete: bool
    says: str
    functions: list[Function] = field(default_factory=list)


def write_adapter(
    candidate: str | Path, adapter: str | Path | None = None, options: Any = None
) -> tuple[Path, Scaffold]:
    """Write the scaffold beside the candidate (`net.adapter.py`) or where it is wanted; no file is overwritten.

    Raises
    ------
    CandidateFailure
        If the candidate cannot be read or needs no adapter, or the file is there already.
    """
    candidate = Path(candidate)
    language = language_of(candidate)
    path = Path(adapter) if adapter else candidate.with_name(candidate.stem + ".adapter" + DIALECTS[language].suffix)
    if path.exists():
        raise failures.CandidateFailure(f"{path.name} is there already: name another file, or remove it first.")
    made = scaffold(candidate, options)
    if not made.text:
        raise failures.CandidateFailure(made.says)
    path.write_text(made.text, encoding="utf-8")
    return path, made


def scaffold(candidate: str | Path, options: Any = None) -> Scaffold:
    """Make an adapter for a candidate: list its functions, try the common layouts, write the one that works.

    Parameters
    ----------
    candidate : source file in R or Python
    options : the Options of a diagnosis (sizes, batch, seed, timeout); None: their defaults

    Raises
    ------
    CandidateFailure
        If the candidate cannot be loaded even for its functions alone.
    """
    candidate = Path(candidate).resolve()
    dialect = DIALECTS[language_of(candidate)]
    timeout = getattr(options, "timeout", 60.0)
    loaded, functions_only = look_at(candidate, min(timeout, LOADING), bool(getattr(options, "functions_only", False)))
    if any(f.name == "step" and len(f.args) == 5 for f in loaded.functions):
        return Scaffold("", True, f"{candidate.name} defines step itself and needs no adapter.", loaded.functions)
    sizes = tuple(getattr(options, "sizes", (4, 6, 3)))
    if deepest(loaded.functions) > len(sizes) - 1:
        # More layers among the arguments than were asked for; all widths differ, so that nothing fits by chance.
        sizes = (*range(deepest(loaded.functions) + 3, 3, -1), 3)
    probe = make_probe(sizes, getattr(options, "batch", 7), RATE, getattr(options, "seed", 1))
    trial = Trial(candidate, loaded.language, dialect, functions_only, probe, timeout)
    # Fields of the right shapes leave little to guess: objects come first.
    kept = trial.holders(loaded)
    plain = [s for f in by_promise(loaded.functions, loaded) for s in ways(f)]
    kept, plain = sorted(kept, key=Setting.oddity), sorted(plain, key=Setting.oddity)[:MOST_TRIALS]
    found = trial.first(kept) or trial.first(plain)
    if found is not None:
        tried = "It was tried: the weights and biases that come back have the right shapes."
        says = f"{found.f} of {candidate.name} was tried and returns the right shapes."
        return Scaffold(written(candidate, loaded, functions_only, tried, dialect, found), True, says, loaded.functions)
    found, error = trial.furthest([setting for setting in [*kept, *plain] if setting.is_rated()][:FURTHEST])
    if found is not None and error is not None:
        place = f"{error.file}, line {error.line}"
        tried = (
            f"No layout ran through. This one came furthest and stops in {place}; change it if that is its own fault."
        )
        says = f"No layout of {candidate.name} runs through: the most promising one stops in {place}; look it through."
    else:
        tried = "It is a form to fill in; check it with: nnparity diagnose --check-adapter"
        says = f"No common layout fits {candidate.name}: the adapter lists its functions and is to be filled in."
    return Scaffold(written(candidate, loaded, functions_only, tried, dialect, found), False, says, loaded.functions)


def look_at(candidate: Path, timeout: float, only: bool) -> tuple[Loaded, bool]:
    """Load a candidate for its functions; if its actions stand in the way, for its functions only."""
    for functions_only in (False, True)[only:]:
        with CandidateProcess(timeout=timeout) as process:
            try:
                return process.load(candidate, functions_only=functions_only), functions_only
            except failures.NoStep:
                assert process.loaded is not None
                return process.loaded, functions_only
            except (failures.MissingFile, failures.UnreadableText, failures.ParseFailure, failures.MissingInterpreter):
                raise
            except failures.CandidateFailure:
                if functions_only:
                    raise
    raise AssertionError


# -- guesses ---


def words_for(name: str) -> tuple[str, ...]:
    """Return the words of `takes` that an argument's name suggests."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.replace(".", "_")).lower().strip("_")
    for pattern, layer in ((HIDDEN, 1), (OUTER, 2)):
        found = pattern.match(plain)
        if found:
            return (("b" if found[1].startswith("b") else "W") + str(layer),)
    found = NUMBERED.match(plain)
    if found:
        return (("b" if found[1].startswith("b") else "W") + found[2],)
    return next((words for pattern, words in ROLES if re.fullmatch(pattern, plain)), ())


def takes_of(function: Function) -> Iterator[str]:
    """Yield the `takes` that a function's arguments suggest; one whose name says nothing may be what is missing."""
    known: dict[str, tuple[str, ...]] = {}
    unknown = []
    for name in function.args:
        words = words_for(name)
        if name.startswith("*") or name == "..." or (name in function.optional and words[:1] not in (("eta",), ("1",))):
            continue
        if words:
            known[name] = words
        else:
            unknown.append(name)
    missing = [kind for kind in KINDS if not any(set(words) & set(kind) for words in known.values())]
    if len(unknown) > min(3, len(missing)):
        # Too many to guess; in R they may have defaults.
        unknown = []
    for assigned in itertools.permutations(missing, len(unknown)):
        choices = {**known, **dict(zip(unknown, assigned, strict=True))}
        names = [name for name in function.args if name in choices]
        for chosen in itertools.product(*(choices[name] for name in names)):
            if any(together <= set(chosen) for together in TOGETHER):
                yield ", ".join(f"{name}={word}" for name, word in zip(names, from_one(chosen), strict=True))


def from_one(words: Iterable[str]) -> list[str]:
    """Number layers from 1 where the candidate numbers them from 0."""
    words = list(words)
    shift = any(re.fullmatch("[Wb]0", word) for word in words)
    return [f"{word[0]}{int(word[1]) + 1}" if shift and re.fullmatch(r"[Wb]\d", word) else word for word in words]


def ways(function: Function, holder: tuple[tuple[str, Any], ...] = ()) -> Iterator[Setting]:
    """Yield the settings in which a function may be one step, the likely ones first."""
    is_method = function.is_method
    if function.is_class or (is_method and not holder):
        return
    for takes in takes_of(function):
        words = {part.rpartition("=")[2] for part in takes.split(", ")}
        if not holder and not any(re.fullmatch(r"W\d*|parameters|pairs|flat|theta", word) for word in words):
            continue
        apart = any(re.fullmatch(r"b\d*", word) for word in words)
        lone = not apart and not words & {"parameters", "pairs", "flat", "theta"}
        listed = bool({"batch", "Xs", "Ys"} & words)
        for samples in (
            ("one_column", "one", "one_row") if listed else ("columns", "rows", "one_column", "one", "one_row")
        ):
            for layout in dict(holder)["layouts"] if holder else layouts(lone, apart or "pairs" in words):
                options = {"takes": takes, "samples": samples, **layout, **{n: v for n, v in holder if n != "layouts"}}
                yield Setting(
                    function.name if not is_method else json.dumps(function.name.rpartition(".")[2]),
                    tuple(options.items()),
                )


def layouts(lone: bool, apart: bool) -> Iterator[dict[str, str]]:
    """Yield the layouts of weights and biases; `lone`: no bias is passed by itself, `apart`: it certainly is."""
    if not lone:
        for shape in ("vector", "column", "row"):
            for weights in ("out_by_in", "in_by_out"):
                yield {"weights": weights, "bias_shape": shape}
    if apart:
        return
    for weights, side in (("out_by_in", "column"), ("in_by_out", "row")):
        for bias in (f"first_{side}", f"last_{side}", "none"):
            yield {"weights": weights, "bias": bias}


def by_promise(functions: Iterable[Function], loaded: Loaded) -> list[Function]:
    """Order functions: a whole step takes a learning rate and calls the rest; what runs epochs shuffles and repeats."""
    below: dict[str, set[str]] = {}
    for node in loaded.nodes.values():
        if node.fun and node.op:
            below.setdefault(node.fun, set()).add(node.op.removeprefix("."))

    def height(name: str, above: tuple[str, ...] = ()) -> int:
        called = [f for f in below.get(name, ()) if f in below and f not in above and f != name]
        return 1 + max((height(f, (*above, name)) for f in called), default=0) if len(above) < 20 else 0

    def promise(f: Function) -> tuple[bool, bool, int, int]:
        words = [words_for(name)[:1] for name in f.args]
        short = f.name.rpartition(".")[2] if f.is_method else f.name
        return ("eta",) not in words, ("1",) in words, -height(short), -len(words)

    return sorted(functions, key=promise)


def deepest(functions: Iterable[Function]) -> int:
    """Return the highest layer number among the arguments."""
    numbers = [
        int(word[1:]) for f in functions for name in f.args for word in words_for(name) if re.fullmatch(r"[Wb]\d", word)
    ]
    return max(numbers, default=2)


# -- trials ---


class Trial:
    """Runs a candidate in many settings, all in one process."""

    def __init__(
        self, candidate: Path, language: str, dialect: Dialect, functions_only: bool, probe: Probe, timeout: float
    ) -> None:
        self.candidate, self.language, self.dialect, self.functions_only = candidate, language, dialect, functions_only
        self.probe, self.timeout = probe, timeout

    def first(self, settings: list[Setting]) -> Setting | None:
        """Return the first setting in which the candidate makes a step, or else computes the gradients; or None."""
        if not settings:
            return None
        second = None
        for setting, away in self.hits(settings):
            is_holder = dict(setting.options).get("returns") == "holder"
            if away < (NEAR if setting.is_rated() else 0.5):
                if away > STILL:
                    return setting if is_holder else setting.with_returns("parameters")
            elif not setting.is_rated() and not is_holder and second is None:
                second = setting.with_returns("gradients")
        return second

    def hits(self, settings: list[Setting]) -> Iterator[tuple[Setting, float]]:
        """Yield the settings that give the right shapes, with how far the weights moved."""
        probe, started = self.probe, time.monotonic()
        with self.loaded(self.adapter(settings)) as process:
            waiting = [(k, min(AT_ONCE, len(settings) - k)) for k in range(0, len(settings), AT_ONCE)]
            while waiting and time.monotonic() - started < SECONDS:
                start, count = waiting.pop(0)
                # The number of the first setting and how many there are travel in the learning rate.
                recording = process.run(
                    probe.W, probe.b, probe.X, probe.Y, start + count / 1000, record=False, timeout=3
                )
                if recording.status == "ok" and recording.W:
                    yield from ((settings[int(k) - 1], away) for k, away in recording.W[0][1:])
                elif count > 1:
                    part = max(1, count // 10)
                    waiting += [(k, min(part, start + count - k)) for k in range(start, start + count, part)]

    def furthest(self, settings: list[Setting]) -> tuple[Setting | None, Failure | None]:
        """Return the setting in which most statements run before the candidate stops in its own code, and the stop."""
        best: tuple[Setting | None, Failure | None] = (None, None)
        most, probe, started = 0, self.probe, time.monotonic()
        if not settings:
            return best
        with self.loaded(self.adapter(settings)) as process:
            for k, setting in enumerate(settings):
                if time.monotonic() - started > SECONDS / 2:
                    break
                recording = process.run(probe.W, probe.b, probe.X, probe.Y, float(k), timeout=2)
                error = recording.error
                if error is None or not error.line or not error.file or error.file.startswith("trial."):
                    continue
                statements = {recording.nodes[event.node].stmt for event in recording.events}
                if len(statements) > most:
                    most, best = len(statements), (setting.with_returns("parameters"), error)
        return best

    def adapter(self, settings: list[Setting]) -> str:
        """Return an adapter whose step tries settings: it returns their numbers and how far each moved the weights."""
        if self.language == "R":
            rows = ", ".join(f"list(f = {json.dumps(s.f)}, options = list({named(s, self.dialect)}))" for s in settings)
            return self.dialect.trial.format(settings=f"list({rows})", rate=RATE)
        return self.dialect.trial.format(settings=repr([(s.f, dict(s.options)) for s in settings]), rate=RATE)

    @contextlib.contextmanager
    def loaded(self, adapter: str) -> Iterator[CandidateProcess]:
        """Load the candidate with an adapter that is not kept."""
        with tempfile.TemporaryDirectory() as folder, CandidateProcess(timeout=self.timeout) as process:
            file = Path(folder) / f"trial{self.dialect.suffix}"
            file.write_text(adapter, encoding="utf-8")
            process.load(self.candidate, file, functions_only=self.functions_only)
            yield process

    # -- objects ---

    def holders(self, loaded: Loaded) -> list[Setting]:
        """Return the settings for objects, dicts and lists that keep weights and biases in their fields."""
        functions = loaded.functions
        makers = [
            (f.name, maker) for f in functions if not f.is_method for maker in [maker_of(f, self.language)] if maker
        ]
        if not makers:
            return []
        sizes, probe = self.probe.sizes, self.probe
        with self.loaded(self.dialect.inspect(makers, sizes)) as process:
            printed = process.run(probe.W, probe.b, probe.X, probe.Y, 1.0, record=False, timeout=5).stdout
        seen: dict[str, dict[str, Any]] = {}
        for name, attribute, shape in re.findall(r"^\x02(.*?)\t(.*?)\t(.*)$", printed, re.M):
            seen.setdefault(name, {})[attribute] = json.loads(shape)
        found: list[Setting] = []
        by_name = {f.name: f for f in functions}
        for name, maker in makers:
            slots, options = slots_of(seen.get(name, {}), sizes)
            if slots is None:
                continue
            users = (
                [f for f in functions if f.name.startswith(name + ".")]
                if by_name[name].is_class
                else [
                    without
                    for f in functions
                    if f.name != name and not f.is_class and not f.is_method
                    for without in [without_holder(f, self.language)]
                    if without
                ]
            )
            for f in by_promise(users, loaded):
                for returns in ({"returns": "holder"}, {}):
                    holder = {"holder": maker, "slots": slots, "layouts": options, **returns}
                    found += ways(f, tuple(holder.items()))
        return found


def without_holder(f: Function, language: str) -> Function | None:
    """Return a function that takes a holder with its other arguments; None if it takes none."""
    places = [i for i, name in enumerate(f.args) if not words_for(name) or "parameters" in words_for(name)]
    place = next((i for i in places if i == 0 or language == "R"), None)
    return None if place is None else dataclasses.replace(f, args=f.args[:place] + f.args[place + 1 :])


def inspect_python(makers: list[tuple[str, str]], sizes: list[int]) -> str:
    """Return an adapter that prints the fields of what each maker makes, with their shapes."""
    return f"""
def step(W, b, X, Y, eta):
    import json
    import numpy as np
    def shape(v):
        if isinstance(v, (list, tuple)) and v and all(isinstance(p, np.ndarray) for p in v):
            return [list(p.shape) for p in v]
        if isinstance(v, dict) and v and all(isinstance(p, np.ndarray) for p in v.values()):
            return {{str(k): list(p.shape) for k, p in v.items()}}
        if isinstance(v, np.ndarray):
            return ["array", *v.shape]
        return v if isinstance(v, (int, float)) else None
    for name, maker in {makers!r}:
        try:
            made = eval(maker)({sizes!r})
            for k, v in (made if isinstance(made, dict) else vars(made)).items():
                print("\\n\\x02" + name, k, json.dumps(shape(v)), sep="\\t")
        except Exception:
            pass
"""


def inspect_r(makers: list[tuple[str, str]], sizes: list[int]) -> str:
    """Return an adapter that prints the fields of what each maker makes, with their shapes."""
    pairs = ", ".join(f"{json.dumps(name)} = {maker}" for name, maker in makers)
    return f"""
step <- function(W, b, X, Y, eta) {{
  shape <- function(v) {{
    dims <- function(p) {{
      dim <- if (base::is.null(base::dim(p))) base::length(p) else base::dim(p)
      base::paste0("[", base::paste(dim, collapse = ","), "]")
    }}
    if (base::is.list(v) && base::length(v) && base::all(base::vapply(v, base::is.numeric, NA))) {{
      return(base::paste0("[", base::paste(base::vapply(v, dims, ""), collapse = ","), "]"))
    }}
    if (base::is.numeric(v) && base::length(v) == 1L) return(base::format(v, digits = 15))
    if (base::is.numeric(v)) base::sub("[", '["array",', dims(v), fixed = TRUE) else "null"
  }}
  makers <- base::list({pairs})
  for (name in base::names(makers)) {{
    made <- base::tryCatch(makers[[name]](base::c({", ".join(map(str, sizes))})), error = function(e) NULL)
    if (base::is.environment(made)) made <- base::as.list(made)
    if (base::is.list(made)) for (field in base::names(made)) {{
      written <- base::tryCatch(shape(made[[field]]), error = function(e) "null")
      base::cat("\\n\\002", name, "\\t", field, "\\t", written, "\\n", sep = "")
    }}
  }}
}}
"""


def maker_of(f: Function, language: str) -> str | None:
    """Return an expression that calls a class or function with the widths of the layers, or None."""
    needed = [name for name in f.args if name not in f.optional and not name.startswith("*") and name != "..."]
    if not f.is_class and (not needed or any("X" in words_for(name) or "Y" in words_for(name) for name in needed)):
        return None
    first, at = (1, "sizes[{}]") if language == "R" else (0, "sizes[{}]")
    last = "sizes[length(sizes)]" if language == "R" else "sizes[-1]"
    parts = []
    for name in needed:
        plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.replace(".", "_")).lower()
        width = next((i for i, pattern in enumerate(WIDTHS) if pattern.match(plain)), None)
        if words_for(name)[:1] == ("eta",):
            parts.append(f"{name}={MARKER}")
        elif words_for(name)[:1] == ("sizes",) or plain in ("layers", "layer_list") or len(needed) == 1:
            parts.append(f"{name}=sizes")
        elif width is not None or len(needed) == 3:
            place = needed.index(name) if width is None else width
            parts.append(f"{name}={last if place == 2 else at.format(first + place)}")
        else:
            return None
    # Where the learning rate is kept shows by a number that nothing else has.
    parts += [f"{name}={MARKER}" for name in f.optional if words_for(name)[:1] == ("eta",)]
    arguments = ", ".join(parts)
    if [part.rpartition("=")[2] for part in parts] == ["sizes"] and not f.is_class:
        return f.name
    return f"function(sizes) {f.name}({arguments})" if language == "R" else f"lambda sizes: {f.name}({arguments})"


def slots_of(attributes: dict[str, Any], sizes: list[int]) -> tuple[dict[str, str] | None, list[dict[str, str]]]:
    """Return which attributes of an object are weights and biases, by their shapes, and the layouts that they show."""
    depth = len(sizes) - 1
    weight = {
        "out_by_in": [[n, k] for k, n in itertools.pairwise(sizes)],
        "in_by_out": [[k, n] for k, n in itertools.pairwise(sizes)],
    }
    bias = {
        "vector": [[n] for n in sizes[1:]],
        "column": [[n, 1] for n in sizes[1:]],
        "row": [[1, n] for n in sizes[1:]],
    }
    for layout, W in weight.items():
        for shape, b in bias.items():
            slots: dict[str, str] = {}
            for name, value in attributes.items():
                if value == W:
                    slots.setdefault(name, "W")
                elif value == b:
                    slots.setdefault(name, "b")
                elif isinstance(value, dict) and value == {
                    f"{c}{l + 1}": p[l] for l in range(depth) for c, p in (("W", W), ("b", b))
                }:
                    slots[name] = "parameters"
                elif isinstance(value, list) and value[:1] == ["array"]:
                    for l in range(depth):
                        for c, p in (("W", W), ("b", b)):
                            if value[1:] == p[l] and f"{c}{l + 1}" not in slots.values():
                                slots[name] = f"{c}{l + 1}"
                elif value == MARKER:
                    slots[name] = "eta"
            words = set(slots.values())
            has_w = "W" in words or "parameters" in words or {f"W{l + 1}" for l in range(depth)} <= words
            has_b = "b" in words or "parameters" in words or {f"b{l + 1}" for l in range(depth)} <= words
            if has_w and has_b:
                return slots, [{"weights": layout, "bias_shape": shape}]
    for layout, W in weight.items():
        slots = {n: "W" for n, value in attributes.items() if value == W}
        slots |= {n: f"W{l + 1}" for n, value in attributes.items() for l in range(depth) if value == ["array", *W[l]]}
        if "W" in slots.values() or {f"W{l + 1}" for l in range(depth)} <= set(slots.values()):
            slots |= {n: "eta" for n, value in attributes.items() if value == MARKER}
            return slots, [{"weights": layout, "bias": "none"}]
    return None, []


# -- writing ---


def written(
    candidate: Path, loaded: Loaded, functions_only: bool, tried: str, dialect: Dialect, setting: Setting | None
) -> str:
    """Return an adapter: what is known of the candidate in comments, then the step, or the form of one."""
    lines = [
        f"# An adapter for {candidate.name}: makes step(W, b, X, Y, eta) of the candidate's own functions.",
        f"# {tried}",
    ]
    if functions_only:
        lines.append("# functions_only: true")
    lines += ["#", "# Functions of the candidate:"] if loaded.functions else ["#", "# The candidate has no functions."]
    for f in loaded.functions[:60]:
        offer = f"{'class ' if f.is_class else ''}{f.name}({', '.join(f.args)})"
        lines.append(f"#   {offer:<70} line {f.line}")
    step = dialect.form if setting is None else dialect.call.format(arguments(setting, dialect)) + "\n"
    return "\n".join(lines) + "\n\n" + step


def arguments(setting: Setting, dialect: Dialect) -> str:
    """Return the arguments of as_step as they are written."""
    return f"{setting.f}, {named(setting, dialect)}"


def named(setting: Setting, dialect: Dialect) -> str:
    """Return the options of as_step as they are written, defaults left out."""
    defaults = {
        "samples": "columns",
        "weights": "out_by_in",
        "bias": "separate",
        "bias_shape": "vector",
        "returns": "parameters",
    }
    parts = []
    for name, value in setting.options:
        if defaults.get(name) == value:
            continue
        if name == "takes":
            for word, here in dialect.constants.items():
                value = re.sub(rf"={word}\b", f"={here}", value)
        text = value if name == "holder" else dialect.mapping(value) if name == "slots" else json.dumps(value)
        parts.append(f"{name}{dialect.equals}{text}")
    return ", ".join(parts)
