"""Products and what hangs on them, by key: for all keys of a level in one statement."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from catalog.queries.rows import MediaRow, ProductRow, ProductTypeRow, Texts, VariantRow
from catalog.queries.thumbnails import made
from catalog.queries.visibility import Sight, listings, sight
from commerce.db.rows import fetch
from commerce.db.topics import Found
from tenants.queries import ChannelRow

PRODUCT_COLUMNS = (
    "p.id, p.slug, p.name, p.category_id, p.product_type_id, p.rating, p.weight_grams, p.external_reference, "
    "p.created_at, p.updated_at, image.id, image.url, image.file, image.alt, "
    "image.made"
)
LISTING_COLUMNS = (
    "currency, price_min, price_max, undiscounted_min, undiscounted_max, on_sale, in_stock, is_purchasable, is_visible"
)
# The first picture of a product, its thumbnail.
IMAGE = f"""LEFT JOIN LATERAL (
  SELECT m.id, m.url, m.file, m.alt, {made("m.file")} AS made FROM catalog_media m
  WHERE m.product_id = p.id AND m.type = 'IMAGE' ORDER BY m.position, m.id LIMIT 1) image ON true"""
_TEXTS = "p.description, p.seo_title, p.seo_description"
_WIDTH = len(ProductRow._fields) - 2  # columns, without texts and channel

_PRODUCTS = f"SELECT {PRODUCT_COLUMNS}, {', '.join(f'l.{name}' for name in LISTING_COLUMNS.split(', '))}, {_TEXTS}"
_BY_KEY = """unnest(%s::uuid[]) AS k(id)
CROSS JOIN LATERAL (SELECT * FROM catalog_product p WHERE p.id = k.id LIMIT 1) p"""
_BY = {"id": "p.id = %s", "slug": "p.slug = %s", "externalReference": "p.external_reference = %s"}
_ONE = Found("product", 0, frozenset({"catalog_product", "catalog_listing", "catalog_media"}), wanted=1)


@cache
def _products(source: str, seen: Sight) -> str:
    rows, where = listings(seen, "is_published")
    return f"""{_PRODUCTS} FROM {source} CROSS JOIN LATERAL (
  SELECT * FROM {rows} WHERE l.product_id = p.id AND {where} LIMIT 1) l {IMAGE}"""


def product_row(columns: Sequence[Any], channel: ChannelRow, texts: Texts | None = None) -> ProductRow:
    """Return the row made of PRODUCT_COLUMNS and LISTING_COLUMNS."""
    return ProductRow._make((*columns, texts, channel))


def get_product(by: str, value: Any, channel: ChannelRow, now: datetime) -> ProductRow | None:
    """Return the product whose `by` (id, slug, externalReference) is `value`, if it is seen, its texts read too."""
    sql = f"{_products('catalog_product p', sight(channel))} WHERE {_BY[by]}"
    found = fetch(sql, [channel.id, now, now, value], found=_ONE)
    return _with_texts(found[0], channel) if found else None


def get_product_by_translated_slug(slug: str, language: str, channel: ChannelRow, now: datetime) -> ProductRow | None:
    """Return the published product of this slug in a language; without one there, its own slug counts."""
    where = translated_slug("catalog_product", "p")
    params = [channel.id, now, now, *translated_slug_params("Product", slug, language)]
    found = fetch(f"{_products('catalog_product p', sight(channel))} WHERE {where}", params, found=_ONE)
    return _with_texts(found[0], channel) if found else None


def get_product_by_any_slug(
    slug: str, languages: Sequence[str], channel: ChannelRow, now: datetime
) -> ProductRow | None:
    """Return the product of this slug in any language that is seen, that of the earliest of these languages first."""
    where = any_slug("p")
    params = [channel.id, now, now, *any_slug_params("Product", slug, languages)]
    sql = f"{_products('catalog_product p', sight(channel))} {where}"
    found = fetch(sql, params, found=_ONE)
    return _with_texts(found[0], channel) if found else None


def list_products_by_id(ids: Sequence[UUID], channel: ChannelRow, now: datetime) -> dict[UUID, ProductRow]:
    """Return those of these products that are seen in the channel, by id."""
    sql = _products(_BY_KEY, sight(channel))
    found = fetch(sql, [list(ids), channel.id, now, now], about={"product": ids})
    return {row[0]: _with_texts(row, channel) for row in found}


def _with_texts(row: Sequence[Any], channel: ChannelRow) -> ProductRow:
    return product_row(row[:_WIDTH], channel, Texts(*row[_WIDTH:]))


_TEXTS_BY_ID = f"""
SELECT p.id, {_TEXTS} FROM unnest(%s::uuid[]) AS k(id)
CROSS JOIN LATERAL (SELECT * FROM catalog_product p WHERE p.id = k.id LIMIT 1) p
"""


def list_texts(ids: Sequence[UUID]) -> dict[UUID, Texts]:
    """Return the long texts of products, by id."""
    return {row[0]: Texts(*row[1:]) for row in fetch(_TEXTS_BY_ID, [list(ids)], about={"product": ids})}


def translated_slug(table: str, alias: str) -> str:
    """Return the condition that an object has a slug in a language, or none there and this one of its own."""
    return f"""{alias}.id = ANY(ARRAY(
  SELECT t.object_id FROM catalog_translation t WHERE t.object_kind = %s AND t.language = %s AND t.slug = %s
  UNION ALL
  SELECT o.id FROM {table} o WHERE o.slug = %s AND NOT EXISTS (
    SELECT FROM catalog_translation t WHERE t.object_id = o.id AND t.language = %s AND t.slug IS NOT NULL)
  LIMIT 1))"""


def translated_slug_params(kind: str, slug: str, language: str) -> list[Any]:
    """Return the parameters of `translated_slug`."""
    return [kind, language, slug, slug, language]


def any_slug(alias: str, where: str = "true") -> str:
    """Return WHERE, ORDER BY and LIMIT of the object that has a slug in some language, among those of a condition."""
    return f"""JOIN LATERAL (
  SELECT t.language, array_position(%s::text[], t.language::text) AS place FROM catalog_translation t
  WHERE t.object_id = {alias}.id AND t.object_kind = %s AND t.slug = %s OFFSET 0) t ON true
