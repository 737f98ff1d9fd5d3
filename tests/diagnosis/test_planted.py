"""Bugs planted in networks of other hands: the table fits the sources, and what is planted is found."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from corpus import diagnose_case, score  # helpers beside the tests, which are no package
from planted import cases_of, folders, planted_source, rows_of

#: A fixed share of the cases for every run; `--prove` takes all of them.
EVERY = 23

#: Shares of right answers over all cases of a half (measured: lines 0.88 and 0.85, verdicts 0.97 and 0.99, with two
#: runs at a time on two cores; the tuned half's R only).
#: The search for a mending change is limited by time, hence the room below.
LEAST = {"tuned": {"line": 0.82, "verdict": 0.94}, "held_out": {"line": 0.80, "verdict": 0.96}}


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_every_row_replaces_a_line_that_is_there(folder):
    networks = {row["name"]: row for row in rows_of(folder / "networks.csv")}
    for row in rows_of(folder / "planted.csv"):
        source = (folder / networks[row["network"]]["file"]).read_text(encoding="utf-8")
        assert planted_source(source, row) != source
        assert planted_source(source, row).count("\n") == len(source.splitlines())


def test_a_line_that_is_not_there_is_named():
    row = {"name": "x", "line": "1", "old": "a <- 1", "new": "", "line2": "", "old2": "", "new2": ""}
    with pytest.raises(ValueError, match=r"x: line 1 must read 'a <- 1', not 'b <- 1'"):
        planted_source("b <- 1\n", row)


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_a_sample_is_found_and_the_healthy_are_left_alone(folder, tmp_path):
    cases = list(cases_of(folder, tmp_path))
    healthy = [case for case in cases if not case.wants]
    chosen = [*healthy[::4], *[case for case in cases if case.wants][::EVERY]]
    reports = [diagnose_case(case) for case in chosen]
    result = score(chosen, reports)
    assert result["false_alarms"] == 0
    for case, report in zip(chosen, reports, strict=True):
        assert report is not None
        assert (report["verdict"] in ("ok", "convention")) == (not case.wants), case.name


@pytest.mark.prove
@pytest.mark.parametrize("half", LEAST)
def test_all_of_them(half, tmp_path):
    cases = [case for folder in folders(half) for case in cases_of(folder, tmp_path)]
    result = score(cases, [diagnose_case(case) for case in cases])
    shares = {question: right / asked for question, (right, asked) in
              ((question, result[question]) for question in ("verdict", "line", "id"))}  # fmt: skip
    print(shares)
    assert result["false_alarms"] == 0
    assert all(shares[question] >= least for question, least in LEAST[half].items())
