"""Lists of attributes at `/graphql/`, and the pairs that are kept with objects of the catalogue."""

import pytest
from django.utils import timezone

from catalog import operations
from catalog.models import Attribute, ProductTypeAttribute
from catalog.operations import KEPT_WITH
from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from tests.factories import catalog as make
from tests.factories.rows import load_every_model
from tests.factories.tenants import make_app, open_shop

LIST = """query($filter: AttributeFilterInput, $where: AttributeWhereInput, $sortBy: AttributeSortingInput, $first: Int,
  $last: Int, $after: String, $before: String, $search: String, $channel: String) {
  attributes(filter: $filter, where: $where, sortBy: $sortBy, first: $first, last: $last, after: $after,
    before: $before, search: $search, channel: $channel) {
    totalCount pageInfo { startCursor endCursor hasNextPage } edges { node { slug } } } }"""


@pytest.fixture(scope="module")
def shop():
    """Return a shop whose categories and collections have products of different types."""
    shop = open_shop()
    with tenant_scope(shop.id):
        colour = make.make_attribute("Colour", slug="colour", values=["Red", "Blue"], storefront_search_position=3)
        size = make.make_attribute("Size", slug="size", values=["S"], storefront_search_position=1)
        power = make.make_attribute(
            "Power", slug="power", input_type=Attribute.InputType.NUMERIC, value_required=True,
            filterable_in_storefront=False, metadata={"unit": "W"}, storefront_search_position=2,
        )  # fmt: skip
        secret = make.make_attribute("Secret", slug="secret", visible_in_storefront=False)
        make.make_attribute("Topic", slug="topic", kind="page-type", available_in_grid=True)
        shirt = make.make_product_type("Shirt", slug="shirt", attributes=[colour, secret])
        ProductTypeAttribute.objects.create(
            product_type=shirt, attribute=size, on_variants=True, variant_selection=True
        )
        drill = make.make_product_type("Drill", slug="drill", attributes=[power])
        clothes = make.make_category("Clothes", slug="clothes")
        shirts = make.make_category("Shirts", slug="shirts", parent=clothes)
        tools = make.make_category("Tools", slug="tools")
        blue = make.make_product("Blue", product_type=shirt, category=shirts)
        make.make_product("Hidden", product_type=drill, category=clothes, published=False)
        driver = make.make_product("Driver", product_type=drill, category=tools)
        make.make_collection("All", slug="all", products=[blue, driver])
        groups = {name: to_global_id("Category", made.id) for name, made in (("clothes", clothes), ("tools", tools))}
        groups["all"] = to_global_id("Collection", make.Collection.objects.get(slug="all").id)
        groups["colour"] = to_global_id("Attribute", colour.id)
    return shop, groups


def slugs(answer):
    return [edge["node"]["slug"] for edge in answer["data"]["attributes"]["edges"]]


FILTERS = [
    ({}, "topic size power colour"),
    ({"inCategory": "clothes"}, "size colour"),
    ({"inCategory": "tools"}, "power"),
    ({"inCollection": "all"}, "size power colour"),
    ({"inCollection": "all", "filterableInStorefront": True}, "size colour"),
    ({"valueRequired": True}, "power"),
    ({"visibleInStorefront": False}, ""),
    ({"isVariantOnly": True}, "size"),
    ({"isVariantOnly": False}, "topic power colour"),
    ({"availableInGrid": True}, "topic"),
    ({"filterableInDashboard": False}, ""),
    ({"type": "PAGE_TYPE"}, "topic"),
    ({"type": "CUSTOMER_TYPE"}, ""),
    ({"search": "OLO"}, "colour"),
    ({"slugs": ["size", "secret"]}, "size"),
    ({"slugs": []}, "topic size power colour"),
    ({"ids": ["colour"]}, "colour"),
    ({"metadata": [{"key": "unit", "value": "W"}]}, "power"),
    ({"channel": "default-channel", "inCategory": "tools"}, "power"),
    ({"channel": "nowhere", "inCategory": "tools"}, ""),
]
WHERES = [
    ({"slug": {"oneOf": ["size", "power"]}}, "size power"),
    ({"name": {"eq": "Colour"}}, "colour"),
    ({"withChoices": False}, "power"),
    ({"withChoices": True}, "topic size colour"),
    ({"inputType": {"eq": "NUMERIC"}}, "power"),
    ({"type": {"oneOf": ["PAGE_TYPE", "PRODUCT_TYPE"]}}, "topic size power colour"),
    ({"entityType": {"eq": "PAGE"}}, ""),
    ({"OR": [{"valueRequired": True}, {"inCategory": "clothes"}]}, "size power colour"),
    ({"AND": [{"inCollection": "all"}, {"slug": {"eq": "topic"}}]}, ""),
]


