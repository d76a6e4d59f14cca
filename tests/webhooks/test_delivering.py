import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone

from commerce.db.scope import Scope, open_scope, tenant_scope
from commerce.outbox.models import Event
from commerce.webhooks import claims, operations, queries
from commerce.webhooks.claims import Health, Limits
from commerce.webhooks.models import Attempt, Delivery
from commerce.webhooks.signing import sign_with_secret
from tenants import operations as tenant_operations
from tests.outbox.conftest import wait_until
from tests.webhooks.conftest import (
    changed,
    deliverer,
    deliveries,
    get_webhook,
    make_due,
    publish,
    subscribe,
    versions,
)

LEASE = timedelta(seconds=60)
EVERYTHING = Limits(100, 100, 100)


def claim_all(limits=EVERYTHING, held=(), after=0):
    return claims.claim(after=after, limits=limits, held=held, lease=LEASE).claims


def test_a_delivery_arrives_as_documented_and_is_written_down(tenant, relay, receiver):
    hook = subscribe(tenant, receiver.url + "hook", custom_headers={"X-Mine": "yes"}, secret="s3cret")
    event = changed(slug="shirt")
    (event_id,) = publish(tenant, event)
    relay.drain()

    assert deliverer().run() == 1

    (got,) = receiver.received
    (stored,) = deliveries(tenant)
    assert got.path == "/hook"
    assert got.json == {
        "id": str(event_id),
        "type": "PRODUCT_UPDATED",
        "tenant": str(tenant.public_id),
        "actor": "user:1",
        "occurredAt": got.json["occurredAt"],
        "object": {"kind": "Product", "id": str(event.object_id), "version": 1},
        "facts": {"slug": "shirt"},
    }
    signature = sign_with_secret(got.body, "s3cret")
    api_url = f"http://{tenant.host}:8000/graphql/"
    expected = {
        "content-type": "application/json",
        "x-mine": "yes",
        "x-event-id": str(event_id),
        "x-delivery-attempt": "1",
        "saleor-event": "product_updated",
        "saleor-domain": f"{tenant.host}:8000",
        "saleor-api-url": api_url,
        "saleor-signature": signature,
        "x-saleor-signature": signature,
    }
    assert {name: got.headers.get(name) for name in expected} == expected
    assert (stored.status, stored.attempts, stored.error, stored.leased_until) == ("delivered", 1, "", None)
    with tenant_scope(tenant.id):
        (attempt,) = Attempt.objects.all()
    assert (attempt.delivery_id, attempt.number, attempt.status_code, attempt.error) == (stored.id, 1, 200, "")
    assert get_webhook(tenant, hook).state == "ok"


def test_without_a_secret_the_shops_key_signs(tenant, relay, receiver):
    subscribe(tenant, receiver.url)
    publish(tenant, changed())
    relay.drain()
    deliverer().run()
    header, payload, signature = receiver.received[0].headers["saleor-signature"].split(".")
    assert (bool(header), payload, bool(signature)) == (True, "", True)


def test_a_failing_delivery_is_tried_again_with_the_same_bytes_until_it_succeeds(tenant, relay, receiver):
    subscribe(tenant, receiver.url)
    (event_id,) = publish(tenant, changed(slug="shirt"))
    relay.drain()
    receiver.answer = lambda got: 500 if len(receiver.received) < 3 else 204

    for attempt in (1, 2):
        deliverer().run()
        (stored,) = deliveries(tenant)
        assert (stored.status, stored.attempts, stored.error) == ("pending", attempt, "The receiver answered 500.")
        assert stored.next_at > timezone.now() + timedelta(seconds=0.5)
        make_due(tenant)
    deliverer().run()

    assert len(receiver.received) == 3
    assert {got.event_id for got in receiver.received} == {str(event_id)}
    assert len({got.body for got in receiver.received}) == 1
    assert [got.headers["x-delivery-attempt"] for got in receiver.received] == ["1", "2", "3"]
    (stored,) = deliveries(tenant)
    with tenant_scope(tenant.id):
        codes = [attempt.status_code for attempt in queries.list_attempts(stored.id)]
    assert (stored.status, stored.attempts, codes) == ("delivered", 3, [500, 500, 204])


