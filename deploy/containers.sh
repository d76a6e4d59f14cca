#!/bin/bash
# Build the image, run docker-compose.yml with it, ask the result a query, and remove everything that was started.
#
#   ENGINE=docker|podman       the engine (default: the first that works)
#   BASE=registry|debootstrap  where base, PostgreSQL and Redis come from (default: registries, else Debian packages)
#   KEEP=1                     leave it running, and say how to stop it
#   CLEAN=1                    remove the images too (they make the next run fast)
#
# `deploy/containers.sh remove PROJECT DIRECTORY` removes what KEEP=1, or a kill that nothing survives, has left.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ${1-} == remove ]]; then
  project=${2:?} work=${3:?}
  mkdir -p "$work"
else
  project="commerce-check-$$"
  work=$(mktemp -d "${TMPDIR:-/tmp}/$project.XXXXXX")
fi
files=(-f docker-compose.yml)
started=
running=
engine=
host=shop.localhost

say() { printf '==> %s\n' "$*"; }
fail() { printf 'containers: %s\n' "$*" >&2; exit 1; }

# Run a command with its output in a file, print the seconds, and show the file's end only where it fails.
# It runs in a process group of its own, so that an interrupt ends all of it, and at once.
step() {
  local title=$1 log="$work/step.log" begin=${EPOCHREALTIME/./} code=0
  shift
  printf '==> %-52s' "$title"
  set -m
  "$@" >"$log" 2>&1 </dev/null &
  running=$!
  set +m
  wait "$running" || code=$?
  running=
  if ((code)); then
    printf ' FAILED\n'
    tail -n 60 "$log" >&2
    return 1
  fi
  printf '%7.1f s\n' "$((${EPOCHREALTIME/./} - begin))e-6"
}

# --- The engine -----------------------------------------------------------------------------------------

find_engine() {
  local name
  for name in ${ENGINE:-docker podman}; do
    if [[ $name == docker ]] && docker info >/dev/null 2>&1; then
      docker compose version >/dev/null 2>&1 || fail "docker works, but its compose plugin is missing."
      engine=docker
    elif [[ $name == podman ]] && command -v podman >/dev/null; then
      configure_podman
      podman info >/dev/null || fail "podman is installed, but does not work."
      engine=podman
      find_podman_compose
    fi
    [[ -z $engine ]] || return 0
  done
  fail "no engine works (${ENGINE:-docker, podman}). Install Docker with compose, or podman (apt-get install podman buildah runc)."
}

# Inside a sandbox without systemd, podman's defaults do not hold: say so in a configuration of our own.
configure_podman() {
  local pid_max processes open_files
  [[ -z ${CONTAINERS_CONF-} ]] || return 0
  [[ -d /run/systemd/system ]] || export DISABLE_HC_SYSTEMD=true
  if ((EUID == 0)) && [[ ! -d /run/systemd/system ]]; then
    # Without CAP_SYS_RESOURCE, root may not raise limits either; podman itself comes down to pid_max.
    pid_max=$(cat /proc/sys/kernel/pid_max)
    open_files=$(ulimit -Hn)
    processes=$(ulimit -Hu)
    [[ $processes != unlimited ]] && ((processes < pid_max)) || processes=$pid_max
    [[ $open_files != unlimited ]] || open_files=1048576
    {
      printf '[containers]\ndefault_ulimits = ["nofile=%s:%s", "nproc=%s:%s"]\n' \
        "$open_files" "$open_files" "$processes" "$processes"
      printf '[engine]\ncgroup_manager = "cgroupfs"\n'
      command -v crun >/dev/null || printf 'runtime = "runc"\n'
    } >"$work/containers.conf"
    export CONTAINERS_CONF="$work/containers.conf"
  fi
}

find_podman_compose() {
  if command -v podman-compose >/dev/null; then
    podman_compose=(podman-compose)
  elif command -v uv >/dev/null; then
    podman_compose=(uv tool run --quiet --from podman-compose==1.6.0 podman-compose)
  else
    step "installing podman-compose for this run" install_podman_compose
    podman_compose=("$work/podman-compose/bin/podman-compose")
  fi
}

