#!/usr/bin/env bash
# Counts the instructions of one prediction (callgrind) and compares them with those that are kept.
#   bench/instructions/count.sh [--keep]
# Fails if a count has risen by more than 5 %; --keep writes the counts of today into baseline.txt. The counts are the
# compiler's as well: with another than the one that baseline.txt names they are shown and not compared. Valgrind knows
# no AVX-512, so the paths are those below it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
program=$root/build/release/predict_once
baseline=$here/baseline.txt
[ -x "$program" ] || { echo "count.sh: $program is missing; cmake -DDDPM_BENCHMARKS=ON builds it" >&2; exit 2; }
command -v valgrind > /dev/null || { echo "count.sh: valgrind is missing" >&2; exit 2; }
compiler="g++ $(g++ -dumpfullversion)"
counts=$(mktemp)
trap 'rm -f "$counts" "$counts".*' EXIT
echo "$compiler" > "$counts"
# one after the other takes four times as long, and nothing here depends on time
count() {
  local path=$1 precision=$2 out=$counts.$1.$2
  DDPM_CPU=$path valgrind --tool=callgrind --callgrind-out-file="$out" \
    '--toggle-collect=ddpm::CompiledUNet::predict*' "$program" "$precision" > /dev/null 2>&1
  echo "$path $precision $(awk '/^(summary|totals):/ {print $2; exit}' "$out")" > "$out.line"
}
counted=()
for path in portable avx2; do
  for precision in fp32 bf16; do
    if ! DDPM_CPU=$path "$program" "$precision" > /dev/null 2>&1; then
      echo "count.sh: this machine has no $path"
      continue
    fi
    count "$path" "$precision" &
    counted+=("$path.$precision:$!")
  done
done
for one in "${counted[@]}"; do
  wait "${one#*:}"
  cat "$counts.${one%:*}.line" >> "$counts"
done
if [ "${1:-}" = --keep ]; then
  cp "$counts" "$baseline"
  chmod 644 "$baseline"
  cat "$baseline"
  exit 0
fi
if [ "$(head -n 1 "$baseline")" != "$compiler" ]; then
  echo "count.sh: the counts that are kept are of $(head -n 1 "$baseline"), not of $compiler: not compared"
  cat "$counts"
  exit 0
fi
awk 'NR == FNR { kept[$1 " " $2] = $3; next }
     FNR > 1 {
       change = 100 * ($3 / kept[$1 " " $2] - 1)
       printf "%s %s: %d instructions, %+.2f %% of the %d that are kept\n", $1, $2, $3, change, kept[$1 " " $2]
       if (change > 5) { print "  more than 5 % above: a slower engine, or a baseline to be kept anew (--keep)"; bad = 1 }
     }
     END { exit bad }' "$baseline" "$counts"
