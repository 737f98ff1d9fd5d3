"""An R candidate is recorded in whatever style it is written, and computes what it computes unrecorded."""

import shutil
import subprocess
from collections import namedtuple
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from nnparity.diagnosis import failures
from nnparity.diagnosis.recording import CandidateProcess

pytestmark = pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs R")

# The same gradient step (sigmoid, quadratic loss) in the styles in which R networks are written.
STYLE_FOLDER = Path(__file__).parent / "r_styles"
STYLES = {path.stem: path.read_text() for path in sorted(STYLE_FOLDER.glob("*.R"))}
if (
    shutil.which("Rscript")
    and subprocess.run(["Rscript", "-e", "library(R6)"], capture_output=True, check=False).returncode
):
    del STYLES["r6_classes"]
HEAD = "sigmoid <- function(z) 1 / (1 + exp(-z))\n"

Problem = namedtuple("Problem", "W b X Y eta")


def make_problem(sizes=(4, 6, 3), m=7):
    random = np.random.default_rng(1)
    W = [random.normal(size=(after, before)) for before, after in pairwise(sizes)]
    b = [random.normal(size=after) for after in sizes[1:]]
    return Problem(W, b, random.normal(size=(sizes[0], m)), random.uniform(size=(sizes[-1], m)), 0.5)


PROBLEM = make_problem()


def textbook(problem):
    """Every quantity of one step, by name: the book's formulas for sigmoid units and the quadratic loss."""
    W, b, X, Y, eta = problem
    A = [X]
    for weights, bias in zip(W, b, strict=True):
        A.append(1 / (1 + np.exp(-(weights @ A[-1] + bias[:, None]))))
    found, m = {}, X.shape[1]
    delta = (A[-1] - Y) * A[-1] * (1 - A[-1])
    for layer in range(len(W), 0, -1):
        found[f"delta{layer}"] = delta
        found[f"W{layer}_new"] = W[layer - 1] - eta * delta @ A[layer - 1].T / m
        found[f"b{layer}_new"] = b[layer - 1] - eta * delta.sum(axis=1) / m
        delta = (W[layer - 1].T @ delta) * A[layer - 1] * (1 - A[layer - 1])
    return found


@pytest.fixture
def load(tmp_path):
    """Write candidates to a folder of their own and load them; everything is closed afterwards."""
    opened = []

    def load(code, adapter=None, name="candidate.R", files=(), timeout=20, **options):
        path = tmp_path / name
        path.write_bytes(code if isinstance(code, bytes) else code.encode())
        for other, text in dict(files).items():
            (tmp_path / other).write_text(text)
        if adapter is not None:
            (tmp_path / "adapter.R").write_text(adapter)
        process = CandidateProcess(timeout=timeout)
        opened.append(process)
        process.load(path, tmp_path / "adapter.R" if adapter is not None else None, **options)
        return process

    yield load
    for process in opened:
        process.close()


def values_of(recording, text, kind=None, fun=None):
    """What the expression with that text was worth, each time."""
    found = []
    for event in recording.events:
        node = recording.nodes[event.node]
        if node.text == text and kind in (None, node.kind) and fun in (None, node.fun):
            found.append(recording.values[event.ref])
    return found


def assigned(recording, target):
    return [
        recording.values[e.ref]
        for e in recording.events
        if recording.nodes[e.node].kind == "assign" and recording.nodes[e.node].target == target
    ]


def line_of(code, text):
    return next(k for k, line in enumerate(code.split("\n"), start=1) if text in line)


def holds(recording, array):
    """Whether some recorded value is that array."""
    flat = np.ravel(array)
    return any(
        value.size == flat.size and (np.allclose(value.ravel(), flat) or np.allclose(value.T.ravel(), flat))
        for value in recording.values.values()
    )


PLAIN = """
local({
  arguments <- commandArgs(TRUE)
  problem <- eval(parse(arguments[1]))
  for (style in arguments[-(1:2)]) parallel::mcparallel({
    sys.source(style, globalenv())
    set.seed(1)
    result <- do.call(get("step", globalenv()), problem)
    writeBin(as.double(unlist(result)), file.path(arguments[2], paste0(basename(style), ".bin")))
  }, mc.set.seed = FALSE)
  parallel::mccollect()
}, new.env(parent = baseenv()))
"""


