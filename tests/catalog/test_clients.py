"""What storefronts ask besides lists and product pages: choices, menu items, the shop itself, the whole schema."""

import pytest
from graphql import build_client_schema, get_introspection_query, parse, validate

from commerce.db.scope import tenant_scope
from tests.factories import catalog as make
from tests.factories.tenants import make_app, open_shop

CHOICES = """query($filter: AttributeValueFilterInput, $where: AttributeValueWhereInput, $search: String,
    $sortBy: AttributeChoicesSortingInput, $first: Int, $after: String, $last: Int, $before: String) {
  attribute(slug: "colour") { choices(filter: $filter, where: $where, search: $search, sortBy: $sortBy, first: $first,
    after: $after, last: $last, before: $before) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { node { name } } } } }"""


@pytest.fixture(scope="module")
def shop(_database):
    shop = open_shop(currency="EUR", countries=("NL", "BE"), languages=("nl", "en"))
    with tenant_scope(shop.id):
        colour = make.make_attribute("Colour", slug="colour", unit="")
        for position, name in enumerate(["Red", "Dark red", "Blue", "Amber"]):
            make.make_value(colour, name, position=position)
        make.make_attribute("Width", slug="width", input_type="numeric", unit="cm")
        make.make_attribute("Surface", slug="surface", input_type="numeric", unit="SQ_CM")
        make.make_attribute("Memory", slug="memory", input_type="numeric", unit="GB")
        make.make_attribute("Matches", slug="matches", input_type="reference", entity_type="Product")
        menu = make.make_menu("Navbar", slug="navbar")
        hidden = make.make_page("Hidden", slug="hidden", is_published=False)
        above = None
        for level in range(4):
            above = make.make_menu_item(menu, f"Level {level}", parent=above, url="/x")
        make.make_menu_item(menu, "Hidden", page=hidden, position=9)
    return shop


def choices(graphql, shop, **variables):
    found = graphql(shop, CHOICES, **{"first": 10, **variables})
    assert "errors" not in found, found["errors"]
    return found["data"]["attribute"]["choices"]


def names(found):
    return [edge["node"]["name"] for edge in found["edges"]]


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({}, ["Red", "Dark red", "Blue", "Amber"]),
        ({"filter": {"search": "red"}}, ["Red", "Dark red"]),
        ({"search": "RED", "sortBy": {"field": "NAME", "direction": "ASC"}}, ["Dark red", "Red"]),
        ({"filter": {"slugs": ["blue"], "ids": []}}, ["Blue"]),
        ({"where": {"OR": [{"slug": {"eq": "amber"}}, {"name": {"oneOf": ["Red"]}}]}}, ["Red", "Amber"]),
        ({"sortBy": {"field": "NAME", "direction": "DESC"}}, ["Red", "Dark red", "Blue", "Amber"]),
        ({"sortBy": {"field": "SLUG", "direction": "ASC"}}, ["Amber", "Blue", "Dark red", "Red"]),
        ({"search": "%"}, []),
    ],
)
def test_the_choices_of_an_attribute_are_narrowed_and_ordered(graphql, shop, variables, found):
    told = choices(graphql, shop, **variables)
    assert names(told) == found
    assert told["totalCount"] == len(found)


@pytest.mark.parametrize("field", ["NAME", "SLUG", None])
def test_ordered_choices_are_paged_both_ways(graphql, shop, field):
    order = {"sortBy": {"field": field, "direction": "ASC"}} if field else {}
    whole = names(choices(graphql, shop, **order))
    first = choices(graphql, shop, first=3, **order)
    rest = choices(graphql, shop, first=3, after=first["pageInfo"]["endCursor"], **order)
    assert names(first) + names(rest) == whole
    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
    back = choices(graphql, shop, first=None, last=3, before=rest["pageInfo"]["startCursor"], **order)
    assert names(back) == names(first)


def test_choices_are_not_narrowed_in_two_ways(graphql, shop):
    answer = graphql(shop, CHOICES, first=1, filter={"search": "a"}, where={"ids": []})
    assert answer["errors"][0]["message"] == "Only one filtering argument (filter or where) can be specified."


def test_the_unit_of_an_attribute_is_one_of_the_dialect_or_none(graphql, shop):
    query = "{attributes(first: 10){edges{node{slug unit referenceTypes{__typename}}}}}"
    found = {edge["node"]["slug"]: edge["node"] for edge in graphql(shop, query)["data"]["attributes"]["edges"]}
    units = {slug: node["unit"] for slug, node in found.items()}
    assert units == {"colour": None, "width": "CM", "surface": "SQ_CM", "memory": None, "matches": None}
    assert (found["matches"]["referenceTypes"], found["width"]["referenceTypes"]) == ([], None)


