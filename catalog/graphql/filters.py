"""From the inputs `filter` and `where` to conditions. What cannot be answered is refused by name, never left out."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from graphql import GraphQLError

from catalog.queries import conditions
from catalog.queries.conditions import ALWAYS, NEVER, AnyOf, Every, Pending, PriceWithin, ValueTest
from commerce.graphql.ids import from_global_id, split_global_id

Reader = Callable[[Any], Pending]
MAX_DEPTH = 8
MAX_CONDITIONS = 100


def read_filter(given: Mapping[str, Any]) -> list[Pending]:
    """Return the conditions of a ProductFilterInput but its search; null and empty lists do not narrow."""
    return [
        _FILTER[name](value)
        for name, value in given.items()
        if value is not None and value != [] and name not in ("channel", "search")
    ]


def read_where(given: Mapping[str, Any]) -> list[Pending]:
    """Return the conditions of a ProductWhereInput; null does not narrow. Raises GraphQLError beyond the limits."""
    check_nesting(given)
    return _read_where(given)


def _read_where(given: Mapping[str, Any]) -> list[Pending]:
    return [_WHERE[name](value) for name, value in given.items() if value is not None]


def check_nesting(given: Mapping[str, Any]) -> None:
    """Raise GraphQLError for a `filter` or `where` that has too many conditions or is nested too deep."""
    depth, count, level = 0, 0, [given]
    while level:
        depth += 1
        count += sum(len(part) + len(part.get("attributes") or ()) + len(part.get("metadata") or ()) for part in level)
        if depth > MAX_DEPTH:
            raise GraphQLError(f"AND and OR of `where` are nested deeper than the limit of {MAX_DEPTH}.")
        if count > MAX_CONDITIONS:
            raise GraphQLError(f"A list can be narrowed by {MAX_CONDITIONS} conditions at most.")
        level = [below for part in level for name in ("AND", "OR") for below in part.get(name) or ()]


def ids_of(kind: str, values: Sequence[str]) -> list[UUID]:
    """Return the keys in global ids of a kind, or raise GraphQLError."""
    return [from_global_id(value, kind) for value in values]


def _constant(wanted: bool, holds: bool) -> Pending:
    """Return the condition that something is as wanted which `holds` for everything that a shopper sees."""
    return ALWAYS if wanted == holds else NEVER


def _metadata(pairs: Sequence[Mapping[str, Any]]) -> Pending:
    return Every(
        tuple(
            conditions.has_metadata(pair["key"], None if pair.get("value") is None else [pair["value"]])
            for pair in pairs
        )
    )


def _price_range(minimal: bool, given: Mapping[str, Any]) -> Pending:
    least, most = (None if value is None else Decimal(str(value)) for value in (given.get("gte"), given.get("lte")))
    return PriceWithin(minimal, least, most)


def _stocks(given: Mapping[str, Any]) -> Pending:
    quantity = given.get("quantity") or {}
    warehouses = given.get("warehouse_ids")
    return conditions.with_stock(
        ids_of("Warehouse", warehouses) if warehouses else None, quantity.get("gte"), quantity.get("lte")
    )


# --- Choices: eq, oneOf, range ------------------------------------------------------------------------


def _one(field: str, given: Mapping[str, Any]) -> tuple[str, Any] | None:
    """Return which of eq, oneOf and range was given, and its value; None where none was."""
    found = [(name, value) for name, value in given.items() if value is not None]
    if len(found) > 1:
        raise GraphQLError(f"Only one of eq, oneOf and range can be given: `{field}`.")
    return found[0] if found else None


def choices(field: str, given: Mapping[str, Any]) -> list[Any]:
    """Return what may be, of eq and oneOf; nothing where neither was given. `field` is for the error of both."""
    found = _one(field, given)
    if found is None:
        return []
    name, value = found
    return [value] if name == "eq" else list(value)


def _texts(field: str, condition: Callable[[list[str]], Pending], given: Mapping[str, Any]) -> Pending:
    return condition(choices(field, given))


def _keys(field: str, kind: str, condition: Callable[[list[UUID]], Pending], given: Mapping[str, Any]) -> Pending:
    return condition(ids_of(kind, choices(field, given)))


def _price(field: str, minimal: bool, given: Mapping[str, Any]) -> Pending:
    found = _one(field, given)
    if found is None:
        return NEVER
    name, value = found
    if name == "range":
        return PriceWithin(minimal, value.get("gte"), value.get("lte"))
    return PriceWithin(minimal, amounts=(value,) if name == "eq" else tuple(value))


def _updated(given: Mapping[str, Any]) -> Pending:
    found = _one("updatedAt", given)
    if found is None:
        return NEVER
    name, value = found
    if name == "range":
        return conditions.updated_within(value.get("gte"), value.get("lte"))
    return conditions.updated_at([value] if name == "eq" else value)


# --- Attributes ---------------------------------------------------------------------------------------

Having = Callable[[ValueTest], Pending]


def _attributes(given: Sequence[Mapping[str, Any]]) -> Pending:
    return Every(tuple(read_attribute(attribute, conditions.having) for attribute in given))


def read_attribute(given: Mapping[str, Any], having: Having) -> Pending:
    """Return the condition of an attribute's slug and one way of saying which values; `having` makes it of a test."""
    slug = given.get("slug")
    if not slug:
        raise GraphQLError("`attributes.slug` is required: name the attribute by its slug.")
    ways = [(name, value) for name, value in given.items() if name != "slug" and value is not None and value != []]
    if len(ways) > 1:
        raise GraphQLError(f"Only one way of saying which values can be given for the attribute {slug!r}.")
    if not ways:
        return having(conditions.any_of(slug)) if "values" not in given else ALWAYS
    name, value = ways[0]
    if name == "value":
        return _value(slug, value, having)
    return having(_TESTS[name](slug, value))