def test_after_a_day_of_trying_it_is_dead_and_can_be_replayed(tenant, relay, receiver, caplog):
    subscribe(tenant, receiver.url)
    publish(tenant, changed())
    relay.drain()
    receiver.answer = lambda got: 503
    deliverer().run()
    with tenant_scope(tenant.id):
        Delivery.objects.update(tried_since=timezone.now() - timedelta(hours=24))
    make_due(tenant)
    deliverer().run()
    (dead,) = deliveries(tenant)
    assert (dead.status, dead.attempts, dead.error) == ("dead", 2, "The receiver answered 503.")
    assert f"Delivery {dead.id}" in caplog.text
    deliverer().run()
    assert len(receiver.received) == 2

    receiver.answer = lambda got: 200
    with tenant_scope(tenant.id):
        operations.replay_delivery(delivery_id=dead.id)
    deliverer().run()
    (stored,) = deliveries(tenant)
    assert (stored.status, stored.attempts, stored.error) == ("delivered", 3, "")


def test_an_answer_about_this_very_request_makes_it_dead_at_once_and_says_nothing_of_the_endpoint(
    tenant, relay, receiver
):
    hook = subscribe(tenant, receiver.url)
    publish(tenant, *(changed() for _ in range(8)))
    relay.drain()
    receiver.answer = lambda got: 422
    deliverer().run()
    assert Counter(one.status for one in deliveries(tenant)) == {"dead": 8}
    assert (get_webhook(tenant, hook).state, get_webhook(tenant, hook).failures) == ("ok", 0)


def test_one_objects_events_arrive_one_after_the_other_and_a_failing_one_holds_back_its_own_object_only(
    tenant, relay, receiver
):
    subscribe(tenant, receiver.url)
    bad, good = uuid4(), uuid4()
    for version in (1, 2, 3):
        publish(tenant, changed(bad, version), changed(good, version))
    relay.drain()
    receiver.answer = lambda got: (
        500 if got.json["object"] == {"kind": "Product", "id": str(bad), "version": 2} else 200
    )

    deliverer().run()

    of = {key: [got for got in receiver.received if got.json["object"]["id"] == str(key)] for key in (bad, good)}
    assert (versions(of[bad]), versions(of[good])) == ([1, 2], [1, 2, 3])
    receiver.answer = lambda got: 200
    make_due(tenant)
    deliverer().run()
    again = [got for got in receiver.received if got.json["object"]["id"] == str(bad)]
    assert versions(again) == [1, 2, 2, 3]


def test_two_workers_keep_the_order_of_each_object_through_failures(tenant, relay, receiver):
    subscribe(tenant, receiver.url)
    objects = [uuid4() for _ in range(10)]
    for version in range(1, 9):
        publish(tenant, *(changed(object_id, version) for object_id in objects))
    relay.drain()
    fails = threading.Lock()
    seen: Counter = Counter()
    at_once: Counter = Counter()
    overlaps = []

    def answer(got):
        key = got.json["object"]["id"]
        with fails:
            seen[got.event_id] += 1
            at_once[key] += 1
            overlaps.append(at_once[key])
        threading.Event().wait(0.002)
        with fails:
            at_once[key] -= 1
        return 500 if seen[got.event_id] == 1 and got.json["object"]["version"] % 3 == 0 else 200

    receiver.answer = answer

    def work():
        try:
            while any(one.status == "pending" for one in deliveries(tenant)):
                make_due_but_not_leased(tenant)
                deliverer(threads=8, health=Health(slow_after=10_000)).run()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        for running in [pool.submit(work) for _ in range(2)]:
            running.result(timeout=90)

    assert max(overlaps) == 1
    for object_id in objects:
        told = versions(got for got in receiver.received if got.json["object"]["id"] == str(object_id))
        assert told == sorted(told)
        assert set(told) == set(range(1, 9))
    assert Counter(one.status for one in deliveries(tenant)) == {"delivered": 80}


def make_due_but_not_leased(shop):
    with tenant_scope(shop.id), connections["default"].cursor() as cursor:
        cursor.execute(
            "UPDATE webhooks_delivery SET next_at = statement_timestamp() "
            "WHERE status = 'pending' AND leased_until IS NULL"
        )


