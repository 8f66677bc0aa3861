# The steps from a clone to the programs, as functions; sourced by quickstart.sh, test.sh and .ci/run.
#
# Each step says in one line what it did. Its output goes to build/logs/STEP.log; when it fails, the end
# of that file is shown and the script ends.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
logs=$root/build/logs
libtorch=${LIBTORCH_DIR:-$root/third_party/libtorch/torch}
mkdir -p "$logs"

# step NAME TEXT COMMAND...: runs the command, with its output in the log. It runs in the background and is waited
# for: behind || bash would pass over an error in the middle of it.
step() {
  local name=$1 text=$2 log=$logs/$1.log began=$SECONDS code=0
  shift 2
  (set -e; "$@") > "$log" 2>&1 < /dev/null &
  wait $! || code=$?
  if [ "$code" -ne 0 ]; then
    [ -z "${DDPM_TIMES:-}" ] || printf '%s\t%s\n' $((SECONDS - began)) "$text: FAILED" >> "$DDPM_TIMES"
    echo "$text: failed after $((SECONDS - began)) s; the end of $log:" >&2
    tail -n 25 "$log" >&2
    exit 1
  fi
  took "$text" $((SECONDS - began))
}

# took TEXT SECONDS: what was done in which time. .ci/run collects the lines in the file DDPM_TIMES.
took() {
  echo "$1: $2 s"
  [ -z "${DDPM_TIMES:-}" ] || printf '%s\t%s\n' "$2" "$1" >> "$DDPM_TIMES"
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# What the build cannot do without.
needed_packages="g++ cmake ninja-build pkg-config libcli11-dev nlohmann-json3-dev librandom123-dev
  libprotozero-dev libarchive-dev libpng-dev libjpeg-dev
  libwebp-dev libtiff-dev libgif-dev zlib1g-dev libexif-dev libcairo2-dev libssl-dev"
# What makes it quicker, and is passed over where the distribution lacks it.
helpful_packages="ccache mold"
# What the presets of the sanitizers are compiled with, and what their reports have names of functions from.
clang_packages="clang"
clang_helpers="libclang-rt-dev llvm"
# What the benchmarks of the kernels are written with, and what they are compared to where the distribution has it.
benchmark_packages="libbenchmark-dev"
compared_packages="libdnnl-dev"

# packages NEEDED... -- HELPFUL...: installs what is missing.
install_packages() {
  local missing=() helpful=() package seen=0
  for package in "$@"; do
    if [ "$package" = -- ]; then seen=1; continue; fi
    is_installed "$package" && continue
    if [ "$seen" -eq 0 ]; then missing+=("$package"); else helpful+=("$package"); fi
  done
  [ $((${#missing[@]} + ${#helpful[@]})) -eq 0 ] && return 0
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get update -q || echo "no package lists could be fetched; going on with those that are here"
  for package in "${helpful[@]}"; do
    if [ -n "$(apt-cache madison "$package" 2> /dev/null)" ]; then missing+=("$package"); fi
  done
  [ ${#missing[@]} -eq 0 ] || as_root apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# packages [EXTRA...]: the step; says beforehand what is wrong if nothing can be installed.
packages() {
  local package missing=()
  for package in $needed_packages "$@"; do is_installed "$package" || missing+=("$package"); done
  if [ ${#missing[@]} -gt 0 ]; then
    if ! command -v apt-get > /dev/null; then
      echo "packages: this system has no apt-get; install by hand: ${missing[*]}" >&2
      exit 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo > /dev/null; then
      echo "packages: neither root nor sudo; as root: apt-get install ${missing[*]}" >&2
      exit 1
    fi
  fi
  # shellcheck disable=SC2086  # lists of words
  step packages "packages (${#missing[@]} missing)" \
    install_packages $needed_packages "$@" -- $helpful_packages ${optional_packages:-}
}

libtorch_stamp() { grep -v '^#' "$root/tools/libtorch.txt" | sha256sum | cut -d ' ' -f 1; }

# Downloads the wheels into one folder and unpacks them into another; only then the result gets its name.
download_libtorch() {
  local target=$root/third_party/libtorch new=$root/third_party/.new-libtorch platform wheel hash
  install_packages python3-pip unzip ca-certificates --
  rm -rf "$new"
  mkdir -p "$new/wheels"
  while read -r platform wheel hash; do
    case "$platform" in '' | '#'*) continue ;; esac
    echo "$wheel --hash=$hash" > "$new/requirement.txt"
    python3 -m pip download --no-deps --only-binary=:all: --no-cache-dir --require-hashes \
      --platform "$platform" --python-version 311 --implementation cp --abi cp311 --abi none \
      --dest "$new/wheels" --requirement "$new/requirement.txt"
  done < "$root/tools/libtorch.txt"
  for wheel in "$new"/wheels/*.whl; do
    unzip -q -o "$wheel" 'torch/include/*' 'torch/lib/*' 'torch/version.py' 'nvidia/*' \
      -x 'torch/lib/libtorch_cuda*' -d "$new" || [ $? -eq 11 ]  # 11: one of the patterns fits nothing
  done
  rm -rf "$new/wheels" "$new/requirement.txt"
  libtorch_stamp > "$new/stamp"
  sync "$new/stamp"
  rm -rf "$target"
  mv "$new" "$target"
}

get_libtorch() {
  if [ -n "${LIBTORCH_DIR:-}" ]; then
    if [ ! -e "$LIBTORCH_DIR/lib/libtorch_cpu.so" ] || [ ! -d "$LIBTORCH_DIR/include/ATen" ]; then
      echo "LIBTORCH_DIR: wanted a folder with include/ATen and lib/libtorch_cpu.so, got $LIBTORCH_DIR" >&2
      exit 1
    fi
    echo "LibTorch: taken from $LIBTORCH_DIR"
    return 0
  fi
  if [ "$(uname -m)" != x86_64 ]; then
    echo "LibTorch: the pinned files are for x86_64, this is $(uname -m); give LIBTORCH_DIR=" >&2
    exit 1
  fi
  if [ "$(cat "$root/third_party/libtorch/stamp" 2> /dev/null)" = "$(libtorch_stamp)" ]; then
    echo "LibTorch 2.15.0: is there"
    return 0
  fi
  step libtorch "LibTorch 2.15.0 (553 MB to download)" download_libtorch
}

# build PRESET TARGET...
build() {
  local preset=$1
  shift
  configure_and_build() {
    cd "$root"
    # shellcheck disable=SC2086  # a list of words
    cmake --preset "$preset" "-DLIBTORCH_DIR=$libtorch" -DDDPM_QUICK_BUILD=ON ${configure_flags:-}
    cmake --build "build/$preset" --target "$@"
  }
  step "build-$preset" "build ($preset: $*)" configure_and_build "$@"
}
