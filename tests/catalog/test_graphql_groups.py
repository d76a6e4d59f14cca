"""Categories and collections at `/graphql/`."""

from datetime import UTC, datetime

import pytest

from catalog.models import CollectionPublication
from catalog.values import editorjs
from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from tests.factories import catalog as make
from tests.factories.tenants import make_app, make_channel, open_shop


def gid(instance):
    return to_global_id(type(instance).__name__, instance.id)


@pytest.fixture(scope="module")
def tree():
    """Return a shop with a tree of categories, three levels deep, and products on each level."""
    shop = open_shop()
    with tenant_scope(shop.id):
        clothes = make.make_category(
            "Clothes",
            slug="clothes",
            description=editorjs("All."),
            seo_title="Wear",
            background_image="categories/c.jpg",
        )
        shirts = make.make_category("Shirts", slug="shirts", parent=clothes)
        polos = make.make_category("Polos", slug="polos", parent=shirts)
        coats = make.make_category("Coats", slug="coats", parent=clothes)
        toys = make.make_category("Toys", slug="toys")
        for name, category, price in (
            ("Scarf", clothes, 500), ("Shirt", shirts, 300), ("Polo", polos, 100), ("Coat", coats, 900),
            ("Polo 2", polos, 200), ("Draft", polos, None),
        ):  # fmt: skip
            make.make_product(name, category=category, price=price)
    return shop, {"clothes": clothes, "shirts": shirts, "polos": polos, "coats": coats, "toys": toys}


def test_category_has_everything_below_it(graphql, tree):
    shop, made = tree
    answer = graphql(
        shop,
        """{category(slug: "clothes") {
          id name slug level description seoTitle seoDescription backgroundImage(size: 128) { alt url } parent { id }
          children(first: 10) { totalCount edges { node { name level parent { name } children(first: 5) {
            edges { node { name ancestors(first: 5) { edges { node { name } } } } } } } } }
          products(first: 10, channel: "default-channel", sortBy: {field: PRICE, direction: ASC}) {
            totalCount edges { node { name } } } } }""",
    )["data"]["category"]
    url = answer["backgroundImage"].pop("url")
    assert url == f"http://{shop.host}/thumbnail/{answer['id']}/128/"
    assert answer.pop("description") == '{"blocks":[{"data":{"text":"All."},"type":"paragraph"}],"version":"2.24.3"}'
    above = [{"node": {"name": "Clothes"}}, {"node": {"name": "Shirts"}}]
    assert answer == {
        "id": gid(made["clothes"]),
        "name": "Clothes",
        "slug": "clothes",
        "level": 0,
        "seoTitle": "Wear",
        "seoDescription": None,
        "backgroundImage": {"alt": None},
        "parent": None,
        "children": {
            "totalCount": 2,
            "edges": [
                {"node": {"name": "Coats", "level": 1, "parent": {"name": "Clothes"}, "children": {"edges": []}}},
                {
                    "node": {
                        "name": "Shirts",
                        "level": 1,
                        "parent": {"name": "Clothes"},
                        "children": {"edges": [{"node": {"name": "Polos", "ancestors": {"edges": above}}}]},
                    }
                },
            ],
        },
        "products": {
            "totalCount": 5,
            "edges": [{"node": {"name": name}} for name in ("Polo", "Polo 2", "Shirt", "Scarf", "Coat")],
        },
    }


