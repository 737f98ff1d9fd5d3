"""Both random streams, each held against the language that owns it, word for word, up to the state they end in."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnparity import random as streams

pytestmark = pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs Rscript")

EDGES = [-(2**31 - 1), -1, 0, 1, 2, 42, 123, 2**31 - 1]
SEEDS = EDGES + np.random.RandomState(7).randint(-(2**31) + 1, 2**31 - 1, 100 - len(EDGES)).tolist()
NUMPY_EDGES = [0, 1, 2, 42, 2**31 - 1, 2**31, 2**32 - 1]
NUMPY_SEEDS = NUMPY_EDGES + np.random.RandomState(8).randint(0, 2**32, 100 - len(NUMPY_EDGES)).tolist()


@pytest.fixture
def run_r(root: Path, tmp_path: Path) -> Callable[[str], np.ndarray]:
    """Run R code in which ``keep(x)`` appends numbers to what is returned."""

    def run(code: str) -> np.ndarray:
        out = tmp_path / "kept.bin"
        script = tmp_path / "draw.R"
        script.write_text(
            f'source("{root}/R/checks.R"); source("{root}/R/random.R")\n'
            f'out <- file("{out}", "wb")\n'
            "keep <- function(x) writeBin(as.double(if (is.matrix(x)) t(x) else x), out)\n" + code + "\nclose(out)\n"
        )
        done = subprocess.run(["Rscript", "--vanilla", str(script)], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return np.fromfile(out)

    return run


def same(ours: list[np.ndarray], theirs: np.ndarray, names: list[str]) -> None:
    """Every draw in order: name the first kind that differs."""
    at = 0
    for values, name in zip(ours, names, strict=True):
        values = np.asarray(values, float).ravel()
        np.testing.assert_array_equal(values, theirs[at : at + values.size], err_msg=name)
        at += values.size
    assert at == theirs.size


# What R draws, as R code and as Python: about 10⁴ numbers each, over 100 seeds 10⁶.
WEIGHTS = "c(3, 1, 1, 2, 0, 2, 5, 0.5)"
MANY_WEIGHTS = "((1:400) * 37) %% 101 + 1"
R_KINDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "runif": ("runif(10000)", lambda s: streams.r_runif(s, 10000)),
    "runif with limits": ("runif(10000, -2.5, 3)", lambda s: streams.r_runif(s, 10000, -2.5, 3)),
    "rnorm": ("rnorm(10000)", lambda s: streams.r_rnorm(s, 10000)),
    "rnorm with mean and sd": ("rnorm(10000, 1.5, 0.1)", lambda s: streams.r_rnorm(s, 10000, 1.5, 0.1)),
    "rexp": ("rexp(10000)", lambda s: streams.r_rexp(s, 10000)),
    "rexp with rate": ("rexp(10000, 3)", lambda s: streams.r_rexp(s, 10000, 3)),
    "permutation": ("sample(10000)", lambda s: streams.r_sample(s, 10000)),
    "long permutation": ("sample(70000)[1:10000]", lambda s: streams.r_sample(s, 70000)[:10000]),
    "sample of a vector": (
        "sample(2 * (1:12000), 10000)", lambda s: streams.r_sample(s, 2 * np.arange(1, 12001), 10000)),
    "sample.int with replacement": (
        "sample.int(7, 10000, TRUE)", lambda s: streams.r_sample_int(s, 7, 10000, True)),
    "sample.int of 2^16": ("sample.int(65536, 10000, TRUE)", lambda s: streams.r_sample_int(s, 65536, 10000, True)),
    "sample.int of many": ("sample.int(5e9, 10000, TRUE)", lambda s: streams.r_sample_int(s, 5 * 10**9, 10000, True)),
    "sample.int by hashing": ("sample.int(2e7, 10000)", lambda s: streams.r_sample_int(s, 2 * 10**7, 10000)),
    "one of one": ("sample(1)", lambda s: streams.r_sample(s, 1)),
    "weighted": (
        f"sample.int(8, 10000, TRUE, {WEIGHTS})",
        lambda s: streams.r_sample_int(s, 8, 10000, True, [3, 1, 1, 2, 0, 2, 5, 0.5])),
    "weighted, without replacement": (
        f"for (i in 1:2000) keep(sample.int(8, 5, FALSE, {WEIGHTS}))",
        lambda s: np.concatenate(
            [streams.r_sample_int(s, 8, 5, False, [3, 1, 1, 2, 0, 2, 5, 0.5]) for _ in range(2000)])),
    "weighted, by the alias method": (
        f"sample.int(400, 10000, TRUE, {MANY_WEIGHTS})",
        lambda s: streams.r_sample_int(s, 400, 10000, True, (np.arange(1, 401) * 37) % 101 + 1)),
}  # fmt: skip


def r_code(kind: str) -> str:
    code = R_KINDS[kind][0]
    return code if code.startswith("for") else f"keep({code})"


def sweep_of_r(seeds: list[int]) -> tuple[str, Callable[[], tuple[list[np.ndarray], list[str]]]]:
    """Every kind in an order of the seed's own, and the state at the end."""
    orders = {seed: np.random.RandomState(abs(seed)).permutation(list(R_KINDS)).tolist() for seed in seeds}
    code = "\n".join(
        "\n".join([f"set.seed({seed})", *map(r_code, orders[seed]), "keep(.Random.seed)"]) for seed in seeds
    )

    def ours() -> tuple[list[np.ndarray], list[str]]:
        values, names = [], []
        for seed in seeds:
            state = streams.r_set_seed(seed)
            for kind in orders[seed]:
                values.append(R_KINDS[kind][1](state))
                names.append(f"{kind} after set.seed({seed})")
            end = streams.r_get_state(state).astype(float)
            values.append(np.where(end == -(2.0**31), np.nan, end))
            names.append(f"the state after set.seed({seed})")
        return values, names

    return code, ours


