#!/usr/bin/env bash
# Breaks the network in the ways in which ports of it are commonly wrong and expects the golden tests to notice each:
# a file is patched, models_tests is built and run, the file is put back. For people; not part of the tests.
#   tests/golden/mutations.sh [BUILD FOLDER]      wants ./test.sh to have been run once
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/release}
tests='UNetGolden.*'
survivors=0
patched=''
kept=$(mktemp)
restore() {
  if [ -n "$patched" ]; then cp "$kept" "$patched"; fi
  patched=''
}
trap 'restore; rm -f "$kept"' EXIT
trap 'exit 130' INT TERM

tests_pass() {
  cmake --build "$build" -j1 --target models_tests > /dev/null || { echo "does not build: $1" >&2; exit 2; }
  "$build/models_tests" --gtest_filter="$tests" > /dev/null 2>&1
}

# mutate NAME FILE SED
mutate() {
  patched=$2
  cp "$2" "$kept"
  sed -i -E "$3" "$2"
  if cmp -s "$2" "$kept"; then
    echo "nothing to patch: $1" >&2
    exit 2
  fi
  if tests_pass "$1"; then
    echo "SURVIVED  $1"
    survivors=$((survivors + 1))
  else
    echo "caught    $1"
  fi
  restore
}

tests_pass 'nothing' || { echo 'the golden tests fail before anything is broken' >&2; exit 2; }
blocks=ddpm/models/blocks.cc
time=ddpm/models/time_embedding.cc
unet=ddpm/models/unet.cc
mutate 'freq_shift 0 for 1' "$time" 's/half - frequency_shift\)/half - (frequency_shift == 1 ? 0 : frequency_shift))/'
mutate 'sine and cosine swapped' "$time" 's/= cosine_first \?/= !cosine_first ?/'
mutate 'symmetric padding for asymmetric' "$blocks" 's/\{0, 1, 0, 1\}/{1, 1, 1, 1}/'
mutate 'norm_eps 1e-5 for 1e-6' "$blocks" 's/epsilon\(norm_epsilon\)/epsilon(norm_epsilon == 1e-6 ? 1e-5 : norm_epsilon)/'
mutate 'timesteps off by one' "$unet" 's/sinusoidal_embedding\(timesteps,/sinusoidal_embedding(timesteps + 1,/'
mutate 'keys and values swapped' "$blocks" 's/by_head\(k\), by_head\(v\)/by_head(v), by_head(k)/'
mutate 'queries scaled twice' "$blocks" 's/by_head\(q\),/by_head(q) * std::pow(by_head(q).size(3), -0.5),/; s/^#include <ATen\/TensorOperators.h>/&\n#include <cmath>/'
restore
tests_pass 'the network as it was' || { echo 'the golden tests fail after everything was put back' >&2; exit 2; }
exit "$survivors"
