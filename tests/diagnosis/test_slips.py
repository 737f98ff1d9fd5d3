"""The changes that are tried: what may have been meant by a statement, read off its text."""

import pytest

from nnparity.diagnosis.slip_text import Part, Surroundings, tokens_of
from nnparity.diagnosis.slips import changes
from nnparity.diagnosis.slips_of_tokens import likeness


def part(text, piece, op, kind, parts=(), shape=(4, 7)):
    start = text.index(piece)
    return Part(start, start + len(piece), op, kind, tuple(parts), frozenset() if shape is None else frozenset({shape}))


def sets(shapes):
    return {text: frozenset({shape}) for text, shape in (shapes or {}).items()}


def texts(source, statement, language, parts=(), functions=(), shapes=None, phrases=None):
    """Every changed form of one statement of a source."""
    around = Surroundings(source, 0, len(source), language, functions, sets(shapes), sets(phrases))
    start = source.index(statement)
    found = changes(source, (start, start + len(statement)), list(parts), around)
    return {change.apply(source) for change in found}


def test_comments_and_strings_are_no_code():
    tokens = tokens_of("a = b  # c = d\ne = 'f + g'", "Python")
    assert [token.text for token in tokens] == ["a", "=", "b", "e", "=", "'f + g'"]


def test_r_tokens_are_told_apart():
    kinds = {token.text: token.kind for token in tokens_of("b.c <- net$W[[1]] %*% f(x)  # y", "R")}
    assert kinds["b.c"] == kinds["net"] == kinds["x"] == "name"
    assert (kinds["W"], kinds["f"], kinds["1"], kinds["%*%"]) == ("attribute", "function", "number", "operator")
    assert "y" not in kinds


def test_what_a_name_is_decides_what_it_may_be_taken_for():
    kinds = {token.text: token.kind for token in tokens_of("self.act.f(W1, axis=0)", "Python")}
    assert kinds["act"] == "attribute"
    assert kinds["f"] == "method"
    assert kinds["W1"] == "name"
    assert kinds["axis"] == "keyword"


def test_names_are_alike_where_one_letter_differs():
    assert likeness("dW1", "dW2") == likeness("a1", "z1") == 0
    assert likeness("dW1", "dW2") < likeness("delta", "error")


@pytest.mark.parametrize(
    ("source", "meant", "language"),
    [
        ("d = y - a\nW = W + d", "d = y - a\nW = W - d", "Python"),
        ("d = a1 * z2\nz1 = 0", "d = a1 * z1\nz1 = 0", "Python"),
        ("g = x.sum(axis=0)", "g = x.sum(axis=1)", "Python"),
        ("a = w[0]", "a = w[-1]", "Python"),
        ("a = w[1:]", "a = w[:-1]", "Python"),
        ("s[k] = d", "s[k] += d", "Python"),
        ("for l in range(L, 0, -1):\n  pass", "for l in range(L, 1, -1):\n  pass", "Python"),
        ("m = t(x) * y", "m = t(x) %*% y", "R"),
        ("W <- W - g", "W <<- W - g", "R"),
        ("D <- d", "D <- D + d", "R"),
        ("M <- matrix(v, 2, byrow = TRUE)", "M <- matrix(v, 2, byrow = FALSE)", "R"),
        ("s <- rowSums(d)", "s <- colSums(d)", "R"),
        ("for v in topo:\n  pass", "for v in reversed(topo):\n  pass", "Python"),
        ("for l in reversed(layers):\n  pass", "for l in layers:\n  pass", "Python"),
        ("for (l in seq_len(L - 1)) {\n  NULL", "for (l in rev(seq_len(L - 1))) {\n  NULL", "R"),
        ("for (l in rev(layers)) {\n  NULL", "for (l in layers) {\n  NULL", "R"),
        ("g <- apply(d, 2, max)", "g <- apply(d, 2, mean)", "R"),
        ("s <- f$z * (1 - f$z)\nq <- f$a", "s <- f$a * (1 - f$a)\nq <- f$a", "R"),
        ("s = f.z * (1 - f.z)\nq = f.a", "s = f.a * (1 - f.a)\nq = f.a", "Python"),
        ("g <- f$z %*% d\nf <- list(z = z, a = a)", "g <- f$a %*% d\nf <- list(z = z, a = a)", "R"),
        ("g = f.z @ d\nf = Kept(0, z=z, a=a)", "g = f.a @ d\nf = Kept(0, z=z, a=a)", "Python"),
    ],
)
def test_a_slip_of_the_hand_is_undone(source, meant, language):
    first, *_ = source.split("\n")
    last = source.split("\n")[-1]
    found = texts(source, first, language) | texts(source, last, language)
    assert " ".join(meant.split()) in {" ".join(text.split()) for text in found}


