"""Attributes of products and variants, and their values."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from catalog.queries.rows import Assignment, AttributeRow, ValueRow
from commerce.db.rows import fetch
from commerce.graphql.paging import Page, PageRequest
from tenants.queries import ChannelRow

_ATTRIBUTE = (
    "a.id, a.slug, a.name, a.input_type, a.kind, a.unit, a.value_required, a.visible_in_storefront, "
    "a.filterable_in_storefront"
)
_VALUE = (
    "v.id, v.slug, v.name, v.value, v.numeric, v.boolean, v.date, v.date_time, v.plain_text, v.rich_text, "
    "v.file_url, v.file_content_type, v.reference_kind, v.reference_id, v.position"
)
_WIDTH = len(AttributeRow._fields)

# Every attribute that the type of an object has, with the object's values, in the merchant's order.
_OF_PRODUCTS = f"""
SELECT p.id, ta.variant_selection, {_ATTRIBUTE}, {_VALUE}
FROM catalog_product p
JOIN catalog_producttypeattribute ta ON ta.product_type_id = p.product_type_id AND NOT ta.on_variants
JOIN catalog_attribute a ON a.id = ta.attribute_id
LEFT JOIN (catalog_productvalue held JOIN catalog_attributevalue v ON v.id = held.value_id)
  ON held.product_id = p.id AND v.attribute_id = a.id
WHERE p.id = ANY(%s) AND a.visible_in_storefront
ORDER BY ta.position, a.slug, held.position, v.position, v.slug
"""
_OF_VARIANTS = f"""
SELECT owner.id, ta.variant_selection, {_ATTRIBUTE}, {_VALUE}
FROM catalog_variant owner
JOIN catalog_product p ON p.id = owner.product_id
JOIN catalog_producttypeattribute ta ON ta.product_type_id = p.product_type_id AND ta.on_variants
JOIN catalog_attribute a ON a.id = ta.attribute_id
LEFT JOIN (catalog_variantvalue held JOIN catalog_attributevalue v ON v.id = held.value_id)
  ON held.variant_id = owner.id AND v.attribute_id = a.id
WHERE owner.id = ANY(%s) AND a.visible_in_storefront
ORDER BY ta.position, a.slug, held.position, v.position, v.slug
"""


def list_product_attributes(ids: Sequence[UUID], channel: ChannelRow) -> dict[UUID, list[Assignment]]:
    """Return the visible attributes of products, those without a value too, by product."""
    return _assignments(fetch(_OF_PRODUCTS, [list(ids)]), channel)


def list_variant_attributes(ids: Sequence[UUID], channel: ChannelRow) -> dict[UUID, list[Assignment]]:
    """Return the visible attributes of variants, those without a value too, by variant."""
    return _assignments(fetch(_OF_VARIANTS, [list(ids)]), channel)


def _assignments(found: Sequence[Sequence[Any]], channel: ChannelRow) -> dict[UUID, list[Assignment]]:
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
        value_id = columns[_WIDTH]
        if value_id is not None:
            value = values.get(value_id)
            if value is None:
                value = values[value_id] = ValueRow._make((*columns[_WIDTH:], attribute))
            assignment.values.append(value)
    return {owner: list(by_attribute.values()) for owner, by_attribute in held.items()}


def list_choices(attributes: Sequence[AttributeRow], page: PageRequest) -> dict[UUID, Page[ValueRow]]:
    """Return a page of the values of each attribute, in the merchant's order, by attribute."""
    start = page.position(int, UUID)
    by_id = {attribute.id: attribute for attribute in attributes}
    values: dict[UUID, list[ValueRow]] = defaultdict(list)
    params = [list(by_id), *(start or ()), page.limit + 1]
    sql = _choices(page.backwards, start is not None)
    for attribute_id, *columns in fetch(sql, params) if page.limit else []:
        values[attribute_id].append(ValueRow._make((*columns, by_id[attribute_id])))
    totals: dict[UUID, int] = dict(fetch(_CHOICE_TOTALS, [list(by_id)])) if page.with_total else {}
    return {
        key: Page.of(
            values[key],
            page,
            lambda row: (row.position, row.id),
            total=totals.get(key, 0) if page.with_total else None,
        )
        for key in by_id
    }


@cache
def _choices(backwards: bool, started: bool) -> str:
    direction, beyond = ("DESC", "<") if backwards else ("ASC", ">")
    return f"""
SELECT owner.id, page.* FROM unnest(%s::uuid[]) AS owner(id) CROSS JOIN LATERAL (
  SELECT {_VALUE} FROM catalog_attributevalue v WHERE v.attribute_id = owner.id
  {f"AND (v.position, v.id) {beyond} (%s, %s)" if started else ""}
  ORDER BY v.position {direction}, v.id {direction} LIMIT %s) page
ORDER BY page.position {direction}, page.id {direction}"""


_CHOICE_TOTALS = """
SELECT v.attribute_id, count(*) FROM catalog_attributevalue v WHERE v.attribute_id = ANY(%s) GROUP BY v.attribute_id
"""