def test_products_of_many_categories_at_once(graphql, tree, count_sql, monkeypatch, settings):
    from catalog.queries import lists

    settings.RESPONSE_CACHE = False
    shop, _ = tree
    query = """query($after: String) {categories(first: 10) {edges { node { slug
      products(first: 2, after: $after, channel: "default-channel", sortBy: {field: NAME, direction: DESC},
               filter: {price: {gte: 2}}) {
        totalCount pageInfo { hasNextPage hasPreviousPage endCursor } edges { cursor node { name } } } } } } }"""
    for few in (2000, 2, -1):  # from the members, mixed, and along the order
        monkeypatch.setattr(lists, "FEW", few)
        with count_sql() as statements:
            answer = graphql(shop, query)
        pages = {edge["node"]["slug"]: edge["node"]["products"] for edge in answer["data"]["categories"]["edges"]}
        found = {slug: ([e["node"]["name"] for e in page["edges"]], page["totalCount"]) for slug, page in pages.items()}
        assert found == {
            "clothes": (["Shirt", "Scarf"], 4),
            "toys": ([], 0),
            "coats": (["Coat"], 1),
            "shirts": (["Shirt", "Polo 2"], 2),
            "polos": (["Polo 2"], 1),
        }
        assert len(statements) <= 8
        assert pages["clothes"]["pageInfo"]["hasNextPage"] is True
        onward = graphql(shop, query, after=pages["clothes"]["pageInfo"]["endCursor"])
        rest = {e["node"]["slug"]: e["node"]["products"] for e in onward["data"]["categories"]["edges"]}
        assert [edge["node"]["name"] for edge in rest["clothes"]["edges"]] == ["Polo 2", "Coat"]
        assert rest["clothes"]["pageInfo"] | {"endCursor": None} == {
            "hasNextPage": False, "hasPreviousPage": True, "endCursor": None,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("", ["Clothes", "Toys", "Coats", "Shirts", "Polos"]),
        ("level: 0", ["Clothes", "Toys"]),
        ("level: 2", ["Polos"]),
        ("level: 3", []),
        ('filter: {slugs: ["toys", "polos"]}', ["Toys", "Polos"]),
        ('filter: {search: "OAT"}', ["Coats"]),
        ('filter: {search: "%"}', []),
        ('filter: {search: "s", metadata: [{key: "none"}]}', []),
        ('filter: {updatedAt: {gte: "2200-01-01T00:00:00Z"}}', []),
        ('filter: {updatedAt: {lte: "2200-01-01T00:00:00Z"}}, level: 2', ["Polos"]),
        ("filter: {ids: [], slugs: []}, level: 2", ["Polos"]),
    ],
)
def test_categories_are_narrowed(graphql, tree, arguments, names):
    shop, _ = tree
    separator = ", " if arguments else ""
    answer = graphql(shop, "{categories(first: 20" + separator + arguments + "){totalCount edges{node{name}}}}")
    found = answer["data"]["categories"]
    assert [edge["node"]["name"] for edge in found["edges"]] == names
    assert found["totalCount"] == len(names)


def test_categories_page_by_page_both_ways(graphql, tree):
    shop, made = tree
    query = """query($first: Int, $after: String, $last: Int, $before: String, $filter: CategoryFilterInput) {
      categories(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { node { name } } } }"""
    seen, cursor = [], None
    for _ in range(5):
        page = graphql(shop, query, first=1, after=cursor)["data"]["categories"]
        seen += [edge["node"]["name"] for edge in page["edges"]]
        cursor = page["pageInfo"]["endCursor"]
    assert seen == ["Clothes", "Toys", "Coats", "Shirts", "Polos"]
    assert page["pageInfo"]["hasNextPage"] is False
    back = graphql(shop, query, last=2, before=page["pageInfo"]["startCursor"])["data"]["categories"]
    assert [edge["node"]["name"] for edge in back["edges"]] == ["Coats", "Shirts"]
    one = graphql(shop, query, first=5, filter={"ids": [gid(made["toys"])]})["data"]["categories"]
    assert [edge["node"]["name"] for edge in one["edges"]] == ["Toys"]


def test_category_by_id_and_not_of_another_shop(graphql, tree, tenant):
    shop, made = tree
    query = "query($id: ID){category(id: $id){slug}}"
    assert graphql(shop, query, id=gid(made["toys"])) == {"data": {"category": {"slug": "toys"}}}
    assert graphql(tenant, query, id=gid(made["toys"])) == {"data": {"category": None}}
    assert graphql(tenant, '{category(slug: "toys"){slug}}') == {"data": {"category": None}}
    assert graphql(tenant, "{categories(first: 5){totalCount edges{node{slug}}}}") == {
        "data": {"categories": {"totalCount": 0, "edges": []}}
    }


