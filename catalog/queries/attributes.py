"""Attributes of products and variants, and their values.

An attribute of which an object has no value is left out: a type may have thousands of attributes (a mixed
catalogue), and its products a few.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any
from uuid import UUID

from catalog.queries.conditions import Condition, Every, Pending, contains
from catalog.queries.keyset import Ordering, Source, read_page
from catalog.queries.rows import Assignment, AttributeRow, ValueRow
from catalog.queries.visibility import listings, sight
from commerce.db.rows import fetch
from commerce.db.topics import Found
from commerce.graphql.paging import Page, PageRequest
from tenants.queries import ChannelRow

ATTRIBUTE_COLUMNS = (
    "a.id, a.slug, a.name, a.input_type, a.kind, a.unit, a.value_required, a.visible_in_storefront, "
    "a.filterable_in_storefront, a.filterable_in_dashboard, a.available_in_grid, a.storefront_search_position, "
    "a.entity_type, a.external_reference"
)
VALUE_COLUMNS = (
    "v.id, v.slug, v.name, v.value, v.numeric, v.boolean, v.date, v.date_time, v.plain_text, v.rich_text, "
    "v.file_url, v.file_content_type, v.reference_kind, v.reference_id, v.position"
)
_WIDTH = len(AttributeRow._fields)
# The types whose values are a list to choose from.
CHOICES = frozenset({"dropdown", "multiselect", "swatch"})

# The values of each object, with their attributes as far as the object's type has them.
_HELD = """
CROSS JOIN LATERAL (SELECT * FROM catalog_attributevalue v WHERE v.id = held.value_id LIMIT 1) v
CROSS JOIN LATERAL (
  SELECT * FROM catalog_producttypeattribute ta WHERE ta.product_type_id = p.product_type_id
  AND ta.attribute_id = v.attribute_id AND ta.on_variants = {on_variants} LIMIT 1) ta
CROSS JOIN LATERAL (
  SELECT * FROM catalog_attribute a WHERE a.id = v.attribute_id {{visible}} LIMIT 1) a
ORDER BY ta.position, a.slug, held.position, v.position, v.slug
"""
_OF_PRODUCTS = f"""
SELECT k.id, ta.variant_selection, {ATTRIBUTE_COLUMNS}, {VALUE_COLUMNS} FROM unnest(%s::uuid[]) AS k(id)
CROSS JOIN LATERAL (SELECT p.product_type_id FROM catalog_product p WHERE p.id = k.id LIMIT 1) p
CROSS JOIN LATERAL (SELECT * FROM catalog_productvalue held WHERE held.product_id = k.id OFFSET 0) held
{_HELD.format(on_variants="false")}
"""
_OF_VARIANTS = f"""
SELECT k.id, ta.variant_selection, {ATTRIBUTE_COLUMNS}, {VALUE_COLUMNS} FROM unnest(%s::uuid[]) AS k(id)
CROSS JOIN LATERAL (SELECT owner.product_id FROM catalog_variant owner WHERE owner.id = k.id LIMIT 1) owner
CROSS JOIN LATERAL (SELECT p.product_type_id FROM catalog_product p WHERE p.id = owner.product_id LIMIT 1) p
CROSS JOIN LATERAL (SELECT * FROM catalog_variantvalue held WHERE held.variant_id = k.id OFFSET 0) held
{_HELD.format(on_variants="true")}
"""
# Shoppers see the visible ones alone.
_VISIBLE = {False: "AND a.visible_in_storefront", True: ""}
_PRODUCTS = {shows_all: _OF_PRODUCTS.format(visible=visible) for shows_all, visible in _VISIBLE.items()}
_VARIANTS = {shows_all: _OF_VARIANTS.format(visible=visible) for shows_all, visible in _VISIBLE.items()}
# A value is found by what holds it; one that is hidden with its attribute shows when the attribute changes.
_VALUES_FOUND = Found("value", 2 + _WIDTH, frozenset({"catalog_attributevalue"}))


def list_product_attributes(ids: Sequence[UUID], channel: ChannelRow) -> dict[UUID, list[Assignment]]:
    """Return the attributes that are seen and products have values of, by product, in the merchant's order."""
    found = fetch(_PRODUCTS[channel.shows_all], [list(ids)], about={"product": ids}, found=_VALUES_FOUND)
    return assignments(found, channel)


def list_variant_attributes(
    ids: Sequence[UUID], channel: ChannelRow, product_ids: Collection[UUID]
) -> dict[UUID, list[Assignment]]:
    """Return the attributes that are seen and variants have values of, by variant, in the merchant's order.

    `product_ids` are of all of their products.
    """
    found = fetch(_VARIANTS[channel.shows_all], [list(ids)], about={"product": product_ids}, found=_VALUES_FOUND)
    return assignments(found, channel)