WHERE {alias}.id = ANY(ARRAY(
  SELECT t.object_id FROM catalog_translation t WHERE t.object_kind = %s AND t.slug = %s)) AND {where}
ORDER BY t.place, t.language LIMIT 1"""


def any_slug_params(kind: str, slug: str, languages: Sequence[str]) -> list[Any]:
    """Return the parameters of `any_slug`, before those of its condition."""
    return [list(languages), kind, slug, kind, slug]


_VARIANT = """
SELECT v.id, v.product_id, v.name, v.sku, v.track_inventory, v.quantity_limit_per_customer, v.weight_grams,
  v.external_reference, v.created_at, v.updated_at, price.currency, price.price, price.prior_price,
  (SELECT coalesce(sum(s.on_hand - s.reserved), 0)::bigint FROM catalog_stock s
   WHERE s.variant_id = v.id AND {stock})
FROM {source} {price} JOIN LATERAL (
  SELECT * FROM catalog_variantprice price WHERE price.variant_id = v.id AND price.channel_id = %s LIMIT 1) price
  ON true
"""
_IN_CHANNEL = (
    "s.warehouse_id = ANY(ARRAY(SELECT w.warehouse_id FROM catalog_warehousechannel w WHERE w.channel_id = %s))"
)
_KEYED_VARIANTS = """unnest(%s::uuid[]) AS k(id) CROSS JOIN LATERAL (
  SELECT * FROM catalog_variant v WHERE v.{column} = k.id {many}) v"""
_BY_ID = _KEYED_VARIANTS.format(column="id", many="LIMIT 1")
_OF_PRODUCT = _KEYED_VARIANTS.format(column="product_id", many="OFFSET 0")


@cache
def _variants(source: str, seen: Sight) -> str:
    """Return the statement up to its FROM; parameters: channel, those of the source, channel. Shoppers see prices."""
    stock = "%s::uuid IS NOT NULL" if seen == "everywhere" else _IN_CHANNEL
    return _VARIANT.format(source=source, stock=stock, price="" if seen == "shoppers" else "LEFT")


@cache
def variant_is_shown(seen: Sight) -> str:
    """Return the condition that the product of the variant `v` is seen; parameters: channel, instant, instant."""
    rows, where = listings(seen, "is_published")
    return f"EXISTS (SELECT FROM {rows} WHERE l.product_id = v.product_id AND {where} OFFSET 0)"


_OF_FOUND = Found("product", 1, frozenset({"catalog_variant", "catalog_variantprice", "catalog_listing"}))
# Rows carry the free pieces, on which an answer depends only where it shows them.
_NO_QUANTITY: dict[str, Sequence[UUID]] = {"quantity": ()}
_VARIANT_BY = {"id": "v.id = %s", "sku": "v.sku = %s", "externalReference": "v.external_reference = %s"}


def get_variant(by: str, value: Any, channel: ChannelRow, now: datetime) -> VariantRow | None:
    """Return the variant whose `by` (id, sku, externalReference) is `value`, if it is seen.

    Shoppers see priced ones of published products.
    """
    params = [channel.id, channel.id, value, channel.id, now, now]
    seen = sight(channel)
    sql = f"{_variants('catalog_variant v', seen)} WHERE {_VARIANT_BY[by]} AND {variant_is_shown(seen)}"
    found = fetch(sql, params, about=_NO_QUANTITY, found=_OF_FOUND._replace(wanted=1))
    return VariantRow._make((*found[0], channel)) if found else None


def list_variants_by_id(ids: Sequence[UUID], channel: ChannelRow, now: datetime) -> dict[UUID, VariantRow]:
    """Return those of these variants that are seen in the channel, by id."""
    params = [channel.id, list(ids), channel.id, channel.id, now, now]
    seen = sight(channel)
    sql = f"{_variants(_BY_ID, seen)} WHERE {variant_is_shown(seen)}"
    found = fetch(sql, params, about=_NO_QUANTITY, found=_OF_FOUND._replace(wanted=len(ids)))
    return {row[0]: VariantRow._make((*row, channel)) for row in found}


def list_variants(product_ids: Sequence[UUID], channel: ChannelRow) -> dict[UUID, list[VariantRow]]:
    """Return the variants of products that are seen, to shoppers those with a price, in the merchant's order."""
    variants: dict[UUID, list[VariantRow]] = defaultdict(list)
    about = {**_NO_QUANTITY, "product": product_ids}
    sql = f"{_variants(_OF_PRODUCT, sight(channel))} ORDER BY v.position, v.id"
    for row in fetch(sql, [channel.id, list(product_ids), channel.id], about=about):
        variants[row[1]].append(VariantRow._make((*row, channel)))
    return variants


