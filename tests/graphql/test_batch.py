from typing import Any

import graphene
import pytest
from graphql import GraphQLObjectType

from commerce.graphql.batch import Batch, Column, batch, column, root
from commerce.graphql.schema import build_schema

from .toy import AttributeRow, ProductRow, QueryType, run, schema


def test_every_level_is_one_call():
    found = run("{ products { id variants { sku attributes { name upper } } } }")
    assert [product["id"] for product in found.data["products"]] == ["UHJvZHVjdDox", "UHJvZHVjdDoy", "UHJvZHVjdDoz"]
    assert [len(product["variants"]) for product in found.data["products"]] == [0, 1, 2]
    assert found.data["products"][1]["variants"][0]["attributes"] == [
        {"name": "size", "upper": "SIZE"},
        {"name": "colour", "upper": "COLOUR"},
    ]
    assert [(place, rows) for place, rows, _ in found.context.noted] == [
        ("Query.products", 1),
        ("Product.id", 3),
        ("Variant.attributes", 3),
        ("Attribute.upper", 6),
    ]


def test_aliases_with_other_arguments_do_not_mix():
    found = run('{ products { a: label(prefix: "A ") b: label(prefix: "B ") label } }')
    assert found.data["products"][2] == {"a": "A Product 3", "b": "B Product 3", "label": "Product 3"}
    assert sorted(arguments["prefix"] for _, _, arguments in found.context.noted[1:]) == ["", "A ", "B "]


def test_same_field_in_two_places_is_two_levels():
    found = run("{ a: products { id } b: products(limit: 1) { id } }")
    assert [(place, rows) for place, rows, _ in found.context.noted if place == "Product.id"] == [
        ("Product.id", 3),
        ("Product.id", 1),
    ]


def test_merged_selections_and_fragments_are_one_call():
    found = run(
        """{ products { ...ids id } products { ... on Product { id category { ...named } } } }
        fragment ids on Product { id category { name } } fragment named on Category { name }"""
    )
    assert found.context.count == {"Query.products": 1, "Product.id": 1}
    assert found.data["products"][2] == {"id": "UHJvZHVjdDoz", "category": {"name": "Hats"}}


def test_row_under_several_parents_is_in_its_level_once():
    found = run("{ products { freshCategory { name products(first: 5) { edges { node { name } } } } } }")
    assert ("Category.products", 2) in [(place, rows) for place, rows, _ in found.context.noted]
    assert [len(product["freshCategory"]["products"]["edges"]) for product in found.data["products"]] == [2, 2, 1]


def test_row_at_two_places_of_a_query_belongs_to_both_levels():
    # variant.product is the very row that `products` returned; the second place must not disturb the first.
    found = run("{ products { variants { product { id label } } id label } }")
    assert sorted((place, rows) for place, rows, _ in found.context.noted) == [
        ("Product.id", 2),
        ("Product.id", 3),
        ("Product.label", 2),
        ("Product.label", 3),
        ("Query.products", 1),
    ]


def test_lists_of_lists_are_one_level():
    found = run("{ grid { id } }")
    assert found.data["grid"] == [
        [{"id": "UHJvZHVjdDox"}, {"id": "UHJvZHVjdDoy"}],
        None,
        [{"id": "UHJvZHVjdDoy"}, None, {"id": "UHJvZHVjdDoz"}],
        [],
    ]
    assert found.context.noted == [("Product.id", 3, {})]


def test_nested_lists_below_a_level_are_one_level():
    found = run("{ products { matrix { upper } } }")
    assert found.data["products"][0]["matrix"] == [[{"upper": "A"}, None], None, [{"upper": "B"}]]
    assert found.context.noted[1:] == [("Attribute.upper", 6, {})]


def test_union_passes_rows_of_one_type_only():
    found = run("{ search { __typename ... on Product { id name } ... on StaticPage { body } } }")
    assert found.context.noted == [("Product.id", 3, {}), ("StaticPage.body", 2, {})]
    assert found.data["search"][3] == {"__typename": "StaticPage", "body": "<p>About"}


def test_interface_field_is_one_call_per_type_and_below_it_again():
    found = run("{ named { name related { name ... on Product { id } ... on StaticPage { body } } } }")
    assert found.context.noted == [
        ("StaticPage.related", 1, {}),
        ("Product.related", 3, {}),
        ("StaticPage.body", 3, {}),
        ("Product.id", 3, {}),
    ]
    assert found.data["named"][1]["related"][0] == {"name": "About Product 1", "body": "<p>About Product 1"}


def test_types_behind_an_interface_may_give_one_field_other_arguments():
    found = run(
        """{ named {
            ... on Product { related { ... on Product { label(prefix: "a ") } } }
            ... on StaticPage { related { ... on Product { label(prefix: "b ") } } }
        } }"""
    )
    assert ("Product.label", 3, {"prefix": "a "}) in found.context.noted
    assert found.data["named"][1]["related"][1] == {"label": "a Product 1"}


def test_rows_held_by_attributes_are_levels_too():
    found = run("{ products { priceRange { start { gross { amount currency } tax { amount } } } } }")
    assert found.data["products"][0]["priceRange"]["start"] == {
        "gross": {"amount": 12.1, "currency": "EUR"},
        "tax": {"amount": 2.1},
    }


