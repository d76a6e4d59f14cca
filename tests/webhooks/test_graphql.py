"""Webhooks at the GraphQL door: apps their own, and who manages apps those of apps that may do no more."""

import json
from uuid import uuid4

import pytest

from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from commerce.webhooks.models import Delivery, Webhook
from tests.apps import open_app
from tests.webhooks.conftest import changed, deliverer, deliveries, get_webhook, publish, subscribe

CREATE = """mutation($input: WebhookCreateInput!) { webhookCreate(input: $input) {
    webhook { id name identifier targetUrl isActive state secretKey subscriptionQuery customHeaders
        asyncEvents { eventType name } syncEvents { eventType } events { eventType } app { name } }
    errors { field code message } } }"""
UPDATE = """mutation($id: ID!, $input: WebhookUpdateInput!) { webhookUpdate(id: $id, input: $input) {
    webhook { name targetUrl isActive asyncEvents { eventType } syncEvents { eventType } customHeaders }
    errors { field code message } } }"""
DELETE = "mutation($id: ID!) { webhookDelete(id: $id) { webhook { id name } errors { field code } } }"
RETRY = "mutation($id: ID!) { eventDeliveryRetry(id: $id) { delivery { id status } errors { field code message } } }"
DELIVERIES = """query($id: ID!, $first: Int, $after: String, $filter: EventDeliveryFilterInput) { webhook(id: $id) {
    eventDeliveries(first: $first, after: $after, filter: $filter) { totalCount pageInfo { hasNextPage endCursor }
        edges { node { id eventType status createdAt payload error
            attempts(first: 10) { totalCount edges { node {
                id createdAt duration status response responseStatusCode responseHeaders } } } } } } } }"""
DENIED = "To access this path, you need one of the following permissions: MANAGE_APPS"


@pytest.fixture
def stock(tenant):
    return open_app(tenant, "MANAGE_PRODUCTS", "HANDLE_TAXES", name="Stock")


@pytest.fixture
def manager(tenant):
    return open_app(tenant, "MANAGE_APPS", "MANAGE_PRODUCTS", "HANDLE_TAXES", name="Manager")


def inputs(**more):
    return {"name": "Products", "targetUrl": "https://stock.example/hook", "asyncEvents": ["PRODUCT_UPDATED"], **more}


def key(webhook):
    return to_global_id("Webhook", webhook.id)


# --- Making, changing, deleting -----------------------------------------------------------------------------


def test_an_app_subscribes_itself(ask, tenant, stock):
    given = inputs(
        identifier="products", secretKey="hush", customHeaders='{"X-Shop": "one"}', asyncEvents=["PRODUCT_UPDATED"]
    )
    made = ask(tenant, stock.token, CREATE, input=given)["data"]["webhookCreate"]
    webhook = made["webhook"]
    assert made["errors"] == []
    assert json.loads(webhook.pop("customHeaders")) == {"X-Shop": "one"}
    assert webhook == {
        "id": webhook["id"],
        "name": "Products",
        "identifier": "products",
        "targetUrl": "https://stock.example/hook",
        "isActive": True,
        "state": "OK",
        "secretKey": None,
        "subscriptionQuery": None,
        "asyncEvents": [{"eventType": "PRODUCT_UPDATED", "name": "Product updated"}],
        "syncEvents": [],
        "events": [{"eventType": "PRODUCT_UPDATED"}],
        "app": {"name": "Stock"},
    }
    with tenant_scope(tenant.id):
        kept = Webhook.objects.get()
    assert (kept.secret, kept.is_sync, kept.app_id) == ("hush", False, stock.id)


def test_who_manages_apps_subscribes_others(ask, tenant, stock, manager):
    given = inputs(app=stock.key, asyncEvents=None, syncEvents=["CHECKOUT_CALCULATE_TAXES"])
    made = ask(tenant, manager.token, CREATE, input=given)["data"]["webhookCreate"]
    assert (made["errors"], made["webhook"]["app"]["name"]) == ([], "Stock")
    assert made["webhook"]["syncEvents"] == [{"eventType": "CHECKOUT_CALCULATE_TAXES"}]
    with tenant_scope(tenant.id):
        assert Webhook.objects.get().is_sync


