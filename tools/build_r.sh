#!/usr/bin/env bash
# Builds the R package from a staging folder: what R needs of the fixtures and the tests is copied into inst/ here,
# so that each of them has one source in the checkout.
#
#   tools/build_r.sh            builds build/nnparity_VERSION.tar.gz and prints its path
#   tools/build_r.sh --stage    only fills build/r/nnparity and prints its path (for R CMD INSTALL)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
stage=$root/build/r/nnparity

rm -rf "$stage"
mkdir -p "$stage/inst/fixtures" "$stage/inst/tinytest" "$stage/tests"
cp "$root/DESCRIPTION" "$root/NAMESPACE" "$root/NEWS.md" "$stage"
cp -R "$root/R" "$root/man" "$stage"
cp -R "$root/fixtures/data" "$root/fixtures/golden" "$stage/inst/fixtures"
cp "$root"/tests/r/*.R "$stage/inst/tinytest"
find "$stage" -name ".*" -type f -delete
mv "$stage/inst/tinytest/run.R" "$stage/tests/tinytest.R"

# R wants the two fields of the MIT template where everybody else wants the text of the licence.
sed -n 's/^Copyright (c) \([0-9]*\) \(.*\)$/YEAR: \1\nCOPYRIGHT HOLDER: \2/p' "$root/LICENSE" >"$stage/LICENSE"

if [ "${1:-}" = --stage ]; then
  echo "$stage"
  exit
fi
cd "$root/build"
rm -f nnparity_*.tar.gz
R CMD build --no-manual r/nnparity >&2
echo "$root"/build/nnparity_*.tar.gz
