#!/usr/bin/env bash
# Makes a CA and the certificates of a cluster in DIR, for tests and for a first try; docs/security.md says what the names
# mean. DIR then has ca.crt and, each with its .key: server.crt, worker.crt, client.crt, and local.crt, which is all three,
# for `edgetp up`. The CA's own key is not kept: a second call makes another CA.
#   scripts/make_test_ca.sh DIR [DAYS]        default: 365 days; 0: certificates that have expired already
set -euo pipefail
(($# == 1 || $# == 2)) || {
  echo "usage: $0 DIR [DAYS]" >&2
  exit 2
}
directory="$1"
days="${2:-365}"
umask 077 # keys are nobody else's
mkdir -p "$directory"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# Some of these commands report progress on stderr: it is shown if they fail.
quietly() { "$@" 2>"$work/log" || { cat "$work/log" >&2; return 1; }; }

key() { quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

key "$work/ca.key"
openssl req -x509 -new -key "$work/ca.key" -sha256 -days 3650 -subj "/CN=edgetp test CA" \
  -addext "keyUsage=critical,keyCertSign,cRLSign" -out "$directory/ca.crt"

# certificate NAME USAGES DNS_NAMES
certificate() {
  key "$directory/$1.key"
  openssl req -new -key "$directory/$1.key" -subj "/CN=edgetp $1" -out "$work/$1.csr"
  printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\n' "$2" >"$work/$1.ext"
  [[ -z "$3" ]] || printf 'subjectAltName=%s\n' "$3" >>"$work/$1.ext"
  quietly openssl x509 -req -in "$work/$1.csr" -CA "$directory/ca.crt" -CAkey "$work/ca.key" \
    -set_serial "0x$(openssl rand -hex 15)" -sha256 -days "$days" -extfile "$work/$1.ext" -out "$directory/$1.crt"
}

certificate server serverAuth DNS:server.edgetp
certificate worker serverAuth,clientAuth DNS:worker.edgetp
certificate client clientAuth ""
certificate local serverAuth,clientAuth DNS:server.edgetp,DNS:worker.edgetp
echo "made a CA and certificates in $directory" >&2
