"""The events of the catalogue, as subscription queries select them: who manages products is shown hidden ones too."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import graphene
import orjson

from catalog.graphql.attributes import Attribute, AttributeValue
from catalog.graphql.groups import Category, Collection
from catalog.graphql.loading import load_categories, load_collections, load_products, load_variants_by_id
from catalog.graphql.media import ProductMedia
from catalog.graphql.menus import Menu, MenuItem, onlooker_of
from catalog.graphql.pages import Page, PageType, viewer_of
from catalog.graphql.products import Product
from catalog.graphql.translations import (
    AttributeTranslation,
    AttributeValueTranslation,
    CategoryTranslation,
    CollectionTranslation,
    MenuItemTranslation,
    PageTranslation,
    ProductTranslation,
    ProductVariantTranslation,
)
from catalog.graphql.variants import ProductVariant
from catalog.graphql.warehouses import Warehouse
from catalog.queries import attributes, menus, pages, products, translations, types, warehouses
from catalog.queries.menus import MenuItemRow, MenuRow, Onlooker
from catalog.queries.pages import PageRow, Viewer
from catalog.queries.rows import (
    AttributeRow,
    CategoryRow,
    CollectionRow,
    MediaRow,
    ProductRow,
    Texts,
    TranslationRow,
    ValueRow,
    VariantRow,
)
from catalog.queries.types import PageTypeRow
from catalog.queries.warehouses import WarehouseRow
from commerce.graphql.batch import Batch, batch
from commerce.graphql.info import Info
from tenants.graphql.context import ShopContext
from tenants.graphql.events import EventRow, event_types, last_known, objects_of, shows
from tenants.queries import ChannelRow

R = TypeVar("R", bound=tuple[Any, ...])
_TRANSLATION_TYPES = {
    "Product": ProductTranslation,
    "Collection": CollectionTranslation,
    "Category": CategoryTranslation,
    "Attribute": AttributeTranslation,
    "AttributeValue": AttributeValueTranslation,
    "ProductVariant": ProductVariantTranslation,
    "Page": PageTranslation,
    "MenuItem": MenuItemTranslation,
}


def _seen(
    load: Callable[[ShopContext, list[tuple[ChannelRow, UUID]]], Sequence[R | None]],
    gone: Callable[[EventRow, ChannelRow], R],
    find: Callable[[EventRow], UUID] = lambda row: row.object_id,
) -> Batch:
    """Return the resolver of an object that is seen in a channel, or in none; `find` tells its id."""

    def resolve(rows: Sequence[EventRow], info: Info[ShopContext], channel: str | None = None) -> list[R | None]:
        market = info.context.channel(channel)
        if market is None:
            return [None for _ in rows]
        living = [row for row in rows if not row.is_deleted]
        found = iter(load(info.context, [(market, find(row)) for row in living]))
        return [gone(row, market) if row.is_deleted else next(found) for row in rows]

    return batch(resolve)


def _in_channel(kind: Any, description: str) -> graphene.Field:
    return graphene.Field(
        kind, channel=graphene.String(description="The slug of the channel to see it in."), description=description
    )


# --- Objects that are gone ----------------------------------------------------------------------------------


def _gone_product(row: EventRow, channel: ChannelRow) -> ProductRow:
    description, *seo = (row.facts.get(name) for name in Texts._fields)
    texts = Texts(orjson.dumps(description).decode() if description else None, *(text or "" for text in seo))
    return last_known(ProductRow, row.object_id, row.facts, channel=channel, texts=texts, on_sale=False)


def _gone_variant(row: EventRow, channel: ChannelRow) -> VariantRow:
    return last_known(VariantRow, row.object_id, row.facts, channel=channel, free_pieces=0)


def _gone_collection(row: EventRow, channel: ChannelRow) -> CollectionRow:
    return last_known(CollectionRow, row.object_id, row.facts, channel=channel)


# --- What is loaded -----------------------------------------------------------------------------------------


def _told_id(name: str, row: EventRow) -> UUID:
    """Return the id of another object that the event's facts name, or its own object's."""
    told = row.facts.get(name)
    return UUID(told) if told else row.object_id


# News of a price or of a stock row is told of its variant.
_variant = _seen(load_variants_by_id, _gone_variant, partial(_told_id, "variant_id"))


@batch
def _category_of_product(rows: Sequence[EventRow], info: Info[ShopContext]) -> list[CategoryRow | None]:
    """Return the category of each event's product."""
    market = info.context.channel(None)
    assert market is not None  # noqa: S101  without a slug there is one, or an error
    found = load_products(info.context, [(market, row.object_id) for row in rows])
    told = [row.facts.get("category_id") for row in rows]
    ids = [
        product.category_id if product else UUID(key) if key else None for product, key in zip(found, told, strict=True)
    ]
    return load_categories(info.context, ids)


