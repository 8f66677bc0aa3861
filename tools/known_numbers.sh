#!/usr/bin/env bash
# A table of the numbers that other programs computed or published and that our tests hold us to: for each test how
# many, and how far the worst of ours is from its number. Wants the tests built: ./test.sh
#   tools/known_numbers.sh [BUILD FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
notes=$(mktemp)
trap 'rm -f "$notes"' EXIT
for layer in $(sed -n 's/^\([a-z_]*\):.*/\1/p' ddpm/layers.txt); do
  program=$build/${layer}_tests
  [ -x "$program" ] || continue
  grep -qs -e EXPECT_KNOWN -e known_numbers_internal.h "ddpm/$layer/"*_test.cc || continue
  DDPM_KNOWN_NUMBERS=$notes "$program" > /dev/null || { echo "$program failed" >&2; exit 1; }
done
awk '
  function size(x) { return x < 0 ? -x : x }
  {
    apart = size($2 - $3)
    count[$1]++
    if (apart > worst[$1] + 0) worst[$1] = apart
    if ($3 != 0 && apart / size($3) > relative[$1] + 0) relative[$1] = apart / size($3)
    all++
  }
  END {
    printf "%-72s %7s %12s %12s\n", "test", "numbers", "worst", "relative"
    for (test in count) {
      printf "%-72s %7d %12.2e %12.2e\n", test, count[test], worst[test], relative[test] | "sort"
    }
    close("sort")
    printf "%-72s %7d\n", "all", all
  }' "$notes"