# --- Leases -----------------------------------------------------------------------------------------------


def test_a_leased_delivery_is_nobody_elses_until_its_lease_is_over(tenant, relay, receiver):
    subscribe(tenant, receiver.url)
    publish(tenant, changed())
    relay.drain()
    (mine,) = claim_all()
    assert claim_all() == []
    make_due(tenant)  # as if the lease were over
    (theirs,) = claims.claim(after=0, limits=EVERYTHING, held=(), lease=2 * LEASE).claims
    assert (theirs.id, theirs.event_id) == (mine.id, mine.event_id)

    late = claims.Report(mine, "dead", None, "late", is_tried=True, began=timezone.now())
    claims.record([late], Health())
    (stored,) = deliveries(tenant)
    assert (stored.status, stored.attempts) == ("pending", 0)
    claims.release([theirs])
    deliverer().run()
    assert deliveries(tenant)[0].status == "delivered"


# --- Fairness ---------------------------------------------------------------------------------------------


def test_a_claim_shares_out_over_tenants_and_their_webhooks(tenant, other_tenant, relay, receiver):
    flooded, beside = subscribe(tenant, receiver.url), subscribe(tenant, receiver.url)
    lone = subscribe(other_tenant, receiver.url)
    publish(tenant, *(changed() for _ in range(100)))
    publish(other_tenant, changed())
    relay.drain()
    by_webhook = Counter(claimed.webhook_id for claimed in claim_all(Limits(12, 100, 100)))
    assert by_webhook[lone.id] == 1
    assert by_webhook[flooded.id] == by_webhook[beside.id] == 3


def test_a_claim_leaves_out_tenants_and_webhooks_that_have_their_part(tenant, other_tenant, relay, receiver):
    hook = subscribe(tenant, receiver.url)
    subscribe(other_tenant, receiver.url)
    for shop in (tenant, other_tenant):
        publish(shop, *(changed() for _ in range(20)))
    relay.drain()
    held = claim_all(Limits(16, 100, 6))
    assert Counter(claimed.tenant_id for claimed in held) == {tenant.id: 6, other_tenant.id: 6}
    mine = [claimed for claimed in held if claimed.webhook_id == hook.id]
    more = claim_all(Limits(16, 6, 100), held=mine)
    assert Counter(claimed.tenant_id for claimed in more) == {other_tenant.id: 14}


@pytest.mark.parametrize("flood", [2000])
def test_anothers_single_event_does_not_wait_for_a_flood(tenant, other_tenant, relay, receiver, flood):
    """Not more than a few claims' worth of the flood is sent before it, whatever is due."""
    subscribe(tenant, receiver.url + "flood")
    subscribe(other_tenant, receiver.url + "lone")
    publish(tenant, *(changed() for _ in range(flood)))
    relay.drain()
    worker = deliverer(threads=8)
    thread = threading.Thread(target=_and_close(worker.run))
    thread.start()
    wait_until(lambda: len(receiver.received) >= 50, what="the flood to begin")
    publish(other_tenant, changed())
    relay.drain()
    before = len(receiver.received)
    wait_until(lambda: bool(receiver.of("lone")), what="the lone event")
    worker.stop()
    thread.join()
    place = next(number for number, got in enumerate(receiver.received) if got.path == "/lone")
    assert place - before <= 40
    assert len(receiver.received) < flood


def test_receivers_that_hang_leave_threads_for_others(tenant, other_tenant, relay, receiver):
    subscribe(tenant, receiver.url + "hanging")
    subscribe(other_tenant, receiver.url + "quick")
    publish(tenant, *(changed() for _ in range(30)))
    relay.drain()
    is_over = threading.Event()

    def answer(got):
        if got.path == "/hanging":
            is_over.wait(10)
        return 200

    receiver.answer = answer
    worker = deliverer(threads=6)
    thread = threading.Thread(target=_and_close(worker.run))
    thread.start()
    wait_until(lambda: len(receiver.of("hanging")) == 3, what="half of the threads to hang")
    publish(other_tenant, *(changed() for _ in range(20)))
    relay.drain()
    wait_until(lambda: len(receiver.of("quick")) == 20, what="the quick ones")
    hanging = len(receiver.of("hanging"))
    is_over.set()
    worker.stop()
    thread.join()
    assert hanging == 3


