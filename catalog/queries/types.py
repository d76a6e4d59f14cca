"""Product types and page types with their attributes."""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from uuid import UUID

from catalog.queries.attributes import ATTRIBUTE_COLUMNS
from catalog.queries.conditions import Condition, Every, Pending, contains
from catalog.queries.keyset import Ordering, Source, read_page
from catalog.queries.rows import AttributeRow, ProductTypeRow
from commerce.db.rows import fetch
from commerce.db.topics import Found
from commerce.graphql.paging import Page, PageRequest

Kind = Literal["product", "page"]


class PageTypeRow(NamedTuple):
    id: UUID
    name: str
    slug: str

    @property
    def metadata_table(self) -> str:
        return "catalog_pagetype"


_SOURCES: dict[Kind, Source] = {
    "product": Source("catalog_producttype", "c.id, c.name, c.slug, c.is_shipping_required", ProductTypeRow._make),
    "page": Source("catalog_pagetype", "c.id, c.name, c.slug", PageTypeRow._make),
}
_BY = {"id": "c.id = %s", "slug": "c.slug = %s"}
ORDERINGS = {"NAME": Ordering(("c.name", "c.slug"), (str, str)), "SLUG": Ordering(("c.slug",), (str,))}


def get_type(kind: Kind, by: str, value: Any) -> Any:
    """Return the type whose `by` (id, slug) is `value`, or None."""
    source = _SOURCES[kind]
    one = Found(f"{kind}-type", 0, frozenset({source.table}), wanted=1)
    found = fetch(f"SELECT {source.columns} FROM {source.table} c WHERE {_BY[by]}", [value], found=one)
    return source.make(found[0]) if found else None


def list_types_by_id(kind: Kind, ids: Sequence[UUID]) -> dict[UUID, Any]:
    """Return types, by id."""
    source = _SOURCES[kind]
    found = fetch(
        f"""SELECT {source.columns} FROM unnest(%s::uuid[]) AS k(id)
        CROSS JOIN LATERAL (SELECT * FROM {source.table} c WHERE c.id = k.id LIMIT 1) c""",
        [list(ids)],
        about={f"{kind}-type": ids},
    )
    return {row[0]: source.make(row) for row in found}


def list_types(
    kind: Kind, conditions: Sequence[Pending], ordering: str, page: PageRequest, *, descending: bool = False
) -> Page[Any]:
    """Return a page of the types; `ordering` is a name of ORDERINGS."""
    where = Every(tuple(conditions)).bind("")
    return read_page(_SOURCES[kind], ORDERINGS[ordering], where, page, descending=descending)


def matching(text: str) -> Condition:
    """Return the condition that name or slug of the type `c` contain a text."""
    pattern = contains(text)
    return Condition("(c.name ILIKE %s OR c.slug ILIKE %s)", (pattern, pattern))


class TypeAttribute(NamedTuple):
    """An attribute of a type; `on_variants` and `variant_selection` are false for pages."""

    attribute: AttributeRow
    on_variants: bool
    variant_selection: bool


def list_type_attributes(kind: Kind, ids: Sequence[UUID], shows_all: bool) -> dict[UUID, list[TypeAttribute]]:
    """Return the attributes of each type in the merchant's order; without `shows_all` those that shoppers see."""
    found = fetch(_attributes(kind), [list(ids), shows_all])
    attributes: dict[UUID, list[TypeAttribute]] = defaultdict(list)
    rows: dict[UUID, AttributeRow] = {}
    for owner, on_variants, selection, *columns in found:
        row = rows.setdefault(columns[0], AttributeRow._make(columns))
        attributes[owner].append(TypeAttribute(row, on_variants, selection))
    return attributes


@lru_cache
def _attributes(kind: Kind) -> str:
    flags = "ta.on_variants, ta.variant_selection" if kind == "product" else "false, false"
    order = "ta.on_variants, ta.position" if kind == "product" else "ta.position"
    return f"""SELECT k.id, {flags}, {ATTRIBUTE_COLUMNS} FROM unnest(%s::uuid[]) AS k(id)
CROSS JOIN LATERAL (SELECT * FROM catalog_{kind}typeattribute ta WHERE ta.{kind}_type_id = k.id OFFSET 0) ta
CROSS JOIN LATERAL (
  SELECT * FROM catalog_attribute a WHERE a.id = ta.attribute_id AND (a.visible_in_storefront OR %s) LIMIT 1) a
ORDER BY {order}, a.slug"""
