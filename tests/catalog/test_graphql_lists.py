"""Lists of products at `/graphql/`: what is in them, in which order, page by page."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Attribute, Product, ProductPublication
from catalog.operations import refresh_products
from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from tests.factories import catalog as make
from tests.factories.tenants import make_channel, open_shop

LIST = """query(
  $first: Int, $last: Int, $after: String, $before: String, $channel: String = "default-channel",
  $filter: ProductFilterInput, $where: ProductWhereInput, $sortBy: ProductOrder, $search: String
) {
  products(
    first: $first, last: $last, after: $after, before: $before, channel: $channel,
    filter: $filter, where: $where, sortBy: $sortBy, search: $search
  ) { totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { id name } } }
}"""


@pytest.fixture
def names(graphql):
    """Return a function that lists the names of a shop's products, all that a filter leaves."""

    def listed(shop, **variables):
        answer = graphql(shop, LIST, first=100, **variables)
        assert "errors" not in answer, answer
        found = answer["data"]["products"]
        assert found["totalCount"] == len(found["edges"])
        return [edge["node"]["name"] for edge in found["edges"]]

    return listed


def by(field, direction="ASC"):
    return {"field": field, "direction": direction}


def gid(instance, kind=None):
    return to_global_id(kind or type(instance).__name__, instance.id)


# --- What a list says -----------------------------------------------------------------------------------


def test_list_gives_price_category_and_thumbnail_of_each_product(graphql, tenant):
    with tenant_scope(tenant.id):
        category = make.make_category("Shirts", slug="shirts")
        blue = make.make_product("Blue", slug="blue", price=1999, category=category)
        make.make_variant(blue, price=2499)
        make.make_media(blue, url="https://pictures.example/blue.jpg", alt="A blue shirt")
        red = make.make_product("Red", slug="red", price=500)
    answer = graphql(
        tenant,
        """{products(first: 24, channel: "default-channel", sortBy: {field: NAME, direction: ASC}) {
          totalCount pageInfo { hasNextPage hasPreviousPage }
          edges { node {
            id name slug category { id name slug } thumbnail(size: 256, format: WEBP) { url alt }
            pricing { onSale discount { gross { amount } } displayGrossPrices priceRange {
              start { currency gross { amount currency } net { amount } tax { amount } } stop { gross { amount } } }
              priceRangeUndiscounted { start { gross { amount } } } }
          } } } }""",
    )
    assert answer == {
        "data": {
            "products": {
                "totalCount": 2,
                "pageInfo": {"hasNextPage": False, "hasPreviousPage": False},
                "edges": [
                    {
                        "node": {
                            "id": gid(blue),
                            "name": "Blue",
                            "slug": "blue",
                            "category": {"id": gid(category), "name": "Shirts", "slug": "shirts"},
                            "thumbnail": {"url": "https://pictures.example/blue.jpg", "alt": "A blue shirt"},
                            "pricing": {
                                "onSale": False,
                                "discount": None,
                                "displayGrossPrices": True,
                                "priceRange": {
                                    "start": {
                                        "currency": "USD",
                                        "gross": {"amount": 19.99, "currency": "USD"},
                                        "net": {"amount": 19.99},
                                        "tax": {"amount": 0.0},
                                    },
                                    "stop": {"gross": {"amount": 24.99}},
                                },
                                "priceRangeUndiscounted": {"start": {"gross": {"amount": 19.99}}},
                            },
                        }
                    },
                    {
                        "node": {
                            "id": gid(red),
                            "name": "Red",
                            "slug": "red",
                            "category": None,
                            "thumbnail": None,
                            "pricing": {
                                "onSale": False,
                                "discount": None,
                                "displayGrossPrices": True,
                                "priceRange": {
                                    "start": {
                                        "currency": "USD",
                                        "gross": {"amount": 5.0, "currency": "USD"},
                                        "net": {"amount": 5.0},
                                        "tax": {"amount": 0.0},
                                    },
                                    "stop": {"gross": {"amount": 5.0}},
                                },
                                "priceRangeUndiscounted": {"start": {"gross": {"amount": 5.0}}},
                            },
                        }
                    },
                ],
            }
        }
    }


def test_list_has_only_the_shops_own_products(names, tenant, other_tenant):
    for shop, name in ((tenant, "Ours"), (other_tenant, "Theirs")):
        with tenant_scope(shop.id):
            make.make_product(name)
    assert names(tenant) == ["Ours"]
    assert names(other_tenant) == ["Theirs"]


