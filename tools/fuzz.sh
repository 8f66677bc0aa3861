#!/usr/bin/env bash
# Builds every fuzz target and runs each for so long, starting from the files that are kept in tests/hostile.
#   tools/fuzz.sh [SECONDS]      30 if nothing is given
# A find is left in build/fuzz/finds; it belongs into tests/hostile, with the rule that it breaks as its name.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh
seconds=${1:-30}
optional_packages=libclang-rt-dev
packages clang
build fuzz all  # with the programs, so that they are compiled by clang now and then, too

export LSAN_OPTIONS=suppressions=$root/tools/lsan.supp:print_suppressions=0
finds=$root/build/fuzz/finds
mkdir -p "$finds"
run_target() {
  local target=$1 name=${1%_fuzz} corpus
  corpus=$root/build/fuzz/corpus-$name
  mkdir -p "$corpus" "$root/tests/hostile/formats/$name"
  "$root/build/fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$finds/$name-" "$corpus" "$root/tests/hostile/formats/$name"
}
failed=0
for target in build/fuzz/*_fuzz; do
  target=$(basename "$target")
  (step "fuzz-$target" "fuzz ($target, $seconds s)" run_target "$target") || failed=1
done
exit "$failed"
