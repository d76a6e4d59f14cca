"""What plans and the engine do beyond being equal to graphql-core, which test_differential.py sees to."""

from typing import Any

import graphene
import graphql
import orjson
import pytest
from django.test import RequestFactory
from graphql import GraphQLObjectType, get_named_type, is_composite_type, parse
from graphql.execution.values import get_argument_values, get_variable_values

from commerce.graphql.batch import batch, root
from commerce.graphql.compiled import MAX_PLANS
from commerce.graphql.context import Context
from commerce.graphql.executor import Executor, Query
from commerce.graphql.limits import Limits
from commerce.graphql.plan import LevelPlan
from commerce.graphql.schema import build_schema
from commerce.graphql.values import Arguments, Variables
from commerce.observability.metrics import graphql_fallbacks
from commerce.schema import schema as shop_schema

from . import wild
from .differential import no_scope
from .toy import run, schema


def answer(of, text, **variables):
    context = wild.WildContext(request=RequestFactory().post("/graphql/"))
    found = Executor(of, Limits()).execute(Query(text, variables), context, no_scope)
    return orjson.loads(found.body), context


def counted(text, **variables):
    """Return by how much the count of fallbacks grows, by reason."""
    before = graphql_fallbacks.values()
    run(text, variables)
    after = graphql_fallbacks.values()
    return {reason: count - before.get(reason, 0) for reason, count in after.items() if count != before.get(reason, 0)}


def test_plans_run_all_but_introspection_and_null_conditions():
    assert counted("{ products { __typename name } }") == {}
    assert counted('mutation { __typename rename(name: "x") { name } }') == {}
    assert counted("{ __schema { queryType { name } } products { name } }") == {"introspection": 1}
    assert counted('{ ... on Query { t: __type(name: "Query") { name } } }') == {"introspection": 1}
    assert counted("query ($no: Boolean = true) { word @skip(if: $no) }", no=None) == {"null condition": 1}


def test_operation_is_compiled_once_for_each_value_of_its_conditions():
    executor = Executor(schema, Limits())
    text = "query ($yes: Boolean!, $n: Int) { products(limit: $n) { id @include(if: $yes) } }"

    def plan(**variables):
        prepared = executor.prepare(Query(text, variables))
        return prepared.selected.plan(prepared.variables)

    assert plan(yes=True, n=1) is plan(yes=True, n=2)
    assert plan(yes=True, n=1) is not plan(yes=False, n=1)


def test_plans_of_many_conditions_are_not_all_kept():
    names = [f"c{number}" for number in range(6)]
    text = f"query ({', '.join(f'${name}: Boolean!' for name in names)}) {{ word "
    text += " ".join(f"{name}: word @include(if: ${name})" for name in names) + " }"
    executor = Executor(schema, Limits())
    for number in range(2**6):
        values = {name: bool(number >> at & 1) for at, name in enumerate(names)}
        prepared = executor.prepare(Query(text, values))
        plan = prepared.selected.plan(prepared.variables)
        assert plan.keys == ("word", *(name for name in names if values[name]))
    assert len(prepared.selected._plans) <= MAX_PLANS


def test_keys_stand_in_the_order_of_the_document():
    found = run(
        "{ b: word ...f a: word ... @include(if: true) { c: word b: word } __typename } fragment f on Query { d: word }"
    )
    assert list(found.data) == ["b", "d", "a", "c", "__typename"]


def test_error_of_a_row_that_stands_at_two_places_is_told_at_both():
    body, _ = answer(wild.schema, "{ thingsMust { broken } }")
    assert body["data"] == {"thingsMust": [{"broken": None}] * 3}  # the first is the third
    assert [error["path"] for error in body["errors"]] == [["thingsMust", at, "broken"] for at in range(3)]


def test_fields_after_one_that_leaves_nothing_of_any_row_are_not_called():
    body, context = answer(
        wild.schema, "{ things(numbers: [13, 1]) { number brittleMust told } titleds { told: title } }"
    )
    assert body["data"]["things"] == [None, None]
    assert [name for name, _, _ in context.noted] == ["Query.things", "Query.titleds"]


def test_answer_is_clean_where_it_has_data_and_no_error():
    executor = Executor(wild.schema, Limits())

    def is_clean(text):
        context = wild.WildContext(request=RequestFactory().post("/graphql/"))
        return executor.execute(Query(text, {}), context, no_scope).clean

    assert [is_clean(text) for text in ("{ text }", "{ text broken }", "{ none }", "{ nothing }")] == [
        True, False, False, False,
    ]  # fmt: skip


# --- What a resolver is told ----------------------------------------------------------------------------


class Item(graphene.ObjectType):
    seen = graphene.String()
    told = graphene.String()
    again = graphene.Field(lambda: Item)

    @batch
    def resolve_seen(rows, info):
        return ["seen" for _ in rows]

    @batch
    def resolve_told(rows, info):
        return list(rows)

    @batch
    def resolve_again(rows, info):
        return [_seen(info) for _ in rows]


def _seen(info) -> Any:
    return f"{info.parent_type}.{info.field_name} {sorted(info.selected())} {info.selects('again', 'seen')}"


class Look(graphene.ObjectType):
    class Meta:
        name = "Query"

    item = graphene.Field(Item, options=graphene.List(graphene.String))

    @root
    def resolve_item(info, options=None):
        return _seen(info)


class Change(graphene.ObjectType):
    class Meta:
        name = "Mutation"

    add = graphene.Int(to=graphene.List(graphene.Int))

    @root
    def resolve_add(info, to):
        to.append(1)
        return len(to)


looking = build_schema(Look, Change)


