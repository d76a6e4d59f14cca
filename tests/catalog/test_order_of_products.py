"""Orders that are gone along step by step: product types, values of attributes, ratings; and how little they read."""

import json
from collections import Counter

import pytest
from django.utils import timezone

from catalog.models import Attribute, Product
from catalog.operations import save
from catalog.queries import lists
from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from tests.catalog.test_graphql_sql import explain, large, read_rows, recorded, stocked  # noqa: F401 - fixtures
from tests.factories import catalog as make
from tests.factories.tenants import open_shop

PAGE = """pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { node { name } }"""
ARGUMENTS = "first: $first, last: $last, after: $after, before: $before, sortBy: $sortBy"
HEAD = "query($first: Int, $last: Int, $after: String, $before: String, $sortBy: ProductOrder"
LIST = f'{HEAD}) {{ products({ARGUMENTS}, channel: "default-channel") {{ {PAGE} }} }}'
OF_CATEGORY = f"""{HEAD}) {{ category(slug: "all") {{
  products({ARGUMENTS}, channel: "default-channel") {{ {PAGE} }} }} }}"""


@pytest.fixture(scope="module")
def shop():
    """Return a shop, its attributes' ids, and what decides the order of each of its products by name."""
    shop = open_shop()
    with tenant_scope(shop.id):
        tag = make.make_attribute("Tag", slug="tag", input_type=Attribute.InputType.MULTISELECT)
        # Two of the same place and name, one that nothing has, one that only a hidden product has.
        tags = [make.make_value(tag, name, slug=slug, position=position) for name, slug, position in (
            ("B", "b", 1), ("A", "a", 1), ("Same", "same-1", 2), ("Same", "same-2", 2), ("Unused", "unused", 2),
            ("Hidden", "hidden", 0), ("First", "first", 0),
        )]  # fmt: skip
        size = make.make_attribute("Size", slug="size", input_type=Attribute.InputType.NUMERIC)
        sizes = [make.make_value(size, number) for number in (10, -2.5, 0, 7)]
        none = make.make_attribute("None", slug="none", values=["x"])
        types = [
            make.make_product_type(name, slug=f"type-{n}", attributes=[tag, size, none])
            for n, name in enumerate(("Beta", "Alpha", "Alpha", "Unused", "Gamma"))
        ]
        everything = make.make_category("All", slug="all")
        facts = {}
        for n in range(17):
            held = [tags[i] for i in ((), (0,), (2, 1), (3,), (6, 0), (2,), (1, 3), ())[n % 8]]
            held += [sizes[n % 5]] if n % 5 < 4 else []
            rating = (None, 0.0, 2.5, 5.0)[n % 4]
            name = f"{n * 7 % 17:02}"
            product = make.make_product(
                name, slug=f"s-{name}", product_type=types[(0, 1, 2, 4)[n * 3 % 4]], values=held, category=everything,
                rating=rating,
            )  # fmt: skip
            facts[name] = (product, held, rating or 0)
        make.make_product("hidden", product_type=types[1], values=[tags[5]], published=False, category=everything)
    return shop, {"tag": tag.id, "size": size.id, "none": none.id}, facts


def expected(facts, by, direction, attributes):
    """Return the names in an order; those without a value of the attribute last, whatever the direction."""
    down = direction == "DESC"

    def of_attribute(one):
        held = [value for value in one[1] if value.attribute_id == attributes[by]]
        if not held:
            return (-1 if down else 1, 0, 0, "", one[0].id)
        return (0, *min((v.position, v.numeric or 0, v.name) for v in held), one[0].id)

    keys = {
        "TYPE": lambda one: (one[0].product_type.name, one[0].slug),
        "RATING": lambda one: (one[2], one[0].id),
    }
    key = keys.get(by, of_attribute)
    return [name for name, one in sorted(facts.items(), key=lambda item: key(item[1]), reverse=down)]


def sort_of(by, direction, attributes):
    if by in attributes:
        return {"attributeId": to_global_id("Attribute", attributes[by]), "direction": direction}
    return {"field": by, "direction": direction}


