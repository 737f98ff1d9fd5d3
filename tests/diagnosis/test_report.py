"""What a person sees of a diagnosis: the screen, the page, the JSON that other programs read, and the exit status."""

import io
import json
import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from nnparity.cli import main
from nnparity.diagnosis.diagnose import diagnose
from nnparity.report import page, screen, words

sys.path.insert(0, str(Path(__file__).parent))
from corpus import read_truth

CASES = {case.name: case for case in read_truth()}

#: One network of each kind of report, in both languages.
TWO_BUGS, CRASH, CONVENTION, RIGHT, NOTEBOOK = (
    "wine_classifier",
    "first_try",
    "one_liners",
    "planar_week3",
    "churn_notebook",
)

#: The JSON's keys, word for word those of the command line's contract.
REPORT = ["format", "candidate", "language", "verdict", "findings", "verified", "blind_spots", "beyond"]
ADDED = {"network", "next", "data"}
FINDING = [
    "id",
    "kind",
    "phase",
    "quantity",
    "layer",
    "file",
    "cell",
    "line",
    "end_line",
    "function",
    "code",
    "computes",
    "expected",
    "factor",
    "evidence",
    "proved",
    "ties",
    "fix",
]
VERDICTS = {"ok", "convention", "declaration", "unexplained", "bug", "crash"}

#: A Python network whose text tries to break out of whatever shows it.
HOSTILE = """
import numpy as np

# </script><script>alert(1)</script> & <b>bold</b> \x1b[31mred\x1b[0m [bold]markup[/bold] ${x} {{ 7 * 7 }}
def sigmoid(z):
    "</pre><img src=x onerror=alert(2)>"
    return 1 / (1 + np.exp(-z))

def step(W, b, X, Y, eta):
    A, Z = [X], []
    for w, v in zip(W, b):
        Z.append(w @ A[-1] + v[:, None])
        A.append(sigmoid(Z[-1]))
    m = X.shape[1]
    d = (A[-1] - Y) * A[-1] * (1 - A[-1]); tag = "</script><!--"
    new_W, new_b = [], []
    for l in reversed(range(len(W))):
        dW, db = d @ A[l].T / m, d.sum(axis=1) / m
        if l > 0:
            d = W[l].T @ d  # '"><svg onload=alert(3)>
        new_W.insert(0, W[l] - eta * dW)
        new_b.insert(0, b[l] - eta * db)
    return new_W, new_b
"""


@cache
def diagnosed(name):
    case = CASES[name]
    return diagnose(case.candidate, case.adapter, **case.network())


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    file = tmp_path_factory.mktemp("hostile") / "a<b>&[red]c.py"
    file.write_text(HOSTILE, encoding="utf-8")
    return diagnose(file)


def arguments(name, *more):
    case = CASES[name]
    adapter = ["--adapter", str(case.adapter)] if case.adapter else []
    return ["diagnose", str(case.candidate), *adapter, *case.options.split(), *map(str, more)]


def run(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


def shown(diagnosis, width=80, terminal=False, **more):
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=terminal, color_system="standard" if terminal else None)
    screen.show(diagnosis, console, **more)
    return stream.getvalue()