def _value(slug: str, given: Mapping[str, Any], having: Having) -> Pending:
    ways = [(name, value) for name, value in given.items() if value is not None]
    if len(ways) != 1:
        raise GraphQLError(f"Exactly one way of saying which value must be given for the attribute {slug!r}.")
    name, value = ways[0]
    if name == "reference":
        return _reference(slug, value, having)
    return having(_TESTS[name](slug, value))


def _within(column: str, slug: str, given: Mapping[str, Any]) -> ValueTest:
    return conditions.within(slug, column, given.get("gte"), given.get("lte"))


def _named(column: str, slug: str, given: Mapping[str, Any]) -> ValueTest:
    return conditions.one_of(slug, column, choices(f"attributes.value.{column}", given))


def _numeric(slug: str, given: Mapping[str, Any]) -> ValueTest:
    found = _one("attributes.value.numeric", given)
    if found is None:
        return conditions.one_of(slug, "numeric", [])
    name, value = found
    if name == "range":
        bounds = {key: None if bound is None else float(bound) for key, bound in value.items()}
        return _within("numeric", slug, bounds)
    return conditions.one_of(slug, "numeric", [float(v) for v in ([value] if name == "eq" else value)])


# What is referred to is named by a field of AssignedAttributeReferenceInput → its kind.
_REFERRED = {
    "page_slugs": "Page",
    "product_slugs": "Product",
    "product_variant_skus": "ProductVariant",
    "category_slugs": "Category",
    "collection_slugs": "Collection",
}


def _reference(slug: str, given: Mapping[str, Any], having: Having) -> Pending:
    parts: list[Pending] = []
    for name, wanted in given.items():
        if wanted is None:
            continue
        test = partial(_referring, slug, name)
        if wanted.get("contains_any") is not None:
            parts.append(having(test(wanted["contains_any"])))
        parts += [having(test([value])) for value in wanted.get("contains_all") or ()]
    return Every(tuple(parts))


def _referring(slug: str, name: str, values: Sequence[str]) -> ValueTest:
    if name == "referenced_ids":
        return conditions.one_of(slug, "reference_id", [_key(value) for value in values])
    return conditions.referring(slug, _REFERRED[name], values)


def _key(value: str) -> UUID:
    kind, _ = split_global_id(value)
    return from_global_id(value, kind)


_TESTS: dict[str, Callable[[str, Any], ValueTest]] = {
    "values": lambda slug, value: conditions.one_of(slug, "slug", value),
    "values_range": partial(_within, "numeric"),
    "slug": partial(_named, "slug"),
    "name": partial(_named, "name"),
    "numeric": _numeric,
    "date": partial(_within, "date"),
    "date_time": partial(_within, "date_time"),
    "boolean": lambda slug, value: conditions.one_of(slug, "boolean", [value]),
}


# --- The inputs, field by field -----------------------------------------------------------------------

_COMMON: dict[str, Reader] = {
    "metadata": _metadata,
    "ids": lambda ids: conditions.with_ids(ids_of("Product", ids)),
    "is_available": conditions.is_purchasable,
    "is_published": partial(_constant, holds=True),
    "is_visible_in_listing": partial(_constant, holds=True),
    "published_from": conditions.published_by,
    "available_from": conditions.purchasable_by,
    "has_category": conditions.has_category,
    "attributes": _attributes,
    "stock_availability": lambda wanted: conditions.in_stock(wanted.value == "IN_STOCK"),
    "stocks": _stocks,
    # There are no such products yet, so that this is the truth about all of them.
    "gift_card": partial(_constant, holds=False),
    "has_preordered_variants": partial(_constant, holds=False),
}
_FILTER: dict[str, Reader] = {
    **_COMMON,
    "collections": lambda ids: conditions.in_groups(ids_of("Collection", ids)),
    "categories": lambda ids: conditions.in_groups(ids_of("Category", ids)),
    "product_types": lambda ids: conditions.of_types(ids_of("ProductType", ids)),
    "price": partial(_price_range, False),
    "minimal_price": partial(_price_range, True),
    "updated_at": lambda given: conditions.updated_within(given.get("gte"), given.get("lte")),
    "slugs": conditions.with_slugs,
}
_WHERE: dict[str, Reader] = {
    **_COMMON,
    "name": partial(_texts, "name", conditions.with_names),
    "slug": partial(_texts, "slug", conditions.with_slugs),
    "product_type": partial(_keys, "productType", "ProductType", conditions.of_types),
    "category": partial(_keys, "category", "Category", conditions.in_groups),
    "collection": partial(_keys, "collection", "Collection", conditions.in_groups),
    "price": partial(_price, "price", False),
    "minimal_price": partial(_price, "minimalPrice", True),
    "updated_at": _updated,
    "AND": lambda parts: Every(tuple(Every(tuple(_read_where(part))) for part in parts)),
    "OR": lambda parts: AnyOf(tuple(Every(tuple(_read_where(part))) for part in parts)),
}