def as_r(value):
    """A Python number, array or list of arrays as R source, every bit of it kept."""
    if isinstance(value, list):
        return f"list({', '.join(map(as_r, value))})"
    array = np.asarray(value, dtype=float)
    numbers = f"c({', '.join(float(x).hex() for x in array.ravel(order='F'))})"
    return f"matrix({numbers}, {array.shape[0]})" if array.ndim == 2 else numbers


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """What each style computes without any recorder, as R's own Rscript has it."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "plain.R").write_text(PLAIN)
    (folder / "problem.R").write_text(f"list({', '.join(map(as_r, PROBLEM))})")
    files = [STYLE_FOLDER / f"{style}.R" for style in STYLES]
    subprocess.run(
        ["Rscript", "--vanilla", folder / "plain.R", folder / "problem.R", folder, *files],
        check=True,
        capture_output=True,
    )
    return {style: (folder / f"{style}.R.bin").read_bytes() for style in STYLES}


@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_recorded_and_unchanged(load, untouched, style):
    recording = load(STYLES[style]).run_twice(*PROBLEM)
    assert recording.status == "ok", recording.error
    assert recording.reordered == 0
    mine = np.concatenate([array.ravel(order="F") for array in [*recording.W, *recording.b]])
    assert mine.tobytes() == untouched[style]
    right = textbook(PROBLEM)
    for layer in (1, 2):
        assert np.allclose(recording.W[layer - 1], right[f"W{layer}_new"], rtol=1e-12)
        assert np.allclose(np.ravel(recording.b[layer - 1]), right[f"b{layer}_new"], rtol=1e-12)
    lines = STYLES[style].split("\n")
    for node in recording.nodes.values():
        if node.kind == "name" and node.line == node.end_line:
            assert lines[node.line - 1][node.col - 1 : node.end_col] == node.text
    assert holds(recording, right["W1_new"])
    if style not in ("apply_family", "scalar_loops"):  # these have one sample, or one number, at a time
        assert holds(recording, right["delta1"])
        assert holds(recording, right["delta2"])


# -- lines, kinds, operands ------------------------------------------------------------------------------------------


def test_semicolons_and_tabs_leave_every_statement_in_its_place(load):
    code = (
        HEAD
        + """step <- function(W, b, X, Y, eta)
{
	z <- W[[1]] %*% X + b[[1]];
	for (k in 1:2)
	{
		a <-	sigmoid(z);
		z[2, ] <- a[1, ];
	}
	list(W = W, b = b);
}
"""
    )
    recording = load(code).run(*PROBLEM)
    assert recording.status == "ok", recording.error
    lines = code.split("\n")
    inside = [node for node in recording.nodes.values() if node.fun == "step" and node.line == node.end_line]
    roots = {(node.text, node.line) for node in inside if node.id == node.stmt}
    assert {("W[[1]] %*% X + b[[1]]", 4), ("sigmoid(z)", 7), ("list(W = W, b = b)", 10)} <= roots
    for node in inside:
        assert lines[node.line - 1][node.col - 1 : node.end_col] in (node.text, node.code)


def test_statements_of_several_lines_and_several_on_a_line(load):
    code = (
        HEAD
        + """step <- function(W, b, X, Y, eta) {
  z <- W[[1]] %*%
    X +  # with a comment
    b[[1]]
  p <- 1; q <- p + 1; (r <- q * 2)
  z[2, ] <- q
  list(W = W, b = b)
}
"""
    )
    recording = load(code).run(*PROBLEM)
    z = next(n for n in recording.nodes.values() if n.target == "z" and n.kind == "assign")
    assert (z.line, z.end_line, z.col, z.op) == (3, 5, 3, "+")
    assert z.code.split("\n")[0] == "z <- W[[1]] %*%"
    assert [n.col for n in recording.nodes.values() if n.line == 6 and n.kind == "assign"] == [3, 11, 24]
    assert assigned(recording, "r")[0] == 4.0
    (after,) = [e for e in recording.events if recording.nodes[e.node].kind == "after"]
    changed = recording.values[after.ref]
    assert changed.shape == (6, 7)
    assert np.all(changed[1] == 2.0)
    assert recording.nodes[after.node].target == "z[2, ]"
    assert recording.nodes[recording.nodes[after.node].stmt].text == "q"


def test_entries_of_a_list_over_several_lines_have_their_own(load):
    code = (
        HEAD
        + """step <- function(W, b, X, Y, eta) {
  list(
    W = list(W[[1]] * 2,
             W[[2]] - eta),
    b = b
  )
}
"""
    )
    recording = load(code).run(*PROBLEM)
    roots = {n.text: (n.line, n.end_line) for n in recording.nodes.values() if n.stmt == n.id and n.fun == "step"}
    assert roots["W[[2]] - eta"] == (5, 5)
    (event,) = [e for e in recording.events if recording.nodes[e.node].text == "W[[2]] - eta"]
    outer = recording.nodes[recording.nodes[event.node].parent]
    assert (outer.op, outer.line) == ("list", 4)
    assert np.array_equal(recording.W[1], recording.values[event.ref])


def test_operands_come_before_their_operation_and_in_the_same_frame(load):
    recording = load(STYLES["plain_lists"]).run(*PROBLEM)
    seen = {}
    for event in recording.events:
        node = recording.nodes[event.node]
        seen[event.node, event.frame] = event.seq
        for child in node.children:
            if recording.nodes[child].kind in ("name", "index", "expr", "call") and (child, event.frame) in seen:
                assert seen[child, event.frame] < event.seq
    product = next(n for n in recording.nodes.values() if n.text == "delta %*% t(A[[l]]) / m")
    assert [recording.nodes[k].text for k in product.children] == ["delta %*% t(A[[l]])", "m"]
    assert len({e.frame for e in recording.events if recording.nodes[e.node].fun == "sigmoid"}) == 2


def test_occurrences_count_the_turns_of_a_loop(load):
    recording = load(STYLES["plain_lists"]).run(*PROBLEM)
    turns = [e.occ for e in recording.events if recording.nodes[e.node].target == "dW"]
    assert turns == [1, 2]


def test_frames_know_their_caller(load):
    code = (
        HEAD
        + """inner <- function(x) x * 2
