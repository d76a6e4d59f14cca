"""`POST /api/v1/webhooks/<id>/replay`: sending again by REST, for keys of apps that manage apps."""

from datetime import timedelta
from uuid import uuid4

import orjson
import pytest
from django.utils import timezone

from commerce.db.scope import tenant_scope
from commerce.webhooks.models import Delivery
from tests.rest.conftest import Office, make_key
from tests.webhooks.conftest import changed, deliverer, deliveries, publish, subscribe


@pytest.fixture
def manager(tenant):
    return Office(tenant, make_key(tenant, "MANAGE_APPS"))


@pytest.fixture
def told(tenant, receiver, relay):
    """A webhook that was told of two events, of which it refused one."""
    receiver.answer = lambda received: 400 if received.json["facts"].get("bad") else 200
    webhook = subscribe(tenant, receiver.url)
    publish(tenant, changed(bad=True), changed())
    relay.run_once()
    deliverer().run()
    assert sorted(delivery.status for delivery in deliveries(tenant)) == ["dead", "delivered"]
    receiver.answer = lambda received: 200
    return webhook


def replay(office, webhook_id, **body):
    return office("POST", f"webhooks/{webhook_id}/replay", orjson.loads(orjson.dumps(body)))


def ids(receiver):
    return [received.event_id for received in receiver.received]


def test_one_delivery_is_sent_again(tenant, manager, told, receiver):
    dead = next(delivery for delivery in deliveries(tenant) if delivery.status == "dead")
    answer = replay(manager, told.id, delivery=dead.id)
    assert (answer.status_code, answer.data) == (200, {"count": 1})
    assert deliverer().run() == 1
    assert ids(receiver)[2:] == [str(dead.event_id)]
    assert {delivery.status for delivery in deliveries(tenant)} == {"delivered"}


def test_a_time_is_sent_again(tenant, manager, told, receiver):
    now = timezone.now()
    assert replay(manager, told.id, since=now + timedelta(hours=1)).data == {"count": 0}
    assert replay(manager, told.id, since=now - timedelta(hours=2), until=now - timedelta(hours=1)).data == {"count": 0}
    assert replay(manager, told.id, since=now - timedelta(hours=1)).data == {"count": 2}
    assert deliverer().run() == 2
    assert sorted(ids(receiver)[2:]) == sorted(ids(receiver)[:2])


def test_what_is_behind_a_cursor_is_sent_again(tenant, manager, told, relay, receiver):
    feed = Office(tenant, make_key(tenant, "MANAGE_PRODUCTS"))
    cursor = feed.get("events", types="PRODUCT_UPDATED")["cursor"]
    [later] = publish(tenant, changed())
    relay.run_once()
    deliverer().run()
    assert replay(manager, told.id, after=cursor).data == {"count": 1}
    assert deliverer().run() == 1
    assert ids(receiver)[-2:] == [str(later)] * 2


def test_the_same_key_sends_it_once(tenant, manager, told):
    body = {"since": timezone.now() - timedelta(hours=1)}
    answers = [
        manager(
            "POST",
            f"webhooks/{told.id}/replay",
            orjson.loads(orjson.dumps(body)),
            Idempotency_Key="once",
        )
        for _ in range(2)
    ]
    assert [answer.data for answer in answers] == [{"count": 2}] * 2
    assert answers[1]["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"since": "2026-01-01T00:00:00Z", "delivery": str(uuid4())}, None),
        ({"since": "yesterday"}, "since"),
        ({"until": "2026-01-01T00:00:00Z", "after": "x"}, "until"),
        ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "until"),
        ({"after": "nonsense"}, "after"),
        ({"delivery": str(uuid4())}, "delivery"),
        ({"sinse": "2026-01-02T00:00:00Z"}, "sinse"),
    ],
)
def test_nonsense_is_refused_and_named(tenant, manager, told, body, field):
    answer = replay(manager, told.id, **body)
    assert (answer.status_code, answer.data["field"]) == (422, field), answer.data
    assert sorted(delivery.status for delivery in deliveries(tenant)) == ["dead", "delivered"]


def test_a_delivery_of_another_webhook_is_not_there(tenant, manager, told):
    other = subscribe(tenant, "https://a.example/")
    answer = replay(manager, other.id, delivery=deliveries(tenant)[0].id)
    assert (answer.status_code, answer.data["field"]) == (422, "delivery")


def test_only_keys_that_manage_apps_send_again(tenant, other_tenant, told):
    body = {"since": "2026-01-01T00:00:00Z"}
    for key, status in [
        (make_key(tenant, "MANAGE_PRODUCTS"), 403),
        (make_key(tenant, "MANAGE_APPS", scopes=["events:read"]), 403),
        ("nonsense", 401),
        (make_key(other_tenant, "MANAGE_APPS"), 401),
    ]:
        assert replay(Office(tenant, key), told.id, **body).status_code == status
    theirs = Office(other_tenant, make_key(other_tenant, "MANAGE_APPS"))
    assert replay(theirs, told.id, **body).status_code == 404
    assert replay(theirs, told.id, delivery=deliveries(tenant)[0].id).status_code == 404
    assert sorted(delivery.status for delivery in deliveries(tenant)) == ["dead", "delivered"]
    scoped = Office(tenant, make_key(tenant, "MANAGE_APPS", scopes=["apps:write"]))
    assert replay(scoped, told.id, **body).data == {"count": 2}


def test_so_many_at_most(tenant, manager, told, monkeypatch):
    monkeypatch.setattr("commerce.webhooks.operations.MOST_REPLAYED", 1)
    answer = replay(manager, told.id, since=timezone.now() - timedelta(hours=1))
    assert (answer.status_code, answer.data["field"]) == (422, "since")
    with tenant_scope(tenant.id):
        assert not Delivery.objects.filter(status="pending").exists()