def _and_close(run):
    def wrapped():
        try:
            run()
        finally:
            connections.close_all()

    return wrapped


# --- Endpoints that fail ----------------------------------------------------------------------------------


def test_a_failing_endpoint_is_slowed_to_one_probe_at_a_time_and_recovers(tenant, relay, receiver):
    hook = subscribe(tenant, receiver.url)
    publish(tenant, *(changed() for _ in range(30)))
    relay.drain()
    receiver.answer = lambda got: 500
    deliverer(threads=5, health=Health(slow_after=5, first_wait=30)).run()

    slowed = get_webhook(tenant, hook)
    tried = len(receiver.received)
    assert (slowed.state, slowed.failures, slowed.reason) == ("slowed", 5, "The receiver answered 500.")
    assert slowed.probe_at > timezone.now()
    assert tried < 30
    assert sum(one.attempts for one in deliveries(tenant)) == tried

    with tenant_scope(tenant.id):
        type(hook).objects.update(probe_at=timezone.now())
    first, second = claim_all(), claim_all()
    assert (len(first), second) == (1, [])
    claims.release(first)

    with tenant_scope(tenant.id):
        type(hook).objects.update(probe_at=timezone.now())
    receiver.answer = lambda got: 200
    make_due(tenant)
    deliverer().run()
    healthy = get_webhook(tenant, hook)
    assert (healthy.state, healthy.failures, healthy.failing_since, healthy.reason) == ("ok", 0, None, "")
    assert Counter(one.status for one in deliveries(tenant)) == {"delivered": 30}


def test_probes_grow_further_apart(tenant, relay, receiver):
    hook = subscribe(tenant, receiver.url)
    publish(tenant, *(changed() for _ in range(12)))
    relay.drain()
    receiver.answer = lambda got: 500
    waits = []
    for _ in range(4):
        with tenant_scope(tenant.id):
            type(hook).objects.filter(state="slowed").update(probe_at=timezone.now())
        deliverer(threads=2, health=Health(slow_after=2, first_wait=100, longest_wait=1e6)).run()
        now = timezone.now()
        waits.append((get_webhook(tenant, hook).probe_at - now).total_seconds())
    assert all(75 * 2**number - 5 <= wait <= 126 * 2**number for number, wait in enumerate(waits)), waits


def test_after_days_of_failing_it_is_paused_its_owner_told_and_nothing_lost(tenant, relay, receiver):
    hook = subscribe(tenant, receiver.url)
    publish(tenant, changed())
    relay.drain()
    receiver.answer = lambda got: 500
    with tenant_scope(tenant.id):
        type(hook).objects.update(failing_since=timezone.now() - timedelta(days=3), failures=4)
    deliverer().run()

    paused = get_webhook(tenant, hook)
    assert paused.state == "paused"
    assert paused.reason.startswith("No delivery has succeeded since ")
    with tenant_scope(tenant.id):
        (told,) = Event.objects.filter(type="webhooks.webhook.paused")
    assert (told.object_id, told.object_version, told.payload["reason"]) == (hook.id, paused.version, paused.reason)

    publish(tenant, changed(version=2))
    relay.drain()
    make_due(tenant)
    receiver.received.clear()
    assert deliverer().run() == 0

    receiver.answer = lambda got: 200
    with tenant_scope(tenant.id):
        operations.resume_webhook(webhook_id=hook.id, now=timezone.now())
    assert deliverer().run() == 2
    assert sorted(versions(receiver.received)) == [1, 2]
    assert get_webhook(tenant, hook).state == "ok"


def test_a_first_failure_long_after_a_rejected_delivery_pauses_nothing(tenant, relay, receiver):
    """What was rejected days ago, with nothing since, tells little of how the endpoint does."""
    hook = subscribe(tenant, receiver.url)
    publish(tenant, changed())
    relay.drain()
    with tenant_scope(tenant.id):
        type(hook).objects.update(failing_since=timezone.now() - timedelta(days=3))
    receiver.answer = lambda got: 500
    deliverer().run()
    assert (get_webhook(tenant, hook).state, get_webhook(tenant, hook).failures) == ("ok", 1)


