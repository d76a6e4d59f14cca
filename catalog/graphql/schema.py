"""What a shop's catalogue answers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import graphene

from catalog.graphql import metadata
from catalog.graphql.assigned import ASSIGNED_TYPES
from catalog.graphql.content import ContentQuery
from catalog.graphql.groups import ORDERED_BY, Category, Collection, empty_page, products_field
from catalog.graphql.inputs.groups import (
    CategoryFilterInput,
    CategorySortingInput,
    CategoryWhereInput,
    CollectionFilterInput,
    CollectionSortingInput,
    CollectionWhereInput,
)
from catalog.graphql.inputs.products import (
    ProductVariantFilterInput,
    ProductVariantSortingInput,
    ProductVariantWhereInput,
)
from catalog.graphql.inputs.values import IntFilterInput, PriceFilterInput, UUIDFilterInput
from catalog.graphql.keys import by_slug, channel_argument, key_of, one_of
from catalog.graphql.lists import ListArguments
from catalog.graphql.plain_filters import (
    CATEGORY_FILTER,
    CATEGORY_WHERE,
    COLLECTION_FILTER,
    COLLECTION_WHERE,
    VARIANT_FILTER,
    VARIANT_WHERE,
    apart,
    narrow,
    order_of,
    with_ids,
)
from catalog.graphql.products import Product, announce
from catalog.graphql.suggestions import SearchQuery
from catalog.graphql.variants import ProductVariant
from catalog.queries import groups, plain, products, variants
from catalog.queries.lists import get_page
from catalog.queries.rows import CategoryRow, CollectionRow, ProductRow, VariantRow
from commerce.graphql.batch import root
from commerce.graphql.connections import connection_field, paged
from commerce.graphql.info import Info
from commerce.graphql.paging import Page, PageRequest
from tenants.graphql.context import ShopContext
from tenants.graphql.types import ChoiceValue

# Types that no field of the schema leads to, or none yet.
TYPES = [*ASSIGNED_TYPES, ChoiceValue, IntFilterInput, PriceFilterInput, UUIDFilterInput]

metadata.register()


class Query(ContentQuery, SearchQuery):
    """The catalogue's fields of the root."""

    products = products_field(channel=channel_argument(), description="The products that shoppers of a channel see.")
    product = graphene.Field(Product, args=by_slug(channel=channel_argument()), description="One product.")
    product_variant = graphene.Field(
        ProductVariant,
        args=one_of(sku=graphene.String(description="Its SKU."), channel=channel_argument()),
        description="One variant.",
    )
    product_variants = connection_field(
        ProductVariant,
        ids=graphene.List(graphene.NonNull(graphene.ID), description="Only these."),
        channel=channel_argument(),
        filter=ProductVariantFilterInput(description="What to narrow the list by."),
        where=ProductVariantWhereInput(description="What to narrow the list by; not together with `filter`."),
        sort_by=ProductVariantSortingInput(description="The order; that of their creation if not given."),
        search=graphene.String(description="A part of the name or the SKU."),
        description="The variants that shoppers of a channel see.",
    )
    categories = connection_field(
        Category,
        filter=CategoryFilterInput(description="What to narrow the list by."),
        where=CategoryWhereInput(description="What to narrow the list by; not together with `filter`."),
        sort_by=CategorySortingInput(description="The order; by level, then name, if not given."),
        search=graphene.String(description="A part of the name or the slug."),
        level=graphene.Int(description="Only those of one level of the tree; a root has 0."),
        description="All categories.",
    )
    category = graphene.Field(Category, args=by_slug(), description="One category.")
    collections = connection_field(
        Collection,
        channel=channel_argument(),
        filter=CollectionFilterInput(description="What to narrow the list by."),
        where=CollectionWhereInput(description="What to narrow the list by; not together with `filter`."),
        sort_by=CollectionSortingInput(description="The order; by slug if not given."),
        search=graphene.String(description="A part of the name or the slug."),
        description="The collections that shoppers of a channel see.",
    )
    collection = graphene.Field(Collection, args=by_slug(channel=channel_argument()), description="One collection.")

    @paged(*ORDERED_BY)
    def resolve_products(
        rows: Sequence[Any], info: Info[ShopContext], page: PageRequest, **arguments: Any
    ) -> list[Page[ProductRow]]:
        wanted = ListArguments.read(**arguments)
        channel = info.context.channel(wanted.channel)
        if channel is None:
            return [empty_page()]
        listed = wanted.of(info.context, channel)
        found = get_page(listed, page)
        announce(info, found.rows, "edges", "node")
        return [replace(found, source=wanted.facets(listed)) if info.selects("facets") else found]

    @root
    def resolve_product(
        info: Info[ShopContext],
        id: str | None = None,
        slug: str | None = None,
        external_reference: str | None = None,
        slug_language_code: Any = None,
        channel: str | None = None,
    ) -> ProductRow | None:
        by, value = key_of("Product", id=id, slug=slug, externalReference=external_reference)
        market = info.context.channel(channel)
        if market is None:
            return None
        now = info.context.now
        if by == "slug" and slug_language_code is not None:
            found = products.get_product_by_translated_slug(value, slug_language_code.value, market, now)
        else:
            found = products.get_product(by, value, market, now)
        if found is None and by == "slug" and slug_language_code is None:
            found = products.get_product_by_any_slug(value, info.context.languages, market, now)
        announce(info, [found] if found else [])
        return found

    @root
    def resolve_product_variant(
        info: Info[ShopContext],
        id: str | None = None,
        sku: str | None = None,
        external_reference: str | None = None,
        channel: str | None = None,
    ) -> VariantRow | None:
        by, value = key_of("ProductVariant", id=id, sku=sku, externalReference=external_reference)
        market = info.context.channel(channel)
        return None if market is None else products.get_variant(by, value, market, info.context.now)

    @paged("ids", "channel", "filter", "where", "sort_by", "search")
    def resolve_product_variants(
        rows: Sequence[Any],
        info: Info[ShopContext],
        page: PageRequest,
        ids: list[str] | None = None,
        channel: str | None = None,
        filter: Any = None,
        where: Any = None,
        sort_by: Any = None,
        search: str | None = None,
    ) -> list[Page[VariantRow]]:
        narrowed = [
            *narrow(VARIANT_FILTER, VARIANT_WHERE, filter=filter, where=where, search=search),
            *([] if ids is None else [with_ids("ProductVariant", ids)]),
        ]
        market = info.context.channel(channel)
        if market is None:
            return [empty_page()]
        field, descending = order_of(sort_by, "CREATED")
        found = variants.list_all_variants(narrowed, field, page, market, info.context.now, descending=descending)
        return [found]

    @paged("filter", "where", "sort_by", "search", "level")
    def resolve_categories(
        rows: Sequence[Any],
        info: Info[ShopContext],
        page: PageRequest,
        filter: Any = None,
        where: Any = None,
        sort_by: Any = None,
        search: str | None = None,
        level: int | None = None,
    ) -> list[Page[CategoryRow]]:
        narrowed = [
            *narrow(CATEGORY_FILTER, CATEGORY_WHERE, filter=filter, where=where, search=search),
            *([] if level is None else [plain.is_any("level", [level])]),
        ]
        field, descending = order_of(sort_by, "TREE")
        return [groups.list_categories(narrowed, page, field, descending=descending)]

    @root
    def resolve_category(
        info: Info[ShopContext],
        id: str | None = None,
        slug: str | None = None,
        external_reference: str | None = None,
        slug_language_code: Any = None,
    ) -> CategoryRow | None:
        by, value = key_of("Category", id=id, slug=slug, externalReference=external_reference)
        if by == "slug" and slug_language_code is not None:
            return groups.get_category_by_translated_slug(value, slug_language_code.value)
        found = groups.get_category(by, value)
        if found is None and by == "slug":
            found = groups.get_category_by_any_slug(value, info.context.languages)
        return found

    @paged("channel", "filter", "where", "sort_by", "search")
    def resolve_collections(
        rows: Sequence[Any],
        info: Info[ShopContext],
        page: PageRequest,
        channel: str | None = None,
        filter: Any = None,
        where: Any = None,
        sort_by: Any = None,
        search: str | None = None,
    ) -> list[Page[CollectionRow]]:
        given, (named, published) = apart(filter, "channel", "published")
        narrowed = narrow(COLLECTION_FILTER, COLLECTION_WHERE, filter=given, where=where, search=search)
        market = info.context.channel(channel or named or (sort_by or {}).get("channel"))
        if market is None:
            return [empty_page()]
        if published is not None:
            narrowed.append(groups.is_published(published.value == "PUBLISHED", market, info.context.now))
        field, descending = order_of(sort_by, "SLUG")
        field = "PUBLISHED_AT" if field == "PUBLICATION_DATE" else field
        return [groups.list_collections(narrowed, page, market, info.context.now, field, descending=descending)]

    @root
    def resolve_collection(
        info: Info[ShopContext],
        id: str | None = None,
        slug: str | None = None,
        external_reference: str | None = None,
        slug_language_code: Any = None,
        channel: str | None = None,
    ) -> CollectionRow | None:
        by, value = key_of("Collection", id=id, slug=slug, externalReference=external_reference)
        market = info.context.channel(channel)
        if market is None:
            return None
        if by == "slug" and slug_language_code is not None:
            return groups.get_collection_by_translated_slug(value, slug_language_code.value, market, info.context.now)
        found = groups.get_collection(by, value, market, info.context.now)
        if found is None and by == "slug":
            found = groups.get_collection_by_any_slug(value, info.context.languages, market, info.context.now)
        return found
