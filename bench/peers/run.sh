#!/usr/bin/env bash
# Times this program and its peers in turn, on the same checkpoints and inputs: see bench/README.md.
#   bench/peers/run.sh [--quick] [--python PYTHON] [OPTIONS] FOLDER
# FOLDER is new; it gets a Python environment with torch, diffusers, OpenVINO and ONNX Runtime (some gigabytes), the networks,
# report.md, results.json and chart.png. --python takes an interpreter that has them already. --quick takes small settings and
# one round. OPTIONS go to compare.py, such as --networks cifar10 --batches 1,16 --rounds 7 --threads 2 --jobs no.
set -euo pipefail
called_from=$PWD
cd "$(dirname "$0")/../.."

python=
folder=
options=()
while [ $# -gt 0 ]; do
  case "$1" in
    --python) python=${2:?--python wants an interpreter}; shift ;;
    --quick) options+=("$1") ;;
    -h | --help) sed -n '2,6s/^# //p' "$0"; exit 0 ;;
    --*) options+=("$1" "${2:?$1 wants a value}"); shift ;;
    /*) folder=$1 ;;
    *) folder=$called_from/$1 ;;
  esac
  shift
done
[ -n "$folder" ] || { echo "run.sh: wanted a new folder for the results" >&2; exit 2; }
[ ! -e "$folder" ] || { echo "run.sh: wanted a new folder, got $folder, which exists" >&2; exit 2; }

. tools/setup.sh
packages
get_libtorch
configure_flags="-DDDPM_BENCHMARKS=ON -DDDPM_TESTS=OFF"
build bench ddpm ddpm-torch engine_server

mkdir -p "$folder"
if [ -z "$python" ]; then
  # Python's headers are for what torch.compile writes
  install_environment() {
    install_packages python3-venv python3-dev --
    python3 -m venv "$folder/environment"
    "$folder/environment/bin/python" -m pip install --quiet -r bench/peers/requirements.txt
  }
  step peers "PyTorch, diffusers, OpenVINO and ONNX Runtime from their wheels" install_environment
  python=$folder/environment/bin/python
fi
"$python" bench/peers/compare.py --ddpm build/bench/ddpm --build build/bench "${options[@]}" "$folder"