# --- Dead letters in a row -----------------------------------------------------------------------------------


def die_in_a_row(shop, relay, receiver, times: int, most: int, status: int = 422) -> None:
    publish(shop, *(changed() for _ in range(times)))
    relay.drain()
    receiver.answer = lambda got: status
    deliverer(threads=1, health=Health(most_dead=most)).run()


def test_after_so_many_dead_letters_in_a_row_it_is_paused_and_what_comes_waits(tenant, other_tenant, relay, receiver):
    hook, other = subscribe(tenant, receiver.url), subscribe(other_tenant, receiver.url)
    die_in_a_row(other_tenant, relay, receiver, 4, most=5)
    die_in_a_row(tenant, relay, receiver, 8, most=5)
    paused = get_webhook(tenant, hook)
    assert paused.state == "paused"
    assert paused.reason.startswith("The last 5 deliveries are dead, and none has succeeded since ")
    assert Counter(one.status for one in deliveries(tenant)) == {"dead": 5, "pending": 3}
    assert get_webhook(other_tenant, other).state == "ok"
    with tenant_scope(tenant.id):
        (told,) = Event.objects.filter(type="webhooks.webhook.paused")
    assert told.payload["reason"] == paused.reason

    with tenant_scope(tenant.id):
        operations.resume_webhook(webhook_id=hook.id, now=timezone.now())
    deliverer(threads=1, health=Health(most_dead=5)).run()
    assert get_webhook(tenant, hook).state == "ok", "resumed, it is counted anew"
    assert Counter(one.status for one in deliveries(tenant)) == {"dead": 8}


def test_one_success_ends_the_row(tenant, relay, receiver):
    hook = subscribe(tenant, receiver.url)
    die_in_a_row(tenant, relay, receiver, 4, most=5)
    die_in_a_row(tenant, relay, receiver, 1, most=5, status=200)
    die_in_a_row(tenant, relay, receiver, 4, most=5)
    assert get_webhook(tenant, hook).state == "ok"
    die_in_a_row(tenant, relay, receiver, 1, most=5)
    assert get_webhook(tenant, hook).state == "paused"


def test_of_those_that_die_at_once_each_counts_and_with_0_none_does(tenant, other_tenant, relay, receiver):
    hook, other = subscribe(tenant, receiver.url), subscribe(other_tenant, receiver.url)
    for shop in (tenant, other_tenant):
        publish(shop, *(changed() for _ in range(12)))
    relay.drain()
    receiver.answer = lambda got: 422
    deliverer(threads=1, health=Health(most_dead=0)).run()
    assert get_webhook(other_tenant, other).state == "ok"
    assert get_webhook(tenant, hook).state == "ok"
    publish(tenant, changed())
    relay.drain()
    deliverer(health=Health(most_dead=13)).run()
    assert get_webhook(tenant, hook).state == "paused"


def test_counting_the_dead_reads_a_few_rows_by_an_index_whatever_there_is(tenant, relay, receiver):
    hook = subscribe(tenant, receiver.url)
    publish(tenant, *(changed() for _ in range(3000)))
    relay.drain()
    with tenant_scope(tenant.id), connections["default"].cursor() as cursor:
        cursor.execute("UPDATE webhooks_delivery SET status = 'dead', finished_at = now()")
        cursor.execute("UPDATE webhooks_webhook SET failing_since = now() - interval '1 day'")
        cursor.execute("SELECT event_id FROM webhooks_delivery ORDER BY event_id DESC LIMIT 1")
        (last,) = cursor.fetchone()
    with open_scope(Scope(tenant_id=None, alias="relay")), connections["relay"].cursor() as cursor:
        cursor.execute(claims._PLAN)
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {claims._DEAD_IN_A_ROW}", [40, [tenant.id], [hook.id], [last]])
        plan = cursor.fetchone()[0]
        text = plan if isinstance(plan, str) else json.dumps(plan)
    scans = [node for node in walk(json.loads(text)[0]["Plan"]) if node.get("Relation Name") == "webhooks_delivery"]
    assert [(node["Index Name"], node["Actual Rows"]) for node in scans] == [("webhook_delivery_once", 40)]


