"""The wheel carries what it needs: built here, installed outside the checkout, it runs the main job."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, root, cwd=folder)
    return next(folder.glob("nnparity-*.whl"))


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory) -> Path:
    """Return the folder of an environment with the wheel and, by a path file, this environment's other packages."""
    folder = tmp_path_factory.mktemp("elsewhere")
    run(sys.executable, "-m", "venv", folder / "env", cwd=folder)
    python = folder / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    Path(packages, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def test_wheel_carries_the_r_twin_and_the_data(wheel, root):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"nnparity/_r/R/{path.name}" for path in (root / "R").glob("*.R")} <= names
    assert {f"nnparity/_r/fixtures/data/{path.name}" for path in (root / "fixtures" / "data").iterdir()} <= names
    sources = (root / "python" / "nnparity").rglob("*")
    carried = {str(p.relative_to(root / "python")) for p in sources if p.suffix in {".py", ".R", ".typed", ".j2"}}
    assert carried <= names


def test_installed_package_lies_outside_the_checkout(elsewhere, root):
    program = "import nnparity._resources as r; print(r.r_source_dir(), r.data_dir(), sep='\\n')"
    folders = run(elsewhere / "env/bin/python", "-c", program, cwd=elsewhere).split()
    for folder in folders:
        assert Path(folder).is_dir()
        assert not Path(folder).is_relative_to(root)


def test_installed_package_runs_the_main_job(elsewhere):
    run(elsewhere / "env/bin/nnparity", "parity", "--steps", "5", cwd=elsewhere)


@pytest.mark.prove
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_wheel_in_an_empty_environment(wheel, tmp_path, version):
    """With its dependencies from the index; R by Rscript, for rpy2 is an extra."""
    python = f"python{version}"
    try:
        subprocess.run([python, "-c", "import venv"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"no {python} on this machine")
    run(python, "-m", "venv", tmp_path / "env", cwd=tmp_path)
    run(tmp_path / "env/bin/python", "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    run(tmp_path / "env/bin/nnparity", "parity", "--steps", "5", cwd=tmp_path)
