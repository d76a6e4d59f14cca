from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.outbox.models import Event
from commerce.webhooks import operations, tasks
from commerce.webhooks.events import BY_TYPE, EVENTS
from commerce.webhooks.feed import Cursor
from commerce.webhooks.models import Attempt, Delivery, Webhook
from commerce.webhooks.operations import Wanted
from tenants import operations as tenant_operations
from tests.webhooks.conftest import changed, deliverer, deliveries, get_webhook, publish, subscribe

URL = "https://hooks.example.com/in"


def create(shop, **wanted) -> Webhook:
    """Create a webhook for an app that may manage products."""
    wanted = {"name": "test", "target_url": URL, "events": ["PRODUCT_UPDATED"], **wanted}
    may = ["MANAGE_PRODUCTS"]
    with tenant_scope(shop.id):
        app = tenant_operations.create_app(name="App", permissions=may)
        return operations.create_webhook(app_id=app.id, wanted=Wanted(**wanted), permissions=may)


@pytest.mark.parametrize(
    ("wanted", "field", "words"),
    [
        ({"events": ["PRODUCT_EXPLODED"]}, "events", "There is no event 'PRODUCT_EXPLODED'"),
        ({"events": []}, "events", "at least one event"),
        ({"events": ["APP_UPDATED"]}, "events", "MANAGE_APPS"),
        ({"target_url": "ftp://hooks.example.com/"}, "target_url", "https://"),
        ({"target_url": "http://10.0.0.1/"}, "target_url", "."),
        ({"custom_headers": {"Cookie": "a"}}, "custom_headers", "."),
        (
            {"query": "subscription { event {\n nothing } }"},
            "query",
            r"'nothing' on type 'Event'. \(line 2, column 2\)",
        ),
        ({"query": "{ shop { name } }"}, "query", "begins with `subscription`"),
        ({"events": ["ORDER_CREATED"]}, "events", "MANAGE_ORDERS"),
    ],
)
def test_what_a_webhook_may_not_be_is_refused_by_field(tenant, wanted, field, words):
    with pytest.raises(DomainError, match=words) as caught:
        create(tenant, **wanted)
    assert caught.value.field == field
    with tenant_scope(tenant.id):
        assert not Webhook.objects.exists()


def test_any_events_are_all_that_the_app_has_permission_for(tenant):
    hook = subscribe(tenant, URL, "ANY_EVENTS")
    assert hook.events == sorted(
        name for name, event in EVENTS.items() if event.permission in ("MANAGE_PRODUCTS", "MANAGE_CHANNELS")
    )


def test_each_type_of_the_outbox_has_one_name():
    assert sum(len(event.types) for event in EVENTS.values()) == len(BY_TYPE)


def test_a_webhook_is_changed_and_deleted_with_its_deliveries(tenant, relay):
    hook = subscribe(tenant, URL)
    publish(tenant, changed())
    relay.drain()
    with tenant_scope(tenant.id):
        wanted = Wanted(name="new", target_url=URL, events=["PRODUCT_DELETED"])
        operations.update_webhook(webhook_id=hook.id, wanted=wanted, permissions=["MANAGE_PRODUCTS"])
    found = get_webhook(tenant, hook)
    assert (found.name, found.events, found.version) == ("new", ["PRODUCT_DELETED"], 2)
    with tenant_scope(tenant.id):
        operations.delete_webhook(webhook_id=hook.id)
        told = Event.objects.filter(object_id=hook.id).order_by("position").values_list("type", "object_version")
        assert list(told) == [
            ("webhooks.webhook.created", 1),
            ("webhooks.webhook.updated", 2),
            ("webhooks.webhook.deleted", 3),
        ]
        with pytest.raises(operations.WebhookNotFound):
            operations.delete_webhook(webhook_id=hook.id)
    assert deliveries(tenant) == []


# --- Replay -----------------------------------------------------------------------------------------------


def test_a_range_of_time_is_sent_again_with_what_the_webhook_missed(tenant, relay, receiver):
    publish(tenant, changed(version=1))
    relay.drain()
    hook = subscribe(tenant, receiver.url)
    publish(tenant, changed(version=2), changed(type="catalog.product.deleted"))
    relay.drain()
    assert deliverer().run() == 1
    start = timezone.now() - timedelta(minutes=5)

    with tenant_scope(tenant.id):
        count = operations.replay_range(webhook_id=hook.id, since=start, until=timezone.now() + timedelta(minutes=1))
        assert operations.replay_range(webhook_id=hook.id, since=start, until=start + timedelta(minutes=1)) == 0
    assert count == 2
    assert deliverer().run() == 2
    again = [(got.json["object"]["version"], got.headers["x-delivery-attempt"]) for got in receiver.received]
    assert sorted(again) == [(1, "1"), (2, "1"), (2, "2")]
    assert len({got.event_id for got in receiver.received}) == 2


def test_from_a_cursor_on_everything_is_sent_again(tenant, relay, receiver):
    hook = subscribe(tenant, receiver.url)
    publish(tenant, changed(version=1))
    (second,) = publish(tenant, changed(version=2))
    publish(tenant, changed(version=3))
    relay.drain()
    deliverer().run()
    with tenant_scope(tenant.id):
        place = Event.objects.get(id=second)
        assert operations.replay_after(webhook_id=hook.id, xid=place.xid, position=place.position) == 1
    receiver.received.clear()
    deliverer().run()
    assert [got.json["object"]["version"] for got in receiver.received] == [3]


