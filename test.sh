#!/usr/bin/env bash
# Installs what is needed, builds, runs every test. Usage: ./test.sh [PRESET], one of the presets of
# CMakePresets.json; release if none is given. DDPM_TEST_FLAGS are further flags for CMake.
set -euo pipefail
[ -z "${LIBTORCH_DIR:-}" ] || LIBTORCH_DIR=$(realpath -m "$LIBTORCH_DIR")
cd "$(dirname "$0")"
. tools/setup.sh
preset=${1:-release}
optional_packages=dataset-fashion-mnist
strict=${CI:+-DDDPM_WERROR=ON}
case "$preset" in
  asan | tsan)
    strict=  # clang, which warns of other things
    optional_packages="$optional_packages $clang_helpers"
    # shellcheck disable=SC2086  # a list of words
    packages libgtest-dev $clang_packages
    ;;
  *) packages libgtest-dev ;;
esac
get_libtorch
configure_flags="-DDDPM_TESTS=ON $strict ${DDPM_TEST_FLAGS:-}"
build "$preset" all

began=$SECONDS
code=0
ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "$(nproc)" \
  > "$logs/tests-$preset.log" 2>&1 < /dev/null || code=$?
[ "$code" -eq 0 ] || tail -n 200 "$logs/tests-$preset.log"
took "tests ($preset)" $((SECONDS - began))

# single tests, counted in what each program said; a program that crashed counts as one failure
passed=0 failed=0
for program in "build/$preset/Testing/Temporary"/LastTest.log; do
  passed=$(grep -cE '^\[       OK \]' "$program" || true)
  failed=$(grep -cE '^\[  FAILED  \] [^ ]+ \([0-9]+ ms\)' "$program" || true)
done
if [ "$code" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
echo "$passed passed, $failed failed"
[ "$code" -eq 0 ] && [ "$passed" -gt 0 ]
