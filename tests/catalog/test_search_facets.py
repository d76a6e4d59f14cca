"""Facets of lists of products, and suggestions: our additions to the schema."""

from collections import Counter

import pytest

from catalog.models import Attribute, ProductPublication
from catalog.operations import refresh_products
from catalog.search import pending
from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from tests.catalog.test_search import learn, offer
from tests.factories import catalog as make
from tests.factories.tenants import open_shop

FACETS = """query($search: String, $filter: ProductFilterInput, $where: ProductWhereInput, $attributes: [String!]) {
  products(search: $search, filter: $filter, where: $where, channel: "default-channel") {
    totalCount
    facets(attributes: $attributes) {
      attributes { attribute { slug } values { count value { slug } } }
      categories { count category { slug } }
      prices { gte lte count }
      stock { inStock outOfStock }
    }
  }
}"""


@pytest.fixture(scope="module")
def shop():
    shop = open_shop()
    with tenant_scope(shop.id):
        colour = make.make_attribute("Colour", slug="colour", values=["Red", "Blue"])
        size = make.make_attribute("Size", slug="size", values=["S", "M"])
        hidden = make.make_attribute("Secret", slug="secret", values=["X"], filterable_in_storefront=False)
        weight = make.make_attribute("Weight", slug="weight", input_type=Attribute.InputType.NUMERIC)
        kind = make.make_product_type("Kind", attributes=[colour, size, hidden, weight])
        red, blue = colour.values.order_by("position")
        small, medium = size.values.order_by("position")
        secret = hidden.values.get()
        light = make.make_category("Light", slug="light")
        desk = make.make_category("Desk lamps", slug="desk-lamps", parent=light)
        common = {"product_type": kind}
        offer("Lamp one", values=[red, small, secret], price=1000, category=light, **common)
        offer("Lamp two", values=[red, medium, make.make_value(weight, 5)], price=1500, category=desk, **common)
        offer("Lamp three", values=[blue, small], price=3000, stock=0, category=desk, **common)
        offer("Chair", values=[blue], price=9000, **common)
        unseen = offer("Lamp unseen", values=[red], **common)
        ProductPublication.objects.filter(product=unseen).update(is_published=False)
        refresh_products([unseen.id], now=unseen.created_at)
    learn(shop)
    return shop


def facets(graphql, shop, **variables):
    answer = graphql(shop, FACETS, **variables)
    assert "errors" not in answer, answer
    found = answer["data"]["products"]["facets"]
    return {
        "attributes": {
            one["attribute"]["slug"]: {each["value"]["slug"]: each["count"] for each in one["values"]}
            for one in found["attributes"]
        },
        "categories": {one["category"]["slug"]: one["count"] for one in found["categories"]},
        "prices": [(one["gte"], one["lte"], one["count"]) for one in found["prices"]],
        "stock": (found["stock"]["inStock"], found["stock"]["outOfStock"]),
        "total": answer["data"]["products"]["totalCount"],
    }


def test_facets_count_the_whole_list(graphql, shop):
    assert facets(graphql, shop) == {
        "attributes": {"colour": {"red": 2, "blue": 2}, "size": {"s": 2, "m": 1}},
        "categories": {"light": 3, "desk-lamps": 2},
        "prices": [(10.0, 19.99, 2), (20.0, 49.99, 1), (50.0, 99.99, 1)],
        "stock": (3, 1),
        "total": 4,
    }


def test_facets_of_a_search_count_its_hits(graphql, shop):
    found = facets(graphql, shop, search="lamp")
    assert found["attributes"] == {"colour": {"red": 2, "blue": 1}, "size": {"s": 2, "m": 1}}
    assert (found["stock"], found["total"]) == ((2, 1), 3)


RED = {"slug": "colour", "values": ["red"]}
SMALL = {"slug": "size", "values": ["s"]}


@pytest.mark.parametrize("search", [None, "lamp"])
def test_what_was_chosen_of_a_facet_does_not_narrow_the_facet_itself(graphql, shop, search):
    found = facets(graphql, shop, search=search, filter={"attributes": [RED]})
    blue = 1 if search else 2
    assert found["attributes"] == {"colour": {"red": 2, "blue": blue}, "size": {"s": 1, "m": 1}}
    assert (found["total"], found["stock"]) == (2, (2, 0))
    found = facets(graphql, shop, search=search, filter={"attributes": [RED, SMALL]})
    assert found["attributes"] == {"colour": {"red": 1, "blue": 1}, "size": {"s": 1, "m": 1}}
    assert found["total"] == 1


