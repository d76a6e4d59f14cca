"""The processes of the stack, as data, in the order in which they start."""

import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from commerce.stack import postgres, redis
from commerce.stack.errors import StackError
from commerce.stack.layout import PROJECT, Stack
from commerce.stack.processes import Command

# What a developer may hand on to the application's processes.
PASSED_ON = ("DEBUG", "LOG_LEVEL", "METRICS_TOKEN", "RATE_LIMIT", "WEB_CONCURRENCY")


@dataclass(frozen=True)
class Service:
    """A process: how to start it, when it is healthy, and how to end it."""

    name: str
    group: str
    wave: int  # all of a wave start at once, when those of the waves before are healthy
    command: Callable[[Stack], Command]
    is_healthy: Callable[[Stack], bool]
    first_port: int | None = None
    prepare: Callable[[Stack], None] | None = None
    when_healthy: Callable[[Stack], None] | None = None
    discard: Callable[[Stack], None] | None = None  # its data is a copy, and can be made again
    stop_signal: signal.Signals = signal.SIGTERM


def _python(
    stack: Stack, *arguments: str, secrets: Iterable[str] = (), more: Mapping[str, str] | None = None
) -> Command:
    """Return a Python command with the addresses that every process may know, and these further ones."""
    home = os.environ.get("HOME", "/")
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": home,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "commerce.settings",
        "COMMERCE_ENV_FILE": "",
        "METRICS_DIR": str(stack.directory / "metrics"),
        **{key: os.environ[key] for key in PASSED_ON if key in os.environ},
        **stack.application_environment(),
        **{key: stack.all_addresses()[key] for key in secrets},
        **(more or {}),
    }
    (stack.directory / "media").mkdir(exist_ok=True)
    return Command([sys.executable, *arguments], environment, PROJECT)


def migrate_command(stack: Stack) -> Command:
    """Return the command that migrates the database: the only one that knows the owner."""
    return _python(stack, "manage.py", "migrate", "--no-input", secrets=["DATABASE_OWNER_URL"])


def _web_command(stack: Stack) -> Command:
    bind = f"127.0.0.1:{stack.state.ports['web']}"
    arguments = ["-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "--bind", bind, "commerce.wsgi:application"]
    return _python(stack, *arguments)


def _worker_command(stack: Stack, *, name: str, queues: str, processes: int, secrets: Iterable[str] = ()) -> Command:
    options = ["--loglevel=INFO", "--without-gossip", "--without-mingle", f"--hostname={name}@%h"]
    arguments = ["worker", f"--queues={queues}", f"--concurrency={processes}", *options]
    # SIGTERM is to end a worker within seconds: what runs longer goes back to the broker.
    return _python(
        stack, "-m", "celery", "-A", "commerce.celery", *arguments, secrets=secrets, more={"REMAP_SIGTERM": "SIGQUIT"}
    )


def _relay_command(stack: Stack) -> Command:
    return _python(stack, "manage.py", "relay", secrets=["DATABASE_RELAY_URL"])


def _beat_command(stack: Stack) -> Command:
    # No --pidfile: the stack knows its processes better than a number in a file could.
    schedule = str(stack.directory / "beat-schedule")
    options = ["--loglevel=INFO", "--schedule", schedule, "--pidfile="]
    return _python(stack, "-m", "celery", "-A", "commerce.celery", "beat", *options)


def _web_is_healthy(stack: Stack) -> bool:
    url = f"http://127.0.0.1:{stack.state.ports['web']}/health/ready"
    request = urllib.request.Request(url, headers={"Host": "localhost"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _has_logged(stack: Stack, *, name: str, text: str) -> bool:
    return text in stack.log_since_start(name)


SERVICES = (
    Service(
        "primary",
        "postgres",
        0,
        postgres.primary_command,
        postgres.primary_is_healthy,
        first_port=15432,
        prepare=postgres.prepare_primary,
        when_healthy=postgres.make_roles,
        stop_signal=postgres.STOP_SIGNAL,
    ),
    Service("cache", "redis", 0, redis.cache_command, partial(redis.is_healthy, name="cache"), first_port=16379),
    Service("broker", "redis", 0, redis.broker_command, partial(redis.is_healthy, name="broker"), first_port=16380),
    Service(
        "standby",
        "postgres",
        1,
        postgres.standby_command,
        postgres.standby_is_healthy,
        first_port=15433,
        prepare=postgres.prepare_standby,
        discard=postgres.discard_standby,
        stop_signal=postgres.STOP_SIGNAL,
    ),
    Service("web", "app", 2, _web_command, _web_is_healthy, first_port=8000),
    Service(
        "worker",
        "app",
        2,
        partial(_worker_command, name="worker", queues="default", processes=2),
        partial(_has_logged, name="worker", text=" ready."),
    ),
    # Of its own, for it finds the deliveries of all tenants by the relay's role.
    Service(
        "webhooks",
        "app",
        2,
        partial(_worker_command, name="webhooks", queues="webhooks", processes=1, secrets=["DATABASE_RELAY_URL"]),
        partial(_has_logged, name="webhooks", text=" ready."),
    ),
    # Of its own, for its tasks take long and would hold up all others.
    Service(
        "bulk",
        "app",
        2,
        partial(_worker_command, name="bulk", queues="bulk", processes=1),
        partial(_has_logged, name="bulk", text=" ready."),
    ),
    Service("relay", "app", 2, _relay_command, partial(_has_logged, name="relay", text="relay is ready")),
    Service("beat", "app", 2, _beat_command, partial(_has_logged, name="beat", text="beat: Starting")),
)
MIGRATE = "migrate"  # not a process, but a step before the third wave that can be named too
BY_NAME = {service.name: service for service in SERVICES}


def select(names: str | None) -> set[str]:
    """Return the services, and the step `migrate`, that a comma-separated list names; all for None.

    Raises StackError for an unknown name.
    """
    if names is None:
        return {*BY_NAME, MIGRATE}
    selected: set[str] = set()
    for name in filter(None, (part.strip() for part in names.split(","))):
        found = {service.name for service in SERVICES if name in (service.name, service.group)}
        if name in ("app", MIGRATE):
            found.add(MIGRATE)
        if not found:
            known = ", ".join(["postgres", "redis", "app", *BY_NAME, MIGRATE])
            raise StackError(f"Unknown process {name!r}: choose among {known}.")
        selected |= found
    return selected


def get(name: str) -> Service:
    """Return the service of this name, or raise StackError."""
    if name not in BY_NAME:
        raise StackError(f"Unknown process {name!r}: choose among {', '.join(BY_NAME)}.")
    return BY_NAME[name]