class Elements(HTMLParser):
    """The elements of a page, with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.found, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]

    def of_class(self, name):
        return [attributes for _, attributes in self.found if name in (attributes.get("class") or "").split()]


def page_data(html):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL).group(1))


# -- JSON ---


@pytest.mark.parametrize("name", [TWO_BUGS, CRASH, CONVENTION, RIGHT])
def test_json_has_the_keys_of_the_contract(name, tmp_path):
    path = tmp_path / "report.json"
    diagnosed(name).write_json(path)
    report = json.loads(path.read_text(encoding="utf-8"))
    assert [key for key in report if key not in ADDED] == REPORT
    assert report["format"] == 1
    assert report["language"] in ("R", "Python")
    assert report["verdict"] == CASES[name].verdict
    assert report["verdict"] in VERDICTS
    for finding in report["findings"]:
        assert list(finding) == FINDING
        assert finding["kind"] in VERDICTS - {"ok"}
        assert finding["phase"] in ("forward", "loss", "backward", "update")
    assert list(tmp_path.iterdir()) == [path]


def test_findings_are_a_data_frame():
    findings = diagnosed(TWO_BUGS).findings
    assert list(findings["line"]) == [finding["line"] for finding in diagnosed(TWO_BUGS).report["findings"]]
    assert list(diagnosed(RIGHT).findings.columns) == FINDING
    assert diagnosed(RIGHT).findings.empty


# -- exit status ---


def test_right_code_exits_with_0_and_writes_both_reports(tmp_path, capsys):
    json_file, html_file = tmp_path / "r.json", tmp_path / "r.html"
    assert run(arguments(RIGHT, "--json", json_file, "--html", html_file)) == 0
    assert json.loads(json_file.read_text(encoding="utf-8"))["verdict"] == "ok"
    assert html_file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sorted(tmp_path.iterdir()) == [html_file, json_file]
    assert capsys.readouterr().out.startswith("OK  planar_week3.py: Your backprop is right.")


def test_a_convention_exits_with_0():
    assert run(arguments(CONVENTION)) == 0


def test_findings_exit_with_1(capsys):
    assert run(arguments(TWO_BUGS)) == 1
    assert "softmax-axis" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "words_of_it"),
    [
        (["--json", "{tmp}"], "--json must name a file, not the folder"),
        (["--json", "{tmp}/absent/r.json"], "--json must name a file in a folder that exists"),
        (["--html", "{tmp}/absent/r.html"], "--html must name a file in a folder that exists"),
        (["--sizes", "4,x"], "--sizes must be whole numbers"),
        (["--adapter", "{tmp}/absent.py"], "absent.py"),
        (["--activation", "sigmiod"], "sigmiod"),
    ],
)
def test_bad_input_is_one_sentence_and_exits_with_2(more, words_of_it, tmp_path, capsys):
    assert run(arguments(RIGHT, *[word.format(tmp=tmp_path) for word in more])) == 2
    told = capsys.readouterr()
    assert words_of_it in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_a_file_that_cannot_be_written_is_one_sentence(capsys):
    if not Path("/proc").is_dir():
        pytest.skip("needs a folder in which nobody can write")
    assert run(arguments(RIGHT, "--json", "/proc/report.json")) == 2
    assert capsys.readouterr().err.startswith("nnparity: --json must name a file that can be written")


def test_a_candidate_without_step_exits_with_2(tmp_path, capsys):
    file = tmp_path / "nothing.py"
    file.write_text("x = 1\n")
    assert run(["diagnose", str(file)]) == 2
    assert "step" in capsys.readouterr().err


# -- screen ---


def test_the_verdict_comes_first_and_every_finding_has_its_marked_line():
    text = shown(diagnosed(TWO_BUGS))
    lines = text.split("\n")
    assert lines[0] == "BUG  wine_classifier.R: 2 bugs."
    assert [line.split()[1] for line in lines if line.lstrip().startswith("▸")] == ["5", "19"]
    assert text.index("softmax-axis") < text.index("stale-weights-in-delta") < text.index("Verified")
    for word in ("computes", "should compute", "fix", "evidence", "worst element [", "proof"):
        assert word in text


def test_what_is_piped_has_no_colours_no_folds_and_no_blanks_at_line_ends():
    text = shown(diagnosed(TWO_BUGS), width=40)
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.split("\n"))
    fix = diagnosed(TWO_BUGS).report["findings"][0]["fix"]
    assert fix in text


@pytest.mark.parametrize("width", [50, 80, 200])
def test_on_a_terminal_nothing_is_wider_than_the_terminal(width):
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown(diagnosed(TWO_BUGS), width=width, terminal=True))
    heads = re.compile(r"^(BUG|\d+\. )")
    assert all(len(line) <= width for line in text.split("\n") if not heads.match(line) and "▸" not in line)


def test_a_screen_without_unicode_shows_plain_letters():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict", write_through=True)
    screen.show(diagnosed(TWO_BUGS), screen.terminal(stream))
    text = stream.buffer.getvalue().decode("ascii")
    assert "softmax(Z2)" in text
    assert "delta2" in text


def test_the_candidates_text_steers_neither_the_terminal_nor_the_markup(hostile):
    text = shown(hostile, terminal=True)
    assert "[red]" in text
    assert "\x1b[31mred" not in text


def test_a_missing_source_still_shows_the_statement():
    finding = {**diagnosed(TWO_BUGS).report["findings"][0], "file": "gone.R"}
    lines = [line.plain for line in screen.source_lines(finding, [], 80)]
    assert any("rowSums" in line for line in lines)


# -- page ---


@pytest.mark.parametrize("name", [TWO_BUGS, CRASH, CONVENTION, RIGHT, NOTEBOOK])
def test_the_page_stands_alone(name):
    html = page.render(diagnosed(name))
    elements = Elements(html)
    assert len(html) < 2_000_000
    for attributes in (attributes for _, attributes in elements.found):
        assert not {"src", "srcset"} & set(attributes)
        assert all(value.startswith("#") for key, value in attributes.items() if key == "href")
    assert not elements.all("link")
    assert "url(" not in html
    assert "@import" not in html
    policy = [a["content"] for a in elements.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy[0].startswith("default-src 'none'")


def test_every_line_of_the_source_stands_on_the_page():
    html = page.render(diagnosed(TWO_BUGS))
    text = "".join(Elements(html).text)
    for line in CASES[TWO_BUGS].candidate.read_text(encoding="utf-8").splitlines():
        assert line in text


def test_lines_are_coloured_by_what_happened_there():
    elements = Elements(page.render(diagnosed(TWO_BUGS)))
    standing = {a["data-key"]: a["class"].split()[1] for a in elements.of_class("line") if "data-key" in a}
    assert {key for key, name in standing.items() if name == "is-wrong"} == {"L0-5", "L0-19"}
    assert standing["L0-12"] == "is-verified"
    assert standing["L0-15"] == "is-follows"


def test_right_code_has_no_wrong_line():
    for name in (RIGHT, NOTEBOOK):
        elements = Elements(page.render(diagnosed(name)))
        names = {a["class"].split()[1] for a in elements.of_class("line") if "data-key" in a}
        assert "is-verified" in names
        assert not names & {"is-wrong", "is-follows", "is-convention"}


def test_a_convention_is_not_a_wrong_line():
    elements = Elements(page.render(diagnosed(CONVENTION)))
    names = [a["class"].split()[1] for a in elements.of_class("line") if "data-key" in a]
    assert "is-convention" in names
    assert "is-wrong" not in names


def test_a_notebook_is_shown_cell_by_cell():
    text = "".join(Elements(page.render(diagnosed(NOTEBOOK))).text)
    assert "churn_notebook.ipynb, cell 3" in text


def test_a_wrong_line_holds_its_values_and_the_right_ones():
    data = page_data(page.render(diagnosed(TWO_BUGS)))
    line = data["lines"]["L0-5"]
    leaf = line["statements"][0]["occurrences"][0]["results"][0]
    value = data["values"][leaf["value"]]
    assert leaf["ok"] is False
    assert value["dim"] == [3, 7]
    assert len(value["numbers"]) == len(value["right"]) == 3
    columns = [sum(row[j] for row in value["right"]) for j in range(7)]
    assert columns == pytest.approx([1] * 7, abs=1e-3)


def test_a_page_of_much_data_stays_small(monkeypatch):
    monkeypatch.setattr(page, "MOST_NUMBERS", 50)
    monkeypatch.setattr(page, "MOST_SOURCE", 100)
    monkeypatch.setattr(page, "AROUND", 0)
    html = page.render(diagnosed(TWO_BUGS))
    data = page_data(html)
    assert sum(len(row) for value in data["values"] for row in value.get("numbers", ())) <= 50
    assert any(value.get("left_out") for value in data["values"])
    assert "lines left out" in html


def test_the_candidates_text_stays_text_on_the_page(hostile):
    html = page.render(hostile)
    elements = Elements(html)
    assert len(re.findall(r"<script", html)) == len(re.findall(r"</script>", html)) == 2
    assert not elements.all("img")
    assert not elements.all("svg")
    assert not any(key.startswith("on") for _, attributes in elements.found for key in attributes)
    assert "\x1b" not in html
    assert "</script><script>alert(1)" in "".join(elements.text)
    assert page_data(html)["lines"]
    assert hostile.report["findings"]


def test_an_unwritable_page_leaves_nothing_behind(tmp_path):
    from nnparity.checks import InputError

    with pytest.raises(InputError, match="writable"):
        page.write(diagnosed(RIGHT), tmp_path / "absent" / "r.html")
    assert list(tmp_path.iterdir()) == []


# -- words ---


def test_large_ratios_are_written_as_powers_of_ten():
    assert words.ratio_words(3.14e13) == "3.1 · 10¹³"
    assert words.ratio_words(12.0) == "12"


def test_control_characters_become_visible():
    assert words.printable("a\tb\x1b[31m\x00") == "a   b�[31m�"