@pytest.mark.parametrize(
    ("more", "field", "code"),
    [
        ({"targetUrl": None}, "targetUrl", "REQUIRED"),
        ({"targetUrl": "http://169.254.169.254/"}, "targetUrl", "INVALID"),
        ({"asyncEvents": []}, "asyncEvents", "INVALID"),
        ({"asyncEvents": ["CHANNEL_UPDATED"]}, "asyncEvents", "INVALID"),
        ({"syncEvents": ["CHECKOUT_CALCULATE_TAXES"]}, "syncEvents", "INVALID"),
        ({"customHeaders": '{"Cookie": "a"}'}, "customHeaders", "INVALID_CUSTOM_HEADERS"),
        ({"customHeaders": '["X-A"]'}, "customHeaders", "INVALID_CUSTOM_HEADERS"),
        ({"secretKey": "x" * 256}, "secretKey", "INVALID"),
        ({"query": "subscription {"}, "query", None),
        ({"app": "nonsense"}, "app", "GRAPHQL_ERROR"),
        ({"app": to_global_id("App", uuid4())}, "app", "NOT_FOUND"),
    ],
)
def test_what_is_refused_names_the_input(ask, tenant, manager, more, field, code):
    made = ask(tenant, manager.token, CREATE, input=inputs(**more))["data"]["webhookCreate"]
    assert made["webhook"] is None
    assert made["errors"][0]["field"] == field
    assert code is None or made["errors"][0]["code"] == code
    with tenant_scope(tenant.id):
        assert not Webhook.objects.exists()


def test_a_webhook_is_changed_in_parts(ask, tenant, stock, manager):
    webhook = subscribe(
        tenant,
        "https://a.example/",
        app_id=stock.id,
        secret="kept",
        custom_headers={"X-A": "1"},
        filters={"slug": ["a"]},
    )
    changed_to = ask(tenant, stock.token, UPDATE, id=key(webhook), input={"name": "New", "isActive": False})
    assert changed_to["data"]["webhookUpdate"]["errors"] == []
    kept = get_webhook(tenant, webhook)
    assert (kept.name, kept.is_active, kept.target_url) == ("New", False, "https://a.example/")
    assert (kept.secret, kept.custom_headers, kept.filters) == ("kept", {"X-A": "1"}, {"slug": ["a"]})
    assert kept.events == ["PRODUCT_UPDATED"]
    more = {
        "targetUrl": "https://b.example/",
        "asyncEvents": ["PRODUCT_DELETED"],
        "customHeaders": "{}",
        "secretKey": "",
    }
    told = ask(tenant, manager.token, UPDATE, id=key(webhook), input=more)["data"]["webhookUpdate"]["webhook"]
    assert told["asyncEvents"] == [{"eventType": "PRODUCT_DELETED"}]
    kept = get_webhook(tenant, webhook)
    assert (kept.secret, kept.custom_headers, kept.name) == ("", {}, "New")
    sync = {"syncEvents": ["CHECKOUT_CALCULATE_TAXES"], "asyncEvents": []}
    told = ask(tenant, manager.token, UPDATE, id=key(webhook), input=sync)["data"]["webhookUpdate"]["webhook"]
    assert (told["asyncEvents"], told["syncEvents"]) == ([], [{"eventType": "CHECKOUT_CALCULATE_TAXES"}])


def test_a_webhook_is_deleted_with_what_waits_for_it(ask, tenant, stock, relay):
    webhook = subscribe(tenant, "https://a.example/", app_id=stock.id)
    publish(tenant, changed(), changed())
    relay.run_once()
    gone = ask(tenant, stock.token, DELETE, id=key(webhook))["data"]["webhookDelete"]
    assert gone == {"webhook": {"id": key(webhook), "name": "test"}, "errors": []}
    assert deliveries(tenant) == []
    again = ask(tenant, stock.token, DELETE, id=key(webhook))["data"]["webhookDelete"]
    assert again == {"webhook": None, "errors": [{"field": "id", "code": "NOT_FOUND"}]}