def test_expressions_lose_a_factor_swap_and_gain_one():
    source = "d = e * s"
    whole = part(source, "e * s", "*", "expr", [part(source, "e", None, "name"), part(source, "s", None, "name")])
    found = texts(
        source, source, "Python", [whole], shapes={"e": (4, 7), "s": (4, 7), "m": ()}, phrases={"1 - a": (4, 7)}
    )
    assert {"d = e", "d = s", "d = (e * s) * (1 - a)", "d = (e * s) * (1 - s)"} <= found


def test_a_name_of_another_shape_comes_later():
    source = "d = e\nx = 1\ny = 2"
    around = Surroundings(source, 0, len(source), "Python", (), sets({"e": (4, 7), "x": (4, 7), "y": (3,)}), {})
    cost = {change.new: change.cost for change in changes(source, (0, 5), [], around) if change.start == 4}
    assert cost["x"] < cost["y"]


def test_brackets_that_were_forgotten():
    source = "e = g * h * 1 - h"
    left = part(source, "g * h * 1", "*", "expr",
                [part(source, "g * h", "*", "expr"), part(source, "1", None, "constant", shape=None)])  # fmt: skip
    whole = Part(
        4, len(source), "-", "expr", (left, Part(16, 17, None, "name", (), frozenset({(4, 7)}))), frozenset({(4, 7)})
    )
    assert "e = g * h * (1 - h)" in texts(source, source, "Python", [whole])


def test_neighbouring_statements_change_places():
    source = "def f():\n    a = 1\n    b = a\n    return b\n"
    assert "def f():\n    b = a\n    a = 1\n    return b\n" in texts(source, "    a = 1", "Python")


@pytest.mark.parametrize(("language", "was", "meant"), [
    ("Python", "s = z * (1 - z)", "s = a * (1 - a)"),
    ("R", "s <- z * (1 - z)", "s <- a * (1 - a)"),
])  # fmt: skip
def test_a_name_is_replaced_wherever_it_stands(language, was, meant):
    source = f"a = f(z)\n{was}\n"
    assert f"a = f(z)\n{meant}\n" in texts(source, was, language)


@pytest.mark.parametrize(("language", "nothing"), [("Python", "pass"), ("R", "NULL")])
def test_a_statement_may_be_one_too_many(language, nothing):
    assert f"x = 1\n{nothing}\n" in texts("x = 1\nx = f(x)\n", "x = f(x)", language)


@pytest.mark.parametrize(("language", "was", "meant"), [
    ("Python", "s = 0.0", "s = w[-1]"),
    ("R", "s <- 0", "s <- w[1]"),
])  # fmt: skip
def test_a_sum_may_begin_with_an_element_of_a_vector(language, was, meant):
    assert meant in texts(was, was, language, shapes={"w": (5,)})


def test_a_shorter_expression_may_stand_for_a_longer_one_that_holds_it():
    source = "u = (error * act * (1 - act)) @ x\nv = (error * act) @ y\n"
    start = source.index("error * act) @ y")
    short = Part(start, start + len("error * act"), "*", "expr", (), frozenset({(4, 7)}))
    longer = "error * act * (1 - act) + 0 * error * act"  # longer than what is tried for its shape alone
    found = texts(source, "v = (error * act) @ y", "Python", parts=[short], phrases={longer: (4, 7)})
    assert source.replace("v = (error * act)", f"v = ({longer})") in found


def operation(text, piece, op, left, right, kind="call", shape=(4, 7)):
    """A part of two operands, each of which is a name or a part itself."""
    parts = [operand if isinstance(operand, Part) else part(text, operand, None, "name") for operand in (left, right)]
    return part(text, piece, op, kind, parts, shape)


@pytest.mark.parametrize("language", ["Python", "R"])
def test_a_bracket_too_many_is_taken_away(language):
    text = "s = (a + b) * c"
    whole = operation(text, "(a + b) * c", "*", operation(text, "a + b", "+", "a", "b"), "c")
    assert "s = a + b * c" in texts(text, text, language, [whole])