@pytest.fixture(scope="module")
def selections():
    """Return a shop with collections published, hidden, to come and in another channel."""
    shop = open_shop()
    with tenant_scope(shop.id):
        other = make_channel(slug="other")
        a, b, c = (make.make_product(name, price=price) for name, price in (("A", 300), ("B", 200), ("C", 100)))
        shown = make.make_collection("Shown", slug="shown", products=[b, a, c], metadata={"k": "v"})
        make.make_collection("Also", slug="also", products=[c])
        hidden = make.make_collection("Hidden", slug="hidden", channels=[])
        CollectionPublication.objects.create(collection=hidden, channel=make.the_channel(), is_published=False)
        future = make.make_collection("Future", slug="future", channels=[])
        CollectionPublication.objects.create(
            collection=future, channel=make.the_channel(), published_at=datetime(2200, 1, 1, tzinfo=UTC)
        )
        make.make_collection("Elsewhere", slug="elsewhere", channels=[other])
    return shop, shown


def test_collection_shows_its_products_in_the_merchants_order(graphql, selections):
    shop, shown = selections
    query = """query($sortBy: ProductOrder) {collection(slug: "shown", channel: "default-channel") {
      id name channel metadata { key value } backgroundImage { url }
      products(first: 10, sortBy: $sortBy) { totalCount edges { node { name } } } } }"""

    def names(**variables):
        products = graphql(shop, query, **variables)["data"]["collection"]["products"]
        assert products["totalCount"] == 3
        return [edge["node"]["name"] for edge in products["edges"]]

    answer = graphql(shop, query)["data"]["collection"]
    assert {key: answer[key] for key in ("id", "name", "channel", "metadata", "backgroundImage")} == {
        "id": gid(shown),
        "name": "Shown",
        "channel": "default-channel",
        "metadata": [{"key": "k", "value": "v"}],
        "backgroundImage": None,
    }
    assert names() == ["B", "A", "C"]
    assert names(sortBy={"field": "COLLECTION", "direction": "ASC"}) == ["B", "A", "C"]
    assert names(sortBy={"field": "COLLECTION", "direction": "DESC"}) == ["C", "A", "B"]
    assert names(sortBy={"field": "PRICE", "direction": "ASC"}) == ["C", "B", "A"]


def test_collection_pages(graphql, selections):
    shop, _ = selections
    query = """query($first: Int, $after: String, $last: Int, $before: String) {
      collection(slug: "shown", channel: "default-channel") {
        products(first: $first, after: $after, last: $last, before: $before) {
          pageInfo { startCursor endCursor hasNextPage } edges { node { name } } } } }"""
    first = graphql(shop, query, first=2)["data"]["collection"]["products"]
    assert [edge["node"]["name"] for edge in first["edges"]] == ["B", "A"]
    rest = graphql(shop, query, first=2, after=first["pageInfo"]["endCursor"])["data"]["collection"]["products"]
    assert [edge["node"]["name"] for edge in rest["edges"]] == ["C"]
    back = graphql(shop, query, last=1, before=rest["pageInfo"]["startCursor"])["data"]["collection"]["products"]
    assert [edge["node"]["name"] for edge in back["edges"]] == ["A"]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("", ["Also", "Shown"]),
        ('filter: {slugs: ["shown", "hidden", "future"]}', ["Shown"]),
        ("filter: {published: PUBLISHED}", ["Also", "Shown"]),
        ("filter: {published: HIDDEN}", []),
        ('filter: {search: "how"}', ["Shown"]),
        ('filter: {metadata: [{key: "k", value: "v"}]}', ["Shown"]),
    ],
)
def test_collections_are_those_that_shoppers_see(graphql, selections, arguments, names):
    shop, _ = selections
    answer = graphql(
        shop, '{collections(first: 9, channel: "default-channel", ' + arguments + "){totalCount edges{node{name}}}}"
    )
    found = answer["data"]["collections"]
    assert ([edge["node"]["name"] for edge in found["edges"]], found["totalCount"]) == (names, len(names))