def filled(value, groups):
    if isinstance(value, dict):
        return {name: filled(below, groups) if name != "slug" else below for name, below in value.items()}
    if isinstance(value, list):
        return [filled(below, groups) for below in value]
    return groups.get(value, value) if isinstance(value, str) else value


@pytest.mark.parametrize(("wanted", "found"), FILTERS, ids=str)
def test_filter(graphql, shop, wanted, found):
    answer = graphql(shop[0], LIST, filter=filled(wanted, shop[1]), first=20)
    assert "errors" not in answer
    assert slugs(answer) == found.split()
    assert answer["data"]["attributes"]["totalCount"] == len(found.split())


@pytest.mark.parametrize(("wanted", "found"), WHERES, ids=str)
def test_where(graphql, shop, wanted, found):
    assert slugs(graphql(shop[0], LIST, where=filled(wanted, shop[1]), first=20)) == found.split()


@pytest.mark.parametrize(
    ("field", "order"),
    [
        ("NAME", "colour power size topic"),
        ("SLUG", "colour power size topic"),
        ("VALUE_REQUIRED", "colour size topic power"),
        ("IS_VARIANT_ONLY", "colour power topic size"),
        ("FILTERABLE_IN_STOREFRONT", "power colour size topic"),
        ("FILTERABLE_IN_DASHBOARD", "colour power size topic"),
        ("VISIBLE_IN_STOREFRONT", "colour power size topic"),
        ("AVAILABLE_IN_GRID", "colour power size topic"),
        ("STOREFRONT_SEARCH_POSITION", "topic size power colour"),
    ],
)
def test_sorted_both_ways_by_page(graphql, shop, field, order):
    expected = order.split()
    for direction, wanted in (("ASC", expected), ("DESC", expected[::-1])):
        sort, found, after = {"field": field, "direction": direction}, [], None
        while True:
            answer = graphql(shop[0], LIST, sortBy=sort, first=3, after=after)
            found += slugs(answer)
            info = answer["data"]["attributes"]["pageInfo"]
            after = info["endCursor"]
            if not info["hasNextPage"]:
                break
        assert found == wanted
        back = graphql(shop[0], LIST, sortBy=sort, last=3, before=info["startCursor"])
        assert slugs(back) == wanted[:3]


def test_an_attribute_and_its_choices(graphql, shop):
    answer = graphql(
        shop[0],
        """query($id: ID) { byId: attribute(id: $id) { name type withChoices availableInGrid storefrontSearchPosition
          entityType externalReference choices(first: 1) { totalCount edges { node { slug } } } }
        bySlug: attribute(slug: "power") { name inputType } hidden: attribute(slug: "secret") { name }
        productType(slug: "shirt") { name hasVariants isDigital kind
          productAttributes { slug } variantAttributes { slug }
          selection: variantAttributes(variantSelection: VARIANT_SELECTION) { slug }
          none: variantAttributes(variantSelection: NOT_VARIANT_SELECTION) { slug }
          assignedVariantAttributes { attribute { slug } variantSelection } } }""",
        id=shop[1]["colour"],
    )
    assert "errors" not in answer
    assert answer["data"] == {
        "byId": {
            "name": "Colour",
            "type": "PRODUCT_TYPE",
            "withChoices": True,
            "availableInGrid": False,
            "storefrontSearchPosition": 3,
            "entityType": None,
            "externalReference": None,
            "choices": {"totalCount": 2, "edges": [{"node": {"slug": "red"}}]},
        },
        "bySlug": {"name": "Power", "inputType": "NUMERIC"},
        "hidden": None,
        "productType": {
            "name": "Shirt",
            "hasVariants": True,
            "isDigital": False,
            "kind": "NORMAL",
            "productAttributes": [{"slug": "colour"}],
            "variantAttributes": [{"slug": "size"}],
            "selection": [{"slug": "size"}],
            "none": [],
            "assignedVariantAttributes": [{"attribute": {"slug": "size"}, "variantSelection": True}],
        },
    }


