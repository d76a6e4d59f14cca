"""Subscription queries: what is wrong with them, and what they select of many events at once."""

import json
from dataclasses import dataclass
from typing import NamedTuple

import graphene
import pytest
from django.http import HttpRequest

from commerce.graphql.batch import batch
from commerce.graphql.compiled import Refused
from commerce.graphql.context import Context
from commerce.graphql.errors import PermissionDenied
from commerce.graphql.executor import Executor, Query
from commerce.graphql.limits import Limits
from commerce.graphql.schema import build_schema
from commerce.graphql.subscriptions import Subscriptions


class Thing(NamedTuple):
    key: int


@dataclass(frozen=True, eq=False)
class Happened:
    type_name: str
    thing: int


CALLS: list[list[int]] = []


class ThingType(graphene.ObjectType):
    class Meta:
        name = "Thing"
        possible_types = (Thing,)

    key = graphene.Int(required=True)
    name = graphene.String(required=True)
    secret = graphene.String()

    @batch
    def resolve_name(rows, info):
        CALLS.append([row.key for row in rows])
        return [ValueError("lost") if row.key == 13 else f"thing {row.key}" for row in rows]

    @batch
    def resolve_secret(rows, info):
        raise PermissionDenied(["MANAGE_THINGS"])


class Event(graphene.Interface):
    number = graphene.Int()

    @classmethod
    def resolve_type(cls, row, info):
        return info.schema.type_map[row.type_name].graphene_type

    @batch
    def resolve_number(rows, info):
        return [row.thing for row in rows]


def _thing(rows, info):
    return [Thing(row.thing) if row.thing else None for row in rows]


class ThingMade(graphene.ObjectType):
    class Meta:
        interfaces = (Event,)
        possible_types = (Happened,)

    thing = graphene.Field(ThingType)
    resolve_thing = batch(_thing)


class ThingBroken(graphene.ObjectType):
    class Meta:
        interfaces = (Event,)
        possible_types = (Happened,)

    thing = graphene.Field(ThingType)
    resolve_thing = batch(_thing)


class Subscription(graphene.ObjectType):
    event = graphene.Field(Event)
    other = graphene.Field(Event)

    @batch
    def resolve_event(rows, info):
        return list(rows)

    resolve_other = resolve_event


class Root(graphene.ObjectType):
    number = graphene.Int()

    @batch
    def resolve_number(rows, info):
        return [1]


SCHEMA = build_schema(Root, None, Subscription, types=[ThingMade, ThingBroken])


@pytest.fixture
def subscriptions():
    CALLS.clear()
    return Subscriptions(SCHEMA, later={"OrderCreated", "ThingMade"})


def run(subscriptions, text, *events):
    found = subscriptions.run(text, events, Context(request=HttpRequest()))
    return [json.loads(one.body) if one.body else None for one in found]


def test_objects_of_many_events_are_read_together(subscriptions):
    text = "subscription { event { __typename number ... on ThingMade { thing { name } } } }"
    events = [Happened("ThingMade", 1), Happened("ThingBroken", 2), Happened("ThingMade", 3), Happened("ThingMade", 0)]
    assert run(subscriptions, text, *events) == [
        {"__typename": "ThingMade", "number": 1, "thing": {"name": "thing 1"}},
        {"__typename": "ThingBroken", "number": 2},
        {"__typename": "ThingMade", "number": 3, "thing": {"name": "thing 3"}},
        {"__typename": "ThingMade", "number": 0, "thing": None},
    ]
    assert CALLS == [[1, 3]]


def test_nothing_is_sent_of_an_event_of_which_nothing_is_selected(subscriptions):
    text = "subscription { event { ... on ThingMade { thing { key } } } }"
    assert run(subscriptions, text, Happened("ThingBroken", 1), Happened("ThingMade", 2)) == [
        None,
        {"thing": {"key": 2}},
    ]


