"""What is measured in a document, and what is refused before a scope opens, in the toy shop."""

import itertools

import pytest
from django.core.exceptions import ImproperlyConfigured
from graphql import parse

from commerce.errors import DomainError
from commerce.graphql.executor import Executor, Query, Refused
from commerce.graphql.limits import NAMES, Limits, clean_limits, measure

from .test_executor import refused
from .toy import run, schema

NODES = "edges { node { name } }"


def cost(text, **variables):
    (operation,) = measure(parse(text), schema).operations
    return operation.cost.evaluate(variables)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{ word }", 0),
        ('{ product(id: "x") { name } }', 1),
        ('{ product(id: "x") { name category { name } } }', 2),
        ("{ products { name } }", 5),
        ("{ products(limit: 7) { category { name } } }", 7 * 2),
        ("{ products { variants { sku } } }", 5 * (1 + 5)),
        ("{ grid { name } }", 5 * 5),
        ("{ listing(first: 24) { " + NODES + " } }", 1 + 24),
        ("{ listing(last: 24) { " + NODES + " } }", 1 + 24),
        ("{ listing { totalCount } }", 1 + 10),
        ("{ listing(first: 2) { totalCount pageInfo { endCursor } " + NODES + " } }", 1 + 10 + 1 + 2),
        ("{ listing(first: 2) { edges { node { category { name } } } } }", 1 + 2 * 2),
        ("{ listing(first: 1000) { " + NODES + " } }", 1 + 100),
        ("{ listing(first: -5) { " + NODES + " } }", 1),
        ("{ a: listing(first: 3) { " + NODES + " } b: listing(first: 4) { " + NODES + " } }", 4 + 5),
        (
            "{ listing(first: 10) { edges { node { category { products(first: 4) { "
            "edges { node { variants { sku } } } } } } } } }",
            1 + 10 * (1 + 1 + 1 + 4 * (1 + 5)),
        ),
        ("{ listing(first: 24) { ... { ... on ProductCountableConnection { " + NODES + " } } } }", 1 + 24),
        (
            """{ listing(first: 24) { ...c ...c } } fragment c on ProductCountableConnection { edges { ...e } }
            fragment e on ProductCountableEdge { node { category { name } } }""",
            1 + 2 * 24 * 2,
        ),
        ("{ search { ... on Product { category { name } variants { sku } } ... on Page { name } } }", 5 * (1 + 1 + 5)),
        ("mutation { rename(name: \"x\") { name } }", 1),
        ("{ nothing { of { this } } }", 2),
        ("{ ...a } fragment a on Nothing { b { c } ...a }", 1),
    ],
)  # fmt: skip
def test_cost(text, found):
    assert cost(text) == found


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"a": 10, "b": 4}, 1 + 10 * (1 + 1 + 1 + 4)),
        ({"a": 1, "b": 1000}, 1 + 1 * (1 + 1 + 1 + 100)),
        ({"a": 0, "b": 4}, 1),
        ({"a": 10}, 1 + 10 * (1 + 1 + 1 + 5)),
        ({"a": None, "b": 1}, 1 + 5 * (1 + 1 + 1 + 1)),
    ],
)
def test_cost_by_variables(variables, found):
    text = """query ($a: Int, $b: Int) { listing(first: $a) { edges { node { ...p } } } }
    fragment p on Product { category { products(last: $b) { edges { cursor } } } }"""
    assert cost(text, **variables) == found


def test_cost_takes_the_argument_that_is_given():
    text = "query ($a: Int, $b: Int) { listing(first: $a, last: $b) { edges { cursor } } }"
    assert [cost(text, a=3, b=None), cost(text, a=None, b=4), cost(text, a=3, b=4)] == [4, 5, 5]


def test_cost_of_fragments_that_double_is_found_at_once():
    """Twenty steps, each of them doubling."""
    steps = "".join(
        f"fragment f{n} on Product {{ a: category {{ products(first: $n) {{ edges {{ node {{ ...f{n + 1} }} }} }} }} "
        f"b: category {{ products(first: $n) {{ edges {{ node {{ ...f{n + 1} }} }} }} }} }} "
        for n in range(20)
    )
    text = "query ($n: Int) { products(limit: 1) { ...f0 } } " + steps + "fragment f20 on Product { name }"
    per_level = 1 + 1 + 1  # the category, its products, and the edge of the one there is
    assert cost(text, n=1) == 1 + 2 * per_level * (2**20 - 1)


LIMITS = Limits(tokens=500, depth=29, aliases=5, fields=40, mutations=2, cost=60)
DEEP = "{ category { products(first: 1) { edges { node " * 7 + "{ id }" + "} } } }" * 7
TOO_MUCH = [
    ("query Deep { products(limit: 1) " + DEEP + "}", {}, "The query `Deep` is nested 30 levels deep", "29 (depth)"),
    ("{" + " ".join(f"a{n}: word" for n in range(6)) + "}", {}, "The document uses 6 aliases", "5 (aliases)"),
    (
        "{ ...a ...a ...b ...b } fragment a on Query { word } fragment b on Query {" + "word " * 20 + "}",
        {},
        "The query selects 42 fields",
        "40 (fields)",
    ),
    (
        "mutation M {" + " ".join(f'a{n}: rename(name: "x") {{ name }}' for n in range(3)) + "}",
        {},
        "The mutation `M` runs 3 mutations",
        "2 (mutations)",
    ),
    (
        """mutation { ... { a: rename(name: "x") { name } } ...m }
        fragment m on Mutation { b: rename(name: "x") { name } c: rename(name: "x") { name } }""",
        {},
        "The mutation runs 3 mutations",
        "2 (mutations)",
    ),
    ("{ listing(first: 60) { " + NODES + " } }", {}, "The query has an estimated cost of 61", "60 (cost)"),
    (
        "query L($n: Int = 60) { listing(first: $n) { " + NODES + " } }",
        {},
        "The query `L` has an estimated cost of 61",
        "60 (cost)",
    ),
    (
        "query L($n: Int) { listing(first: $n) { " + NODES + " } }",
        {"n": 77},
        "The query `L` has an estimated cost of 78",
        "60 (cost)",
    ),
]