def test_python_draws_what_r_draws_in_mixed_order(run_r):
    code, ours = sweep_of_r([*EDGES[:3], 42])
    values, names = ours()
    same(values, run_r(code), names)


@pytest.mark.prove
def test_python_draws_a_million_of_each_kind_as_r_does(run_r):
    for start in range(0, 100, 20):
        code, ours = sweep_of_r(SEEDS[start : start + 20])
        values, names = ours()
        same(values, run_r(code), names)


def test_single_draws_leave_the_stream_where_r_leaves_it(run_r):
    code = "set.seed(11); for (i in 1:700) { keep(rexp(1)); keep(sample(3)); keep(rnorm(1)); keep(sample.int(9, 1)) }"
    state = streams.r_set_seed(11)
    ours = []
    for _ in range(700):
        ours += [
            streams.r_rexp(state, 1), streams.r_sample(state, 3),
            streams.r_rnorm(state, 1), streams.r_sample_int(state, 9, 1),
        ]  # fmt: skip
    same(ours, run_r(code), ["single draws"] * len(ours))


def test_degenerate_draws_use_no_words_where_r_uses_none(run_r):
    code = "keep(runif(3, 2, 2)); keep(rnorm(3, 5, 0)); keep(runif(0)); keep(sample.int(5, 0)); keep(runif(1))"
    state = streams.r_set_seed(1)
    ours = [
        streams.r_runif(state, 3, 2, 2), streams.r_rnorm(state, 3, 5, 0), streams.r_runif(state, 0),
        streams.r_sample_int(state, 5, 0), streams.r_runif(state, 1),
    ]  # fmt: skip
    same(ours, run_r("set.seed(1);" + code), ["degenerate draws"] * len(ours))


# The words 0 and 2³² − 1 come once in 4·10⁹ draws: states are built whose next words they are.


def untemper(word: int) -> int:
    """The key word that MT19937's tempering turns into `word`: its four steps undone, last first."""
    word ^= word >> 18
    word ^= (word << 15) & 0xEFC60000
    value = word
    for _ in range(4):
        value = word ^ ((value << 7) & 0x9D2C5680)
    word = value & 0xFFFFFFFF
    value = word
    for _ in range(2):
        value = word ^ (value >> 11)
    return value


def stream_with_words(words: list[int]) -> np.ndarray:
    """A .Random.seed whose next words are these."""
    random_seed = streams.r_get_state(streams.r_set_seed(1))
    key = random_seed[2:].view(np.uint32)
    key[: len(words)] = [untemper(word) for word in words]
    key[len(words) :] |= 1
    random_seed[1] = 1
    return np.concatenate([random_seed[:2], np.concatenate([[7], key[:-1]]).astype(np.uint32).view(np.int32)])


@pytest.mark.parametrize("words", [
    [0] * 12, [2**32 - 1] * 12, [2**31] * 12, [2**30] * 12, [0, 2**32 - 1] * 6, [2**32 - 1, 0] * 6,
    [31, 2**32 - 1] * 6, [63, 1] * 6, [2**32 - 32, 0] * 6,
])  # fmt: skip
@pytest.mark.parametrize("kind", ["runif(6)", "rnorm(6)", "rexp(3)", "sample(5)"])
def test_rare_words_are_treated_as_r_treats_them(run_r, words, kind):
    random_seed = stream_with_words(words)
    state = streams.r_from_state(random_seed)
    assert streams.r_from_state(random_seed).take(12).tolist() == words
    draw = {
        "runif(6)": lambda: streams.r_runif(state, 6), "rnorm(6)": lambda: streams.r_rnorm(state, 6),
        "rexp(3)": lambda: streams.r_rexp(state, 3), "sample(5)": lambda: streams.r_sample(state, 5),
    }  # fmt: skip
    written = ", ".join("NA" if word == -(2**31) else f"{word}L" for word in random_seed.tolist())
    same([draw[kind]()], run_r(f".Random.seed <- c({written})\nkeep({kind})"), [f"{kind} from words {words[:2]}"])


# NumPy's stream in R.