def test_unpublished_unlisted_unpriced_and_future_products_are_not_listed(names, tenant):
    with tenant_scope(tenant.id):
        make.make_product("Shown")
        make.make_product("Unpublished", published=False)
        make.make_product("Unpriced", price=None)
        unlisted, future = make.make_product("Unlisted"), make.make_product("Future")
        ProductPublication.objects.filter(product=unlisted).update(visible_in_listings=False)
        ahead = timezone.now() + timedelta(days=1)
        ProductPublication.objects.filter(product=future).update(published_at=ahead)
        make.refresh(unlisted, future)
    assert names(tenant) == ["Shown"]


def test_product_appears_at_its_instant_without_anything_running(names, tenant):
    with tenant_scope(tenant.id):
        begun, coming = make.make_product("Begun"), make.make_product("Coming")
        long_ago, instant = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
        ProductPublication.objects.filter(product=begun).update(published_at=instant)
        ProductPublication.objects.filter(product=coming).update(published_at=datetime(2200, 1, 1, tzinfo=UTC))
        refresh_products([begun.id, coming.id], now=long_ago)  # written down when both lay ahead
    assert names(tenant) == ["Begun"]


def test_sale_begins_at_its_instant_and_the_product_is_listed_once(graphql, tenant):
    with tenant_scope(tenant.id):
        instants = {"Begun": datetime(2021, 1, 1, tzinfo=UTC), "Coming": datetime(2200, 1, 1, tzinfo=UTC)}
        for name, instant in instants.items():
            product = make.make_product(name)
            ProductPublication.objects.filter(product=product).update(available_for_purchase_at=instant)
            refresh_products([product.id], now=datetime(2020, 1, 1, tzinfo=UTC))  # written down when it lay ahead
    answer = graphql(
        tenant,
        """{products(first: 9, channel: "default-channel", sortBy: {field: PRICE, direction: ASC}) {
          totalCount edges { node { name isAvailable isAvailableForPurchase } } } }""",
    )["data"]["products"]
    assert answer == {
        "totalCount": 2,
        "edges": [
            {"node": {"name": "Begun", "isAvailable": True, "isAvailableForPurchase": True}},
            {"node": {"name": "Coming", "isAvailable": False, "isAvailableForPurchase": False}},
        ],
    }


def test_prices_are_those_of_the_channel(graphql):
    shop = open_shop(currency="USD")
    with tenant_scope(shop.id):
        yen = make_channel(slug="japan", currency="JPY", countries=("JP",), languages=("ja",))
        here, both = make.the_channel(), [make.the_channel(), yen]
        product = make.make_product("Both", price=1250, channels=both)
        make.set_price(product.variants.get(), 980, channel=yen)
        make.make_product("Here only", price=100, channels=[here])
    fields = "{edges{node{name pricing{priceRange{start{gross{amount currency}}}}}}}"
    for slug, wanted in (
        ("default-channel", [("Both", 12.5, "USD"), ("Here only", 1.0, "USD")]),
        ("japan", [("Both", 980.0, "JPY")]),
    ):
        answer = graphql(shop, "query($c: String){products(first: 9, channel: $c)" + fields + "}", c=slug)
        found = [edge["node"] for edge in answer["data"]["products"]["edges"]]
        gross = [(node["name"], node["pricing"]["priceRange"]["start"]["gross"]) for node in found]
        assert [(name, money["amount"], money["currency"]) for name, money in gross] == wanted


# --- Order and pages ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ordered_shop():
    """Return a shop of 23 products with ties in every order but that of names, half of them in a collection."""
    shop = open_shop(languages=("sv", "en"))
    with tenant_scope(shop.id):
        types = [make.make_product_type(name) for name in ("Book", "Album")]
        words = ["Öl", "Zebra", "apa", "Ål", "Apa 10", "Apa 9", "ärta", "zon"] + [f"Vara {i}" for i in range(15)]
        products = []
        for i, word in enumerate(words):
            product = make.make_product(
                word,
                price=100 * (i % 4),
                product_type=types[i % 2],
                rating=i % 3 or None,
                slug=f"slug-{(i * 7) % 23:02}",
            )
            instant = datetime(2025, 1, 1 + i % 5, tzinfo=UTC)
            ProductPublication.objects.filter(product=product).update(published_at=instant)
            products.append(product)
        make.refresh(*products)
        collection = make.make_collection("Chosen", products=products[::-2])
    return shop, collection


