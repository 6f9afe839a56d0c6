#!/usr/bin/env bash
# Installs what edgetp needs from Debian's own packages (Debian 12 and 13), and selects OpenBLAS as the BLAS.
# Safe to run again: it touches only what is missing.
#   scripts/setup.sh --bench                also what bench/ compares with: Gloo, Open MPI, PyTorch, SimGrid, tc
#   scripts/setup.sh --fuzz                 also clang and its libFuzzer, for scripts/fuzz.sh
#   scripts/setup.sh --tidy                 also clang-tidy, for scripts/tidy.sh
#   EDGETP_LIBTORCH=own scripts/setup.sh    leaves LibTorch and BLAS to you (give CMAKE_PREFIX_PATH to CMake)
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

packages=(
  # build tools
  cmake ninja-build g++ ccache pkg-config git ca-certificates curl
  # rpc and messages
  libgrpc++-dev libgrpc-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libabsl-dev libssl-dev
  # metrics, command line, logs, JSON
  prometheus-cpp-dev libcli11-dev libspdlog-dev nlohmann-json3-dev
  # what Unicode calls a letter, for GPT-2's tokenizer
  libicu-dev
  # tests and benchmarks
  libgtest-dev libgmock-dev libbenchmark-dev python3 python3-yaml
)

# tensors
with_libtorch=true
[[ "${EDGETP_LIBTORCH:-debian}" == own ]] && with_libtorch=false
$with_libtorch && packages+=(libtorch-dev libopenblas0-openmp)

# what measurements compare with
[[ "${1:-}" == --bench ]] && packages+=(libgloo-dev libopenmpi-dev openmpi-bin python3-torch libsimgrid-dev iproute2 faketime)

# what the fuzz targets are built with
[[ "${1:-}" == --fuzz ]] && packages+=(clang libclang-rt-dev)

# what checks what changed
[[ "${1:-}" == --tidy ]] && packages+=(clang-tidy)

# Reference BLAS is about 20 times slower: these two decide which one LibTorch loads.
alternatives=(libblas.so.3 liblapack.so.3)

is_installed() {
  [[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    is_installed "$package" || echo "$package"
  done
}

# Runs a command as root.
as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "'$*' needs root: run this script as root, or install sudo"
  fi
}

check_system() {
  command -v apt-get >/dev/null || fail "this script installs Debian packages, and apt-get is not here;" \
    "on another system install the equivalents of: ${packages[*]}"
}

install_missing() {
  local missing=()
  mapfile -t missing < <(missing_packages)
  if ((${#missing[@]} == 0)); then
    say "all ${#packages[@]} packages are installed"
    return
  fi
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

select_openblas() {
  local name link target
  for name in "${alternatives[@]}"; do
    link="$(update-alternatives --get-selections | awk -v name="$name" 'index($1, name) == 1 {print $1}')"
    [[ -n "$link" ]] || fail "no alternative for $name is registered; is libopenblas0-openmp installed?"
    target="$(update-alternatives --list "$link" | grep 'openblas-openmp' || true)"
    [[ -n "$target" ]] || fail "OpenBLAS offers no $name; is libopenblas0-openmp installed?"
    if [[ "$(update-alternatives --query "$link" | awk '$1 == "Value:" {print $2}')" != "$target" ]]; then
      say "selecting $target as $name"
      as_root update-alternatives --set "$link" "$target"
    fi
  done
  say "BLAS: OpenBLAS ($(dpkg-query -W -f='${Version}' libopenblas0-openmp))"
}

check_result() {
  local still_missing
  still_missing="$(missing_packages | tr '\n' ' ')"
  [[ -z "$still_missing" ]] || fail "not installed: $still_missing"
  local version
  version="$(cmake --version | awk 'NR == 1 {print $3}')"
  printf '3.25\n%s\n' "$version" | sort -V -C || fail "CMake $version is too old: 3.25 is needed (Debian 12 has it)"
}

check_system
install_missing
$with_libtorch && select_openblas
check_result
