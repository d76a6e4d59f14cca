"""Warehouses, for staff and apps."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from catalog.queries.conditions import Condition, Every, Pending, contains
from catalog.queries.keyset import Ordering, Source, read_page
from commerce.db.rows import fetch
from commerce.graphql.paging import Page, PageRequest


class WarehouseRow(NamedTuple):
    """A warehouse; `address` is JSON text, with the dialect's keys in snake_case."""

    id: UUID
    name: str
    slug: str
    email: str
    is_private: bool
    external_reference: str
    address: str

    @property
    def metadata_table(self) -> str:
        return "catalog_warehouse"


_COLUMNS = "c.id, c.name, c.slug, c.email, c.is_private, c.external_reference, c.address"
_BY = {"id": "c.id = %s", "externalReference": "c.external_reference = %s"}
_SOURCE = Source("catalog_warehouse", _COLUMNS, WarehouseRow._make)
_ORDERING = Ordering(("c.name", "c.slug"), (str, str))


def get_warehouse(by: str, value: Any) -> WarehouseRow | None:
    """Return the warehouse whose `by` (id, externalReference) is `value`."""
    found = fetch(f"SELECT {_COLUMNS} FROM catalog_warehouse c WHERE {_BY[by]}", [value])
    return WarehouseRow._make(found[0]) if found else None


def list_warehouses_by_id(ids: Sequence[UUID]) -> dict[UUID, WarehouseRow]:
    """Return warehouses, by id."""
    found = fetch(f"SELECT {_COLUMNS} FROM catalog_warehouse c WHERE c.id = ANY(%s)", [list(ids)])
    return {row[0]: WarehouseRow._make(row) for row in found}


def list_warehouses(
    conditions: Sequence[Pending], page: PageRequest, *, descending: bool = False
) -> Page[WarehouseRow]:
    """Return a page of the warehouses, by name."""
    return read_page(_SOURCE, _ORDERING, Every(tuple(conditions)).bind(""), page, descending=descending)


def matching(text: str) -> Condition:
    """Return the condition that name, slug or e-mail address of the warehouse `c` contain a text."""
    pattern = contains(text)
    return Condition("(c.name ILIKE %s OR c.slug ILIKE %s OR c.email ILIKE %s)", (pattern,) * 3)
