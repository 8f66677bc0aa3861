#!/usr/bin/env bash
# The thread sanitizer over every folder that has threads, atomics or signals and needs no LibTorch: all tests of these,
# and of the engine, whose kernels take long, those in which several threads work.
#   tools/tsan.sh [FILTER]      a filter of GoogleTest's for the engine's
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh
filter=${1:-Workers.*:CompiledUNetThreads.*}
threaded="base formats data training engine terminal"
optional_packages=$clang_helpers
# shellcheck disable=SC2086  # lists of words
packages libgtest-dev $clang_packages

# A folder that begins to use threads has to be named here: by the system's headers, the engine's workers, or a fixture
# that does.
threads='#include (<(thread|atomic|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token)>'
threads+='|<(csignal|pthread\.h)>|"ddpm/engine/workers\.h")'
users() {
  local file
  find ddpm -name '*.cc' -o -name '*.h' | grep -v '_bench\.cc$' | xargs grep -lE "$threads" | while read -r file; do
    case "$file" in
      ddpm/testing/*) grep -rlF "#include \"$file\"" ddpm ;;
      *) echo "$file" ;;
    esac
  done
}
check_folders() {
  local folder
  for folder in $(users | cut -d / -f 2 | sort -u); do
    case " $threaded " in *" $folder "*) continue ;; esac
    grep -qE "^$folder:.*\btensor\b" ddpm/layers.txt && continue  # LibTorch is compiled without the sanitizer
    echo "tools/tsan.sh: expected the folders with threads to be $threaded, got $folder too"
    return 1
  done
}
step tsan-folders "folders with threads" check_folders

configure_flags="-DDDPM_TESTS=ON -DDDPM_TORCH=OFF"
# shellcheck disable=SC2086  # a list of words
build tsan $(printf '%s_tests ' $threaded)

# a test that nothing was found for is a failure, as is a race, after which the program goes on
export TSAN_OPTIONS=halt_on_error=0:exitcode=66
run_tests() {
  local folder chosen log run=()
  # the sanitizer needs addresses where it expects them
  if setarch "$(uname -m)" -R true 2> /dev/null; then run=(setarch "$(uname -m)" -R); fi
  for folder in $threaded; do
    chosen="*"
    [ "$folder" != engine ] || chosen=$filter
    [ "$folder" != training ] || chosen="-EachPart/CutTraining.*:*.CutAtTheDisk*"  # the same threads a hundred times
    log=$logs/tsan-$folder.log
    "${run[@]}" "build/tsan/${folder}_tests" --gtest_filter="$chosen" > "$log" 2>&1 || { tail -n 100 "$log"; return 1; }
    grep -E '^\[  PASSED  \] [1-9]' "$log"
  done
}
step tsan "thread sanitizer ($threaded)" run_tests
