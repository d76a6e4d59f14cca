#!/bin/sh
# Redis of docker-compose.yml: `redis.sh cache`, which forgets what it must, or `redis.sh broker`, which never
# does. The password is in a file on tmpfs, and not among the arguments that `ps` shows.
set -eu
umask 077

case ${1-} in
  cache) settings='maxmemory 256mb
maxmemory-policy allkeys-lru
appendonly no' ;;
  broker) settings='maxmemory-policy noeviction
appendonly yes
appendfsync everysec
dir /data' ;;
  *) echo "usage: redis.sh cache|broker" >&2; exit 2 ;;
esac
cat >/tmp/redis.conf <<CONFIGURATION
requirepass $REDIS_PASSWORD
save ""
$settings
CONFIGURATION
exec redis-server /tmp/redis.conf
