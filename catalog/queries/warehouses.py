"""Places that hold stock."""

from collections.abc import Sequence
from uuid import UUID

from catalog.queries.rows import WarehouseRow
from commerce.db.rows import fetch


def list_warehouses_by_id(ids: Sequence[UUID]) -> dict[UUID, WarehouseRow]:
    """Return warehouses, by id."""
    columns = ", ".join(f"w.{name}" for name in WarehouseRow._fields)
    found = fetch(f"SELECT {columns} FROM catalog_warehouse w WHERE w.id = ANY(%s)", [list(ids)])
    return {row[0]: WarehouseRow._make(row) for row in found}
