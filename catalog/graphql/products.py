"""Products and their variants, as shoppers of a channel see them."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

import graphene

from catalog.graphql.assigned import assigned, assigned_field, assigned_list, named
from catalog.graphql.attributes import SelectedAttribute
from catalog.graphql.loading import (
    foretell,
    keep_products,
    load_categories,
    load_in_channels,
    load_media,
    load_product_attributes,
    load_variant_attributes,
    load_variants,
    rich_text,
)
from catalog.graphql.media import Image, Picture, ProductImage, ProductMedia, picture, sized
from catalog.graphql.offers import INSIDERS, ProductChannelListing, day_of, product_offers
from catalog.graphql.pricing import (
    ProductPrices,
    ProductPricingInfo,
    product_prices,
)
from catalog.graphql.search import facets_of_products
from catalog.graphql.translations import (
    ProductTranslation,
    in_language,
    resolve_translation,
    translation_field,
    word,
)
from catalog.graphql.types import ProductType
from catalog.graphql.variants import ProductVariant
from catalog.queries import groups, products
from catalog.queries.offers import ProductOffer
from catalog.queries.rows import (
    Assignment,
    CategoryRow,
    CollectionRow,
    MediaRow,
    ProductRow,
    ProductTypeRow,
    Texts,
    VariantRow,
)
from commerce.graphql.batch import batch, column
from commerce.graphql.connections import connection_field, paged
from commerce.graphql.ids import from_global_id, to_global_id
from commerce.graphql.info import Info
from commerce.graphql.paging import Page, PageRequest
from commerce.graphql.scalars import Date, DateTime, JSONString
from commerce.graphql.weights import Kilograms, Weight, weight_of
from tenants.graphql.arguments import exactly_one
from tenants.graphql.context import ShopContext
from tenants.graphql.metadata import ObjectWithMetadata
from tenants.graphql.types import AddressInput


class Product(graphene.ObjectType):
    """Something the shop offers; what is bought is one of its variants."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (ProductRow,)

    connection_fields = staticmethod(facets_of_products)

    id = graphene.ID(required=True, description="The id.")
    name = graphene.String(required=True, description="The name for people.")
    slug = graphene.String(required=True, description="The name in addresses, unique in the shop.")
    description = JSONString(description="The description, EditorJS.")
    description_json = JSONString(description="The same as `description`.")
    seo_title = graphene.String(description="The title for search engines.")
    seo_description = graphene.String(description="The description for search engines.")
    external_reference = graphene.String(description="The id in another system of the merchant.")
    channel = graphene.String(description="The slug of the channel.")
    rating = graphene.Float(description="The rating.")
    created = graphene.Field(DateTime, required=True, description="When it was made.")
    updated_at = graphene.Field(DateTime, required=True, description="When it was changed last.")
    product_type = graphene.Field(ProductType, required=True, description="What kind of product it is.")
    category = graphene.Field("catalog.graphql.groups.Category", description="The category.")
    collections = graphene.List(
        graphene.NonNull("catalog.graphql.groups.Collection"), description="The published collections that it is in."
    )
    pricing = graphene.Field(
        ProductPricingInfo,
        address=AddressInput(description="Where it is to be sent; prices are the same everywhere for now."),
        description="What its variants cost.",
    )
    channel_listings = graphene.List(
        graphene.NonNull(ProductChannelListing),
        description="How it is offered in each channel; needs a staff member or an app.",
    )
    weight = graphene.Field(Weight, description="The weight of variants that have none of their own.")
    is_available = graphene.Boolean(
        address=AddressInput(description="Where it is to be sent; all warehouses of the channel count for now."),
        description="Whether a variant can be bought now.",
    )
    is_available_for_purchase = graphene.Boolean(description="Whether it is on sale, in stock or not.")
    available_for_purchase_at = DateTime(description="The instant from which it can be bought in the channel.")
    available_for_purchase = Date(description="The day (UTC) from which it can be bought in the channel.")
    default_variant = graphene.Field(ProductVariant, description="The first variant.")
    variants = graphene.List(graphene.NonNull(ProductVariant), description="All variants that can be bought.")
    variant = graphene.Field(
        ProductVariant,
        id=graphene.ID(description="Its id."),
        sku=graphene.String(description="Its SKU."),
        description="One of its variants.",
    )
    product_variants = connection_field(ProductVariant, description="The variants that can be bought, by page.")
    attributes = graphene.List(
        graphene.NonNull(SelectedAttribute), required=True, description="Its attributes with their values."
    )
    attribute = graphene.Field(
        SelectedAttribute,
        slug=graphene.String(required=True, description="The slug of the attribute."),
        description="One of its attributes, with its values.",
    )
    assigned_attribute = assigned_field()
    assigned_attributes = assigned_list()
    thumbnail = graphene.Field(Image, args=sized(), description="The first picture.")
    media = graphene.List(graphene.NonNull(ProductMedia), description="Its pictures and videos.")
    media_by_id = graphene.Field(
        ProductMedia, id=graphene.ID(required=True, description="Its id."), description="One of its media."
    )
    images = graphene.List(graphene.NonNull(ProductImage), description="Its pictures.")
    image_by_id = graphene.Field(
        ProductImage, id=graphene.ID(required=True, description="Its id."), description="One of its pictures."
    )
    translation = translation_field(ProductTranslation)

    resolve_created = column("created_at")
    resolve_is_available_for_purchase = column("is_purchasable")
    resolve_name = word("name")
    resolve_slug = word("slug")
    resolve_translation = resolve_translation

    @batch
    def resolve_id(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("Product", row.id) for row in rows]

    @batch
    def resolve_description(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[Any]:
        own = [texts.description for texts in _texts(rows, info)]
        return list(map(rich_text, in_language(info, [row.id for row in rows], "description", own)))

    resolve_description_json = resolve_description

    @batch
    def resolve_seo_title(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[str | None]:
        own = [texts.seo_title or None for texts in _texts(rows, info)]
        return in_language(info, [row.id for row in rows], "seo_title", own)

    @batch
    def resolve_seo_description(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[str | None]:
        own = [texts.seo_description or None for texts in _texts(rows, info)]
        return in_language(info, [row.id for row in rows], "seo_description", own)

    @batch
    def resolve_channel(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.channel.slug or None for row in rows]

    @batch
    def resolve_product_type(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[ProductTypeRow | None]:
        found = info.context.load("types", [row.product_type_id for row in rows], products.list_product_types)
        return [found[row.product_type_id] for row in rows]

    @batch
    def resolve_category(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[CategoryRow | None]:
        return load_categories(info.context, [row.category_id for row in rows])

    @batch
    def resolve_collections(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[list[CollectionRow]]:
        return _load_collections_of(info.context, rows)

    @batch
    def resolve_pricing(
        rows: Sequence[ProductRow], info: Info[ShopContext], address: Any = None
    ) -> list[ProductPrices | None]:
        return [product_prices(row) for row in rows]

    @batch
    def resolve_channel_listings(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[list[ProductOffer]]:
        info.context.require(*INSIDERS)
        return product_offers(info.context, [row.id for row in rows])

    @batch
    def resolve_weight(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[Kilograms | None]:
        return [weight_of(row.weight_grams) for row in rows]

    @batch
    def resolve_available_for_purchase_at(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[datetime | None]:
        return _purchasable_from(rows, info)

    @batch
    def resolve_available_for_purchase(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[date | None]:
        return [day_of(instant) for instant in _purchasable_from(rows, info)]

    @batch
    def resolve_is_available(
        rows: Sequence[ProductRow], info: Info[ShopContext], address: Any = None
    ) -> list[bool | None]:
        return [row.is_purchasable and row.in_stock and row.price_min is not None for row in rows]

    @batch
    def resolve_variants(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[list[VariantRow]]:
        return load_variants(info.context, rows)

    @batch
    def resolve_default_variant(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[VariantRow | None]:
        return [found[0] if found else None for found in load_variants(info.context, rows)]

    @batch
    def resolve_variant(
        rows: Sequence[ProductRow], info: Info[ShopContext], id: str | None = None, sku: str | None = None
    ) -> list[VariantRow | None]:
        by, value = exactly_one(id=id, sku=sku)
        wanted: Any = from_global_id(value, "ProductVariant") if by == "id" else value
        loaded = load_variants(info.context, rows)
        return [next((row for row in found if getattr(row, by) == wanted), None) for found in loaded]

    @paged()
    def resolve_product_variants(
        rows: Sequence[ProductRow], info: Info[ShopContext], page: PageRequest
    ) -> list[Page[VariantRow]]:
        return [Page.slice(found, page, lambda row: (row.id,)) for found in load_variants(info.context, rows)]

    @batch
    def resolve_attributes(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[list[Assignment]]:
        return load_product_attributes(info.context, rows)

    @batch
    def resolve_attribute(rows: Sequence[ProductRow], info: Info[ShopContext], slug: str) -> list[Assignment | None]:
        return [named(found, slug) for found in load_product_attributes(info.context, rows)]

    @batch
    def resolve_assigned_attribute(
        rows: Sequence[ProductRow], info: Info[ShopContext], slug: str
    ) -> list[Assignment | None]:
        return [named(found, slug) for found in load_product_attributes(info.context, rows)]

    @batch
    def resolve_assigned_attributes(
        rows: Sequence[ProductRow], info: Info[ShopContext], limit: int
    ) -> list[list[Assignment]]:
        return [assigned(found)[: max(limit, 0)] for found in load_product_attributes(info.context, rows)]

    @batch
    def resolve_thumbnail(
        rows: Sequence[ProductRow], info: Info[ShopContext], size: int | None = None, format: Any = None
    ) -> list[Picture | None]:
        return [
            picture(
                info.context,
                "ProductMedia",
                row.image_id,
                url=row.image_url,
                file=row.image_file,
                made=row.image_made,
                alt=row.image_alt,
                size=size,
                format=format,
            )
            for row in rows
        ]

    @batch
    def resolve_media(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[list[MediaRow]]:
        return load_media(info.context, rows)

    @batch
    def resolve_media_by_id(rows: Sequence[ProductRow], info: Info[ShopContext], id: str) -> list[MediaRow | None]:
        return _medium(rows, info, from_global_id(id, "ProductMedia"))

    @batch
    def resolve_image_by_id(rows: Sequence[ProductRow], info: Info[ShopContext], id: str) -> list[MediaRow | None]:
        return _medium(rows, info, from_global_id(id, "ProductImage"))

    @batch
    def resolve_images(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[list[MediaRow]]:
        return [[row for row in media if row.type == "IMAGE"] for media in load_media(info.context, rows)]


def _medium(rows: Sequence[ProductRow], info: Info[ShopContext], key: UUID) -> list[MediaRow | None]:
    """Return the medium of this id, of the product that has it."""
    return [next((row for row in media if row.id == key), None) for media in load_media(info.context, rows)]


def _purchasable_from(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[datetime | None]:
    """Return the instant from which each product can be bought in its channel, None if from the start or nowhere."""
    loaded = product_offers(info.context, [row.id for row in rows])
    there = [
        next((offer for offer in offers if offer.channel.id == row.channel.id), None)
        for row, offers in zip(rows, loaded, strict=True)
    ]
    return [offer and offer.available_for_purchase_at for offer in there]


def _texts(rows: Sequence[ProductRow], info: Info[ShopContext]) -> list[Texts]:
    """Return the long texts of products, reading those that did not come with their row."""
    missing = [row.id for row in rows if row.texts is None]
    found = info.context.load("texts", missing, products.list_texts) if missing else {}
    return [row.texts or found.get(row.id) or Texts(None, "", "") for row in rows]


def announce(info: Info[ShopContext], rows: Sequence[ProductRow], *path: str) -> None:
    """Remember products that were read, which stand at `path` below the field.

    Where they are shown in another language than their own, what else is called something is read before the first
    word is asked for: all words then take one statement.
    """
    keep_products(info.context, rows)
    if len(info.context.languages) < 2 or not rows:
        return
    selected = info.selected(*path)
    if "attributes" in selected or "assignedAttributes" in selected:
        load_product_attributes(info.context, rows)
    if "collections" in selected:
        _load_collections_of(info.context, rows)
    variants = info.selected(*path, "variants") | info.selected(*path, "defaultVariant")
    if variants:
        found = [variant for each in load_variants(info.context, rows) for variant in each]
        if "attributes" in variants or "assignedAttributes" in variants:
            load_variant_attributes(info.context, found)


def _load_collections_of(context: ShopContext, rows: Sequence[ProductRow]) -> list[list[CollectionRow]]:
    pairs = [(row.channel, row.id) for row in rows]
    loaded = load_in_channels(context, "collections of", pairs, partial(_collections_of, context.now))
    foretell(context, (held.id for collections in loaded for held in collections or ()))
    return [found or [] for found in loaded]


def _collections_of(now: datetime, ids: list[UUID], channel: Any) -> dict[UUID, list[CollectionRow]]:
    return groups.list_collections_of(ids, channel, now)
