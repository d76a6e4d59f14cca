"""The dialect's connections: `<Type>CountableConnection` with edges, pageInfo and totalCount, by keyset."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2s
from typing import Any

import graphene
import orjson
from graphene.types.utils import get_type
from graphql import GraphQLError

from commerce.graphql.batch import Batch
from commerce.graphql.info import Info
from commerce.graphql.paging import Page, PageRequest, decode_cursor, encode_cursor

MAX_PAGE = 100  # rows


class PageInfo(graphene.ObjectType):
    """Where a page stands in its list, in both directions."""

    has_next_page = graphene.Boolean(required=True, description="Whether rows follow the page.")
    has_previous_page = graphene.Boolean(required=True, description="Whether rows precede the page.")
    start_cursor = graphene.String(description="The cursor of the first row of the page.")
    end_cursor = graphene.String(description="The cursor of the last row of the page.")


@dataclass(slots=True, eq=False)
class Edge:
    """A row of a connection and its place in the list."""

    node: Any
    connection: "Connection"

    @property
    def cursor(self) -> str:
        return self.connection.cursor(self.node)


@dataclass(slots=True, eq=False)
class Connection:
    """The row behind a connection: its page, and the fingerprint of its ordering."""

    page: Page[Any]
    ordering: str

    @property
    def edges(self) -> list[Edge]:
        return [Edge(row, self) for row in self.page.rows]

    @property
    def page_info(self) -> "Connection":
        return self

    @property
    def total_count(self) -> int | None:
        return self.page.total

    @property
    def has_next_page(self) -> bool:
        return self.page.has_next

    @property
    def has_previous_page(self) -> bool:
        return self.page.has_previous

    @property
    def start_cursor(self) -> str | None:
        return self.cursor(self.page.rows[0]) if self.page.rows else None

    @property
    def end_cursor(self) -> str | None:
        return self.cursor(self.page.rows[-1]) if self.page.rows else None

    def cursor(self, row: Any) -> str:
        return encode_cursor(self.ordering, self.page.position(row))


@cache
def countable(node: Any) -> Any:
    """Return the graphene type `<Type>CountableConnection` of the graphene type `node`, always the same.

    What `node.connection_fields()` returns, where there is such a function, it has besides: fields and resolvers, whose
    rows are Connections.
    """
    name = node._meta.name
    edge = type(
        f"{name}CountableEdge",
        (graphene.ObjectType,),
        {
            "__doc__": f"A {name} in a list, and its place there.",
            "node": graphene.Field(node, required=True),
            "cursor": graphene.String(required=True, description="An opaque place to page from."),
        },
    )
    return type(
        f"{name}CountableConnection",
        (graphene.ObjectType,),
        {
            "__doc__": f"A page of a list of {name}.",
            "page_info": graphene.Field(PageInfo, required=True),
            "edges": graphene.List(graphene.NonNull(edge), required=True),
            "total_count": graphene.Int(description="The number of rows of the whole list."),
            **getattr(node, "connection_fields", dict)(),
        },
    )


def connection_field(node: Any, **options: Any) -> Any:
    """Declare a field that is a connection of `node`, a graphene type, a function returning one, or its path.

    It has the arguments first, last, after and before besides those in `options`; its resolver is declared
    by `@paged`.
    """
    options.setdefault("before", graphene.String(description="Return rows that precede this cursor."))
    options.setdefault("after", graphene.String(description="Return rows that follow this cursor."))
    options.setdefault("first", graphene.Int(description=f"Return the first rows, {MAX_PAGE} at most."))
    options.setdefault("last", graphene.Int(description=f"Return the last rows, {MAX_PAGE} at most."))
    return graphene.Field(lambda: countable(get_type(node)), **options)


def paged(*ordered_by: str) -> Callable[[Callable[..., Sequence[Page[Any] | Exception | None]]], Batch]:
    """Declare a connection's resolver: `resolver(rows, info, page, **arguments)` returns a Page for each row.

    `page` is the PageRequest made of first, last, after and before. `ordered_by` names the arguments that
    decide the order of the list (`sort_by`): a cursor is refused by a list in another order. At the root,
    `rows` is the one root row. Where an argument is out of range, the field has an error that names it.
    """

    def declare(resolver: Callable[..., Sequence[Page[Any] | Exception | None]]) -> Batch:
        def resolve(rows: Sequence[Any], info: Info[Any], /, **arguments: Any) -> list[Any]:
            ordering = _fingerprint(info, [arguments.get(name) for name in ordered_by])
            window = {name: arguments.pop(name, None) for name in ("first", "last", "after", "before")}
            pages = resolver(rows, info, page_request(info, ordering, **window), **arguments)
            return [Connection(page, ordering) if isinstance(page, Page) else page for page in pages]

        return Batch(resolve)

    return declare


def page_request(
    info: Info[Any],
    ordering: str,
    *,
    first: int | None,
    last: int | None,
    after: str | None,
    before: str | None,
) -> PageRequest:
    """Return what the paging arguments ask for, or raise the dialect's GraphQLError or InvalidCursor."""
    wanted = info.selects("edges") or info.selects("pageInfo")
    _check_window(info.field_name, wanted, first=first, last=last, after=after, before=before)
    cursor = after if after is not None else before
    return PageRequest(
        limit=(first or last or 0) if wanted else 0,
        backwards=last is not None,
        start=None if cursor is None else decode_cursor(ordering, cursor),
        with_total=info.selects("totalCount"),
    )


def _check_window(
    field: str, wanted: bool, *, first: int | None, last: int | None, after: str | None, before: str | None
) -> None:
    if wanted and first is None and last is None:
        raise GraphQLError(f"You must provide a `first` or `last` value to properly paginate the `{field}` connection.")
    if first is not None and last is not None:
        raise GraphQLError(f"Arguments `first` and `last` of the `{field}` connection cannot be combined.")
    if (first is not None and before is not None) or (last is not None and after is not None):
        pair = "`first` and `before`" if first is not None else "`last` and `after`"
        raise GraphQLError(f"Arguments {pair} of the `{field}` connection cannot be combined.")
    if after is not None and before is not None:
        raise GraphQLError(f"Arguments `after` and `before` of the `{field}` connection cannot be combined.")
    for name, size in (("first", first), ("last", last)):
        check_size(field, name, size)


def check_size(field: str, name: str, size: int | None) -> None:
    """Raise GraphQLError unless a list of so many rows may be asked for."""
    if size is None:
        return
    if size < 1:
        raise GraphQLError(f"Argument `{name}` of the `{field}` connection must be at least 1, not {size}.")
    if size > MAX_PAGE:
        raise GraphQLError(
            f"Requesting {size} records on the `{field}` connection exceeds the `{name}` limit of {MAX_PAGE} records."
        )


def _fingerprint(info: Info[Any], order: list[Any]) -> str:
    """Return a short mark of a list's ordering, the same in every process."""
    text = orjson.dumps([info.parent_type, info.field_name, order], default=str, option=orjson.OPT_SORT_KEYS)
    return blake2s(text, digest_size=4).hexdigest()
