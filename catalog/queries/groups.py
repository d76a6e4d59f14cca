"""Categories, a tree, and collections, a merchant's selections."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from catalog.queries.conditions import Condition, Every, Pending, contains
from catalog.queries.keyset import Ordering, Source, read_page
from catalog.queries.products import any_slug, any_slug_params, translated_slug, translated_slug_params
from catalog.queries.rows import CategoryRow, CollectionRow
from catalog.queries.thumbnails import made
from catalog.queries.visibility import COLLECTIONS, SHOWN_ANYWHERE, sight
from commerce.db.rows import fetch
from commerce.db.topics import Found
from commerce.graphql.paging import Page, PageRequest
from tenants.queries import EVERYWHERE, ChannelRow

_CATEGORY = (
    "c.id, c.parent_id, c.slug, c.name, c.level, c.description, c.seo_title, c.seo_description, "
    f"c.background_image, c.background_image_alt, {made('c.background_image')}, c.updated_at"
)
_COLLECTION = (
    "c.id, c.slug, c.name, c.description, c.seo_title, c.seo_description, "
    f"c.background_image, c.background_image_alt, {made('c.background_image')}"
)
_BY = {"id": "c.id = %s", "slug": "c.slug = %s", "externalReference": "c.external_reference = %s"}
_ONE_CATEGORY = Found("category", 0, frozenset({"catalog_category"}), wanted=1)
_ABOVE = Found("category", 1, frozenset({"catalog_category"}))
_ONE_COLLECTION = Found("collection", 0, frozenset({"catalog_collection", "catalog_collectionpublication"}), wanted=1)


# Ids are the last key of lists of categories that stand in the tree; names are not unique.
CATEGORY_ORDERINGS = {
    "TREE": Ordering(("c.level", "c.name", "c.id"), (int, str, UUID)),
    "NAME": Ordering(("c.name", "c.id"), (str, UUID)),
    "PRODUCT_COUNT": Ordering(
        ("(SELECT count(*) FROM catalog_productgroup g WHERE g.group_id = c.id)", "c.name", "c.id"), (int, str, UUID)
    ),
    "SUBCATEGORY_COUNT": Ordering(
        ("(SELECT count(*) FROM catalog_category below WHERE below.parent_id = c.id)", "c.name", "c.id"),
        (int, str, UUID),
    ),
}
COLLECTION_ORDERINGS = {
    "SLUG": Ordering(("c.slug",), (str,)),
    "NAME": CATEGORY_ORDERINGS["NAME"],
    "PRODUCT_COUNT": CATEGORY_ORDERINGS["PRODUCT_COUNT"],
    # Whether and from when it is shown in the channel.
    "AVAILABILITY": Ordering(("coalesce(c.shown, false)", "c.name", "c.id"), (bool, str, UUID)),
    "PUBLISHED_AT": Ordering(("coalesce(c.shown_at, c.created_at)", "c.name", "c.id"), (datetime, str, UUID)),
}
_CATEGORIES = Source("catalog_category", _CATEGORY, CategoryRow._make)
_COLLECTIONS_IN = """(
  SELECT c.*, pub.is_published AS shown, pub.published_at AS shown_at FROM catalog_collection c
  LEFT JOIN LATERAL (
    SELECT * FROM catalog_collectionpublication pub
    WHERE pub.collection_id = c.id AND pub.channel_id = %s LIMIT 1) pub ON true)"""


def get_category(by: str, value: Any) -> CategoryRow | None:
    """Return the category whose `by` (id, slug, externalReference) is `value`."""
    found = fetch(f"SELECT {_CATEGORY} FROM catalog_category c WHERE {_BY[by]}", [value], found=_ONE_CATEGORY)
    return CategoryRow(*found[0]) if found else None


def get_category_by_translated_slug(slug: str, language: str) -> CategoryRow | None:
    """Return the category of this slug in a language; without one there, its own slug counts."""
    where = translated_slug("catalog_category", "c")
    params = translated_slug_params("Category", slug, language)
    found = fetch(f"SELECT {_CATEGORY} FROM catalog_category c WHERE {where}", params, found=_ONE_CATEGORY)
    return CategoryRow(*found[0]) if found else None


def get_category_by_any_slug(slug: str, languages: Sequence[str]) -> CategoryRow | None:
    """Return the category of this slug in any language, that of the earliest of these languages first."""
    sql = f"SELECT {_CATEGORY} FROM catalog_category c {any_slug('c')}"
    found = fetch(sql, any_slug_params("Category", slug, languages), found=_ONE_CATEGORY)
    return CategoryRow(*found[0]) if found else None


def list_categories_by_id(ids: Sequence[UUID]) -> dict[UUID, CategoryRow]:
    """Return categories, by id."""
    found = fetch(
        f"""SELECT {_CATEGORY} FROM unnest(%s::uuid[]) AS k(id)
        CROSS JOIN LATERAL (SELECT * FROM catalog_category c WHERE c.id = k.id LIMIT 1) c""",
        [list(ids)],
        about={"category": ids},
    )
    return {row[0]: CategoryRow(*row) for row in found}


def list_children(ids: Sequence[UUID]) -> dict[UUID, list[CategoryRow]]:
    """Return the categories below each of these, in the merchant's order, then by name."""
    found = fetch(
        f"""SELECT {_CATEGORY} FROM unnest(%s::uuid[]) AS k(id)
        CROSS JOIN LATERAL (SELECT * FROM catalog_category c WHERE c.parent_id = k.id OFFSET 0) c
        ORDER BY c.position, c.name, c.id""",
        [list(ids)],
    )
    children: dict[UUID, list[CategoryRow]] = defaultdict(list)
    for row in found:
        children[row[1]].append(CategoryRow(*row))
    return children


