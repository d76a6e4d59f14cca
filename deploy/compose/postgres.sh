#!/bin/bash
# PostgreSQL of docker-compose.yml: `postgres.sh primary` or `postgres.sh standby`, as the user postgres, with
# the official image or any other that has PostgreSQL 15 or newer. The root file system may be read-only.
set -euo pipefail
umask 077

here=$(dirname "$0")
data=/var/lib/postgresql/data/cluster
for bin in /usr/lib/postgresql/*/bin; do
  [[ -d $bin ]] && PATH=$bin:$PATH
done
settings=(
  -c "hba_file=$here/pg_hba.conf"
  -c listen_addresses='*'
  -c unix_socket_directories=/tmp
  -c password_encryption=scram-sha-256
  -c wal_level=replica
  -c hot_standby_feedback=on
  -c max_slot_wal_keep_size=2GB
  -c shared_buffers="${POSTGRES_SHARED_BUFFERS:-256MB}"
  -c max_connections="${POSTGRES_MAX_CONNECTIONS:-100}"
  -c timezone=UTC
  -c log_timezone=UTC
  -c log_line_prefix='%m [%p] %q%u@%d '
  -c log_checkpoints=off
)

# Everything that needs a superuser happens here, once, over a socket that only this container sees.
make_primary() {
  rm -rf "$data.new"
  initdb --pgdata="$data.new" --username=postgres --auth=peer --encoding=UTF8 --locale=C.UTF-8 --no-instructions
  pg_ctl --pgdata="$data.new" --wait --silent \
    --options="-c listen_addresses='' -c unix_socket_directories=/tmp -c log_min_error_statement=panic" start
  psql --host=/tmp --username=postgres --dbname=postgres --no-psqlrc --quiet --set=ON_ERROR_STOP=1 <<'SQL'
\getenv admin ADMIN_PASSWORD
\getenv replication REPLICATION_PASSWORD
CREATE ROLE commerce_admin LOGIN CREATEROLE CREATEDB PASSWORD :'admin';
CREATE ROLE commerce_replication LOGIN REPLICATION PASSWORD :'replication';
CREATE DATABASE commerce OWNER commerce_admin;
SQL
  pg_ctl --pgdata="$data.new" --wait --silent --mode=fast stop
  mv "$data.new" "$data"
}

make_standby() {
  rm -rf "$data.new"
  # A slot of that name is left where the standby's volume was thrown away.
  psql "$primary replication=true" --no-psqlrc --quiet --command='DROP_REPLICATION_SLOT standby' 2>/dev/null || true
  pg_basebackup --dbname="$primary" --pgdata="$data.new" --no-password --wal-method=stream --checkpoint=fast \
    --create-slot --slot=standby
  touch "$data.new/standby.signal"
  mv "$data.new" "$data"
}

case ${1-} in
  primary)
    [[ -e $data ]] || make_primary
    ;;
  standby)
    printf '*:*:*:commerce_replication:%s\n' "$REPLICATION_PASSWORD" >/tmp/standby.pass
    primary="host=primary port=5432 user=commerce_replication passfile=/tmp/standby.pass application_name=standby"
    [[ -e $data ]] || make_standby
    settings+=(-c "primary_conninfo=$primary" -c primary_slot_name=standby -c wal_receiver_status_interval=1s)
    ;;
  *)
    echo "usage: postgres.sh primary|standby" >&2
    exit 2
    ;;
esac
unset ADMIN_PASSWORD REPLICATION_PASSWORD
exec postgres -D "$data" "${settings[@]}"
