"""Writing down what lists filter and sort by. Order of locks: stock rows by id, then products by id."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections

from catalog.collation import sort_key
from catalog.search.documents import note_stock
from commerce.db.scope import current_scope
from commerce.db.topics import about_objects, changed
from tenants.languages import NO_CHAINS, chain_of


@dataclass(frozen=True, slots=True)
class ListingChange:
    """A listing row that changed: shoppers of that channel may see another list."""

    channel_id: UUID
    product_id: UUID


def refresh_products(product_ids: Collection[UUID], *, now: datetime) -> list[ListingChange]:
    """Bring the listing rows, names and groups of these products up to date, in the caller's transaction.

    Locks the products in order of id first and reads in a new statement, so that of two transactions the
    later one sees what the earlier one wrote. Writes only what differs, and returns that.
    """
    ids = sorted(set(product_ids))
    if not ids:
        return []
    with _cursor() as cursor, about_objects(_TOLD):
        cursor.execute("SELECT id FROM catalog_product WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [ids])
        cursor.execute(_REFRESH_LISTINGS, {"ids": ids, "now": now})
        changes = [ListingChange(*row) for row in cursor.fetchall()]
        changed("listing", {change.channel_id for change in changes})
        changed("product", {change.product_id for change in changes})
        cursor.execute(_REFRESH_GROUPS, {"ids": ids})
        if cursor.fetchone() is not None:
            changed("group")
        _refresh_names(cursor, ids)
    note_stock({change.product_id for change in changes})
    return changes


# Each statement returns what it wrote, so that a refresh that changes nothing outdates nothing.
_TOLD: dict[str, tuple[()]] = {"listing": (), "product": (), "group": ()}


# Windows start at -infinity and at each instant still ahead at which the clock alone changes something.
_REFRESH_LISTINGS = """
WITH facts AS (
  SELECT pub.channel_id, p.id AS product_id, channel.currency, p.created_at, coalesce(p.rating, 0) AS rating,
         pub.is_published, pub.published_at, pub.visible_in_listings,
         pub.is_available_for_purchase, pub.available_for_purchase_at,
         offer.price_min, offer.price_max, coalesce(offer.in_stock, false) AS in_stock
  FROM catalog_product p
  JOIN catalog_productpublication pub ON pub.product_id = p.id
  JOIN tenants_channel channel ON channel.id = pub.channel_id
  LEFT JOIN LATERAL (
    SELECT min(price.price) AS price_min, max(price.price) AS price_max,
           bool_or(NOT v.track_inventory OR EXISTS (
             SELECT FROM catalog_stock s
             JOIN catalog_warehousechannel w ON w.warehouse_id = s.warehouse_id AND w.channel_id = pub.channel_id
             WHERE s.variant_id = v.id AND s.on_hand > s.reserved)) AS in_stock
    FROM catalog_variant v
    JOIN catalog_variantprice price ON price.variant_id = v.id AND price.channel_id = pub.channel_id
    WHERE v.product_id = p.id
  ) offer ON true
  -- Said of both: the planner does not know this tenant's size, and would read all of its publications.
  WHERE p.id = ANY(%(ids)s) AND pub.product_id = ANY(%(ids)s)
), windows AS (
  SELECT facts.*, edge AS valid_from,
         lead(edge, 1, 'infinity') OVER (PARTITION BY channel_id, product_id ORDER BY edge) AS valid_to,
         greatest(edge, %(now)s) AS at
  FROM facts, LATERAL (
    SELECT '-infinity'::timestamptz AS edge
    UNION SELECT published_at WHERE published_at > %(now)s
    UNION SELECT available_for_purchase_at WHERE available_for_purchase_at > %(now)s
  ) edges
), wanted AS (
  SELECT channel_id, product_id, valid_from, valid_to,
         is_published AND (published_at IS NULL OR published_at <= at) AS is_published,
         is_published AND (published_at IS NULL OR published_at <= at) AND visible_in_listings AS is_visible,
         is_available_for_purchase AND (available_for_purchase_at IS NULL OR available_for_purchase_at <= at)
           AS is_purchasable,
         in_stock, false AS on_sale, currency, price_min, price_max,
         price_min AS undiscounted_min, price_max AS undiscounted_max, 0::float8 AS rank,
         coalesce(published_at, created_at) AS newest_at, rating
  FROM windows
), gone AS (
  DELETE FROM catalog_listing l WHERE l.product_id = ANY(%(ids)s) AND NOT EXISTS (
    SELECT FROM wanted w WHERE w.channel_id = l.channel_id AND w.product_id = l.product_id
      AND w.valid_from = l.valid_from)
  RETURNING l.channel_id, l.product_id
), written AS (
  INSERT INTO catalog_listing AS l (tenant_id, channel_id, product_id, valid_from, valid_to, is_published,
    is_visible, is_purchasable, in_stock, on_sale, currency, price_min, price_max, undiscounted_min,
    undiscounted_max, rank, newest_at, rating)
  SELECT current_tenant(), wanted.* FROM wanted
  ON CONFLICT (tenant_id, channel_id, product_id, valid_from) DO UPDATE SET
    valid_to = excluded.valid_to, is_published = excluded.is_published, is_visible = excluded.is_visible,
    is_purchasable = excluded.is_purchasable, in_stock = excluded.in_stock, on_sale = excluded.on_sale,
    currency = excluded.currency, price_min = excluded.price_min, price_max = excluded.price_max,
    undiscounted_min = excluded.undiscounted_min, undiscounted_max = excluded.undiscounted_max,
    rank = excluded.rank, newest_at = excluded.newest_at, rating = excluded.rating
  WHERE (l.valid_to, l.is_published, l.is_visible, l.is_purchasable, l.in_stock, l.on_sale, l.currency,
         l.price_min, l.price_max, l.undiscounted_min, l.undiscounted_max, l.rank, l.newest_at, l.rating)
    IS DISTINCT FROM
        (excluded.valid_to, excluded.is_published, excluded.is_visible, excluded.is_purchasable,
         excluded.in_stock, excluded.on_sale, excluded.currency, excluded.price_min, excluded.price_max,
         excluded.undiscounted_min, excluded.undiscounted_max, excluded.rank, excluded.newest_at,
         excluded.rating)
  RETURNING l.channel_id, l.product_id
)
SELECT channel_id, product_id FROM gone UNION SELECT channel_id, product_id FROM written
"""

_REFRESH_GROUPS = """
WITH RECURSIVE ancestors AS (
  SELECT p.id AS product_id, p.category_id AS group_id FROM catalog_product p
  WHERE p.id = ANY(%(ids)s) AND p.category_id IS NOT NULL
  UNION
  SELECT a.product_id, c.parent_id FROM ancestors a JOIN catalog_category c ON c.id = a.group_id
  WHERE c.parent_id IS NOT NULL
), wanted AS (
  SELECT group_id, product_id, 0 AS position FROM ancestors
  UNION ALL
  SELECT collection_id, product_id, position FROM catalog_collectionproduct WHERE product_id = ANY(%(ids)s)
), gone AS (
  DELETE FROM catalog_productgroup g WHERE g.product_id = ANY(%(ids)s) AND NOT EXISTS (
    SELECT FROM wanted w WHERE w.group_id = g.group_id AND w.product_id = g.product_id)
  RETURNING 1
), written AS (
  INSERT INTO catalog_productgroup AS g (tenant_id, group_id, product_id, position)
  SELECT current_tenant(), group_id, product_id, position FROM wanted
  ON CONFLICT (tenant_id, group_id, product_id) DO UPDATE SET position = excluded.position
  WHERE g.position <> excluded.position
  RETURNING 1
)
SELECT 1 FROM gone UNION ALL SELECT 1 FROM written LIMIT 1
"""

_NAMES = """
SELECT p.id, pub.channel_id, language.code, p.name, said.names,
(SELECT jsonb_object_agg(own.language, own.fallbacks) FROM tenants_languagechain own),
(SELECT shop.default_language FROM tenants_tenant shop WHERE shop.id = (SELECT current_tenant()))
FROM catalog_product p
CROSS JOIN LATERAL (
  SELECT jsonb_object_agg(t.language, t.name) AS names FROM catalog_translation t
  WHERE t.object_id = p.id AND t.name <> '') said
