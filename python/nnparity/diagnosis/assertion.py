"""A diagnosis as a test: somebody's network must be found right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnparity.diagnosis.diagnose import diagnose


def assert_diagnosis_ok(path: str | Path, adapter: str | Path | None = None, **network: Any) -> Any:
    """Diagnose a candidate and raise AssertionError unless its verdict is ok or convention.

    Parameters
    ----------
    path : the candidate's file, in R or Python.
    adapter : the file that defines `step` with the candidate's functions, or None.
    **network : what the network is meant to be, as for `diagnose`.

    Returns
    -------
    the diagnosis

    Raises
    ------
    AssertionError
        With one line for each finding.
    InputError
        No step is obtained.
    """
    diagnosis = diagnose(path, adapter, **network)
    report = diagnosis.report
    if report["verdict"] not in ("ok", "convention"):
        findings = [
            f"{finding['file']}:{finding['line']}: {finding['quantity']} computes {finding['computes']}, "
            f"should compute {finding['expected']}"
            for finding in report["findings"]
        ]
        raise AssertionError("\n".join([f"{Path(path).name}: {report['verdict']}", *findings]))
    return diagnosis
