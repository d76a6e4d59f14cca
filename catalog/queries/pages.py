"""Pages of text, their types, and the values that pages have."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from catalog.queries.attributes import ATTRIBUTE_COLUMNS, VALUE_COLUMNS, assignments
from catalog.queries.conditions import ALWAYS, Condition, Every, Pending, ValueTest, contains
from catalog.queries.keyset import Ordering, Source, read_page
from catalog.queries.products import any_slug, any_slug_params, translated_slug, translated_slug_params
from catalog.queries.rows import Assignment, AttributeRow
from commerce.db.rows import fetch
from commerce.db.topics import Found
from commerce.graphql.paging import Page, PageRequest
from tenants.queries import ChannelRow


class Viewer(NamedTuple):
    """Who looks at pages, and when: with `shows_all` hidden pages and attributes are seen too.

    `channel` is where what pages refer to is looked up, None: nowhere.
    """

    now: datetime
    channel: ChannelRow | None
    shows_all: bool = False


class PageRow(NamedTuple):
    """A page; `content` is EditorJS as JSON text."""

    id: UUID
    page_type_id: UUID
    slug: str
    title: str
    content: str | None
    seo_title: str
    seo_description: str
    is_published: bool
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime
    viewer: Viewer

    @property
    def metadata_table(self) -> str:
        return "catalog_page"


_COLUMNS = (
    "c.id, c.page_type_id, c.slug, c.title, c.content, c.seo_title, c.seo_description, c.is_published, "
    "c.published_at, c.created_at, c.updated_at"
)
_BY = {"id": "c.id = %s", "slug": "c.slug = %s"}
_ONE = Found("page", 0, frozenset({"catalog_page"}), wanted=1)

ORDERINGS = {
    "SLUG": Ordering(("c.slug",), (str,)),
    "TITLE": Ordering(("c.title", "c.slug"), (str, str)),
    "VISIBILITY": Ordering(("c.is_published", "c.title", "c.slug"), (bool, str, str)),
    "PUBLISHED_AT": Ordering(("coalesce(c.published_at, c.created_at)", "c.slug"), (datetime, str)),
    # Ids are UUIDs of version 7, whose order is that of their creation.
    "CREATED_AT": Ordering(("c.id",), (UUID,)),
}


def is_shown(viewer: Viewer) -> Condition:
    """Return the condition that a viewer sees the page `c`."""
    if viewer.shows_all:
        return ALWAYS
    return Condition("(c.is_published AND (c.published_at IS NULL OR c.published_at <= %s))", (viewer.now,))


def get_page(by: str, value: Any, viewer: Viewer) -> PageRow | None:
    """Return the page whose `by` (id, slug) is `value`, if the viewer sees it."""
    return _one(_BY[by], [value], viewer)


def get_page_by_translated_slug(slug: str, language: str, viewer: Viewer) -> PageRow | None:
    """Return the page of this slug in a language; without one there, its own slug counts."""
    return _one(translated_slug("catalog_page", "c"), translated_slug_params("Page", slug, language), viewer)


def get_page_by_any_slug(slug: str, languages: Sequence[str], viewer: Viewer) -> PageRow | None:
    """Return the page of this slug in any language, if the viewer sees it, that of the earliest of these first."""
    shown = is_shown(viewer)
    sql = f"SELECT {_COLUMNS} FROM catalog_page c {any_slug('c', shown.probe)}"
    found = fetch(sql, [*any_slug_params("Page", slug, languages), *shown.params], found=_ONE)
    return PageRow._make((*found[0], viewer)) if found else None


def _one(where: str, params: Sequence[Any], viewer: Viewer) -> PageRow | None:
    shown = is_shown(viewer)
    sql = f"SELECT {_COLUMNS} FROM catalog_page c WHERE {where} AND {shown.probe}"
    found = fetch(sql, [*params, *shown.params], found=_ONE)
    return PageRow._make((*found[0], viewer)) if found else None


def list_pages_by_id(ids: Sequence[UUID], viewer: Viewer) -> dict[UUID, PageRow]:
    """Return those of these pages that the viewer sees, by id."""
    shown = is_shown(viewer)
    found = fetch(
        f"""SELECT {_COLUMNS} FROM unnest(%s::uuid[]) AS k(id)
        CROSS JOIN LATERAL (SELECT * FROM catalog_page c WHERE c.id = k.id LIMIT 1) c WHERE {shown.probe}""",
        [list(ids), *shown.params],
        about={"page": ids},
    )
    return {row[0]: PageRow._make((*row, viewer)) for row in found}


def list_pages(
    conditions: Sequence[Pending], ordering: str, page: PageRequest, viewer: Viewer, *, descending: bool = False
) -> Page[PageRow]:
    """Return a page of the pages that the viewer sees; `ordering` is a name of ORDERINGS."""
    where = Every((*conditions, is_shown(viewer))).bind("")
    source = Source("catalog_page", _COLUMNS, lambda columns: PageRow._make((*columns, viewer)))
    return read_page(source, ORDERINGS[ordering], where, page, descending=descending)


def having(test: ValueTest) -> Condition:
    """Return the condition that the page `c` has such a value."""
    return Condition(
        "EXISTS (SELECT FROM catalog_pagevalue x WHERE x.page_id = c.id"
        f" AND x.value_id = ANY(ARRAY({test.ids})) OFFSET 0)",
        test.params,
    )


def matching(text: str) -> Condition:
    """Return the condition that title or slug of the page `c` contain a text."""
    pattern = contains(text)
    return Condition("(c.title ILIKE %s OR c.slug ILIKE %s)", (pattern, pattern))


_ATTRIBUTES = f"""
SELECT k.id, false, {ATTRIBUTE_COLUMNS}, {VALUE_COLUMNS} FROM unnest(%s::uuid[]) AS k(id)
CROSS JOIN LATERAL (SELECT c.page_type_id FROM catalog_page c WHERE c.id = k.id LIMIT 1) c
CROSS JOIN LATERAL (SELECT * FROM catalog_pagevalue held WHERE held.page_id = k.id OFFSET 0) held
CROSS JOIN LATERAL (SELECT * FROM catalog_attributevalue v WHERE v.id = held.value_id LIMIT 1) v
CROSS JOIN LATERAL (
  SELECT * FROM catalog_pagetypeattribute ta WHERE ta.page_type_id = c.page_type_id
  AND ta.attribute_id = v.attribute_id LIMIT 1) ta
CROSS JOIN LATERAL (
  SELECT * FROM catalog_attribute a WHERE a.id = v.attribute_id AND (a.visible_in_storefront OR %s) LIMIT 1) a
ORDER BY ta.position, a.slug, held.position, v.position, v.slug
"""
_VALUES_FOUND = Found("value", 2 + len(AttributeRow._fields), frozenset({"catalog_attributevalue"}))


def list_page_attributes(ids: Sequence[UUID], viewer: Viewer) -> dict[UUID, list[Assignment]]:
    """Return the attributes that the viewer sees and pages have values of, by page, in the merchant's order."""
    found = fetch(_ATTRIBUTES, [list(ids), viewer.shows_all], about={"page": ids}, found=_VALUES_FOUND)
    return assignments(found, viewer.channel)
