#!/usr/bin/env bash
# Samples from one checkpoint by each sampler in 10, 20, 50 and 100 steps, the same seed for all, and says how good they are.
#   sweep.sh FOLDER CHECKPOINT [COUNT]     COUNT images each, 400 if not given; what is there is passed over
# DDPM names the program, THREADS its threads, PYTHON a Python with torch and numpy for ../quickstart/quality.py.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ddpm=${DDPM:-$here/../../build/release/ddpm}
folder=$1
checkpoint=$2
count=${3:-400}

# sample NAME STEPS FLAGS...
sample() {
  local name=$1 steps=$2
  shift 2
  local out=$folder/$name-$steps
  [ ! -e "$out.npz" ] || return 0
  "$ddpm" sample --checkpoint "$checkpoint" --out "$out" --npz "$out.npz" --count "$count" --seed 1 --steps "$steps" \
    --threads "${THREADS:-0}" --batch-size 100 "$@" > "$out.log" 2>&1
}

mkdir -p "$folder"
for steps in 10 20 50 100; do
  sample ddpm-large "$steps" --sampler ddpm --variance fixed_large
  sample ddpm-small "$steps" --sampler ddpm --variance fixed_small
  sample ddim "$steps" --sampler ddim
  sample ddim-eta1 "$steps" --sampler ddim --eta 1
  # dpmpp_1s and euler are ddim's steps but for what clipping does
  for name in dpmpp_2m dpmpp_2m_sde pndm plms; do sample "$name" "$steps" --sampler "$name"; done
  # two calls a step: half as many, so that the rows compare at equal cost
  for name in dpmpp_2s heun; do sample "$name" $((steps / 2)) --sampler "$name"; done
done
# all steps, of which the paper's samples are made, for fewer images
for name in large small; do
  out=$folder/ddpm-$name-1000
  [ -e "$out.npz" ] || "$ddpm" sample --checkpoint "$checkpoint" --out "$out" --npz "$out.npz" --count "${COUNT_1000:-$count}" \
    --seed 1 --sampler ddpm --variance "fixed_$name" --threads "${THREADS:-0}" --batch-size 100 > "$out.log" 2>&1
done
"${PYTHON:-python3}" "$here/../quickstart/quality.py" "$folder"/*.npz | tee "$folder/quality.txt"
