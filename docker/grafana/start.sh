#!/bin/sh
# Starts Grafana with an admin password that nobody else knows: GRAFANA_PASSWORD, or one that is made up at the first start
# and kept in the volume, where `docker-compose exec grafana cat /var/lib/grafana/admin-password` shows it.
set -eu
umask 077
data="${GF_PATHS_DATA:-/var/lib/grafana}"
file="$data/admin-password"
if [ -n "${GRAFANA_PASSWORD:-}" ]; then
  export GF_SECURITY_ADMIN_PASSWORD="$GRAFANA_PASSWORD"
else
  [ -s "$file" ] || head -c 24 /dev/urandom | base64 | tr '+/' '-_' >"$file"
  GF_SECURITY_ADMIN_PASSWORD="$(cat "$file")"
  export GF_SECURITY_ADMIN_PASSWORD
fi
unset GRAFANA_PASSWORD
exec "${GRAFANA_RUN:-/run.sh}" "$@"
