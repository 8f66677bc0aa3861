#!/usr/bin/env bash
# Compares this program with diffusers as it runs, in both directions.
#   tests/live_parity/run.sh [--quick] [--python PYTHON] FOLDER
# FOLDER is new; it gets a Python environment with torch, diffusers and onnxruntime (some gigabytes), the checkpoints that are
# compared, and report.txt. --python takes an interpreter that has them already. --quick leaves out the networks of full size
# and takes short chains. Wants build/release/ddpm: ./quickstart.sh --build-only makes it. No part of the test command.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=
quick=
folder=
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) quick=--quick ;;
    --python) shift; python=${1:?--python wants an interpreter} ;;
    -h | --help) sed -n '2,6s/^# //p' "$0"; exit 0 ;;
    -*) echo "run.sh: unknown flag '$1'" >&2; exit 2 ;;
    *) folder=$1 ;;
  esac
  shift
done
[ -n "$folder" ] || { echo "run.sh: wanted a new folder for what is compared" >&2; exit 2; }
[ ! -e "$folder" ] || { echo "run.sh: wanted a new folder, got $folder, which exists" >&2; exit 2; }
ddpm=$root/build/release/ddpm
[ -x "$ddpm" ] || { echo "run.sh: $ddpm is missing; ./quickstart.sh --build-only makes it" >&2; exit 2; }
large=--large
[ -z "$quick" ] || large=
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
if [ -z "$python" ]; then
  python3 -m venv "$folder/environment"
  python=$folder/environment/bin/python
  "$python" -m pip install --quiet -r "$here/requirements.txt"
fi

code=0
part() {
  echo "== $1"
  shift
  "$@" || { code=1; echo "FAILED"; }
}
{
  part "networks made by diffusers, opened here" "$python" "$here/networks.py" --ddpm "$ddpm" --work "$folder/networks" $quick
  part "the other way: exports opened by diffusers" "$python" "$root/tests/export/check.py" --ddpm "$ddpm" --work "$folder/export"
  part "images, seed for seed" "$python" "$here/images.py" --ddpm "$ddpm" --work "$folder/images" $quick
  part "trained here, there, and here again" "$python" "$here/training.py" --ddpm "$ddpm" --work "$folder/training"
  part "exports to ONNX, run by onnxruntime" "$python" "$root/tests/onnx/options.py" "$ddpm" --keep "$folder/onnx" $large
  part "conversions" "$python" "$root/tests/convert/parity.py" "$ddpm"
  echo "== $([ "$code" -eq 0 ] && echo all parts hold || echo some parts FAILED)"
} 2>&1 | tee "$folder/report.txt"
grep -q '^== all parts hold$' "$folder/report.txt"