@pytest.mark.parametrize("language", ["Python", "R"])
def test_a_bracket_is_closed_earlier_or_later(language):
    text = "s = f(a - b)"
    inside = part(text, "f(a - b)", "f", "call", [operation(text, "a - b", "-", "a", "b")])
    assert "s = f(a) - b" in texts(text, text, language, [inside])
    text = "s = f(a) - b"
    outside = operation(text, "f(a) - b", "-", part(text, "f(a)", "f", "call", [part(text, "a", None, "name")]), "b")
    assert "s = f(a - b)" in texts(text, text, language, [outside])


@pytest.mark.parametrize(("language", "kept"), [("Python", "d = pull(d)"), ("R", "d <- pull(d)")])
def test_what_a_call_gives_back_may_have_to_be_kept(language, kept):
    text = "pull(d)"
    call = part(text, "pull(d)", "pull", "expr", [part(text, "d", None, "name")])
    assert kept in texts(text, text, language, [call])


@pytest.mark.parametrize(("language", "sign"), [("Python", "="), ("R", "<-")])
def test_the_arguments_of_a_whole_statement_are_exchanged(language, sign):
    text = f"g {sign} roll(u, v)"
    call = part(text, "roll(u, v)", "roll", "assign", [part(text, "u", None, "name"), part(text, "v", None, "name")])
    assert f"g {sign} roll(v, u)" in texts(text, text, language, [call])


@pytest.mark.parametrize(
    ("source", "statement", "meant", "language"),
    [
        ("net$out <- 0\nout <- f(x)", "out <- f(x)", "net$out <- f(x)", "R"),
        ("self.out = 0\nout = f(x)", "out = f(x)", "self.out = f(x)", "Python"),
    ],
)
def test_a_local_name_may_be_meant_for_what_an_object_holds(source, statement, meant, language):
    assert source.replace(statement, meant) in texts(source, statement, language)


def test_a_second_name_may_be_meant_for_a_copy():
    text = "g = y"
    assert "g = y.copy()" in texts(text, text, "Python", [part(text, "y", None, "name")])
    assert "g = y.copy()" not in texts(text, text, "Python", [part(text, "y", None, "name", shape=())])


def test_a_list_is_put_before_another_one():
    text = "x = [1] + xs"
    lists = operation(text, "[1] + xs", "+", part(text, "[1]", "list", "call"), "xs")
    assert "x = xs + [1]" in texts(text, text, "Python", [lists])


def test_the_minus_of_a_value_may_be_that_of_its_subtraction():
    assert "s[k] -= d" in texts("s[k] = - d", "s[k] = - d", "Python")


def costs(source, statement, language, shapes=None, parts=(), unlike=3.0):
    """What each changed form of a statement costs."""
    around = Surroundings(source, 0, len(source), language, (), sets(shapes), {}, unlike)
    start = source.index(statement)
    found = changes(source, (start, start + len(statement)), list(parts), around)
    return {change.apply(source): change.cost for change in found}


def test_a_part_of_what_a_function_never_made_is_first_sought_outside_of_it():
    outside = costs("hid[i] <- sig(s)", "hid[i] <- sig(s)", "R")
    assert min(outside, key=outside.get) == "hid[i] <<- sig(s)"
    inside = costs("hid <- 0\nhid[i] <- sig(s)", "hid[i] <- sig(s)", "R")
    assert inside["hid <- 0\nhid[i] <<- sig(s)"] > outside["hid[i] <<- sig(s)"]


@pytest.mark.parametrize("language", ["Python", "R"])
def test_what_is_handed_over_by_its_own_name_is_hardly_another(language):
    own = costs("f(z = z)\na1 = a2", "f(z = z)", language)
    other = costs("f(z = y)\na1 = a2", "f(z = y)", language)
    assert own["f(z = a1)\na1 = a2"] > other["f(z = a1)\na1 = a2"]
    meant = costs("z = w\nf(z = a1)", "f(z = a1)", language)
    assert min(meant, key=meant.get) == "z = w\nf(z = z)"


def test_another_shape_costs_less_where_the_own_one_does_not_fit():
    text, shapes = "w = w - db", {"w": (6, 4), "db": (6,), "dw": (6, 4)}
    source = f"{text}\ndw = 0"
    step = operation(source, "w - db", "-", part(source, "w", None, "name", shape=(6, 4)),
                     part(source, "db", None, "name", shape=(6,)))  # fmt: skip
    alone = costs(source, text, "R", shapes)
    recycled = costs(source, text, "R", shapes, [step])
    assert recycled["w = w - dw\ndw = 0"] < alone["w = w - dw\ndw = 0"]
    assert costs(source, text, "R", shapes, unlike=0.5)["w = w - dw\ndw = 0"] < alone["w = w - dw\ndw = 0"]
