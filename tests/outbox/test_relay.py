import random
import threading
from collections import Counter
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from django.db import OperationalError, ProgrammingError, connections

from commerce import outbox
from commerce.db import rls
from commerce.db.scope import Scope, current_scope, open_scope, tenant_scope
from commerce.outbox import claims
from commerce.outbox.models import Event
from commerce.outbox.registry import Subscriptions
from tenants.models import Channel
from tests.outbox.conftest import count_by_status, get_event, new_event, publish, wait_until


def make_due(shop) -> None:
    """Let every waiting event of a shop be due now, as if its time had come."""
    with tenant_scope(shop.id), connections["default"].cursor() as cursor:
        cursor.execute("UPDATE outbox_event SET next_at = statement_timestamp() WHERE status = 'pending'")


def test_every_committed_event_is_delivered_once_with_all_its_facts(tenant, other_tenant, inbox, make_relay):
    events = [new_event(version=number) for number in range(3)]
    ids = publish(tenant, *events) + publish(other_tenant, new_event())

    assert make_relay().drain() == 4
    assert make_relay().drain() == 0

    assert sorted(event.id for event in inbox.events) == sorted(ids)
    first = next(event for event in inbox.events if event.id == ids[0])
    assert (first.tenant_id, first.type, first.object_kind) == (tenant.id, "test.thing.changed", "Thing")
    assert (first.object_id, first.object_version, first.payload) == (events[0].object_id, 0, {"sku": "A-0"})
    assert (first.actor, first.attempts) == ("user:1", 0)
    stored = get_event(tenant, ids[0])
    assert (stored.status, stored.attempts) == ("done", 1)
    assert stored.finished_at is not None


def test_an_event_that_nobody_wants_is_finished(tenant, inbox, make_relay):
    (event_id,) = publish(tenant, new_event(event_type="nobody.cares"))
    make_relay().drain()
    assert (inbox.events, get_event(tenant, event_id).status) == ([], "done")


def test_an_uncommitted_event_is_not_delivered(tenant, inbox, make_relay):
    relay = make_relay()
    with tenant_scope(tenant.id):
        outbox.publish_many([new_event()])
        thread = threading.Thread(target=_and_close(relay.drain))
        thread.start()
        thread.join()
        assert inbox.events == []
    relay.drain()
    assert len(inbox.events) == 1


def test_patterns_choose_the_subscribers_in_order(tenant, make_relay):
    heard = []
    relay = make_relay()
    relay.subscribers = Subscriptions()
    for pattern in ("test.*", "test.stock.changed", "*", "other.*"):
        relay.subscribers.subscribe(pattern, lambda event, pattern=pattern: heard.append((pattern, event.type)))
    publish(tenant, new_event(event_type="test.stock.changed"), new_event(event_type="test.price.changed"))

    relay.drain()

    assert sorted(heard) == sorted(
        [(pattern, "test.stock.changed") for pattern in ("test.*", "test.stock.changed", "*")]
        + [(pattern, "test.price.changed") for pattern in ("test.*", "*")]
    )
    assert [pattern for pattern, event in heard if event == "test.stock.changed"] == [
        "test.*",
        "test.stock.changed",
        "*",
    ]


# --- Order per object ---------------------------------------------------------------------------------


def test_one_objects_events_arrive_in_order_in_few_batches(tenant, inbox, make_relay):
    object_id = uuid4()
    for version in range(1, 6):
        publish(tenant, new_event(object_id, version))
    publish(tenant, *(new_event(object_id, version) for version in range(6, 301)))
    make_relay().run_once()
    assert inbox.versions(object_id) == list(range(1, 301))


