"""A process that writes and reads without pause and counts what it sees: `python -m tests.faults.driver`.

It reads commands from its standard input, one a line, and answers each with one line of JSON: `open` opens a shop and
begins; `report` returns the counts since the report before; `stop` ends it. With DRIVER_WEB=http://127.0.0.1:port the
reads are GraphQL queries there, otherwise `replicas.reading` in this process.

Each writer raises the number in its own row and reads it back with the token of its write: what it finds may be
neither less than the last write that was acknowledged nor more than the last that was tried. The readers have no
token and may be behind, but no read of theirs may fail.
"""

import json
import os
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import django
import requests

django.setup()

from django.db import connections  # noqa: E402

from catalog.models import Category  # noqa: E402
from commerce.db import positions, read_after, replicas  # noqa: E402
from commerce.db.replicas import PrimaryUnavailable  # noqa: E402
from commerce.db.scope import tenant_scope  # noqa: E402
from tests.factories.catalog import make_category  # noqa: E402
from tests.factories.tenants import open_shop  # noqa: E402

WEB = os.environ.get("DRIVER_WEB", "")
WRITERS = 2
READERS = 2
QUERY = "query($slug: String!) { category(slug: $slug) { name } }"


@dataclass
class Load:
    """The shop that is written to, and what was counted."""

    shop: Any
    counts: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopping: threading.Event = field(default_factory=threading.Event)

    def count(self, name: str, seconds: float) -> None:
        with self.lock:
            self.counts[name] += 1
            self.slowest[name] = max(self.slowest.get(name, 0.0), seconds)

    def fault(self, text: str) -> None:
        with self.lock:
            self.counts["faults"] += 1
            self.faults.append(text[:500])

    def report(self) -> dict[str, Any]:
        with self.lock:
            slowest = {name: round(seconds, 2) for name, seconds in self.slowest.items()}
            found = {**self.counts, "slowest": slowest, "faults": self.faults[:5], "health": replicas.health()}
            self.counts, self.slowest, self.faults = Counter(), {}, []
        return found


class Unavailable(Exception):
    """A read was answered 503."""


def write(load: Load, slug: str, number: int) -> str:
    """Write the number, and return the token; raise PrimaryUnavailable."""
    positions.forget_written()
    try:
        with replicas.writing(), tenant_scope(load.shop.id):
            Category.objects.filter(slug=slug).update(name=str(number))
        written = positions.last_written()
        token = read_after.token_of(written) if written else None
        assert token
        return token
    finally:
        connections.close_all()


def read(load: Load, slug: str, token: str, session: requests.Session) -> int:
    """Return the number that a read finds; raise Unavailable."""
    return _read_by_http(load, slug, token, session) if WEB else _read_here(load, slug, token)


def _read_here(load: Load, slug: str, token: str) -> int:
    def run(alias: str) -> int:
        with tenant_scope(load.shop.id, read_only=True, using=alias):
            return int(Category.objects.get(slug=slug).name)

    at_least = positions.Position.parse(token.partition("-")[2]) if token else None
    try:
        return replicas.reading(run, at_least=at_least)
    except PrimaryUnavailable:
        raise Unavailable from None
    finally:
        connections.close_all()


def _read_by_http(load: Load, slug: str, token: str, session: requests.Session) -> int:
    answer = session.post(
        f"{WEB}/graphql/",
        json={"query": QUERY, "variables": {"slug": slug}},
        headers={"Host": load.shop.host, **({"Read-After": token} if token else {})},
        timeout=30,
    )
    if answer.status_code == 503 and answer.headers.get("Retry-After"):
        raise Unavailable
    found = answer.json()
    if answer.status_code != 200 or "errors" in found:
        raise AssertionError(f"{answer.status_code} {answer.text}")
    return int(found["data"]["category"]["name"])


def keep_writing(load: Load, slug: str) -> None:
    """Write and read back until told to stop."""
    session, acknowledged, number, token = requests.Session(), 0, 0, ""
    while not load.stopping.is_set():
        number += 1
        started = time.monotonic()
        try:
            token = write(load, slug, number)
        except PrimaryUnavailable:
            load.count("writes_unavailable", time.monotonic() - started)
            time.sleep(0.1)
        except Exception as error:
            load.fault(f"write: {error!r}")
        else:
            acknowledged = number
            load.count("writes", time.monotonic() - started)
        check(load, slug, token, acknowledged, number, session)


def keep_reading(load: Load, slug: str) -> None:
    """Read without a token until told to stop."""
    session = requests.Session()
    while not load.stopping.is_set():
        check(load, slug, "", 0, sys.maxsize, session)
        time.sleep(0.002)


def check(load: Load, slug: str, token: str, lowest: int, highest: int, session: requests.Session) -> None:
    """Read once and count what was found."""
    kind = "reads_after" if token else "reads"
    started = time.monotonic()
    try:
        found = read(load, slug, token, session)
    except Unavailable:
        load.count(f"{kind}_unavailable", time.monotonic() - started)
    except Exception as error:
        load.fault(f"{kind}: {error!r}")
    else:
        load.count(kind, time.monotonic() - started)
        if not lowest <= found <= highest:
            load.fault(f"{kind}: found {found}, not {lowest} to {highest}")


def begin() -> tuple[Load, list[threading.Thread]]:
    """Open a shop with a row for each writer and start the threads."""
    shop = open_shop()
    with tenant_scope(shop.id):
        for number in range(WRITERS):
            make_category("0", slug=f"row-{number}")
    load = Load(shop)
    threads = [threading.Thread(target=keep_writing, args=[load, f"row-{number}"]) for number in range(WRITERS)]
    threads += [threading.Thread(target=keep_reading, args=[load, f"row-{n % WRITERS}"]) for n in range(READERS)]
    for thread in threads:
        thread.start()
    return load, threads


def answer(value: Any) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Do what the standard input says until it ends."""
    load: Load | None = None
    threads: list[threading.Thread] = []
    for line in sys.stdin:
        match line.strip():
            case "open":
                load, threads = begin()
                answer({"host": load.shop.host})
            case "report" if load:
                answer(load.report())
            case "stop":
                break
    if load:
        load.stopping.set()
        for thread in threads:
            thread.join(60)
        answer(load.report())
    for connection in connections.all():
        connection.close_pool()


main()
