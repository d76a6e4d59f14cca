"""The stack of the bench: its databases, one for each town, and web processes on them."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from commerce.stack import ports, postgres, services, supervise
from commerce.stack.layout import PROJECT, Stack
from commerce.stack.state import locked
from tests.bench import load
from tests.bench.facts import Town

DIRECTORY = PROJECT / ".stack-bench"
SERVERS = ("primary", "cache", "broker", "standby")
TEMPLATE = "bench_template"
MIGRATIONS = ("*/migrations/0*.py", "*/*/migrations/0*.py")


class BenchError(Exception):
    """What ends the bench, in words for whoever runs it."""


def say(line: str) -> None:
    """Tell how far we are; results go to standard output, this does not."""
    sys.stderr.write(f"{line}\n")


@contextlib.contextmanager
def bench_stack() -> Iterator[Stack]:
    """Start the servers of `.stack-bench`, or find them running, and stop them at the end."""
    lock = Stack(DIRECTORY).lock_file
    with locked(lock, timeout=10):
        stack = Stack(DIRECTORY)
        supervise.up(stack, ["primary", "cache", "broker"], say=say)
        try:
            yield stack
        finally:
            supervise.down(stack)


def prepare(stack: Stack, towns: Iterable[Town]) -> None:
    """Load the towns that are not loaded, or not with the rows of today's code; then start the standby.

    A loaded town stays where migrations only came in addition: these are run.
    """
    wanted = _Stamp.of_today()
    found = {town: _Stamp.read(stack, town.name) for town in towns}
    missing = [town for town, stamp in found.items() if not (stamp and wanted.continues(stamp))]
    if missing:
        # The standby is copied afterwards, which is faster than following.
        supervise.stop(stack, services.get("standby"))
        postgres.discard_standby(stack)
        with _superuser(stack) as connection:
            connection.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
        say("migrating an empty database")
        _create(stack, TEMPLATE)
        _migrate(stack, TEMPLATE)
        for town in missing:
            _make_town(stack, town, wanted)
    for town, stamp in found.items():
        if town not in missing and stamp != wanted:
            say(f"migrating {town.name}")
            _migrate(stack, town.name)
            wanted.write(stack, town.name)
    say("standby: copying the primary" if missing else "standby: starting")
    supervise.up(stack, SERVERS, say=lambda line: None)
    _wait_for_standby(stack)


@dataclass(frozen=True)
class _Stamp:
    """What a loaded database was made from, kept as its comment: digests of the rows and of each migration."""

    rows: str
    migrations: dict[str, str]

    @classmethod
    def of_today(cls) -> "_Stamp":
        paths = sorted(path for pattern in MIGRATIONS for path in PROJECT.glob(pattern))
        migrations = {
            str(path.relative_to(PROJECT)): hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in paths
        }
        return cls(load.digest(), migrations)

    @classmethod
    def read(cls, stack: Stack, database: str) -> "_Stamp | None":
        statement = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
        with _superuser(stack) as connection:
            found = connection.execute(statement, [database]).fetchone()
        return cls(**json.loads(str(found[0]))) if found and found[0] else None

    def write(self, stack: Stack, database: str) -> None:
        statement = sql.SQL("COMMENT ON DATABASE {} IS {}")
        with _superuser(stack) as connection:
            connection.execute(statement.format(sql.Identifier(database), sql.Literal(json.dumps(asdict(self)))))

    def continues(self, other: "_Stamp") -> bool:
        return self.rows == other.rows and other.migrations.items() <= self.migrations.items()


def superuser_url(stack: Stack, database: str, server: str = "primary") -> str:
    """Return the address of a database for the cluster's superuser, whom only loading and logging need."""
    return on_database(stack.database_url("postgres", server), database)


