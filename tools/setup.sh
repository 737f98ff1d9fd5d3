#!/usr/bin/env bash
# Brings a machine from nothing to a working checkout: R, Python's headers, the virtual environment, the package.
#
#   tools/setup.sh system    R and what building rpy2 needs, from the system's packages; says what to install where it cannot
#   tools/setup.sh python    .venv with the package and its extras
#
# What is there already is left alone. OPENBLAS=yes asks for the fast BLAS, too.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
say() { printf '\n==> %s\n' "$*"; }
die() { printf '\nnnparity set-up: %s\n' "$*" >&2; exit 1; }

# --- system ----------------------------------------------------------------------------------------------------------

# Package by package for apt: name, and a test that tells whether the machine can do without it.
needed_packages() {
  command -v Rscript >/dev/null || echo r-base-core
  # `R CMD config` and the headers are what pip needs to build rpy2-rinterface.
  { command -v gcc && command -v make && test -e "$(R RHOME 2>/dev/null)/etc/Makeconf"; } >/dev/null 2>&1 || echo r-base-dev
  Rscript -e 'quit(status = !requireNamespace("tinytest", quietly = TRUE))' >/dev/null 2>&1 || echo r-cran-tinytest
  local python; python=$(find_python) || { echo python3 python3-venv python3-dev; return; }
  "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  "$python" -c 'import pathlib, sysconfig, sys
sys.exit(not (pathlib.Path(sysconfig.get_path("include")) / "Python.h").exists())' || echo python3-dev
  [ "${OPENBLAS:-no}" = no ] || dpkg -s libopenblas0-pthread >/dev/null 2>&1 || echo libopenblas0-pthread
}

# The first Python of 3.11 or later: the one asked for, the system's, then the newest.
find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else return 127
  fi
}

setup_system() {
  local packages; packages=$(needed_packages | tr '\n' ' ')
  if [ -z "${packages// /}" ]; then
    say "system: R and Python are there"
  elif command -v apt-get >/dev/null; then
    say "system: apt-get install $packages"
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
      die "these Debian packages are missing and neither root nor sudo is at hand. Ask for: apt-get install $packages"
    fi
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    as_root apt-get install -y -q $packages || { as_root apt-get update -q && as_root apt-get install -y -q $packages; } ||
      die "apt-get could not install: $packages"
  else
    case "$(uname -s)" in
      Darwin) die "missing: $packages. On macOS: brew install r python@3.12, then Rscript -e 'install.packages(\"tinytest\")', then make again" ;;
      *) die "missing (Debian's names): $packages. Install R 4.1 or later with its headers, the R package tinytest and Python 3.11 or later, then make again" ;;
    esac
  fi
  find_python >/dev/null || die "Python 3.11 or later is needed, $(python3 --version 2>&1) was found. Name another one with make PYTHON=/path/to/python3.12"
  Rscript --version 2>&1 | head -n 1
  if command -v dpkg >/dev/null && ! dpkg -s libopenblas0-pthread >/dev/null 2>&1; then
    echo "R's matrix products are several times faster with OpenBLAS: make setup OPENBLAS=yes"
  fi
}

# --- python ----------------------------------------------------------------------------------------------------------

setup_python() {
  local python; python=$(find_python) || die "Python 3.11 or later is needed"
  if ! [ -x "$venv/bin/python" ]; then
    say "virtual environment .venv with $("$python" --version)"
    "$python" -m venv "$venv" || die "$python cannot make a virtual environment (Debian: apt-get install python3-venv)"
  fi
  say "the package and its tools"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e "$root[dev]" || die "pip could not install the package, see above"
  say "rpy2, the in-process bridge (built from source against this machine's R)"
  if "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e "$root[r]" >"$venv/rpy2.log" 2>&1 &&
    "$venv/bin/python" -c 'import rpy2.rinterface as r; r.initr()' >>"$venv/rpy2.log" 2>&1; then
    echo "rpy2 works"
  else
    tail -n 3 "$venv/rpy2.log"
    echo "rpy2 does not work here (the whole story: .venv/rpy2.log). Everything else does: R is reached through Rscript."
  fi
}

case "${1:-}" in
  system) setup_system ;;
  python) setup_python ;;
  *) die "usage: tools/setup.sh system | python" ;;
esac