def test_collections_of_another_channel(graphql, selections):
    shop, _ = selections
    fields = "{edges{node{name}}}"
    there = graphql(shop, '{collections(first: 9, channel: "other")' + fields + "}")
    assert there["data"]["collections"]["edges"] == [{"node": {"name": "Elsewhere"}}]
    by_filter = graphql(shop, '{collections(first: 9, filter: {channel: "other"})' + fields + "}")
    assert by_filter == there
    assert graphql(shop, '{collections(first: 9, channel: "none")' + fields + "}")["data"]["collections"]["edges"] == []


@pytest.mark.parametrize("slug", ["hidden", "future", "elsewhere", "none"])
def test_collection_that_is_not_published_here_and_now_is_not_found(graphql, selections, slug):
    shop, _ = selections
    query = 'query($slug: String){collection(slug: $slug, channel: "default-channel"){id}}'
    assert graphql(shop, query, slug=slug) == {"data": {"collection": None}}


def test_collections_of_another_shop_are_not_found(graphql, selections, tenant):
    _, shown = selections
    assert graphql(tenant, "query($id: ID){collection(id: $id){id}}", id=gid(shown)) == {"data": {"collection": None}}
    assert graphql(tenant, "{collections(first: 9){totalCount}}") == {"data": {"collections": {"totalCount": 0}}}


# --- Narrowing and sorting ------------------------------------------------------------------------------------

CATEGORIES = """query($filter: CategoryFilterInput, $where: CategoryWhereInput, $sortBy: CategorySortingInput,
  $search: String, $level: Int, $first: Int, $last: Int, $after: String, $before: String) {
  categories(filter: $filter, where: $where, sortBy: $sortBy, search: $search, level: $level, first: $first,
    last: $last, after: $after, before: $before) {
    totalCount pageInfo { startCursor endCursor hasNextPage } edges { node { slug } } } }"""
COLLECTIONS = CATEGORIES.replace("Category", "Collection").replace("categories", "collections").replace(
    ", $level: Int", "").replace(", level: $level", "")  # fmt: skip


def slugs(answer):
    (found,) = answer["data"].values()
    return [edge["node"]["slug"] for edge in found["edges"]]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({}, "clothes toys coats shirts polos"),
        ({"level": 1}, "coats shirts"),
        ({"search": "OLO"}, "polos"),
        ({"search": "_"}, ""),
        ({"filter": {"search": "shirt"}}, "shirts"),
        ({"filter": {"slugs": ["toys", "polos"]}}, "toys polos"),
        ({"filter": {"updatedAt": {"lte": "2020-01-01T00:00:00Z"}}}, ""),
        ({"where": {"ids": ["toys"]}}, "toys"),
        ({"where": {"ids": []}}, ""),
        ({"where": {"OR": [{"ids": ["toys"]}, {"metadata": [{"key": "none"}]}]}}, "toys"),
        ({"where": {"AND": [{"ids": ["toys"]}, {"metadata": [{"key": "none"}]}]}}, ""),
        ({"sortBy": {"field": "NAME", "direction": "DESC"}}, "toys shirts polos coats clothes"),
        ({"sortBy": {"field": "PRODUCT_COUNT", "direction": "DESC"}}, "clothes shirts polos coats toys"),
        ({"sortBy": {"field": "SUBCATEGORY_COUNT", "direction": "DESC"}}, "clothes shirts toys polos coats"),
    ],
    ids=str,
)
def test_categories_are_narrowed_and_sorted(graphql, tree, arguments, found):
    shop, made = tree

    def filled(value):
        if isinstance(value, dict):
            return {name: [gid(made[slug]) for slug in below] if name == "ids" else filled(below)
                    for name, below in value.items()}  # fmt: skip
        return [filled(below) for below in value] if isinstance(value, list) else value

    answer = graphql(shop, CATEGORIES, first=10, **filled(arguments))
    assert slugs(answer) == found.split()
    assert answer["data"]["categories"]["totalCount"] == len(found.split())