def test_chosen_categories_prices_and_stock_keep_their_other_counts(graphql, shop):
    with tenant_scope(shop.id):
        from catalog.models import Category

        desk = to_global_id("Category", Category.objects.get(slug="desk-lamps").id)
    every = facets(graphql, shop)
    by_category = facets(graphql, shop, filter={"categories": [desk]})
    assert by_category["categories"] == every["categories"]
    assert by_category["attributes"] == {"colour": {"red": 1, "blue": 1}, "size": {"s": 1, "m": 1}}
    by_price = facets(graphql, shop, filter={"minimalPrice": {"gte": 20, "lte": 49.99}})
    assert (by_price["prices"], by_price["total"]) == (every["prices"], 1)
    by_stock = facets(graphql, shop, where={"stockAvailability": "OUT_OF_STOCK"})
    assert (by_stock["stock"], by_stock["total"]) == ((3, 1), 1)
    assert by_stock["categories"] == {"light": 1, "desk-lamps": 1}


def test_attributes_may_be_named(graphql, shop):
    assert facets(graphql, shop, attributes=["size"])["attributes"] == {"size": {"s": 2, "m": 1}}
    assert facets(graphql, shop, attributes=["secret", "weight", "none"])["attributes"] == {}


def test_a_product_counts_once_however_many_variants_have_a_value(graphql, tenant):
    with tenant_scope(tenant.id):
        colour = make.make_attribute("Colour", slug="colour", values=["Red", "Blue"])
        red, blue = colour.values.order_by("position")
        kind = make.make_product_type("Kind", attributes=[colour])
        product = make.make_product("Lamp", product_type=kind, values=[red], variants=0)
        for _ in range(3):
            make.make_variant(product, values=[red, blue])
    assert facets(graphql, tenant)["attributes"] == {"colour": {"red": 1, "blue": 1}}


def test_facets_of_a_category_count_its_products(graphql, shop):
    answer = graphql(
        shop,
        """{category(slug: "desk-lamps") { products(channel: "default-channel") {
          totalCount facets { stock { inStock outOfStock } categories { count category { slug } } } } }}""",
    )
    assert answer["data"]["category"]["products"] == {
        "totalCount": 2,
        "facets": {
            "stock": {"inStock": 1, "outOfStock": 1},
            "categories": [
                {"count": 2, "category": {"slug": "light"}},
                {"count": 2, "category": {"slug": "desk-lamps"}},
            ],
        },
    }


def test_facets_take_statements_only_where_they_are_asked_for(graphql, count_sql, shop):
    query = 'query {{ products(first: 5, channel: "default-channel") {{ edges {{ node {{ id }} }} {} }} }}'
    counts = []
    for part in ("", "facets { stock { inStock } }", "facets { stock { inStock } prices { count } }"):
        graphql(shop, "{ __typename }")
        with count_sql() as found:
            graphql(shop, query.format(part))
        counts.append(len([sql for sql in found if "least(" not in sql]))
    assert counts[1] == counts[2]
    assert counts[1] - counts[0] in (1, 2)  # both engines ask, where the differential test is on


def test_a_facet_of_a_kept_answer_follows_a_change(graphql, tenant):
    with tenant_scope(tenant.id):
        offer("Lamp")
    assert facets(graphql, tenant, search="lamp")["stock"] == (1, 0)
    with tenant_scope(tenant.id):
        offer("Lamp, too")
    assert facets(graphql, tenant, search="lamp")["stock"] == (2, 0)


# --- Suggestions ----------------------------------------------------------------------------------------

SUGGEST = """query($prefix: String!, $first: Int = 5, $languageCode: LanguageCodeEnum) {
  searchSuggestions(prefix: $prefix, channel: "default-channel", first: $first, languageCode: $languageCode) {
    words products { name } categories { name } } }"""


def suggest(graphql, shop, prefix, **variables):
    answer = graphql(shop, SUGGEST, prefix=prefix, **variables)
    assert "errors" not in answer, answer
    found = answer["data"]["searchSuggestions"]
    return (
        found["words"],
        sorted(one["name"] for one in found["products"]),
        [one["name"] for one in found["categories"]],
    )


LAMPS = ["Lamp one", "Lamp three", "Lamp two"]


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("la", (["lamp", "lamps"], LAMPS, ["Desk lamps"])),
        ("blue la", (["blue lamp", "blue lamps"], ["Lamp three"], [])),
        ("LIG", (["light"], LAMPS, ["Light"])),
        ("uns", ([], [], [])),  # of a product that is not shown
        ("zzz", ([], [], [])),
        ("  ", ([], [], [])),
        ("%", ([], [], [])),
    ],
)
def test_suggestions_complete_what_is_typed(graphql, shop, prefix, found):
    assert suggest(graphql, shop, prefix) == found