def assignments(found: Sequence[Sequence[Any]], channel: ChannelRow | None) -> dict[UUID, list[Assignment]]:
    """Return attributes with their values by object, of rows of object, is it for selection, attribute, value."""
    attributes: dict[UUID, AttributeRow] = {}
    values: dict[UUID, ValueRow] = {}
    held: dict[UUID, dict[UUID, Assignment]] = defaultdict(dict)
    for owner, is_selection, *columns in found:
        attribute = attributes.get(columns[0])
        if attribute is None:
            attribute = attributes[columns[0]] = AttributeRow(*columns[:_WIDTH])
        assignment = held[owner].get(attribute.id)
        if assignment is None:
            assignment = held[owner][attribute.id] = Assignment(attribute, [], is_selection, channel)
        value = values.get(columns[_WIDTH])
        if value is None:
            value = values[columns[_WIDTH]] = ValueRow._make((*columns[_WIDTH:], attribute))
        assignment.values.append(value)
    return {owner: list(by_attribute.values()) for owner, by_attribute in held.items()}


_BY = {"id": "c.id = %s", "slug": "c.slug = %s", "externalReference": "c.external_reference = %s"}
_LISTED = ATTRIBUTE_COLUMNS.replace("a.", "c.")
_SOURCE = Source("catalog_attribute", _LISTED, AttributeRow._make)
# That variants have, and no product itself.
_VARIANT_ONLY = """(EXISTS (
  SELECT FROM catalog_producttypeattribute ta WHERE ta.attribute_id = c.id AND ta.on_variants OFFSET 0) AND NOT EXISTS (
  SELECT FROM catalog_producttypeattribute ta WHERE ta.attribute_id = c.id AND NOT ta.on_variants OFFSET 0))"""


def _flag(column: str) -> Ordering:
    return Ordering((column, "c.name", "c.slug"), (bool, str, str))


ORDERINGS = {
    "NAME": Ordering(("c.name", "c.slug"), (str, str)),
    "SLUG": Ordering(("c.slug",), (str,)),
    "STOREFRONT_SEARCH_POSITION": Ordering(("c.storefront_search_position", "c.slug"), (int, str)),
    "IS_VARIANT_ONLY": _flag(_VARIANT_ONLY),
    **{
        name.upper(): _flag(f"c.{name}")
        for name in (
            "value_required",
            "visible_in_storefront",
            "filterable_in_storefront",
            "filterable_in_dashboard",
            "available_in_grid",
        )
    },
}
IS_VISIBLE = Condition("c.visible_in_storefront")


def get_attribute(by: str, value: Any, *, shows_all: bool) -> AttributeRow | None:
    """Return the attribute whose `by` (id, slug, externalReference) is `value`, if it is seen."""
    where = _BY[by] if shows_all else f"{_BY[by]} AND {IS_VISIBLE.probe}"
    found = fetch(f"SELECT {_LISTED} FROM catalog_attribute c WHERE {where}", [value])
    return AttributeRow._make(found[0]) if found else None


def list_attributes(
    conditions: Sequence[Pending], ordering: str, page: PageRequest, *, descending: bool = False
) -> Page[AttributeRow]:
    """Return a page of attributes; `ordering` is a name of ORDERINGS."""
    where = Every(tuple(conditions)).bind("")
    return read_page(_SOURCE, ORDERINGS[ordering], where, page, descending=descending)


def is_variant_only(wanted: bool) -> Condition:
    """Return the condition that variants have the attribute `c` and no product itself, or that it is otherwise."""
    return Condition(_VARIANT_ONLY if wanted else f"NOT {_VARIANT_ONLY}")


def matching(text: str) -> Condition:
    """Return the condition that name or slug of the attribute, or the value, `c` contain a text."""
    pattern = contains(text)
    return Condition("(c.name ILIKE %s OR c.slug ILIKE %s)", (pattern, pattern))


def of_products_in(group: UUID, channel: ChannelRow, now: datetime) -> Condition:
    """Return the condition that a type has the attribute `c` whose products are seen in a category or collection."""
    seen = listings(sight(channel), "is_visible")
    return Condition(
        f"""c.id = ANY(ARRAY(
  SELECT ta.attribute_id FROM catalog_producttypeattribute ta WHERE ta.product_type_id = ANY(ARRAY(
    SELECT p.product_type_id FROM (SELECT g.product_id FROM catalog_productgroup g WHERE g.group_id = %s OFFSET 0) g
    CROSS JOIN LATERAL (SELECT FROM {seen.source} WHERE l.product_id = g.product_id AND {seen.where} LIMIT 1) l
    CROSS JOIN LATERAL (SELECT p.product_type_id FROM catalog_product p WHERE p.id = g.product_id LIMIT 1) p
    GROUP BY 1))))""",
        (group, channel.id, now, now),
    )


