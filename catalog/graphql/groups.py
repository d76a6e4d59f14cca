"""Categories and collections."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import graphene

from catalog.graphql.inputs.products import ProductFilterInput, ProductOrder, ProductWhereInput
from catalog.graphql.lists import ListArguments
from catalog.graphql.loading import load_categories, rich_text
from catalog.graphql.media import Image, Picture, picture, sized
from catalog.graphql.offers import INSIDERS, CollectionChannelListing, collection_offers
from catalog.graphql.products import Product, announce
from catalog.graphql.translations import (
    CategoryTranslation,
    CollectionTranslation,
    in_language,
    resolve_translation,
    translation_field,
    word,
)
from catalog.queries import groups
from catalog.queries.conditions import in_groups
from catalog.queries.lists import list_pages
from catalog.queries.offers import CollectionOffer
from catalog.queries.rows import CategoryRow, CollectionRow, ProductRow
from commerce.graphql.batch import batch
from commerce.graphql.connections import connection_field, paged
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from commerce.graphql.paging import Page, PageRequest
from commerce.graphql.scalars import DateTime, JSONString
from tenants.graphql.context import ShopContext
from tenants.graphql.metadata import ObjectWithMetadata
from tenants.queries import ChannelRow

ORDERED_BY = ("channel", "filter", "where", "sort_by", "search")


def products_field(**options: Any) -> Any:
    """Declare a list of products with all its arguments."""
    return connection_field(
        Product,
        filter=ProductFilterInput(description="What to narrow the list by."),
        where=ProductWhereInput(description="What to narrow the list by; not together with `filter`."),
        sort_by=ProductOrder(description="The order; by slug if not given."),
        search=graphene.String(description="Words that the name has, or a SKU."),
        **options,
    )


def empty_page() -> Page[Any]:
    """Return the page of a list with nothing in it."""
    return Page((), lambda row: (), total=0)


class _Group(graphene.ObjectType):
    class Meta:
        abstract = True

    id = graphene.ID(required=True, description="The id.")
    name = graphene.String(required=True, description="The name for people.")
    slug = graphene.String(required=True, description="The name in addresses, unique in the shop.")
    description = JSONString(description="The description, EditorJS.")
    description_json = JSONString(description="The same as `description`.")
    seo_title = graphene.String(description="The title for search engines.")
    seo_description = graphene.String(description="The description for search engines.")
    background_image = graphene.Field(Image, args=sized(), description="The picture.")

    resolve_name = word("name")
    resolve_slug = word("slug")

    @batch
    def resolve_id(rows: Sequence[Any], info: Info[ShopContext]) -> list[str]:
        return [to_global_id(info.parent_type, row.id) for row in rows]

    @batch
    def resolve_description(rows: Sequence[Any], info: Info[ShopContext]) -> list[Any]:
        own = [row.description for row in rows]
        return list(map(rich_text, in_language(info, [row.id for row in rows], "description", own)))

    resolve_description_json = resolve_description

    @batch
    def resolve_seo_title(rows: Sequence[Any], info: Info[ShopContext]) -> list[str | None]:
        own = [row.seo_title or None for row in rows]
        return in_language(info, [row.id for row in rows], "seo_title", own)

    @batch
    def resolve_seo_description(rows: Sequence[Any], info: Info[ShopContext]) -> list[str | None]:
        own = [row.seo_description or None for row in rows]
        return in_language(info, [row.id for row in rows], "seo_description", own)

    @batch
    def resolve_background_image(
        rows: Sequence[Any], info: Info[ShopContext], size: int | None = None, format: Any = None
    ) -> list[Picture | None]:
        return [
            picture(
                info.context,
                info.parent_type,
                row.id,
                file=row.background_image,
                made=row.background_image_made,
                alt=row.background_image_alt or None,
                size=size,
                format=format,
            )
            for row in rows
        ]


class Category(_Group):
    """A node of the tree of categories."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (CategoryRow,)

    level = graphene.Int(required=True, description="How deep in the tree it is; a root has 0.")
    updated_at = graphene.Field(DateTime, required=True, description="When it was changed last.")
    parent = graphene.Field(lambda: Category, description="The category above, null for a root.")
    ancestors = connection_field(lambda: Category, description="The categories above, from the root down.")
    children = connection_field(lambda: Category, description="The categories below, in the merchant's order.")
    products = products_field(
        channel=graphene.String(description="The slug of the channel."),
        description="The products in it and in everything below it.",
    )
    translation = translation_field(CategoryTranslation)

    resolve_translation = resolve_translation

    @batch
    def resolve_parent(rows: Sequence[CategoryRow], info: Info[ShopContext]) -> list[CategoryRow | None]:
        return load_categories(info.context, [row.parent_id for row in rows])

    @paged()
    def resolve_ancestors(
        rows: Sequence[CategoryRow], info: Info[ShopContext], page: PageRequest
    ) -> list[Page[CategoryRow]]:
        found = info.context.load("ancestors", [row.id for row in rows], groups.list_ancestors)
        return [Page.slice(found[row.id] or [], page, lambda above: (above.id,)) for row in rows]

    @paged()
    def resolve_children(
        rows: Sequence[CategoryRow], info: Info[ShopContext], page: PageRequest
    ) -> list[Page[CategoryRow]]:
        found = info.context.load("children", [row.id for row in rows], groups.list_children)
        return [Page.slice(found[row.id] or [], page, lambda below: (below.id,)) for row in rows]

    @paged(*ORDERED_BY)
    def resolve_products(
        rows: Sequence[CategoryRow], info: Info[ShopContext], page: PageRequest, **arguments: Any
    ) -> list[Page[ProductRow]]:
        wanted = ListArguments.read(**arguments)
        channel = info.context.channel(wanted.channel)
        return _pages(rows, info, page, wanted, channel)


