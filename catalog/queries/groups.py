"""Categories, a tree, and collections, a merchant's selections."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from catalog.queries.conditions import contains
from catalog.queries.products import translated_slug, translated_slug_params
from catalog.queries.rows import CategoryRow, CollectionRow
from catalog.queries.thumbnails import made
from catalog.queries.visibility import COLLECTIONS, sight
from commerce.db.rows import fetch
from commerce.db.topics import Found
from commerce.graphql.paging import Page, PageRequest
from tenants.queries import ChannelRow

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


@dataclass(frozen=True, slots=True)
class GroupFilter:
    """What narrows a list of categories or collections; None: not narrowed."""

    ids: Sequence[UUID] | None = None
    slugs: Sequence[str] | None = None
    level: int | None = None
    search: str | None = None
    metadata: Sequence[tuple[str, str | None]] = ()
    updated_from: datetime | None = None
    updated_to: datetime | None = None

    def conditions(self) -> tuple[tuple[str, ...], list[Any]]:
        """Return SQL conditions on the alias `c`, and their parameters."""
        given: list[tuple[str, Any]] = [
            ("c.id = ANY(%s)", None if self.ids is None else list(self.ids)),
            ("c.slug = ANY(%s)", None if self.slugs is None else list(self.slugs)),
            ("c.level = %s", self.level),
            ("(c.name ILIKE %s OR c.slug ILIKE %s)", self.search),
            ("c.updated_at >= %s", self.updated_from),
            ("c.updated_at <= %s", self.updated_to),
        ]
        texts = [text for text, value in given if value is not None]
        params = [value for _, value in given if value is not None]
        if self.search is not None:
            at = params.index(self.search)
            params[at : at + 1] = [contains(self.search)] * 2
        for key, value in self.metadata:
            texts.append("c.metadata ? %s" if value is None else "c.metadata ->> %s = %s")
            params += [key] if value is None else [key, value]
        return tuple(texts), params


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


def list_categories(wanted: GroupFilter, page: PageRequest) -> Page[CategoryRow]:
    """Return a page of categories by level, then name."""
    start = page.position(int, str, UUID)
    texts, params = wanted.conditions()
    keys = ("c.level", "c.name", "c.id")
    rows = [CategoryRow(*row) for row in _rows(_CATEGORY, "catalog_category", keys, texts, params, page, start)]
    total = _total("catalog_category", texts, params) if page.with_total else None
    return Page.of(rows, page, lambda row: (row.level, row.name, row.id), total=total)


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


def list_collections(wanted: GroupFilter, page: PageRequest, channel: ChannelRow, now: datetime) -> Page[CollectionRow]:
    """Return a page of the collections that are seen in the channel, by name."""
    start = page.position(str, UUID)
    texts, params = wanted.conditions()
    texts, params = (*texts, COLLECTIONS[sight(channel)]), [*params, channel.id, now]
    found = _rows(_COLLECTION, "catalog_collection", ("c.name", "c.id"), texts, params, page, start)
    rows = [CollectionRow._make((*row, channel)) for row in found]
    total = _total("catalog_collection", texts, params) if page.with_total else None
    return Page.of(rows, page, lambda row: (row.name, row.id), total=total)


def _rows(
    columns: str,
    table: str,
    keys: tuple[str, ...],
    conditions: tuple[str, ...],
    params: list[Any],
    page: PageRequest,
    start: tuple[Any, ...] | None,
) -> list[tuple[Any, ...]]:
    """Return the columns of one page, with a row too many where there are more."""
    if not page.limit:
        return []
    sql = _page(columns, table, keys, conditions, page.backwards, start is not None)
    return fetch(sql, [*params, *(start or ()), page.limit + 1])


@lru_cache(256)
def _page(
    columns: str, table: str, keys: tuple[str, ...], conditions: tuple[str, ...], backwards: bool, started: bool
) -> str:
    direction, beyond = ("DESC", "<") if backwards else ("ASC", ">")
    beyond_start = [f"({', '.join(keys)}) {beyond} ({', '.join(['%s'] * len(keys))})"] if started else []
    where = " AND ".join([*conditions, *beyond_start]) or "true"
    order = ", ".join(f"{key} {direction}" for key in keys)
    return f"SELECT {columns} FROM {table} c WHERE {where} ORDER BY {order} LIMIT %s"


def _total(table: str, conditions: tuple[str, ...], params: list[Any]) -> int:
    where = " AND ".join(conditions) or "true"
    total: int = fetch(f"SELECT count(*) FROM {table} c WHERE {where}", params)[0][0]
    return total
