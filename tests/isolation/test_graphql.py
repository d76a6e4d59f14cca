"""Every field of the GraphQL schema, asked at one shop's host by an app that may do all: nothing of the other shop
comes back.

The cases are made from the schema: each field of each type that a query reaches, by the shortest way to it; each
root field that finds something by a value; each filter that takes ids. New fields are covered on the day they
are added.
"""

import itertools
import json
from base64 import b64decode
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.test import Client
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_required_argument,
    is_required_input_field,
)
from graphql.type import GraphQLEnumType, get_nullable_type

from catalog.operations.objects import KINDS
from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from commerce.schema import schema
from tenants.permissions import GRANTS
from tests.factories.rows import load_every_model
from tests.factories.tenants import make_app, open_shop
from tests.isolation.conftest import Shops, ids_of, rows_of

QUERY = schema.query_type
assert QUERY is not None
# The dialect's type names of the models whose ids are seen outside.
TYPES = {model._meta.db_table: kind for model, (kind, _) in KINDS.items()}
TYPES |= {"tenants_channel": "Channel", "tenants_app": "App", "webhooks_webhook": "Webhook"}
LOOKUPS = {"id": "id", "slug": "slug", "sku": "sku", "externalReference": "external_reference"}


class Case(NamedTuple):
    """A field of a type, and the fields that lead from the query to the type."""

    way: tuple[tuple[str, GraphQLField | None], ...]
    type: GraphQLObjectType
    name: str
    field: GraphQLField

    def __str__(self) -> str:
        return f"{self.type.name}.{self.name}"


def cases() -> Iterator[Case]:
    """Return every field of every object type that a query reaches."""
    ways: deque[tuple[Any, tuple[Any, ...]]] = deque([(QUERY, ())])
    met = {QUERY.name}
    while ways:
        type_, way = ways.popleft()
        if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            following = [
                (member, (*way, (f"... on {member.name}", None))) for member in schema.get_possible_types(type_)
            ]
        else:
            following = []
            for name, field in type_.fields.items():
                yield Case(way, type_, name, field)
                following.append((get_named_type(field.type), (*way, (name, field))))
        for target, longer in following:
            if not is_leaf_type(target) and target.name not in met:
                met.add(target.name)
                ways.append((target, longer))


CASES = list(cases())


def write(case: Case, token: str, keys: dict[str, str]) -> str:
    """Return the query for a case; its arguments name things of the shop with this token and these keys by type."""
    leaf = "" if is_leaf_type(get_named_type(case.field.type)) else _leaves(get_named_type(case.field.type))
    text = f"{case.name}{_arguments(case.field, token, keys)} {leaf}"
    for name, field in reversed(case.way):
        text = f"{name}{_arguments(field, token, keys) if field else ''} {{ __typename {text} }}"
    return f"{{ {text} }}"


def _leaves(type_: Any) -> str:
    """Return a selection of what names an object, without arguments."""
    fields = getattr(type_, "fields", {})
    names = [name for name in ("id", "name", "slug", "url") if name in fields and not fields[name].args]
    return f"{{ {' '.join(['__typename', *names])} }}"


def _arguments(field: GraphQLField, token: str, keys: dict[str, str]) -> str:
    given = {
        name: _value(name, argument, token)
        for name, argument in field.args.items()
        if is_required_argument(argument) or name == "first"
    }
    if "id" in field.args:
        kind = get_named_type(field.type).name
        given = {"id": json.dumps(to_global_id(kind, keys[kind]))}
    return f"({', '.join(f'{name}: {value}' for name, value in given.items())})" if given else ""


def _value(name: str, argument: GraphQLArgument, token: str) -> str:
    type_: Any = get_nullable_type(argument.type)
    named = get_named_type(type_)
    if isinstance(named, GraphQLEnumType):
        value = "NL" if "NL" in named.values else next(iter(named.values))
    elif named.name == "Int":
        value = "100" if name == "first" else "1"
    else:
        value = json.dumps({"slug": f"colour-{token}", "key": "token", "keys": "token"}.get(name, token))
    return f"[{value}]" if is_list_type(type_) else value


