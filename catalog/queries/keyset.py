"""Pages of lists that need no more than one table's row, as `c`: filtered, ordered, by keyset both ways."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from catalog.queries.conditions import Condition
from commerce.db.rows import fetch
from commerce.graphql.paging import InvalidCursor, Page, PageRequest

R = TypeVar("R")


class Ordering(NamedTuple):
    """The keys of a list's order, SQL on `c`, the last of which tells all rows apart; a cursor's parts are of `kinds`.

    No key is ever null.
    """

    keys: tuple[str, ...]
    kinds: tuple[Callable[[str], Any] | type, ...]


class Source(NamedTuple):
    """Where the rows of a list come from: a table, or a statement with its parameters, and the columns of a row."""

    table: str
    columns: str
    make: Callable[[Sequence[Any]], Any]
    params: tuple[Any, ...] = ()


def read_page(
    source: Source, ordering: Ordering, where: Condition, page: PageRequest, *, descending: bool = False
) -> Page[Any]:
    """Return a page of the rows that meet a condition on `c`. One statement, and one for the total."""
    start = page.position(*ordering.kinds)
    if start is not None and None in start:
        raise InvalidCursor
    found: list[tuple[tuple[Any, ...], Any]] = []
    if page.limit:
        sql = _page(source[:2], ordering.keys, where.probe, descending != page.backwards, start is not None)
        width = len(ordering.keys)
        rows = fetch(sql, [*source.params, *where.params, *(start or ()), page.limit + 1])
        found = [(row[:width], source.make(row[width:])) for row in rows]
    places = {id(row): place for place, row in found}
    counted = fetch(_total(source.table, where.probe), [*source.params, *where.params]) if page.with_total else None
    total = counted[0][0] if counted else None
    return Page.of([row for _, row in found], page, lambda row: places[id(row)], total=total)


@lru_cache(512)
def _page(source: tuple[str, str], keys: tuple[str, ...], condition: str, reverse: bool, started: bool) -> str:
    table, columns = source
    direction, beyond = ("DESC", "<") if reverse else ("ASC", ">")
    start = f" AND ({', '.join(keys)}) {beyond} ({', '.join(['%s'] * len(keys))})" if started else ""
    order = ", ".join(f"{key} {direction}" for key in keys)
    return f"SELECT {', '.join(keys)}, {columns} FROM {table} c WHERE {condition}{start} ORDER BY {order} LIMIT %s"


@lru_cache(512)
def _total(table: str, condition: str) -> str:
    return f"SELECT count(*) FROM {table} c WHERE {condition}"