outer_one <- function(v) sapply(v, function(e) inner(e))
step <- function(W, b, X, Y, eta) { s <- outer_one(1:3); list(W = W, b = b) }
"""
    )
    recording = load(code).run(*PROBLEM)
    inner = [f for f in recording.frames.values() if f.fun == "inner"]
    assert len(inner) == 3
    for frame in inner:
        assert recording.nodes[frame.call_node].text == "inner(e)"
        assert recording.nodes[recording.frames[frame.parent].call_node].op == "sapply"
    assert np.array_equal(assigned(recording, "s")[0], [2.0, 4.0, 6.0])


def test_reference_class_methods_have_lines(load):
    recording = load(STYLES["reference_classes"]).run(*PROBLEM)
    line = line_of(STYLES["reference_classes"], "delta <- (top - y)")
    assert any(n.line == line and n.fun == "learn" for n in recording.nodes.values())
    assert any(recording.nodes[e.node].line == line for e in recording.events)


def test_a_function_that_sets_up_generics_is_recorded_and_its_methods(load):
    code = """
make <- function(v) {
  kind <- setClass("kept", slots = c(v = "numeric"))
  one <- kind(v = v * 2)
  setGeneric("turned", function(one) standardGeneric("turned"))
  setMethod("turned", "kept", function(one) {
    one@v <- one@v + 1
    one
  })
  one
}
step <- function(W, b, X, Y, eta) {
  one <- make(b[[1]])
  turned(one)
  list(W = W, b = b)
}
"""
    recording = load(code).run(*PROBLEM)
    seen = {recording.nodes[event.node].line for event in recording.events}
    assert {line_of(code, "one <- kind(v = v * 2)"), line_of(code, "one@v <- one@v + 1")} <= seen


def test_recording_leaves_the_call_stack_alone(load):
    code = """
