"""What the suites of the diagnosis share."""

import pytest


@pytest.fixture
def patience(monkeypatch):
    """However busy the machine is, the search may try what it would try on an idle one."""
    monkeypatch.setattr("nnparity.diagnosis.diagnose.MENDING_SECONDS", 15.0)