def test_a_failing_event_holds_back_its_own_objects_later_events_only(tenant, inbox, make_relay):
    bad, good = uuid4(), uuid4()
    ids = publish(tenant, *(new_event(object_id, version) for version in (1, 2, 3) for object_id in (bad, good)))
    inbox.fail = lambda event: event.object_id == bad and event.object_version == 2
    relay = make_relay(first_delay=60)

    relay.drain()

    assert (inbox.versions(bad), inbox.versions(good)) == ([1], [1, 2, 3])
    failed, behind = get_event(tenant, ids[2]), get_event(tenant, ids[4])
    assert (failed.status, failed.attempts, failed.finished_at) == ("pending", 1, None)
    assert failed.error == "tests.outbox.conftest.Inbox: ValueError: told to fail on version 2"
    assert (behind.status, behind.attempts, behind.next_at) == ("pending", 0, failed.next_at)

    publish(tenant, new_event(bad, 4), new_event(good, 4))
    relay.drain()
    assert (inbox.versions(bad), inbox.versions(good)) == ([1], [1, 2, 3, 4])

    inbox.fail = lambda event: False
    make_due(tenant)
    relay.drain()
    assert inbox.versions(bad) == [1, 2, 3, 4]
    assert get_event(tenant, ids[2]).error == ""


def test_events_written_while_an_earlier_one_waits_do_not_hide_it_when_its_time_comes(tenant, inbox, make_relay):
    """The later ones are due before it, and are more than a batch holds."""
    object_id = uuid4()
    publish(tenant, new_event(object_id, 1))
    inbox.fail = lambda event: True
    relay = make_relay(batch_size=5, first_delay=0.4)
    relay.run_once()
    publish(tenant, *(new_event(object_id, version) for version in range(2, 30)))
    inbox.fail = lambda event: False

    def is_delivered() -> bool:
        relay.run_once()
        return len(inbox.events) == 29

    threading.Event().wait(0.7)  # no relay looks, until the first event is due as well
    wait_until(is_delivered, what="the waiting event and those behind it")
    assert inbox.versions(object_id) == list(range(1, 30))


def test_a_dead_event_lets_its_object_go_on(tenant, inbox, make_relay, caplog):
    object_id = uuid4()
    ids = publish(tenant, new_event(object_id, 1), new_event(object_id, 2))
    inbox.fail = lambda event: event.object_version == 1
    relay = make_relay(most_attempts=3, first_delay=0.01)

    def is_over() -> bool:
        relay.run_once()
        return get_event(tenant, ids[1]).status == "done"

    wait_until(is_over, what="the second event")
    dead = get_event(tenant, ids[0])
    assert (dead.status, dead.attempts) == ("dead", 3)
    assert dead.finished_at is not None
    assert "told to fail on version 1" in dead.error
    assert inbox.versions(object_id) == [2]
    assert f"Event {ids[0]} (test.thing.changed) of tenant {tenant.id} is dead" in caplog.text


def test_retries_wait_twice_as_long_each_time_up_to_a_bound(tenant, inbox, make_relay):
    (event_id,) = publish(tenant, new_event())
    inbox.fail = lambda event: True
    relay = make_relay(first_delay=10, longest_delay=60)
    waits = []
    for _ in range(5):
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            (now,) = cursor.fetchone()
        relay.run_once()
        waits.append((get_event(tenant, event_id).next_at - now).total_seconds())
        make_due(tenant)
    for wait, usual in zip(waits, [10, 20, 40, 60, 60], strict=True):
        assert usual * 0.5 <= wait <= usual * 1.5 + 1
    assert get_event(tenant, event_id).attempts == 5


def test_tenants_with_equal_ids_as_a_copied_tenant_has_do_not_meet(tenant, other_tenant, inbox, make_relay):
    object_id, ids = uuid4(), [uuid4(), uuid4()]
    for shop in (tenant, other_tenant):
        with tenant_scope(shop.id):
            for version, event_id in enumerate(ids):
                Event.objects.create(
                    id=event_id, type="test.x", object_kind="Thing", object_id=object_id, object_version=version
                )
    inbox.fail = lambda event: event.tenant_id == tenant.id

    make_relay(first_delay=60).drain()

    assert [(event.tenant_id, event.object_version) for event in inbox.events] == [
        (other_tenant.id, 0),
        (other_tenant.id, 1),
    ]
    assert (count_by_status(tenant), count_by_status(other_tenant)) == ({"pending": 2}, {"done": 2})