_ANCESTORS = f"""
WITH RECURSIVE above AS (
  SELECT k.id AS below_id, (SELECT c.parent_id FROM catalog_category c WHERE c.id = k.id) AS id
  FROM unnest(%s::uuid[]) AS k(id)
  UNION ALL
  SELECT above.below_id, (SELECT c.parent_id FROM catalog_category c WHERE c.id = above.id)
  FROM above WHERE above.id IS NOT NULL
)
SELECT above.below_id, {_CATEGORY} FROM above
CROSS JOIN LATERAL (SELECT * FROM catalog_category c WHERE c.id = above.id LIMIT 1) c ORDER BY c.level
"""


def list_ancestors(ids: Sequence[UUID]) -> dict[UUID, list[CategoryRow]]:
    """Return the categories above each of these, from the root down."""
    rows: dict[UUID, CategoryRow] = {}
    ancestors: dict[UUID, list[CategoryRow]] = defaultdict(list)
    for below_id, *columns in fetch(_ANCESTORS, [list(ids)], about={"category": ids}, found=_ABOVE):
        row = rows.setdefault(columns[0], CategoryRow(*columns))
        ancestors[below_id].append(row)
    return ancestors


def list_categories(
    conditions: Sequence[Pending], page: PageRequest, ordering: str = "TREE", *, descending: bool = False
) -> Page[CategoryRow]:
    """Return a page of categories; `ordering` is a name of CATEGORY_ORDERINGS, by level, then name if not given."""
    where = Every(tuple(conditions)).bind("")
    return read_page(_CATEGORIES, CATEGORY_ORDERINGS[ordering], where, page, descending=descending)


def matching(text: str) -> Condition:
    """Return the condition that name or slug of the category or collection `c` contain a text."""
    pattern = contains(text)
    return Condition("(c.name ILIKE %s OR c.slug ILIKE %s)", (pattern, pattern))


def is_published(wanted: bool, channel: ChannelRow, now: datetime) -> Condition:
    """Return the condition that shoppers of a channel (EVERYWHERE: of any) see the collection `c`, or do not."""
    shown = COLLECTIONS["shoppers"] if channel != EVERYWHERE else SHOWN_ANYWHERE
    return Condition(shown if wanted else f"NOT {shown}", (channel.id, now))