who <- function(...) deparse(sys.call(-1))[1]
depth <- function() sys.nframe()
named <- function(x) deparse(substitute(x))
count <- function(...) nargs()
asks <- function(x) missing(x)
pass <- function(x) asks(x)
fact <- function(n) if (n <= 1) 1 else n * Recall(n - 1)
choose_one <- function(kind = c("first", "second")) switch(match.arg(kind), first = 1, second = 2)
where <- function() identical(parent.frame(), globalenv())
cleanup <- function() { on.exit(log <<- c(log, 2)); log <<- c(log, 1); invisible(3) }
log <- 0
jump <- function(v) { for (x in v) { y <- if (x > 2) break else x; z <- x > 1 || next }; y }
lazy <- function(a, b = stop("never")) a
early <- function(x) { force(return(x)); 5 }
column <- 1:2
step <- function(W, b, X, Y, eta) {
  total <- c(depth() - sys.nframe(), count(1, 2, 3), pass(), fact(5), choose_one(), jump(1:5), lazy(1), early(4))
  stopifnot(identical(total, c(1, 3, 1, 120, 1, 2, 1, 4)))
  stopifnot(identical(named(X %*% Y), "X %*% Y"), identical(colnames(cbind(column, eta)), c("column", "eta")))
  caller <- who()
  stopifnot(grepl("^step", caller), !where())
  stopifnot(identical(names(data.frame(column, total[1:2])), c("column", "total.1.2.")))
  value <- withVisible(cleanup())$value
  stopifnot(identical(log, c(0, 1, 2)), value == 3)
  f <- function(n, ...) UseMethod("f")
  f.default <- function(n, ...) "default"
  f.one <- function(n, ...) paste("one", NextMethod())
  stopifnot(identical(f(structure(1, class = "one")), "one default"))
  g <- quote(a + b); h <- ~ a + b; k <- bquote(x + .(eta))
  stopifnot(identical(deparse(g), "a + b"), identical(deparse(h), "~a + b"), identical(deparse(k), "x + 0.5"))
  u <- tryCatch(stop("caught"), error = function(e) conditionMessage(e), finally = { done <- TRUE })
  stopifnot(identical(u, "caught"), done)
  v <- vapply(split(1:6, c(1, 1, 2, 2, 3, 3)), sum, 1L)
  stopifnot(identical(unname(v), c(3L, 7L, 11L)))
  list(W = W, b = b)
}
"""
    recording = load(code).run_twice(*PROBLEM)
    assert recording.status == "ok", recording.error


def test_leaves_of_lists_objects_and_frames(load):
    code = """
