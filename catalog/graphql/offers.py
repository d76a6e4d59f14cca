"""Where things are offered and what is in stock: for staff and apps alone."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import graphene

from catalog.graphql.loading import load_in_channels
from catalog.graphql.pricing import ProductPrices, ProductPricingInfo, product_prices
from catalog.graphql.warehouses import Warehouse
from catalog.queries import offers, products, warehouses
from catalog.queries.offers import CollectionOffer, Costs, ProductOffer, StockRow, VariantOffer
from catalog.queries.rows import ProductRow, VariantRow
from catalog.queries.warehouses import WarehouseRow
from commerce.graphql.batch import batch
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from commerce.graphql.money import MoneyType
from commerce.graphql.scalars import Date, DateTime
from commerce.money import Money
from tenants.graphql.context import ShopContext
from tenants.graphql.types import AddressInput, Channel
from tenants.queries import ChannelRow

INSIDERS = ("AUTHENTICATED_APP", "AUTHENTICATED_STAFF_USER")
KEEPERS = ("MANAGE_PRODUCTS", "MANAGE_ORDERS")


class Moneys(NamedTuple):
    start: Money
    stop: Money


class Margins(NamedTuple):
    start: int
    stop: int


class MoneyRange(graphene.ObjectType):
    """The lowest and the highest of several amounts."""

    class Meta:
        possible_types = (Moneys,)

    start = graphene.Field(MoneyType, description="The lowest.")
    stop = graphene.Field(MoneyType, description="The highest.")


class Margin(graphene.ObjectType):
    """The lowest and the highest of several margins."""

    class Meta:
        possible_types = (Margins,)

    start = graphene.Int(description="The lowest, in percent of the price.")
    stop = graphene.Int(description="The highest, in percent of the price.")


class ProductChannelListing(graphene.ObjectType):
    """How a product is offered in a channel."""

    class Meta:
        possible_types = (ProductOffer,)

    id = graphene.ID(required=True, description="The id.")
    channel = graphene.Field(Channel, required=True, description="The channel.")
    is_published = graphene.Boolean(required=True, description="Whether shoppers see it, from its instant on.")
    published_at = DateTime(description="The instant from which it is shown.")
    publication_date = Date(description="The day (UTC) from which it is shown.")
    visible_in_listings = graphene.Boolean(required=True, description="Whether lists and searches show it.")
    is_available_for_purchase = graphene.Boolean(description="Whether it can be bought now, in stock or not.")
    available_for_purchase_at = DateTime(description="The instant from which it can be bought.")
    available_for_purchase = Date(description="The day (UTC) from which it can be bought.")
    discounted_price = graphene.Field(MoneyType, description="The lowest price of its variants.")
    purchase_cost = graphene.Field(MoneyRange, description="What its variants cost the shop; needs MANAGE_PRODUCTS.")
    margin = graphene.Field(Margin, description="The margins of its variants; needs MANAGE_PRODUCTS.")
    pricing = graphene.Field(
        ProductPricingInfo,
        address=AddressInput(description="Where it is to be sent; prices are the same everywhere for now."),
        description="What its variants cost.",
    )

    @batch
    def resolve_id(rows: Sequence[ProductOffer], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("ProductChannelListing", row.id) for row in rows]

    @batch
    def resolve_publication_date(rows: Sequence[ProductOffer], info: Info[ShopContext]) -> list[date | None]:
        return [day_of(row.published_at) for row in rows]

    @batch
    def resolve_is_available_for_purchase(rows: Sequence[ProductOffer], info: Info[ShopContext]) -> list[bool]:
        now = info.context.now
        return [
            row.is_available_for_purchase
            and (row.available_for_purchase_at is None or row.available_for_purchase_at <= now)
            for row in rows
        ]

    @batch
    def resolve_available_for_purchase(rows: Sequence[ProductOffer], info: Info[ShopContext]) -> list[date | None]:
        return [day_of(row.available_for_purchase_at) for row in rows]

    @batch
    def resolve_discounted_price(rows: Sequence[ProductOffer], info: Info[ShopContext]) -> list[Money | None]:
        return [found and found.price_range.start.gross for found in _prices(rows, info)]

    @batch
    def resolve_purchase_cost(rows: Sequence[ProductOffer], info: Info[ShopContext]) -> list[Moneys | None]:
        return [
            found and Moneys(Money(found.cost_min, found.currency), Money(found.cost_max, found.currency))
            for found in _costs(rows, info)
        ]

    @batch
    def resolve_margin(rows: Sequence[ProductOffer], info: Info[ShopContext]) -> list[Margins | None]:
        return [found and Margins(found.margin_min, found.margin_max) for found in _costs(rows, info)]

    @batch
    def resolve_pricing(
        rows: Sequence[ProductOffer], info: Info[ShopContext], address: Any = None
    ) -> list[ProductPrices | None]:
        return _prices(rows, info)


class PreorderThreshold(graphene.ObjectType):
    """How many pieces may be ordered ahead in a channel. Nothing is sold ahead yet."""

    quantity = graphene.Int(description="How many may be ordered.")
    sold_units = graphene.Int(required=True, description="How many were ordered.")


class ProductVariantChannelListing(graphene.ObjectType):
    """What a variant costs in a channel."""

    class Meta:
        possible_types = (VariantOffer,)

    id = graphene.ID(required=True, description="The id.")
    channel = graphene.Field(Channel, required=True, description="The channel.")
    price = graphene.Field(MoneyType, description="The price.")
    cost_price = graphene.Field(MoneyType, description="What it costs the shop.")
    prior_price = graphene.Field(MoneyType, description="The lowest price of the 30 days before a reduction.")
    margin = graphene.Int(description="The margin in percent of the price; needs MANAGE_PRODUCTS.")
    preorder_threshold = graphene.Field(PreorderThreshold, description="How many may be ordered ahead: none yet.")

    @batch
    def resolve_id(rows: Sequence[VariantOffer], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("ProductVariantChannelListing", row.id) for row in rows]

    @batch
    def resolve_price(rows: Sequence[VariantOffer], info: Info[ShopContext]) -> list[Money | None]:
        return [_money(row.price, row) for row in rows]

    @batch
    def resolve_cost_price(rows: Sequence[VariantOffer], info: Info[ShopContext]) -> list[Money | None]:
        return [_money(row.cost, row) for row in rows]

    @batch
    def resolve_prior_price(rows: Sequence[VariantOffer], info: Info[ShopContext]) -> list[Money | None]:
        return [_money(row.prior_price, row) for row in rows]

    @batch
    def resolve_margin(rows: Sequence[VariantOffer], info: Info[ShopContext]) -> list[int | None]:
        info.context.require("MANAGE_PRODUCTS")
        return [
            None if row.cost is None or not row.price else round(100 * (row.price - row.cost) / row.price)
            for row in rows
        ]

    @batch
    def resolve_preorder_threshold(rows: Sequence[VariantOffer], info: Info[ShopContext]) -> list[None]:
        return [None for _ in rows]


class CollectionChannelListing(graphene.ObjectType):
    """How a collection is shown in a channel."""

    class Meta:
        possible_types = (CollectionOffer,)

    id = graphene.ID(required=True, description="The id.")
    channel = graphene.Field(Channel, required=True, description="The channel.")
    is_published = graphene.Boolean(required=True, description="Whether shoppers see it, from its instant on.")
    published_at = DateTime(description="The instant from which it is shown.")
    publication_date = Date(description="The day (UTC) from which it is shown.")

    @batch
    def resolve_id(rows: Sequence[CollectionOffer], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("CollectionChannelListing", row.id) for row in rows]

    @batch
    def resolve_publication_date(rows: Sequence[CollectionOffer], info: Info[ShopContext]) -> list[date | None]:
        return [day_of(row.published_at) for row in rows]


class Stock(graphene.ObjectType):
    """Pieces of a variant in a warehouse."""

    class Meta:
        possible_types = (StockRow,)

    id = graphene.ID(required=True, description="The id.")
    warehouse = graphene.Field(Warehouse, required=True, description="The warehouse.")
    product_variant = graphene.Field(
        "catalog.graphql.variants.ProductVariant", required=True, description="The variant."
    )
    quantity = graphene.Int(required=True, description="The pieces that are there.")
    quantity_allocated = graphene.Int(required=True, description="Those of them that are promised to somebody.")
    quantity_reserved = graphene.Int(
        required=True, description="Those held for open carts; for now they count as promised, and this is 0."
    )

    @batch
    def resolve_id(rows: Sequence[StockRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("Stock", row.id) for row in rows]

    @batch
    def resolve_warehouse(rows: Sequence[StockRow], info: Info[ShopContext]) -> list[WarehouseRow | None]:
        found = info.context.load("warehouses", [row.warehouse_id for row in rows], warehouses.list_warehouses_by_id)
        return [found[row.warehouse_id] for row in rows]

    @batch
    def resolve_product_variant(rows: Sequence[StockRow], info: Info[ShopContext]) -> list[VariantRow]:
        return [row.variant for row in rows]

    @batch
    def resolve_quantity(rows: Sequence[StockRow], info: Info[ShopContext]) -> list[int]:
        return [row.on_hand for row in rows]

    @batch
    def resolve_quantity_allocated(rows: Sequence[StockRow], info: Info[ShopContext]) -> list[int]:
        return [row.reserved for row in rows]

    @batch
    def resolve_quantity_reserved(rows: Sequence[StockRow], info: Info[ShopContext]) -> list[int]:
        return [0 for _ in rows]


def product_offers(context: ShopContext, ids: Iterable[UUID]) -> list[list[ProductOffer]]:
    """Return the publications of each product."""
    keys = list(ids)
    found = context.load("product offers", keys, partial(offers.list_product_offers, channels=_channels(context)))
    return [found[key] or [] for key in keys]


def variant_offers(context: ShopContext, ids: Iterable[UUID]) -> list[list[VariantOffer]]:
    """Return the prices of each variant."""
    keys = list(ids)
    found = context.load("variant offers", keys, partial(offers.list_variant_offers, channels=_channels(context)))
    return [found[key] or [] for key in keys]


def collection_offers(context: ShopContext, ids: Iterable[UUID]) -> list[list[CollectionOffer]]:
    """Return the publications of each collection."""
    keys = list(ids)
    found = context.load("collection offers", keys, partial(offers.list_collection_offers, channels=_channels(context)))
    return [found[key] or [] for key in keys]


def stocks(rows: Sequence[VariantRow]) -> list[list[StockRow]]:
    """Return the stock of each variant in the warehouses of its channel: a statement per channel."""
    found: dict[int, list[StockRow]] = {}
    for channel in dict.fromkeys(row.channel for row in rows):
        there = [row for row in rows if row.channel == channel]
        listed = offers.list_stocks(there, channel)
        found.update((id(row), listed.get(row.id, [])) for row in there)
    return [found[id(row)] for row in rows]


def day_of(instant: datetime | None) -> date | None:
    """Return the day (UTC) of an instant."""
    return instant and instant.date()


def _channels(context: ShopContext) -> Mapping[UUID, ChannelRow]:
    found: dict[UUID, ChannelRow] = context.once("channels by id", lambda: {row.id: row for row in context.channels()})
    return found


def _prices(rows: Sequence[ProductOffer], info: Info[ShopContext]) -> list[ProductPrices | None]:
    """Return the prices of each product in the channel of its row, whether it is published there or not."""
    pairs = [(row.channel._replace(shows_all=True), row.product_id) for row in rows]
    read = partial(_offered, info.context.now)
    return [row and product_prices(row) for row in load_in_channels(info.context, "offered products", pairs, read)]


def _offered(now: datetime, ids: list[UUID], channel: ChannelRow) -> Mapping[UUID, ProductRow]:
    return products.list_products_by_id(ids, channel, now)


def _costs(rows: Sequence[ProductOffer], info: Info[ShopContext]) -> list[Costs | None]:
    info.context.require("MANAGE_PRODUCTS")
    found = info.context.load("costs", [row.product_id for row in rows], offers.list_costs)
    return [(found[row.product_id] or {}).get(row.channel.id) for row in rows]


def _money(minor: int | None, row: VariantOffer) -> Money | None:
    return None if minor is None else Money(minor, row.currency)
