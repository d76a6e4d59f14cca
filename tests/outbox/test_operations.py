from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connections, transaction
from django.utils import timezone

from commerce import outbox
from commerce.db.scope import ScopeError, tenant_scope
from commerce.outbox import operations
from commerce.outbox.models import Event
from tests.outbox.conftest import get_event, new_event, publish


def test_an_event_keeps_what_it_was_told(tenant):
    product_id, other_id = uuid4(), uuid4()
    before = timezone.now()

    with tenant_scope(tenant.id):
        event_id = outbox.publish(
            "test.product.updated",
            object_kind="Product",
            object_id=product_id,
            object_version=7,
            payload={"name": "Ärmel ☃", "price": 1999, "other": other_id},
            actor="user:42",
        )

    event = get_event(tenant, event_id)
    assert (event.tenant_id, event.id.version, event.type) == (tenant.id, 7, "test.product.updated")
    assert (event.object_kind, event.object_id, event.object_version) == ("Product", product_id, 7)
    assert event.payload == {"name": "Ärmel ☃", "price": 1999, "other": str(other_id)}
    assert (event.actor, event.status, event.attempts, event.error) == ("user:42", "pending", 0, "")
    assert before - timedelta(seconds=1) < event.created_at < timezone.now() + timedelta(seconds=1)


def test_an_event_is_rolled_back_with_its_transaction(tenant, inbox, make_relay):
    def publish_and_fail() -> None:
        outbox.publish_many([new_event()])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), tenant_scope(tenant.id):
        publish_and_fail()
    with tenant_scope(tenant.id):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            publish_and_fail()
        kept = outbox.publish_many([new_event()])

    with tenant_scope(tenant.id):
        assert list(Event.objects.values_list("id", flat=True)) == kept
    make_relay().drain()
    assert [event.id for event in inbox.events] == kept


def test_an_event_needs_a_scope_that_writes(tenant):
    with pytest.raises(ScopeError):
        outbox.publish_many([new_event()])
    with pytest.raises(ScopeError), tenant_scope(tenant.id, read_only=True):
        outbox.publish_many([new_event()])


def test_an_on_commit_callback_may_not_publish(tenant):
    refused = []

    def callback():
        with pytest.raises(ScopeError):
            outbox.publish_many([new_event()])
        refused.append(True)

    with tenant_scope(tenant.id):
        transaction.on_commit(callback)
    assert refused == [True]


def test_twenty_thousand_events_are_one_statement_in_the_order_given(tenant, count_sql):
    events = [new_event(version=number) for number in range(20_000)]

    with tenant_scope(tenant.id), count_sql("default") as statements:
        ids = outbox.publish_many(iter(events))

    assert len(statements) == 1
    with tenant_scope(tenant.id):
        rows = list(Event.objects.order_by("position").values_list("id", "object_version"))
    assert rows == [(event_id, number) for number, event_id in enumerate(ids)]


def test_no_events_are_no_statement(tenant, count_sql):
    with tenant_scope(tenant.id), count_sql("default") as statements:
        assert outbox.publish_many([]) == []
    assert statements == []


def test_a_payload_that_is_no_json_is_refused_and_nothing_written(tenant, count_sql):
    with tenant_scope(tenant.id), count_sql("default") as statements, pytest.raises(TypeError):
        outbox.publish_many([outbox.NewEvent("test.x", "Thing", uuid4(), 1, {"value": object()})])
    assert statements == []


def test_no_tenant_sees_or_touches_the_events_of_another(tenant, other_tenant):
    (event_id,) = publish(tenant, new_event())

    with tenant_scope(other_tenant.id), connections["default"].cursor() as cursor:
        assert not Event.objects.filter(id=event_id).exists()
        cursor.execute("SELECT count(*) FROM outbox_event WHERE tenant_id = %s OR id = %s", [tenant.id, event_id])
        assert cursor.fetchone() == (0,)
        cursor.execute("UPDATE outbox_event SET status = 'done', finished_at = now() WHERE id = %s", [event_id])
        assert cursor.rowcount == 0
        cursor.execute("DELETE FROM outbox_event WHERE id = %s", [event_id])
        assert cursor.rowcount == 0
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM outbox_event")
        assert cursor.fetchone() == (0,)
    assert get_event(tenant, event_id).status == "pending"


def test_old_delivered_events_are_deleted_and_no_others(tenant, other_tenant):
    day = timedelta(days=1)
    now = timezone.now()
    old, late, waiting, dead, foreign = (_old_event(shop, now - 10 * day) for shop in [*[tenant] * 4, other_tenant])
    (fresh,) = publish(tenant, new_event())
    _finish(tenant, old, "done", now - 9 * day)
    _finish(tenant, late, "done", now - 1 * day)
    _finish(tenant, dead, "dead", now - 9 * day)
    _finish(tenant, fresh, "done", now)
    _finish(other_tenant, foreign, "done", now - 9 * day)

    with tenant_scope(tenant.id):
        assert operations.delete_delivered_events(before=now - 7 * day, at_most=100)[0] == 1
        assert set(Event.objects.values_list("id", flat=True)) == {late, waiting, dead, fresh}
    assert get_event(other_tenant, foreign).status == "done"


def test_deleting_stops_at_the_number_given(tenant):
    now = timezone.now()
    old = [_old_event(tenant, now - timedelta(days=10, hours=-number)) for number in range(4)]
    for event_id in old:
        _finish(tenant, event_id, "done", now - timedelta(days=10))
    before = now - timedelta(days=7)

    with tenant_scope(tenant.id):
        assert operations.delete_delivered_events(before=before, at_most=2) == (2, old[1])
        assert operations.delete_delivered_events(before=before, at_most=2, after=old[2]) == (1, old[3])
        assert operations.delete_delivered_events(before=before, at_most=2, after=old[3]) == (0, old[3])
        assert operations.delete_delivered_events(before=before, at_most=2) == (1, old[2])


def _old_event(shop, written_at) -> UUID:
    """Write an event whose id says that it is old."""
    time_and_version = (int(written_at.timestamp() * 1000) << 80) | (7 << 76) | (0b10 << 62)
    event_id = UUID(int=time_and_version | (uuid4().int & ((1 << 62) - 1)))
    with tenant_scope(shop.id):
        Event.objects.create(
            id=event_id, type="test.old", object_kind="Thing", object_id=uuid4(), object_version=1,
            created_at=written_at,
        )  # fmt: skip
    return event_id


def _finish(shop, event_id, status, at) -> None:
    with tenant_scope(shop.id):
        Event.objects.filter(id=event_id).update(status=status, finished_at=at)
