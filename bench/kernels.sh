#!/usr/bin/env bash
# How fast the kernels are, next to the machine's peak and to oneDNN: see README.md.
#   bench/kernels.sh [--rounds=N] [--benchmark_filter=REGEX] [FLAGS of Google Benchmark]
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh

optional_packages=$compared_packages
# shellcheck disable=SC2086  # a list of words
packages $benchmark_packages
build_kernels_bench() {
  cmake --preset bench -B build/kernels-bench -DDDPM_TORCH=OFF -DDDPM_TESTS=OFF
  cmake --build build/kernels-bench --target kernels_bench
}
step build-kernels-bench "build (kernels_bench)" build_kernels_bench
exec build/kernels-bench/kernels_bench "$@"
