"""Lists of products by what their attributes refer to, in the order of an attribute, and within limits."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import OperationalError, connections
from django.utils import timezone

from catalog import operations
from catalog.models import Attribute, Category
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.graphql.ids import to_global_id
from tests.factories import catalog as make
from tests.factories.tenants import make_app, open_shop

LIST = """query($filter: ProductFilterInput, $where: ProductWhereInput, $sortBy: ProductOrder, $first: Int, $last: Int,
  $after: String, $before: String) {
  products(channel: "default-channel", filter: $filter, where: $where, sortBy: $sortBy, first: $first, last: $last,
    after: $after, before: $before) {
    totalCount pageInfo { hasNextPage startCursor endCursor } edges { node { name } } } }"""


@pytest.fixture(scope="module")
def shop():
    """Return a shop whose products refer to everything, and have weights, and sizes in an order of the merchant's."""
    shop = open_shop()
    with tenant_scope(shop.id):
        size = make.make_attribute("Size", slug="size", values=["S", "M", "L"])
        weight = make.make_attribute("Weight", slug="weight", input_type=Attribute.InputType.NUMERIC)
        link = make.make_attribute("Link", slug="link", input_type=Attribute.InputType.REFERENCE)
        kind = make.make_product_type(attributes=[size, weight, link])
        targets = {
            "page": make.make_page("Sizes", slug="sizes"),
            "category": make.make_category("Clothes", slug="clothes"),
            "collection": make.make_collection("Summer", slug="summer"),
        }
        products = {name: make.make_product(name, slug=name.lower(), product_type=kind) for name in "ABCDE"}
        given = {
            "A": {"size": ["M"], "weight": [9], "link": [targets["page"], targets["category"]]},
            "B": {"size": ["S"], "weight": [10], "link": [targets["page"]]},
            "C": {"size": ["L"], "link": [targets["collection"], products["A"]]},
            "D": {"weight": [-3.5], "link": [products["A"].variants.get()]},
        }
        for name, values in given.items():
            operations.assign_product_values(product=products[name], values=values, now=timezone.now())
        ids = {name: to_global_id(type(one).__name__, one.id) for name, one in targets.items()}
        ids |= {"size": to_global_id("Attribute", size.id), "weight": to_global_id("Attribute", weight.id)}
        ids["sku"] = str(products["A"].variants.get().sku)
    return shop, ids


def names(answer):
    assert "errors" not in answer, answer
    return "".join(edge["node"]["name"] for edge in answer["data"]["products"]["edges"])


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ({"pageSlugs": {"containsAny": ["sizes", "other"]}}, "AB"),
        ({"pageSlugs": {"containsAll": ["sizes", "other"]}}, ""),
        ({"pageSlugs": {"containsAll": ["sizes"]}, "categorySlugs": {"containsAny": ["clothes"]}}, "A"),
        ({"categorySlugs": {"containsAny": ["clothes"]}}, "A"),
        ({"collectionSlugs": {"containsAll": ["summer"]}}, "C"),
        ({"productSlugs": {"containsAny": ["a"]}}, "C"),
        ({"productVariantSkus": {"containsAny": ["sku"]}}, "D"),
        ({"referencedIds": {"containsAny": ["page", "collection"]}}, "ABC"),
        ({"referencedIds": {"containsAll": ["page", "category"]}}, "A"),
        ({"referencedIds": {"containsAny": []}}, ""),
        ({}, "ABCDE"),
    ],
    ids=str,
)
@pytest.mark.parametrize("argument", ["filter", "where"])
def test_products_by_what_they_refer_to(graphql, shop, reference, found, argument):
    def filled(value):
        if isinstance(value, dict):
            return {name: filled(below) for name, below in value.items()}
        return [shop[1].get(one, one) for one in value]

    wanted = {"attributes": [{"slug": "link", "value": {"reference": filled(reference)}}]}
    for sort in ({"field": "NAME", "direction": "ASC"}, {"field": "PRICE", "direction": "ASC"}):
        answer = graphql(shop[0], LIST, first=10, sortBy=sort, **{argument: wanted})
        assert "".join(sorted(names(answer))) == found
        assert answer["data"]["products"]["totalCount"] == len(found)


@pytest.mark.parametrize(
    ("attribute", "direction", "order"),
    [
        ("size", "ASC", "BACDE"),
        ("size", "DESC", "CABED"),
        ("weight", "ASC", "DABCE"),
        ("weight", "DESC", "BADEC"),
    ],
)
def test_products_in_the_order_of_an_attribute(graphql, shop, attribute, direction, order):
    sort = {"attributeId": shop[1][attribute], "direction": direction}
    assert names(graphql(shop[0], LIST, first=10, sortBy=sort)) == order
    found, after = "", None
    for _ in range(3):
        answer = graphql(shop[0], LIST, first=2, after=after, sortBy=sort)
        found += names(answer)
        info = answer["data"]["products"]["pageInfo"]
        after = info["endCursor"]
    assert (found, info["hasNextPage"]) == (order, False)
    assert names(graphql(shop[0], LIST, last=3, before=info["startCursor"], sortBy=sort)) == order[1:4]
    some = {"ids": []} if order == "" else {"attributes": [{"slug": "link", "value": {"reference": {}}}]}
    assert names(graphql(shop[0], LIST, first=10, sortBy=sort, where=some)) == order
    few = {"attributes": [{"slug": "size", "values": ["m", "l"]}]}
    assert names(graphql(shop[0], LIST, first=10, sortBy=sort, filter=few)) == "".join(n for n in order if n in "AC")