MENU_ITEMS = """query($first: Int = 10, $after: String, $filter: MenuItemFilterInput, $sortBy: MenuItemSortingInput) {
  menuItems(first: $first, after: $after, filter: $filter, sortBy: $sortBy, channel: "default-channel") {
    totalCount pageInfo { endCursor hasNextPage } edges { node { name level menu { slug } } } } }"""


def test_the_items_of_all_menus(graphql, shop, client_for):
    found = graphql(shop, MENU_ITEMS)["data"]["menuItems"]
    assert names(found) == ["Level 0", "Level 1", "Level 2", "Level 3"]
    assert found["totalCount"] == 4
    assert found["edges"][0]["node"]["menu"] == {"slug": "navbar"}
    narrowed = graphql(shop, MENU_ITEMS, filter={"search": "LEVEL 2"})["data"]["menuItems"]
    assert names(narrowed) == ["Level 2"]
    turned = {"sortBy": {"field": "NAME", "direction": "DESC"}}
    page = graphql(shop, MENU_ITEMS, first=3, **turned)["data"]["menuItems"]
    rest = graphql(shop, MENU_ITEMS, first=3, after=page["pageInfo"]["endCursor"], **turned)["data"]["menuItems"]
    assert names(page) + names(rest) == ["Level 3", "Level 2", "Level 1", "Level 0"]
    with tenant_scope(shop.id):
        token = make_app("MANAGE_MENUS").text
    client = client_for(shop, authorization=f"Bearer {token}")
    seen = client.post("/graphql/", {"query": MENU_ITEMS}, "application/json").json()["data"]["menuItems"]
    assert names(seen) == ["Level 0", "Hidden", "Level 1", "Level 2", "Level 3"]


def test_collections_come_by_slug_if_no_order_is_asked_for(graphql, shop):
    with tenant_scope(shop.id):
        for name, slug in [("Zebra", "a-zebra"), ("Ant", "c-ant"), ("Bee", "b-bee")]:
            make.make_collection(name, slug=slug)
    query = """query($first: Int!, $after: String) { collections(first: $first, after: $after,
      channel: "default-channel") { pageInfo { endCursor } edges { node { slug name } } } }"""
    page = graphql(shop, query, first=2)["data"]["collections"]
    assert names(page) == ["Zebra", "Bee"]
    rest = graphql(shop, query, first=2, after=page["pageInfo"]["endCursor"])["data"]["collections"]
    assert names(rest) == ["Ant"]


def test_a_menu_may_be_asked_for_seven_levels_deep(graphql, shop):
    item = "id name level url category { id name } collection { id name } page { id title }"
    nested = item
    for _ in range(6):
        nested = f"{item} children {{ {nested} }}"
    answer = graphql(shop, f'{{ menu(slug: "navbar", channel: "default-channel") {{ items {{ {nested} }} }} }}')
    assert answer["data"]["menu"]["items"][0]["children"][0]["children"][0]["name"] == "Level 2"


def test_what_a_shop_says_of_itself(graphql, shop, client_for):
    query = """{shop{id name description headerText schemaVersion domain{host sslEnabled url}
      defaultCountry{code country} languages{code}}}"""
    told = graphql(shop, query)["data"]["shop"]
    assert told["domain"] == {"host": shop.host, "sslEnabled": False, "url": f"http://{shop.host}/"}
    assert told["defaultCountry"] == {"code": "NL", "country": "Netherlands"}
    assert (told["description"], told["headerText"], told["schemaVersion"]) == (None, None, "3.23")
    inside = "{shop{version channelCurrencies}}"
    refused = graphql(shop, inside)
    assert {error["extensions"]["exception"]["code"] for error in refused["errors"]} == {"PermissionDenied"}
    with tenant_scope(shop.id):
        token = make_app().text
    client = client_for(shop, authorization=f"Bearer {token}")
    answer = client.post("/graphql/", {"query": inside}, "application/json").json()
    assert answer == {"data": {"shop": {"version": "3.23.0", "channelCurrencies": ["EUR"]}}}


@pytest.mark.parametrize("asked", [{}, {"input_value_deprecation": True, "specified_by_url": True}])
def test_code_generators_read_the_whole_schema_without_a_token(graphql, shop, asked):
    """Clients check their documents against what introspection tells them, with graphql-js and graphql-core alike."""
    query = get_introspection_query(directive_is_repeatable=True, schema_description=True, **asked)
    schema = build_client_schema(graphql(shop, query)["data"])
    document = parse("""query { products(first: 1) { edges { node { ...offer } } } }
      fragment offer on Product {
        channelListings { channel { slug } pricing { priceRange { start { net { amount } } } } }
        variants { stocks { warehouse { address { country { code } } } } weight { unit value } } }""")
    assert validate(schema, document) == []
    assert validate(schema, parse("{ products(first: 1) { edges { node { noSuchField } } } }"))