FIELDS = [
    "NAME", "PRICE", "MINIMAL_PRICE", "LAST_MODIFIED", "DATE", "TYPE", "PUBLISHED", "PUBLICATION_DATE",
    "PUBLISHED_AT", "LAST_MODIFIED_AT", "COLLECTION", "RATING", "CREATED_AT",
]  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_pages_lose_and_repeat_nothing_in_any_order(graphql, ordered_shop, field, direction):
    shop, collection = ordered_shop
    filtered = {"filter": {"collections": [gid(collection)]}} if field == "COLLECTION" else {}
    whole = _ids(graphql(shop, LIST, first=100, sortBy=by(field, direction), **filtered))
    assert len(set(whole)) == len(whole) == (12 if filtered else 23)
    for size in (1, 5, 11):
        assert _walk(graphql, shop, size, sortBy=by(field, direction), **filtered) == whole
        assert _walk(graphql, shop, size, backwards=True, sortBy=by(field, direction), **filtered) == whole
    assert _ids(graphql(shop, LIST, first=100, sortBy=by(field, _other(direction)), **filtered)) == whole[::-1]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_walk_through_the_pages_stays_in_the_list(graphql, ordered_shop, data):
    shop, _ = ordered_shop
    order = by(data.draw(st.sampled_from(FIELDS[:-3])), data.draw(st.sampled_from(["ASC", "DESC"])))
    whole = graphql(shop, LIST, first=100, sortBy=order)["data"]["products"]["edges"]
    cursors, ids = [edge["cursor"] for edge in whole], [edge["node"]["id"] for edge in whole]
    at, size = data.draw(st.integers(0, len(ids) - 1)), data.draw(st.integers(1, 30))
    onward = graphql(shop, LIST, first=size, after=cursors[at], sortBy=order)
    assert _ids(onward) == ids[at + 1 : at + 1 + size]
    assert onward["data"]["products"]["pageInfo"]["hasNextPage"] is (at + 1 + size < len(ids))
    back = graphql(shop, LIST, last=size, before=cursors[at], sortBy=order)
    assert _ids(back) == ids[max(at - size, 0) : at]
    assert back["data"]["products"]["pageInfo"]["hasPreviousPage"] is (at - size > 0)


def _ids(answer):
    assert "errors" not in answer, answer
    return [edge["node"]["id"] for edge in answer["data"]["products"]["edges"]]


def _walk(graphql, shop, size, *, backwards=False, **variables):
    found, cursor = [], None
    while True:
        window = {"last": size, "before": cursor} if backwards else {"first": size, "after": cursor}
        answer = graphql(shop, LIST, **window, **variables)
        found = _ids(answer) + found if backwards else found + _ids(answer)
        info = answer["data"]["products"]["pageInfo"]
        if not info["hasPreviousPage" if backwards else "hasNextPage"]:
            return found
        cursor = info["startCursor" if backwards else "endCursor"]


def _other(direction):
    return "DESC" if direction == "ASC" else "ASC"


def test_names_are_in_the_order_of_the_channels_language(names, ordered_shop):
    shop, _ = ordered_shop
    wanted = ["apa", "Apa 9", "Apa 10", *(f"Vara {i}" for i in range(15)), "Zebra", "zon", "Ål", "ärta", "Öl"]
    assert names(shop, sortBy=by("NAME")) == wanted


def test_prices_ascend_and_ties_are_by_id(names, ordered_shop):
    shop, _ = ordered_shop
    with tenant_scope(shop.id):
        wanted = sorted(Product.objects.all(), key=lambda p: (p.variants.get().prices.get().price, p.id))
    assert names(shop, sortBy=by("PRICE")) == [product.name for product in wanted]
    assert names(shop, sortBy=by("PRICE", "DESC")) == [product.name for product in reversed(wanted)]


