#!/usr/bin/env bash
# clang-tidy over every source of the programs and the library, tests apart, as many side by side as there are cores.
#   tools/tidy.sh [FILE...]      those free of LibTorch if nothing is given: 220 files, 12 minutes on two Zen 4 cores
#   tools/tidy.sh --changed N    those of them, and of the headers, that the last N commits changed
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh
list() { find ddpm -name '*.cc' | grep -vE '_(test|bench|fuzz)\.cc$'; }
changed() {
  git rev-parse --quiet --verify "HEAD~$1" > /dev/null || { list; return; }  # no such history here
  git diff --name-only --diff-filter=d "HEAD~$1" -- ddpm | sed -E 's/(_internal)?\.h$/.cc/' | sort -u | grep -xFf <(list) || true
}
if [ "${1:-}" = --changed ]; then
  mapfile -t files < <(changed "$2")
  set -- "${files[@]}"
  [ $# -gt 0 ] || { echo "clang-tidy: nothing changed"; exit 0; }
fi

check_tidy() {
  install_packages clang clang-tidy --
  cmake --preset tidy
  # only what the preset compiles, the largest first, so that none is left over at the end
  local file
  if [ $# -gt 0 ]; then printf "%s\n" "$@"; else list; fi | while read -r file; do
    if grep -qF "\"file\": \"$root/$file\"" build/tidy/compile_commands.json; then printf '%s\n' "$file"; fi
  done | xargs wc -c | grep -v ' total$' | sort -rn | awk '{ print $2 }' > build/tidy/files
  [ -s build/tidy/files ]
  xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p build/tidy '--warnings-as-errors=*' < build/tidy/files
}
step tidy "clang-tidy ($# files named)" check_tidy "$@"
