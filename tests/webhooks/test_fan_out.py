from uuid import uuid4

import pytest
from django.db import DataError, connections

from commerce.db.scope import tenant_scope
from commerce.outbox.models import Event
from commerce.outbox.registry import Subscriptions
from commerce.outbox.relay import Relay
from commerce.webhooks.fan_out import FanOut, insert
from commerce.webhooks.models import Delivery
from tests.webhooks.conftest import changed, deliveries, publish, subscribe

NOWHERE = "http://127.0.0.1:9/"


def test_each_subscription_to_an_event_gets_a_delivery_with_its_facts(tenant, other_tenant, relay):
    hook = subscribe(tenant, NOWHERE, "PRODUCT_UPDATED", "PRODUCT_DELETED")
    subscribe(tenant, NOWHERE, "PRODUCT_CREATED")
    subscribe(tenant, NOWHERE, "PRODUCT_UPDATED", is_active=False)
    subscribe(other_tenant, NOWHERE, "PRODUCT_UPDATED")
    event = changed(slug="shirt")
    (event_id,) = publish(tenant, event)

    relay.drain()

    (found,) = deliveries(tenant)
    assert (found.webhook_id, found.event_id, found.event_type) == (hook.id, event_id, "PRODUCT_UPDATED")
    assert (found.object_kind, found.object_id, found.object_version) == ("Product", event.object_id, 1)
    assert (found.facts, found.actor, found.status, found.attempts) == ({"slug": "shirt"}, "user:1", "pending", 0)
    assert found.id.version == 7
    assert deliveries(other_tenant) == []
    with tenant_scope(tenant.id):
        event = Event.objects.get(id=event_id)
    assert (event.status, found.position, found.occurred_at) == ("done", event.position, event.created_at)


def test_channels_and_filters_choose_events(tenant, relay):
    here, there = tenant.channel.id, uuid4()
    in_channel = subscribe(tenant, NOWHERE, channels=[here])
    filtered = subscribe(tenant, NOWHERE, filters={"slug": ["shirt", "shoe"]})
    publish(tenant, changed(version=1, channel_id=str(here), slug="hat"))
    publish(tenant, changed(version=2, channel_id=str(there), slug="shoe"))
    publish(tenant, changed(version=3))

    relay.drain()

    found = {(one.webhook_id, one.object_version) for one in deliveries(tenant)}
    assert found == {(in_channel.id, 1), (in_channel.id, 3), (filtered.id, 2)}


def test_an_event_becomes_one_delivery_however_often_it_is_fanned_out(tenant, relay):
    subscribe(tenant, NOWHERE)
    publish(tenant, changed())
    relay.drain()
    with tenant_scope(tenant.id), connections["default"].cursor() as cursor:
        cursor.execute("UPDATE outbox_event SET status = 'pending', finished_at = NULL")
    relay.drain()
    (only,) = deliveries(tenant)
    with tenant_scope(tenant.id), pytest.raises(Exception, match="webhook_delivery_once"):
        Delivery.objects.create(
            webhook_id=only.webhook_id,
            event_id=only.event_id,
            event_type=only.event_type,
            object_kind="Product",
            object_id=only.object_id,
            object_version=1,
            position=1,
            occurred_at=only.occurred_at,
        )


def test_deliveries_and_the_outcome_of_their_events_are_one_transaction(tenant, relay, monkeypatch):
    subscribe(tenant, NOWHERE)
    (event_id,) = publish(tenant, changed())

    def cut(outcome):
        raise ZeroDivisionError

    monkeypatch.setattr("commerce.outbox.claims.record", cut)
    with pytest.raises(ZeroDivisionError):
        relay.run_once()
    monkeypatch.undo()
    assert deliveries(tenant) == []
    with tenant_scope(tenant.id):
        assert Event.objects.get(id=event_id).status == "pending"
    relay.drain()
    assert len(deliveries(tenant)) == 1


def test_what_one_shop_cannot_have_written_does_not_hold_up_another(tenant, other_tenant, nothing_pending):
    for shop in (tenant, other_tenant):
        subscribe(shop, NOWHERE)
        publish(shop, changed(), changed())

    def picky(cursor, events):
        insert(cursor, events)
        if any(event.tenant_id == tenant.id for event in events):
            raise DataError("a value that no column takes")

    subscribers = Subscriptions()
    subscribers.subscribe_batch("catalog.*", picky)
    Relay(subscribers=subscribers).run_once()

    assert (len(deliveries(tenant)), len(deliveries(other_tenant))) == (0, 2)
    with tenant_scope(tenant.id):
        events = list(Event.objects.filter(type="catalog.product.updated"))
    assert {(event.status, event.attempts) for event in events} == {("pending", 1)}
    assert "a value that no column takes" in events[0].error


def test_workers_are_told_once_deliveries_are_committed_and_not_without_any(tenant, nothing_pending):
    told = []
    subscribers = Subscriptions()
    subscribers.subscribe_batch("*", FanOut(lambda: told.append(len(deliveries(tenant)))))
    relay = Relay(subscribers=subscribers)
    publish(tenant, changed())
    relay.drain()
    assert told == []
    subscribe(tenant, NOWHERE)
    publish(tenant, changed())
    relay.drain()
    assert told == [1]


def test_a_broker_that_is_away_holds_nothing_up(tenant, nothing_pending):
    def fail():
        raise ConnectionError("no broker")

    subscribers = Subscriptions()
    subscribers.subscribe_batch("*", FanOut(fail))
    subscribe(tenant, NOWHERE)
    publish(tenant, changed())
    Relay(subscribers=subscribers).drain()
    assert len(deliveries(tenant)) == 1
