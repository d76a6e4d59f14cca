"""Conditions on the row `c` of a list that needs no more than one table."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from catalog.queries.conditions import Condition, Every, ids_by_slug


def with_ids(ids: Sequence[UUID]) -> Condition:
    """Return the condition that it is one of these."""
    return Condition("c.id = ANY(%s)", (list(ids),))


def is_any(column: str, values: Sequence[Any]) -> Condition:
    """Return the condition that a column has one of these values."""
    return Condition(f"c.{column} = ANY(%s)", (list(values),))


_TABLES = {"Category": "catalog_category", "Collection": "catalog_collection", "Page": "catalog_page"}


def with_slugs(kind: str, slugs: Sequence[str]) -> Condition:
    """Return the condition that it has one of these slugs: its own, or one in some language that is nobody's own."""
    return Condition(f"c.id = ANY(ARRAY({ids_by_slug(_TABLES[kind], kind)}))", (list(slugs), list(slugs)))


def within(column: str, least: datetime | None, most: datetime | None) -> Every:
    """Return the condition that a column is in a range; a bound that is None is open."""
    bounds = [(f"c.{column} >= %s", least), (f"c.{column} <= %s", most)]
    return Every(tuple(Condition(text, (value,)) for text, value in bounds if value is not None))


def has_metadata(key: str, values: Sequence[str] | None) -> Condition:
    """Return the condition that it has this key in its public metadata, with one of the values if given."""
    if values is None:
        return Condition("c.metadata ? %s", (key,))
    return Condition("c.metadata ->> %s = ANY(%s)", (key, list(values)))
