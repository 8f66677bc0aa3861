#!/usr/bin/env bash
# Builds every fuzz target with the preset asan and runs each for so long, as many side by side as there are cores,
# starting from the files that are kept in tests/hostile.
#   tools/fuzz.sh [SECONDS]      30 if nothing is given
# A find is left in build/asan/finds; it belongs into tests/hostile, with the rule that it breaks as its name.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh
seconds=${1:-30}
optional_packages=$clang_helpers
# shellcheck disable=SC2086  # a list of words
packages libgtest-dev $clang_packages
get_libtorch
build asan fuzzers

export LSAN_OPTIONS=suppressions=$root/tools/lsan.supp:print_suppressions=0
finds=$root/build/asan/finds
mkdir -p "$finds"
run_target() {
  local target=$1 name=${1%_fuzz} corpus
  corpus=$root/build/asan/corpus-$name
  mkdir -p "$corpus" "$root/tests/hostile/formats/$name"
  "$root/build/asan/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$finds/$name-" "$corpus" "$root/tests/hostile/formats/$name" > "$logs/fuzz-$target.log" 2>&1 < /dev/null
}

run_targets() {
  export -f run_target
  export root logs finds seconds
  # `xargs` ends with 123 if any of them failed
  printf '%s\n' build/asan/*_fuzz | sed 's|.*/||' |
    xargs -P "$(nproc)" -I {} bash -c 'run_target {} && echo "{}: nothing found" ||
      { echo "{}: failed; the end of $logs/fuzz-{}.log:"; tail -n 25 "$logs/fuzz-{}.log"; exit 1; }'
}
step fuzz "fuzz targets ($(find build/asan -maxdepth 1 -name '*_fuzz' | wc -l), $seconds s each)" run_targets