def test_exception_of_a_batch_call_is_the_error_of_every_parent():
    found = run("{ products { broken name } }")
    assert found.status == 200
    assert found.body["data"]["products"][1] == {"broken": None, "name": "Product 2"}
    assert [(error["message"], error["path"]) for error in found.errors] == [
        ("Internal Server Error", ["products", number, "broken"]) for number in range(3)
    ]
    assert found.context.count["Product.broken"] == 1


def test_exception_instead_of_a_value_is_the_error_of_one_parent():
    found = run("{ products { flaky } }")
    assert found.body["data"]["products"] == [{"flaky": "fine"}, {"flaky": None}, {"flaky": "fine"}]
    assert found.errors == [
        {
            "message": "Out of luck.",
            "locations": [{"line": 1, "column": 14}],
            "path": ["products", 1, "flaky"],
            "extensions": {"exception": {"code": "GraphQLError"}, "code": "LUCK", "field": None},
        }
    ]


def test_null_in_a_non_null_field_propagates_to_the_nearest_nullable():
    found = run("{ products { name strict } }")
    assert found.body["data"] == {"products": None}
    assert [error["path"] for error in found.errors] == [["products", 1, "strict"]]


def test_error_of_a_non_null_root_field_leaves_no_data():
    found = run("{ sums }")
    assert found.status == 200
    assert found.body["data"] is None
    assert found.messages == ["Internal Server Error"]


def test_wrong_number_of_values_and_generators_are_bugs(caplog):
    found = run("{ products { short lazy { sku } } }")
    assert set(found.messages) == {"Internal Server Error"}
    assert "1 values for 3 rows" in caplog.text
    assert "not a generator" in caplog.text


def test_skipped_fields_are_not_called():
    found = run("query ($no: Boolean!) { products { id @include(if: $no) name } }", {"no": False})
    assert found.context.count == {"Query.products": 1}


def test_engine_finds_batch_functions_and_attributes_in_the_schema():
    for named in schema.type_map.values():
        if isinstance(named, GraphQLObjectType) and not named.name.startswith("__"):
            assert all(isinstance(field.resolve, Batch) for field in named.fields.values()), named
    product = schema.get_type("Product")
    assert isinstance(product, GraphQLObjectType)
    resolvers: dict[str, Any] = {name: field.resolve for name, field in product.fields.items()}
    assert resolvers["name"].attribute == "title"
    assert isinstance(resolvers["variants"], Column)
    assert resolvers["id"].batch.__qualname__ == "Product.resolve_id"


def _root_of(**members):
    return type("Query", (graphene.ObjectType,), members)


def _type_of(**members):
    item = type("Item", (graphene.ObjectType,), members)
    return _root_of(item=graphene.Field(item), resolve_item=root(lambda info: None))


def test_ordinary_resolver_is_refused():
    with pytest.raises(TypeError, match=r"Item\.name: the resolver must be declared by @batch"):
        build_schema(_type_of(name=graphene.String(), resolve_name=lambda row, info: "x"))


def test_root_resolver_below_the_root_is_refused():
    with pytest.raises(TypeError, match=r"Item\.name: @root is for the fields of Query"):
        build_schema(_type_of(name=graphene.String(), resolve_name=root(lambda info: "x")))


def test_root_field_without_a_resolver_is_refused():
    with pytest.raises(TypeError, match=r"Query\.name: a field of the root needs a resolver"):
        build_schema(_root_of(name=graphene.String()))


def test_attribute_that_the_rows_lack_is_refused():
    meta = type("Meta", (), {"possible_types": (ProductRow, AttributeRow)})
    with pytest.raises(TypeError, match=r"Item\.name: ProductRow has no attribute 'name'"):
        build_schema(_type_of(Meta=meta, name=graphene.String()))
    with pytest.raises(TypeError, match=r"Item\.name: AttributeRow has no attribute 'title'"):
        build_schema(_type_of(Meta=meta, name=graphene.String(), resolve_name=column("title")))


def test_scalar_that_clients_do_not_know_is_refused():
    hour = type("Hour", (graphene.Int,), {})
    with pytest.raises(TypeError, match="Hour: clients generate code for"):
        build_schema(_type_of(name=graphene.Field(hour)))


def test_deprecated_argument_is_refused():
    argument = graphene.Argument(graphene.Int, deprecation_reason="old")
    with pytest.raises(TypeError, match=r"Item\.name\(size\): a deprecated argument"):
        build_schema(_type_of(name=graphene.String(size=argument), resolve_name=batch(lambda rows, info: [])))


def test_deprecated_input_field_is_refused():
    options = type(
        "Options", (graphene.InputObjectType,), {"size": graphene.InputField(graphene.Int, deprecation_reason="old")}
    )
    with pytest.raises(TypeError, match=r"Options\.size: a deprecated argument"):
        build_schema(_type_of(name=graphene.String(options=options()), resolve_name=batch(lambda rows, info: [])))


def test_schema_can_be_built_twice():
    assert build_schema(QueryType).type_map.keys() <= schema.type_map.keys()
