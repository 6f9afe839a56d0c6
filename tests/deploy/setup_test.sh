#!/usr/bin/env bash
# What scripts/setup.sh says on systems that are not this one: each is an os-release and an architecture. Installs nothing.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/../../scripts/lib.sh"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/etc"
printf '#!/bin/sh\necho "$FAKE_ARCHITECTURE"\n' >"$work/bin/dpkg"
printf '#!/bin/sh\necho "apt-get was called: $*" >&2\nexit 99\n' >"$work/bin/apt-get"
chmod +x "$work/bin/dpkg" "$work/bin/apt-get"

# on ID VERSION_ID NAME ARCHITECTURE: the system of the lines that follow.
on() {
  rm -f "$work"/etc/*
  printf 'ID=%s\nVERSION_ID="%s"\nPRETTY_NAME="%s"\n' "$1" "$2" "$3" >"$work/etc/os-release"
  system="$3 ($4)"
  export FAKE_ARCHITECTURE="$4"
}

setup() { PATH="$work/bin:$PATH" EDGETP_SYSTEM_ROOT="$work" scripts/setup.sh "$@" 2>&1; }

# says TEXT [ARGUMENT...]
says() {
  local text="$1" output
  output="$(setup --explain)"
  [[ "$output" == *"$text"* ]] || fail "on $system, setup.sh does not say '$text', but: $output"
}

# It ends before it installs anything, with the reason.
refuses() {
  local output
  if output="$(setup)"; then fail "on $system, setup.sh goes on: $output"; fi
  [[ "$output" == *"error: $system"*"$1"* ]] || fail "on $system, setup.sh does not refuse with '$1', but: $output"
}

for version in 12 13; do
  on debian "$version" "Debian GNU/Linux $version" amd64
  says "LibTorch: the system's package"
  says libtorch-dev
done

on debian 12 "Debian GNU/Linux 12 (bookworm)" arm64
touch "$work/etc/rpi-issue"
says "Raspberry Pi OS"
says "LibTorch: the system's package"

on raspbian 12 "Raspbian GNU/Linux 12 (bookworm)" armhf
says "install Raspberry Pi OS (64-bit)"
refuses "64-bit"

on debian 11 "Debian GNU/Linux 11" amd64
refuses "too old"

on ubuntu 22.04 "Ubuntu 22.04.5 LTS" arm64
refuses "its CMake and gRPC are too old"

on ubuntu 24.04 "Ubuntu 24.04.1 LTS" amd64
refuses "it has no package of LibTorch"
says "https://download.pytorch.org/libtorch/cpu/"
says "export EDGETP_LIBTORCH=/opt/libtorch"

on ubuntu 24.04 "Ubuntu 24.04.1 LTS" arm64
says "~/torch/bin/pip install torch --index-url https://download.pytorch.org/whl/cpu"
says 'export EDGETP_LIBTORCH="$('
touch "$work/etc/nv_tegra_release"
says "NVIDIA Jetson"
says "https://pypi.jetson-ai-lab.io/"

on ubuntu 25.10 "Ubuntu 25.10" arm64
says "LibTorch: the system's package"

# What a sysroot is made of: libraries alone.
libraries=" $(setup --libraries | tr '\n' ' ')"
[[ "$libraries" == *" libtorch-dev "* && "$libraries" == *" libgrpc++-dev "* ]] || fail "--libraries: $libraries"
[[ "$libraries" != *cmake* && "$libraries" != *compiler* ]] || fail "--libraries has programs: $libraries"

# With a LibTorch of one's own, the packages are the others.
on ubuntu 24.04 "Ubuntu 24.04.1 LTS" amd64
mkdir -p "$work/libtorch/share/cmake/Torch"
touch "$work/libtorch/share/cmake/Torch/TorchConfig.cmake"
export EDGETP_LIBTORCH="$work/libtorch"
says "LibTorch: your own ($work/libtorch)"
[[ "$(setup --explain)" != *libtorch-dev* ]] || fail "libtorch-dev is wanted beside another LibTorch"
if output="$(EDGETP_LIBTORCH="$work" setup)"; then fail "a folder without LibTorch was taken"; fi
[[ "$output" == *"EDGETP_LIBTORCH=$work: a folder with"* ]] || fail "a folder without LibTorch: $output"
if output="$(EDGETP_LIBTORCH="$work" scripts/build.sh 2>&1)"; then fail "build.sh took a folder without LibTorch"; fi
[[ "$output" == *"EDGETP_LIBTORCH=$work: a folder with"* ]] || fail "build.sh about a folder without LibTorch: $output"
# As pip's torch was until 2.6.
echo 'set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=0")' >"$work/libtorch/share/cmake/Torch/TorchConfig.cmake"
for script in setup.sh build.sh gpu.sh; do
  if output="$(PATH="$work/bin:$PATH" EDGETP_SYSTEM_ROOT="$work" "scripts/$script" 2>&1)"; then fail "$script took a LibTorch of the old ABI"; fi
  [[ "$output" == *"the LibTorch in $work/libtorch has the old C++ ABI"* ]] || fail "$script about the old ABI: $output"
done

say "setup.sh knows its systems"