def test_newest_first(names, ordered_shop):
    shop, _ = ordered_shop
    with tenant_scope(shop.id):
        publications = ProductPublication.objects.select_related("product")
        wanted = sorted(publications, key=lambda p: (p.published_at, p.product_id), reverse=True)
    for field in ("DATE", "PUBLISHED_AT", "PUBLICATION_DATE"):
        assert names(shop, sortBy=by(field, "DESC")) == [publication.product.name for publication in wanted]


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("PUBLISHED", lambda p: p.slug),
        ("CREATED_AT", lambda p: (p.created_at, p.id)),
        ("LAST_MODIFIED_AT", lambda p: (p.updated_at, p.id)),
        ("LAST_MODIFIED", lambda p: (p.updated_at, p.id)),
        ("TYPE", lambda p: (p.product_type.name, p.slug)),
        ("RATING", lambda p: (p.rating or 0, p.id)),
    ],
)
def test_order_by_what_the_product_itself_has(names, ordered_shop, field, key):
    shop, _ = ordered_shop
    with tenant_scope(shop.id):
        wanted = sorted(Product.objects.select_related("product_type"), key=key)
    assert names(shop, sortBy=by(field)) == [product.name for product in wanted]


def test_without_an_order_a_list_is_by_slug_and_a_search_by_rank(names, ordered_shop):
    shop, _ = ordered_shop
    with tenant_scope(shop.id):
        wanted = [product.name for product in Product.objects.order_by("slug")]
    assert names(shop) == wanted
    assert sorted(names(shop, search="apa")) == ["Apa 10", "Apa 9", "apa"]
    assert sorted(names(shop, search="apa", sortBy=by("RANK", "DESC"))) == ["Apa 10", "Apa 9", "apa"]


def test_collection_order_is_the_merchants(names, ordered_shop):
    shop, collection = ordered_shop
    with tenant_scope(shop.id):
        held = collection.collectionproduct_set.order_by("position").select_related("product")
        wanted = [row.product.name for row in held]
    assert names(shop, sortBy=by("COLLECTION"), filter={"collections": [gid(collection)]}) == wanted
    assert names(shop, sortBy=by("COLLECTION"), where={"collection": {"eq": gid(collection)}}) == wanted


def test_total_count_needs_no_page(graphql, ordered_shop):
    shop, _ = ordered_shop
    answer = graphql(shop, '{products(channel: "default-channel"){totalCount}}')
    assert answer == {"data": {"products": {"totalCount": 23}}}


# --- Filters --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shelf():
    """Return a shop with five different products, and ids to filter by."""
    shop = open_shop(currency="EUR")
    with tenant_scope(shop.id):
        root = make.make_category("Root")
        leaf = make.make_category("Leaf", parent=root)
        colour = make.make_attribute("Colour", slug="colour", values=["Red", "Blue"])
        size = make.make_attribute("Size", slug="size", values=["S", "M"])
        weight = make.make_attribute("Weight", slug="weight", input_type=Attribute.InputType.NUMERIC)
        organic = make.make_attribute("Organic", slug="organic", input_type=Attribute.InputType.BOOLEAN)
        day = make.make_attribute("Season", slug="season", input_type=Attribute.InputType.DATE)
        instant = make.make_attribute("Drop", slug="drop", input_type=Attribute.InputType.DATE_TIME)
        hidden = make.make_attribute("Hidden", slug="hidden", values=["x"], filterable_in_storefront=False)
        related = make.make_attribute("Related", slug="related", input_type=Attribute.InputType.REFERENCE)
        shirt = make.make_product_type("Shirt", attributes=[colour, weight, organic, day, instant, hidden, related])
        mug = make.make_product_type("Mug", attributes=[colour])
        red, blue = colour.values.order_by("position")
        _, medium = size.values.order_by("position")
        yes = make.make_value(organic, True)
        main = make.make_warehouse("Main")
        outlet = make.make_warehouse("Outlet")
        a = make.make_product(
            "A", slug="a", price=1000, stock=5, warehouse=main, category=leaf, product_type=shirt,
            values=[red, make.make_value(weight, 10), yes, make.make_value(day, "2026-03-01"), hidden.values.get()],
        )  # fmt: skip
        b = make.make_product(
            "B", slug="b", price=2000, stock=0, warehouse=main, category=root, product_type=shirt,
            values=[blue, make.make_value(weight, 20), make.make_value(day, "2026-06-01")],
        )  # fmt: skip
        c = make.make_product("C", slug="c", price=3000, stock=1, warehouse=outlet, product_type=mug, values=[red])
        make.make_variant(c, price=9000, stock=0, warehouse=outlet, values=[medium], sku="MUG-9")
        d = make.make_product(
            "D long name", slug="d", price=4000, stock=50, warehouse=outlet, product_type=mug, metadata={"k": "v"}
        )
        e = make.make_product("E", slug="e", price=5000, stock=5, warehouse=main, product_type=mug)
        point = make.make_value(instant, "2026-03-01T10:00:00+00:00")
        make.ProductValue.objects.create(product=e, value=point)
        reference = related.values.create(
            attribute=related, slug="r", name="A", reference_kind="Product", reference_id=a.id
        )
        make.ProductValue.objects.create(product=e, value=reference)
        ProductPublication.objects.filter(product=e).update(
            is_available_for_purchase=False, published_at=datetime(2026, 1, 1, tzinfo=UTC)
        )
        ProductPublication.objects.filter(product=d).update(available_for_purchase_at=datetime(2026, 1, 1, tzinfo=UTC))
        Product.objects.filter(id=b.id).update(updated_at=datetime(2030, 1, 1, tzinfo=UTC))
        collection = make.make_collection("Both", products=[d, a])
        a.variants.get().stocks.update(reserved=1)
        make.refresh(a, b, c, d, e)
        ids = {
            "root": gid(root), "leaf": gid(leaf), "collection": gid(collection), "shirt": gid(shirt), "mug": gid(mug),
            "main": gid(main), "outlet": gid(outlet), "a": gid(a), "b": gid(b), "missing": gid(root, "Product"),
        }  # fmt: skip
    return shop, ids