setClass("P", representation(W = "matrix", n = "character"))
make <- function() list(a = 1:3, deep = list(matrix(1:4, 2), "text"), 7)
step <- function(W, b, X, Y, eta) {
  things <- make()
  object <- new("P", W = X, n = "name")
  frame <- data.frame(p = 1:2, q = c(0.5, NA))
  codes <- factor(c("u", "v", "u"))
  scalars <- list(1, 2, 3)
  flags <- X[1, ] > 0
  list(W = W, b = b)
}
"""
    recording = load(code).run(*PROBLEM)
    by_target = {}
    for event in recording.events:
        node = recording.nodes[event.node]
        if node.kind == "assign":
            by_target.setdefault(node.target, {})[event.path] = (recording.values[event.ref], recording.meta[event.ref])
    assert set(by_target["things"]) == {"$a", "$deep[[1]]", "[[3]]"}
    assert by_target["things"]["$deep[[1]]"][0].shape == (2, 2)
    assert np.array_equal(by_target["object"]["@W"][0], PROBLEM.X)
    values, meta = by_target["frame"][""]
    assert meta.container == "data.frame"
    assert values.shape == (2, 2)
    assert np.isnan(values[1, 1])
    assert by_target["codes"][""][1].kind == "factor"
    assert by_target["scalars"][""][1].container == "list"
    assert by_target["flags"][""][1].kind == "logical"


# -- failures --------------------------------------------------------------------------------------------------------


def failing(load, body, head=HEAD, **options):
    code = head + "step <- function(W, b, X, Y, eta) {\n" + body + "\n  list(W = W, b = b)\n}\n"
    recording = load(code, **options).run(*PROBLEM)
    return recording, recording.error


def test_an_error_has_its_line_and_operands(load):
    recording, error = failing(load, "  a <- X\n  z <- sigmoid(1) +\n    a %*% W[[2]]\n")
    assert recording.status == "error"
    assert (error.message, error.line, error.end_line) == ("non-conformable arguments", 4, 5)
    assert error.call == "a %*% W[[2]]"
    assert [(o.text, recording.meta[o.ref].dim) for o in error.operands] == [("a", (4, 7)), ("W[[2]]", (3, 6))]
    assert values_of(recording, "sigmoid(1)")  # what came before is kept


@pytest.mark.parametrize(
    ("body", "head", "line", "call"),
    [
        ("  y <- nothing_here + 1", HEAD, 3, "nothing_here"),
        ("  y <- f(X)", "f <- function(x) {\n  u <- x\n  v <- u[9, ]\n  v\n}\n", 3, "u[9, ]"),
        ("  y <- f(X)", "f <- function(x) {\n  if (is.null(x)) 1\n  stop('mine')\n}\n", 3, "stop('mine')"),
        ("  y <- no_such_function(X)", HEAD, 3, "no_such_function(X)"),
        ("  q <- 1\n  q[[3]] <- X", HEAD, 4, "q[[3]] <- X"),
        ("  y <- apply(X, 1, function(r) {\n    r %*% diag(3)\n  })", HEAD, 4, "r %*% diag(3)"),
        ("  if (X > 0) y <- 1", HEAD, 3, "X > 0"),
        ("  y <- matrix(1:6, 2) |> solve()", HEAD, 3, "matrix(1:6, 2) |> solve()"),
        ("  s <- function(z) s(z + 1)\n  s(1)", HEAD, 3, None),
    ],
)
def test_every_kind_of_error_has_its_line(load, body, head, line, call):
    recording, error = failing(load, body, head)
    assert (recording.status, error.line) == ("error", line)
    if call is not None:
        assert error.call == call


def test_errors_of_the_condition_show_its_value(load):
    recording, error = failing(load, "  if (X > 0) y <- 1")
    assert recording.meta[error.operands[0].ref].dim == (4, 7)


@pytest.mark.parametrize(
    "leaving", ["quit()", "q('no', status = 3)", "base::quit('no')", "tryCatch(quit(), error = function(e) 1)"]
)
def test_leaving_r_inside_step_is_a_result(load, leaving):
    process = load(
        HEAD + f"step <- function(W, b, X, Y, eta) {{\n  u <- X * 2\n  {leaving}\n  list(W = W, b = b)\n}}\n"
    )
    for _ in range(2):
        recording = process.run(*PROBLEM)
        assert (recording.status, recording.error.line) == ("quit", 4)
        assert assigned(recording, "u")


def test_a_crash_of_r_leaves_the_tool_standing(load):
    process = load(
        "step <- function(W, b, X, Y, eta) {\n  if (eta > 0.4) tools::pskill(Sys.getpid(), 9)\n"
        "  list(W = W, b = b)\n}\n"
    )
    assert process.run(*PROBLEM).status == "crash"
    assert process.run(*PROBLEM._replace(eta=0.1)).status == "ok"


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("answer <- readline('name? '); more <- readLines('stdin', 1)", "ok"),
        ("closeAllConnections(); sink('printed.txt'); print(1); while (sink.number()) sink()", "ok"),
        ("setwd(tempdir()); rm(list = ls(globalenv()), envir = globalenv()); options(warn = 2, digits = 3)", "ok"),
        ("set.seed(1, kind = 'Wichmann-Hill'); u <- runif(1); RNGkind('default')", "ok"),
        ("invokeRestart('abort')", "error"),
        (".Internal(quit('no', 0L, FALSE))", "quit"),
        ("x <- numeric(1e11)", "error"),
    ],
)
def test_what_a_step_may_do_to_its_process(load, statement, status):
    process = load(f"step <- function(W, b, X, Y, eta) {{\n  {statement}\n  list(W = W, b = b)\n}}\n")
    recording = process.run(*PROBLEM)
    assert recording.status == status
    if status == "error":
        assert recording.error.line == 2
    assert process.run(*PROBLEM).status == status


def test_an_endless_loop_has_its_line(load):
    process = load("step <- function(W, b, X, Y, eta) {\n  i <- 0\n  repeat {\n    i <- i + 1\n  }\n}\n")
    recording = process.run(*PROBLEM, timeout=2)
    assert (recording.status, recording.error.line) == ("timeout", 4)
    assert len(recording.events) > 1000


# -- injection and state ---------------------------------------------------------------------------------------------


def test_injection_replaces_a_value_and_all_that_follows(load):
    process = load(STYLES["plain_lists"])
    first = process.run(*PROBLEM)
    dW = next(n for n in first.nodes.values() if n.target == "dW")
    zero = np.zeros((6, 4))
    second = process.run(*PROBLEM, inject=[(dW.id, 2, "", zero)])
    assert np.array_equal(second.W[0], PROBLEM.W[0])
    assert np.array_equal(second.W[1], first.W[1])
    refused = process.run(*PROBLEM, inject=[(dW.id, 2, "", np.zeros(5))])
    assert refused.refused[0]["node"] == dW.id
    assert np.array_equal(refused.W[0], first.W[0])


def test_injection_into_leaves_and_after_partial_assignments(load):
    code = """
