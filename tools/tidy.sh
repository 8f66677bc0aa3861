#!/usr/bin/env bash
# clang-tidy over every source of the programs and the library, tests apart, as many side by side as there are cores.
#   tools/tidy.sh [FILE...]      those free of LibTorch if nothing is given
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh
list() { find ddpm -name '*.cc' | grep -vE '_(test|bench|fuzz)\.cc$'; }

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
step tidy "clang-tidy" check_tidy "$@"
