import re
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone

from commerce.db.scope import tenant_scope
from commerce.webhooks import feed
from commerce.webhooks.feed import Cursor, read_cursor
from tenants import operations as tenant_operations
from tests.webhooks.conftest import changed, publish

FACTS = {"slug": "shirt"}


def make_token(shop, *permissions: str) -> str:
    with tenant_scope(shop.id):
        app = tenant_operations.create_app(name="Puller", permissions=permissions or ["MANAGE_PRODUCTS"])
        return tenant_operations.create_app_token(app_id=app.id).text


@pytest.fixture
def pull(client_for):
    """Return a function that asks a shop's feed and returns the status and the parsed answer."""

    def ask(shop, token: str, **parameters):
        answer = client_for(shop, Authorization=f"Bearer {token}").get("/api/v1/events", parameters)
        return answer.status_code, answer.json()

    return ask


def quiet(pull, shop, token: str) -> str:
    """Return a cursor behind all that has been written so far, once no transaction holds it up."""
    return pull(shop, token, limit=500)[1]["cursor"]


def test_events_are_read_page_by_page_in_the_form_of_a_delivery(tenant, other_tenant, pull):
    token = make_token(tenant)
    event = changed(slug="shirt")
    ids = publish(tenant, event, *(changed(version=number) for number in range(4)))
    publish(other_tenant, changed())

    status, first = pull(tenant, token, limit=2)
    second = pull(tenant, token, limit=2, after=first["cursor"])[1]
    third = pull(tenant, token, limit=2, after=second["cursor"])[1]
    fourth = pull(tenant, token, after=third["cursor"])[1]

    assert status == 200
    pages = [first, second, third, fourth]
    assert [len(page["events"]) for page in pages] == [2, 2, 1, 0]
    assert [page["hasMore"] for page in pages] == [True, True, False, False]
    assert [one["id"] for page in pages for one in page["events"]] == [str(id_) for id_ in ids]
    one = first["events"][0]
    assert one == {
        "id": str(ids[0]),
        "type": "PRODUCT_UPDATED",
        "tenant": str(tenant.public_id),
        "actor": "user:1",
        "occurredAt": one["occurredAt"],
        "object": {"kind": "Product", "id": str(event.object_id), "version": 1},
        "facts": FACTS,
    }
    (late,) = publish(tenant, changed())
    assert [one["id"] for one in pull(tenant, token, after=fourth["cursor"])[1]["events"]] == [str(late)]


def test_a_transaction_that_commits_late_is_not_skipped(tenant, pull):
    """It takes its position first and commits last; a cursor by position alone would have gone past it."""
    token = make_token(tenant)
    cursor = quiet(pull, tenant, token)
    written, may_commit = threading.Event(), threading.Event()
    slow = []

    def write_slowly():
        try:
            with tenant_scope(tenant.id):
                from commerce import outbox

                slow.extend(outbox.publish_many([changed(version=1)]))
                written.set()
                may_commit.wait(20)
        finally:
            connections.close_all()

    thread = threading.Thread(target=write_slowly)
    thread.start()
    written.wait(20)
    (quick,) = publish(tenant, changed(version=2))
    during = pull(tenant, token, after=cursor)[1]
    may_commit.set()
    thread.join()
    after = pull(tenant, token, after=during["cursor"])[1]

    assert during["events"] == []
    assert [one["id"] for one in after["events"]] == [str(slow[0]), str(quick)]


def test_an_app_sees_the_events_that_it_has_permission_for(tenant, pull):
    token = make_token(tenant, "MANAGE_PRODUCTS")
    cursor = quiet(pull, tenant, token)
    (seen, _) = publish(tenant, changed(), changed(type="tenants.channel.updated"))
    assert [one["id"] for one in pull(tenant, token, after=cursor)[1]["events"]] == [str(seen)]
    status, answer = pull(tenant, token, types="CHANNEL_UPDATED")
    assert (status, answer["errors"][0]["code"], answer["errors"][0]["field"]) == (403, "PERMISSION_DENIED", "types")


def test_types_narrow_the_feed_down(tenant, pull):
    token = make_token(tenant)
    cursor = quiet(pull, tenant, token)
    _, deleted = publish(tenant, changed(), changed(type="catalog.product.deleted"))
    found = pull(tenant, token, after=cursor, types="product_deleted, category_updated")[1]["events"]
    assert [(one["id"], one["type"]) for one in found] == [(str(deleted), "PRODUCT_DELETED")]


def test_a_token_of_another_shop_is_nobodys(tenant, other_tenant, pull):
    publish(other_tenant, changed())
    status, answer = pull(other_tenant, make_token(tenant))
    assert (status, answer["errors"][0]["code"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("parameters", "status", "code", "field"),
    [
        ({"after": "nonsense!"}, 400, "INVALID_CURSOR", "after"),
        ({"after": "MS4x"}, 400, "INVALID_CURSOR", "after"),
        ({"limit": "0"}, 400, "INVALID", "limit"),
        ({"limit": "1000"}, 400, "INVALID", "limit"),
        ({"types": "PRODUCT_EXPLODED"}, 400, "INVALID", "types"),
        ({"after": str(Cursor(1, 1, datetime(2020, 1, 1, tzinfo=UTC)))}, 410, "CURSOR_TOO_OLD", "after"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_name(tenant, pull, parameters, status, code, field):
    found, answer = pull(tenant, make_token(tenant), **parameters)
    (error,) = answer["errors"]
    assert (found, error["code"], error["field"]) == (status, code, field)


def test_a_cursor_is_read_as_it_was_written():
    now = timezone.now().replace(microsecond=0)
    assert read_cursor(str(Cursor(12, 34, now))) == Cursor(12, 34, now)
    fresh = Cursor(1, 1, now - timedelta(days=settings.OUTBOX_KEEP_DAYS) + timedelta(minutes=1))
    assert read_cursor(str(fresh)) == fresh


def test_a_page_is_found_by_the_index(tenant):
    publish(tenant, *(changed() for _ in range(50)))
    with (
        tenant_scope(tenant.id, read_only=True, along_indexes=True),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute(f"EXPLAIN {feed._PAGE}", [1, 1, ["catalog.product.updated"], 10])
        plan = " ".join(line for (line,) in cursor.fetchall())
    assert "Index Scan using outbox_event_feed" in plan
    assert "Sort" not in plan
    (condition,) = re.findall(r"Index Cond: (.*?)  +Filter", plan)
    assert all(words in condition for words in ("tenant_id = ", "ROW(xid,", "xid < "))


def test_a_page_is_one_statement(tenant, pull, count_sql):
    token = make_token(tenant)
    publish(tenant, changed())
    quiet(pull, tenant, token)
    with count_sql("default") as statements:
        pull(tenant, token)
    assert len([statement for statement in statements if "outbox_event" in statement]) == 1
    assert len(statements) <= 2
