#!/usr/bin/env bash
# One row of the table in docs/quickstart.md: trains with the flags that are given, samples 1,000 images by
# 50 steps of DDIM, prints the distance of quality.py.
#   try.sh NAME FLAGS...      e.g.  try.sh base --steps 2500
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ddpm=${DDPM:-$here/../../build/release/ddpm}
out=${TRY_FOLDER:-/tmp/ddpm-tries}/$1
name=$1
shift
"$ddpm" train --preset fashion-mnist --sample-every 0 --save-every 0 --out "$out/run" "$@" > "$out.log"
"$ddpm" sample --checkpoint "$out/run" --out "$out/images" --count 1000 --seed 1 --sampler ddim --steps 50 \
  --batch-size 100 --npz "$out/samples.npz" >> "$out.log"
echo "$name $*: $("${PYTHON:-python3}" "$here/quality.py" "$out/samples.npz")"
