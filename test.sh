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

# whole programs, which take less time than as many processes as there are tests (cmake/Tests.cmake)
began=$SECONDS
code=0
log=build/$preset/Testing/Temporary/LastTest.log
rm -f "$log"
ctest --test-dir "build/$preset" -C shards -L '^shard$' --output-on-failure --no-tests=error -j "$(nproc)" \
  > "$logs/tests-$preset.log" 2>&1 < /dev/null || code=$?
[ "$code" -eq 0 ] || tail -n 200 "$logs/tests-$preset.log"
took "tests ($preset)" $((SECONDS - began))

touch "$log"  # without tests there is none
awk -v "code=$code" -f tools/count_tests.awk "$log"
