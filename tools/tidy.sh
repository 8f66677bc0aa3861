#!/usr/bin/env bash
# clang-tidy over sources of the programs and the library that need no LibTorch, tests apart, as many side by side as
# there are cores. A file takes about 6 s of processor time.
#   tools/tidy.sh              all: 220 files, 12 minutes on two Zen 4 cores
#   tools/tidy.sh FILE...      these
#   tools/tidy.sh --rotate     what changed since the last tag, and a fifth of all
#
# The fifth is given by the number of the commit, so that five commits in a row check every file. A shallow clone cannot
# count its commits and takes a fifth by the hash of HEAD. Without a tag, or if more than 20 files changed since it, what
# HEAD and the working tree changed takes its place; if these are more than 20 too, the fifth alone is checked, and the
# next four commits check the remaining files. A header stands for its .cc, or for the first file that includes it.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh
max_changed=20

torch_layers=$(grep -E "^tensor:|^[a-z_]+:.* tensor( |$)" ddpm/layers.txt | cut -d : -f 1 | paste -sd "|")
list() { find ddpm -name '*.cc' | grep -vE "_(test|bench|fuzz)\.cc$|^ddpm/($torch_layers)/" | LC_ALL=C sort; }

# checked_as FILE...: the sources of list() that show the files to clang-tidy.
checked_as() {
  local file source
  for file in "$@"; do
    source=$(sed -E 's/(_internal)?\.h$/.cc/' <<< "$file")
    if [ "$source" != "$file" ] && [ ! -e "$source" ]; then
      source=$(list | xargs grep -lF "#include \"$file\"" | head -n 1) || true
    fi
    printf '%s\n' "$source"
  done | LC_ALL=C sort -u | grep -xFf <(list) || true
}

# changed_since COMMIT: what was committed since, and what was not committed yet.
changed_since() {
  local files
  mapfile -t files < <(git diff --name-only --diff-filter=d "$1" -- ddpm
    git ls-files --others --exclude-standard -- ddpm)
  checked_as "${files[@]}"
}

# Prints the number that selects the fifth.
rotation() {
  if [ "$(git rev-parse --is-shallow-repository)" = true ]; then
    echo $((16#$(git rev-parse HEAD | cut -c 1-8) % 5))
  else
    echo $(($(git rev-list --count HEAD) % 5))
  fi
}

# The files whose name has this remainder: one that is added moves no other into another fifth.
fifth() {
  local file sum
  list | while read -r file; do
    read -r sum _ < <(printf '%s' "$file" | cksum)
    [ $((sum % 5)) -ne "$1" ] || printf '%s\n' "$file"
  done
}

count() { if [ -n "$1" ]; then wc -l <<< "$1"; else echo 0; fi; }

# Prints the files that --rotate checks, and on standard error how many and why.
rotating() {
  local tag changed="" since=HEAD part
  if ! git rev-parse --quiet --verify HEAD > /dev/null; then
    echo "clang-tidy: no git history, all files" >&2
    list
    return
  fi
  if tag=$(git describe --tags --abbrev=0 2> /dev/null); then
    changed=$(changed_since "$tag")
    since=$tag
  fi
  if [ -z "$tag" ] || [ "$(count "$changed")" -gt $max_changed ]; then
    [ -z "$tag" ] || echo "clang-tidy: $(count "$changed") files changed since $tag, more than $max_changed" >&2
    since=HEAD~1
    git rev-parse --quiet --verify "$since" > /dev/null || since=HEAD
    changed=$(changed_since "$since")
  fi
  if [ "$(count "$changed")" -gt $max_changed ]; then
    echo "clang-tidy: $(count "$changed") files changed since $since, more than $max_changed" >&2
    changed=""
  fi
  part=$(rotation)
  echo "clang-tidy: $(count "$changed") files changed since $since, and fifth $part:" \
    "$(count "$(fifth "$part")") of $(list | wc -l)" >&2
  { [ -z "$changed" ] || printf '%s\n' "$changed"; fifth "$part"; } | LC_ALL=C sort -u
}

if [ "${1:-}" = --rotate ]; then
  mapfile -t files < <(rotating)
elif [ $# -gt 0 ]; then
  files=("$@")
else
  mapfile -t files < <(list)
fi

check_tidy() {
  install_packages clang clang-tidy --
  cmake --preset tidy
  # only what the preset compiles, the largest first, so that none is left over at the end
  local file
  printf '%s\n' "$@" | while read -r file; do
    if grep -qF "\"file\": \"$root/$file\"" build/tidy/compile_commands.json; then printf '%s\n' "$file"; fi
  done | xargs -r wc -c | grep -v ' total$' | sort -rn | awk '{ print $2 }' > build/tidy/files
  [ -s build/tidy/files ]
  xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p build/tidy '--warnings-as-errors=*' < build/tidy/files
}
step tidy "clang-tidy (${#files[@]} files)" check_tidy "${files[@]}"
