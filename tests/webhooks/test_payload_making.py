"""How bodies are made: with whose eyes, once, together, and what becomes of those that cannot be made."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from catalog.operations import save
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.graphql.ids import to_global_id
from commerce.webhooks import claims, operations, subscriptions
from commerce.webhooks.claims import Limits
from commerce.webhooks.models import Delivery, Webhook
from tenants import operations as tenant_operations
from tests.factories import catalog as make
from tests.factories.tenants import make_staff
from tests.webhooks.conftest import changed, deliverer, deliveries, make_due, publish
from tests.webhooks.test_payloads import listen

NAME = "subscription { event { ... on ProductUpdated { product { name } } } }"
WITH_ALL = """subscription { event { __typename issuedAt version
  issuingPrincipal { ... on App { id } ... on User { id email } }
  recipient { id name tokens { id } }
  ... on ProductUpdated { product { name } } } }"""
MAY = ("MANAGE_PRODUCTS",)


def rename(shop, product, name: str, actor: str = "") -> None:
    with tenant_scope(shop.id):
        product.name = name
        save(product, now=timezone.now(), actor=actor)


@pytest.fixture
def product(tenant):
    with tenant_scope(tenant.id):
        return make.make_product("Blue shirt", slug="blue")


def test_the_body_is_the_bare_event_with_who_caused_it_and_who_is_told(tenant, receiver, bodies, product):
    hook = listen(tenant, receiver.url, WITH_ALL, "PRODUCT_UPDATED", permissions=("MANAGE_PRODUCTS", "MANAGE_STAFF"))
    with tenant_scope(tenant.id):
        user = make_staff(email="ann@example.com")
    rename(tenant, product, "Red shirt", f"user:{user.id}")
    (body,) = bodies()
    (row,) = deliveries(tenant)
    assert body == {
        "__typename": "ProductUpdated",
        "issuedAt": row.occurred_at.isoformat(),
        "version": "3.23.0",
        "issuingPrincipal": {"id": to_global_id("User", user.id), "email": "ann@example.com"},
        "recipient": {"id": to_global_id("App", hook.app_id), "name": "Listener", "tokens": []},
        "product": {"name": "Red shirt"},
    }
    assert bytes(row.body) == receiver.received[0].body
    assert receiver.received[0].headers["saleor-event"] == "product_updated"


def test_what_the_app_may_not_see_is_null_with_the_error(tenant, receiver, bodies, product):
    listen(tenant, receiver.url, WITH_ALL, "PRODUCT_UPDATED", permissions=MAY)
    with tenant_scope(tenant.id):
        user = make_staff(email="ann@example.com")
    rename(tenant, product, "Red shirt", f"user:{user.id}")
    (body,) = bodies()
    assert (body["issuingPrincipal"], body["product"]) == (None, {"name": "Red shirt"})
    (error,) = body["errors"]
    assert error["path"] == ["event", "issuingPrincipal", "email"]
    assert error["extensions"]["exception"]["code"] == "PermissionDenied"
    assert "MANAGE_STAFF" in error["message"]


def test_the_cause_may_be_an_app_or_nobody(tenant, receiver, bodies, product):
    query = "subscription { event { issuingPrincipal { __typename ... on App { id } } } }"
    hook = listen(tenant, receiver.url, query, "PRODUCT_UPDATED", permissions=MAY)
    for actor in (f"app:{hook.app_id}", "", "import:7", f"user:{uuid4()}", "app:x"):
        rename(tenant, product, f"By {actor}", actor)
    app = {"__typename": "App", "id": to_global_id("App", hook.app_id)}
    assert [body["issuingPrincipal"] for body in bodies()] == [app, None, None, None, None]


def test_hidden_products_are_seen_in_a_channel_or_in_none(tenant, receiver, bodies):
    query = """subscription { event { ... on ProductUpdated {
      none: product { pricing { onSale } }
      here: product(channel: "default-channel") { channel pricing { priceRange { start { gross { amount } } } } }
      unknown: product(channel: "unknown") { name } } } }"""
    listen(tenant, receiver.url, query, "PRODUCT_UPDATED", permissions=MAY)
    with tenant_scope(tenant.id):
        secret = make.make_product("Secret", published=False, price=700)
    rename(tenant, secret, "Still secret")
    price = {"priceRange": {"start": {"gross": {"amount": 7.0}}}}
    assert bodies() == [
        {"none": {"pricing": None}, "here": {"channel": "default-channel", "pricing": price}, "unknown": None}
    ]


def test_an_object_that_is_gone_by_then_is_null(tenant, receiver, bodies, product):
    listen(tenant, receiver.url, NAME, "PRODUCT_UPDATED", permissions=MAY)
    rename(tenant, product, "Red shirt")
    with tenant_scope(tenant.id):
        product.delete()
    assert bodies() == [{"product": None}]


# --- Isolation ----------------------------------------------------------------------------------------------


def test_nothing_of_another_shop_is_seen_whatever_an_event_names(tenant, other_tenant, receiver, bodies):
    query = """subscription { event { issuingPrincipal { ... on User { id } ... on App { id } }
      ... on ProductUpdated { product { name } category { name } }
      ... on ProductVariantStockUpdated { productVariant { name } warehouse { name } }
      ... on ProductDeleted { product { name productType { name } category { name } } } } }"""
    listen(tenant, receiver.url, query, permissions=MAY)
    with tenant_scope(other_tenant.id):
        theirs = make.make_product("Their secret", category=make.make_category("Their category"))
        stock = theirs.variants.get().stocks.get()
        user = make_staff(email="theirs@example.com")
        app = tenant_operations.create_app(name="Theirs", permissions=[])
    facts = {"variant_id": str(stock.variant_id), "warehouse_id": str(stock.warehouse_id)}
    kept = {
        "name": "Ours",
        "slug": "ours",
        "product_type_id": str(theirs.product_type_id),
        "category_id": str(theirs.category_id),
    }
    as_user, as_app = f"user:{user.id}", f"app:{app.id}"
    events = [
        _by(changed(theirs.id), as_user),
        _by(changed(stock.id, type="catalog.stock.changed", **facts), as_app),
        _by(changed(theirs.id, 2, type="catalog.product.deleted", **kept), as_user),
    ]
    publish(tenant, *events)
    found = bodies()
    assert {"issuingPrincipal": None, "product": None, "category": None} in found
    assert {"issuingPrincipal": None, "productVariant": None, "warehouse": None} in found
    text = "".join(got.body.decode() for got in receiver.received)
    assert len(found) == 3
    assert "heir" not in text


def _by(event, actor: str):
    return replace(event, actor=actor)


# --- Once ---------------------------------------------------------------------------------------------------


def test_each_attempt_and_each_replay_sends_the_same_bytes(tenant, relay, receiver, product):
    answers = iter([500, 200, 200])
    receiver.answer = lambda received: next(answers)
    listen(tenant, receiver.url, NAME, "PRODUCT_UPDATED", permissions=MAY)
    rename(tenant, product, "Red shirt")
    relay.drain()
    deliverer().run()
    with tenant_scope(tenant.id):
        make.Product.objects.update(name="Green shirt")
    make_due(tenant)
    deliverer().run()
    (row,) = deliveries(tenant)
    with tenant_scope(tenant.id):
        operations.replay_delivery(delivery_id=row.id)
    deliverer().run()
    assert [got.body for got in receiver.received] == [b'{"product":{"name":"Red shirt"}}'] * 3
    assert [got.headers["x-delivery-attempt"] for got in receiver.received] == ["1", "2", "3"]


def test_a_worker_whose_lease_is_over_neither_stores_nor_sends(tenant, relay, receiver, product):
    listen(tenant, receiver.url, NAME, "PRODUCT_UPDATED", permissions=MAY)
    rename(tenant, product, "Red shirt")
    relay.drain()
    batch = claims.claim(after=0, limits=Limits(10, 10, 10), held=[], lease=timedelta(seconds=60))
    with tenant_scope(tenant.id):
        Delivery.objects.update(leased_until=timezone.now() + timedelta(seconds=90))
    late = deliverer()
    reports: list = []
    assert list(late._prepare(batch.claims, reports.append)) == []
    (row,) = deliveries(tenant)
    assert (reports, row.body, row.status) == ([], None, "pending")


def test_a_batch_is_read_together(tenant, relay, receiver, count_sql):
    query = "subscription { event { ... on ProductUpdated { product { name variants { sku } category { name } } } } }"
    listen(tenant, receiver.url, query, "PRODUCT_UPDATED", permissions=MAY, secret="hush")
    with tenant_scope(tenant.id):
        made = [make.make_product(f"Product {number}", category=make.make_category()) for number in range(6)]
    for one in made:
        rename(tenant, one, f"{one.name}!")
    relay.drain()
    worker = deliverer()
    batch = claims.claim(after=0, limits=Limits(10, 10, 10), held=[], lease=timedelta(seconds=60))
    with count_sql("default") as statements:
        ready = list(worker._prepare(batch.claims, lambda report: None))
    assert len(ready) == 6
    # endpoints, shop, apps; products, variants, categories; the bodies
    assert len(statements) == 7, "\n".join(statements)


# --- What cannot be made ----------------------------------------------------------------------------------


def test_an_event_of_which_nothing_is_selected_is_not_sent(tenant, relay, receiver, product):
    listen(tenant, receiver.url, NAME, "PRODUCT_UPDATED", "PRODUCT_CREATED", permissions=MAY)
    publish(tenant, changed(product.id, type="catalog.product.created"))
    relay.drain()
    deliverer().run()
    (row,) = deliveries(tenant)
    assert (row.status, row.error, row.attempts) == ("skipped", "The webhook's query selects nothing of this event.", 0)
    assert receiver.received == []


def test_a_query_that_runs_no_more_makes_its_deliveries_dead_and_holds_up_no_others(tenant, relay, receiver, product):
    hook = listen(tenant, receiver.url, NAME, "PRODUCT_UPDATED", permissions=MAY)
    listen(tenant, f"{receiver.url}good", NAME, "PRODUCT_UPDATED", permissions=MAY)
    with tenant_scope(tenant.id):
        Webhook.objects.filter(id=hook.id).update(query="subscription { event { removed } }")
    rename(tenant, product, "Red shirt")
    relay.drain()
    deliverer().run()
    found = {row.webhook_id: (row.status, row.error) for row in deliveries(tenant)}
    status, error = found.pop(hook.id)
    assert status == "dead"
    assert "Cannot query field 'removed'" in error
    assert [status for status, _ in found.values()] == ["delivered"]
    assert [got.json for got in receiver.of("good")] == [{"product": {"name": "Red shirt"}}]


def test_one_that_fails_for_a_moment_is_made_again_and_holds_up_no_other(tenant, relay, receiver, monkeypatch):
    listen(tenant, receiver.url, NAME, "PRODUCT_UPDATED", permissions=MAY)
    with tenant_scope(tenant.id):
        bad, good = make.make_product("Bad"), make.make_product("Good")
    rename(tenant, bad, "Bad shirt")
    rename(tenant, good, "Good shirt")
    relay.drain()
    run = type(subscriptions.runner()).run

    def fail(self, text, events, context):
        if any(event.object_id == bad.id for event in events):
            with connections["default"].cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return run(self, text, events, context)

    with monkeypatch.context() as patch:
        patch.setattr(type(subscriptions.runner()), "run", fail)
        deliverer().run()
    assert [got.json["product"]["name"] for got in receiver.received] == ["Good shirt"]
    waiting = next(row for row in deliveries(tenant) if row.object_id == bad.id)
    assert (waiting.status, waiting.attempts, waiting.error) == (
        "pending",
        1,
        "The delivery could not be made: DataError.",
    )
    make_due(tenant)
    deliverer().run()
    assert receiver.received[-1].json == {"product": {"name": "Bad shirt"}}


def test_a_statement_that_fails_in_a_resolver_is_no_body(tenant, relay, receiver, product):
    """What follows it in the transaction would fail as well, and be sent as nulls."""
    listen(tenant, receiver.url, NAME, "PRODUCT_UPDATED", permissions=MAY)
    rename(tenant, product, "Red shirt")
    relay.drain()
    with connections["owner"].cursor() as cursor:
        cursor.execute("REVOKE SELECT ON catalog_product FROM commerce_app")
    try:
        deliverer().run()
    finally:
        with connections["owner"].cursor() as cursor:
            cursor.execute("GRANT SELECT ON catalog_product TO commerce_app")
    (row,) = deliveries(tenant)
    assert (row.status, row.body, row.error) == ("pending", None, "The delivery could not be made: ProgrammingError.")
    assert receiver.received == []


def test_more_than_may_be_sent_is_dead(tenant, relay, receiver, product, monkeypatch):
    monkeypatch.setattr(subscriptions, "LARGEST", 10)
    listen(tenant, receiver.url, NAME, "PRODUCT_UPDATED", permissions=MAY)
    rename(tenant, product, "Red shirt")
    relay.drain()
    deliverer().run()
    (row,) = deliveries(tenant)
    assert (row.status, row.error) == ("dead", "What the webhook's query selects has 32 bytes, and may have 10.")


# --- Queries for events of later ----------------------------------------------------------------------------

ORDERS = "subscription { event { ... on OrderCreated { order { id total { gross { amount } } } } } }"


def test_events_of_later_may_be_named_and_their_queries_are_not_checked(tenant, receiver, bodies, product):
    may = ("MANAGE_PRODUCTS", "MANAGE_ORDERS")
    listen(tenant, receiver.url, ORDERS, "ORDER_CREATED", "ORDER_UPDATED", permissions=may)
    listen(tenant, receiver.url, "subscription { orderCreated { order } }", "ORDER_CREATED", permissions=may)
    both = ORDERS.replace("{ event {", "{ event { ... on ProductUpdated { product { name } } ")
    listen(tenant, receiver.url, both, "ORDER_CREATED", "PRODUCT_UPDATED", permissions=may)
    rename(tenant, product, "Red shirt")
    assert bodies() == [{"product": {"name": "Red shirt"}}]


def test_operators_are_told_of_queries_that_were_not_checked(tenant, receiver, capsys):
    may = ("MANAGE_PRODUCTS", "MANAGE_ORDERS")
    listen(tenant, receiver.url, ORDERS, "ORDER_CREATED", permissions=may)
    listen(tenant, receiver.url, ORDERS, "ORDER_CREATED", "PRODUCT_UPDATED", permissions=may)
    call_command("webhooks", "list", "--tenant", tenant.slug)
    lines = capsys.readouterr().out.splitlines()
    marked = {line.split("\t")[3]: line.endswith("\tquery not checked") for line in lines}
    assert marked == {"ORDER_CREATED": True, "ORDER_CREATED,PRODUCT_UPDATED": False}


@pytest.mark.parametrize(
    ("query", "events", "told"),
    [
        (ORDERS.replace("OrderCreated", "ProductUpdated"), ("ORDER_CREATED", "PRODUCT_UPDATED"), "'order'"),
        ("subscription { orderCreated { order } }", ("ORDER_CREATED", "PRODUCT_UPDATED"), "orderCreated"),
        ("subscription { event { ... on ProductSold { id } } }", ("PRODUCT_UPDATED",), "ProductSold"),
    ],
)
def test_what_has_a_type_is_checked(tenant, receiver, query, events, told):
    with pytest.raises(DomainError, match=told) as caught:
        listen(tenant, receiver.url, query, *events, permissions=("MANAGE_PRODUCTS", "MANAGE_ORDERS"))
    assert caught.value.field == "query"


def test_an_event_of_later_needs_its_permission(tenant, receiver):
    with pytest.raises(DomainError, match="MANAGE_ORDERS"):
        listen(tenant, receiver.url, ORDERS, "ORDER_CREATED", permissions=MAY)


# --- The door -----------------------------------------------------------------------------------------------


def test_a_subscription_is_refused_at_the_door(graphql, tenant, client_for):
    body = {"query": "subscription { event { __typename } }"}
    answer = client_for(tenant).post("/graphql/", body, "application/json")
    assert answer.status_code == 400
    assert "give this query to a webhook" in answer.json()["errors"][0]["message"]
    found = graphql(
        tenant, '{__schema{subscriptionType{name fields{name}}} __type(name: "Event"){possibleTypes{name}}}'
    )
    assert found["data"]["__schema"]["subscriptionType"] == {"name": "Subscription", "fields": [{"name": "event"}]}
    assert {"name": "ProductUpdated"} in found["data"]["__type"]["possibleTypes"]
