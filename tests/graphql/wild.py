"""A schema with every shape of field, over data with every kind of fault: what the two engines are compared on.

A row is a number. What a field of it holds follows from the number alone, so that both engines meet the same
values, nulls where none may be, exceptions, wrong types and rows that are no rows.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal as Number
from typing import Any, NamedTuple

import graphene
from django.utils.functional import lazystr
from graphql import GraphQLError

from commerce.errors import DomainError
from commerce.graphql.batch import batch, column, root
from commerce.graphql.connections import connection_field, paged
from commerce.graphql.context import Context
from commerce.graphql.paging import Page
from commerce.graphql.scalars import JSON, Date, DateTime, Decimal, JSONString
from commerce.graphql.schema import build_schema

ROWS = 23  # different ones


@dataclass(slots=True, kw_only=True)
class WildContext(Context):
    noted: list[tuple[str, int, str]] = field(default_factory=list)


class Row:
    """A row with plain attributes, one that raises, and one that holds a row."""

    __slots__ = ("flag", "label", "number", "price", "title")

    def __init__(self, number: int) -> None:
        self.number = number
        self.title = f"Row {number}"
        self.label: Any = None if number % 7 == 3 else ["", "é", lazystr("lazy"), 12, object][number % 5]
        self.flag = {7: None, 16: "yes", 3: 1}.get(number, number % 2 == 0)
        self.price = [1.5, 2, Number("3.25"), float("nan"), None][number % 5]

    @property
    def brittle(self) -> str:
        if self.number % 12 == 1:
            raise LookupError(f"no attribute of row {self.number}")
        return f"whole {self.number}"

    @property
    def inner(self) -> "Row | None":
        return None if self.number % 10 == 2 else type(self)((self.number * 5 + 1) % ROWS)


class Stone(Row):
    """A row of another type."""


class Ghost(Row):
    """A row of no type."""


class Pair(NamedTuple):
    number: int
    title: str


class Mood(enum.Enum):
    CALM = 1
    STORMY = "storm"


MoodEnum = graphene.Enum.from_enum(Mood)


def noted(info, name: str, rows: Any, **arguments: Any) -> None:
    info.context.noted.append((f"{info.parent_type}.{name}", len(rows), repr(sorted(arguments.items()))))


def made(numbers: Any) -> Callable[[int], Any]:
    """Return a function that makes rows by number, the same one for the same number."""
    rows: dict[int, Any] = {}

    def make(number: int) -> Any:
        number %= ROWS
        kind = Stone if number % 4 == 1 else Ghost if number == 22 else Row
        return rows.setdefault(number, kind(number))

    return make


# What fields of a shape hold, in turn; most of it right.
FAULT = DomainError("Out of luck.", code="LUCK", field="luck")
VALUES: dict[str, tuple[Any, list[Any]]] = {
    "text": (graphene.String(), ["a", "b", None, "c", 7, FAULT, 1.5, True, [1], lazystr("lazy")]),
    "text_must": (graphene.String(required=True), [*"abcdefghijk", None, *"lmnopqrs", FAULT]),
    "id_must": (graphene.ID(required=True), [*"abcde", 1, 2.0, *"fghijklmn", 2.5]),
    "whole": (graphene.Int(), [0, 1, None, -(2**31), 2**31 - 1, 2**31, True, 2.0, "5", 2.5]),
    "whole_must": (graphene.Int(required=True), [*range(20), 2**40]),
    "ratio": (graphene.Float(), [0.5, 1, None, -0.0, float("inf"), "2.5", Number("0.1"), ""]),
    "yes": (graphene.Boolean(), [True, False, None, 1, 0, "no"]),
    "day": (Date(), [date(2026, 1, 31), None, datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01"]),
    "instant": (DateTime(), [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1), None, 5]),  # noqa: DTZ001
    "exact": (Decimal(), [Number("1.50"), 3, None, "x", ValueError("no decimal")]),
    "loose": (JSON(), [{"a": [1, None]}, [], None, "text", 5, {1: 2}]),
    "packed": (JSONString(), [{"a": 1}, None, [1], "text"]),
    "mood": (graphene.Field(MoodEnum), [Mood.CALM, "storm", 1, "STORMY", None, "wind", ["x"]]),
    "mood_must": (graphene.Field(MoodEnum, required=True), [*[Mood.CALM, Mood.STORMY, 1] * 5, "wind"]),
    "texts": (graphene.List(graphene.String), [["a", None, "b"], [], None, ("c", FAULT), "text", {"d": 1}]),
    "texts_must": (
        graphene.List(graphene.NonNull(graphene.String), required=True),
        [["a"], ["b", "c"], [], {"d"}, ("e",), ["f", "g"], *[["h"]] * 9, ["i", None], FAULT],
    ),
    "table": (
        graphene.List(graphene.List(graphene.NonNull(graphene.Int))),
        [[[1, 2], [], None], [], None, [[3, None], [4]], [[2**40], [5]], [["x"], 6]],
    ),
    "table_must": (
        graphene.NonNull(graphene.List(graphene.NonNull(graphene.List(graphene.Int)))),
        [[[1]], [[2, None]], [[]], *[[[4], [5]]] * 9, [[3], None], [FAULT]],
    ),
}


def _valued(name: str, values: list[Any], salt: int) -> Any:
    def resolve(rows, info, **arguments):
        noted(info, name, rows, **arguments)
        return [values[(row.number + salt) % len(values)] for row in rows]

    return batch(resolve)


# What fields with rows hold, by the row's number and what makes a row.
def _one(number: int, make: Any) -> Any:
    return [make(number * 2), make(number + 1), None, make(number * 3), FAULT, make(number + 2)][number % 6]


def _surely(number: int, make: Any) -> Any:
    return None if number % 11 == 6 else make(number * 2 + number % 3)


def _several(number: int, make: Any) -> Any:
    found = [make(number + step) for step in range(number % 4)]
    return [found, tuple(found), None, [*found, None], [*found, FAULT], found, found][number % 7]


def _each(number: int, make: Any) -> Any:
    found = [make(number + step) for step in range(number % 3)]
    return {5: [*found, None], 8: FAULT, 9: tuple(found), 21: [*found, FAULT]}.get(number, found)


def _grid(number: int, make: Any) -> Any:
    row = [make(number), make(number + 3)]
    return [[row, row[:1]], [], [row, None], [[*row, None]], None, [row, FAULT], [row], [[]]][number % 8]


def _surely_rows(number: int, make: Any) -> Any:
    return [make(number), make(number + 4)][: 1 + number % 2]


def _of_rows(name: str, hold: Callable[[int, Any], Any], only: type | None = None) -> Any:
    def resolve(rows, info, **arguments):
        noted(info, name, rows, **arguments)
        make = made(rows)
        if only is not None:
            make = {number: only(number) for number in range(ROWS)}.__getitem__
            return [hold(row.number, lambda number: make(number % ROWS)) for row in rows]
        return [hold(row.number, make) for row in rows]

    return batch(resolve)


class Titled(graphene.Interface):
    """What has a title; its fields lead on."""

    title = graphene.String()
    self_must = graphene.Field(lambda: Titled, required=True)
    neighbours = graphene.List(lambda: Titled, size=graphene.Int(default_value=2))

    @batch
    def resolve_self_must(rows, info):
        noted(info, "self_must", rows)
        return [None if row.number % 9 == 8 else row for row in rows]

    @batch
    def resolve_neighbours(rows, info, size):
        noted(info, "neighbours", rows, size=size)
        make = made(rows)
        return [[make(row.number + step) for step in range(min(max(size, 0), 3))] for row in rows]


class Numbered(graphene.Interface):
    """What has a number."""

    number = graphene.Int(required=True)


def _members(salt: int, own: type) -> dict[str, Any]:
    """Return the fields of an object type: each shape of leaf and of rows."""
    members: dict[str, Any] = {
        "number": graphene.Int(required=True),
        "label": graphene.String(),
        "flag": graphene.Boolean(required=True),
        "price": graphene.Float(),
        "brittle": graphene.String(),
        "brittle_must": graphene.String(required=True),
        "resolve_brittle_must": column("brittle"),
        "inner": graphene.Field(lambda: Thing if own is Row else Pebble),
        "inner_must": graphene.Field(lambda: Thing if own is Row else Pebble, required=True),
        "resolve_inner_must": column("inner"),
        "told": graphene.String(by=graphene.String(default_value="me"), times=graphene.Int()),
        "broken": graphene.String(),
        "broken_rows": graphene.List(lambda: Thing),
        "refused": graphene.String(),
        "short": graphene.String(),
        "lazy_rows": graphene.List(lambda: Thing),
        "one": graphene.Field(lambda: Thing),
        "one_must": graphene.Field(lambda: Thing, required=True),
        "several": graphene.List(lambda: Thing),
        "each": graphene.List(graphene.NonNull(lambda: Thing)),
        "each_must": graphene.NonNull(graphene.List(graphene.NonNull(lambda: Thing))),
        "grid": graphene.List(graphene.List(lambda: Thing)),
        "grid_must": graphene.List(graphene.NonNull(graphene.List(graphene.NonNull(lambda: Thing)))),
        "wrong": graphene.List(lambda: Pebble),
        "anything": graphene.Field(lambda: Anything),
        "anything_must": graphene.Field(lambda: Anything, required=True),
        "anythings": graphene.List(graphene.NonNull(lambda: Anything)),
        "titled": graphene.Field(Titled),
        "titleds": graphene.List(Titled, required=True),
        "numbereds": graphene.List(graphene.List(graphene.NonNull(Numbered))),
        "pages": connection_field(lambda: Thing),
        "resolve_told": batch(_told),
        "resolve_broken": batch(_broken),
        "resolve_broken_rows": batch(_broken),
        "resolve_refused": batch(_refused),
        "resolve_short": batch(_short),
        "resolve_lazy_rows": batch(_lazy),
        "resolve_one": _of_rows("one", _one, Row),
        "resolve_one_must": _of_rows("one_must", _surely, Row),
        "resolve_several": _of_rows("several", _several, Row),
        "resolve_each": _of_rows("each", _each, Row),
        "resolve_each_must": _of_rows("each_must", _each, Row),
        "resolve_grid": _of_rows("grid", _grid, Row),
        "resolve_grid_must": _of_rows("grid_must", _grid, Row),
        "resolve_wrong": _of_rows("wrong", _surely_rows),
        "resolve_anything": _of_rows("anything", _one),
        "resolve_anything_must": _of_rows("anything_must", _surely),
        "resolve_anythings": _of_rows("anythings", _each),
        "resolve_titled": _of_rows("titled", _one),
        "resolve_titleds": _of_rows("titleds", _several),
        "resolve_numbereds": _of_rows("numbereds", _grid),
        "resolve_pages": paged()(_pages),
    }
    for at, (name, (declared, values)) in enumerate(VALUES.items()):
        members[name] = declared
        members[f"resolve_{name}"] = _valued(name, values, salt + at)
    return members


def _told(rows, info, by, times=None):
    noted(info, "told", rows, by=by, times=times)
    return [None if by is None else f"{by} {row.number}" * (times or 1) for row in rows]


def _broken(rows, info):
    noted(info, "broken", rows)
    raise RuntimeError("a secret of the database")


def _refused(rows, info):
    noted(info, "refused", rows)
    raise GraphQLError("Not for you.", extensions={"why": "because"})


def _short(rows, info):
    noted(info, "short", rows)
    return [None] * (len(rows) - 1)


def _lazy(rows, info):
    noted(info, "lazy", rows)
    return [(row for row in rows) for _ in rows]


def _pages(rows, info, page):
    noted(info, "pages", rows, page=page)
    found = [Row(number) for number in range(4)]
    pages = [Page.slice(found[: row.number % 5], page, lambda row: (row.number,)) for row in rows]
    return [None if row.number % 6 == 5 else page for row, page in zip(rows, pages, strict=True)]


class Thing(graphene.ObjectType):
    class Meta:
        interfaces = (Titled, Numbered)
        possible_types = (Row,)

    locals().update(_members(0, Row))


class Pebble(graphene.ObjectType):
    class Meta:
        interfaces = (Titled,)

    locals().update(_members(3, Stone))

    @classmethod
    def is_type_of(cls, row, info):
        """Tell by the row itself, and fail for some."""
        if row.number % 11 == 10:
            raise RuntimeError("cannot tell")
        return isinstance(row, Stone)


class Couple(graphene.ObjectType):
    class Meta:
        interfaces = (Numbered,)
        possible_types = (Pair,)

    title = graphene.String()


class Anything(graphene.Union):
    class Meta:
        types = (Pebble, Thing, Couple)


def _first(info) -> Any:
    noted(info, "root", [None])
    return Row(1)


class Query(graphene.ObjectType):
    thing = graphene.Field(Thing, number=graphene.Int())
    thing_must = graphene.Field(Thing, required=True)
    things = graphene.List(Thing, numbers=graphene.List(graphene.NonNull(graphene.Int)))
    things_must = graphene.NonNull(graphene.List(graphene.NonNull(Thing)))
    anythings = graphene.List(Anything)
    titleds = graphene.List(graphene.NonNull(Titled))
    pages = connection_field(Thing)
    text = graphene.String(value=graphene.String())
    none = graphene.String(required=True)
    broken = graphene.String()

    @root
    def resolve_thing(info, number=None):
        noted(info, "thing", [None], number=number)
        return None if number is None else Row(number % ROWS)

    @root
    def resolve_thing_must(info):
        return _first(info)

    @root
    def resolve_things(info, numbers=None):
        noted(info, "things", [None], numbers=numbers)
        return [Row(number % ROWS) for number in (range(6) if numbers is None else numbers)]

    @root
    def resolve_things_must(info):
        row = _first(info)
        return [row, Row(4), row]

    @root
    def resolve_anythings(info):
        noted(info, "anythings", [None])
        return [Row(2), Stone(5), Pair(3, "pair"), Ghost(22), None, Stone(10), Row(2), 5, FAULT]

    @root
    def resolve_titleds(info):
        noted(info, "titleds", [None])
        return [Row(2), Stone(5), Row(8)]

    @paged()
    def resolve_pages(rows, info, page):
        noted(info, "pages", rows, page=page)
        return [Page.slice([Row(number) for number in range(5)], page, lambda row: (row.number,))]

    @root
    def resolve_text(info, value=None):
        return value

    @root
    def resolve_none(info):
        noted(info, "none", [None])

    @root
    def resolve_broken(info):
        raise RuntimeError("a secret of the database")


class Mutation(graphene.ObjectType):
    change = graphene.Field(Thing, number=graphene.Int(required=True))
    change_must = graphene.Field(Thing, number=graphene.Int(required=True), required=True)
    count = graphene.Int()

    @root
    def resolve_change(info, number):
        return _changed(info, number)

    @root
    def resolve_change_must(info, number):
        return _changed(info, number)

    @root
    def resolve_count(info):
        """Count the calls so far: mutations run one after the other."""
        return len(info.context.noted)


def _changed(info, number: int) -> Any:
    noted(info, "change", [None], number=number, memo=dict(info.context.memo))
    info.context.once("changed", lambda: number)
    if number % 5 == 4:
        raise DomainError("It cannot be changed.", code="INVALID", field="number")
    if number % 5 == 3:
        info.context.discard()
    return None if number % 5 == 2 else Row(number % ROWS)


schema = build_schema(Query, Mutation, types=[Pebble, Couple])