@pytest.mark.parametrize(("text", "variables", "found", "limit"), TOO_MUCH)
def test_limits_are_told_before_a_scope_opens(text, variables, found, limit):
    """Both when the document is new and when another tenant, who may do more, has sent it before."""
    executor = Executor(schema, Limits(depth=1000, fields=1000, mutations=100))
    assert refused(run(text, variables, limits=LIMITS)) == [f"{found}, which exceeds the limit of {limit}."]
    executor.prepare(Query(text, variables))
    with pytest.raises(Refused) as refusal:
        executor.prepare(Query(text, variables), LIMITS)
    (error,) = refusal.value.errors
    assert error.message == f"{found}, which exceeds the limit of {limit}."
    assert bool(error.locations) == ("aliases" not in limit)
    executor.prepare(Query(text, variables))


def test_a_cost_is_that_of_the_operation_that_runs():
    text = "query A { word } query B { listing(first: 60) { " + NODES + " } }"
    executor = Executor(schema, LIMITS)
    assert executor.prepare(Query(text, {}, "A")).operation.name == "A"
    with pytest.raises(Refused):
        executor.prepare(Query(text, {}, "B"))


def test_too_many_tokens_are_refused():
    text = "{" + "word " * 18 + " # no token\n}"
    executor = Executor(schema, Limits(tokens=20))
    assert executor.prepare(Query(text, {}))
    assert "20 tokens" in refused(run("{" + "word " * 19 + "}", limits=Limits(tokens=20)))[0]
    with pytest.raises(Refused) as refusal:
        executor.prepare(Query(text, {}), Limits(tokens=19))
    assert refusal.value.errors[0].message == "The document has 20 tokens, which exceeds the limit of 19 (tokens)."


def test_fragments_that_double_at_each_step_are_refused_quickly():
    bomb = "{ products { ...f0 } } " + " ".join(
        f"fragment f{n} on Product {{ variants {{ product {{ ...f{n + 1} }} }} ...g{n} }} "
        f"fragment g{n} on Product {{ variants {{ product {{ name ...f{n + 1} }} }} }}"
        for n in range(20)
    )
    found = run(bomb + " fragment f20 on Product { name }", limits=Limits(depth=1000))
    assert "exceeds the limit of 10000 (fields)" in refused(found)[0]


def test_limits_are_named_and_positive():
    assert clean_limits({"depth": 7, "time": 250}) == {"depth": 7, "time": 250}
    for name, value in (("nothing", 1), ("depth", 0), ("depth", -1), ("depth", "7"), ("depth", True), ("cost", 2**31)):
        with pytest.raises(DomainError) as refusal:
            clean_limits({name: value})
        assert refusal.value.field == name


def test_a_tenants_values_replace_those_of_the_settings(settings):
    for number, name in enumerate(NAMES, start=100):
        setattr(settings, f"GRAPHQL_MAX_{name.upper()}", number)
    limits = Limits.from_settings()
    assert [getattr(limits, name) for name in NAMES] == list(range(100, 100 + len(NAMES)))
    assert limits.with_values({"depth": 7}).depth == 7
    assert limits.with_values({"depth": 7}).cost == limits.cost
    assert limits.with_values({}) is limits


def test_a_bad_setting_is_named(settings):
    settings.GRAPHQL_MAX_DEPTH = 0
    with pytest.raises(ImproperlyConfigured, match="GRAPHQL_MAX_DEPTH: The limit 'depth' is a whole number"):
        Limits.from_settings()


@pytest.fixture
def ticking(monkeypatch):
    """A clock that goes on by a second each time it is looked at: when an operation starts, and before each call."""
    seconds = itertools.count()
    monkeypatch.setattr("commerce.graphql.context.time.monotonic", lambda: float(next(seconds)))


@pytest.mark.parametrize("by_reference", [False, True])
def test_a_query_that_takes_too_long_has_no_data_and_calls_no_more(ticking, by_reference):
    text = "{ products { category { products(first: 1) { edges { node { category { products(first: 1) { " + NODES
    text += " } } } } } } } }"
    executor = Executor(schema, Limits(time=2000), by_reference=by_reference)
    found = run(text, executor=executor)
    assert found.status == 200
    assert found.body["data"] is None
    assert set(found.messages) == {"The operation takes longer than the limit of 2000 ms (time)."}
    assert found.scopes.log == ["open query", "roll back"]
    assert found.context.count["Query.products"] == 1
    assert found.context.count["Category.products"] == 0
    assert run(text, executor=Executor(schema, Limits(time=100_000), by_reference=by_reference)).data


@pytest.mark.parametrize("by_reference", [False, True])
def test_a_mutation_that_takes_too_long_keeps_what_was_done_in_time(ticking, by_reference):
    text = "mutation {" + " ".join(f'{name}: rename(name: "x") {{ name }}' for name in "abc") + "}"
    found = run(text, executor=Executor(schema, Limits(time=2000), by_reference=by_reference))
    assert found.body["data"] == {"a": {"name": "x"}, "b": None, "c": None}
    assert [error["path"] for error in found.errors] == [["b"], ["c"]]
    assert found.scopes.log == ["open mutation", "commit"] + ["open mutation", "roll back"] * 2
