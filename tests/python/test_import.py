"""`import nnparity` is light, and every public name can be had."""

import ast
import subprocess
import sys

import pytest

import nnparity


def modules_loaded_by(statement: str) -> set[str]:
    program = f"import sys; {statement}; print(*(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


HEAVY = {"pandas", "rpy2", "click", "rich", "jinja2", "matplotlib", "pytest"}


def test_import_loads_no_more_than_numpy():
    loaded = modules_loaded_by("import nnparity")
    assert not loaded & HEAVY
    assert "scipy" not in loaded


@pytest.mark.parametrize("module", ["arithmetic", "random", "checks", "activations", "losses", "network", "training"])
def test_the_reference_loads_no_more_than_numpy(module):
    assert not modules_loaded_by(f"import nnparity.{module}") & HEAVY


@pytest.mark.parametrize("name", nnparity.__all__)
def test_public_name(name):
    assert getattr(nnparity, name) is not None


def test_dir_lists_what_is_not_loaded_yet():
    assert set(nnparity.__all__) <= set(dir(nnparity))


def test_unknown_name():
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        nnparity.no_such_name  # noqa: B018


def test_version_is_that_of_both_packages(root):
    version = nnparity.__version__
    assert f'version = "{version}"' in (root / "pyproject.toml").read_text()
    assert f"\nVersion: {version}\n" in (root / "DESCRIPTION").read_text()
    assert f"# nnparity {version}\n" in (root / "NEWS.md").read_text()
    assert f'NNPARITY_VERSION <- "{version}"' in (root / "R" / "main.R").read_text()


def test_type_checkers_see_the_public_names(root):
    stub = ast.parse((root / "python" / "nnparity" / "__init__.pyi").read_text())
    typed = {
        alias.asname: node.module.removeprefix("nnparity.")
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == nnparity._HOME
