"""What apps and back offices ask of a catalogue besides what shoppers see: offers by channel, stock, warehouses."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from catalog.models import CollectionPublication, ProductPublication, Stock
from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from tests.factories import catalog as make
from tests.factories.tenants import make_app, make_channel, open_shop

LATER = datetime(2099, 5, 6, 7, 8, 9, tzinfo=UTC)
OFFERS = """query($slug: String!, $channel: String) { product(slug: $slug, channel: $channel) {
  channelListings { id channel { slug currencyCode } isPublished publishedAt publicationDate visibleInListings
    isAvailableForPurchase availableForPurchase availableForPurchaseAt
    discountedPrice { amount currency } purchaseCost { start { amount } stop { amount } } margin { start stop }
    pricing { priceRange { start { gross { amount currency } } stop { gross { amount } } } } }
  variants { sku channelListings { channel { slug } price { amount currency } costPrice { amount }
    priorPrice { amount } margin preorderThreshold { quantity soldUnits } } } } }"""
STOCKS = """query($slug: String!, $channel: String) { product(slug: $slug, channel: $channel) {
  variants { stocks(countryCode: NL) { id quantity quantityAllocated quantityReserved
    warehouse { slug } productVariant { sku } } } } }"""


@pytest.fixture(scope="module")
def shop(_database):
    """Return a shop of two channels: a shirt in both of them, from 2099 on in the second, and a secret in none."""
    shop = open_shop(currency="EUR")
    with tenant_scope(shop.id):
        second = make_channel(slug="second", currency="USD")
        make.make_warehouse("Main", slug="main", channels=[shop.channel])
        shirt = make.make_product("Shirt", slug="shirt", channels=[shop.channel, second], weight_grams=250)
        first, small = shirt.variants.get(), make.make_variant(shirt, price=3000, sku="SMALL", channels=[shop.channel])
        make.set_price(first, 2000, channel=shop.channel, cost=500, prior_price=2500)
        make.set_price(small, 3000, channel=shop.channel, cost=2100)
        make.set_price(first, 900, channel=second)
        ProductPublication.objects.filter(channel=second).update(
            is_published=False, published_at=LATER, available_for_purchase_at=LATER
        )
        make.refresh(shirt)
        make.make_product("Secret", slug="secret", channels=[])
        annex = make.make_warehouse("Annex", slug="annex", channels=[second], address={"city": "Gent", "country": "BE"})
        make.set_stock(first, 7, warehouse=annex)
        Stock.objects.filter(warehouse=annex).update(reserved=2)
        collection = make.make_collection("Summer", slug="summer")
        CollectionPublication.objects.create(
            collection=collection, channel=second, is_published=True, published_at=LATER
        )
    return shop


@pytest.fixture
def ask(client_for, shop):
    """Return a function that asks as an app with these permissions, MANAGE_PRODUCTS if none are given."""

    def post(query: str, *permissions: str, **variables):
        with tenant_scope(shop.id):
            token = make_app(*(permissions or ("MANAGE_PRODUCTS",))).text
        client = client_for(shop, authorization=f"Bearer {token}")
        return client.post("/graphql/", {"query": query, "variables": variables}, "application/json").json()

    return post


def by_channel(offers):
    return {offer["channel"]["slug"]: offer for offer in offers}


def test_a_product_is_offered_in_each_channel_in_its_own_way(ask):
    offers = by_channel(ask(OFFERS, slug="shirt")["data"]["product"]["channelListings"])
    assert set(offers) == {"default-channel", "second"}
    here, there = offers["default-channel"], offers["second"]
    assert (here["isPublished"], here["isAvailableForPurchase"], here["publishedAt"]) == (True, True, None)
    assert here["discountedPrice"] == {"amount": 20.0, "currency": "EUR"}
    assert here["pricing"]["priceRange"]["stop"]["gross"]["amount"] == 30.0
    assert here["purchaseCost"] == {"start": {"amount": 5.0}, "stop": {"amount": 21.0}}
    assert here["margin"] == {"start": 30, "stop": 75}
    assert (there["isPublished"], there["isAvailableForPurchase"]) == (False, False)
    assert (there["publishedAt"], there["publicationDate"]) == ("2099-05-06T07:08:09+00:00", "2099-05-06")
    assert (there["availableForPurchaseAt"], there["availableForPurchase"]) == (there["publishedAt"], "2099-05-06")
    assert there["pricing"]["priceRange"]["start"]["gross"] == {"amount": 9.0, "currency": "USD"}
    assert (there["purchaseCost"], there["margin"]) == (None, None), "no cost is known there"
    assert ask(OFFERS, slug="secret")["data"]["product"]["channelListings"] == []


def test_the_prices_of_a_variant_by_channel(ask):
    first, small = ask(OFFERS, slug="shirt")["data"]["product"]["variants"]
    offers = by_channel(first["channelListings"])
    assert offers["default-channel"] == {
        "channel": {"slug": "default-channel"},
        "price": {"amount": 20.0, "currency": "EUR"},
        "costPrice": {"amount": 5.0},
        "priorPrice": {"amount": 25.0},
        "margin": 75,
        "preorderThreshold": None,
    }
    assert (offers["second"]["costPrice"], offers["second"]["margin"]) == (None, None)
    assert [offer["channel"]["slug"] for offer in small["channelListings"]] == ["default-channel"]


def test_offers_are_for_staff_and_apps(graphql, shop, ask):
    answer = graphql(shop, OFFERS, slug="shirt", channel="default-channel")
    told = {error["message"] for error in answer["errors"]}
    assert told == {
        "To access this path, you need one of the following permissions: AUTHENTICATED_APP, AUTHENTICATED_STAFF_USER"
    }
    assert answer["data"]["product"]["channelListings"] is None
    stocks = graphql(shop, STOCKS, slug="shirt", channel="default-channel")
    assert {error["extensions"]["exception"]["code"] for error in stocks["errors"]} == {"PermissionDenied"}
    costs = ask(OFFERS, "MANAGE_CHANNELS", slug="shirt", channel="default-channel")
    listing = by_channel(costs["data"]["product"]["channelListings"])["default-channel"]
    assert (listing["isPublished"], listing["purchaseCost"], listing["margin"]) == (True, None, None)
    assert {error["path"][-1] for error in costs["errors"]} == {"purchaseCost", "margin"}


def test_stock_by_warehouse_everywhere_and_in_a_channel(ask):
    first, _ = ask(STOCKS, slug="shirt")["data"]["product"]["variants"]
    pieces = {row["warehouse"]["slug"]: row for row in first["stocks"]}
    assert len(pieces) == 2
    assert (pieces["annex"]["quantity"], pieces["annex"]["quantityAllocated"]) == (7, 2)
    assert pieces["annex"]["quantityReserved"] == 0
    there, *_ = ask(STOCKS, slug="shirt", channel="second")["data"]["product"]["variants"]
    assert [row["warehouse"]["slug"] for row in there["stocks"]] == ["annex"]
    assert there["stocks"][0]["id"].startswith("U3RvY2s6"), "Stock:"


def test_a_collection_is_shown_by_channel(ask):
    query = '{collection(slug: "summer"){channelListings{channel{slug} isPublished publishedAt publicationDate}}}'
    offers = by_channel(ask(query)["data"]["collection"]["channelListings"])
    assert offers["default-channel"]["publishedAt"] is None
    assert (offers["second"]["isPublished"], offers["second"]["publicationDate"]) == (True, "2099-05-06")


def test_the_offers_of_many_products_take_as_many_statements_as_those_of_one(ask, shop, count_sql):
    query = """query($slugs: [String!]) { products(first: 20, filter: {slugs: $slugs}) { edges { node {
      channelListings { isPublished pricing { onSale } margin { start } }
      variants { channelListings { price { amount } } stocks { quantity warehouse { name } } } } } } }"""
    with tenant_scope(shop.id):
        for number in range(4):
            make.make_product(f"Sock {number}", slug=f"sock-{number}", channels=[shop.channel])
    slugs = [f"sock-{number}" for number in range(4)]
    with count_sql() as one:
        ask(query, slugs=slugs[:1])
    with count_sql() as many:
        found = ask(query, slugs=slugs)["data"]["products"]["edges"]
    assert len(found) == 4
    assert len(one) == len(many)


def test_weights_are_told_in_kilograms(graphql, shop):
    query = """{product(slug: "shirt", channel: "default-channel"){
      weight{unit value} productType{weight{unit}} variants{weight{value}}} shop{defaultWeightUnit}}"""
    data = graphql(shop, query)["data"]
    assert data["product"]["weight"] == {"unit": "KG", "value": 0.25}
    assert [row["weight"] for row in data["product"]["variants"]] == [None, None]
    assert data["product"]["productType"]["weight"] is None
    assert data["shop"]["defaultWeightUnit"] == "KG"


def test_the_instant_of_a_sale_is_that_of_the_channel(graphql, shop):
    soon = timezone.now() + timedelta(days=1)
    with tenant_scope(shop.id):
        pre = make.make_product("Soon", slug="soon", channels=[shop.channel])
        ProductPublication.objects.filter(product=pre).update(available_for_purchase_at=soon)
        make.refresh(pre)
    query = """query($slug: String!) { product(slug: $slug, channel: "default-channel") {
      isAvailableForPurchase availableForPurchaseAt availableForPurchase } }"""
    assert graphql(shop, query, slug="soon")["data"]["product"] == {
        "isAvailableForPurchase": False,
        "availableForPurchaseAt": soon.isoformat(),
        "availableForPurchase": soon.date().isoformat(),
    }
    assert graphql(shop, query, slug="shirt")["data"]["product"]["availableForPurchaseAt"] is None


def test_the_address_of_a_warehouse(ask):
    query = """{warehouses(first: 5, filter: {slugs: ["annex"]}){edges{node{companyName clickAndCollectOption address{
      id city country{code country} streetAddress1 phone isDefaultShippingAddress metadata{key}}}}}}"""
    (edge,) = ask(query)["data"]["warehouses"]["edges"]
    address = edge["node"]["address"]
    assert (address["city"], address["streetAddress1"], address["phone"]) == ("Gent", "", None)
    assert address["country"] == {"code": "BE", "country": "Belgium"}
    assert (address["isDefaultShippingAddress"], address["metadata"]) == (None, [])
    assert (edge["node"]["companyName"], edge["node"]["clickAndCollectOption"]) == ("", "DISABLED")


def test_a_list_of_all_variants_is_searched(graphql, shop):
    query = '{productVariants(first: 5, channel: "default-channel", search: "small"){totalCount edges{node{sku}}}}'
    found = graphql(shop, query)["data"]["productVariants"]
    assert found == {"totalCount": 1, "edges": [{"node": {"sku": "SMALL"}}]}
    narrowed = """{productVariants(first: 5, channel: "default-channel", where: {AND: [
      {sku: {oneOf: ["SMALL", "NONE"]}}, {updatedAt: {gte: "2020-01-01T00:00:00Z"}}]}){edges{node{sku}}}}"""
    assert graphql(shop, narrowed)["data"]["productVariants"]["edges"] == found["edges"]
    before = narrowed.replace("gte", "lte")
    assert graphql(shop, before)["data"]["productVariants"]["edges"] == []


@pytest.mark.parametrize("given", [{}, {"search": ""}, {"search": "  "}, {"filter": {"search": " "}}, {"filter": {}}])
def test_an_empty_field_of_a_search_form_is_no_search(graphql, shop, given):
    """Storefronts send what stands in the field, and lists keep their usual order."""
    query = """query($search: String, $filter: ProductFilterInput) { products(first: 50, search: $search,
      filter: $filter, channel: "default-channel") { edges { node { slug } } } }"""
    slugs = [edge["node"]["slug"] for edge in graphql(shop, query, **given)["data"]["products"]["edges"]]
    assert "shirt" in slugs
    assert slugs == sorted(slugs)


def test_parts_of_a_product_by_their_ids(graphql, shop):
    with tenant_scope(shop.id):
        mug = make.make_product("Mug", slug="mug", channels=[shop.channel])
        picture = make.make_media(mug, alt="A mug")
        other = make.make_media(make.make_product("Pot", slug="pot", channels=[shop.channel]))
    query = """query($media: ID!, $image: ID!, $other: ID!, $sku: String!, $variant: ID!) {
      product(slug: "mug", channel: "default-channel") {
        mediaById(id: $media) { alt type oembedData } imageById(id: $image) { alt } other: mediaById(id: $other) { alt }
        bySku: variant(sku: $sku) { sku } byId: variant(id: $variant) { sku } none: variant(sku: "NONE") { sku }
        attribute(slug: "colour") { values { name } } } }"""
    with tenant_scope(shop.id):
        variant = mug.variants.get()
    found = graphql(
        shop,
        query,
        media=to_global_id("ProductMedia", picture.id),
        image=to_global_id("ProductImage", picture.id),
        other=to_global_id("ProductMedia", other.id),
        sku=variant.sku,
        variant=to_global_id("ProductVariant", variant.id),
    )["data"]["product"]
    assert found["mediaById"] == {"alt": "A mug", "type": "IMAGE", "oembedData": "{}"}
    assert (found["imageById"], found["other"]) == ({"alt": "A mug"}, None)
    assert found["bySku"] == found["byId"] == {"sku": variant.sku}
    assert (found["none"], found["attribute"]) == (None, None)
    both = graphql(shop, '{product(slug: "mug", channel: "default-channel"){variant{id}}}')
    assert "Exactly one" in both["errors"][0]["message"] or "At least one" in both["errors"][0]["message"]
