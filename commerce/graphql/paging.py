"""Keyset pages in both directions, and the opaque cursors that hold a row's place in an ordering.

Pure: `queries` take a PageRequest and return a Page.
"""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import orjson

from commerce.errors import DomainError

R = TypeVar("R")
Position = tuple[Any, ...]
MAX_CURSOR = 2000  # characters


class InvalidCursor(DomainError):
    """A cursor that is damaged, made up, or of a list in another order."""

    def __init__(self) -> None:
        super().__init__("Received cursor is invalid.")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which rows of an ordered list are asked for.

    `limit` rows: the first ones in the list's order, or the last ones where `backwards`; beyond `start`
    (exclusive), the place of a row in that order. `limit` is 0 where only the total is selected: then
    query no rows. `with_total` tells whether the number of all rows is selected.
    """

    limit: int
    backwards: bool = False
    start: Position | None = None
    with_total: bool = False

    def position(self, *types: Callable[[str], Any] | type) -> Position | None:
        """Return the place to start from, its parts as `types` (str, int, UUID, Decimal, …), or None.

        Raises InvalidCursor where the parts are not of these types; None is kept, as a null sorts too.
        """
        if self.start is None:
            return None
        if len(self.start) != len(types):
            raise InvalidCursor
        return tuple(_coerce(part, kind) for part, kind in zip(self.start, types, strict=True))


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Rows of one page in the list's order.

    `position(row)` is the row's place in that order: a tuple of scalars, UUIDs, Decimals or datetimes.
    `total` counts the whole list, where that was asked for. `source` is what further fields of the connection need to
    know of the list.
    """

    rows: Sequence[R]
    position: Callable[[R], Position]
    has_next: bool = False
    has_previous: bool = False
    total: int | None = None
    source: Any = None

    @classmethod
    def of(
        cls,
        found: Sequence[R],
        request: PageRequest,
        position: Callable[[R], Position],
        *,
        total: int | None = None,
    ) -> "Page[R]":
        """Return the page of `found`, up to `request.limit + 1` rows in the order of the query.

        That order is the list's, reversed where the request goes backwards. The surplus row only tells
        that there are more.
        """
        rows, more = found[: request.limit], len(found) > request.limit
        started = request.start is not None
        if request.backwards:
            return cls(rows[::-1], position, has_next=started, has_previous=more, total=total)
        return cls(rows, position, has_next=more, has_previous=started, total=total)

    @classmethod
    def slice(cls, rows: Sequence[R], request: PageRequest, position: Callable[[R], Position]) -> "Page[R]":
        """Return the page of a short list that is in memory whole, `rows` in the list's order.

        Raises InvalidCursor where the request starts at no row of the list.
        """
        ordered = rows[::-1] if request.backwards else rows
        if request.start is not None:
            start = normalized(request.start)
            places = [normalized(position(row)) for row in ordered]
            if start not in places:
                raise InvalidCursor
            ordered = ordered[places.index(start) + 1 :]
        return cls.of(ordered[: request.limit + 1], request, position, total=len(rows))


def encode_cursor(ordering: str, position: Position) -> str:
    """Return the cursor of a row at `position` in the list whose ordering has the fingerprint `ordering`."""
    return urlsafe_b64encode(_dump([ordering, *position])).decode().rstrip("=")


def decode_cursor(ordering: str, cursor: str) -> Position:
    """Return the position in a cursor of this ordering, its parts as JSON scalars.

    Raises InvalidCursor for anything else.
    """
    if len(cursor) > MAX_CURSOR:
        raise InvalidCursor
    try:
        text = cursor.encode("ascii")
        parts = orjson.loads(b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except ValueError:
        raise InvalidCursor from None
    if not isinstance(parts, list) or len(parts) < 2 or parts[0] != ordering:
        raise InvalidCursor
    if not all(part is None or isinstance(part, str | int | float) for part in parts):
        raise InvalidCursor
    return tuple(parts[1:])


def normalized(position: Position) -> Position:
    """Return a position with its parts as the JSON scalars that a cursor keeps of them."""
    return tuple(orjson.loads(_dump(list(position))))


def _dump(parts: list[Any]) -> bytes:
    return orjson.dumps(parts, default=str)


def _coerce(part: Any, kind: Any) -> Any:
    if part is None:
        return None
    if kind in (str, int, float, bool):
        if type(part) is kind or (kind is float and type(part) is int):
            return part
        raise InvalidCursor
    if not isinstance(part, str):
        raise InvalidCursor
    make: Callable[[str], Any] = datetime.fromisoformat if kind is datetime else kind
    try:
        return make(part)
    except (ValueError, ArithmeticError):
        raise InvalidCursor from None
