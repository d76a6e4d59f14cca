"""A real receiver, a relay and deliverers of the tests' own; nothing else works on deliveries meanwhile."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import connections

from commerce import outbox
from commerce.db.scope import Scope, open_scope, tenant_scope
from commerce.outbox.registry import Subscriptions
from commerce.outbox.relay import Relay
from commerce.webhooks import operations
from commerce.webhooks.claims import Health
from commerce.webhooks.connections import pool
from commerce.webhooks.delivering import Deliverer, Options
from commerce.webhooks.fan_out import FanOut
from commerce.webhooks.models import Delivery, Webhook
from commerce.webhooks.operations import Wanted
from commerce.webhooks.sending import Timeouts
from tenants import operations as tenant_operations
from tests.webhooks.receiver import Receiver

PROJECT = Path(__file__).resolve().parents[2]
QUICK = Options(budget=20, linger=0.15, poll=0.02, kept=0.0, health=Health(first_wait=0.1, longest_wait=0.4))


@pytest.fixture
def nothing_pending():
    """Finish what other tests have left."""
    with open_scope(Scope(tenant_id=None, alias="relay")), connections["relay"].cursor() as cursor:
        for table, status in (("outbox_event", "done"), ("webhooks_delivery", "skipped")):
            cursor.execute(f"UPDATE {table} SET status = '{status}', finished_at = now() WHERE status = 'pending'")


@pytest.fixture
def receiver():
    opened = Receiver()
    yield opened
    opened.close()
    pool.clear()


@pytest.fixture
def relay(nothing_pending) -> Relay:
    """A relay whose only subscriber writes deliveries."""
    subscribers = Subscriptions()
    subscribers.subscribe_batch("*", FanOut(lambda: None))
    return Relay(subscribers=subscribers)


@pytest.fixture
def bodies(relay, receiver):
    """Return a function that has everything delivered, and returns the JSON bodies that arrived, by their type."""

    def deliver() -> list[dict]:
        relay.drain()
        receiver.received.clear()
        deliverer().run()
        return sorted((got.json for got in receiver.received), key=lambda body: body.get("__typename", ""))

    return deliver


def deliverer(**options) -> Deliverer:
    """Return a deliverer that waits for nothing."""
    return Deliverer(replace(QUICK, timeouts=Timeouts(total=3), **options))


def subscribe(shop, url: str, *events: str, app_id: UUID | None = None, **wanted) -> Webhook:
    """Have an app of the shop that may manage products told of events at an address."""
    permissions = ["MANAGE_PRODUCTS", "MANAGE_CHANNELS"]
    with tenant_scope(shop.id):
        if app_id is None:
            app_id = tenant_operations.create_app(name=f"App {uuid4().hex[:6]}", permissions=permissions).id
        names = events or ("PRODUCT_UPDATED",)
        return operations.create_webhook(
            app_id=app_id, wanted=Wanted(name="test", target_url=url, events=names, **wanted), permissions=permissions
        )


def changed(object_id: UUID | None = None, version: int = 1, *, type: str = "catalog.product.updated", **facts):
    return outbox.NewEvent(type, "Product", object_id or uuid4(), version, facts, "user:1")


def publish(shop, *events: outbox.NewEvent) -> list[UUID]:
    """Publish events of a shop in a transaction of their own."""
    with tenant_scope(shop.id):
        return outbox.publish_many(events)


def deliveries(shop) -> list[Delivery]:
    with tenant_scope(shop.id):
        return list(Delivery.objects.order_by("position"))


def get_webhook(shop, webhook: Webhook) -> Webhook:
    with tenant_scope(shop.id):
        return Webhook.objects.get(id=webhook.id)


def make_due(shop) -> None:
    """Let every waiting delivery of a shop be due now, as if its time had come."""
    with tenant_scope(shop.id), connections["default"].cursor() as cursor:
        cursor.execute("UPDATE webhooks_delivery SET next_at = statement_timestamp() WHERE status = 'pending'")


def versions(received: Iterable) -> list[int]:
    return [one.json["object"]["version"] for one in received]
