#!/usr/bin/env bash
# Puts Tiny Shakespeare at data/tinyshakespeare.txt, the text that edgetp trains on by default.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

target=data/tinyshakespeare.txt
nearby=../shared/data/tinyshakespeare.txt
url=https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt
sha256=86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed

is_right() { [[ -f "$1" ]] && echo "$sha256  $1" | sha256sum --check --status; }

# Takes a candidate file to its place if its checksum is right.
accept() {
  is_right "$1" || return 1
  mv "$1" "$target"
}

if is_right "$target"; then
  say "data: $target is there"
  exit 0
fi

mkdir -p data
candidate="$(mktemp data/.download.XXXXXX)"
trap 'rm -f "$candidate"' EXIT

if [[ -f "$nearby" ]] && cp "$nearby" "$candidate" && accept "$candidate"; then
  chmod 644 "$target"
  say "data: copied $nearby to $target"
elif curl --fail --silent --show-error --location --max-time 60 --output "$candidate" "$url" && accept "$candidate"; then
  chmod 644 "$target"
  say "data: downloaded $url to $target"
else
  say "data: Tiny Shakespeare is not to be had here (no copy nearby, and no download with the right SHA-256)."
  say "data: runs will use the licence texts in /usr/share/common-licenses; losses differ from the documented ones."
fi