def test_narrowing_has_limits(graphql, shop):
    deep = {"ids": []}
    for _ in range(8):
        deep = {"OR": [deep]}
    (error,) = graphql(shop[0], LIST, first=1, where=deep)["errors"]
    assert error["message"] == "AND and OR of `where` are nested deeper than the limit of 8."
    wide = [{"slug": "size", "values": ["m"]}] * 101
    for argument in ("filter", "where"):
        (error,) = graphql(shop[0], LIST, first=1, **{argument: {"attributes": wide}})["errors"]
        assert error["message"] == "A list can be narrowed by 100 conditions at most."
    parts = [{"name": {"eq": str(number)}} for number in range(100)]
    (error,) = graphql(shop[0], LIST, first=1, where={"OR": parts})["errors"]
    assert error["message"] == "A list can be narrowed by 100 conditions at most."


def test_a_category_cannot_be_placed_below_itself(tenant):
    with tenant_scope(tenant.id):
        root = make.make_category("Root")
        leaf = make.make_category("Leaf", parent=make.make_category("Middle", parent=root))
        for parent in (root, leaf):
            root.parent = parent
            with pytest.raises(operations.CategoryCycle, match="'Root' cannot be placed below itself"):
                operations.save(root, now=timezone.now())
        root.refresh_from_db()
        assert root.parent is None
        root.parent_id = tenant.channel.id
        with pytest.raises(DomainError, match="There is no category") as refused:
            operations.save(root, now=timezone.now())
        assert (refused.value.code, refused.value.field) == ("NOT_FOUND", "parent")


def test_two_moves_at_once_make_no_circle(tenant):
    with tenant_scope(tenant.id):
        tops = [make.make_category(name) for name in "AB"]
        leaves = [make.make_category(f"below {top}", parent=top) for top in tops]
    together = Barrier(2, timeout=10)

    def move(top, leaf):
        try:
            with tenant_scope(tenant.id):
                category = Category.objects.get(id=top.id)
                category.parent_id = leaf.id
                together.wait()
                operations.save(category, now=timezone.now())
        except (DomainError, OperationalError):
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(2) as pool:
        moved = list(pool.map(move, tops, leaves[::-1]))
    assert moved.count(True) <= 1
    with tenant_scope(tenant.id):
        for category in Category.objects.all():
            above, seen = category, set()
            while above.parent_id is not None:
                assert above.id not in seen
                seen.add(above.id)
                above = Category.objects.get(id=above.parent_id)


VARIANTS = """query($ids: [ID!], $filter: ProductVariantFilterInput, $where: ProductVariantWhereInput, $first: Int,
  $last: Int, $after: String, $before: String, $sortBy: ProductVariantSortingInput) {
  productVariants(channel: "default-channel", ids: $ids, filter: $filter, where: $where, first: $first, last: $last,
    after: $after, before: $before, sortBy: $sortBy) {
    totalCount pageInfo { hasNextPage startCursor endCursor } edges { cursor node { id sku product { name } } } } }"""


def test_variants_of_all_products(graphql, client_for, tenant):
    with tenant_scope(tenant.id):
        for name, fields in (("A", {}), ("B", {}), ("Hidden", {"published": False}), ("Unpriced", {"price": None})):
            product = make.make_product(name, variants=0, **{k: v for k, v in fields.items() if k != "price"})
            for number in range(2):
                make.make_variant(product, sku=f"{name}-{number}", **{k: v for k, v in fields.items() if k == "price"})
        client = client_for(tenant, authorization=f"Bearer {make_app('MANAGE_PRODUCTS').text}")

    def listed(**variables):
        answer = graphql(tenant, VARIANTS, **{"first": 10, **variables})
        assert "errors" not in answer, answer
        found = answer["data"]["productVariants"]
        return [edge["node"]["sku"] for edge in found["edges"]], found

    everything, found = listed()
    assert everything == ["A-0", "A-1", "B-0", "B-1"]
    assert found["totalCount"] == 4
    ids = [edge["node"]["id"] for edge in found["edges"]]
    assert listed(ids=ids[1:3])[0] == ["A-1", "B-0"]
    assert listed(ids=[])[0] == []
    assert listed(where={"OR": [{"ids": ids[:1]}, {"ids": ids[3:]}]})[0] == ["A-0", "B-1"]
    assert listed(filter={"sku": ["B-1", "Hidden-0"]})[0] == ["B-1"]
    assert listed(filter={"search": "b-"})[0] == ["B-0", "B-1"]
    assert listed(filter={"isPreorder": True})[0] == []
    page = listed(first=3)[1]["pageInfo"]
    assert page["hasNextPage"]
    assert listed(first=3, after=page["endCursor"])[0] == ["B-1"]
    assert listed(first=None, last=2, before=page["endCursor"])[0] == ["A-0", "A-1"]
    newest = listed(sortBy={"field": "LAST_MODIFIED_AT", "direction": "DESC"})[0]
    assert sorted(newest) == everything
    body = {"query": "{ productVariants(first: 20) { totalCount edges { node { sku pricing { onSale } } } } }"}
    answer = client.post("/graphql/", body, "application/json").json()["data"]["productVariants"]
    assert answer["totalCount"] == 8
    assert all(edge["node"]["pricing"] is None for edge in answer["edges"]), "without a channel there are no prices"