# --- Who asks -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shops(_database) -> Shops:
    """Return two shops of this module's own: an app of ours may do all."""
    ours, theirs = load_every_model(open_shop()), load_every_model(open_shop())
    our_rows, their_rows = rows_of(ours), rows_of(theirs)
    secrets = {theirs.token, theirs.host, str(theirs.public_id), *ids_of(their_rows)}
    return Shops(ours, theirs, our_rows, their_rows, frozenset(secrets))


@pytest.fixture(scope="module")
def clients(shops) -> dict[str, Client]:
    """Return a client for each shop's host, with the token of an app that has every permission there."""

    def client(shop):
        with tenant_scope(shop.id):
            token = make_app(*GRANTS).text
        return Client(headers={"host": shop.host, "authorization": f"Bearer {token}"})

    return {shop.host: client(shop) for shop in (shops.ours, shops.theirs)}


@pytest.fixture
def graphql(clients):
    """Return a function that asks a shop as an app that may do all there."""

    def post(shop, query: str, **variables):
        body = {"query": query, "variables": variables}
        return clients[shop.host].post("/graphql/", body, "application/json").json()

    return post


# --- What may not come back -------------------------------------------------------------------------------


def traces(answer: Any, shops: Shops) -> set[str]:
    """Return what an answer holds of the other shop: its token, its keys, whether written out or in global ids."""
    texts = list(_texts(answer))
    texts += [decoded for text in texts if (decoded := _decoded(text))]
    everything = "\n".join(texts)
    return {secret for secret in shops.secrets if secret in everything}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _decoded(text: str) -> str:
    try:
        return b64decode(text, validate=True).decode()
    except ValueError:
        return ""


def test_a_trace_is_found_wherever_it_is(shops):
    key = shops.their_rows["catalog_product"][0]["id"]
    for secret, text in [
        (shops.theirs.token, f"Shirt {shops.theirs.token}"),
        (key, f"/media/{key}.jpg"),
        (key, to_global_id("Product", key)),
    ]:
        assert traces({"data": {"a": [{"b": text}]}}, shops) == {secret}
    assert traces({"data": {"a": [{"b": shops.ours.token}, None, 1]}}, shops) == set()


# --- Every field ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answers(shops, clients):
    """Ask every case of the schema, with arguments that name things of the own shop and of the other one."""
    client = clients[shops.ours.host]
    words = [(shops.ours.token, _keys(shops.our_rows)), (shops.theirs.token, _keys(shops.their_rows))]

    def ask(query: str) -> Any:
        return client.post("/graphql/", {"query": query}, "application/json").json()

    return {str(case): {token: ask(write(case, token, keys)) for token, keys in words} for case in CASES}