JOIN catalog_productpublication pub ON pub.product_id = p.id
JOIN tenants_channel channel ON channel.id = pub.channel_id
CROSS JOIN LATERAL jsonb_array_elements_text(channel.languages) AS language(code)
WHERE p.id = ANY(%(ids)s) AND pub.product_id = ANY(%(ids)s)
"""

_WRITE_NAMES = """
WITH wanted AS (
  SELECT * FROM unnest(%(channels)s::uuid[], %(languages)s::text[], %(keys)s::bytea[], %(products)s::uuid[])
    AS w(channel_id, language, name_key, product_id)
), gone AS (
  DELETE FROM catalog_listingname n WHERE n.product_id = ANY(%(ids)s) AND NOT EXISTS (
    SELECT FROM wanted w WHERE w.channel_id = n.channel_id AND w.language = n.language
      AND w.product_id = n.product_id)
  RETURNING n.channel_id
), written AS (
  INSERT INTO catalog_listingname AS n (tenant_id, channel_id, language, name_key, product_id)
  SELECT current_tenant(), * FROM wanted
  ON CONFLICT (tenant_id, channel_id, language, product_id) DO UPDATE SET name_key = excluded.name_key
  WHERE n.name_key <> excluded.name_key
  RETURNING n.channel_id
)
SELECT channel_id FROM gone UNION SELECT channel_id FROM written
"""


def _refresh_names(cursor: Any, ids: list[UUID]) -> None:
    cursor.execute(_NAMES, {"ids": ids})
    names = [
        (channel, language, sort_key(_name(name, language, json.loads(words), chains, base), language), product)
        if words
        else (channel, language, sort_key(name, language), product)
        for product, channel, language, name, words, chains, base in cursor.fetchall()
    ]
    channels, languages, keys, products = zip(*names, strict=True) if names else ((), (), (), ())
    cursor.execute(
        _WRITE_NAMES,
        {
            "ids": ids,
            "channels": list(channels),
            "languages": list(languages),
            "keys": list(keys),
            "products": list(products),
        },
    )
    changed("listing", {row[0] for row in cursor.fetchall()})


def _name(name: str, language: str, words: dict[str, str], chains: str | None, base: str) -> str:
    """Return a name in a language, or in the first of its chain that has one; `chains` are the shop's own, as JSON."""
    chain = chain_of(language, base, json.loads(chains) if chains else NO_CHAINS)
    return next((words[one] for one in chain[:-1] if one in words), name)


def _cursor() -> Any:
    scope = current_scope()
    return connections[scope.alias if scope is not None else "default"].cursor()
