#!/usr/bin/env bash
# Training steps of this library and of PyTorch in its eager mode, taken in turn: see README.md.
#   bench/train_step.sh [--rounds N] [--batch-size N] [--threads N] [--precision fp32|bf16]
# PyTorch comes from its wheels into a throw-away environment, build/bench-python, which is removed by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh

rounds=10
flags=()
while [ $# -gt 0 ]; do
  case "$1" in
    --rounds) rounds=$2 ;;
    --batch-size | --threads | --precision) flags+=("$1" "$2") ;;
    *) echo "train_step.sh: unknown flag '$1'" >&2; exit 2 ;;
  esac
  shift 2
done

packages
get_libtorch
configure_flags="-DDDPM_BENCHMARKS=ON -DDDPM_TESTS=OFF"
build bench train_step

python=$root/build/bench-python/bin/python
install_pytorch() {
  install_packages python3-venv --
  rm -rf build/bench-python
  python3 -m venv build/bench-python
  "$python" -m pip install --quiet torch==2.15.0 numpy
}
if ! "$python" -c 'import torch; assert torch.__version__.startswith("2.15.0")' 2> /dev/null; then
  step pytorch "PyTorch 2.15.0 from its wheels" install_pytorch
fi

python3 bench/interleave.py --rounds "$rounds" \
  "$python bench/train_step_torch.py --layout channels-last ${flags[*]}" \
  "$python bench/train_step_torch.py --layout contiguous ${flags[*]}" \
  "build/bench/train_step ${flags[*]}"
