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
    """`nnparity.assert_diagnosis_ok`: fails with the findings unless somebody's network is found right."""
    from nnparity.diagnosis.assertion import assert_diagnosis_ok as check

    return check