make <- function(X) list(a = X, rest = list(c(u = 1, v = 2)))
step <- function(W, b, X, Y, eta) {
  parts <- make(X)
  W[[1]][1, ] <- parts$rest[[1]][["v"]]
  list(W = W, b = b)
}
"""
    process = load(code)
    first = process.run(*PROBLEM)
    parts = next(n for n in first.nodes.values() if n.target == "parts")
    changed = process.run(*PROBLEM, inject=[(parts.id, 1, "$rest[[1]]", [5.0, 6.0])])
    assert np.all(changed.W[0][0] == 6.0)
    after = next(n for n in first.nodes.values() if n.kind == "after")
    changed = process.run(*PROBLEM, inject=[(after.id, 0, "", np.full((6, 4), 9.0))])
    assert np.all(changed.W[0] == 9.0)


def test_watching_another_expression(load):
    process = load(STYLES["plain_lists"])
    node = next(n for n in process.loaded.nodes.values() if n.target == "dW")
    recording = process.run(*PROBLEM, watch=[(node.id, 2, "delta * 2"), (node.id, 0, "no_such_thing")])
    (event,) = [e for e in recording.events if e.alt]
    assert np.allclose(recording.values[event.ref], 2 * textbook(PROBLEM)["delta1"])


def test_each_run_starts_from_the_loaded_state(load):
    code = (
        "calls <- 0\nstore <- new.env(); store$n <- 0\nstep <- function(W, b, X, Y, eta) {\n  calls <<- calls + 1\n"
        "  store$n <- store$n + 1\n  b[[1]][1] <- calls + store$n + runif(1)\n  setwd('..')\n  list(W = W, b = b)\n}\n"
    )
    process = load(code)
    one, two = process.run(*PROBLEM), process.run(*PROBLEM)
    assert one.b[0][0] == two.b[0][0]
    third = process.run(*PROBLEM, rehearse=2)
    assert third.b[0][0] == one.b[0][0] + 4


def test_a_wrong_result_is_described(load):
    recording = load("step <- function(W, b, X, Y, eta) list(weights = W)").run(*PROBLEM)
    assert recording.status == "bad_result"
    assert "with weights" in recording.message


def test_limits_stop_the_recording_and_not_the_step(load):
    process = load(STYLES["scalar_loops"])
    process.max_events = 100
    recording = process.run(*PROBLEM)
    assert recording.truncated
    assert recording.status == "ok"
    assert len(recording.events) <= 100


# -- loading ---------------------------------------------------------------------------------------------------------

WITH_ACTIONS = (
    HEAD
    + """
