"""For a person's own pytest suite: `assert_parity` and `assert_diagnosis_ok` as fixtures, loaded with pytest by itself.

Examples
--------
>>> def test_my_network_agrees(assert_parity):
...     assert_parity(nnparity.define_network([4, 6, 3]), X, Y)
>>> def test_my_port_is_right(assert_diagnosis_ok):
...     assert_diagnosis_ok("port.R", adapter="step.R")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from nnparity.bridge import Bridge


@pytest.fixture(scope="session")
def nnparity_bridge() -> Iterator[Bridge]:
    """One line to R for the whole session; the test is skipped where there is no R."""
    from nnparity.bridge import open_bridge
    from nnparity.checks import InputError

    try:
        bridge = open_bridge()
    except InputError as error:
        pytest.skip(str(error))
    with bridge:
        yield bridge


@pytest.fixture
def assert_parity(nnparity_bridge: Bridge) -> Callable[..., Any]:
    """`nnparity.assert_parity` over the session's line to R: fails at the first difference, and names it."""
    from functools import partial

    from nnparity.parity import assert_parity as check

    return partial(check, bridge=nnparity_bridge)


@pytest.fixture
def assert_diagnosis_ok() -> Callable[..., Any]:
    """Fail with the report's findings unless a diagnosis of somebody's network finds nothing wrong."""
    return check_diagnosis


def check_diagnosis(path: Any, adapter: Any = None, **options: Any) -> Any:
    """Diagnose a candidate and raise AssertionError if its verdict is neither ok nor convention.

    Parameters
    ----------
    path : the candidate's file.
    adapter : the file that defines `step`, or None.
    **options : of `nnparity.diagnosis.diagnose.diagnose`.

    Returns
    -------
    the diagnosis
    """
    from nnparity.diagnosis.diagnose import diagnose

    diagnosis = diagnose(path, adapter, **options)
    report = diagnosis.report
    if report["verdict"] not in ("ok", "convention"):
        findings = [
            f"{finding['file']}:{finding['line']}: {finding['quantity']} computes {finding['computes']}, "
            f"should compute {finding['expected']}"
            for finding in report["findings"]
        ]
        raise AssertionError("\n".join([f"verdict {report['verdict']}", *findings]))
    return diagnosis
