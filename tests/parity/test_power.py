"""The suite's own power: planted faults are named, healthy rewrites pass, honest roundings stay within the bound."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import changes  # helpers beside the tests, which are no package
import evaluate
import power
import prove

from nnparity import bounds, rounding
from nnparity.arithmetic import get_arithmetic

pytestmark = pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs Rscript")

EQUIVALENT = [change for change, _ in changes.EQUIVALENT]


def named(found):
    return "\n".join(
        f"{v.change.language} {v.change.name}: {sorted(set(v.named))} {sorted(set(v.stopped))}" for v in found
    )


def test_there_are_enough_changes():
    assert len(changes.FAULTS) >= 60
    assert len(changes.REWRITES) >= 15
    assert {change.language for change in changes.FAULTS} == {"python", "r"}
    assert all(proof for _, proof in changes.EQUIVALENT)


@pytest.mark.parametrize(
    "change", changes.FAULTS + changes.REWRITES + EQUIVALENT, ids=lambda c: f"{c.language} {c.name}"
)
def test_every_change_still_applies(change):
    folder, ending = (evaluate.PACKAGE, ".py") if change.language == "python" else (evaluate.ROOT / "R", ".R")
    evaluate.changed_text((folder / f"{change.file}{ending}").read_text(encoding="utf-8"), change)


def test_faults_are_rejected_and_named(tmp_path, sweep):
    verdicts = power.judge_changes(sweep(changes.FAULTS, 20), evaluate.golden_cases(), tmp_path)
    assert not (missed := [v for v in verdicts if not v.rejected]), named(missed)
    assert not (misnamed := [v for v in verdicts if not v.well_named]), named(misnamed)
    assert min(v.ratio for v in verdicts) > 1e6


def test_rewrites_and_equivalent_faults_pass(tmp_path, sweep):
    verdicts = power.judge_changes(sweep(changes.REWRITES + EQUIVALENT, 10), evaluate.golden_cases(), tmp_path)
    assert not (rejected := [v for v in verdicts if v.rejected]), named(rejected)


def test_honest_roundings_stay_within_a_bound_that_is_not_vacuous(tmp_path, prove):
    honest = power.sweep_honest(evaluate.random_cases(2020 if prove else 45), tmp_path)
    assert honest.networks >= (2000 if prove else 30)
    assert len(honest.ways) >= 6
    assert not honest.rejected, "\n".join(honest.rejected)
    assert honest.largest <= 1
    assert {kind: ratio for kind, ratio in honest.medians().items() if ratio <= 1e-4} == {}


# --- each of these checks has been seen to fail -----------------------------------------------------------------------


def test_a_bound_that_is_too_small_is_noticed(tmp_path, monkeypatch):
    for module in (rounding, bounds):
        monkeypatch.setattr(module, "gamma_bound", lambda n: 0.0)
    monkeypatch.setattr(rounding, "UNIT_ROUNDOFF", 0.0)
    assert power.sweep_honest(evaluate.random_cases(20), tmp_path, with_r=False).rejected


def test_a_sum_that_loses_a_term_is_noticed(tmp_path, monkeypatch):
    lossy = evaluate.summing("lossy", lambda terms: evaluate.one_by_one(terms[: max(1, len(terms) - 1)]))
    monkeypatch.setattr(power, "orders", lambda: {"fast": get_arithmetic("fast"), "lossy": lossy})
    assert power.sweep_honest(evaluate.random_cases(20), tmp_path, with_r=False).largest > 1e6


def test_a_twin_that_leaves_the_truth_is_noticed(capsys):
    cases, names = evaluate.golden_cases(), evaluate.golden.NAMES
    goldens = [evaluate.golden.read_golden(evaluate.golden.FOLDER / f"{name}.csv") for name in names]
    results = evaluate.run_python(cases)
    assert prove.tell_truth("Python", goldens, results)
    results[names.index("square")][1]["dW2"][2, 1] *= 1 + 1e-13
    assert not prove.tell_truth("Python", goldens, results)
    assert "FAIL" in capsys.readouterr().out


def test_the_wrong_name_for_a_fault_is_noticed(tmp_path):
    fault = replace(changes.FAULTS[0], first="Z1")
    (verdict,) = power.judge_changes([fault], evaluate.golden_cases(), tmp_path)
    assert verdict.rejected
    assert not verdict.well_named