library(no_such_package)
eta0 <- 0.1; sizes <- c(4, 6, 3)
data <- read.csv("absent.csv")
"%+%" <- function(a, b) a + b
helpers <- list(slope = function(a) a * (1 - a), name = "sigmoid")
"[<-.result" <- function(x, i, value) value
Net <- setRefClass("Net", fields = list(W = "list"))
Net$methods(size = function() length(W))
setClass("S", representation(x = "numeric")); setGeneric("area", function(s) standardGeneric("area"))
setMethod("area", "S", function(s) s@x * 2)
make <- function(k) function(x) x * k
twice <- make(2)
plot(1:10)
model <- train(data)
for (i in 1:1e9) { }
W1 <- matrix(runif(4), 2)
if (!exists("extra")) extra <- function() 1
main <- function() quit()
main()
"""
)


def test_functions_only_takes_definitions_and_skips_actions(load):
    adapter = (
        "# functions_only: true\nstep <- function(W, b, X, Y, eta) {\n"
        "  stopifnot(twice(2) == 4, area(new('S', x = 2)) == 4, Net$new(W = W)$size() == 2, extra() == 1)\n"
        "  stopifnot(eta0 == 0.1, !exists('model'), helpers$slope(2) == -2, (1 %+% 2) == 3, all(dim(W1) == 2))\n"
        "  list(W = W, b = b)\n}\n"
    )
    process = load(WITH_ACTIONS, adapter)
    assert process.run(*PROBLEM).status == "ok"
    assert {"sigmoid", "make", "slope", "size", "area", "main"} <= {f.name for f in process.loaded.functions}
    assert next(f for f in process.loaded.functions if f.name == "make").args == ("k",)


def test_functions_are_listed_with_what_they_take(load):
    code = "f <- function(x, ..., rate = 0.1) {\n  inner <- function(y) y\n  inner(x)\n}\n"
    code += "step <- function(W, b, X, Y, eta) NULL\n"
    f, step = load(code).loaded.functions
    assert (f.name, f.args, f.optional, f.line) == ("f", ("x", "...", "rate"), ("rate",), 1)
    assert step.args == ("W", "b", "X", "Y", "eta")


def test_rm_list_ls_setwd_and_sourced_files(load, tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "act.R").write_text("\nsigmoid <- function(z) {\n  s <- 1 / (1 + exp(-z))\n  s\n}\n")
    code = (
        "source('parts/act.R')\nkeep <- sigmoid\nrm(list = ls(all.names = TRUE))\n"
        "setwd('parts'); source('act.R', local = FALSE)\n" + STYLES["plain_lists"].replace(HEAD, "")
    )
    recording = load(code).run_twice(*PROBLEM)
    node = next(recording.nodes[e.node] for e in recording.events if recording.nodes[e.node].target == "s")
    assert (node.file, node.line, node.fun) == ("parts/act.R", 3, "sigmoid")


def test_candidate_lines_runs_statements_at_any_depth(load):
    code = """eta <- 0.1
for (epoch in 1:2) {
  for (i in 1:2) {
    z1 <- W1 %*% x + b1
    a1 <- 1 / (1 +
      exp(-z1))
    z2 <- W2 %*% a1 + b2; a2 <- 1 / (1 + exp(-z2))
  }
  cat("epoch", epoch)
}
"""
    adapter = """# functions_only: true
step <- function(W, b, X, Y, eta) {
  inside <- new.env()
  inside$x <- X; inside$W1 <- W[[1]]; inside$W2 <- W[[2]]; inside$b1 <- b[[1]]; inside$b2 <- b[[2]]
  candidate_lines(4, 7, inside)
  list(W = list(inside$W1, inside$a2), b = b)
}
"""
    recording = load(code, adapter).run_twice(*PROBLEM)
    assert recording.status == "ok", recording.error
    (a1,) = [e for e in recording.events if recording.nodes[e.node].target == "a1"]
    node = recording.nodes[a1.node]
    assert (node.file, node.line, node.end_line) == ("candidate.R", 5, 6)
    assert recording.W[1].shape == (3, 7)


def test_before_and_prelude_are_not_recorded(load):
    process = load(
        "sigmoid <- function(z) stand_in(z)\n" + STYLES["plain_lists"].replace(HEAD, ""),
        "# before: stand.R\nunused <- 1\n",
        files={"stand.R": "stand_in <- function(z) 1 / (1 + exp(-z))\n"},
    )
    recording = process.run(*PROBLEM)
    assert recording.status == "ok"
    assert {node.file for node in recording.nodes.values()} <= {"candidate.R", "adapter.R"}


RMD = """---
title: "A network"
---

```{r setup, include=FALSE}
sigmoid <- function(z) 1 / (1 + exp(-z))
```

Text with `code`.

```{r, eval=FALSE}
stop("never")
```

```{python}
import numpy
```

```{r}
#| eval: false
stop("never")
```

```{r net}
"""


def test_r_markdown_keeps_the_lines_of_the_file(load):
    body = STYLES["plain_lists"].replace(HEAD, "")
    recording = load(RMD + body + "```\n\nThe end.\n", name="report.Rmd").run(*PROBLEM)
    line = line_of(RMD + body, "dW <- delta")
    assert any(n.line == line and n.target == "dW" for n in recording.nodes.values())
    assert np.allclose(recording.W[0], textbook(PROBLEM)["W1_new"])


