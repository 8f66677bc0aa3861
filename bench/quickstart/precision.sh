#!/usr/bin/env bash
# What sampling in bfloat16 does to images of the quick start: the same seeds in fp32 and bf16, by the engine and by
# LibTorch, after 50 steps of DDIM and after 1,000 of the ancestral sampler.
#   precision.sh RUN FOLDER      RUN a training run of the preset fashion-mnist; FOLDER for what is made
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ddpm=${DDPM:-$here/../../build/release/ddpm}
run=$1
out=$2
mkdir -p "$out"

sample() {  # NAME COUNT FLAGS...
  local name=$1 count=$2
  shift 2
  [ -e "$out/$name.npz" ] || "$ddpm" sample --checkpoint "$run" --out "$out/$name" --count "$count" --seed 1 \
    --batch-size 100 --npz "$out/$name.npz" "$@" > "$out/$name.log"
}

short=(--sampler ddim --steps 50)
sample 50-fp32 1000 "${short[@]}" --executor engine --precision fp32
sample 50-bf16 1000 "${short[@]}" --executor engine --precision bf16
sample 50-libtorch-fp32 1000 "${short[@]}" --executor libtorch --precision fp32
sample 50-libtorch-bf16 1000 "${short[@]}" --executor libtorch --precision bf16
sample 1000-fp32 500 --sampler ddpm --executor engine --precision fp32
sample 1000-bf16 500 --sampler ddpm --executor engine --precision bf16

"${PYTHON:-python3}" "$here/precision.py" "$out"
"${PYTHON:-python3}" "$here/quality.py" "$out"/50-*.npz "$out"/1000-*.npz