NUMPY_KINDS: dict[str, tuple[str, Callable[[np.random.RandomState], Any]]] = {
    "random_sample": ("numpy_random_sample(g, 10000)", lambda g: g.random_sample(10000)),
    "random_sample, a matrix": ("numpy_random_sample(g, c(100, 100))", lambda g: g.random_sample((100, 100))),
    "randn": ("numpy_randn(g, 9999)", lambda g: g.randn(9999)),
    "randn, a matrix": ("numpy_randn(g, c(30, 333))", lambda g: g.randn(30, 333)),
    "permutation": ("numpy_permutation(g, 10000)", lambda g: g.permutation(10000)),
    "shuffle": ("numpy_shuffle(g, 10000 - 0:9999)", lambda g: shuffled(g, np.arange(10000, 0, -1))),
    "shuffle, rows": (
        "numpy_shuffle(g, matrix(1:10000, 2000))", lambda g: shuffled(g, np.arange(1, 10001).reshape(5, -1).T)),
    "randint": ("numpy_randint(g, 10, size = 10000)", lambda g: g.randint(10, size=10000)),
    "randint with limits": ("numpy_randint(g, -70, 60, 10000)", lambda g: g.randint(-70, 60, 10000)),
    "randint, one word": ("numpy_randint(g, 0, 2^32, 10000)", lambda g: g.randint(0, 2**32, 10000)),
    "randint, two words": ("numpy_randint(g, 0, 3^33, 10000)", lambda g: g.randint(0, 3**33, 10000)),
    "randint of one": ("numpy_randint(g, 3, 4, 5)", lambda g: g.randint(3, 4, 5)),
    "one randn": ("numpy_randn(g, 1)", lambda g: g.randn(1)),
}  # fmt: skip


def shuffled(state: np.random.RandomState, x: np.ndarray) -> np.ndarray:
    x = x.copy()
    state.shuffle(x)
    return x


def sweep_of_numpy(seeds: list[int]) -> tuple[str, list[np.ndarray], list[str]]:
    lines, values, names = [], [], []
    for seed in seeds:
        lines.append(f"g <- numpy_set_seed({seed})")
        state = np.random.RandomState(seed)
        for kind in np.random.RandomState(seed % 1000).permutation(list(NUMPY_KINDS)).tolist():
            code, draw = NUMPY_KINDS[kind]
            lines.append(f"keep({code})")
            values.append(draw(state))
            names.append(f"{kind} after numpy.random.seed({seed})")
        lines.append("end <- numpy_get_state(g); keep(end$key); keep(unlist(end[3:5]))")
        end = state.get_state()
        values += [end[1], end[2:]]
        names += [f"the key after numpy.random.seed({seed})", f"the state after numpy.random.seed({seed})"]
    return "\n".join(lines), values, names


def test_r_draws_what_numpy_draws_in_mixed_order(run_r):
    code, values, names = sweep_of_numpy([0, 1, 2**32 - 1])
    same(values, run_r(code), names)


@pytest.mark.prove
def test_r_draws_a_million_of_each_kind_as_numpy_does(run_r):
    for start in range(0, 100, 20):
        code, values, names = sweep_of_numpy(NUMPY_SEEDS[start : start + 20])
        same(values, run_r(code), names)


# Handing over in mid-stream.


def test_r_hands_its_stream_to_python_and_gets_it_back(run_r, tmp_path):
    first = run_r(
        "set.seed(5); keep(runif(1000)); x <- .Random.seed; keep(ifelse(is.na(x), -2^31, x)); keep(rnorm(500))"
    )
    ours = streams.r_from_state(first[1000:1626].astype(np.int64))
    np.testing.assert_array_equal(streams.r_rnorm(ours, 500), first[1626:])

    handed = tmp_path / "state.bin"
    streams.r_get_state(ours).tofile(handed)
    theirs = run_r(f'.Random.seed <- readBin("{handed}", "integer", 626); keep(sample(1000)); keep(rexp(10))')
    same([streams.r_sample(ours, 1000), streams.r_rexp(ours, 10)], theirs, ["sample", "rexp"])


def test_numpy_hands_its_stream_to_r_and_gets_it_back(run_r, tmp_path):
    state = np.random.RandomState(9)
    state.randn(777)  # odd: a cached value is handed over, too
    name, key, position, has_gauss, cached = streams.numpy_get_state(state)
    assert (name, has_gauss) == ("MT19937", 1)
    handed = tmp_path / "state.bin"
    np.concatenate([key.astype(float), [position, has_gauss, cached]]).tofile(handed)
    theirs = run_r(
        f'x <- readBin("{handed}", "double", 627)\n'
        'g <- numpy_from_state(list("MT19937", x[1:624], x[625], x[626], x[627]))\n'
        "keep(numpy_randn(g, 100)); keep(unlist(numpy_get_state(g)[-1]))"
    )
    np.testing.assert_array_equal(state.randn(100), theirs[:100])
    back = streams.numpy_from_state(["MT19937", theirs[100:724], *theirs[724:]])
    np.testing.assert_array_equal(back.randn(50), state.randn(50))