# --- Fairness -----------------------------------------------------------------------------------------


def test_a_flood_of_one_tenant_does_not_delay_another(tenant, other_tenant, inbox, make_relay):
    publish(tenant, *(new_event() for _ in range(20_000)))
    (event_id,) = publish(other_tenant, new_event())

    outcome = make_relay(budget=60).run_once()

    assert event_id in [event.id for event in inbox.events[:2]]
    assert len(outcome.done) == 251  # half a batch, and the one
    assert outcome.is_full


def test_slow_handlers_of_one_tenant_do_not_delay_another(tenant, other_tenant, inbox, make_relay):
    publish(tenant, *(new_event() for _ in range(100)))
    publish(other_tenant, new_event())
    inbox.fail = lambda event: bool(threading.Event().wait(0.02))

    outcome = make_relay(budget=0.1).run_once()

    assert {event.tenant_id for event in inbox.events[:2]} == {tenant.id, other_tenant.id}
    assert len(outcome.done) < 10
    assert outcome.is_full
    assert count_by_status(tenant)["pending"] > 90


def test_tenants_beyond_a_batch_have_their_turn_in_the_next(tenant, other_tenant, inbox, make_relay):
    for _ in range(3):
        publish(tenant, new_event())
        publish(other_tenant, new_event())
    relay = make_relay(batch_size=1)
    for _ in range(4):
        relay.run_once()
    assert Counter(event.tenant_id for event in inbox.events) == {tenant.id: 2, other_tenant.id: 2}


def test_a_claim_reads_its_two_indexes_and_nothing_else_however_dear_they_are_guessed_to_be(tenant):
    publish(tenant, *(new_event() for _ in range(1000)))

    with open_scope(Scope(tenant_id=None, alias="relay")), connections["relay"].cursor() as cursor:
        cursor.execute("SET LOCAL random_page_cost = 1000")
        cursor.execute(claims.PLAN)
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {claims._CLAIM}", {"after": 0, "size": 500})
        plan = cursor.fetchone()[0][0]["Plan"]

    scans = [node.get("Index Name") for node in _nodes(plan) if node.get("Relation Name") == "outbox_event"]
    assert (set(scans), len(scans)) == ({"outbox_event_claim", "outbox_event_object"}, 5)
    assert plan["Actual Rows"] == 500
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 500 * 30


# --- Several relays -----------------------------------------------------------------------------------


def test_two_relays_at_once_deliver_each_event_once(tenant, other_tenant, inbox, make_relay):
    ids = publish(tenant, *(new_event() for _ in range(3000))) + publish(
        other_tenant, *(new_event() for _ in range(100))
    )
    with running(make_relay(batch_size=50), make_relay(batch_size=50)) as workers:
        wait_until(lambda: len(inbox.events) >= len(ids), what="all events")
    assert Counter(event.id for event in inbox.events) == dict.fromkeys(ids, 1)
    assert all(worker.batches > 5 for worker in workers), "both took part"


def test_a_relay_skips_what_is_not_its_turn_while_another_holds_the_event_before(tenant, inbox, make_relay):
    object_id = uuid4()
    publish(tenant, *(new_event(object_id, version) for version in (1, 2, 3)), new_event())
    with _locking_connection() as other:
        other.execute(
            "SELECT FROM outbox_event WHERE tenant_id = %s AND object_version = 2 FOR NO KEY UPDATE", [tenant.id]
        )
        make_relay().drain()
        assert inbox.versions(object_id) == [1]
        assert len(inbox.events) == 2
    make_relay().drain()
    assert inbox.versions(object_id) == [1, 2, 3]


