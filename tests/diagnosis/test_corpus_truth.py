"""The truth tables themselves: files that exist, lines inside them, and a scorer that can tell right from wrong."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import corpus  # a helper beside the tests, which are no package

CASES = corpus.read_truth()
VERDICTS = {"ok", "convention", "declaration", "bug", "crash"}


def source_lines(case, span):
    file = case.candidate.parent / span.file if span.file else case.candidate
    text = file.read_text(encoding="utf-8")
    if span.cell is None:
        return text.splitlines()
    return "".join(json.loads(text)["cells"][span.cell - 1]["source"]).splitlines()


def perfect_report(case):
    """What a tool that knows the truth would say."""
    kinds = [case.verdict, *(["bug"] * (len(case.wants) - 1))]
    return {
        "verdict": case.verdict,
        "findings": [
            {"id": want.ids[0], "kind": kind, "quantity": want.quantities[0],
             "file": want.spans[0].file or case.candidate.name, "cell": want.spans[0].cell,
             "line": want.spans[0].first, "end_line": want.spans[0].last}
            for want, kind in zip(case.wants, kinds, strict=False)
        ],
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.language}-{case.name}")
def test_truth_points_into_the_file(case):
    assert case.verdict in VERDICTS
    assert case.candidate.exists()
    assert case.adapter is None or case.adapter.exists()
    assert (case.verdict == "ok") == (not case.wants)
    case.network()
    for want in case.wants:
        assert want.quantities
        for span in want.spans:
            lines = source_lines(case, span)
            assert span.first <= span.last <= len(lines)
            assert lines[span.first - 1].strip()


def test_scorer_accepts_the_truth():
    result = corpus.score(CASES, [perfect_report(case) for case in CASES])
    for question in ("verdict", "line", "quantity", "id", "both"):
        right, asked = result[question]
        assert right == asked > 0
    assert result["false_alarms"] == result["strays"] == 0


def test_scorer_rejects_silence_and_accusations():
    silence = corpus.score(CASES, [{"verdict": "ok", "findings": []} for _ in CASES])
    assert silence["line"][0] == silence["id"][0] == silence["both"][0] == 0
    blame = {"id": "ascent", "kind": "bug", "quantity": "A9", "file": "elsewhere.py", "cell": None, "line": 1}
    alarm = corpus.score(CASES, [{"verdict": "bug", "findings": [blame]} for _ in CASES])
    innocent = [case for case in CASES if case.verdict in corpus.INNOCENT]
    assert alarm["false_alarms"] == len(innocent)
    assert alarm["strays"] == len(CASES) - len(innocent)
    assert alarm["line"][0] == alarm["quantity"][0] == 0


def test_no_report_is_a_wrong_answer():
    result = corpus.score(CASES, [None] * len(CASES))
    assert result["verdict"] == (0, len(CASES))