@pytest.mark.parametrize("field", ["NAME", "PRODUCT_COUNT", "SUBCATEGORY_COUNT"])
def test_sorted_categories_go_both_ways_by_page(graphql, tree, field):
    shop, _ = tree
    orders = {}
    for direction in ("ASC", "DESC"):
        sort, found, after = {"field": field, "direction": direction}, [], None
        while after is None or info["hasNextPage"]:  # noqa: F821  of the page before
            answer = graphql(shop, CATEGORIES, sortBy=sort, first=2, after=after)
            info = answer["data"]["categories"]["pageInfo"]
            after = info["endCursor"]
            found += slugs(answer)
        back = graphql(shop, CATEGORIES, sortBy=sort, last=4, before=info["startCursor"])
        assert slugs(back) == found[:4]
        orders[direction] = found
    assert orders["ASC"] == orders["DESC"][::-1]
    assert len(set(orders["ASC"])) == 5


def test_collections_are_narrowed_and_sorted(graphql, client_for, tenant):
    with tenant_scope(tenant.id):
        products = [make.make_product(name) for name in "AB"]
        both = make.make_collection("Both", slug="both", products=products)
        one = make.make_collection("One", slug="one", products=products[:1], metadata={"a": "1"})
        CollectionPublication.objects.filter(collection=one).update(published_at=datetime(2020, 1, 1, tzinfo=UTC))
        hidden = make.make_collection("Hidden", slug="hidden", channels=[])
        CollectionPublication.objects.create(collection=hidden, channel=make.the_channel(), is_published=False)
        make.make_collection("Nowhere", slug="nowhere", channels=[])
        client = client_for(tenant, authorization=f"Bearer {make_app('MANAGE_PRODUCTS').text}")

    def listed(**arguments):
        return slugs(graphql(tenant, COLLECTIONS, first=10, **arguments))

    def managed(**arguments):
        body = {"query": COLLECTIONS, "variables": {"first": 10, **arguments}}
        return slugs(client.post("/graphql/", body, "application/json").json())

    assert listed() == ["both", "one"]
    assert listed(search="ON") == ["one"]
    assert listed(filter={"metadata": [{"key": "a"}]}) == ["one"]
    assert listed(filter={"published": "HIDDEN"}) == []
    assert listed(filter={"published": "PUBLISHED"}) == ["both", "one"]
    assert listed(where={"ids": [gid(both), gid(hidden)]}) == ["both"]
    assert listed(sortBy={"field": "PRODUCT_COUNT", "direction": "ASC"}) == ["one", "both"]
    assert listed(sortBy={"field": "PUBLISHED_AT", "direction": "ASC"}) == ["one", "both"]
    assert listed(sortBy={"field": "PUBLICATION_DATE", "direction": "DESC"}) == ["both", "one"]
    assert listed(sortBy={"field": "NAME", "direction": "DESC"}) == ["one", "both"]

    assert managed() == ["both", "hidden", "nowhere", "one"]
    assert managed(filter={"published": "HIDDEN"}) == ["hidden", "nowhere"]
    here = {"channel": "default-channel"}
    assert managed(filter=here) == ["both", "hidden", "one"]
    assert managed(filter={**here, "published": "HIDDEN"}) == ["hidden"]
    assert managed(filter={**here, "published": "PUBLISHED"}) == ["both", "one"]
    availability = {"field": "AVAILABILITY", "direction": "ASC", **here}
    assert managed(sortBy=availability) == ["hidden", "both", "one"]