def test_order_per_object_holds_with_three_relays_failing_handlers_and_writers_at_work(tenant, inbox, make_relay):
    """Writers change the same three objects in turn; each event is written while its object's row is locked."""
    with tenant_scope(tenant.id):
        channels = [
            tenant.channel.id,
            *(Channel.objects.create(slug=f"c{n}", name="c", currency="EUR").id for n in (1, 2)),
        ]
    versions: Counter = Counter()
    moods = random.Random(5)
    inbox.fail = lambda event: moods.random() < 0.1

    def write() -> None:
        for turn in range(60):
            with tenant_scope(tenant.id):
                channel_id = channels[turn % 3]
                Channel.objects.filter(id=channel_id).update(name=f"name {turn}")
                version = Channel.objects.values_list("version", flat=True).get(id=channel_id)
                outbox.publish(
                    "test.channel.changed", object_kind="Channel", object_id=channel_id, object_version=version
                )
                versions[channel_id] = max(versions[channel_id], version)

    relays = [make_relay(batch_size=7, first_delay=0.005, longest_delay=0.02, most_attempts=100) for _ in range(3)]
    with running(*relays):
        writers = [threading.Thread(target=_and_close(write)) for _ in range(3)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        wait_until(lambda: len(inbox.events) >= 180, what="all events")

    assert sum(versions.values()) == 180 + 3  # each began with version 1
    for channel_id in channels:
        assert inbox.versions(channel_id) == list(range(2, versions[channel_id] + 1))
    assert count_by_status(tenant) == {"done": 180}


# --- What handlers and the relay may do ------------------------------------------------------------------


def test_a_handler_has_no_scope_and_opens_its_own(tenant, make_relay):
    seen = []

    def handler(event: outbox.EventRecord) -> None:
        seen.append(current_scope())
        with tenant_scope(event.tenant_id):
            seen.append(Channel.objects.get().id)
            Channel.objects.update(name=event.payload["sku"])

    relay = make_relay()
    relay.subscribers.subscribe("test.*", handler)
    publish(tenant, new_event(version=9))
    relay.drain()

    assert seen == [None, tenant.channel.id]
    with tenant_scope(tenant.id):
        assert Channel.objects.get().name == "A-9"


def test_a_handler_may_point_at_the_event_while_the_relay_holds_it(tenant, make_relay):
    """A foreign key's check takes FOR KEY SHARE on the event, in the handler's own transaction."""

    def handler(event: outbox.EventRecord) -> None:
        with tenant_scope(event.tenant_id), connections["default"].cursor() as cursor:
            cursor.execute("SELECT FROM outbox_event WHERE id = %s FOR KEY SHARE NOWAIT", [event.id])

    relay = make_relay()
    relay.subscribers.subscribe("test.*", handler)
    (event_id,) = publish(tenant, new_event())
    relay.drain()
    assert get_event(tenant, event_id).status == "done"


def test_a_handler_whose_connection_broke_fails_alone(tenant, inbox, make_relay):
    def handler(event: outbox.EventRecord) -> None:
        if event.object_version == 1:
            with connections["default"].cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        with tenant_scope(event.tenant_id):
            Channel.objects.get()

    relay = make_relay(first_delay=60)
    relay.subscribers.subscribe("test.*", handler)
    publish(tenant, new_event(version=1), new_event(version=2), new_event(version=3))
    outcome = relay.run_once()
    assert [failure.claimed.event.object_version for failure in outcome.failed] == [1]
    assert [claimed.event.object_version for claimed in outcome.done] == [2, 3]


def test_what_was_delivered_but_could_not_be_marked_is_delivered_again_with_the_same_id(tenant, inbox, make_relay):
    (event_id,) = publish(tenant, new_event())
    relay = make_relay()

    def cut(event: outbox.EventRecord) -> None:
        with pytest.raises(OperationalError), connections["relay"].cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    relay.subscribers.subscribe("test.*", cut)
    with pytest.raises(OperationalError):
        relay.run_once()
    make_relay().drain()
    assert [event.id for event in inbox.events] == [event_id, event_id]


def test_a_long_error_is_cut(tenant, inbox, make_relay):
    def handler(event: outbox.EventRecord) -> None:
        raise ValueError("x\0" * 100_000)

    relay = make_relay(first_delay=60)
    relay.subscribers.subscribe("test.*", handler)
    (event_id,) = publish(tenant, new_event())
    relay.drain()
    assert len(get_event(tenant, event_id).error) == 2000


def test_the_relays_role_reads_and_finishes_events_and_can_do_nothing_else(tenant):
    (event_id,) = publish(tenant, new_event())
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class"
            " WHERE relkind IN ('r', 'p', 'v', 'm') AND relnamespace = 'public'::regnamespace"
        )
        tables = {name for (name,) in cursor.fetchall()} - rls.RELAY_TABLES
    allowed = {"tenants_tenant", "tenants_domain", "django_content_type", "auth_permission", "django_migrations"}
    assert len(tables) > 20
    for table in sorted(tables - allowed):
        with pytest.raises(ProgrammingError, match="permission denied"):
            _as_relay(f'SELECT FROM "{table}"')
    for forbidden in (
        "UPDATE outbox_event SET payload = '{}'",
        "UPDATE outbox_event SET tenant_id = 0",
        "DELETE FROM outbox_event",
        "TRUNCATE outbox_event",
        "SELECT nextval('outbox_event_position')",
        "UPDATE tenants_tenant SET name = ''",
        "SELECT secret FROM webhooks_webhook",
        "SELECT target_url FROM webhooks_webhook",
        "UPDATE webhooks_webhook SET target_url = ''",
        "INSERT INTO webhooks_webhook (tenant_id) VALUES (1)",
        "UPDATE webhooks_delivery SET facts = '{}'",
        "UPDATE webhooks_delivery SET tenant_id = 0",
        "DELETE FROM webhooks_delivery",
        "UPDATE webhooks_attempt SET error = ''",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"):
            _as_relay(forbidden)
    assert _as_relay(f"SELECT count(*) FROM outbox_event WHERE id = '{event_id}'") == (1,)


def test_a_models_event_is_readable_by_the_orm_of_its_tenant(tenant, inbox, make_relay):
    publish(tenant, new_event())
    make_relay().drain()
    with tenant_scope(tenant.id):
        assert Event.objects.get().status == Event.Status.DONE


# --- Tools ------------------------------------------------------------------------------------------------


def _as_relay(sql: str):
    with open_scope(Scope(tenant_id=None, alias="relay")), connections["relay"].cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


def _nodes(plan: dict):
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def _and_close(function):
    """Return the function for a thread: it closes the thread's connections at its end."""

    def run() -> None:
        try:
            function()
        finally:
            connections.close_all()

    return run


class Worker(threading.Thread):
    """A relay that runs in a thread and counts its batches with events."""

    def __init__(self, relay) -> None:
        super().__init__()
        self.relay, self.batches = relay, 0
        once = relay.run_once

        def counted():
            outcome = once()
            self.batches += bool(outcome.done)
            return outcome

        relay.run_once = counted

    def run(self) -> None:
        _and_close(self.relay.run)()


@contextmanager
def running(*relays):
    workers = [Worker(relay) for relay in relays]
    for worker in workers:
        worker.start()
    try:
        yield workers
    finally:
        for worker in workers:
            worker.relay.stop()
        for worker in workers:
            worker.join()


@contextmanager
def _locking_connection():
    """Another relay's connection, in a transaction."""
    settings = connections["relay"].get_connection_params()
    keys = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(**{key: settings[key] for key in keys if key in settings}) as connection:
        yield connection
        connection.rollback()