def list_attributes_by_id(ids: Sequence[UUID]) -> dict[UUID, AttributeRow]:
    """Return attributes, visible or not, by id."""
    found = fetch(f"SELECT {ATTRIBUTE_COLUMNS} FROM catalog_attribute a WHERE a.id = ANY(%s)", [list(ids)])
    return {row[0]: AttributeRow(*row) for row in found}


def list_values_by_id(ids: Sequence[UUID]) -> dict[UUID, ValueRow]:
    """Return values with their attributes, visible or not, by id."""
    found = fetch(
        f"""SELECT {ATTRIBUTE_COLUMNS}, {VALUE_COLUMNS} FROM unnest(%s::uuid[]) AS k(id)
        CROSS JOIN LATERAL (SELECT * FROM catalog_attributevalue v WHERE v.id = k.id LIMIT 1) v
        CROSS JOIN LATERAL (SELECT * FROM catalog_attribute a WHERE a.id = v.attribute_id LIMIT 1) a""",
        [list(ids)],
    )
    return {row[_WIDTH]: ValueRow._make((*row[_WIDTH:], AttributeRow(*row[:_WIDTH]))) for row in found}


# Names and slugs order the values of an attribute as they are spelt; a slug is unique there.
CHOICE_ORDERINGS = {
    "POSITION": Ordering(("position", "id"), (int, UUID)),
    "NAME": Ordering(("name", "slug"), (str, str)),
    "SLUG": Ordering(("slug",), (str,)),
}


def list_choices(
    attributes: Sequence[AttributeRow],
    page: PageRequest,
    conditions: Sequence[Pending] = (),
    ordering: str = "POSITION",
    *,
    descending: bool = False,
) -> dict[UUID, Page[ValueRow]]:
    """Return a page of the values of each attribute, by attribute. Conditions are on the value `c`.

    `ordering` is a name of CHOICE_ORDERINGS; POSITION is the merchant's order.
    """
    order = CHOICE_ORDERINGS[ordering]
    start = page.position(*order.kinds)
    where = Every(tuple(conditions)).bind("")
    by_id = {attribute.id: attribute for attribute in attributes}
    values: dict[UUID, list[ValueRow]] = defaultdict(list)
    params = [list(by_id), *where.params, *(start or ()), page.limit + 1]
    sql = _choices(order.keys, where.probe, descending != page.backwards, start is not None)
    for attribute_id, *columns in fetch(sql, params) if page.limit else []:
        values[attribute_id].append(ValueRow._make((*columns, by_id[attribute_id])))
    counted = fetch(_choice_totals(where.probe), [*where.params, list(by_id)]) if page.with_total else []
    totals: dict[UUID, int] = dict(counted)
    place = attrgetter(*order.keys)
    return {
        key: Page.of(
            values[key],
            page,
            place if len(order.keys) > 1 else lambda row: (place(row),),
            total=totals.get(key, 0) if page.with_total else None,
        )
        for key in by_id
    }


@lru_cache(512)
def _choices(keys: tuple[str, ...], condition: str, reverse: bool, started: bool) -> str:
    direction, beyond = ("DESC", "<") if reverse else ("ASC", ">")
    start = f"AND ({', '.join(f'c.{key}' for key in keys)}) {beyond} ({', '.join(['%s'] * len(keys))})"
    return f"""
SELECT owner.id, page.* FROM unnest(%s::uuid[]) AS owner(id) CROSS JOIN LATERAL (
  SELECT {VALUE_COLUMNS.replace("v.", "c.")} FROM catalog_attributevalue c WHERE c.attribute_id = owner.id
  AND {condition} {start if started else ""}
  ORDER BY {", ".join(f"c.{key} {direction}" for key in keys)} LIMIT %s) page
ORDER BY {", ".join(f"page.{key} {direction}" for key in keys)}"""


@lru_cache(512)
def _choice_totals(condition: str) -> str:
    return f"""
SELECT k.id, (SELECT count(*) FROM catalog_attributevalue c WHERE c.attribute_id = k.id AND {condition})
FROM unnest(%s::uuid[]) AS k(id)
"""
