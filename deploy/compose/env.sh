#!/bin/bash
# Print fresh secrets for docker-compose.yml: `deploy/compose/env.sh > deploy/compose/.env`
set -euo pipefail

secret() {
  od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

for name in ADMIN OWNER APP RELAY PLATFORM REPLICATION REDIS_CACHE REDIS_BROKER; do
  printf '%s_PASSWORD=%s\n' "$name" "$(secret)"
done
printf 'SECRET_KEY=%s%s\n' "$(secret)" "$(secret)"
printf 'METRICS_TOKEN=%s\n' "$(secret)"