install_podman_compose() {
  python3 -m venv "$work/podman-compose" && "$work/podman-compose/bin/pip" install podman-compose==1.6.0
}

compose() {
  if [[ $engine == docker ]]; then
    docker compose --project-name "$project" --env-file "$work/env" "${files[@]}" "$@"
  else
    "${podman_compose[@]}" --project-name "$project" --in-pod=false --env-file "$work/env" "${files[@]}" "$@"
  fi
}

# --- The images -----------------------------------------------------------------------------------------

default_of() { # the default of a variable in docker-compose.yml
  sed -n "s/.*\${$1:-\([^}]*\)}.*/\1/p" docker-compose.yml | head -n 1
}

have_image() { "$engine" image inspect "$1" >/dev/null 2>&1; }

obtain() { have_image "$1" || timeout "${PULL_TIMEOUT:-600}" "$engine" pull --quiet "$1"; }

choose_base() {
  local name
  base_image=${BASE_IMAGE:-$(default_of BASE_IMAGE)}
  postgres_image=${POSTGRES_IMAGE:-$(default_of POSTGRES_IMAGE)}
  redis_image=${REDIS_IMAGE:-$(default_of REDIS_IMAGE)}
  if [[ ${BASE:-registry} == registry ]]; then
    for name in "$base_image" "$postgres_image" "$redis_image"; do
      if ! obtain "$name" >"$work/pull.log" 2>&1; then
        [[ -z ${BASE-} ]] || { cat "$work/pull.log" >&2; fail "cannot get $name."; }
        say "no registry gives $name: $(tail -n 1 "$work/pull.log" | cut -c -160)"
        BASE=debootstrap
        break
      fi
    done
  fi
  [[ ${BASE:-registry} == debootstrap ]] || return 0
  say "making base, PostgreSQL and Redis from Debian's packages"
  base_image=localhost/commerce-base:bookworm
  postgres_image=localhost/commerce-postgres:15
  redis_image=localhost/commerce-redis:7
  have_image "$base_image" || step "debootstrap Debian 12" make_base
  step "image of PostgreSQL" build_other "$postgres_image" deploy/compose/Dockerfile.postgres
  step "image of Redis" build_other "$redis_image" deploy/compose/Dockerfile.redis
}