def get_collection(by: str, value: Any, channel: ChannelRow, now: datetime) -> CollectionRow | None:
    """Return the collection that is seen in the channel whose `by` (id, slug, externalReference) is `value`."""
    sql = f"SELECT {_COLLECTION} FROM catalog_collection c WHERE {_BY[by]} AND {COLLECTIONS[sight(channel)]}"
    found = fetch(sql, [value, channel.id, now], found=_ONE_COLLECTION)
    return CollectionRow._make((*found[0], channel)) if found else None


def get_collection_by_translated_slug(
    slug: str, language: str, channel: ChannelRow, now: datetime
) -> CollectionRow | None:
    """Return the collection of this slug in a language, if it is seen; without one there, its own slug counts."""
    where = translated_slug("catalog_collection", "c")
    found = fetch(
        f"SELECT {_COLLECTION} FROM catalog_collection c WHERE {where} AND {COLLECTIONS[sight(channel)]}",
        [*translated_slug_params("Collection", slug, language), channel.id, now],
        found=_ONE_COLLECTION,
    )
    return CollectionRow._make((*found[0], channel)) if found else None


def get_collection_by_any_slug(
    slug: str, languages: Sequence[str], channel: ChannelRow, now: datetime
) -> CollectionRow | None:
    """Return the collection of this slug in any language, if it is seen, that of the earliest of these first."""
    found = fetch(
        f"SELECT {_COLLECTION} FROM catalog_collection c {any_slug('c', COLLECTIONS[sight(channel)])}",
        [*any_slug_params("Collection", slug, languages), channel.id, now],
        found=_ONE_COLLECTION,
    )
    return CollectionRow._make((*found[0], channel)) if found else None


def list_collections_by_id(ids: Sequence[UUID], channel: ChannelRow, now: datetime) -> dict[UUID, CollectionRow]:
    """Return those of these collections that are seen in the channel, by id."""
    is_seen = COLLECTIONS[sight(channel)]
    found = fetch(
        f"""SELECT {_COLLECTION} FROM unnest(%s::uuid[]) AS k(id)
        CROSS JOIN LATERAL (SELECT * FROM catalog_collection c WHERE c.id = k.id LIMIT 1) c WHERE {is_seen}""",
        [list(ids), channel.id, now],
        about={"collection": ids},
    )
    return {row[0]: CollectionRow._make((*row, channel)) for row in found}


def list_collections_of(
    product_ids: Sequence[UUID], channel: ChannelRow, now: datetime
) -> dict[UUID, list[CollectionRow]]:
    """Return the collections that are seen in the channel and hold each product, by name."""
    found = fetch(
        f"""SELECT k.id, {_COLLECTION} FROM unnest(%s::uuid[]) AS k(id)
        CROSS JOIN LATERAL (
          SELECT * FROM catalog_collectionproduct held WHERE held.product_id = k.id OFFSET 0) held
        CROSS JOIN LATERAL (SELECT * FROM catalog_collection c WHERE c.id = held.collection_id LIMIT 1) c
        WHERE {COLLECTIONS[sight(channel)]} ORDER BY c.name, c.id""",
        [list(product_ids), channel.id, now],
        about={"product": product_ids},
    )
    collections: dict[UUID, list[CollectionRow]] = defaultdict(list)
    for product_id, *columns in found:
        collections[product_id].append(CollectionRow._make((*columns, channel)))
    return collections


def list_collections(
    conditions: Sequence[Pending],
    page: PageRequest,
    channel: ChannelRow,
    now: datetime,
    ordering: str = "SLUG",
    *,
    descending: bool = False,
) -> Page[CollectionRow]:
    """Return a page of the collections that are seen in the channel; `ordering` is a name of COLLECTION_ORDERINGS."""
    where = Every((*conditions, Condition(COLLECTIONS[sight(channel)], (channel.id, now)))).bind("")
    by_channel = ordering in ("AVAILABILITY", "PUBLISHED_AT")
    source = Source(
        _COLLECTIONS_IN if by_channel else "catalog_collection",
        _COLLECTION,
        lambda columns: CollectionRow._make((*columns, channel)),
        (channel.id,) if by_channel else (),
    )
    return read_page(source, COLLECTION_ORDERINGS[ordering], where, page, descending=descending)
