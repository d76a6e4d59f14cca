"""How the pairs that apps keep with objects of the catalogue are changed, and who may."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from catalog import operations
from catalog.queries import attributes, groups, menus, pages, products, types, warehouses
from catalog.queries.menus import Onlooker
from catalog.queries.pages import Viewer
from commerce.graphql.info import Info
from tenants.graphql.context import ShopContext
from tenants.graphql.metadata_mutations import METADATA_WRITERS, MetadataWriter
from tenants.queries import EVERYWHERE


class _Kept(NamedTuple):
    """Who may change the pairs of a kind, and how its row is read: hidden ones too."""

    permissions: tuple[str, ...]
    read: Callable[[list[UUID], datetime], Mapping[UUID, Any]]


_TYPES = "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES"
_PAGE_TYPES = "MANAGE_PAGE_TYPES_AND_ATTRIBUTES"
_KEPT: Mapping[str, _Kept] = {
    "Attribute": _Kept((_TYPES, _PAGE_TYPES), lambda ids, now: attributes.list_attributes_by_id(ids)),
    "Category": _Kept(("MANAGE_PRODUCTS",), lambda ids, now: groups.list_categories_by_id(ids)),
    "Collection": _Kept(("MANAGE_PRODUCTS",), lambda ids, now: groups.list_collections_by_id(ids, EVERYWHERE, now)),
    "Menu": _Kept(("MANAGE_MENUS",), lambda ids, now: menus.list_menus_by_id(ids, Onlooker(now, None, True))),
    "MenuItem": _Kept(("MANAGE_MENUS",), lambda ids, now: menus.list_items_by_id(ids, Onlooker(now, None, True))),
    "Page": _Kept(("MANAGE_PAGES",), lambda ids, now: pages.list_pages_by_id(ids, Viewer(now, None, True))),
    "PageType": _Kept((_PAGE_TYPES,), lambda ids, now: types.list_types_by_id("page", ids)),
    "Product": _Kept(("MANAGE_PRODUCTS",), lambda ids, now: products.list_products_by_id(ids, EVERYWHERE, now)),
    "ProductMedia": _Kept(("MANAGE_PRODUCTS",), lambda ids, now: products.list_media_by_id(ids)),
    "ProductType": _Kept((_TYPES,), lambda ids, now: types.list_types_by_id("product", ids)),
    "ProductVariant": _Kept(("MANAGE_PRODUCTS",), lambda ids, now: products.list_variants_by_id(ids, EVERYWHERE, now)),
    "Warehouse": _Kept(("MANAGE_PRODUCTS",), lambda ids, now: warehouses.list_warehouses_by_id(ids)),
}


def _may_change(kept: _Kept, info: Info[ShopContext], key: UUID, private: bool) -> None:
    info.context.require(*kept.permissions)


def _change(kind: str, kept: _Kept, info: Info[ShopContext], key: UUID, **changes: Any) -> Any:
    context = info.context
    operations.change_metadata(kind=kind, key=key, now=context.now, actor=context.caller.actor, **changes)
    return kept.read([key], context.now)[key]


def register() -> None:
    """Let updateMetadata and its siblings change what is kept with objects of the catalogue."""
    for kind, kept in _KEPT.items():
        METADATA_WRITERS[kind] = MetadataWriter(partial(_may_change, kept), partial(_change, kind, kept))