make_base() {
  command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt-get install debootstrap"; return 1; }
  ((EUID == 0)) || { echo "debootstrap needs root."; return 1; }
  local mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian} security=${DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
  debootstrap --variant=minbase bookworm "$work/rootfs" "$mirror" || return
  printf 'deb %s bookworm main\ndeb %s bookworm-updates main\ndeb %s bookworm-security main\n' \
    "$mirror" "$mirror" "$security" >"$work/rootfs/etc/apt/sources.list"
  rm -rf "$work/rootfs"/var/cache/apt/archives/*.deb "$work/rootfs"/var/lib/apt/lists/*
  tar -C "$work/rootfs" --numeric-owner -c . | "$engine" import - "$base_image" || return
  rm -rf "$work/rootfs"
}

build_other() { build --tag "$1" --file "$2" deploy/compose; }

build() {
  local name options=(--build-arg "BASE_IMAGE=$base_image")
  # Inside a sandbox the engine's bridge may lead nowhere; a build listens to nothing.
  [[ ${BASE-} != debootstrap ]] || options+=(--network host)
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [[ -z ${!name-} ]] || options+=(--build-arg "$name")
  done
  if [[ $engine == podman ]]; then
    podman ps --all --external --quiet >"$work/containers.before"
    podman build --layers "${options[@]}" "$@"
  else
    DOCKER_BUILDKIT=1 docker build --progress plain "${options[@]}" "$@"
  fi
}

# The host's way to PyPI, where it has a way of its own; secrets of the build, and not part of the image.
build_application() {
  local name certificates=${SSL_CERT_FILE:-${PIP_CERT-}} options=()
  [[ -z $certificates ]] || options+=(--secret "id=ca,src=$certificates")
  for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST PIP_DEFAULT_TIMEOUT UV_DEFAULT_INDEX UV_INDEX_URL \
    UV_INDEX UV_HTTP_TIMEOUT; do
    [[ -z ${!name-} || ${!name} == *file:* ]] || printf '%s=%q\n' "$name" "${!name}" >>"$work/build.env"
  done
  [[ ! -s $work/build.env ]] || options+=(--secret "id=env,src=$work/build.env")
  build "${options[@]}" --tag "$app_image" --file deploy/Dockerfile . || return
  # Yesterday's images; today's stages make the next build fast.
  "$engine" image prune --force --filter label=org.opencontainers.image.title=commerce --filter until=24h
}

# --- Running --------------------------------------------------------------------------------------------

write_environment() {
  web_port=${WEB_PORT:-$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')}
  (
    umask 077
    deploy/compose/env.sh >"$work/env"
    printf '%s=%s\n' APP_IMAGE "$app_image" POSTGRES_IMAGE "$postgres_image" REDIS_IMAGE "$redis_image" \
      BASE_IMAGE "$base_image" WEB_PORT "$web_port" >>"$work/env"
  )
}

# Podman without a DNS plugin knows no names: give the four servers fixed addresses, and everybody their names.
name_by_hand() {
  local subnet dns name number network="${project}_probe"
  podman network create "$network" >/dev/null
  subnet=$(podman network inspect --format '{{(index .Subnets 0).Subnet}}' "$network")
  dns=$(podman network inspect --format '{{.DNSEnabled}}' "$network")
  podman network rm "$network" >/dev/null
  [[ $dns != true ]] || return 0
  say "podman has no DNS plugin here: fixed addresses in $subnet"
  {
    printf 'networks: {servers: {ipam: {config: [{subnet: %s}]}}}\nx-hosts: &hosts\n' "$subnet"
    number=10
    for name in primary standby cache broker; do
      printf '  - "%s:%s.%s"\n' "$name" "${subnet%.*}" "$((++number))"
    done
    printf 'services:\n'
    number=10
    for name in primary standby cache broker; do
      printf '  %s: {extra_hosts: *hosts, networks: {servers: {ipv4_address: %s.%s}}}\n' \
        "$name" "${subnet%.*}" "$((++number))"
    done
    for name in migrate api worker webhooks bulk relay beat operator; do
      printf '  %s: {extra_hosts: *hosts}\n' "$name"
    done
  } >"$work/names.yml"
  files+=(-f "$work/names.yml")
}

container() { # the id of a service's container
  "$engine" ps --all --quiet --filter "label=com.docker.compose.project=$project" \
    --filter "label=com.docker.compose.service=$1" | head -n 1
}

is_healthy() {
  if [[ $engine == podman ]]; then
    podman healthcheck run "$1" # where there is no systemd, nobody else runs it
  else
    [[ $(docker inspect --format '{{.State.Health.Status}}' "$1") == healthy ]]
  fi
}

wait_healthy() {
  local name id state deadline=$((SECONDS + 180))
  for name in "$@"; do
    id=$(container "$name")
    [[ -n $id ]] || { echo "there is no container of $name"; return 1; }
    until is_healthy "$id" >/dev/null 2>&1; do
      state=$("$engine" inspect --format '{{.State.Running}} {{.RestartCount}}' "$id")
      if ((SECONDS > deadline)) || [[ $state != "true "[012] ]]; then # it may start again twice
        echo "$name is not healthy:"
        "$engine" logs --tail 40 "$id"
        return 1
      fi
      sleep 0.5
    done
  done
}

up() {
  compose up -d "$@"
}

# Docker keeps the conditions of depends_on; podman before 4.6 does not, so that we start in waves.
start_all() {
  started=1
  if [[ $engine == docker ]]; then
    step "start everything" up
    step "everything is healthy" wait_healthy api worker webhooks bulk relay beat
  else
    step "primary, cache, broker" up --no-deps primary cache broker
    step "  are healthy" wait_healthy primary cache broker
    step "standby" up --no-deps standby
    step "  streams" wait_healthy standby
    step "roles and migrations" migrate
    step "api, workers, relay, beat" up --no-deps api worker webhooks bulk relay beat
    step "  are healthy" wait_healthy api worker webhooks bulk relay beat
  fi
}

migrate() {
  local id code
  up --no-deps migrate
  id=$(container migrate)
  code=$(timeout 300 "$engine" wait "$id")
  "$engine" logs "$id"
  ((code == 0))
}

operator() { compose --profile operator run --rm --no-deps -T operator "$@"; }

# --- The questions --------------------------------------------------------------------------------------

ask() {
  METRICS_TOKEN=$(sed -n 's/^METRICS_TOKEN=//p' "$work/env") python3 - "http://127.0.0.1:$web_port" "$host" <<'PYTHON'
import json
import os
import sys
import time
import urllib.error
import urllib.request

web, host = sys.argv[1:]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(path, host, body=None):
    headers = {"Host": host, "Content-Type": "application/json"}
    if path == "/metrics":
        headers["Authorization"] = f"Bearer {os.environ['METRICS_TOKEN']}"
    request = urllib.request.Request(web + path, json.dumps(body).encode() if body else None, headers)
    try:
        with opener.open(request, timeout=20) as answer:
            return answer.status, compact(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.code, compact(error.read().decode())


def compact(text):
    return json.dumps(json.loads(text), separators=(",", ":")) if text.startswith("{") else text


def expect(title, path, host, body, status, part, patience=0):
    deadline = time.monotonic() + patience
    found, text = call(path, host, body)
    while (found != status or part not in text) and time.monotonic() < deadline:
        time.sleep(1)
        found, text = call(path, host, body)
    print(f"    {title}: {found} {' '.join(text.split())[:160]}")
    if found != status or part not in text:
        sys.exit(f"containers: expected {status} with {part!r} from {path}")


query = {"query": "{ shop { name } }"}
expect("GET /health/live", "/health/live", "anywhere", None, 200, "ok")
expect("GET /health/ready", "/health/ready", "anywhere", None, 200, "ok")
expect(f"POST {query['query']} at {host}", "/graphql/", host, query, 200, '"data":{"shop":{"name":"The Shop"}}')
expect("the same at nobody.localhost", "/graphql/", "nobody.localhost", query, 404, "TENANT_NOT_FOUND")
expect("GET /health/workers", "/health/workers", "anywhere", None, 200, '"status":"ok"', patience=60)
expect("GET /metrics", "/metrics", "anywhere", None, 200, 'commerce_workers{queue="bulk"} 1.0')
expect("GET a style of the admin", "/static/admin/css/base.css", host, None, 200, "{")
PYTHON
}

# What the containers promise: no root, nothing to write to, nobody else's credentials, and a row that reaches the standby.
inspect_promises() {
  local name id forbidden try
  for name in api worker webhooks bulk relay beat; do
    id=$(container "$name")
    [[ $("$engine" exec "$id" id -u) == 10001 ]] || { echo "$name runs as another user"; return 1; }
    ! "$engine" exec "$id" touch /app/written 2>/dev/null || { echo "$name can write to /app"; return 1; }
    forbidden='DATABASE_(ADMIN|OWNER|PLATFORM)_URL'
    [[ $name == relay || $name == webhooks ]] || forbidden="$forbidden|DATABASE_RELAY_URL"
    ! "$engine" exec "$id" env | grep -E "^($forbidden)=" || { echo "$name knows too much"; return 1; }
  done
  for name in worker webhooks bulk relay beat; do
    "$engine" exec "$(container "$name")" python -c "$ask_for_counts" ||
      { echo "$name shows no counts at its port 9100"; return 1; }
  done
  # shellcheck disable=SC2016  # the container's own variable
  "$engine" exec "$(container api)" sh -c 'touch "$MEDIA_ROOT/written" && rm "$MEDIA_ROOT/written"' ||
    { echo "api cannot write to MEDIA_ROOT"; return 1; }
  for ((try = 0; try < 20; try++)); do
    [[ $(ask_standby 'SELECT pg_is_in_recovery(), (SELECT count(*) FROM tenants_tenant)') != 't|1' ]] || return 0
    sleep 0.5
  done
  echo "the standby has not the one tenant"
  return 1
}

ask_for_counts='from urllib.request import urlopen; urlopen("http://127.0.0.1:9100/metrics", timeout=5)'

ask_standby() {
  "$engine" exec "$(container standby)" psql --host=/tmp --no-psqlrc --tuples-only --no-align --command="$1" commerce
}

# --- The end --------------------------------------------------------------------------------------------

# shellcheck disable=SC2317  # called by the trap
clean_up() {
  local code=$? name children
  trap '' INT TERM HUP PIPE
  trap - EXIT
  set +e
  if [[ -n $running ]]; then
    echo
    mapfile -t children < <(descendants "$running") # a build's own commands are in groups of their own
    kill -TERM -- "-$running"
    wait "$running"
    ((${#children[@]} == 0)) || kill -KILL "${children[@]}" 2>/dev/null
    remove_builders
  fi
  if [[ -n $started && $code -gt 0 && $code -lt 128 ]]; then
    for name in primary standby migrate api worker webhooks bulk relay beat; do
      [[ -z $(container "$name") ]] || { echo "--- end of $name's log"; "$engine" logs --tail 8 "$(container "$name")"; } >&2 2>&1
    done
  fi
  if [[ -n $started && -n ${KEEP-} ]]; then
    say "still running at http://127.0.0.1:$web_port (Host: $host); to stop it:"
    echo "    deploy/containers.sh remove $project $work"
    exit "$code"
  fi
  [[ -z $started ]] || step "remove what was started" remove || code=1
  [[ -z ${CLEAN-} || -z $engine ]] || step "remove the images" remove_images || code=1
  rm -rf "$work"
  ((code == 0)) && printf '==> done in %d s\n' "$SECONDS"
  exit "$code"
}

# shellcheck disable=SC2317
descendants() {
  local child children
  read -ra children <<<"$(cat "/proc/$1/task/"*/children 2>/dev/null | tr '\n' ' ')"
  for child in "${children[@]}"; do
    echo "$child"
    descendants "$child"
  done
}

