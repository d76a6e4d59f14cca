"""Places that hold stock."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from commerce.db.rows import fetch


class WarehouseRow(NamedTuple):
    """A place that holds stock."""

    id: UUID
    slug: str
    name: str
    email: str
    is_private: bool
    external_reference: str

    @property
    def metadata_table(self) -> str:
        return "catalog_warehouse"


def list_warehouses_by_id(ids: Sequence[UUID]) -> dict[UUID, WarehouseRow]:
    """Return warehouses, by id."""
    columns = ", ".join(f"w.{name}" for name in WarehouseRow._fields)
    found = fetch(f"SELECT {columns} FROM catalog_warehouse w WHERE w.id = ANY(%s)", [list(ids)])
    return {row[0]: WarehouseRow._make(row) for row in found}
