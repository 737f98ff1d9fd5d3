#!/usr/bin/env bash
# Builds the R package and runs R CMD check on it; anything but OK is a failure.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tarball=$("$root/tools/build_r.sh")
cd "$root/build"
# The clock of a machine without the time servers is no matter of this package.
_R_CHECK_SYSTEM_CLOCK_=0 LC_ALL=${LC_ALL:-C.UTF-8} R CMD check --no-manual "$tarball"
status=$(grep '^Status:' nnparity.Rcheck/00check.log)
[ "$status" = "Status: OK" ] || { echo "R CMD check must end in 'Status: OK', not '$status'" >&2; exit 1; }
