"""The pairs that apps keep with objects of the catalogue."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from catalog.models import (
    Attribute,
    Category,
    Media,
    Menu,
    MenuItem,
    Page,
    PageType,
    Product,
    ProductType,
    Variant,
    Warehouse,
)
from catalog.models import Collection as ProductCollection
from catalog.operations.objects import save
from commerce.errors import DomainError
from tenants import operations as tenants

# The dialect's kind → the model.
KEPT_WITH: dict[str, type[Any]] = {
    "Attribute": Attribute,
    "Category": Category,
    "Collection": ProductCollection,
    "Menu": Menu,
    "MenuItem": MenuItem,
    "Page": Page,
    "PageType": PageType,
    "Product": Product,
    "ProductMedia": Media,
    "ProductType": ProductType,
    "ProductVariant": Variant,
    "Warehouse": Warehouse,
}


def change_metadata(
    *,
    kind: str,
    key: UUID,
    private: bool,
    put: Mapping[str, str],
    drop: Collection[str] = (),
    now: datetime,
    actor: str = "",
) -> None:
    """Put pairs into what is kept with an object, publicly or privately, and drop keys. Raises DomainError.

    Pairs that two callers put at the same time are both kept.
    """
    instance = KEPT_WITH[kind]._default_manager.select_for_update().filter(id=key).first()
    if instance is None:
        raise DomainError(f"There is no {kind} {key}.", code="NOT_FOUND", field="id")
    column = "private_metadata" if private else "metadata"
    before: dict[str, str] = getattr(instance, column)
    after = tenants.change_pairs(before, put=put, drop=drop)
    if after != before:
        setattr(instance, column, after)
        save(instance, now=now, actor=actor)