def test_nobody_changes_webhooks_of_others(ask, tenant, stock):
    other = open_app(tenant, "MANAGE_PRODUCTS", name="Other")
    webhook = subscribe(tenant, "https://a.example/", app_id=stock.id)
    attempts = [
        (CREATE, {"input": inputs(app=stock.key)}),
        (UPDATE, {"id": key(webhook), "input": {"targetUrl": "https://evil.example/"}}),
        (DELETE, {"id": key(webhook)}),
        (RETRY, {"id": to_global_id("EventDelivery", uuid4())}),
    ]
    for token in ("", other.token):
        for query, variables in attempts:
            assert [error["message"] for error in ask(tenant, token, query, **variables)["errors"]] == [DENIED]
    assert ask(tenant, other.token, "query($id: ID!) { webhook(id: $id) { name } }", id=key(webhook)) == {
        "data": {"webhook": None}
    }
    assert get_webhook(tenant, webhook).target_url == "https://a.example/"


def test_who_may_less_than_an_app_changes_none_of_its_webhooks_and_sees_no_headers(ask, tenant):
    payments = open_app(tenant, "MANAGE_PRODUCTS", "HANDLE_PAYMENTS", name="Payments")
    manager = open_app(tenant, "MANAGE_APPS", "MANAGE_PRODUCTS", name="Manager")
    webhook = subscribe(tenant, "https://a.example/", app_id=payments.id, custom_headers={"Authorization": "Bearer s"})
    refused = ask(tenant, manager.token, UPDATE, id=key(webhook), input={"targetUrl": "https://evil.example/"})
    assert refused["data"]["webhookUpdate"]["errors"][0]["message"] == "Payments has permissions that you do not have."
    assert get_webhook(tenant, webhook).target_url == "https://a.example/"
    seen = ask(tenant, manager.token, "query($id: ID!) { webhook(id: $id) { name customHeaders } }", id=key(webhook))
    assert seen["data"]["webhook"] == {"name": "test", "customHeaders": None}
    assert "HANDLE_PAYMENTS" in seen["errors"][0]["message"]
    seen = ask(tenant, payments.token, "{ app { webhooks { customHeaders } } }")
    assert seen["data"]["app"]["webhooks"] == [{"customHeaders": '{"Authorization":"Bearer s"}'}]


def test_another_shops_webhook_is_not_there(ask, tenant, other_tenant, manager):
    theirs = subscribe(other_tenant, "https://a.example/")
    gone = ask(tenant, manager.token, DELETE, id=key(theirs))["data"]["webhookDelete"]
    assert gone["errors"] == [{"field": "id", "code": "NOT_FOUND"}]
    assert get_webhook(other_tenant, theirs).name == "test"


# --- Deliveries ---------------------------------------------------------------------------------------------


def test_deliveries_are_shown_with_their_attempts(ask, tenant, stock, receiver, relay):
    receiver.answer = lambda received: 200 if received.json["facts"]["good"] else 400
    webhook = subscribe(tenant, receiver.url, app_id=stock.id)
    publish(tenant, *(changed(good=good) for good in (True, False, True)))
    relay.run_once()
    deliverer().run()
    found = ask(tenant, stock.token, DELIVERIES, id=key(webhook), first=2)["data"]["webhook"]["eventDeliveries"]
    assert (found["totalCount"], found["pageInfo"]["hasNextPage"]) == (3, True)
    nodes = [edge["node"] for edge in found["edges"]]
    newest_first = [to_global_id("EventDelivery", each.id) for each in reversed(deliveries(tenant))]
    assert [node["id"] for node in nodes] == newest_first[:2]
    assert [(node["status"], node["eventType"]) for node in nodes] == [
        ("SUCCESS", "PRODUCT_UPDATED"),
        ("FAILED", "PRODUCT_UPDATED"),
    ]
    [attempt] = [edge["node"] for edge in nodes[1]["attempts"]["edges"]]
    assert (attempt["status"], attempt["responseStatusCode"], attempt["response"]) == (
        "FAILED",
        400,
        "The receiver answered 400.",
    )
    assert json.loads(attempt["responseHeaders"]) == {"content-type": "", "content-length": 0}
    rest = ask(tenant, stock.token, DELIVERIES, id=key(webhook), first=2, after=found["pageInfo"]["endCursor"])
    edges = rest["data"]["webhook"]["eventDeliveries"]["edges"]
    assert [edge["node"]["id"] for edge in edges] == newest_first[2:]