# A build of podman's that is killed leaves its containers behind: those are ours that are new, and of our images.
# shellcheck disable=SC2317
remove_builders() {
  local id
  [[ -e $work/containers.before ]] && command -v buildah >/dev/null || return 0
  podman ps --all --external --quiet | grep -vxFf "$work/containers.before" | while read -r id; do
    case $(buildah inspect --format '{{.FromImage}} {{index .OCIv1.Config.Labels "org.opencontainers.image.title"}}' "$id" 2>&1) in
      localhost/commerce-* | *' commerce') podman rm --force "$id" >/dev/null ;;
    esac
  done
}

# shellcheck disable=SC2317
remove() {
  local ids name
  # By our own label, whatever compose thinks of its own state after an interrupt.
  mapfile -t ids < <("$engine" ps --all --quiet --filter "label=com.docker.compose.project=$project")
  if ((${#ids[@]})); then
    [[ $engine != podman ]] || podman kill "${ids[@]}" || true
    "$engine" rm --force --volumes "${ids[@]}"
  fi
  for name in primary standby broker media; do
    "$engine" volume rm --force "${project}_$name"
  done
  for name in "${project}_servers" "${project}_edge"; do
    ! "$engine" network inspect "$name" >/dev/null 2>&1 || "$engine" network rm "$name"
  done
}

# shellcheck disable=SC2317
remove_images() {
  "$engine" rmi --force "$app_image" localhost/commerce-base:bookworm localhost/commerce-postgres:15 localhost/commerce-redis:7 || true
  "$engine" image prune --force --filter label=org.opencontainers.image.title=commerce
}

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
trap 'exit 141' PIPE

app_image=${APP_IMAGE:-localhost/commerce:local}
find_engine
if [[ ${1-} == remove ]]; then
  started=1
  exit 0
fi
say "engine: $("$engine" --version)"
choose_base
step "image of the application" build_application
write_environment
[[ $engine != podman ]] || name_by_hand
start_all
say "a shop, and a query"
operator tenant create shop --name "The Shop" --host "$host"
ask
step "promises of the containers" inspect_promises
