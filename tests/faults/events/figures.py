"""Figures of the way of events, on a throw-away stack without workers of its own: docs/events.md has the commands.

`python -m tests.faults.events.figures [rates] [fairness] [one-object] [prune]` in the environment of a stack.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402

from commerce.db.scope import Scope, open_scope  # noqa: E402
from commerce.outbox import tasks  # noqa: E402
from commerce.outbox.registry import Subscriptions  # noqa: E402
from commerce.outbox.relay import Relay  # noqa: E402
from commerce.webhooks import claims  # noqa: E402
from commerce.webhooks.delivering import Deliverer, Options  # noqa: E402
from commerce.webhooks.fan_out import FanOut  # noqa: E402
from tests.factories.tenants import open_shop  # noqa: E402
from tests.webhooks import bench  # noqa: E402
from tests.webhooks.conftest import changed, publish, subscribe  # noqa: E402
from tests.webhooks.receiver import Receiver  # noqa: E402

FLOOD = int(os.environ.get("FLOOD", "100000"))
PRUNED = int(os.environ.get("PRUNED", "1000000"))


def fairness() -> None:
    """One shop writes a flood at once; how long another's single event takes meanwhile, at the receiver."""
    flooded, other = open_shop(), open_shop()
    receiver = Receiver()
    subscribe(flooded, f"{receiver.url}flood")
    subscribe(other, f"{receiver.url}lone")
    took = []
    with _working() as _:
        began = time.monotonic()
        publish(flooded, *(changed() for _ in range(FLOOD)))
        _say(f"{FLOOD:,} events of one shop written in {time.monotonic() - began:.1f} s")
        for number in range(1, 11):
            began = time.monotonic()
            publish(other, changed())
            _wait_until(lambda number=number: len(receiver.of("lone")) == number)
            took.append(time.monotonic() - began)
            time.sleep(0.5)
        arrived = len(receiver.of("flood"))
    assert arrived < FLOOD, "the flood was over before"
    named = ", ".join(f"{one:.2f}" for one in took)
    _say(f"another shop's events took {named} s, while {arrived:,} of the flood arrived")
    receiver.close()


def one_object() -> None:
    """A flood of one object's events, which are sent one after the other: what a claim costs, and the rate."""
    shop, key = open_shop(), uuid4()
    receiver = Receiver()
    subscribe(shop, receiver.url)
    publish(shop, *(changed(key, version) for version in range(1, FLOOD + 1)))
    Relay(subscribers=_fan_out()).drain()
    spent: list[float] = []
    claim = claims.claim

    def timed(**given: Any) -> claims.Batch:
        began = time.perf_counter()
        try:
            return claim(**given)
        finally:
            spent.append(time.perf_counter() - began)

    claims.claim = timed
    deliverer = Deliverer(Options(budget=1e9, linger=1e9))
    thread = threading.Thread(target=_and_close(deliverer.run))
    thread.start()
    before = 0
    for _ in range(6):
        calls = len(spent)
        time.sleep(10)
        part, arrived = sorted(spent[calls:]), len(receiver.received)
        _say(
            f"{FLOOD:,} deliveries of one object: {(arrived - before) / 10:.0f} /s, {len(part)} claims, "
            f"{sum(part) / max(1, len(part)) * 1000:.1f} ms each, 99 % within {part[len(part) * 99 // 100] * 1000:.0f}"
        )
        before = arrived
    deliverer.stop()
    thread.join()
    claims.claim = claim
    versions = [received.json["object"]["version"] for received in receiver.received]
    assert versions == sorted(versions)
    receiver.close()


def prune() -> None:
    """Delete a million delivered events while somebody writes: how long it takes, and how long the writer waits."""
    shop = open_shop()
    for _ in range(PRUNED // 100_000):
        publish(shop, *(changed() for _ in range(100_000)))
        with open_scope(Scope(tenant_id=None, alias="relay")), connections["relay"].cursor() as cursor:
            cursor.execute("UPDATE outbox_event SET status = 'done', finished_at = now() WHERE status = 'pending'")
    stop, slowest, written = threading.Event(), [0.0], [0]

    def write() -> None:
        while not stop.is_set():
            began = time.perf_counter()
            publish(shop, changed())
            slowest[0] = max(slowest[0], time.perf_counter() - began)
            written[0] += 1

    transactions: list[float] = []
    delete = tasks.operations.delete_delivered_events

    def timed(**given: Any) -> Any:
        began = time.perf_counter()
        found = delete(**given)
        transactions.append(time.perf_counter() - began)
        return found

    tasks.operations.delete_delivered_events = timed
    settings.OUTBOX_KEEP_DAYS = -1
    thread = threading.Thread(target=_and_close(write))
    thread.start()
    began = time.perf_counter()
    deleted = tasks.prune()
    took = time.perf_counter() - began
    stop.set()
    thread.join()
    _say(
        f"{deleted:,} events pruned in {took:.1f} s by {len(transactions)} transactions, the longest "
        f"{max(transactions):.2f} s; meanwhile {written[0]} writes, the slowest {slowest[0] * 1000:.0f} ms"
    )


@contextmanager
def _working() -> Iterator[None]:
    """Run a relay and a worker beside."""
    relay, deliverer = Relay(subscribers=_fan_out()), Deliverer(Options(budget=1e9, linger=1e9))
    threads = [threading.Thread(target=_and_close(work)) for work in (relay.run, deliverer.run)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        relay.stop()
        deliverer.stop()
        for thread in threads:
            thread.join()


def _fan_out() -> Subscriptions:
    subscribers = Subscriptions()
    subscribers.subscribe_batch("*", FanOut(lambda: None))
    return subscribers


def _and_close(work: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    return run


def _clear() -> None:
    with open_scope(Scope(tenant_id=None, alias="relay")), connections["relay"].cursor() as cursor:
        for table, status in (("outbox_event", "done"), ("webhooks_delivery", "skipped")):
            cursor.execute(f"UPDATE {table} SET status = '{status}', finished_at = now() WHERE status = 'pending'")


def _wait_until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


FIGURES = {"rates": bench.main, "fairness": fairness, "one-object": one_object, "prune": prune}

if __name__ == "__main__":
    for name in sys.argv[1:] or FIGURES:
        _clear()
        FIGURES[name]()
