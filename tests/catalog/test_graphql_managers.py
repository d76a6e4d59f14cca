"""What an app that manages products sees: hidden things, in any channel or in none."""

import pytest

from commerce.db.scope import tenant_scope
from tests.factories import catalog as make
from tests.factories.tenants import make_app, make_channel

FIELDS = "id name channel isAvailable pricing{onSale} variants{sku quantityAvailable pricing{price{gross{amount}}}}"


@pytest.fixture
def ask(client_for, tenant):
    """Return a function that asks as an app with these permissions, MANAGE_PRODUCTS if none are given."""

    def post(query: str, *permissions: str, **variables):
        with tenant_scope(tenant.id):
            token = make_app(*(permissions or ("MANAGE_PRODUCTS",))).text
        client = client_for(tenant, authorization=f"Bearer {token}")
        return client.post("/graphql/", {"query": query, "variables": variables}, "application/json").json()

    return post


@pytest.fixture
def hidden(tenant):
    """A product that is published nowhere, with a price and 5 pieces in the one channel."""
    with tenant_scope(tenant.id):
        make_channel(slug="second")
        return make.make_product("Secret shirt", slug="secret", published=False)


def test_a_hidden_product_is_seen_without_a_channel_and_without_prices(ask, hidden, graphql, tenant):
    query = f'{{product(slug: "secret"){{{FIELDS}}}}}'
    answer = ask(query)["data"]["product"]
    assert answer["name"] == "Secret shirt"
    assert (answer["channel"], answer["pricing"], answer["isAvailable"]) == (None, None, None)
    assert [(row["quantityAvailable"], row["pricing"]) for row in answer["variants"]] == [(5, None)]
    shoppers = '{product(slug: "secret", channel: "default-channel"){id}}'
    assert graphql(tenant, shoppers) == {"data": {"product": None}}
    assert ask(shoppers, "MANAGE_CHANNELS") == {"data": {"product": None}}


def test_a_hidden_product_is_seen_in_its_channel_with_its_prices(ask, hidden):
    answer = ask(f'{{product(slug: "secret", channel: "default-channel"){{{FIELDS}}}}}')["data"]["product"]
    assert (answer["channel"], answer["pricing"]) == ("default-channel", {"onSale": False})
    assert answer["variants"][0]["pricing"]["price"]["gross"]["amount"] == 10.0
    assert ask('{product(slug: "secret", channel: "second"){id}}') == {"data": {"product": None}}


def test_a_variant_is_seen_by_its_sku(ask, hidden):
    with tenant_scope(hidden.tenant_id):
        bare = make.make_variant(hidden, sku="BARE", price=None)
    found = ask('{productVariant(sku: "BARE"){name product{slug} pricing{onSale}}}')["data"]["productVariant"]
    assert found == {"name": bare.name, "product": {"slug": "secret"}, "pricing": None}
    found = ask('{productVariant(sku: "BARE", channel: "default-channel"){pricing{onSale}}}')["data"]
    assert found == {"productVariant": {"pricing": None}}


def test_attributes_and_collections_that_are_hidden_are_seen(ask, hidden):
    with tenant_scope(hidden.tenant_id):
        attribute = make.make_attribute("Cost", slug="cost", values=["high"], visible_in_storefront=False)
        kind = make.make_product_type("Kind", attributes=[attribute])
        product = make.make_product("Coat", slug="coat", product_type=kind, values=attribute.values.all())
        make.make_collection("Draft", slug="draft", products=[product], channels=[])
    query = '{{product(slug: "coat"{}){{attributes{{attribute{{slug}}}} collections{{slug channel}}}}}}'
    answer = ask(query.format(""))["data"]["product"]
    assert answer["attributes"] == [{"attribute": {"slug": "cost"}}]
    assert answer["collections"] == [{"slug": "draft", "channel": None}]
    answer = ask(query.format(', channel: "default-channel"'), "MANAGE_APPS")["data"]["product"]
    assert answer == {"attributes": [], "collections": []}
    assert ask('{collection(slug: "draft"){slug}}')["data"]["collection"] == {"slug": "draft"}
    assert ask('{collection(slug: "draft", channel: "second"){slug}}')["data"]["collection"] is None


@pytest.mark.parametrize(
    "order", ["", *(f", sortBy: {{field: {field}, direction: ASC}}" for field in ("NAME", "DATE", "CREATED_AT"))]
)
def test_all_products_are_listed_without_a_channel(ask, hidden, order):
    with tenant_scope(hidden.tenant_id):
        for name in ("Anorak", "Tie"):
            make.make_product(name, slug=name.lower())
    query = f"query($after: String) {{products(first: 2, after: $after{order}){{totalCount " + (
        "pageInfo{hasNextPage endCursor} edges{node{slug}}}}"
    )
    first = ask(query)["data"]["products"]
    second = ask(query, after=first["pageInfo"]["endCursor"])["data"]["products"]
    found = [edge["node"]["slug"] for edge in first["edges"] + second["edges"]]
    assert sorted(found) == ["anorak", "secret", "tie"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (
        3,
        True,
        False,
    )
    assert found == (["secret", "anorak", "tie"] if "DATE" in order or "CREATED" in order else sorted(found))


def test_lists_of_a_channel_hold_hidden_products_too(ask, hidden, graphql, tenant):
    query = '{products(first: 5, channel: "%s"){totalCount edges{node{slug}}}}'
    assert ask(query % "default-channel")["data"]["products"]["edges"] == [{"node": {"slug": "secret"}}]
    assert ask(query % "second")["data"]["products"] == {"totalCount": 0, "edges": []}
    assert graphql(tenant, query % "default-channel")["data"]["products"]["totalCount"] == 0


def test_lists_are_filtered_without_a_channel(ask, hidden):
    with tenant_scope(hidden.tenant_id):
        make.make_product("Tie", slug="tie", category=make.make_category("Ties", slug="ties"))
    query = "query($filter: ProductFilterInput){products(first: 5, filter: $filter){edges{node{slug}}}}"
    found = ask(query, filter={"search": "secret"})["data"]["products"]["edges"]
    assert found == [{"node": {"slug": "secret"}}]
    found = ask(query, filter={"slugs": ["tie", "none"]})["data"]["products"]["edges"]
    assert found == [{"node": {"slug": "tie"}}]
    found = ask('{category(slug: "ties"){products(first: 5){edges{node{slug}}}}}')["data"]["category"]["products"]
    assert found["edges"] == [{"node": {"slug": "tie"}}]


@pytest.mark.parametrize(
    "arguments",
    [
        "sortBy: {field: PRICE, direction: ASC}",
        "filter: {minimalPrice: {gte: 1}}",
        "filter: {stockAvailability: IN_STOCK}",
        "where: {OR: [{minimalPrice: {range: {gte: 1}}}]}",
    ],
)
def test_prices_and_availability_need_a_channel(ask, hidden, arguments):
    answer = ask(f"{{products(first: 5, {arguments}){{edges{{node{{id}}}}}}}}")
    assert [error["message"] for error in answer["errors"]] == [
        "Prices and availability are those of a channel: name one by `channel`."
    ]
    named = ask(f'{{products(first: 5, channel: "default-channel", {arguments}){{edges{{node{{id}}}}}}}}')
    assert len(named["data"]["products"]["edges"]) == 1
