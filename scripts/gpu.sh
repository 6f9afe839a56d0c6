#!/usr/bin/env bash
# `scripts/measure.sh gpu`: builds the worker and the model's tests against the CUDA LibTorch that is here (EDGETP_LIBTORCH,
# else pip's torch), runs the tests on the GPU, and measures GPT-2 beside PyTorch. About five minutes on 16 cores.
#   scripts/measure.sh gpu                  measures, and writes the block of docs/performance.md
#   scripts/measure.sh gpu --from=FILE      writes the block from the results of another machine (results.json)
#   scripts/measure.sh gpu --rehearse       a tiny model on the CPU, to see that everything runs; the page stays as it is
#   scripts/measure.sh gpu --pack           on Debian 12, for a machine with a CUDA LibTorch, a compiler, CMake and Ninja,
#                                           and none of the other packages: packs these, and the programs that need no
#                                           LibTorch, into build/gpu/carry.tar.gz. Take it there with the source.
# Results are kept in build/gpu/results, or $EDGETP_GPU_RESULTS, from the first measurement on.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

folder="$PWD/build/gpu"
carry="$folder/carry.tar.gz"
prefix="$folder/prefix"
libraries="$prefix/usr/lib/x86_64-linux-gnu"

# What edgetp builds and runs with, but for LibTorch and the tools.
packages=(libgrpc++-dev libgrpc-dev libgrpc++1.51 libgrpc29 libprotobuf-dev libprotobuf32 libprotoc-dev libprotoc32
  protobuf-compiler protobuf-compiler-grpc libabsl-dev libabsl20220623 libre2-9 libre2-dev libc-ares2 libc-ares-dev libssl3
  libssl-dev zlib1g-dev prometheus-cpp-dev libprometheus-cpp-core1.0 libprometheus-cpp-pull1.0 libprometheus-cpp-push1.0
  civetweb libcivetweb1 libcivetweb-dev libcurl4 libcurl4-openssl-dev libcli11-dev libspdlog-dev libspdlog1.10 libfmt-dev
  libfmt9 nlohmann-json3-dev libgtest-dev libgmock-dev googletest pkgconf pkgconf-bin libpkgconf3 libicu-dev libicu72)