@pytest.mark.parametrize(
    ("narrowing", "count"),
    [
        ({"status": "FAILED"}, 1),
        ({"status": "SUCCESS"}, 2),
        ({"status": "PENDING"}, 0),
        ({"eventType": "PRODUCT_DELETED"}, 1),
    ],
)
def test_deliveries_are_narrowed(ask, tenant, stock, receiver, relay, narrowing, count):
    receiver.answer = lambda received: 200 if received.json["facts"]["good"] else 400
    webhook = subscribe(tenant, receiver.url, "PRODUCT_UPDATED", "PRODUCT_DELETED", app_id=stock.id)
    publish(tenant, changed(good=True), changed(good=False), changed(good=True, type="catalog.product.deleted"))
    relay.run_once()
    deliverer().run()
    found = ask(tenant, stock.token, DELIVERIES, id=key(webhook), first=10, filter=narrowing)
    found = found["data"]["webhook"]["eventDeliveries"]
    assert (len(found["edges"]), found["totalCount"]) == (count, count)


def test_any_number_of_webhooks_takes_the_same_statements(ask, tenant, stock, manager, receiver, relay, count_sql):
    query = """{ app { webhooks { name app { name } customHeaders eventDeliveries(first: 5) { totalCount edges { node {
        status payload attempts(first: 5) { edges { node { status } } } } } } } } }"""
    counts = []
    for number in (1, 3):
        for _ in range(number):
            subscribe(tenant, receiver.url, app_id=stock.id)
        publish(tenant, *(changed() for _ in range(number)))
        relay.run_once()
        deliverer().run()
        ask(tenant, stock.token, query)
        with count_sql() as statements:
            answer = ask(tenant, stock.token, query)
        assert "errors" not in answer
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 9


def test_a_dead_delivery_is_sent_once_more(ask, tenant, manager, receiver, relay):
    receiver.answer = lambda received: 400 if len(receiver.received) == 1 else 200
    subscribe(tenant, receiver.url)
    publish(tenant, changed())
    relay.run_once()
    deliverer().run()
    [dead] = deliveries(tenant)
    assert dead.status == "dead"
    told = ask(tenant, manager.token, RETRY, id=to_global_id("EventDelivery", dead.id))["data"]["eventDeliveryRetry"]
    assert told == {"delivery": {"id": to_global_id("EventDelivery", dead.id), "status": "PENDING"}, "errors": []}
    deliverer().run()
    [sent] = deliveries(tenant)
    assert (sent.status, sent.attempts, len(receiver.received)) == ("delivered", 2, 2)
    assert receiver.received[0].event_id == receiver.received[1].event_id


def test_what_was_answered_at_once_is_not_asked_again(ask, tenant, manager, stock):
    webhook = subscribe(tenant, "https://a.example/", "CHECKOUT_CALCULATE_TAXES", app_id=stock.id, is_sync=True)
    with tenant_scope(tenant.id):
        asked = Delivery.objects.create(
            webhook=webhook, event_id=uuid4(), event_type="CHECKOUT_CALCULATE_TAXES", object_kind="Checkout",
            object_id=uuid4(), object_version=1, position=0, occurred_at=webhook.created_at, status="dead",
            finished_at=webhook.created_at,
        )  # fmt: skip
    told = ask(tenant, manager.token, RETRY, id=to_global_id("EventDelivery", asked.id))["data"]["eventDeliveryRetry"]
    assert (told["delivery"], told["errors"][0]["field"]) == (None, "id")
    assert deliveries(tenant)[0].status == "dead"
