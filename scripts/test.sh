#!/usr/bin/env bash
# Sets up, builds everything, runs every test. Arguments go to ctest: scripts/test.sh -L unit
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

scripts/setup.sh
scripts/build.sh
scripts/fetch_data.sh

say "testing"
ctest --test-dir build --output-on-failure --parallel 2 "$@"