def environment(stack: Stack, database: str, *, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a web process on a database may know: what `make up` gives it."""
    values = stack.application_environment()
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "tests.bench.settings",
        "COMMERCE_ENV_FILE": "",
        **values,
        "DATABASE_URL": on_database(values["DATABASE_URL"], database),
        **({"REPLICA_URL": on_database(values["REPLICA_URL"], database)} if "REPLICA_URL" in values else {}),
        **(more or {}),
    }


@dataclass(frozen=True)
class Web:
    """A running gunicorn."""

    pid: int
    port: int


@contextlib.contextmanager
def web(
    stack: Stack,
    database: str,
    *,
    application: str = "commerce.wsgi:application",
    more: Mapping[str, str] | None = None,
) -> Iterator[Web]:
    """Run gunicorn with the project's configuration on a database; `more` adds to its environment."""
    port = ports.choose(ports.candidates(18400))
    command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
    # A worker that is replaced after so many requests would be started in the midst of a measurement.
    settings = {"WEB_MAX_REQUESTS": "0", **(more or {})}
    log = stack.log(f"web-{database}")
    with log.open("ab") as file:
        child = subprocess.Popen(
            [*command, application],
            env=environment(stack, database, more=settings),
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for_web(child, port, log)
        yield Web(child.pid, port)
    finally:
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # workers that hang would outlive their master
        child.wait()


def _wait_for_web(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/health/ready", headers={"Host": "localhost"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 60
    while child.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, urllib.error.URLError), opener.open(request, timeout=10):
            return
        time.sleep(0.1)
    raise BenchError(f"The web process did not come up; see {log}.")


def on_database(url: str, database: str) -> str:
    """Return the address of another database of the same server."""
    return f"{url.rpartition('/')[0]}/{database}"


def _superuser(stack: Stack, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(superuser_url(stack, database), autocommit=True)


def _migrate(stack: Stack, database: str) -> None:
    """Do what a deployment does: the roles, then the owner's migrations."""
    with postgres.connect(stack, "commerce_admin", dbname=database) as administrator, administrator.transaction():
        administrator.execute((PROJECT / "deploy" / "roles.sql").read_bytes())
    _run(stack, database, "manage.py", "migrate", "--no-input", "-v0")


def _make_town(stack: Stack, town: Town, stamp: _Stamp) -> None:
    say(f"loading {town.name}: {town.words}")
    _create(stack, town.name, template=TEMPLATE)
    with _superuser(stack, town.name) as connection:
        # Few checkpoints while we load: what a crash would lose is loaded again.
        for setting in ("max_wal_size = '16GB'", "full_page_writes = off", "autovacuum = off"):
            connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")
        try:
            _run(stack, town.name, "-m", "tests.bench.load", town.name)
        finally:
            connection.execute("ALTER SYSTEM RESET ALL")
            connection.execute("SELECT pg_reload_conf()")
        connection.execute("CHECKPOINT")
    stamp.write(stack, town.name)


def _create(stack: Stack, name: str, template: str = "template1") -> None:
    with postgres.connect(stack, "commerce_admin") as administrator:
        administrator.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        administrator.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    with postgres.connect(stack, "commerce_admin", dbname=name) as administrator, administrator.transaction():
        administrator.execute((PROJECT / "deploy" / "roles.sql").read_bytes())


def _run(stack: Stack, database: str, *arguments: str) -> None:
    roles = {role: stack.database_url(f"commerce_{role}") for role in ("owner", "platform")}
    more = {f"DATABASE_{role.upper()}_URL": on_database(url, database) for role, url in roles.items()}
    more["BENCH_SUPERUSER_URL"] = superuser_url(stack, database)
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment(stack, database, more=more),
        cwd=PROJECT,
        stdout=sys.stderr,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"{' '.join(arguments)} failed for the database {database}.")


def _wait_for_standby(stack: Stack) -> None:
    with _superuser(stack) as primary:
        position = primary.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
    deadline = time.monotonic() + 120
    with psycopg.connect(superuser_url(stack, "postgres", "standby"), autocommit=True) as standby:
        while time.monotonic() < deadline:
            if standby.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", position).fetchone() == (True,):
                return
            time.sleep(0.2)
    raise BenchError("The standby does not catch up.")
