"""No relay but the tests' own works on the outbox while these tests run, and each begins with nothing pending."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connections

from commerce import outbox
from commerce.db.scope import Scope, open_scope, tenant_scope
from commerce.outbox.models import Event
from commerce.outbox.registry import EventRecord, Subscriptions
from commerce.outbox.relay import Options, Relay

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _nothing_pending():
    """Finish what other tests have left, also what would be due in the middle of this one."""
    with open_scope(Scope(tenant_id=None, alias="relay")), connections["relay"].cursor() as cursor:
        cursor.execute("UPDATE outbox_event SET status = 'done', finished_at = now() WHERE status = 'pending'")


class Inbox:
    """A subscriber that keeps what it gets, and fails when told to."""

    def __init__(self) -> None:
        self.events: list[EventRecord] = []
        self.fail: Callable[[EventRecord], bool] = lambda event: False

    def __call__(self, event: EventRecord) -> None:
        if self.fail(event):
            raise ValueError(f"told to fail on version {event.object_version}")
        self.events.append(event)

    def versions(self, object_id: UUID) -> list[int]:
        return [event.object_version for event in self.events if event.object_id == object_id]


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def make_relay(inbox):
    """Return a function that makes a relay whose only subscriber is the inbox, of events of type `test.*`."""

    def make(**options) -> Relay:
        subscribers = Subscriptions()
        subscribers.subscribe("test.*", inbox)
        return Relay(subscribers=subscribers, options=Options(**{"first_delay": 0.05, **options}))

    return make


@pytest.fixture
def start_relay(tmp_path):
    """Return a function that starts a relay process with this environment; what still runs is ended afterwards."""
    from tests.outbox.process import Process

    started: list[Process] = []

    def start(*arguments: str, **environment: str) -> Any:
        started.append(Process(tmp_path, *arguments, **environment))
        return started[-1]

    yield start
    for process in started:
        if process.popen.poll() is None:
            process.popen.kill()
            process.popen.wait()


def new_event(
    object_id: UUID | None = None, version: int = 1, event_type: str = "test.thing.changed"
) -> outbox.NewEvent:
    return outbox.NewEvent(event_type, "Thing", object_id or uuid4(), version, {"sku": f"A-{version}"}, "user:1")


def publish(shop, *events: outbox.NewEvent) -> list[UUID]:
    """Publish events of a shop in a transaction of their own."""
    with tenant_scope(shop.id):
        return outbox.publish_many(events)


def get_event(shop, event_id: UUID) -> Event:
    with tenant_scope(shop.id):
        return Event.objects.get(id=event_id)


def count_by_status(shop) -> dict[str, int]:
    counts: dict[str, int] = {}
    with tenant_scope(shop.id):
        for status in Event.objects.values_list("status", flat=True):
            counts[status] = counts.get(status, 0) + 1
    return counts


def wait_until(is_true: Callable[[], bool], *, seconds: float = 60, what: str = "") -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.02)