def walk(node):
    yield node
    for below in node.get("Plans", ()):
        yield from walk(below)


# --- Retry-After ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
def test_an_endpoint_that_asks_to_be_left_alone_is(tenant, relay, receiver, status):
    hook = subscribe(tenant, receiver.url)
    publish(tenant, changed(), changed(), changed())
    relay.drain()
    receiver.answer = lambda got: (status, {"Retry-After": "600"})
    deliverer(threads=1).run()
    assert len(receiver.received) == 1, "the others wait as well"
    slowed, soon = get_webhook(tenant, hook), timezone.now() + timedelta(seconds=590)
    assert (slowed.state, slowed.reason) == ("slowed", f"The receiver answered {status}.")
    assert soon < slowed.probe_at < soon + timedelta(seconds=20)
    (tried,) = [one for one in deliveries(tenant) if one.attempts]
    assert soon < tried.next_at < soon + timedelta(seconds=20)

    with tenant_scope(tenant.id):
        type(hook).objects.update(probe_at=timezone.now())
    make_due(tenant)
    receiver.answer = lambda got: 200
    deliverer(threads=1).run()
    assert get_webhook(tenant, hook).state == "ok"
    assert {one.status for one in deliveries(tenant)} == {"delivered"}


@pytest.mark.parametrize("later", [0, 0.5], ids=["at once", "after it was slowed"])
def test_it_is_left_alone_though_it_took_others_meanwhile(later, tenant, relay, receiver):
    hook = subscribe(tenant, receiver.url)
    publish(tenant, *(changed() for _ in range(4)))
    relay.drain()
    both = threading.Barrier(4)

    def answer(got):
        both.wait(5)
        if got is receiver.received[0]:
            return 429, {"Retry-After": "600"}
        time.sleep(later)
        return 200

    receiver.answer = answer
    deliverer(threads=8).run()
    assert Counter(one.status for one in deliveries(tenant)) == {"delivered": 3, "pending": 1}
    assert get_webhook(tenant, hook).state == "slowed"


def test_410_pauses_at_once_and_keeps_the_delivery(tenant, relay, receiver):
    hook = subscribe(tenant, receiver.url)
    publish(tenant, changed())
    relay.drain()
    receiver.answer = lambda got: 410
    deliverer().run()
    assert get_webhook(tenant, hook).state == "paused"
    assert get_webhook(tenant, hook).reason == "The receiver answered 410 Gone."
    assert [one.status for one in deliveries(tenant)] == ["pending"]


def test_nothing_goes_to_an_app_that_is_not_active_or_lost_its_permission(tenant, relay, receiver):
    hook = subscribe(tenant, receiver.url)
    publish(tenant, changed(), changed())
    relay.drain()
    with tenant_scope(tenant.id):
        tenant_operations.set_app_active(app_id=hook.app_id, is_active=False)
    deliverer().run()
    assert {(one.status, one.error) for one in deliveries(tenant)} == {
        ("skipped", "The app or its webhook is not active.")
    }
    with tenant_scope(tenant.id):
        tenant_operations.set_app_active(app_id=hook.app_id, is_active=True)
        tenant_operations.set_app_permissions(app_id=hook.app_id, permissions=["MANAGE_CHANNELS"])
        operations.replay_delivery(delivery_id=deliveries(tenant)[0].id)
    deliverer().run()
    assert {one.error for one in deliveries(tenant)} == {
        "The app or its webhook is not active.",
        "The app does not have the permission MANAGE_PRODUCTS.",
    }
    assert receiver.received == []


def test_an_address_that_may_not_be_reached_is_dead_at_once(tenant, relay, receiver):
    hook = subscribe(tenant, receiver.url)
    with tenant_scope(tenant.id):
        type(hook).objects.update(target_url="http://169.254.169.254/latest/")
    publish(tenant, changed())
    relay.drain()
    deliverer().run()
    (stored,) = deliveries(tenant)
    assert (stored.status, stored.attempts) == ("dead", 1)
    assert stored.error.startswith("address: ")
