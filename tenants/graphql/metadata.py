"""Public and private key–value pairs that apps keep with an object."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import graphene

from commerce.graphql.batch import batch
from commerce.graphql.info import Info
from commerce.graphql.scalars import Metadata
from tenants import queries
from tenants.graphql.context import ShopContext

# Types whose private metadata another permission than MANAGE_PRODUCTS opens.
_KEEPERS = {
    "Attribute": "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES",
    "Channel": "MANAGE_CHANNELS",
    "Menu": "MANAGE_MENUS",
    "MenuItem": "MANAGE_MENUS",
    "Page": "MANAGE_PAGES",
    "PageType": "MANAGE_PAGE_TYPES_AND_ATTRIBUTES",
    "ProductType": "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES",
    "Shop": "MANAGE_SETTINGS",
}


class Item(NamedTuple):
    key: str
    value: str


class MetadataItem(graphene.ObjectType):
    """One key and its value."""

    class Meta:
        possible_types = (Item,)

    key = graphene.String(required=True, description="The key.")
    value = graphene.String(required=True, description="The value.")


class MetadataInput(graphene.InputObjectType):
    """One key and its value."""

    key = graphene.String(required=True)
    value = graphene.String(required=True)


def _loaded(rows: Sequence[Any], info: Info[ShopContext], *, private: bool = False) -> list[dict[str, str]]:
    """Return the metadata of each row; its class names the table as `metadata_table`, None where it has none."""
    table: str | None = rows[0].metadata_table
    if table is None:
        return [{} for _ in rows]
    read = partial(queries.list_metadata, table, private=private)
    found = info.context.load(("metadata", table, private), [row.id for row in rows], read)
    return [found[row.id] or {} for row in rows]


def _private(rows: Sequence[Any], info: Info[ShopContext]) -> list[dict[str, str]]:
    """Return the private metadata of each row, or raise PermissionDenied; an app sees its own."""
    if info.parent_type == "App":
        info.context.require_app(*(row.id for row in rows))
    else:
        info.context.require(_KEEPERS.get(info.parent_type, "MANAGE_PRODUCTS"))
    return _loaded(rows, info, private=True)


def _items(pairs: dict[str, str]) -> list[Item]:
    return [Item(*pair) for pair in sorted(pairs.items())]


def _chosen(pairs: dict[str, str], keys: list[str] | None) -> dict[str, str]:
    return pairs if keys is None else {key: pairs[key] for key in keys if key in pairs}


class ObjectWithMetadata(graphene.Interface):
    """An object with key–value pairs: public ones, and private ones for staff and apps."""

    metadata = graphene.List(graphene.NonNull(MetadataItem), required=True, description="All public pairs, by key.")
    metafield = graphene.String(
        key=graphene.String(required=True), description="The value of one public key, null where it is not there."
    )
    metafields = Metadata(
        keys=graphene.List(graphene.NonNull(graphene.String)),
        description="The pairs of these public keys, or all; keys that are not there are left out.",
    )
    private_metadata = graphene.List(
        graphene.NonNull(MetadataItem), required=True, description="All private pairs; needs a staff permission."
    )
    private_metafield = graphene.String(
        key=graphene.String(required=True), description="The value of one private key; needs a staff permission."
    )
    private_metafields = Metadata(
        keys=graphene.List(graphene.NonNull(graphene.String)),
        description="The pairs of these private keys, or all; needs a staff permission.",
    )

    @batch
    def resolve_metadata(rows: Sequence[Any], info: Info[ShopContext]) -> list[list[Item]]:
        return [_items(pairs) for pairs in _loaded(rows, info)]

    @batch
    def resolve_metafield(rows: Sequence[Any], info: Info[ShopContext], key: str) -> list[str | None]:
        return [pairs.get(key) for pairs in _loaded(rows, info)]

    @batch
    def resolve_metafields(
        rows: Sequence[Any], info: Info[ShopContext], keys: list[str] | None = None
    ) -> list[dict[str, str]]:
        return [_chosen(pairs, keys) for pairs in _loaded(rows, info)]

    @batch
    def resolve_private_metadata(rows: Sequence[Any], info: Info[ShopContext]) -> list[list[Item]]:
        return [_items(pairs) for pairs in _private(rows, info)]

    @batch
    def resolve_private_metafield(rows: Sequence[Any], info: Info[ShopContext], key: str) -> list[str | None]:
        return [pairs.get(key) for pairs in _private(rows, info)]

    @batch
    def resolve_private_metafields(
        rows: Sequence[Any], info: Info[ShopContext], keys: list[str] | None = None
    ) -> list[dict[str, str]]:
        return [_chosen(pairs, keys) for pairs in _private(rows, info)]