def test_suggestions_know_part_numbers_and_limits(graphql, tenant):
    with tenant_scope(tenant.id):
        made = make.make_product("Lamp", variants=0, description=None)
        make.make_variant(made, sku="ZX-9000")
        for number in range(3):
            offer(f"Lampshade {number}")
        pending.write_all()
    learn(tenant)
    assert suggest(graphql, tenant, "zx-90") == ([], ["Lamp"], [])
    assert len(suggest(graphql, tenant, "lampsh", first=2)[1]) == 2
    answer = graphql(tenant, SUGGEST, prefix="x", first=101)
    assert "exceeds the `first` limit of 100" in answer["errors"][0]["message"]


def test_suggestions_are_in_the_language_asked_for_and_show_accents(graphql, tenant):
    from tenants.models import Channel

    with tenant_scope(tenant.id):
        Channel.objects.update(languages=["en", "fr"])
        category = make.make_category("Ovens")
        make.make_translation(category, "fr", name="Éclairage")
        product = offer("Oven")
        make.make_translation(product, "fr", name="Crème brûlée")
    learn(tenant)
    assert suggest(graphql, tenant, "crem", languageCode="FR") == (["crème"], ["Oven"], [])
    assert suggest(graphql, tenant, "crem") == ([], [], [])
    assert suggest(graphql, tenant, "écl", languageCode="FR")[2] == ["Ovens"]


def test_suggestions_and_facets_know_one_shop_alone(graphql, tenant, other_tenant):
    for own, name in ((tenant, "Walnut table"), (other_tenant, "Walrus chair")):
        with tenant_scope(own.id):
            make.make_category(name.split()[1])
            offer(name)
        learn(own)
    assert suggest(graphql, tenant, "wal") == (["walnut"], ["Walnut table"], [])
    assert suggest(graphql, other_tenant, "wal") == (["walrus"], ["Walrus chair"], [])
    assert suggest(graphql, tenant, "cha") == ([], [], [])
    assert facets(graphql, tenant)["stock"] == (1, 0)


@pytest.fixture(scope="module")
def wide():
    """Return a shop of 40 products, of which one in eight is a lamp, with what each of them has."""
    shop = open_shop()
    with tenant_scope(shop.id):
        colour = make.make_attribute("Colour", slug="colour", values=["Red", "Blue", "Green"])
        size = make.make_attribute("Size", slug="size", values=["S", "M"])
        kind = make.make_product_type("Kind", attributes=[colour, size])
        colours, sizes = list(colour.values.order_by("position")), list(size.values.order_by("position"))
        root = make.make_category("Root", slug="root")
        leaves = [make.make_category(f"Leaf {n}", slug=f"leaf-{n}", parent=root) for n in range(3)]
        facts = []
        for n in range(40):
            name = f"Lamp {n}" if n % 8 == 7 else f"Chair {n}"
            # A colour may be on the product, on variants, on several of them, or on all.
            own = [colours[n % 3]] if n % 2 else []
            varied = [[colours[n % 3], sizes[n % 2]], [colours[n % 3]], [colours[(n + 1) % 3]]][: n % 4]
            product = make.make_product(
                name, product_type=kind, values=own, variants=0, category=leaves[n % 3] if n % 5 else None
            )
            for values in varied or [[]]:
                make.make_variant(product, price=1000 + n, stock=n % 3, values=values)
            held = {value.slug for value in [*own, *(value for values in varied for value in values)]}
            groups = {"root", f"leaf-{n % 3}"} if n % 5 else set()
            facts.append((name, held, groups))
    learn(shop)
    return shop, facts


@pytest.mark.parametrize(("search", "named"), [(None, ""), ("lamp", "Lamp"), ("chair", "Chair")])
def test_facets_of_few_products_are_counted_as_those_of_many(graphql, wide, search, named):
    shop, facts = wide
    listed = [fact for fact in facts if named in fact[0]]
    found = facets(graphql, shop, search=search)
    assert found["total"] == len(listed)
    values = Counter(value for _, held, _ in listed for value in held)
    assert {slug: count for part in found["attributes"].values() for slug, count in part.items()} == values
    assert found["categories"] == Counter(group for _, _, groups in listed for group in groups)
    assert sum(found["stock"]) == sum(count for _, _, count in found["prices"]) == len(listed)


@pytest.mark.parametrize("search", [None, "lamp"])
def test_a_chosen_value_narrows_the_other_facets_alone(graphql, wide, search):
    shop, facts = wide
    listed = [fact for fact in facts if search is None or "Lamp" in fact[0]]
    found = facets(graphql, shop, search=search, filter={"attributes": [{"slug": "colour", "values": ["red"]}]})
    red = [fact for fact in listed if "red" in fact[1]]
    assert found["attributes"]["colour"] == Counter(v for _, held, _ in listed for v in held & {"red", "blue", "green"})
    assert found["attributes"].get("size", {}) == Counter(v for _, held, _ in red for v in held & {"s", "m"})
    assert found["categories"] == Counter(group for _, _, groups in red for group in groups)