pack() {
  [[ "$(. /etc/os-release && echo "$ID $VERSION_ID")" == "debian 12" ]] || fail "--pack: this is not Debian 12"
  scripts/build.sh edgetp edgetp_server
  scripts/fetch_data.sh
  local work
  work="$(mktemp -d)"
  # shellcheck disable=SC2064
  trap "rm -rf '$work'" EXIT
  mkdir -p "$work/debs" "$work/carry/prefix" "$work/carry/bin" "$folder"
  chmod 755 "$work" "$work/debs"
  (cd "$work/debs" && apt-get download -qq "${packages[@]}")
  local deb
  for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/carry/prefix"; done
  # Shared libraries alone are linked, but for GoogleTest's.
  find "$work/carry/prefix" -name '*.a' ! -name 'libg*test*' ! -name 'libgmock*' -delete
  rm -rf "$work"/carry/prefix/usr/share/{doc,man,lintian,icu} "$work"/carry/prefix/usr/src
  cp build/bin/edgetp build/bin/edgetp_server "$work/carry/bin"
  strip "$work"/carry/bin/*
  git rev-parse HEAD >"$work/carry/commit" 2>/dev/null || true
  [[ ! -f data/tinyshakespeare.txt ]] || cp data/tinyshakespeare.txt "$work/carry"
  tar -C "$work/carry" -czf "$carry" .
  say "packed $(du -h "$carry" | cut -f1): $carry"
}

unpack() {
  say "unpacking $carry"
  mkdir -p "$folder"
  tar -C "$folder" -xzf "$carry"
  local tool packed here
  packed="$(cat "$folder/commit" 2>/dev/null || true)" here="$(git rev-parse HEAD 2>/dev/null || true)"
  [[ "$packed" == "$here" || -z "$packed" || -z "$here" ]] ||
    say "edgetp and edgetp_server in it are of ${packed:0:7}, and this is ${here:0:7}: if they do not work together, pack again"
  for tool in protoc grpc_cpp_plugin pkgconf; do # they need the libraries that come with them
    mv -f "$prefix/usr/bin/$tool" "$prefix/usr/bin/$tool.real"
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s.real "$@"\n' "$libraries" "$prefix/usr/bin/$tool" >"$prefix/usr/bin/$tool"
    chmod +x "$prefix/usr/bin/$tool"
  done
  export CPLUS_INCLUDE_PATH="$prefix/usr/include/x86_64-linux-gnu" PKG_CONFIG_SYSROOT_DIR="$prefix"
  export PKG_CONFIG_PATH="$libraries/pkgconfig:$prefix/usr/share/pkgconfig"
}

# Where CMake finds LibTorch; its libraries lie in ../../lib.
libtorch_cmake() {
  if [[ "${EDGETP_LIBTORCH:-own}" != own ]]; then
    echo "$EDGETP_LIBTORCH/share/cmake"
  else
    python3 -c 'import torch; print(torch.utils.cmake_prefix_path)' | tail -n 1
  fi
}

build() {
  local torch options targets=(edgetp_worker edgetp_model_test)
  torch="$(libtorch_cmake)" || fail "no LibTorch: name one with EDGETP_LIBTORCH, or install pip's torch"
  check_libtorch_abi "$(dirname "$(dirname "$torch")")"
  options=(-S . -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Release "-DCMAKE_PREFIX_PATH=$torch;$prefix/usr")
  if [[ -f "$carry" ]]; then
    unpack
    command -v pkg-config >/dev/null || options+=(-DPKG_CONFIG_EXECUTABLE="$prefix/usr/bin/pkgconf")
    options+=(-DCMAKE_EXE_LINKER_FLAGS="-Wl,-rpath-link,$libraries -Wl,-rpath,$libraries")
  else
    targets+=(edgetp edgetp_server)
  fi
  say "building ${targets[*]} with $(nproc) jobs against $torch"
  mkdir -p "$folder"
  cmake "${options[@]}" >"$folder/configure.log" 2>&1 || {
    tail -n 30 "$folder/configure.log" >&2
    fail "CMake could not configure $folder"
  }
  cmake --build "$folder" --parallel "$(nproc)" --target "${targets[@]}" >"$folder/build.log" 2>&1 || {
    grep -A 20 -m 3 'error\|FAILED' "$folder/build.log" >&2
    fail "the build failed: $folder/build.log"
  }
}

# Of edgetp's programs alone: Python, and what it loads, goes on with the machine's own libraries.
library_path() {
  echo "$libraries:$(dirname "$(dirname "$(libtorch_cmake)")")/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
}

# PyTorch compiles with tens of seconds of CPU: while we compile, too, and the result is kept for the measurement.
warm_compiler() {
  [[ " $* " != *" --rehearse "* ]] || return 0
  PYTHONPATH=bench:bench/performance timeout 240 python3 bench/gpu/reference_gpt.py --compile --warm >"$folder/warm.log" 2>&1 &
}

results="${EDGETP_GPU_RESULTS:-$folder/results}"
case " $* " in
  *" --pack "*) pack ;;
  *" --from="*) PYTHONPATH=bench:bench/performance exec python3 bench/gpu/measure.py "$@" ;;
  *)
    began=$SECONDS
    mkdir -p "$folder"
    check_own_libtorch
    warm_compiler "$@"
    build
    wait
    PYTHONPATH=bench:bench/performance exec python3 bench/gpu/measure.py --bin="$folder/bin" --results="$results" \
      --build_seconds=$((SECONDS - began)) --libraries="$(library_path)" "$@"
    ;;
esac
