"""Variants of products, as shoppers of a channel see them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import graphene

from catalog.graphql.assigned import assigned, assigned_field, assigned_list, named
from catalog.graphql.attributes import SelectedAttribute, VariantAttributeScope, in_scope
from catalog.graphql.loading import load_products, load_variant_attributes
from catalog.graphql.media import ProductImage, ProductMedia
from catalog.graphql.offers import INSIDERS, KEEPERS, ProductVariantChannelListing, Stock, stocks, variant_offers
from catalog.graphql.pricing import VariantPrices, VariantPricingInfo, variant_prices
from catalog.graphql.translations import ProductVariantTranslation, resolve_named_translation, translation_field, word
from catalog.models.stock import MOST_SHOWN
from catalog.queries import products
from catalog.queries.offers import StockRow, VariantOffer
from catalog.queries.rows import Assignment, MediaRow, ProductRow, VariantRow
from commerce.graphql.batch import batch, column
from commerce.graphql.enums import CountryCode
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from commerce.graphql.scalars import DateTime
from commerce.graphql.weights import Kilograms, Weight, weight_of
from tenants.graphql.context import ShopContext
from tenants.graphql.metadata import ObjectWithMetadata
from tenants.graphql.types import AddressInput

_WHERE = "Where it is to be sent; all warehouses of the channel count for now."


class PreorderData(graphene.ObjectType):
    """How a variant is sold ahead. None is yet."""

    global_threshold = graphene.Int(description="How many may be ordered, in all channels.")
    global_sold_units = graphene.Int(required=True, description="How many were ordered.")
    end_date = DateTime(description="When it is sold as others are.")


class ProductVariant(graphene.ObjectType):
    """What is priced, stocked and sold."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (VariantRow,)

    id = graphene.ID(required=True, description="The id.")
    name = graphene.String(required=True, description="The name for people.")
    sku = graphene.String(description="The number that the shop keeps stock by.")
    external_reference = graphene.String(description="The id in another system of the merchant.")
    product = graphene.Field("catalog.graphql.products.Product", required=True, description="The product.")
    channel = graphene.String(description="The slug of the channel.")
    track_inventory = graphene.Boolean(required=True, description="Whether stock is counted.")
    quantity_limit_per_customer = graphene.Int(description="How many pieces one customer may buy.")
    quantity_available = graphene.Int(
        address=AddressInput(description=_WHERE),
        country_code=CountryCode(description=_WHERE),
        description=f"How many pieces can be bought, {MOST_SHOWN} at most.",
    )
    pricing = graphene.Field(
        VariantPricingInfo,
        address=AddressInput(description="Where it is to be sent; prices are the same everywhere for now."),
        description="What it costs.",
    )
    channel_listings = graphene.List(
        graphene.NonNull(ProductVariantChannelListing),
        description="What it costs in each channel; needs a staff member or an app.",
    )
    stocks = graphene.List(
        graphene.NonNull(Stock),
        address=AddressInput(description=_WHERE),
        country_code=CountryCode(description=_WHERE),
        description="What is in the warehouses of the channel; needs MANAGE_PRODUCTS or MANAGE_ORDERS.",
    )
    preorder = graphene.Field(PreorderData, description="How it is sold ahead: it is not yet.")
    weight = graphene.Field(Weight, description="The weight.")
    attributes = graphene.List(
        graphene.NonNull(SelectedAttribute),
        required=True,
        variant_selection=VariantAttributeScope(description="Only those that shoppers choose by, or only the others."),
        description="Its attributes with their values.",
    )
    assigned_attribute = assigned_field()
    assigned_attributes = assigned_list(
        variant_selection=VariantAttributeScope(description="Only those that shoppers choose by, or only the others.")
    )
    media = graphene.List(graphene.NonNull(ProductMedia), description="The media of the product that show it.")
    images = graphene.List(graphene.NonNull(ProductImage), description="The pictures of the product that show it.")
    created = graphene.Field(DateTime, required=True, description="When it was made.")
    updated_at = graphene.Field(DateTime, required=True, description="When it was changed last.")
    translation = translation_field(ProductVariantTranslation)

    resolve_created = column("created_at")
    resolve_name = word("name")
    resolve_translation = resolve_named_translation

    @batch
    def resolve_id(rows: Sequence[VariantRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("ProductVariant", row.id) for row in rows]

    @batch
    def resolve_product(rows: Sequence[VariantRow], info: Info[ShopContext]) -> list[ProductRow | None]:
        return load_products(info.context, [(row.channel, row.product_id) for row in rows])

    @batch
    def resolve_channel(rows: Sequence[VariantRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.channel.slug or None for row in rows]

    @batch
    def resolve_quantity_available(
        rows: Sequence[VariantRow], info: Info[ShopContext], address: Any = None, country_code: Any = None
    ) -> list[int]:
        return [_available(row) for row in rows]

    @batch
    def resolve_pricing(
        rows: Sequence[VariantRow], info: Info[ShopContext], address: Any = None
    ) -> list[VariantPrices | None]:
        return [variant_prices(row) for row in rows]

    @batch
    def resolve_channel_listings(rows: Sequence[VariantRow], info: Info[ShopContext]) -> list[list[VariantOffer]]:
        info.context.require(*INSIDERS)
        return variant_offers(info.context, [row.id for row in rows])

    @batch
    def resolve_stocks(
        rows: Sequence[VariantRow], info: Info[ShopContext], address: Any = None, country_code: Any = None
    ) -> list[list[StockRow]]:
        info.context.require(*KEEPERS)
        return stocks(rows)

    @batch
    def resolve_preorder(rows: Sequence[VariantRow], info: Info[ShopContext]) -> list[None]:
        return [None for _ in rows]

    @batch
    def resolve_weight(rows: Sequence[VariantRow], info: Info[ShopContext]) -> list[Kilograms | None]:
        return [weight_of(row.weight_grams) for row in rows]

    @batch
    def resolve_attributes(
        rows: Sequence[VariantRow], info: Info[ShopContext], variant_selection: Any = None
    ) -> list[list[Assignment]]:
        return [in_scope(found, variant_selection) for found in load_variant_attributes(info.context, rows)]

    @batch
    def resolve_assigned_attribute(
        rows: Sequence[VariantRow], info: Info[ShopContext], slug: str
    ) -> list[Assignment | None]:
        return [named(found, slug) for found in load_variant_attributes(info.context, rows)]

    @batch
    def resolve_assigned_attributes(
        rows: Sequence[VariantRow], info: Info[ShopContext], limit: int, variant_selection: Any = None
    ) -> list[list[Assignment]]:
        loaded = load_variant_attributes(info.context, rows)
        return [assigned(in_scope(found, variant_selection))[: max(limit, 0)] for found in loaded]

    @batch
    def resolve_media(rows: Sequence[VariantRow], info: Info[ShopContext]) -> list[list[MediaRow]]:
        return _variant_media(rows, info)

    @batch
    def resolve_images(rows: Sequence[VariantRow], info: Info[ShopContext]) -> list[list[MediaRow]]:
        return [[row for row in media if row.type == "IMAGE"] for media in _variant_media(rows, info)]


def _available(row: VariantRow) -> int:
    most = min(row.quantity_limit_per_customer or MOST_SHOWN, MOST_SHOWN)
    return max(min(row.free, most), 0) if row.track_inventory else most


def _variant_media(rows: Sequence[VariantRow], info: Info[ShopContext]) -> list[list[MediaRow]]:
    read = partial(products.list_variant_media, product_ids={row.product_id for row in rows})
    found = info.context.load("variant media", [row.id for row in rows], read)
    return [found[row.id] or [] for row in rows]
