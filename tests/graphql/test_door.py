"""What the door keeps, shares and charges: the real schema, Redis, primary and standby, over HTTP."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from catalog import operations
from catalog.models import Product, ProductPublication, Stock, VariantPrice
from commerce.db.scope import tenant_scope
from commerce.graphql.executor import Executor, Query
from tests.factories import catalog as make
from tests.graphql import toy

RENAME = 'mutation { rename(name: "x") { name } }'
LIST = """query($first: Int = 10) { products(first: $first, channel: "default-channel") { edges { node {
  name isAvailable pricing { priceRange { start { gross { amount } } } } } } } }"""
EXACT = (
    """{ products(first: 10, channel: "default-channel") { edges { node { name variants { quantityAvailable } } } } }"""
)


@pytest.fixture
def ask(client_for):
    """Return a function that posts a query and returns the response."""

    def post(shop, query, variables=None, *, operation=None, **headers):
        body = {"query": query, "variables": variables or {}, "operationName": operation}
        return client_for(shop, **headers).post("/graphql/", body, "application/json")

    return post


@pytest.fixture
def kept(ask):
    """Return a function that tells how a query was answered: hit, miss or bypass."""
    return lambda *args, **options: ask(*args, **options).headers["X-Cache"]


@pytest.fixture
def shirt(tenant):
    with tenant_scope(tenant.id):
        return make.make_product("Shirt", price=1000, stock=5)


def names(response):
    return [edge["node"]["name"] for edge in response.json()["data"]["products"]["edges"]]


def change(shop, model, now=None, **values):
    """Change the one object of a model as a back office does."""
    with tenant_scope(shop.id):
        found = model.objects.get()
        for name, value in values.items():
            setattr(found, name, value)
        operations.save(found, now=now or datetime.now(UTC))


# --- What is kept, and for whom ---------------------------------------------------------------------------


def test_an_answer_is_computed_once_and_kept(ask, tenant, shirt):
    first, second = ask(tenant, LIST), ask(tenant, LIST)
    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("miss", "hit")
    assert first.content == second.content
    assert names(first) == ["Shirt"]
    assert second.headers["Content-Length"] == str(len(second.content))


@pytest.mark.parametrize(
    "changed",
    [
        {"variables": {"first": 9}},
        {"query": LIST + " "},
        {"operation": "Other"},
        {"headers": {"host": "{host}:8080"}},
        {"secure": True},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_requests_that_differ_share_no_answer(client_for, tenant, shirt, changed):
    both = LIST.replace("query", "query One") + LIST.replace("query", "query Other")
    by_name = "operation" in changed
    asked = {
        "query": both if by_name else LIST,
        "variables": {},
        "operation": "One" if by_name else None,
        "headers": {},
    }

    def ask(query, variables, operation, headers, secure=False):
        headers = {name: value.format(host=tenant.host) for name, value in headers.items()}
        body = {"query": query, "variables": variables, "operationName": operation}
        client = client_for(tenant)
        return client.post("/graphql/", body, "application/json", headers=headers, secure=secure).headers["X-Cache"]

    assert ask(**asked) == "miss"
    assert ask(**{**asked, **changed}) == "miss"
    assert ask(**asked) == "hit"


def test_two_shops_share_no_answer(ask, tenant, other_tenant, shirt):
    assert names(ask(tenant, LIST)) == ["Shirt"]
    other = ask(other_tenant, LIST)
    assert (other.headers["X-Cache"], names(other)) == ("miss", [])
    assert names(ask(tenant, LIST)) == ["Shirt"]


def test_another_version_of_the_code_shares_no_answer(kept, tenant, shirt, monkeypatch):
    assert kept(tenant, LIST) == "miss"
    monkeypatch.setattr("commerce.urls.SCHEMA_VERSION", "another")
    assert kept(tenant, LIST) == "miss"


@pytest.mark.parametrize("header", ["authorization", "authorization-bearer"])
def test_the_answer_to_a_caller_with_credentials_is_neither_kept_nor_taken(kept, tenant, shirt, header):
    assert kept(tenant, LIST, **{header: "Bearer x"}) == "bypass"
    assert kept(tenant, LIST) == "miss"
    assert kept(tenant, LIST, **{header: "Bearer x"}) == "bypass"


def test_an_answer_with_errors_is_not_kept(ask, kept, tenant, shirt):
    query = "{ products(first: 1) { edges { node { name } } } channels { slug } }"
    assert "errors" in ask(tenant, query).json()
    assert kept(tenant, query) == "bypass"


def test_a_renamed_shop_is_told_by_its_new_name(ask, tenant):
    from tenants.models import Tenant
    from tests.factories.tenants import platform

    assert ask(tenant, "{ shop { name } }").json()["data"]["shop"]["name"] == f"Shop {tenant.token}"
    with platform():
        Tenant.objects.filter(id=tenant.id).update(name="Renamed")
    assert ask(tenant, "{ shop { name } }").json()["data"]["shop"]["name"] == "Renamed"


# --- What outdates it -------------------------------------------------------------------------------------


def test_a_write_is_in_the_very_next_answer(ask, tenant, shirt):
    for number in range(20):
        change(tenant, Product, name=f"Shirt {number}")
        assert names(ask(tenant, LIST)) == [f"Shirt {number}"]
        assert ask(tenant, LIST).headers["X-Cache"] == "hit"


def test_a_price_is_in_the_very_next_answer(ask, tenant, shirt):
    ask(tenant, LIST)
    change(tenant, VariantPrice, price=1234)
    node = ask(tenant, LIST).json()["data"]["products"]["edges"][0]["node"]
    assert node["pricing"]["priceRange"]["start"]["gross"]["amount"] == 12.34


def test_a_sale_that_leaves_an_item_in_stock_leaves_the_list_kept(ask, kept, tenant, shirt):
    assert (kept(tenant, LIST), kept(tenant, EXACT)) == ("miss", "miss")
    change(tenant, Stock, reserved=1)
    assert (kept(tenant, LIST), kept(tenant, EXACT)) == ("hit", "miss")
    change(tenant, Stock, reserved=5)
    sold_out = ask(tenant, LIST)
    assert sold_out.headers["X-Cache"] == "miss"
    assert sold_out.json()["data"]["products"]["edges"][0]["node"]["isAvailable"] is False


def test_a_change_of_one_product_leaves_what_does_not_show_it(kept, tenant, shirt):
    with tenant_scope(tenant.id):
        hat = make.make_product("Hat")
    one = '{ product(slug: "%s", channel: "default-channel") { name description } }'
    assert [kept(tenant, one % product.slug) for product in (shirt, hat)] == ["miss", "miss"]
    with tenant_scope(tenant.id):
        hat.seo_title = "A hat"
        operations.save(hat, now=datetime.now(UTC))
    assert [kept(tenant, one % product.slug) for product in (shirt, hat)] == ["hit", "miss"]


def test_a_product_that_did_not_exist_is_found_once_it_does(ask, tenant):
    query = '{ product(slug: "shirt", channel: "default-channel") { name } }'
    assert [ask(tenant, query).json()["data"]["product"] for _ in range(2)] == [None, None]
    with tenant_scope(tenant.id):
        make.make_product("Shirt", slug="shirt")
    assert ask(tenant, query).json()["data"]["product"] == {"name": "Shirt"}


def test_a_publication_takes_effect_at_its_instant(ask, tenant, shirt):
    soon = datetime.now(UTC) + timedelta(seconds=1.5)
    change(tenant, ProductPublication, published_at=soon)
    assert names(ask(tenant, LIST)) == []
    for _ in itertools.takewhile(lambda _: datetime.now(UTC) < soon, itertools.count()):
        ask(tenant, LIST)
    assert names(ask(tenant, LIST)) == ["Shirt"]


# --- Servers that fail -----------------------------------------------------------------------------------


@pytest.mark.parametrize("by_reference", [False, True])
@pytest.mark.parametrize(
    ("field", "text"),
    [("Query.products", "{ word products { name } }"), ("Mutation.rename", RENAME)],
    ids=["query", "mutation"],
)
def test_an_error_that_interrupts_ends_the_operation_and_rolls_its_scope_back(by_reference, field, text, monkeypatch):
    def lost(*args, **kwargs):
        raise OperationalError("the connection is lost")

    owner, name = field.split(".")
    monkeypatch.setattr(toy.schema.type_map[owner].fields[name].resolve, "batch", lost)
    executor, scopes = Executor(toy.schema, by_reference=by_reference), toy.Scopes()
    context = toy.ToyContext(request=None, interrupts=lambda error: isinstance(error, OperationalError))
    with pytest.raises(OperationalError):
        executor.execute(Query(text, {}), context, scopes)
    assert scopes.log[0].startswith("open")
    assert "commit" not in scopes.log
