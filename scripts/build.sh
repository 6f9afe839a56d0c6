#!/usr/bin/env bash
# Builds into build/, incrementally: everything, or the targets that are named.
#   scripts/build.sh [TARGET...]
#   EDGETP_LIBTORCH=/path scripts/build.sh    against the LibTorch that is there, not the system's
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

configure() {
  find_ccache
  local options=(-S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release "${ccache_options[@]}")
  if [[ "${EDGETP_LIBTORCH:-own}" != own ]]; then
    # Installed programs find it, too.
    options+=(-DCMAKE_PREFIX_PATH="$EDGETP_LIBTORCH" -DCMAKE_INSTALL_RPATH="$EDGETP_LIBTORCH/lib")
  fi
  cmake "${options[@]}" >build.log 2>&1 || {
    cat build.log >&2
    fail "CMake could not configure build/; if packages are missing, run scripts/setup.sh"
  }
  mkdir -p build && mv build.log build/configure.log
}

check_own_libtorch
jobs="$(jobs_that_fit)"
say "building ${*:-everything} in build/ with $jobs jobs"
configure
ln -sfn build/compile_commands.json compile_commands.json  # where editors and clangd look for it
cmake --build build --parallel "$jobs" ${1:+--target "$@"}
