from uuid import UUID

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from commerce.graphql.ids import from_global_id, split_global_id, to_global_id

from .toy import run

KEY = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def test_id_is_base64_of_type_and_key():
    assert to_global_id("Product", 123) == "UHJvZHVjdDoxMjM="
    assert from_global_id(to_global_id("Product", KEY), "Product") == KEY
    assert split_global_id(to_global_id("app", "12:priority")) == ("app", "12:priority")


@given(
    st.from_regex(r"[A-Z][A-Za-z]{0,20}", fullmatch=True), st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
)
def test_id_comes_back(type_name, key):
    assert from_global_id(to_global_id(type_name, key), type_name, str) == key


@pytest.mark.parametrize(
    "value",
    [
        "",
        to_global_id("Product", KEY).replace("d", "d!!!!", 1),
        "é",
        "UHJvZHVjdA==",  # "Product"
        "UHJvZHVjdDo=",  # "Product:"
        "UHJvZHVjdDox",  # "Product:1", which is no UUID
        "//79",
        to_global_id("Category", KEY),
        to_global_id("product", KEY),
    ],
)
def test_anything_else_is_refused_in_the_words_of_the_dialect(value):
    with pytest.raises(GraphQLError) as raised:
        from_global_id(value, "Product")
    assert raised.value.message == f"Invalid ID: {value}. Expected: Product."


def test_invalid_id_in_a_query_is_an_error_of_its_field():
    found = run('{ product(id: "nonsense") { name } }')
    assert found.status == 200
    assert found.body["data"] == {"product": None}
    assert found.errors == [
        {
            "message": "Invalid ID: nonsense. Expected: Product.",
            "locations": [{"line": 1, "column": 3}],
            "path": ["product"],
            "extensions": {"exception": {"code": "GraphQLError"}},
        }
    ]
    assert run('{ product(id: "UHJvZHVjdDoy") { name } }').data == {"product": {"name": "Product 2"}}
    assert run('{ product(id: "UHJvZHVjdDo5") { name } }').data == {"product": None}
