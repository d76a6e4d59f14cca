"""Dead events of a shop: operators list, retry and drop them, and nobody else's."""

from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from commerce.db.scope import tenant_scope
from commerce.webhooks.models import Attempt
from tests.factories.tenants import platform
from tests.outbox.conftest import count_by_status, get_event, inbox, make_relay, new_event, publish
from tests.webhooks.conftest import (
    changed,
    deliverer,
    deliveries,
    nothing_pending,
    receiver,
    relay,
    subscribe,
)
from tests.webhooks.conftest import publish as webhooks_publish

__all__ = ["inbox", "make_relay", "nothing_pending", "receiver", "relay"]  # fixtures


@pytest.fixture
def die(make_relay, inbox):
    """Return a function that publishes events of a shop and lets them die."""

    def die(shop, times: int = 1):
        inbox.fail = lambda event: event.tenant_id == shop.id
        ids = publish(shop, *(new_event() for _ in range(times)))
        make_relay(most_attempts=1).drain()
        assert count_by_status(shop)["dead"] == times
        inbox.fail = lambda event: False
        return ids

    return die


def _queue(*arguments: str) -> str:
    out = StringIO()
    call_command("queue", *arguments, stdout=out)
    return out.getvalue()


def test_dead_events_are_listed_with_what_went_wrong(tenant, other_tenant, die):
    (ours,), _ = die(tenant), die(other_tenant)
    (line,) = _queue("list", "outbox", "--tenant", tenant.slug).splitlines()
    assert line.split("\t")[:2] == [str(ours), "test.thing.changed"]
    assert "told to fail" in line


def test_retried_they_are_delivered_by_the_same_id(tenant, other_tenant, die, make_relay, inbox):
    ids, theirs = die(tenant, 3), die(other_tenant)
    assert _queue("retry", "outbox", "--tenant", tenant.slug, "--id", str(ids[1])) == "1 rows are tried again\n"
    make_relay().drain()
    assert [event.id for event in inbox.events] == [ids[1]]
    assert _queue("retry", "outbox", "--tenant", tenant.slug, "--all") == "2 rows are tried again\n"
    make_relay().drain()
    assert {event.id for event in inbox.events} == set(ids)
    assert count_by_status(tenant) == {"done": 3}
    assert get_event(other_tenant, theirs[0]).status == "dead"


def test_dropped_they_are_gone_and_it_is_written_down(tenant, other_tenant, die):
    die(tenant, 2)
    die(other_tenant)
    reason = f"reason {uuid4().hex}"
    assert _queue("drop", "outbox", "--tenant", tenant.slug, "--all", "--reason", reason) == "dropped 2 rows\n"
    assert count_by_status(tenant) == {}
    assert count_by_status(other_tenant) == {"dead": 1}
    with platform("read the audit"), connections["platform"].cursor() as cursor:
        cursor.execute("SELECT command FROM tenants_platformaudit WHERE reason = %s", [reason])
        assert cursor.fetchall() == [(f"queue drop outbox {tenant.slug}",)]


@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_another_shops_event_or_a_live_one_is_not_touched(tenant, other_tenant, die, verb):
    (theirs,) = die(other_tenant)
    (ours,) = die(tenant)
    with pytest.raises(CommandError, match="Only 1 of these 2 rows"):
        _queue(verb, "outbox", "--tenant", tenant.slug, "--id", str(theirs), "--id", str(ours))
    assert get_event(other_tenant, theirs).status == get_event(tenant, ours).status == "dead"


# --- Dead deliveries of webhooks ------------------------------------------------------------------------------


@pytest.fixture
def die_at(relay, receiver):
    """Return a function that has deliveries of a shop rejected."""

    def die_at(shop, times: int = 1):
        subscribe(shop, receiver.url)
        webhooks_publish(shop, *(changed() for _ in range(times)))
        relay.drain()
        receiver.answer = lambda got: 422
        deliverer().run()
        receiver.received.clear()
        receiver.answer = lambda got: 200
        found = deliveries(shop)
        assert [one.status for one in found] == ["dead"] * times
        return [one.id for one in found]

    return die_at


def test_dead_deliveries_are_listed_with_what_went_wrong(tenant, other_tenant, die_at):
    (ours,), _ = die_at(tenant), die_at(other_tenant)
    (line,) = _queue("list", "webhooks", "--tenant", tenant.slug).splitlines()
    first, kind, _, attempts, error = line.split("\t")
    assert (first, kind, attempts, error) == (str(ours), "PRODUCT_UPDATED", "1×", "The receiver answered 422.")
    with pytest.raises(CommandError, match="drop --tenant"):
        _queue("list", "bulk", "--tenant", tenant.slug)


def test_dead_deliveries_are_sent_again_with_their_ids_and_another_shops_are_not(
    tenant, other_tenant, die_at, receiver
):
    ids, (theirs,) = die_at(tenant, 3), die_at(other_tenant)
    assert _queue("retry", "webhooks", "--tenant", tenant.slug, "--id", str(ids[1])) == "1 rows are tried again\n"
    deliverer().run()
    assert [got.event_id for got in receiver.received] == [str(deliveries(tenant)[1].event_id)]
    with pytest.raises(CommandError, match="Only 2 of these 3 rows"):
        _queue("retry", "webhooks", "--tenant", tenant.slug, *(f"--id={one}" for one in (ids[0], ids[2], theirs)))
    assert _queue("retry", "webhooks", "--tenant", tenant.slug, "--all") == "2 rows are tried again\n"
    deliverer().run()
    assert {one.status for one in deliveries(tenant)} == {"delivered"}
    assert [one.status for one in deliveries(other_tenant)] == ["dead"]


def test_dropped_deliveries_are_gone_with_their_attempts_and_it_is_written_down(tenant, other_tenant, die_at):
    die_at(tenant, 2)
    die_at(other_tenant)
    reason = f"reason {uuid4().hex}"
    assert _queue("drop", "webhooks", "--tenant", tenant.slug, "--all", "--reason", reason) == "dropped 2 rows\n"
    assert deliveries(tenant) == []
    with tenant_scope(tenant.id):
        assert Attempt.objects.count() == 0
    assert len(deliveries(other_tenant)) == 1
    with platform("read the audit"), connections["platform"].cursor() as cursor:
        cursor.execute("SELECT command FROM tenants_platformaudit WHERE reason = %s", [reason])
        assert cursor.fetchall() == [(f"queue drop webhooks {tenant.slug}",)]


def test_whose_rows_must_be_said(tenant):
    with pytest.raises(CommandError, match="--tenant SLUG"):
        _queue("list", "outbox")
    with pytest.raises(CommandError, match="There is no tenant 'nobody'"):
        _queue("retry", "outbox", "--tenant", "nobody", "--all")