def _keys(rows: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    keys = {kind: rows[table][0]["id"] for table, kind in TYPES.items()}
    return {**keys, "ProductImage": keys["ProductMedia"]}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_field_shows_nothing_of_another_shop(case, shops, answers):
    for answer in answers[str(case)].values():
        assert "data" in answer, answer
        assert traces(answer["data"], shops) == set()
    assert traces(answers[str(case)][shops.ours.token], shops) == set(), "nor do the words of an error"


def test_the_fields_are_really_filled(shops, answers):
    """Without this the tests above could pass on empty answers."""
    filled = {case.type.name for case in CASES if shops.ours.token in json.dumps(answers[str(case)][shops.ours.token])}
    assert filled >= {
        "Query", "Product", "ProductVariant", "Category", "Collection", "ProductType", "Channel", "Shop", "Image",
        "ProductMedia", "SelectedAttribute", "Attribute", "AttributeValue", "ProductTranslation",
        "ProductCountableEdge", "App", "AppToken", "AppInstallation", "Webhook", "EventDelivery",
    }  # fmt: skip


# --- Finding by a value ---------------------------------------------------------------------------------------------

FINDERS = [
    (name, argument)
    for (name, field), argument in itertools.product(QUERY.fields.items(), LOOKUPS)
    if argument in field.args
]


def _find(name: str, argument: str, value: str) -> str:
    return f"{{ {name}({argument}: {json.dumps(value)}) {_leaves(get_named_type(QUERY.fields[name].type))} }}"


def _values(rows: dict[str, list[dict[str, Any]]], name: str, argument: str) -> set[str]:
    """Return the values that a shop's rows have in columns of this name; of each table a key, as of this type."""
    kind = get_named_type(QUERY.fields[name].type).name
    column = LOOKUPS[argument]
    if argument == "id":
        return {to_global_id(kind, found[0]["id"]) for found in rows.values() if len(found[0].get("id", "")) == 36}
    return {row[column] for table in rows.values() for row in table if row.get(column)}


@pytest.mark.parametrize(("name", "argument"), FINDERS, ids=[f"{name}-{argument}" for name, argument in FINDERS])
def test_nothing_is_found_by_a_value_of_another_shop(name, argument, shops, graphql):
    ours, theirs = (_values(rows, name, argument) for rows in (shops.our_rows, shops.their_rows))
    assert any(graphql(shops.ours, _find(name, argument, value))["data"][name] for value in ours)
    assert theirs - ours
    answers = {json.dumps(graphql(shops.ours, _find(name, argument, value))["data"]) for value in theirs - ours}
    assert answers == {json.dumps({name: None})}


@pytest.mark.parametrize(("name", "argument"), FINDERS, ids=[f"{name}-{argument}" for name, argument in FINDERS])
def test_what_another_shop_has_is_answered_like_what_nobody_has(name, argument, shops, graphql):
    """No answer tells whether a thing exists elsewhere."""
    kind = get_named_type(QUERY.fields[name].type).name
    nobody = "00000000-0000-7000-8000-000000000000"
    value = sorted(_values(shops.their_rows, name, argument) - _values(shops.our_rows, name, argument))[0]
    unknown = to_global_id(kind, nobody) if argument == "id" else nobody
    answers = [
        json.dumps(graphql(shops.ours, _find(name, argument, each))).replace(each, "…") for each in (value, unknown)
    ]
    assert answers[0] == answers[1]


# --- Narrowing lists ----------------------------------------------------------------------------------------


class Filter(NamedTuple):
    """An input of a list that takes ids or text: the way to it from the root field's argument."""

    name: str
    way: tuple[str, ...]
    is_id: bool


def filters() -> Iterator[Filter]:
    assert QUERY is not None
    for name, field in QUERY.fields.items():
        if "after" in field.args:  # a connection
            for argument, definition in field.args.items():
                yield from _inputs(name, (argument,), definition.type)


def _inputs(name: str, way: tuple[str, ...], type_: Any) -> Iterator[Filter]:
    named = get_named_type(type_)
    if isinstance(named, GraphQLInputObjectType):
        for key, field in named.fields.items():
            if key not in ("AND", "OR", "NOT"):
                yield from _inputs(name, (*way, key), field.type)
    elif getattr(named, "name", "") in ("ID", "String"):
        yield Filter(name, way, named.name == "ID")


FILTERS = list(filters())


def _narrow(narrowing: Filter, value: Any) -> tuple[str, Any]:
    """Return a query and the variable for its input: the value at its place, beside what must stand there."""
    assert QUERY is not None
    root, *way = narrowing.way
    type_: Any = QUERY.fields[narrowing.name].args[root].type
    size = "last" if root == "before" else "first"
    selection = f"edges {{ node {_node_leaves(narrowing.name)} }} totalCount"
    query = f"query ($value: {type_}) {{ {narrowing.name}({root}: $value, {size}: 100) {{ {selection} }} }}"
    return query, _place(type_, way, value)


def _node_leaves(name: str) -> str:
    """Return a selection of what names an object of a list."""
    assert QUERY is not None
    edge: Any = get_named_type(get_named_type(QUERY.fields[name].type).fields["edges"].type)
    return _leaves(get_named_type(edge.fields["node"].type))


def _place(type_: Any, way: list[str], value: Any) -> Any:
    given = value
    if way:
        fields = get_named_type(type_).fields
        given = {name: _filler(name, field.type) for name, field in fields.items() if is_required_input_field(field)}
        given[way[0]] = _place(fields[way[0]].type, way[1:], value)
    return [given] if is_list_type(get_nullable_type(type_)) else given


def _filler(name: str, type_: Any) -> Any:
    named: Any = get_named_type(type_)
    return next(iter(named.values)) if isinstance(named, GraphQLEnumType) else "token"


@pytest.mark.parametrize("narrowing", FILTERS, ids=lambda each: f"{each.name}-{'.'.join(each.way)}")
def test_no_list_is_narrowed_to_things_of_another_shop(narrowing, shops, graphql):
    if narrowing.is_id:
        rows = shops.their_rows.items()
        values = [to_global_id(TYPES[table], row["id"]) for table, found in rows if table in TYPES for row in found[:1]]
    else:
        values = [
            shops.theirs.token,
            f"colour-{shops.theirs.token}",
            f"Shirt 1 {shops.theirs.token}",
            shops.theirs.slug,
        ]
    for value in values:
        query, variable = _narrow(narrowing, value)
        answer = graphql(shops.ours, query, value=variable)
        assert "data" in answer, answer
        assert traces(answer["data"], shops) == set()
        if answer["data"][narrowing.name] and narrowing.is_id and narrowing.way[0] != "sortBy":
            assert answer["data"][narrowing.name]["edges"] == []


@pytest.mark.parametrize("name", [name for name, field in QUERY.fields.items() if "after" in field.args])
def test_a_cursor_of_another_shop_leads_to_no_row_of_it(name, shops, graphql):
    page = f"pageInfo {{ startCursor endCursor }} edges {{ node {_node_leaves(name)} }}"
    cursor = graphql(shops.theirs, f"{{ {name}(first: 1) {{ {page} }} }}")["data"][name]["pageInfo"]["startCursor"]
    assert cursor
    for arguments in ("first: 100, after: $cursor", "last: 100, before: $cursor"):
        answer = graphql(shops.ours, f"query ($cursor: String) {{ {name}({arguments}) {{ {page} }} }}", cursor=cursor)
        assert traces(answer.get("data"), shops) == set()


# --- Writing ------------------------------------------------------------------------------------------------

# Each mutation that names an object, and that object's type and table.
WRITES = {
    "appTokenCreate(input: {app: $id})": ("App", "tenants_app"),
    "appTokenDelete(id: $id)": ("AppToken", "tenants_apptoken"),
    "appActivate(id: $id)": ("App", "tenants_app"),
    "appDeactivate(id: $id)": ("App", "tenants_app"),
    "appDelete(id: $id)": ("App", "tenants_app"),
    'appUpdate(id: $id, input: {name: "New"})': ("App", "tenants_app"),
    "appRetryInstall(id: $id)": ("AppInstallation", "tenants_appinstallation"),
    "appDeleteFailedInstallation(id: $id)": ("AppInstallation", "tenants_appinstallation"),
    'updateMetadata(id: $id, input: [{key: "a", value: "b"}])': ("App", "tenants_app"),
    'deleteMetadata(id: $id, keys: ["token"])': ("App", "tenants_app"),
    'updatePrivateMetadata(id: $id, input: [{key: "a", value: "b"}])': ("App", "tenants_app"),
    'deletePrivateMetadata(id: $id, keys: ["token"])': ("App", "tenants_app"),
    'webhookCreate(input: {app: $id, targetUrl: "https://a.example"})': ("App", "tenants_app"),
    'webhookUpdate(id: $id, input: {name: "New"})': ("Webhook", "webhooks_webhook"),
    "webhookDelete(id: $id)": ("Webhook", "webhooks_webhook"),
    "eventDeliveryRetry(id: $id)": ("EventDelivery", "webhooks_delivery"),
}
# Those that name none.
OTHERS = {"appCreate", "appFetchManifest", "appInstall", "appTokenVerify"}


def test_mutations_are_not_forgotten():
    assert schema.mutation_type is not None
    assert {write.partition("(")[0] for write in WRITES} | OTHERS == set(schema.mutation_type.fields)


@pytest.mark.parametrize("write", WRITES)
def test_a_mutation_finds_nothing_of_another_shop(write, shops, graphql):
    kind, table = WRITES[write]
    theirs = rows_of(shops.theirs)
    nobody = "00000000-0000-7000-8000-000000000000"
    query = f"mutation($id: ID!) {{ {write} {{ __typename errors {{ code field message }} }} }}"
    answers = [
        json.dumps(graphql(shops.ours, query, id=to_global_id(kind, key))).replace(key, "…")
        for key in (theirs[table][0]["id"], nobody)
    ]
    assert answers[0] == answers[1]
    assert "NOT_FOUND" in answers[0]
    assert rows_of(shops.theirs) == theirs