class Collection(_Group):
    """A merchant's selection of products."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (CollectionRow,)

    channel = graphene.String(description="The slug of the channel.")
    channel_listings = graphene.List(
        graphene.NonNull(CollectionChannelListing),
        description="How it is shown in each channel; needs a staff member or an app.",
    )
    products = products_field(description="The products, in the merchant's order if no other is asked for.")
    translation = translation_field(CollectionTranslation)

    resolve_translation = resolve_translation

    @batch
    def resolve_channel(rows: Sequence[CollectionRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.channel.slug or None for row in rows]

    @batch
    def resolve_channel_listings(rows: Sequence[CollectionRow], info: Info[ShopContext]) -> list[list[CollectionOffer]]:
        info.context.require(*INSIDERS)
        return collection_offers(info.context, [row.id for row in rows])

    @paged(*ORDERED_BY)
    def resolve_products(
        rows: Sequence[CollectionRow], info: Info[ShopContext], page: PageRequest, **arguments: Any
    ) -> list[Page[ProductRow]]:
        wanted = ListArguments.read(**arguments, in_collection=True)
        found: dict[Any, Page[ProductRow]] = {}
        for channel in dict.fromkeys(row.channel for row in rows):
            there = [row for row in rows if row.channel == channel]
            pages = _pages(there, info, page, wanted, channel)
            found.update(zip(map(id, there), pages, strict=True))
        return [found[id(row)] for row in rows]


def _pages(
    rows: Sequence[Any], info: Info[ShopContext], page: PageRequest, wanted: ListArguments, channel: ChannelRow | None
) -> list[Page[ProductRow]]:
    if channel is None:
        return [empty_page() for _ in rows]
    listed = wanted.of(info.context, channel)
    pages = list_pages(listed, [row.id for row in rows], page)
    announce(info, [row for found in pages.values() for row in found.rows], "edges", "node")
    if info.selects("facets"):
        pages = {
            key: replace(
                found, source=wanted.facets(replace(listed, conditions=(*listed.conditions, in_groups([key]))))
            )
            for key, found in pages.items()
        }
    return [pages[row.id] for row in rows]
