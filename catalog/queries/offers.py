"""Where things are offered, for staff and apps: their publications and prices by channel, and their stock."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from catalog.queries.rows import VariantRow
from commerce.db.rows import fetch
from tenants.queries import EVERYWHERE, ChannelRow

Channels = Mapping[UUID, ChannelRow]


class ProductOffer(NamedTuple):
    """A product's publication in a channel."""

    id: UUID
    product_id: UUID
    is_published: bool
    published_at: datetime | None
    visible_in_listings: bool
    is_available_for_purchase: bool
    available_for_purchase_at: datetime | None
    channel: ChannelRow


class VariantOffer(NamedTuple):
    """A variant's price in a channel, in minor units of the currency."""

    id: UUID
    variant_id: UUID
    currency: str
    price: int
    cost: int | None
    prior_price: int | None
    channel: ChannelRow


class CollectionOffer(NamedTuple):
    """A collection's publication in a channel."""

    id: UUID
    collection_id: UUID
    is_published: bool
    published_at: datetime | None
    channel: ChannelRow


class Costs(NamedTuple):
    """What the variants of a product cost the shop in a channel, in minor units, and their margins in percent."""

    currency: str
    cost_min: int
    cost_max: int
    margin_min: int
    margin_max: int


class StockRow(NamedTuple):
    """Pieces of a variant in a warehouse."""

    id: UUID
    warehouse_id: UUID
    on_hand: int
    reserved: int
    variant: VariantRow


_OF = "FROM unnest(%s::uuid[]) AS k(id) CROSS JOIN LATERAL (SELECT * FROM {table} WHERE {column} = k.id OFFSET 0) o"
_PRODUCTS = f"""
SELECT o.channel_id, o.id, o.product_id, o.is_published, o.published_at, o.visible_in_listings,
  o.is_available_for_purchase, o.available_for_purchase_at
{_OF.format(table="catalog_productpublication", column="product_id")} ORDER BY o.id"""
_VARIANTS = f"""
SELECT o.channel_id, o.id, o.variant_id, o.currency, o.price, o.cost, o.prior_price
{_OF.format(table="catalog_variantprice", column="variant_id")} ORDER BY o.id"""
_COLLECTIONS = f"""
SELECT o.channel_id, o.id, o.collection_id, o.is_published, o.published_at
{_OF.format(table="catalog_collectionpublication", column="collection_id")} ORDER BY o.id"""
_COSTS = f"""
SELECT o.product_id, price.channel_id, min(price.currency), min(price.cost), max(price.cost),
  min(price.margin)::int, max(price.margin)::int
{_OF.format(table="catalog_variant", column="product_id")}
CROSS JOIN LATERAL (
  SELECT channel_id, currency, cost, round(100 * (price - cost)::numeric / nullif(price, 0)) AS margin
  FROM catalog_variantprice WHERE variant_id = o.id AND cost IS NOT NULL AND price > 0 OFFSET 0) price
GROUP BY 1, 2"""
_STOCKS = f"""
SELECT o.variant_id, o.id, o.warehouse_id, o.on_hand, o.reserved
{_OF.format(table="catalog_stock", column="variant_id")}
WHERE %s OR o.warehouse_id = ANY(ARRAY(SELECT w.warehouse_id FROM catalog_warehousechannel w WHERE w.channel_id = %s))
ORDER BY o.id"""


def list_product_offers(product_ids: Sequence[UUID], channels: Channels) -> dict[UUID, list[ProductOffer]]:
    """Return the publications of products, by product."""
    offers: dict[UUID, list[ProductOffer]] = defaultdict(list)
    for channel_id, *row in fetch(_PRODUCTS, [list(product_ids)], about={"product": product_ids}):
        offers[row[1]].append(ProductOffer._make((*row, channels[channel_id])))
    return offers


def list_variant_offers(variant_ids: Sequence[UUID], channels: Channels) -> dict[UUID, list[VariantOffer]]:
    """Return the prices of variants, by variant."""
    offers: dict[UUID, list[VariantOffer]] = defaultdict(list)
    for channel_id, *row in fetch(_VARIANTS, [list(variant_ids)]):
        offers[row[1]].append(VariantOffer._make((*row, channels[channel_id])))
    return offers


def list_collection_offers(collection_ids: Sequence[UUID], channels: Channels) -> dict[UUID, list[CollectionOffer]]:
    """Return the publications of collections, by collection."""
    offers: dict[UUID, list[CollectionOffer]] = defaultdict(list)
    for channel_id, *row in fetch(_COLLECTIONS, [list(collection_ids)], about={"collection": collection_ids}):
        offers[row[1]].append(CollectionOffer._make((*row, channels[channel_id])))
    return offers


def list_costs(product_ids: Sequence[UUID]) -> dict[UUID, dict[UUID, Costs]]:
    """Return what products cost the shop, by product and channel; those without known costs are left out."""
    costs: dict[UUID, dict[UUID, Costs]] = defaultdict(dict)
    for product_id, channel_id, *row in fetch(_COSTS, [list(product_ids)], about={"product": product_ids}):
        costs[product_id][channel_id] = Costs._make(row)
    return costs


def list_stocks(variants: Sequence[VariantRow], channel: ChannelRow) -> dict[UUID, list[StockRow]]:
    """Return the stock of variants in the warehouses of a channel, of EVERYWHERE in all of them, by variant."""
    by_id = {row.id: row for row in variants}
    stocks: dict[UUID, list[StockRow]] = defaultdict(list)
    for variant_id, *row in fetch(_STOCKS, [list(by_id), channel == EVERYWHERE, channel.id]):
        stocks[variant_id].append(StockRow._make((*row, by_id[variant_id])))
    return stocks