def _filled(template, ids):
    """Replace "$name" by the id of that name, anywhere in an input."""
    if isinstance(template, dict):
        return {key: _filled(value, ids) for key, value in template.items()}
    if isinstance(template, list):
        return [_filled(item, ids) for item in template]
    return ids[template[1:]] if isinstance(template, str) and template.startswith("$") else template


ATTRIBUTES = [
    ([{"slug": "colour", "values": ["red"]}], "AC"),
    ([{"slug": "colour", "values": ["red", "blue"]}], "ABC"),
    ([{"slug": "colour", "values": ["green"]}], ""),
    ([{"slug": "nothing", "values": ["red"]}], ""),
    ([{"slug": "hidden", "values": ["x"]}], ""),
    ([{"slug": "size", "values": ["m"]}], "C"),  # a variant's
    ([{"slug": "colour", "values": ["red"]}, {"slug": "organic", "boolean": True}], "A"),
    ([{"slug": "organic", "boolean": False}], ""),
    ([{"slug": "weight", "valuesRange": {"gte": 10, "lte": 15}}], "A"),
    ([{"slug": "weight", "valuesRange": {"gte": 11}}], "B"),
    ([{"slug": "weight"}], "AB"),
    ([{"slug": "season", "date": {"lte": "2026-03-01"}}], "A"),
    ([{"slug": "season", "date": {"gte": "2026-03-02", "lte": "2026-12-31"}}], "B"),
    ([{"slug": "drop", "dateTime": {"gte": "2026-03-01T09:00:00Z", "lte": "2026-03-01T10:00:00Z"}}], "E"),
    ([{"slug": "colour", "value": {"slug": {"eq": "blue"}}}], "B"),
    ([{"slug": "colour", "value": {"name": {"oneOf": ["Red", "Green"]}}}], "AC"),
    ([{"slug": "weight", "value": {"numeric": {"eq": 20}}}], "B"),
    ([{"slug": "weight", "value": {"numeric": {"oneOf": [10, 20.5]}}}], "A"),
    ([{"slug": "weight", "value": {"numeric": {"range": {"gte": 10.5}}}}], "B"),
    ([{"slug": "season", "value": {"date": {"gte": "2026-04-01"}}}], "B"),
    ([{"slug": "drop", "value": {"dateTime": {"lte": "2026-03-01T09:59:59Z"}}}], ""),
    ([{"slug": "organic", "value": {"boolean": True}}], "A"),
    ([{"slug": "related", "value": {"reference": {"referencedIds": {"containsAny": ["$a", "$b"]}}}}], "E"),
    ([{"slug": "related", "value": {"reference": {"referencedIds": {"containsAll": ["$a", "$b"]}}}}], ""),
]
COMMON = [
    ({"hasCategory": True}, "AB"),
    ({"hasCategory": False}, "CDE"),
    ({"isAvailable": True}, "ABCD"),
    ({"isAvailable": False}, "E"),
    ({"isPublished": True}, "ABCDE"),
    ({"isPublished": False}, ""),
    ({"isVisibleInListing": True}, "ABCDE"),
    ({"isVisibleInListing": False}, ""),
    ({"publishedFrom": "2025-12-31T00:00:00Z"}, "ABCD"),
    ({"publishedFrom": "2026-01-01T00:00:00Z"}, "ABCDE"),
    ({"availableFrom": "2025-12-31T00:00:00Z"}, "ABC"),
    ({"availableFrom": "2026-01-01T00:00:00Z"}, "ABCD"),
    ({"stockAvailability": "IN_STOCK"}, "ACDE"),
    ({"stockAvailability": "OUT_OF_STOCK"}, "B"),
    ({"stocks": {"quantity": {"gte": 5}}}, "DE"),  # of the five pieces of A one is reserved
    ({"stocks": {"quantity": {"gte": 1, "lte": 5}}}, "ACE"),
    ({"stocks": {"quantity": {"lte": 0}}}, "BC"),
    ({"stocks": {"warehouseIds": ["$outlet"]}}, "CD"),
    ({"stocks": {"warehouseIds": ["$outlet"], "quantity": {"gte": 2}}}, "D"),
    ({"stocks": {"warehouseIds": ["$main", "$outlet"], "quantity": {"gte": 6}}}, "D"),
    ({"metadata": [{"key": "k"}]}, "D"),
    ({"metadata": [{"key": "k", "value": "v"}]}, "D"),
    ({"metadata": [{"key": "k", "value": "w"}]}, ""),
    ({"giftCard": True}, ""),
    ({"giftCard": False}, "ABCDE"),
    ({"hasPreorderedVariants": True}, ""),
    ({"hasPreorderedVariants": False}, "ABCDE"),
    ({"ids": ["$a", "$b", "$missing"]}, "AB"),
    *(({"attributes": wanted}, found) for wanted, found in ATTRIBUTES),
]
FILTERS = [
    ({}, "ABCDE"),
    ({"categories": ["$leaf"]}, "A"),
    ({"categories": ["$root"]}, "AB"),
    ({"categories": ["$leaf", "$root"]}, "AB"),
    ({"collections": ["$collection"]}, "AD"),
    ({"productTypes": ["$shirt"]}, "AB"),
    ({"productTypes": ["$shirt", "$mug"]}, "ABCDE"),
    ({"price": {"gte": 20}}, "BCDE"),
    ({"price": {"lte": 20}}, "AB"),
    ({"price": {"gte": 50, "lte": 80}}, "E"),  # C costs 30 or 90: nothing between
    ({"price": {"gte": 19.999, "lte": 20.001}}, "B"),
    ({"price": {"gte": 20.001, "lte": 29.999}}, ""),
    ({"minimalPrice": {"gte": 30, "lte": 40}}, "CD"),
    ({"minimalPrice": {"gte": 50.01}}, ""),
    ({"search": "long"}, "D"),
    ({"search": "NAME d"}, "D"),
    ({"search": "MUG-9"}, "C"),
    ({"search": "MUG"}, "CDE"),  # the product type
    ({"search": "100%"}, ""),
    ({"updatedAt": {"gte": "2029-01-01T00:00:00Z"}}, "B"),
    ({"updatedAt": {"lte": "2029-01-01T00:00:00Z"}}, "ACDE"),
    ({"slugs": ["a", "e", "none"]}, "AE"),
    ({"categories": ["$root"], "price": {"lte": 15}, "stockAvailability": "IN_STOCK"}, "A"),
    ({"ids": [], "slugs": [], "categories": [], "collections": [], "attributes": [], "productTypes": []}, "ABCDE"),
    ({"ids": None, "search": None, "price": None}, "ABCDE"),
    *COMMON,
]
WHERES = [
    ({}, "ABCDE"),
    ({"name": {"eq": "A"}}, "A"),
    ({"name": {"oneOf": ["A", "B", "Z"]}}, "AB"),
    ({"slug": {"eq": "b"}}, "B"),
    ({"slug": {"oneOf": []}}, ""),
    ({"productType": {"eq": "$mug"}}, "CDE"),
    ({"category": {"eq": "$root"}}, "AB"),
    ({"category": {"oneOf": ["$leaf"]}}, "A"),
    ({"collection": {"oneOf": ["$collection"]}}, "AD"),
    ({"price": {"eq": 90}}, "C"),
    ({"price": {"oneOf": [10, 20, "30.001"]}}, "AB"),
    ({"price": {"range": {"gte": 20, "lte": 30}}}, "BC"),
    ({"minimalPrice": {"eq": 30}}, "C"),
    ({"minimalPrice": {"oneOf": [10, 50]}}, "AE"),
    ({"minimalPrice": {"range": {"gte": 40}}}, "DE"),
    ({"updatedAt": {"eq": "2030-01-01T00:00:00Z"}}, "B"),
    ({"updatedAt": {"range": {"gte": "2029-01-01T00:00:00Z"}}}, "B"),
    ({"OR": [{"slug": {"eq": "a"}}, {"price": {"eq": 50}}]}, "AE"),
    ({"AND": [{"hasCategory": True}, {"price": {"range": {"gte": 15}}}]}, "B"),
    ({"OR": [{"AND": [{"slug": {"eq": "a"}}, {"slug": {"eq": "b"}}]}, {"slug": {"eq": "c"}}]}, "C"),
    ({"hasCategory": True, "OR": [{"slug": {"eq": "a"}}, {"slug": {"eq": "c"}}]}, "A"),
    *COMMON,
]


