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

# What nothing works without, by its Debian name.
required_packages() {
  command -v Rscript >/dev/null || echo r-base-core
  local python; python=$(find_python) || { echo python3 python3-venv; return; }
  "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

# What building rpy2 and running the R suite take; without them the rest still works.
wanted_packages() {
  if on_debian && ! installed r-base-dev; then echo r-base-dev; fi
  local python; python=$(find_python) || python=none
  "$python" -c 'import pathlib, sysconfig, sys
sys.exit(not (pathlib.Path(sysconfig.get_path("include")) / "Python.h").exists())' 2>/dev/null || echo python3-dev
  Rscript -e 'quit(status = !requireNamespace("tinytest", quietly = TRUE))' >/dev/null 2>&1 || echo r-cran-tinytest
  if [ "${OPENBLAS:-no}" != no ] && ! installed libopenblas0-pthread; then echo libopenblas0-pthread; fi
}

on_debian() { command -v apt-get >/dev/null; }
installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

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
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get install -y -q "$@" || { as_root apt-get update -q && as_root apt-get install -y -q "$@"; }
}

setup_system() {
  local required wanted
  required=$(required_packages | xargs)
  wanted=$(wanted_packages | xargs)
  if [ -z "$required$wanted" ]; then
    say "system: R and Python are there"
  elif on_debian && { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }; then
    say "system: apt-get install $required $wanted"
    # shellcheck disable=SC2086 # a list of words
    apt_install $required $wanted || [ -z "$required" ] || die "apt-get could not install $required"
  elif [ -n "$required" ]; then
    case "$(uname -s)" in
      Darwin) die "missing: $required (Debian's names). On macOS: brew install r python@3.12, then make again" ;;
      *) die "missing: $required (Debian's names), and no apt-get with root or sudo to install them. Install R 4.1 or later and Python 3.11 or later, then make again" ;;
    esac
  else
    say "system: going on without $wanted (Debian's names)"
    echo "The in-process bridge and the R suite may be missing; install them for the whole, then: make setup"
  fi
  find_python >/dev/null || die "Python 3.11 or later is needed; name it with make PYTHON=/path/to/python3.12"
  Rscript --version 2>&1 | head -n 1
  if on_debian && ! installed libopenblas0-pthread; then
    echo "R's matrix products are several times faster with OpenBLAS: make setup OPENBLAS=yes"
  fi
  advise_kernels
}

# An OpenBLAS older than the processor falls back to its slowest kernels, unless better ones are named.
advise_kernels() {
  local said kernels=Haswell; said=$(OPENBLAS_VERBOSE=2 Rscript --vanilla -e 1 2>&1) || true
  if grep -q '^Core: \(Prescott\|Core2\|Nehalem\)' <<<"$said" && grep -qs avx2 /proc/cpuinfo; then
    ! grep -q avx512vl /proc/cpuinfo || kernels=SkylakeX
    echo "R's OpenBLAS does not know this processor and takes its slowest kernels; export OPENBLAS_CORETYPE=$kernels names better ones"
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