_MEDIA = f"m.id, m.product_id, m.type, m.alt, m.url, m.file, m.position, {made('m.file')}"
_MEDIA_OF = f"""
SELECT {_MEDIA} FROM unnest(%s::uuid[]) AS k(id)
CROSS JOIN LATERAL (SELECT * FROM catalog_media m WHERE m.product_id = k.id OFFSET 0) m ORDER BY m.position, m.id
"""
_MEDIA_OF_VARIANTS = f"""
SELECT k.id, {_MEDIA} FROM unnest(%s::uuid[]) AS k(id)
CROSS JOIN LATERAL (SELECT vm.media_id FROM catalog_variantmedia vm WHERE vm.variant_id = k.id OFFSET 0) vm
CROSS JOIN LATERAL (SELECT * FROM catalog_media m WHERE m.id = vm.media_id LIMIT 1) m ORDER BY m.position, m.id
"""

_MEDIA_FOUND = Found("product", 2, frozenset({"catalog_media"}))


def list_media(product_ids: Sequence[UUID]) -> dict[UUID, list[MediaRow]]:
    """Return the media of products, in the merchant's order."""
    media: dict[UUID, list[MediaRow]] = defaultdict(list)
    for row in fetch(_MEDIA_OF, [list(product_ids)], about={"product": product_ids}):
        media[row[1]].append(MediaRow(*row))
    return media


def list_media_by_id(ids: Sequence[UUID]) -> dict[UUID, MediaRow]:
    """Return media, by id."""
    found = fetch(f"SELECT {_MEDIA} FROM catalog_media m WHERE m.id = ANY(%s)", [list(ids)])
    return {row[0]: MediaRow(*row) for row in found}


def list_variant_media(variant_ids: Sequence[UUID], product_ids: Collection[UUID]) -> dict[UUID, list[MediaRow]]:
    """Return the media that show each variant, in the merchant's order. `product_ids` are of all of their products."""
    media: dict[UUID, list[MediaRow]] = defaultdict(list)
    found = fetch(_MEDIA_OF_VARIANTS, [list(variant_ids)], about={"product": product_ids}, found=_MEDIA_FOUND)
    for variant_id, *row in found:
        media[variant_id].append(MediaRow(*row))
    return media


_TYPES = """
SELECT t.id, t.name, t.slug, t.is_shipping_required FROM unnest(%s::uuid[]) AS k(id)
CROSS JOIN LATERAL (SELECT * FROM catalog_producttype t WHERE t.id = k.id LIMIT 1) t
"""


def list_product_types(ids: Sequence[UUID]) -> dict[UUID, ProductTypeRow]:
    """Return product types, by id."""
    return {row[0]: ProductTypeRow(*row) for row in fetch(_TYPES, [list(ids)], about={"product-type": ids})}
