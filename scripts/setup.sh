#!/usr/bin/env bash
# Installs what edgetp needs from the system's own packages, and selects OpenBLAS as the BLAS. Knows Debian 12 and 13,
# Raspberry Pi OS (64-bit) and Ubuntu; where a system has no LibTorch, it says how to get one.
# Safe to run again: it touches only what is missing.
#   scripts/setup.sh --explain              says what it would do, and does nothing
#   scripts/setup.sh --bench                also what bench/ compares with: Gloo, Open MPI, PyTorch, SimGrid, tc
#   scripts/setup.sh --plot                 also what draws the pictures of docs/experiments.md
#   scripts/setup.sh --fuzz                 also clang and its libFuzzer, for scripts/fuzz.sh
#   scripts/setup.sh --tidy                 also clang-tidy, for scripts/tidy.sh
#   scripts/setup.sh --arm64                also the compiler for arm64 and qemu, for scripts/test_arm64.sh
#   scripts/setup.sh --libraries            names the packages that edgetp is built against, and does nothing
#   EDGETP_LIBTORCH=/path scripts/setup.sh  the LibTorch that is there; scripts/build.sh takes the same variable
#   EDGETP_LIBTORCH=own scripts/setup.sh    leaves LibTorch and BLAS to you (give CMAKE_PREFIX_PATH to CMake)
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

# What runs on this machine while it builds and tests.
tools=(
  cmake ninja-build g++ ccache pkg-config git ca-certificates curl python3 python3-yaml
  protobuf-compiler protobuf-compiler-grpc
)

# What edgetp is compiled and linked against.
libraries=(
  # rpc and messages
  libgrpc++-dev libgrpc-dev libprotobuf-dev libabsl-dev libssl-dev
  # metrics, the live page, command line, logs, JSON
  prometheus-cpp-dev libcivetweb-dev libcli11-dev libspdlog-dev nlohmann-json3-dev
  # what Unicode calls a letter, for GPT-2's tokenizer
  libicu-dev
  # tests and benchmarks
  libgtest-dev libgmock-dev libbenchmark-dev
)

# tensors
with_libtorch=true
[[ -n "${EDGETP_LIBTORCH:-}" ]] && with_libtorch=false
$with_libtorch && libraries+=(libtorch-dev libopenblas0-openmp)

if [[ "${1:-}" == --libraries ]]; then
  printf '%s\n' "${libraries[@]}"
  exit
fi

packages=("${tools[@]}" "${libraries[@]}")

# what measurements compare with
[[ "${1:-}" == --bench ]] && packages+=(libgloo-dev libopenmpi-dev openmpi-bin python3-torch libsimgrid-dev iproute2 faketime)

# what pictures are drawn with
[[ "${1:-}" == --plot ]] && packages+=(python3-matplotlib)

# what the fuzz targets are built with
[[ "${1:-}" == --fuzz ]] && packages+=(clang libclang-rt-dev)

# what checks what changed
[[ "${1:-}" == --tidy ]] && packages+=(clang-tidy)

# what builds for arm64 here, and runs it
[[ "${1:-}" == --arm64 ]] && packages+=(g++-aarch64-linux-gnu qemu-user-static)

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

# --- the system --------------------------------------------------------------------------------------------------------

root="${EDGETP_SYSTEM_ROOT:-}" # a test has its own

# of /etc/os-release: os_field ID
os_field() { (. "$root/etc/os-release" && echo "${!1:-}"); }

is_jetson() { [[ -e "$root/etc/nv_tegra_release" ]]; }

system_name() {
  local name
  name="$(os_field PRETTY_NAME) ($(dpkg --print-architecture))"
  [[ ! -e "$root/etc/rpi-issue" ]] || name+=", Raspberry Pi OS"
  ! is_jetson || name+=", NVIDIA Jetson"
  echo "$name"
}

# The two lines that fetch a LibTorch where the system has none. pip's wheels for arm64 have the same C++ ABI as the
# official archive, which there is for amd64 alone.
libtorch_lines() {
  local index=https://download.pytorch.org/whl/cpu
  # NVIDIA's builds for the Jetson's GPU.
  ! is_jetson || index=https://pypi.jetson-ai-lab.io/sbsa/cu130
  if [[ "$(dpkg --print-architecture)" == amd64 ]]; then
    cat <<'LINES'
  curl -fL https://download.pytorch.org/libtorch/cpu/libtorch-cxx11-abi-shared-with-deps-2.6.0%2Bcpu.zip -o /tmp/libtorch.zip
  sudo apt-get install unzip && sudo unzip -q /tmp/libtorch.zip -d /opt && export EDGETP_LIBTORCH=/opt/libtorch
LINES
  else
    cat <<LINES
  sudo apt-get install python3-venv && python3 -m venv ~/torch && ~/torch/bin/pip install torch --index-url $index
  export EDGETP_LIBTORCH="\$(~/torch/bin/python -c 'import os, torch; print(os.path.dirname(torch.__file__))')"
LINES
  fi
}

# Why this system cannot be set up as it is, and what to do; nothing where it can.
obstacle() {
  case "$(dpkg --print-architecture)" in
    armhf | armel | i386) echo "LibTorch needs a 64-bit system, and this one is 32-bit: on a Raspberry Pi, install Raspberry Pi OS (64-bit)" ;;
  esac
  case "$(os_field ID) $(os_field VERSION_ID)" in
    "debian "[1-9] | "debian "1[01] | "ubuntu "1[0-9].* | "ubuntu "2[0-3].*)
      echo "its CMake and gRPC are too old (3.25 and 1.51 are needed): upgrade to Debian 12, Ubuntu 24.04 or newer, or run the" \
        "image of docker/Dockerfile"
      ;;
    "ubuntu 24."* | "ubuntu 25.04")
      $with_libtorch || return 0
      echo "it has no package of LibTorch. These two lines fetch one; then run scripts/setup.sh and scripts/build.sh again:"
      libtorch_lines
      ;;
  esac
}

check_system() {
  command -v apt-get >/dev/null || fail "this script installs Debian packages, and apt-get is not here;" \
    "on another system install the equivalents of: ${packages[*]}"
  local obstacle
  obstacle="$(obstacle)"
  [[ -z "$obstacle" ]] || fail "$(system_name): $obstacle"
  check_own_libtorch
}

# What --explain prints.
explain() {
  local obstacle
  obstacle="$(obstacle)"
  say "$(system_name)"
  if [[ -n "$obstacle" ]]; then
    echo "$obstacle"
    return
  fi
  if $with_libtorch; then
    echo "LibTorch: the system's package, with OpenBLAS"
  else
    echo "LibTorch: your own${EDGETP_LIBTORCH:+ ($EDGETP_LIBTORCH)}"
  fi
  echo "packages: ${packages[*]}"
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

if [[ "${1:-}" == --explain ]]; then
  explain
  exit
fi
check_system
install_missing
$with_libtorch && select_openblas
check_result