@pytest.mark.parametrize(("wanted", "found"), FILTERS, ids=str)
def test_filter(names, shelf, wanted, found):
    shop, ids = shelf
    for order in ("NAME", "PRICE", "LAST_MODIFIED"):  # three ways of reading
        listed = names(shop, filter=_filled(wanted, ids), sortBy=by(order))
        assert sorted(name[0] for name in listed) == list(found)


@pytest.mark.parametrize(("wanted", "found"), WHERES, ids=str)
def test_where(names, shelf, wanted, found):
    shop, ids = shelf
    for order in ("NAME", "PRICE"):
        assert sorted(name[0] for name in names(shop, where=_filled(wanted, ids), sortBy=by(order))) == list(found)


@pytest.mark.parametrize(("wanted", "found"), FILTERS, ids=str)
def test_filter_along_the_order(names, shelf, wanted, found, monkeypatch):
    """With no number of members few enough, lists are read along their order, and counted by hashing."""
    from catalog.queries import lists

    monkeypatch.setattr(lists, "FEW", -1)
    lists._sizes.cache_clear()
    shop, ids = shelf
    for order in ("NAME", "PRICE", "LAST_MODIFIED"):
        listed = names(shop, filter=_filled(wanted, ids), sortBy=by(order))
        assert sorted(name[0] for name in listed) == list(found)
    lists._sizes.cache_clear()


