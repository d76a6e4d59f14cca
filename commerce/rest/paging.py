"""Pages of a list by keyset: a cursor is the place of the last row, so that page 1,000 costs what page 1 does."""

import base64
import binascii
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from django.db import models
from django.http import QueryDict

from commerce.rest.problems import Problem

USUAL, MOST = 50, 100


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and the cursor of the rows after them, None behind the last one."""

    rows: list[Any]
    next_cursor: str | None


def read_limit(given: QueryDict, *, most: int = MOST, usual: int = USUAL) -> int:
    """Return how many rows are wanted, or raise Problem (400)."""
    text = given.get("limit", "")
    if "limit" not in given:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= most):
        raise Problem.of(400, "INVALID", f"limit is a number from 1 to {most}, not {text[:20]!r}.", "limit")
    return int(text)


def read_page(rows: Any, order: Sequence[str], *, limit: int, cursor: str | None, list_name: str) -> Page:
    """Return a page of a queryset in the order of columns, of which the last ones tell rows apart.

    `list_name` is all that makes the list what it is: a cursor of another one is refused. Raises Problem (400).
    """
    model = rows.model
    seal = sha256(list_name.encode()).hexdigest()[:12]
    if cursor is not None:
        place = _read_cursor(cursor, seal, [model._meta.get_field(name) for name in order])
        columns = ", ".join(f'"{model._meta.db_table}"."{name}"' for name in order)
        marks = ", ".join(["%s"] * len(order))
        rows = rows.extra(where=[f"({columns}) > ({marks})"], params=place)  # noqa: S610  our own names
    found = list(rows.order_by(*order)[: limit + 1])
    if len(found) <= limit:
        return Page(found, None)
    last = found[limit - 1]
    return Page(found[:limit], _write_cursor(seal, [getattr(last, name) for name in order]))


def _write_cursor(seal: str, values: list[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([seal, *values])).decode().rstrip("=")


def _read_cursor(text: str, seal: str, fields: Sequence[Any]) -> list[Any]:
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        first, *values = orjson.loads(packed)
        if first == seal and len(values) == len(fields):
            return [_value(field, value) for field, value in zip(fields, values, strict=True)]
    except (binascii.Error, ValueError, TypeError, AttributeError):
        pass
    raise Problem.of(
        400, "INVALID_CURSOR", "This is no cursor of this list: send next_cursor as it was received.", "cursor"
    )


def _value(field: Any, value: Any) -> Any:
    for kind, read in _READERS.items():
        if isinstance(field, kind):
            return read(value)
    if not isinstance(value, str) or "\0" in value:
        raise ValueError
    return value


def _integer(value: Any) -> int:
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise ValueError
    return value


_READERS: dict[Any, Callable[[Any], Any]] = {
    models.UUIDField: UUID,
    models.ForeignKey: UUID,
    models.DateTimeField: dt.datetime.fromisoformat,
    models.IntegerField: _integer,
}
