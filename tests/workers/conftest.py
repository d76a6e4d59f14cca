"""Workers and beats of the tests' own, on brokers of their own: real processes, real Redis."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from commerce import celery
from commerce.stack.layout import Stack
from tests.outbox.conftest import PROJECT, wait_until

SOON = 60.0
# Of the workers and beats that these tests start: they notice sooner what they are to notice.
HEARTBEAT = 1.5


class Broker:
    """A Redis that can be killed and started again with what it knew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.url)
        self.start()

    def start(self) -> None:
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]
        with (self.folder / "redis.log").open("a") as log:
            self.process = subprocess.Popen(
                [_redis_server(), *arguments, "--dir", str(self.folder)], stdout=log, stderr=log
            )
        wait_until(self.answers, what="Redis")

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def _redis_server() -> str:
    if found := shutil.which("redis-server"):
        return found
    return str(Stack(Path(os.environ["COMMERCE_STACK_DIR"])).redis.program)


class Process:
    """A celery process and its log."""

    def __init__(self, folder: Path, url: str, *arguments: str, **environment: str) -> None:
        self.log = folder / f"log-{uuid4().hex[:6]}"
        with self.log.open("w") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "celery", *arguments],
                cwd=PROJECT,
                env={
                    **os.environ,
                    "DJANGO_SETTINGS_MODULE": "tests.workers.settings",
                    "BROKER_URL": url,
                    "REMAP_SIGTERM": "SIGQUIT",
                    "WORKER_HEARTBEAT": str(HEARTBEAT),
                    "PYTHONUNBUFFERED": "1",
                    **environment,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.log.read_text()

    def wait_for(self, words: str, seconds: float = SOON) -> None:
        wait_until(lambda: words in self.said() or self.popen.poll() is not None, seconds=seconds, what=words)
        assert words in self.said(), self.said()

    def kill(self) -> None:
        """Kill it with all its processes, as the end of its machine would."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def stop(self, seconds: float = 40) -> float:
        """Ask it to end; return the seconds that it took."""
        began = time.monotonic()
        self.popen.terminate()
        self.popen.wait(seconds)
        return time.monotonic() - began


@pytest.fixture
def broker(tmp_path):
    """Run a broker, which the tests' own calls are sent to as well."""
    folder = tmp_path / "broker"
    folder.mkdir()
    found = Broker(folder)
    with sending_to(found.url):
        yield found
    found.kill()
    found.client.close()


class sending_to:
    """Have tasks that are called in this process sent to a broker."""

    def __init__(self, url: str, **options) -> None:
        self.url, self.options = url, options

    def __enter__(self) -> None:
        self.before = (celery.app.conf.broker_url, celery.app.conf.broker_transport_options)
        self._point(self.url, self.options or self.before[1])

    def __exit__(self, *_) -> None:
        self._point(*self.before)

    def _point(self, url: str, options) -> None:
        celery.app._pool = celery.app.amqp._producer_pool = None
        celery.app.conf.broker_url = celery.app.conf.broker_read_url = celery.app.conf.broker_write_url = url
        celery.app.conf.broker_transport_options = options


@pytest.fixture
def start(tmp_path):
    """Return a function that starts `celery -A commerce.celery …`; what still runs is killed afterwards."""
    started: list[Process] = []

    def start(url: str, *arguments: str, **environment: str) -> Process:
        started.append(Process(tmp_path, url, "-A", "commerce.celery", *arguments, **environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def start_worker(start, broker):
    """Return a function that starts a worker of these queues and waits until it is ready."""

    def start_worker(queues: str = "default", processes: int = 1, **environment: str) -> Process:
        name = f"{queues.replace(',', '-')}-{uuid4().hex[:6]}@%h"
        options = ["--concurrency", str(processes), "--loglevel=INFO", "--without-gossip", "--without-mingle"]
        process = start(broker.url, "worker", "--queues", queues, "--hostname", name, *options, **environment)
        process.wait_for(" ready.")
        return process

    return start_worker


@pytest.fixture
def notes(tmp_path):
    """Return the path of a file of notes, and a function that reads it."""
    path = tmp_path / "notes"

    def read(did: str | None = None) -> list[dict]:
        lines = path.read_text().splitlines() if path.exists() else []
        return [note for note in map(json.loads, lines) if did in (None, note["did"])]

    return str(path), read


def until(condition: Callable[[], bool], what: str, seconds: float = SOON) -> None:
    wait_until(condition, seconds=seconds, what=what)
