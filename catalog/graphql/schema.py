"""What a shop's catalogue answers."""

from collections.abc import Sequence
from typing import Any

import graphene

from catalog.graphql.assigned import ASSIGNED_TYPES
from catalog.graphql.filters import read_category_filter, read_collection_filter
from catalog.graphql.groups import ORDERED_BY, Category, Collection, empty_page, products_field
from catalog.graphql.inputs import CategoryFilterInput, CollectionFilterInput
from catalog.graphql.lists import ListArguments
from catalog.graphql.loading import keep_products
from catalog.graphql.products import Product, ProductVariant
from catalog.queries import groups, products
from catalog.queries.lists import get_page
from catalog.queries.rows import CategoryRow, CollectionRow, ProductRow, VariantRow
from commerce.graphql.batch import root
from commerce.graphql.connections import connection_field, paged
from commerce.graphql.enums import LanguageCodeEnum
from commerce.graphql.ids import from_global_id
from commerce.graphql.info import Info
from commerce.graphql.paging import Page, PageRequest
from tenants.graphql.arguments import exactly_one
from tenants.graphql.context import ShopContext

TYPES = ASSIGNED_TYPES


def _one(**others: Any) -> dict[str, Any]:
    """Return the arguments that name one object."""
    return {
        "id": graphene.ID(description="Its id."),
        "external_reference": graphene.String(description="Its id in another system of the merchant."),
        **others,
    }


def _by_slug(**others: Any) -> dict[str, Any]:
    return _one(
        slug=graphene.String(description="Its slug."),
        slug_language_code=LanguageCodeEnum(description="The language of the slug; its own slug if not given."),
        **others,
    )


def _channel() -> graphene.String:
    return graphene.String(
        description="The slug of the channel. If not given: the only active one; for who manages products, none at all."
    )


class Query:
    """The catalogue's fields of the root."""

    products = products_field(channel=_channel(), description="The products that shoppers of a channel see.")
    product = graphene.Field(Product, args=_by_slug(channel=_channel()), description="One product.")
    product_variant = graphene.Field(
        ProductVariant,
        args=_one(sku=graphene.String(description="Its SKU."), channel=_channel()),
        description="One variant.",
    )
    categories = connection_field(
        Category,
        filter=CategoryFilterInput(description="What to narrow the list by."),
        level=graphene.Int(description="Only those of one level of the tree; a root has 0."),
        description="All categories, by level, then name.",
    )
    category = graphene.Field(Category, args=_by_slug(), description="One category.")
    collections = connection_field(
        Collection,
        channel=_channel(),
        filter=CollectionFilterInput(description="What to narrow the list by."),
        description="The collections that shoppers of a channel see, by name.",
    )
    collection = graphene.Field(Collection, args=_by_slug(channel=_channel()), description="One collection.")

    @paged(*ORDERED_BY)
    def resolve_products(
        rows: Sequence[Any], info: Info[ShopContext], page: PageRequest, **arguments: Any
    ) -> list[Page[ProductRow]]:
        wanted = ListArguments.read(**arguments)
        channel = info.context.channel(wanted.channel)
        if channel is None:
            return [empty_page()]
        found = get_page(wanted.of(info.context, channel), page)
        keep_products(info.context, found.rows)
        return [found]

    @root
    def resolve_product(
        info: Info[ShopContext],
        id: str | None = None,
        slug: str | None = None,
        external_reference: str | None = None,
        slug_language_code: Any = None,
        channel: str | None = None,
    ) -> ProductRow | None:
        by, value = _key("Product", id=id, slug=slug, externalReference=external_reference)
        market = info.context.channel(channel)
        if market is None:
            return None
        now = info.context.now
        if by == "slug" and slug_language_code is not None:
            found = products.get_product_by_translated_slug(value, slug_language_code.value, market, now)
        else:
            found = products.get_product(by, value, market, now)
        keep_products(info.context, [found] if found else [])
        return found

    @root
    def resolve_product_variant(
        info: Info[ShopContext],
        id: str | None = None,
        sku: str | None = None,
        external_reference: str | None = None,
        channel: str | None = None,
    ) -> VariantRow | None:
        by, value = _key("ProductVariant", id=id, sku=sku, externalReference=external_reference)
        market = info.context.channel(channel)
        return None if market is None else products.get_variant(by, value, market, info.context.now)

    @paged("filter", "level")
    def resolve_categories(
        rows: Sequence[Any],
        info: Info[ShopContext],
        page: PageRequest,
        filter: Any = None,
        level: int | None = None,
    ) -> list[Page[CategoryRow]]:
        return [groups.list_categories(read_category_filter(filter, level), page)]

    @root
    def resolve_category(
        info: Info[ShopContext],
        id: str | None = None,
        slug: str | None = None,
        external_reference: str | None = None,
        slug_language_code: Any = None,
    ) -> CategoryRow | None:
        by, value = _key("Category", id=id, slug=slug, externalReference=external_reference)
        if by == "slug" and slug_language_code is not None:
            return groups.get_category_by_translated_slug(value, slug_language_code.value)
        return groups.get_category(by, value)

    @paged("channel", "filter")
    def resolve_collections(
        rows: Sequence[Any],
        info: Info[ShopContext],
        page: PageRequest,
        channel: str | None = None,
        filter: Any = None,
    ) -> list[Page[CollectionRow]]:
        wanted = read_collection_filter(filter)
        market = info.context.channel(channel or (filter or {}).get("channel"))
        hidden = ((filter or {}).get("published") or None) is not None and filter["published"].value == "HIDDEN"
        if market is None or (hidden and not market.shows_all):
            return [empty_page()]
        return [groups.list_collections(wanted, page, market, info.context.now)]

    @root
    def resolve_collection(
        info: Info[ShopContext],
        id: str | None = None,
        slug: str | None = None,
        external_reference: str | None = None,
        slug_language_code: Any = None,
        channel: str | None = None,
    ) -> CollectionRow | None:
        by, value = _key("Collection", id=id, slug=slug, externalReference=external_reference)
        market = info.context.channel(channel)
        if market is None:
            return None
        if by == "slug" and slug_language_code is not None:
            return groups.get_collection_by_translated_slug(value, slug_language_code.value, market, info.context.now)
        return groups.get_collection(by, value, market, info.context.now)


def _key(kind: str, **arguments: Any) -> tuple[str, Any]:
    """Return by which argument an object is named, and the key: a UUID for an id."""
    by, value = exactly_one(**arguments)
    return by, from_global_id(value, kind) if by == "id" else value
