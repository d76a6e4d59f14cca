"""Answers that are kept, by real Redis and PostgreSQL, for topics of these tests' own."""

import contextlib
import socket
import subprocess
from collections.abc import Callable
from uuid import uuid4

import pytest
import redis
from django.conf import settings as project
from django.db import connections

from commerce.cache import client as clients
from commerce.cache import keys
from commerce.cache.responses import Entry, Miss
from commerce.cache.versions import Publisher, publisher
from commerce.db.replicas import cluster
from commerce.db.scope import Scope, open_scope, tenant_scope
from commerce.db.topics import changed, on_changes, remove_handler
from commerce.stack import binaries
from tests.factories.catalog import make_category
from tests.outbox.conftest import wait_until


@pytest.fixture(autouse=True, scope="session")
def _cluster_is_known(_database):
    wait_until(lambda: cluster() is not None, what="the primary")


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Wait long for Redis, as the machine may be busy; where it is slow on purpose, a test takes this back."""
    _wait(monkeypatch, 20.0, 20.0)
    yield lambda: _wait(monkeypatch, *SECONDS)
    _forget_connections()


SECONDS = (clients.TIMEOUT, clients.PATIENT_TIMEOUT)


def _wait(monkeypatch, timeout: float, patient_timeout: float) -> None:
    monkeypatch.setattr(clients, "TIMEOUT", timeout)
    monkeypatch.setattr(clients, "PATIENT_TIMEOUT", patient_timeout)
    _forget_connections()


def _forget_connections() -> None:
    clients._of_url.cache_clear()
    clients._patient_of_url.cache_clear()


@pytest.fixture
def new_entry():
    """Return a function that makes the place of an answer; each call is another request for it."""
    default = uuid4().hex

    def make(shop, digest: str = default) -> Entry:
        entry = Entry.of(tenant=shop.id, digest=digest)
        assert entry is not None
        return entry

    return make


class Watched(Publisher):
    """The publisher, with somebody who looks at what is between its steps."""

    def __init__(self, marked, committed) -> None:
        super().__init__(owe=publisher.owe)
        self.marked, self.committed = marked, committed

    def before_commit(self, changes, connection):
        change = super().before_commit(changes, connection)
        self.marked()
        return change

    def after_commit(self, change, position):
        self.committed()
        super().after_commit(change, position)


@pytest.fixture
def around_commit():
    """Return a function that has `marked` called before each COMMIT, and `committed` after it, before it is told."""
    current = [publisher]

    def watch(marked=lambda: None, committed=lambda: None) -> None:
        remove_handler(current.pop())
        current.append(Watched(marked, committed))
        on_changes(current[0])

    yield watch
    remove_handler(current[0])
    on_changes(publisher)


@pytest.fixture
def server():
    """Return the stack's own Redis as a client, with the keys of a shop."""
    client = redis.Redis.from_url(project.REDIS_CACHE_URL)
    yield client
    client.close()


def versions_key(shop) -> str:
    return keys.versions_key(cluster().system_id, shop.id)


def marks_key() -> str:
    return keys.marks_key(cluster().system_id)


def keep(entry: Entry, body: bytes = b"old", topics=("thing:1", "thing:*"), **more) -> Miss:
    """Store an answer made from topics."""
    found = entry.lookup()
    assert isinstance(found, Miss), found
    assert entry.store(found, body=body, topics=topics, **more)
    return found


def make_row(shop):
    """Return a row of the shop, to be changed."""
    with tenant_scope(shop.id):
        return make_category().id


def write(shop, row_id, *things: object, inside: Callable[[], None] = lambda: None) -> int:
    """Change the row, which is about these things (thing:1), and return its new version."""
    with tenant_scope(shop.id):
        with connections["default"].cursor() as cursor:
            cursor.execute("UPDATE catalog_category SET name = name WHERE id = %s RETURNING version", [row_id])
            version = cursor.fetchone()[0]
        changed("thing", things or (1,))
        inside()
    return version


def advance(shop) -> None:
    """Have the log grow, so that what follows has another position."""
    with tenant_scope(shop.id), connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_logical_emit_message(true, 'commerce', '')")


def read(shop, row_id, *, using: str = "default") -> bytes:
    """Return the row's version, as an answer."""
    with tenant_scope(shop.id, read_only=True, using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT version FROM catalog_category WHERE id = %s", [row_id])
        return str(cursor.fetchone()[0]).encode()


def debts(shop) -> list[str]:
    """Return the status of each event that tells of what the cache was not told."""
    with tenant_scope(shop.id), connections["default"].cursor() as cursor:
        cursor.execute("SELECT status FROM outbox_event WHERE type = 'cache.outdated' ORDER BY position")
        return [status for (status,) in cursor.fetchall()]


def finish_events(but: str = "") -> None:
    """Have no event of other tests wait for a relay."""
    with open_scope(Scope(tenant_id=None, alias="relay")), connections["relay"].cursor() as cursor:
        sql = "UPDATE outbox_event SET status = 'done', finished_at = now() WHERE status = 'pending' AND type <> %s"
        cursor.execute(sql, [but])


class OwnRedis:
    """A Redis of one test's own, which may be broken."""

    def __init__(self, folder, *arguments: str) -> None:
        self.folder, self.arguments = folder, arguments
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.url)
        self.start()

    def start(self) -> None:
        program = str(binaries.find_redis().program)
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen([program, *options, *self.arguments], stdout=subprocess.DEVNULL)
        wait_until(self.answers, what="a Redis")

    def answers(self) -> bool:
        with contextlib.suppress(redis.RedisError):
            return bool(self.client.ping())
        return False

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def own_redis(tmp_path, settings):
    """Return a function that starts a Redis with these options, which is the cache's from then on."""
    started: list[OwnRedis] = []

    def start(*arguments: str) -> OwnRedis:
        started.append(OwnRedis(tmp_path, *arguments))
        settings.REDIS_CACHE_URL = started[-1].url
        return started[-1]

    yield start
    for each in started:
        each.stop()
        each.client.close()