def test_errors_come_with_their_own_event_and_leave_the_others(subscriptions, caplog):
    text = "subscription { event { number ... on ThingMade { thing { name } } } }"
    good, bad = run(subscriptions, text, Happened("ThingMade", 1), Happened("ThingMade", 13))
    assert good == {"number": 1, "thing": {"name": "thing 1"}}
    assert (bad["number"], bad["thing"]) == (13, None)
    assert [(error["message"], error["path"]) for error in bad["errors"]] == [
        ("Internal Server Error", ["event", "thing", "name"])
    ]
    assert "lost" in caplog.text


def test_what_may_not_be_seen_is_null_with_the_error(subscriptions):
    text = "subscription { happened: event { ... on ThingMade { thing { key secret } } } }"
    (body,) = run(subscriptions, text, Happened("ThingMade", 1))
    assert body["thing"] == {"key": 1, "secret": None}
    (error,) = body["errors"]
    assert error["message"].endswith("MANAGE_THINGS")
    assert error["extensions"]["exception"]["code"] == "PermissionDenied"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("subscription {", "Syntax Error: Expected Name, found <EOF>. (line 1, column 15)"),
        ("subscription {\n  event {\n    nothing\n  }\n}", "(line 3, column 5)"),
        ("subscription { event { number } other { number } }", "(line 1, column 33)"),
        ("subscription A { event { number } } subscription B { event { number } }", "Must provide operation name"),
        ("query { number }", "A webhook's query begins with `subscription`. (line 1, column 1)"),
        ("subscription ($a: Int!) { event { number @include(if: true) } }", "never used"),
        ("subscription ($a: Boolean!) { event { number @include(if: $a) } }", "was not provided"),
        ("subscription { event { ... on Unheard { a } } }", "Unknown type 'Unheard'. (line 1, column 31)"),
        ("fragment a on Event { number }", "."),
    ],
)
def test_what_is_wrong_is_told_with_its_place(subscriptions, text, told):
    problems = subscriptions.check(text)
    assert any(told in problem for problem in problems), problems
    with pytest.raises(Refused):
        run(subscriptions, text, Happened("ThingMade", 1))


def test_a_query_may_not_cost_more_than_the_limits(subscriptions):
    tight = Subscriptions(SCHEMA, limits=Limits(depth=2))
    text = "subscription { event { ... on ThingMade { thing { name } } } }"
    assert subscriptions.check(text) == []
    assert "levels deep" in tight.check(text)[0]


def test_parts_on_types_of_later_are_passed_over(subscriptions):
    text = """
    subscription { event { number ...ofThings ...ofOrders ... on OrderCreated { order { ...order } } } }
    fragment ofThings on ThingMade { thing { key ...named } }
    fragment ofOrders on OrderCreated { order { ...order } }
    fragment order on Order { id lines { ...line } }
    fragment line on OrderLine { id }
    fragment named on Thing { name }
    """
    assert subscriptions.check(text) == []
    assert run(subscriptions, text, Happened("ThingMade", 1)) == [{"number": 1, "thing": {"key": 1, "name": "thing 1"}}]
    lines = text.replace("key ...named", "weight ...named").split("\n")
    (problem,) = subscriptions.check("\n".join(lines))
    assert problem.endswith(f"(line 3, column {lines[2].index('weight') + 1})")


def test_only_parts_on_types_of_later_select_nothing(subscriptions):
    text = "subscription { event { ... on OrderCreated { order { id } } } }"
    assert subscriptions.check(text) == []
    assert run(subscriptions, text, Happened("ThingMade", 1)) == [None]


def test_unused_fragments_of_a_query_without_them_are_told(subscriptions):
    text = "subscription { event { number } } fragment a on Thing { key }"
    assert "never used" in subscriptions.check(text)[0]


def test_a_subscription_does_not_run_at_the_door():
    executor = Executor(SCHEMA)
    with pytest.raises(Refused) as refused:
        executor.prepare(Query("subscription { event { number } }", {}))
    (error,) = refused.value.errors
    assert "Subscriptions do not run here: give this query to a webhook" in error.message
    with pytest.raises(Refused):
        executor.check("subscription { event { number } }", executor.limits)
