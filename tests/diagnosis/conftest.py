"""What the suites of the diagnosis share."""

import shutil

import pytest


@pytest.fixture(params=["py", "R"], ids=["Python", "R"])
def ending(request):
    """The end of a candidate's file name: what is asked of one language is asked of both."""
    return request.param


def pytest_collection_modifyitems(items):
    """Leave out what needs R where there is none."""
    if shutil.which("Rscript") is None:
        for item in items:
            if getattr(item, "callspec", None) is not None and item.callspec.params.get("ending") == "R":
                item.add_marker(pytest.mark.skip(reason="Rscript is not here"))


@pytest.fixture
def patience(monkeypatch):
    """However busy the machine is, the search may try what it would try on an idle one."""
    monkeypatch.setattr("nnparity.diagnosis.diagnose.MENDING_SECONDS", 15.0)