def _categories(context: ShopContext, ids: list[UUID]) -> dict[UUID, CategoryRow | None]:
    return dict(zip(ids, load_categories(context, ids), strict=True))


def _media(context: ShopContext, ids: list[UUID]) -> dict[UUID, MediaRow | None]:
    return context.load("media by id", ids, products.list_media_by_id)


def _attributes(context: ShopContext, ids: list[UUID]) -> dict[UUID, AttributeRow | None]:
    return context.load("attributes by id", ids, attributes.list_attributes_by_id)


def _warehouses(context: ShopContext, ids: list[UUID]) -> dict[UUID, WarehouseRow | None]:
    return context.load("warehouses", ids, warehouses.list_warehouses_by_id)


@batch
def _value(rows: Sequence[EventRow], info: Info[ShopContext]) -> list[ValueRow | None]:
    owners = _attributes(info.context, [_told_id("attribute_id", row) for row in rows if row.is_deleted])

    def gone(row: EventRow) -> ValueRow:
        key = _told_id("attribute_id", row)
        attribute = owners[key] or last_known(AttributeRow, key, {})
        return last_known(ValueRow, row.object_id, row.facts, attribute=attribute)

    return objects_of(rows, attributes.list_values_by_id, gone)


@batch
def _stock_warehouse(rows: Sequence[EventRow], info: Info[ShopContext]) -> list[WarehouseRow | None]:
    ids = [_told_id("warehouse_id", row) for row in rows]
    found = _warehouses(info.context, ids)
    return [found[key] for key in ids]


@batch
def _translation(rows: Sequence[EventRow], info: Info[ShopContext]) -> list[TranslationRow | None]:
    found: Mapping[UUID, TranslationRow] = translations.list_translations_by_id([row.object_id for row in rows])
    told = [found.get(row.object_id) for row in rows]
    return [words if words and words.object_kind in _TRANSLATION_TYPES else None for words in told]


@batch
def _page(rows: Sequence[EventRow], info: Info[ShopContext]) -> list[PageRow | None]:
    viewer = viewer_of(info.context) or Viewer(info.context.now, None)

    def gone(row: EventRow) -> PageRow:
        return last_known(PageRow, row.object_id, row.facts, viewer=viewer)

    return objects_of(rows, partial(pages.list_pages_by_id, viewer=viewer), gone)


def _page_types(context: ShopContext, ids: list[UUID]) -> dict[UUID, PageTypeRow]:
    return types.list_types_by_id("page", ids)


def _in_menu(kind: type[R], read: Callable[[ShopContext, Onlooker, list[UUID]], Mapping[UUID, R]]) -> Batch:
    """Return the resolver of a menu, or of an item, as a channel shows it."""

    def resolve(rows: Sequence[EventRow], info: Info[ShopContext], channel: str | None = None) -> list[R | None]:
        onlooker = onlooker_of(info.context, channel)
        if onlooker is None:
            return [None for _ in rows]

        def gone(row: EventRow) -> R:
            return last_known(kind, row.object_id, row.facts, onlooker=onlooker)

        return objects_of(rows, partial(read, info.context, onlooker), gone)

    return batch(resolve)


def _menus(context: ShopContext, onlooker: Onlooker, ids: list[UUID]) -> dict[UUID, MenuRow]:
    return menus.list_menus_by_id(ids, onlooker)