def test_every_field_of_the_filters_is_tried(shelf):
    """A new input field is covered on the day it is added."""
    from commerce.schema import schema

    tried = {key for wanted, _ in FILTERS for key in wanted} | {"channel"}
    assert set(schema.type_map["ProductFilterInput"].fields) == tried
    assert set(schema.type_map["ProductWhereInput"].fields) == {key for wanted, _ in WHERES for key in wanted}
    values = {key for wanted, _ in ATTRIBUTES for part in wanted for key in part}
    assert set(schema.type_map["AttributeInput"].fields) == values


def test_channel_may_be_named_in_filter_or_order(graphql, names):
    shop = open_shop()
    with tenant_scope(shop.id):
        other = make_channel(slug="other")
        make.make_product("Here")
        make.make_product("There", channels=[other])
    assert names(shop, channel=None, filter={"channel": "other"}) == ["There"]
    assert names(shop, channel=None, sortBy={"field": "NAME", "direction": "ASC", "channel": "other"}) == ["There"]


def test_filters_reach_no_other_shop(names, tenant, other_tenant):
    with tenant_scope(other_tenant.id):
        colour = make.make_attribute("Colour", slug="colour", values=["Red"])
        category = make.make_category("Theirs")
        kind = make.make_product_type(attributes=[colour])
        theirs = make.make_product(
            "Theirs", slug="theirs", category=category, product_type=kind, values=colour.values.all()
        )
    with tenant_scope(tenant.id):
        make.make_product("Ours", slug="ours")
    for wanted in (
        {"ids": [gid(theirs)]},
        {"categories": [gid(category)]},
        {"productTypes": [gid(kind)]},
        {"slugs": ["theirs"]},
        {"attributes": [{"slug": "colour", "values": ["red"]}]},
        {"search": "Theirs"},
    ):
        assert names(tenant, filter=wanted) == []
        assert names(other_tenant, filter=wanted) == ["Theirs"]
