# shellcheck shell=bash
# What the scripts share. Source it after `set -euo pipefail`; it leaves the shell in the repository's root.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# One line about what happens next.
say() { printf '\033[1m==>\033[0m %s\n' "$*"; }

# Ends the script with a message.
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Where $EDGETP_LIBTORCH names a folder, it must hold a LibTorch.
check_own_libtorch() {
  local folder="${EDGETP_LIBTORCH:-own}"
  [[ "$folder" != own ]] || return 0
  [[ -e "$folder/share/cmake/Torch/TorchConfig.cmake" ]] ||
    fail "EDGETP_LIBTORCH=$folder: a folder with share/cmake/Torch/TorchConfig.cmake is wanted, as that of LibTorch's" \
      "archive or of pip's torch"
  check_libtorch_abi "$folder"
}

# Strings of the old C++ ABI are other types: nothing of it would link with gRPC. A folder without LibTorch is none.
check_libtorch_abi() {
  ! grep -qs 'GLIBCXX_USE_CXX11_ABI=0' "$1/share/cmake/Torch/TorchConfig.cmake" ||
    fail "the LibTorch in $1 has the old C++ ABI (_GLIBCXX_USE_CXX11_ABI=0), and gRPC here the new one: take an archive" \
      "whose name has cxx11-abi, or torch 2.7 or later of pip"
}

# Sets ccache_options, CMake's options for a build that takes from ccache what was compiled before: none without ccache.
find_ccache() {
  ccache_options=()
  command -v ccache >/dev/null || return 0
  ccache_options=("-DCMAKE_CXX_COMPILER_LAUNCHER=$PWD/scripts/ccache.sh")
  export CCACHE_SLOPPINESS=pch_defines,time_macros  # else it keeps nothing that uses a precompiled header
}

# How many compilers fit side by side: one that includes LibTorch needs about 2 GiB.
jobs_that_fit() {
  local kib_per_job=$((2 * 1024 * 1024)) cores available jobs
  cores="$(nproc)"
  available="$(awk '$1 == "MemAvailable:" {print $2}' /proc/meminfo)"
  jobs=$((available / kib_per_job))
  ((jobs >= 1)) || jobs=1
  ((jobs <= cores)) || jobs=$cores
  echo "$jobs"
}