def _menu_items(context: ShopContext, onlooker: Onlooker, ids: list[UUID]) -> dict[UUID, MenuItemRow]:
    return menus.list_items_by_id(ids, onlooker)


class TranslationTypes(graphene.Union):
    """The words of an object in another language."""

    class Meta:
        types = tuple(_TRANSLATION_TYPES.values())

    @classmethod
    def resolve_type(cls, row: TranslationRow, info: Any) -> Any:
        return _TRANSLATION_TYPES[row.object_kind]


# --- The types ----------------------------------------------------------------------------------------------

EVENT_TYPES = [
    *event_types(
        {
            "product": _in_channel(Product, "The product."),
            "category": graphene.Field(Category, description="The product's category."),
            "resolve_product": _seen(load_products, _gone_product),
            "resolve_category": _category_of_product,
        },
        "ProductCreated ProductUpdated ProductDeleted ProductMetadataUpdated",
    ),
    *event_types(
        {"product_variant": _in_channel(ProductVariant, "The variant."), "resolve_product_variant": _variant},
        "ProductVariantCreated ProductVariantUpdated ProductVariantDeleted ProductVariantMetadataUpdated",
    ),
    *event_types(
        {
            "product_variant": _in_channel(ProductVariant, "The variant."),
            "warehouse": graphene.Field(Warehouse, description="The warehouse."),
            "resolve_product_variant": _variant,
            "resolve_warehouse": _stock_warehouse,
        },
        "ProductVariantStockUpdated ProductVariantOutOfStock ProductVariantBackInStock",
    ),
    *event_types(
        {
            "product_media": graphene.Field(ProductMedia, description="The picture or video."),
            "resolve_product_media": shows(MediaRow, _media),
        },
        "ProductMediaCreated ProductMediaUpdated ProductMediaDeleted",
    ),
    *event_types(
        {
            "category": graphene.Field(Category, description="The category."),
            "resolve_category": shows(CategoryRow, _categories),
        },
        "CategoryCreated CategoryUpdated CategoryDeleted",
    ),
    *event_types(
        {
            "collection": _in_channel(Collection, "The collection."),
            "resolve_collection": _seen(load_collections, _gone_collection),
        },
        "CollectionCreated CollectionUpdated CollectionDeleted CollectionMetadataUpdated",
    ),
    *event_types(
        {
            "attribute": graphene.Field(Attribute, description="The attribute."),
            "resolve_attribute": shows(AttributeRow, _attributes),
        },
        "AttributeCreated AttributeUpdated AttributeDeleted",
    ),
    *event_types(
        {
            "attribute_value": graphene.Field(AttributeValue, description="The value."),
            "resolve_attribute_value": _value,
        },
        "AttributeValueCreated AttributeValueUpdated AttributeValueDeleted",
    ),
    *event_types(
        {
            "warehouse": graphene.Field(Warehouse, description="The warehouse."),
            "resolve_warehouse": shows(WarehouseRow, _warehouses),
        },
        "WarehouseCreated WarehouseUpdated WarehouseDeleted WarehouseMetadataUpdated",
    ),
    *event_types(
        {"menu": _in_channel(Menu, "The menu."), "resolve_menu": _in_menu(MenuRow, _menus)},
        "MenuCreated MenuUpdated MenuDeleted",
    ),
    *event_types(
        {"menu_item": _in_channel(MenuItem, "The item."), "resolve_menu_item": _in_menu(MenuItemRow, _menu_items)},
        "MenuItemCreated MenuItemUpdated MenuItemDeleted",
    ),
    *event_types(
        {"page": graphene.Field(Page, description="The page."), "resolve_page": _page},
        "PageCreated PageUpdated PageDeleted",
    ),
    *event_types(
        {
            "page_type": graphene.Field(PageType, description="The page type."),
            "resolve_page_type": shows(PageTypeRow, _page_types),
        },
        "PageTypeCreated PageTypeUpdated PageTypeDeleted",
    ),
    *event_types(
        {
            "translation": graphene.Field(TranslationTypes, description="The words."),
            "resolve_translation": _translation,
        },
        "TranslationCreated TranslationUpdated",
    ),
]
