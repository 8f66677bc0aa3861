#!/usr/bin/env bash
# Builds the engine's tests with the thread sanitizer and runs those in which threads share work: the workers
# themselves, and predictions by several.   tools/tsan.sh [FILTER]      a filter of GoogleTest's
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh
filter=${1:-Workers.*:CompiledUNetThreads.*}
packages libgtest-dev
configure_flags=-DDDPM_TESTS=ON
build tsan engine_tests

# a test that nothing was found for is a failure, as is a race, after which the program goes on
export TSAN_OPTIONS=halt_on_error=0:exitcode=66
step tsan "races ($filter)" "$root/build/tsan/engine_tests" --gtest_filter="$filter"
grep -qE '^\[  PASSED  \] [1-9]' "$logs/tsan.log"
