#!/usr/bin/env bash
# From a clone to images of clothes that were never made: installs, builds, trains, samples.
#   ./quickstart.sh [--build-only] [FOLDER]
# FOLDER is any folder of images to learn from in place of Fashion-MNIST. What is done is not done again; an
# interrupted run goes on. LIBTORCH_DIR= names a LibTorch that is already there.
set -euo pipefail
called_from=$PWD
[ -z "${LIBTORCH_DIR:-}" ] || LIBTORCH_DIR=$(realpath -m "$LIBTORCH_DIR")
cd "$(dirname "$0")"
. tools/setup.sh

build_only=0
data=fashion-mnist
for word in "$@"; do
  case "$word" in
    --build-only) build_only=1 ;;
    -h | --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;;
    -*) echo "quickstart.sh: unknown flag '$word'; did you mean '--build-only'?" >&2; exit 2 ;;
    /*) data=$word ;;
    *) data=$called_from/$word ;;
  esac
done
if [ "$data" != fashion-mnist ] && [ ! -e "$data" ]; then
  echo "quickstart.sh: wanted a folder of images, got '$data', which does not exist" >&2
  exit 2
fi

optional_packages=dataset-fashion-mnist
packages
get_libtorch
configure_flags=-DDDPM_TESTS=OFF
build release ddpm ddpm-torch
ddpm=$root/build/release/ddpm
[ "$build_only" -eq 0 ] || { echo "the program: $ddpm"; exit 0; }

if [ "$data" = fashion-mnist ] && ! is_installed dataset-fashion-mnist; then
  echo "this distribution has no package dataset-fashion-mnist; give any folder of images: ./quickstart.sh FOLDER" >&2
  exit 1
fi

# Other images than the preset's are made 32x32, with the channels that they have.
settings=(--preset fashion-mnist --data "$data")
[ "$data" = fashion-mnist ] || settings+=(--image-size 32x32 --channels auto --fit crop --attention-resolutions 8)
view=(--data "$data")
[ "$data" = fashion-mnist ] || view+=(--image-size 32x32 --fit crop)

# The number of steps is measured for this machine, so that training ends in time whatever else it does: see
# docs/quickstart.md.
run=$root/runs/quickstart
[ "$data" = fashion-mnist ] || run=$run-$(basename "$data")
began=$SECONDS
if [ ! -e "$run/config.json" ]; then
  steps=$("$ddpm" plan "${settings[@]}" --fit-time "${QUICKSTART_TIME:-310s}" |
    sed -n 's/^steps that fit *\([0-9]*\).*/\1/p')
  "$ddpm" train "${settings[@]}" --steps "$steps" --time-limit 350s --out "$run"
elif [ ! -e "$run/.trained" ]; then
  "$ddpm" train --resume "$run"
fi
touch "$run/.trained"
echo "training: $((SECONDS - began)) s"

began=$SECONDS
samples=$run/images
"$ddpm" sample --checkpoint "$run" --out "$samples" --count 64 --seed 1 --sampler ddim --steps 100 --batch-size 32
"$ddpm" forward "${view[@]}" --out "$run/forward.png" --images 4 --schedule cosine
"$ddpm" denoise --checkpoint "$run" --out "$run/denoise.png" --images 4
echo "sampling and pictures: $((SECONDS - began)) s"

more="$(printf %q "$ddpm") sample --checkpoint $(printf %q "$run") --out $(printf %q "$samples")"
cat << TEXT

run folder    $run
64 samples    $samples/grid.png
forward chain $run/forward.png
reverse chain $run/denoise.png
loss          $run/loss.png
more samples  $more --seed 1 --first-index 64 --count 64 --sampler ddim --steps 100
TEXT