@pytest.mark.parametrize(("yes", "names"), [(True, ["again", "seen", "told"]), (False, ["again", "told"])])
def test_info_tells_what_is_selected_for_these_values_of_variables(yes, names):
    text = """query ($yes: Boolean!) { item { told ...f again { ... @include(if: $yes) { seen } again { told } } } }
    fragment f on Item { seen @include(if: $yes) }"""
    body, _ = answer(looking, text, yes=yes)
    assert body["data"]["item"]["told"] == f"Query.item {names} {yes}"
    assert body["data"]["item"]["again"]["again"] == {"told": "Item.again ['told'] False"}


def test_mutation_may_change_its_arguments_and_the_next_request_gets_fresh_ones():
    executor, context = Executor(looking, Limits()), Context(request=RequestFactory().post("/graphql/"))
    for _ in range(2):
        found = executor.execute(Query("mutation { add(to: [5]) }", {}), context, no_scope)
        assert found.body == b'{"data":{"add":2}}'


# --- Variables ------------------------------------------------------------------------------------------

DECLARED = [
    "Int",
    "Int!",
    "Int = 5",
    "Int! = 5",
    "String",
    "String!",
    "Boolean",
    "ID!",
    "ID",
    "[Int!]",
    "Float",
    "Float!",
]
GIVEN = [None, 0, 2**31, -(2**31), 1.0, 1.5, True, "x", "", [], [1], [None], {}, float("nan")]


@pytest.mark.parametrize("declared", [*DECLARED, "OrderDirection", "ScalarInput", "Decimal!"])
def test_variables_are_coerced_as_by_graphql_core(declared):
    definitions = parse(f"query ($v: {declared}) {{ word }}").definitions[0].variable_definitions
    variables = Variables(schema, definitions)
    for given in [{"v": value} for value in GIVEN] + [{}, {"other": 1}]:
        expected = get_variable_values(schema, definitions, given)
        found = variables.coerce(given)
        assert repr(found) == repr(expected), given


TAKING = graphql.build_schema(
    """type Query {
      f(must: Int! = 5, may: Int, list: [Int!] = [1], text: String = "t"): Int
      g(object: In, may: Int): Int
      h(object: In = {x: 1}): Int
    }
    input In { x: Int = 3, y: [Int] }"""
)


@pytest.mark.parametrize(
    "given",
    [
        "f", "f(must: 1, may: null)", "f(must: $n)", "f(may: $n, text: $t)", "f(list: [$n, 2])", "f(list: $n)",
        "f(must: null)", "f(list: [null])", "f(text: $t)", "f(list: 3)", "g", "g(object: {x: $n, y: [$n]})",
        "g(object: $o)", "g(object: {y: 1}, may: $n)", "g(object: null)", "h", "h(object: $o)",
    ],
)  # fmt: skip
def test_arguments_are_read_as_by_graphql_core(given):
    node = parse("{ " + given + " }").definitions[0].selection_set.selections[0]
    field = TAKING.query_type.fields[node.name.value]

    def outcome(read, variables):
        try:
            return repr(sorted(read(variables).items()))
        except graphql.GraphQLError as error:
            return str(error)

    for variables in ({}, {"n": None, "t": None, "o": None}, {"n": 7, "t": "x", "o": {"x": 1}}):
        expected = outcome(lambda values: get_argument_values(field, node, values), variables)
        for shared in (True, False):
            assert outcome(Arguments(field, node, shared=shared).values, variables) == expected


# --- The project's schema -------------------------------------------------------------------------------


def _paths() -> dict[str, str]:
    """Return for each object type that a query leads to the selections that reach it, with %s for what follows."""
    query = shop_schema.query_type
    assert query is not None
    found, waiting = {query.name: "%s"}, [query]
    while waiting:
        owner = waiting.pop(0)
        for name, field in owner.fields.items():
            named = get_named_type(field.type)
            if not is_composite_type(named):
                continue
            inner = f"{name}{_arguments(field)} {{ %s }}"
            targets = [named] if isinstance(named, GraphQLObjectType) else shop_schema.get_possible_types(named)
            for target in targets:
                if target.name not in found:
                    narrow = inner if target is named else inner % f"... on {target.name} {{ %s }}"
                    found[target.name] = found[owner.name] % narrow
                    waiting.append(target)
    return found


def _arguments(field) -> str:
    values = {"first": "1", "key": '"k"', "slug": '"s"', "id": '"i"', "prefix": '"p"', "languageCode": "NL"}
    required = [name for name, given in field.args.items() if str(given.type).endswith("!") or name == "first"]
    return f"({', '.join(f'{name}: {values[name]}' for name in required)})" if required else ""


def _compile_all(level: LevelPlan) -> int:
    """Compile everything below a level and return how many fields there are."""
    count = len(level.fields)
    for field in level.fields:
        if field.is_leaf:
            continue
        named = field.named
        targets = [named] if isinstance(named, GraphQLObjectType) else shop_schema.get_possible_types(named)
        count += sum(_compile_all(field.level(target.name)) for target in targets)
    return count


def test_every_field_of_the_shop_has_a_plan():
    executor = Executor(shop_schema, Limits(cost=2**31 - 1))
    before, fields = graphql_fallbacks.values(), 0
    for type_name, path in _paths().items():
        owner: Any = shop_schema.type_map[type_name]
        inner = " ".join(
            f"f{at}: {name}{_arguments(field)}" + " { __typename }" * is_composite_type(get_named_type(field.type))
            for at, (name, field) in enumerate(owner.fields.items())
        )
        prepared = executor.prepare(Query("{ " + path % f"__typename {inner}" + " }", {}))
        assert _compile_all(prepared.selected.plan(prepared.variables)) > len(owner.fields)
        fields += len(owner.fields)
    assert fields > 300
    assert graphql_fallbacks.values() == before