@pytest.mark.parametrize(
    ("code", "failure", "line"),
    [
        ("x <- 1\ny <- (2 + \n  3\n]\n", failures.ParseFailure, 4),
        ("x <- 1\nf <- function() {\n  stop('broken')\n}\nf()\n", failures.LoadFailure, 5),
        ("x <- 1\nquit('no')\n", failures.LoadQuit, 2),
        ("x <- 1\nlibrary(no_such_package)\n", failures.MissingPackage, 2),
        ("f <- function(x) x\n", failures.NoStep, None),
        ("x <- 1\nrepeat {\n  x <- x + 1\n}\n", failures.LoadTimeout, 2),
    ],
)
def test_when_there_is_no_step(load, code, failure, line):
    with pytest.raises(failure) as trouble:
        load(code, timeout=3)
    assert trouble.value.line in (line, 3 if failure is failures.LoadFailure else line)


def test_names_beyond_ascii_and_strange_text(load):
    code = (
        "größe <- function(x) x * 2  # µ\n"
        + 'note <- "tab\\t \\\\ quote\\" 世界"; '
        + "step <- function(W, b, X, Y, eta) {\n"
        + "  ä <- größe(eta); note <- paste(note, 'é'); v <- ä + 1; list(W = W, b = b)\n}\n"
    )
    recording = load(code).run(*PROBLEM)
    assert assigned(recording, "v")[0] == 2.0
    node = next(n for n in recording.nodes.values() if n.target == "v")
    assert node.code == "v <- ä + 1"


def test_nothing_is_left_behind(load, tmp_path):
    load("step <- function(W, b, X, Y, eta) { plot(1:3); hist(X); list(W = W, b = b) }\nplot(1)\n").run(*PROBLEM)
    assert not (tmp_path / "Rplots.pdf").exists()


def test_an_argument_that_fails_is_blamed_at_the_call(load):
    for argument, message in (
        ("W[[1]] %*% Y", "non-conformable arguments"),
        ("X + absent", "object 'absent' not found"),
    ):
        _, error = failing(load, f"  a <- X\n  z <- sigmoid(\n    {argument})\n")
        assert (error.message, error.line, error.end_line) == (message, 4, 5)
        assert error.call == (argument if "%*%" in argument else "absent")


def test_pipes_of_a_package_are_taken_apart(load):
    if subprocess.run(["Rscript", "-e", "library(magrittr)"], capture_output=True).returncode:
        pytest.skip("R's package magrittr is not installed")
    code = (
        HEAD + "library(magrittr)\ntimes <- function(x, w) x %*% w\n"
        "step <- function(W, b, X, Y, eta) {\n  h <- t(X) %>% times(t(W[[1]])) %>% sigmoid\n"
        "  k <- h %>% { . * 2 } %>% sum(., 1)\n  list(W = W, b = b)\n}\n"
    )
    recording = load(code).run(*PROBLEM)
    assert recording.status == "ok", recording.error
    assert values_of(recording, "t(X) %>% times(t(W[[1]]))")[0].shape == (7, 6)
    assert assigned(recording, "k")[0].shape == (1,)


def test_assignments_inside_of_expressions(load):
    code = """step <- function(W, b, X, Y, eta) {
  if (m <- ncol(X)) k <- m
  i <- 0
  while ((i <- i + 1) < 3) j <- i
  x <- c(u <- 2, (v <- u * 2))
  list(
    W = V <- W,
    b = b)
}
"""
    recording = load(code).run_twice(*PROBLEM)
    assert recording.status == "ok", recording.error
    assert [float(assigned(recording, name)[-1][0]) for name in "mkijuv"] == [7, 7, 3, 2, 2, 4]


def test_values_that_are_no_numbers_do_no_harm(load):
    code = """f <- function(a, b = 2) NULL
step <- function(W, b, X, Y, eta) {
  arguments <- formals(f); empty <- quote(expr = ); parts <- as.list(arguments)
  everything <- list(NULL, quote(x + y), as.name("z"), f, globalenv(), 1i, raw(2), Sys.time())
  deep <- list(list(list(list(list(list(1))))))
  lots <- as.list(1:1000); never <- list(); text <- c("a", NA); when <- as.Date("2024-01-01"); hole <- vector("list", 3)
  object <- structure(list(1, "a"), class = c("odd", "list")); weird <- structure(1:3, dim = 3, extra = "x")
  list(W = W, b = b)
}
length.odd <- function(x) stop("never")
"[[.odd" <- function(x, i) stop("never")
as.list.odd <- function(x, ...) stop("never")
"""
    recording = load(code).run_twice(*PROBLEM)
    assert recording.status == "ok", recording.error
    assert assigned(recording, "weird")[0].shape == (3,)
