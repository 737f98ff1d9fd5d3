"""Every name that R exports has a help page, and every help page an example that runs (R CMD check runs them)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted((ROOT / "man").glob("*.Rd"))
DIRECTIVE = re.compile(r"(export|S3method)\((.*?)\)", flags=re.DOTALL)


def exported() -> set[str]:
    text = re.sub("#.*", "", (ROOT / "NAMESPACE").read_text(encoding="utf-8")).replace('"', "")
    names = set()
    for directive, arguments in DIRECTIVE.findall(text):
        words = [word.strip() for word in arguments.split(",")]
        names |= {".".join(words)} if directive == "S3method" else set(words)
    # The method that prints a record is the record's page.
    return names - {"print.nnparity_data"}


def test_every_exported_name_has_a_page():
    aliases = {alias for page in PAGES for alias in re.findall(r"\\alias\{(.*?)\}", page.read_text(encoding="utf-8"))}
    assert exported() <= aliases


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_has_an_example_that_runs(page):
    text = page.read_text(encoding="utf-8")
    examples = re.search(r"\\examples\{\s*(.*?)\n\}", text, flags=re.DOTALL)
    assert examples
    assert examples[1].strip()
    assert not re.search(r"\\dont(run|test|show)", text)
