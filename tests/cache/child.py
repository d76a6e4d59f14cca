"""Processes that these tests start, stop at a step, and kill: `python -m tests.cache.child STEP TENANT ARGUMENT…`.

Each says what it does on a line of its own, and goes on when it gets one.
"""

import sys
import threading

import django

django.setup()

import redis  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402

from commerce.cache import client as clients  # noqa: E402
from commerce.cache.responses import Bypass, Entry, Hit, Miss  # noqa: E402
from commerce.cache.versions import Publisher, publisher  # noqa: E402
from commerce.db.replicas import cluster  # noqa: E402
from commerce.db.scope import tenant_scope  # noqa: E402
from commerce.db.topics import changed, on_changes, remove_handler  # noqa: E402


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def stop_at(step: str) -> None:
    say(step)
    if not sys.stdin.readline():
        sys.exit(1)


class Stopping(Publisher):
    def before_commit(self, changes, connection):
        stop_at("written")
        change = super().before_commit(changes, connection)
        stop_at("marked")
        return change

    def after_commit(self, change, position):
        stop_at("committed")
        super().after_commit(change, position)
        stop_at("told")


def write(tenant: int, row: str) -> None:
    remove_handler(publisher)
    on_changes(Stopping(owe=publisher.owe))
    with tenant_scope(tenant), connections["default"].cursor() as cursor:
        cursor.execute("UPDATE catalog_category SET name = name WHERE id = %s", [row])
        changed("thing", [1])


def lead(tenant: int, digest: str) -> None:
    found = entry(tenant, digest).lookup()
    stop_at("leads" if isinstance(found, Miss) and found.leads else repr(found))


def look(tenant: int, digest: str) -> None:
    found = entry(tenant, digest).lookup()
    stop_at(found.body.decode() if isinstance(found, Hit) else type(found).__name__)


def crowd(tenant: int, digest: str, count: str) -> None:
    """Ask for an answer from many threads at once; each says what it got."""
    entry(tenant, digest)
    answers: list[str] = []
    barrier = threading.Barrier(int(count) + 1)
    with redis.Redis.from_url(settings.REDIS_CACHE_URL) as counter:

        def ask() -> None:
            barrier.wait()
            answers.append(answer(entry(tenant, digest), counter))

        threads = [threading.Thread(target=ask) for _ in range(int(count))]
        for thread in threads:
            thread.start()
        stop_at("ready")
        barrier.wait()
        for thread in threads:
            thread.join()
    stop_at(",".join(answers))


def answer(place: Entry, counter: redis.Redis) -> str:
    """Answer as a door does; each computing is counted, and takes a while."""
    found = place.lookup()
    if isinstance(found, Miss) and found.follows:
        found = place.wait(found)
    if isinstance(found, Hit):
        return found.body.decode()
    body = str(counter.incr(f"computed:{place.digest}"))
    threading.Event().wait(0.05)
    if isinstance(found, Bypass):
        return f"{body}!{found.reason}"
    place.store(found, body=body.encode(), topics=["thing:1"])
    return body


def entry(tenant: int, digest: str) -> Entry:
    while cluster() is None:
        threading.Event().wait(0.02)
    made = Entry.of(tenant=tenant, digest=digest)
    assert made is not None
    return made


if __name__ == "__main__":
    # The machine may be busy; what happens when Redis is slow is tried elsewhere.
    clients.TIMEOUT = clients.PATIENT_TIMEOUT = 20.0
    step, tenant, *arguments = sys.argv[1:]
    {"write": write, "lead": lead, "look": look, "crowd": crowd}[step](int(tenant), *arguments)