def test_staff_sees_hidden_attributes_and_warehouses(client_for, shop):
    with tenant_scope(shop[0].id):
        token = make_app("MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES", "MANAGE_PRODUCTS").text
    query = """{ attribute(slug: "secret") { name } attributes(first: 20) { totalCount }
      warehouses(first: 5, filter: {search: "MAIN"}) { edges { node { name slug isPrivate email } } } }"""
    client = client_for(shop[0], authorization=f"Bearer {token}")
    data = client.post("/graphql/", {"query": query}, "application/json").json()["data"]
    assert data["attribute"] == {"name": "Secret"}
    assert data["attributes"] == {"totalCount": 5}
    assert data["warehouses"]["edges"][0]["node"]["name"] == "Main warehouse"


def test_the_statements_of_attributes_do_not_grow_with_them(graphql, shop, count_sql):
    graphql(shop[0], "{ __typename }")
    counts = []
    for first in (1, 4):
        with count_sql() as statements:
            graphql(
                shop[0],
                """query($filter: AttributeFilterInput, $first: Int) { attributes(first: $first, filter: $filter) {
                  totalCount edges { node { slug choices(first: 5) { edges { node { name } } }
                  translation(languageCode: NL) { name } } } } }""",
                first=first,
                filter={"inCollection": shop[1]["all"]},
            )
        counts.append(len([sql for sql in statements if "least(" not in sql]))
    # Channels, attributes, their number, choices, translations.
    assert counts == [5, 5]


# --- Metadata -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full():
    """Return two shops that have some of everything, and for each kind the id of an object there."""
    shops = [load_every_model(open_shop()) for _ in range(2)]
    keys = []
    for shop in shops:
        with tenant_scope(shop.id):
            keys.append({kind: model.objects.order_by("id")[0].id for kind, model in KEPT_WITH.items()})
    return shops, keys


PERMISSIONS = {
    "Attribute": "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES",
    "Menu": "MANAGE_MENUS",
    "MenuItem": "MANAGE_MENUS",
    "Page": "MANAGE_PAGES",
    "PageType": "MANAGE_PAGE_TYPES_AND_ATTRIBUTES",
    "ProductType": "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES",
}


@pytest.mark.parametrize("kind", KEPT_WITH)
@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
def test_pairs_are_kept_with_objects(client_for, full, kind, private):
    (shop, _), (keys, their_keys) = full
    with tenant_scope(shop.id):
        before = KEPT_WITH[kind].objects.get(id=keys[kind])
        clients = [
            client_for(shop, authorization=f"Bearer {make_app(permission).text}")
            for permission in (PERMISSIONS.get(kind, "MANAGE_PRODUCTS"), "MANAGE_ORDERS")
        ]
    name, field = ("PrivateMetadata", "privateMetadata") if private else ("Metadata", "metadata")
    put = f"""mutation($id: ID!) {{
      update{name}(id: $id, input: [{{key: "a", value: "1"}}, {{key: "b", value: "2"}}]) {{
      item {{ {field} {{ key value }} __typename }} errors {{ field code message }} }} }}"""
    drop = f"""mutation($id: ID!) {{ delete{name}(id: $id, keys: ["a"]) {{
      item {{ {field} {{ key }} }} errors {{ code }} }} }}"""

    def ask(client, query, key):
        body = {"query": query, "variables": {"id": to_global_id(kind, key)}}
        return client.post("/graphql/", body, "application/json").json()

    payload = ask(clients[0], put, keys[kind])["data"][f"update{name}"]
    assert payload["errors"] == []
    assert payload["item"]["__typename"] == kind
    assert {"key": "a", "value": "1"} in payload["item"][field]
    payload = ask(clients[0], drop, keys[kind])["data"][f"delete{name}"]
    assert "a" not in [pair["key"] for pair in payload["item"][field]]
    with tenant_scope(shop.id):
        after = KEPT_WITH[kind].objects.get(id=keys[kind])
    assert after.version == before.version + 2
    assert (after.private_metadata if private else after.metadata)["b"] == "2"
    assert (after.metadata if private else after.private_metadata) == (
        before.metadata if private else before.private_metadata
    ), "the other pairs stay"

    (error,) = ask(clients[1], put, keys[kind])["errors"]
    assert error["extensions"]["exception"]["code"] == "PermissionDenied"
    (error,) = ask(clients[0], put, their_keys[kind])["data"][f"update{name}"]["errors"]
    assert (error["field"], error["code"]) == ("id", "NOT_FOUND")


def test_two_callers_pairs_are_both_kept(tenant):
    with tenant_scope(tenant.id):
        page = make.make_page("P")
        for pairs in ({"a": "1"}, {"b": "2"}):
            operations.change_metadata(kind="Page", key=page.id, private=False, put=pairs, now=timezone.now())
        page.refresh_from_db()
    assert page.metadata == {"a": "1", "b": "2"}
