#!/usr/bin/env bash
# The rows of the paper's table 2, and those with x_0 that it leaves out, trained for the same short budget on
# Fashion-MNIST: for each one run, 500 samples of the ancestral chain, their quality, and the bound on 300 test images.
#   run.sh FOLDER [STEPS]     FOLDER/ROW/{run,samples.npz,bound,..}; a row that is there is passed over
# SAMPLES and IMAGES change how many. DDPM names the program, THREADS its threads, PYTHON a Python with torch and numpy. table.py makes the table of it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ddpm=${DDPM:-$here/../../build/release/ddpm}
folder=$1
steps=${2:-1500}
threads=${THREADS:-0}
network="--base-channels 16 --channel-multipliers 1,2,4 --blocks-per-level 1 --attention-resolutions 7 --norm-groups 8
  --dropout 0 --image-size 28x28 --channels 1 --no-flip"
training="--steps $steps --batch-size 16 --learning-rate 1e-3 --warmup 100 --learning-rate-decay cosine
  --ema-decay 0.995 --ema-rule warmup --save-every 0 --sample-every 0 --log-every 20"
mkdir -p "$folder"
for prediction in eps mean x0; do
  for rest in bound-learned bound-fixed simple-fixed simple-learned; do
    row=$prediction-$rest
    out=$folder/$row
    [ ! -e "$out/samples.npz" ] || continue
    rm -rf "$out"
    mkdir -p "$out"
    # shellcheck disable=SC2086
    "$ddpm" train --preset "table2-$row" --data fashion-mnist --out "$out/run" --threads "$threads" \
      $network $training > "$out/train.log" 2>&1 || echo "$row: training ended with $?"
    "$ddpm" sample --checkpoint "$out/run" --out "$out/images" --count "${SAMPLES:-500}" --seed 1 --sampler ddpm --steps 100 \
      --threads "$threads" --batch-size 100 --npz "$out/samples.npz" > "$out/sample.log" 2>&1 ||
      echo "$row: sampling ended with $?"
    # the same noise for every row, so that rows may be compared by their differences
    "$ddpm" evaluate bpd --checkpoint "$out/run" --data fashion-mnist --split test --images "${IMAGES:-300}" --times sampled:40 \
      --threads "$threads" --batch-size 40 --out "$out/bound" > "$out/bound.log" 2>&1 ||
      echo "$row: evaluation ended with $?"
    echo "$row done"
  done
done
"${PYTHON:-python3}" "$here/../quickstart/quality.py" "$folder"/*/samples.npz | tee "$folder/quality.txt"
"${PYTHON:-python3}" "$here/table.py" "$folder"
