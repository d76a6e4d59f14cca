"""A stack of the faults' own, with a driver and maybe a web process on it."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from psycopg.conninfo import make_conninfo

from commerce.stack import ports, postgres, processes, supervise
from commerce.stack.layout import DATABASE, PROJECT, Stack
from commerce.stack.services import get

logger = logging.getLogger(__name__)

STACK = [sys.executable, "-m", "commerce.stack"]


class Servers:
    """The servers of a stack of our own: kill, start, pause, promote."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def stack(self) -> Stack:
        return Stack(self.directory)

    def kill(self, name: str) -> None:
        """Kill a server with all its processes, as a crash would."""
        supervise.kill(self.stack, get(name))

    def start(self, name: str) -> None:
        """Start a server that was killed, with the data that it left."""
        subprocess.run([*STACK, "--dir", str(self.directory), "start", name], check=True, capture_output=True)

    def freeze(self, name: str) -> None:
        """Stop all processes of a server without ending them: connections stay open, nobody answers."""
        self._signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Have a frozen server go on."""
        self._signal(name, signal.SIGCONT)

    @contextlib.contextmanager
    def second_standby(self) -> Iterator[str]:
        """Run a server that follows the standby; gives its name."""
        name, stack = "second", self.stack
        stack.state.ports[name] = ports.choose(ports.candidates(0, scattered=True))
        stack.state.save()
        # The standby cannot be copied: its log has no full pages, as a throw-away stack's.
        copied = postgres._conninfo(stack, "commerce_replication", "primary", dbname="replication")
        source = postgres._conninfo(stack, "commerce_replication", "standby", dbname="replication")
        password = source.pop("password")
        del copied["password"]
        target = postgres._empty_directory(stack, name)
        arguments = [f"--dbname={make_conninfo('', **copied)}", f"--pgdata={target}", "--wal-method=stream"]
        postgres._run(stack, name, "pg_basebackup", [*arguments, "--checkpoint=fast"], {"PGPASSWORD": password})
        (target / "standby.signal").touch(mode=0o600)
        stack.own(target / "standby.signal")
        passwords = stack.configuration / f"{name}.pass"
        settings = {"primary_conninfo": make_conninfo("", **source, passfile=str(passwords))}
        line = f"127.0.0.1:{source['port']}:*:commerce_replication:{password}\n"
        command = postgres._command(stack, name, settings, {passwords: line})
        identity = processes.spawn(command, stack.log(name))
        try:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                with contextlib.suppress(psycopg.OperationalError), self.superuser(name):
                    break
                time.sleep(0.1)
            yield name
        finally:
            processes.stop(identity)

    def superuser(self, server: str) -> psycopg.Connection[Any]:
        return postgres.connect(self.stack, "postgres", server)

    def on_standby(self, statement: str) -> None:
        with self.superuser("standby") as connection:
            connection.execute(statement)

    def on_primary(self, statement: str) -> None:
        with self.superuser("primary") as connection:
            connection.execute(statement)

    def make_durable(self) -> None:
        """Have PostgreSQL write as in production: a throw-away stack does without."""
        for setting in ("fsync", "full_page_writes"):
            self.on_primary(f"ALTER SYSTEM SET {setting} = on")
        self.on_primary("SELECT pg_reload_conf()")

    def environment(self) -> dict[str, str]:
        """Return the addresses, with a DATABASE_URL that leads to whichever of the two takes writes."""
        stack = self.stack
        both = [f"127.0.0.1:{stack.state.ports[name]}" for name in ("primary", "standby")]
        password = stack.state.secrets["commerce_app"]
        return {
            **{name: value for name, value in os.environ.items() if not name.endswith("_URL")},
            **stack.all_addresses(),
            "DATABASE_URL": f"postgresql://commerce_app:{password}@{','.join(both)}/{DATABASE}"
            "?target_session_attrs=read-write",
            "COMMERCE_ENV_FILE": "",
            "DJANGO_SETTINGS_MODULE": "commerce.settings",
            "LOG_LEVEL": "WARNING",
        }

    def _signal(self, name: str, number: signal.Signals) -> None:
        parent = self.stack.state.processes[name].identity.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for pid in (parent, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


class Driver:
    """The process that writes and reads (`tests.faults.driver`)."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.host = self._ask("open")["host"]

    def report(self) -> dict[str, Any]:
        """Return what was counted since the last report."""
        found = self._ask("report")
        logger.info("%s", found)
        return found

    def during(self, seconds: float) -> dict[str, Any]:
        """Return what is counted in so many seconds from now."""
        self.report()
        time.sleep(seconds)
        return self.report()

    def until(self, condition, seconds: float = 30.0) -> dict[str, Any]:
        """Return the first report, of half a second, that the condition holds for; fail if a read was wrong."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.during(0.5)
            assert not found["faults"], found
            if condition(found):
                return found
            assert time.monotonic() < deadline, found

    def _ask(self, command: str) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the driver died"
        return json.loads(line)


def whole(found: dict[str, Any]) -> bool:
    """Say whether everything worked, and all the time."""
    works = all(found.get(name) for name in ("writes", "reads", "reads_after"))
    return works and not any(name.endswith("unavailable") for name in found)


class Web:
    """A gunicorn with its two workers on the stack."""

    def __init__(self, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.process = process

    def get(self, path: str, host: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", headers={"Host": host}, timeout=30, allow_redirects=False)

    def workers(self) -> list[str]:
        """Return the numbers of the worker processes."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return children.read_text().split()


@contextlib.contextmanager
def running_servers() -> Iterator[Servers]:
    """Run a stack of our own with PostgreSQL and Redis, migrated."""
    arguments = [*STACK, "run", "--only", "postgres,redis,migrate", "--", "sh", "-c", 'echo "$COMMERCE_STACK_DIR"; cat']
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        line = process.stdout.readline().decode().strip()
        assert line, "the stack did not start"
        yield Servers(Path(line))


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Run a stack of our own with PostgreSQL and Redis, migrated, for the tests of one module."""
    with running_servers() as running:
        yield running


@contextlib.contextmanager
def driving(servers: Servers, **environment: str) -> Iterator[Driver]:
    """Run a driver; its last counts must show no fault either."""
    with servers.stack.log("driver").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.driver"],
            env={**servers.environment(), **environment},
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield Driver(process)
        last, _ = process.communicate("stop\n", timeout=100)
        assert json.loads(last)["faults"] == []
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def serving(servers: Servers) -> Iterator[Web]:
    """Run gunicorn with the project's configuration."""
    port = ports.choose(ports.candidates(0, scattered=True))
    command = ["-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
    environment = {
        name: value
        for name, value in servers.environment().items()
        if name not in ("DATABASE_OWNER_URL", "DATABASE_PLATFORM_URL", "DATABASE_RELAY_URL")
    }
    with servers.stack.log("web").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *command, "commerce.wsgi:application"],
            env=environment,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        web = Web(port, process)
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(requests.ConnectionError):
                if web.get("/health/ready", "localhost").status_code == 200:
                    break
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield web
    finally:
        process.terminate()
        process.wait(40)