def walk(graphql, shop, query, size, backwards, **variables):
    """Return all names, page by page, in the order of the list, and how many pages there were."""
    found, pages, cursor = [], 0, None
    way = ("last", "before", "startCursor", "hasPreviousPage") if backwards else (
        "first", "after", "endCursor", "hasNextPage")  # fmt: skip
    while True:
        answer = graphql(shop, query, **variables, **{way[0]: size, way[1]: cursor})
        assert "errors" not in answer, answer
        page = (answer["data"].get("category") or answer["data"])["products"]
        names = [edge["node"]["name"] for edge in page["edges"]]
        found = names + found if backwards else found + names
        pages += 1
        cursor = page["pageInfo"][way[2]]
        if not page["pageInfo"][way[3]]:
            return found, pages


@pytest.mark.parametrize("query", [LIST, OF_CATEGORY], ids=["shop", "category"])
@pytest.mark.parametrize("few", [0, lists.FEW], ids=["along", "from members"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("by", ["TYPE", "RATING", "tag", "size", "none"])
def test_every_page_of_every_size_is_in_order(graphql, monkeypatch, shop, by, direction, few, query):
    monkeypatch.setattr(lists, "FEW", few)
    shop, attributes, facts = shop
    order = expected(facts, by, direction, attributes)
    for size in (1, 4, 17, 50):
        for backwards in (False, True):
            found, pages = walk(graphql, shop, query, size, backwards, sortBy=sort_of(by, direction, attributes))
            assert found == order
            assert pages == -(-len(order) // size)


def test_a_changed_rating_is_in_the_next_answer(graphql, tenant):
    with tenant_scope(tenant.id):
        kind = make.make_product_type()
        make.make_product("First", product_type=kind, rating=4)
        second = make.make_product("Second", product_type=kind, rating=3)
    sort = {"field": "RATING", "direction": "DESC"}
    assert walk(graphql, tenant, LIST, 10, False, sortBy=sort)[0] == ["First", "Second"]
    with tenant_scope(tenant.id):
        changed = Product.objects.get(id=second.id)
        changed.rating = 5
        save(changed, now=timezone.now())
    assert walk(graphql, tenant, LIST, 10, False, sortBy=sort)[0] == ["Second", "First"]
    with tenant_scope(tenant.id):
        changed = Product.objects.get(id=second.id)
        changed.rating = None
        save(changed, now=timezone.now())
    assert walk(graphql, tenant, LIST, 10, False, sortBy=sort)[0] == ["First", "Second"]


def test_another_shops_types_and_values_are_no_steps(graphql, shop, other_tenant):
    """The same slugs and names in another shop change nothing; and its own list has nothing of ours."""
    with tenant_scope(other_tenant.id):
        kind = make.make_product_type("Alpha", slug="type-1")
        make.make_product("foreign", slug="s-00", product_type=kind)
    ours, attributes, facts = shop
    for by in ("TYPE", "tag"):
        found, _ = walk(graphql, ours, LIST, 50, False, sortBy=sort_of(by, "ASC", attributes))
        assert found == expected(facts, by, "ASC", attributes)
        theirs, _ = walk(graphql, other_tenant, LIST, 50, False, sortBy=sort_of(by, "ASC", attributes))
        assert theirs == ["foreign"]


# --- Plans: a large shop --------------------------------------------------------------------------------

SORTED = """query($first: Int, $last: Int, $after: String, $sortBy: ProductOrder) {
  products(first: $first, last: $last, after: $after, channel: "default-channel", sortBy: $sortBy) {
    pageInfo { endCursor } edges { node { name } } } }"""


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize(
    ("by", "index"),
    [
        ("TYPE", "product_type_name"),
        ("RATING", "listing_rating"),
        ("colour", "attribute_value_order"),
        ("weight", "attribute_value_order"),
    ],
)
def test_a_page_reads_no_more_than_it_shows(graphql, large, by, index, direction):  # noqa: F811
    with tenant_scope(large.id):
        attributes = dict(Attribute.objects.values_list("slug", "id"))
    sort, after = sort_of(by, direction, attributes), None
    for _ in range(3):
        answer, read = recorded(graphql, large, SORTED, first=24, after=after, sortBy=sort)
        after = answer["data"]["products"]["pageInfo"]["endCursor"]
        assert len(answer["data"]["products"]["edges"]) == 24
        sql, params = next(found for found in reversed(read) if "LIMIT" in found[0])
        plan = explain(large, sql, params)
        assert index in json.dumps(plan)
        assert "Seq Scan" not in json.dumps(plan)
        # Each product with its listing row, its picture and its values. All of a hundred values may be read for each.
        assert sum(rows for table, rows in rows_by_table(plan).items() if table != "catalog_attributevalue") < 10 * 24
        assert read_rows(plan) < 150 * 24, json.dumps(plan, indent=1)


def rows_by_table(plan):
    """Return how many rows the scans of a plan read of each table."""
    found = Counter()

    def scanned(node):
        own = {**node, "Plans": []}
        found[node.get("Relation Name")] += read_rows([{"Plan": own}])
        for child in node.get("Plans", ()):
            scanned(child)

    scanned(plan[0]["Plan"])
    return found


NARROWED = """query($where: ProductWhereInput, $sortBy: ProductOrder) {
  products(first: 24, channel: "default-channel", where: $where, sortBy: $sortBy) { edges { node { name } } } }"""


@pytest.mark.parametrize("field", ["NAME", "PRICE", "RATING", "TYPE"])
@pytest.mark.parametrize(
    "where",
    [
        {"name": {"eq": "P 03"}},
        {"slug": {"eq": "p-3"}},
        {"metadata": [{"key": "none"}]},
        {"updatedAt": {"range": {"lte": "2020-01-01T00:00:00Z"}}},
        {"updatedAt": {"eq": "2020-01-01T00:00:00Z"}},
        {"price": {"eq": 1_000_000}},
        {"price": {"range": {"gte": 1_000_000}}},
        {"minimalPrice": {"eq": 1_000_000}},
        {"stockAvailability": "OUT_OF_STOCK"},
        {"isAvailable": False},
        {"attributes": [{"slug": "colour", "value": {"name": {"eq": "Colour 5"}}}]},
        {"OR": [{"slug": {"eq": "p-3"}}, {"minimalPrice": {"eq": 1_000_000}}, {"OR": [{"name": {"eq": "P 03"}}]}]},
        {"AND": [{"hasCategory": True}, {"stockAvailability": "OUT_OF_STOCK"}]},
    ],
    ids=str,
)
def test_what_few_have_is_found_without_reading_the_shop(graphql, large, where, field):  # noqa: F811
    sort = {"field": field, "direction": "ASC"}
    answer, read = recorded(graphql, large, NARROWED, where=where, sortBy=sort)
    assert len(answer["data"]["products"]["edges"]) <= 1
    plans = [explain(large, sql, params) for sql, params in read]
    assert sum(map(read_rows, plans)) < 500, json.dumps(plans, indent=1)


def test_stock_is_looked_through_once(graphql, large):  # noqa: F811
    """No index has the free pieces, which change with every sale: the rows of stock are read, and no product."""
    where = {"stocks": {"quantity": {"gte": 1_000_000}}}
    answer, read = recorded(graphql, large, NARROWED, where=where, sortBy={"field": "NAME", "direction": "ASC"})
    assert answer["data"]["products"]["edges"] == []
    assert sum(read_rows(explain(large, sql, params)) for sql, params in read) < 6_000


def test_a_product_whose_pieces_lie_in_several_warehouses_is_found(graphql, monkeypatch, tenant):
    with tenant_scope(tenant.id):
        near, far = make.make_warehouse("Near"), make.make_warehouse("Far")
        both = make.make_product("Both", variants=0)
        variant = make.make_variant(both, stock=6, warehouse=near)
        make.set_stock(variant, 6, warehouse=far)
        make.make_product("One", stock=9, warehouse=near)
        sort = {"field": "NAME", "direction": "ASC"}
        ids = [to_global_id("Warehouse", one.id) for one in (near, far)]

    def found(**stocks):
        answer = graphql(tenant, NARROWED, where={"stocks": stocks}, sortBy=sort)
        return [edge["node"]["name"] for edge in answer["data"]["products"]["edges"]]

    for few in (lists.FEW, 0):
        monkeypatch.setattr(lists, "FEW", few)
        assert found(quantity={"gte": 12}) == ["Both"]
        assert found(quantity={"gte": 13}) == []
        assert found(quantity={"gte": 9}) == ["Both", "One"]
        assert found(quantity={"gte": 9, "lte": 11}) == ["One"]
        assert found(warehouseIds=ids, quantity={"gte": 12}) == ["Both"]
        assert found(warehouseIds=ids[:1], quantity={"gte": 7}) == ["One"]
        assert found(warehouseIds=ids[1:], quantity={"gte": 1}) == ["Both"]