def test_a_replay_of_nothing_is_refused(tenant):
    with tenant_scope(tenant.id):
        with pytest.raises(operations.DeliveryNotFound):
            operations.replay_delivery(delivery_id=uuid4())
        with pytest.raises(operations.WebhookNotFound):
            operations.replay_range(webhook_id=uuid4(), since=timezone.now(), until=timezone.now())


def test_one_shops_replay_reaches_no_other(tenant, other_tenant, relay, receiver):
    hook = subscribe(other_tenant, receiver.url)
    publish(other_tenant, changed())
    relay.drain()
    (theirs,) = deliveries(other_tenant)
    with tenant_scope(tenant.id):
        with pytest.raises(operations.DeliveryNotFound):
            operations.replay_delivery(delivery_id=theirs.id)
        with pytest.raises(operations.WebhookNotFound):
            operations.resume_webhook(webhook_id=hook.id, now=timezone.now())
        operations.pause_webhook(webhook_id=hook.id, reason="not mine")
    assert get_webhook(other_tenant, hook).state == "ok"


# --- The command ------------------------------------------------------------------------------------------


def run(capsys, *arguments: str) -> str:
    call_command("webhooks", *arguments)
    return capsys.readouterr().out.strip()


def test_operators_list_pause_resume_and_replay(tenant, relay, receiver, capsys):
    hook = subscribe(tenant, receiver.url)
    publish(tenant, changed())
    relay.drain()
    deliverer().run()
    shop = ("--tenant", tenant.slug)
    assert run(capsys, "list", *shop).split("\t")[:5] == [
        str(hook.id),
        "ok",
        receiver.url,
        "PRODUCT_UPDATED",
        "delivered=1",
    ]
    run(capsys, "pause", str(hook.id), "--because", "too loud", *shop)
    assert (get_webhook(tenant, hook).state, get_webhook(tenant, hook).reason) == ("paused", "too loud")
    run(capsys, "resume", str(hook.id), *shop)
    assert get_webhook(tenant, hook).state == "ok"
    replayed = run(capsys, "replay", "--webhook", str(hook.id), "--since", "2020-01-01", *shop)
    assert replayed == "1 deliveries are due now"
    cursor = str(Cursor(0, 0, timezone.now()))
    deliverer().run()
    assert run(capsys, "replay", "--webhook", str(hook.id), "--after", cursor, *shop) == replayed
    run(capsys, "replay", "--delivery", str(deliveries(tenant)[0].id), *shop)
    deliverer().run()
    assert len(receiver.received) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "--webhook", str(uuid4())],
        ["replay", "--webhook", str(uuid4()), "--since", "2020-01-01", "--after", "x"],
        ["replay", "--webhook", "nonsense", "--since", "2020-01-01"],
        ["replay", "--webhook", str(uuid4()), "--since", "yesterday"],
        ["pause", str(uuid4())],
    ],
)
def test_the_command_refuses_what_it_cannot_do(tenant, arguments):
    with pytest.raises((CommandError, SystemExit)):
        call_command("webhooks", *arguments, "--tenant", tenant.slug)


# --- Pruning ----------------------------------------------------------------------------------------------


def test_old_deliveries_are_pruned_with_their_attempts_and_dead_ones_later(tenant, relay, receiver):
    hook = subscribe(tenant, receiver.url)
    publish(tenant, *(changed() for _ in range(4)))
    relay.drain()
    deliverer().run()
    old, dead, recent, waiting = deliveries(tenant)
    now = timezone.now()
    with tenant_scope(tenant.id):
        long_ago = {"finished_at": now - timedelta(days=8), "created_at": now - timedelta(days=8)}
        Delivery.objects.filter(id=old.id).update(**long_ago)
        Delivery.objects.filter(id=dead.id).update(status="dead", **long_ago)
        Delivery.objects.filter(id=waiting.id).update(
            status="pending", finished_at=None, created_at=now - timedelta(days=31)
        )
        later = now + timedelta(seconds=1)  # ids are as old as the rows
        times = {"before": later - timedelta(days=7), "dead_before": later - timedelta(days=30)}
        assert operations.delete_old_deliveries(**times, at_most=10) == 0  # by their ids they are new
        _age(old.id, dead.id, waiting.id)
        assert operations.delete_old_deliveries(**times, at_most=10) == 1
    assert Counter(one.status for one in deliveries(tenant)) == {"dead": 1, "delivered": 1, "pending": 1}
    with tenant_scope(tenant.id):
        assert Attempt.objects.count() == 3
        operations.pause_webhook(webhook_id=hook.id, reason="")
        assert operations.delete_old_deliveries(**times, at_most=10) == 1
    assert {one.id.int >> 80 for one in deliveries(tenant) if one.id == recent.id} == {recent.id.int >> 80}
    tasks.prune()


def _age(*ids) -> None:
    """Give rows ids of forty days ago."""
    from django.db import connections

    with connections["default"].cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for number, id_ in enumerate(ids):
            new = f"0190{number:04x}-0000-7000-8000-00000000000{number}"
            cursor.execute("UPDATE webhooks_attempt SET delivery_id = %s WHERE delivery_id = %s", [new, id_])
            cursor.execute("UPDATE webhooks_delivery SET id = %s WHERE id = %s", [new, id_])
