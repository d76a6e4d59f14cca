import pytest

from commerce.graphql.connections import countable
from commerce.graphql.paging import PageRequest

from .toy import Product, run

NAMES = "edges { cursor node { name } }"
NEIGHBOURS = "pageInfo { hasNextPage hasPreviousPage }"
CURSORS = "pageInfo { startCursor endCursor }"


def page_of(found):
    return next(arguments["page"] for place, _, arguments in found.context.noted if place == "Query.listing")


def test_page_forwards_and_on():
    found = run(f"{{ listing(first: 2) {{ {NAMES} {NEIGHBOURS} {CURSORS} }} }}")
    listing = found.data["listing"]
    assert [edge["node"]["name"] for edge in listing["edges"]] == ["Product 1", "Product 2"]
    assert listing["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": listing["edges"][0]["cursor"],
        "endCursor": listing["edges"][1]["cursor"],
    }
    on = run(
        f"query ($after: String) {{ listing(first: 2, after: $after) {{ edges {{ node {{ name }} }} {NEIGHBOURS} }} }}",
        {"after": listing["pageInfo"]["endCursor"]},
    )
    assert on.data["listing"] == {
        "edges": [{"node": {"name": "Product 3"}}],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": True},
    }
    assert page_of(on).start == ("Product 2", 2)


def test_page_backwards_and_on():
    last = run("{ listing(last: 1) { edges { cursor node { name } } pageInfo { hasPreviousPage } } }").data["listing"]
    assert (last["edges"][0]["node"]["name"], last["pageInfo"]["hasPreviousPage"]) == ("Product 3", True)
    back = run(
        f"query ($at: String) {{ listing(last: 5, before: $at) {{ edges {{ node {{ name }} }} {NEIGHBOURS} }} }}",
        {"at": last["edges"][0]["cursor"]},
    )
    assert back.data["listing"] == {
        "edges": [{"node": {"name": "Product 1"}}, {"node": {"name": "Product 2"}}],
        "pageInfo": {"hasNextPage": True, "hasPreviousPage": False},
    }


def test_empty_page_has_no_cursors():
    cursor = run("{ listing(last: 1) { edges { cursor } } }").data["listing"]["edges"][0]["cursor"]
    found = run(
        f'{{ listing(first: 1, after: "{cursor}") {{ edges {{ cursor }} pageInfo {{ startCursor endCursor }} }} }}'
    )
    assert found.data["listing"] == {"edges": [], "pageInfo": {"startCursor": None, "endCursor": None}}


def test_total_alone_asks_for_no_rows_and_no_page_size():
    found = run("{ listing { totalCount } }")
    assert found.data == {"listing": {"totalCount": 3}}
    assert page_of(found) == PageRequest(limit=0, with_total=True)


@pytest.mark.parametrize(
    ("selection", "limit", "with_total"),
    [
        (f"{{ {NAMES} }}", 2, False),
        ("{ pageInfo { hasNextPage } }", 2, False),
        (f"{{ {NAMES} totalCount }}", 2, True),
        ("{ totalCount }", 0, True),
        ("{ ...count }", 0, True),
        ("{ ... on ProductCountableConnection { n: totalCount } }", 0, True),
        (f"{{ {NAMES} totalCount @skip(if: true) }}", 2, False),
        (f"{{ {NAMES} ...count @include(if: $no) }}", 2, False),
        ("{ totalCount edges @include(if: $no) { cursor } }", 0, True),
        ("{ __typename }", 0, False),
    ],
)
def test_query_is_told_what_is_selected(selection, limit, with_total):
    text = f"query ($no: Boolean = false) {{ listing(first: 2) {selection} x: word @include(if: $no) }}"
    if "...count" in selection:
        text += " fragment count on ProductCountableConnection { totalCount }"
    found = run(text)
    assert found.status == 200
    assert page_of(found) == PageRequest(limit=limit, with_total=with_total)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "You must provide a `first` or `last` value to properly paginate the `listing` connection."),
        ("(first: 0)", "Argument `first` of the `listing` connection must be at least 1, not 0."),
        ("(last: -1)", "Argument `last` of the `listing` connection must be at least 1, not -1."),
        (
            "(first: 101)",
            "Requesting 101 records on the `listing` connection exceeds the `first` limit of 100 records.",
        ),
        ("(last: 101)", "Requesting 101 records on the `listing` connection exceeds the `last` limit of 100 records."),
        ("(first: 1, last: 1)", "Arguments `first` and `last` of the `listing` connection cannot be combined."),
        ('(first: 1, before: "x")', "Arguments `first` and `before` of the `listing` connection cannot be combined."),
        ('(last: 1, after: "x")', "Arguments `last` and `after` of the `listing` connection cannot be combined."),
        ('(first: 1, after: "x")', "Received cursor is invalid."),
        ('(first: 1, after: "")', "Received cursor is invalid."),
        ('(last: 1, before: "WyJh")', "Received cursor is invalid."),
    ],
)
def test_bad_paging_arguments_are_named_before_anything_is_queried(arguments, message):
    found = run(f"{{ alias: listing{arguments} {{ {NAMES} }} }}")
    assert found.status == 200
    assert found.body["data"] == {"alias": None}
    assert found.messages == [message]
    assert found.errors[0]["path"] == ["alias"]
    assert found.errors[0]["extensions"]["exception"] == {"code": "GraphQLError"}
    assert found.context.noted == []


def test_a_hundred_rows_may_be_asked_for():
    assert page_of(run(f"{{ listing(first: 100) {{ {NAMES} }} }}")).limit == 100


def test_page_size_is_checked_for_the_total_alone_as_well():
    assert run("{ listing(first: 0) { totalCount } }").messages[0].startswith("Argument `first`")


def test_cursor_of_another_order_is_refused():
    cursor = run("{ listing(first: 1, direction: ASC) { edges { cursor } } }").data["listing"]["edges"][0]["cursor"]
    same = run(f'{{ listing(first: 1, direction: ASC, after: "{cursor}") {{ {NAMES} }} }}')
    assert same.data["listing"]["edges"][0]["node"]["name"] == "Product 2"
    other = run(f'{{ listing(first: 1, direction: DESC, after: "{cursor}") {{ {NAMES} }} }}')
    assert other.messages == ["Received cursor is invalid."]


def test_nested_connection_is_one_call_for_all_parents():
    found = run("{ products { category { products(first: 1) { totalCount edges { node { id } } } } } }")
    assert found.context.noted == [
        ("Query.products", 1, {}),
        ("Category.products", 2, {"page": PageRequest(limit=1, with_total=True)}),
        ("Product.id", 2, {}),
    ]
    assert [product["category"]["products"]["totalCount"] for product in found.data["products"]] == [2, 2, 1]


def test_connection_types_have_the_names_of_the_dialect():
    assert countable(Product) is countable(Product)
    found = run(
        '{ __type(name: "ProductCountableConnection") { fields { name type { kind ofType { kind name } name } } } }'
    )
    assert {field["name"] for field in found.data["__type"]["fields"]} == {"edges", "pageInfo", "totalCount"}
