"""From the inputs `filter` and `where` of lists other than those of products to conditions on their row `c`."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from graphql import GraphQLError

from catalog.graphql.filters import check_nesting, choices, ids_of, read_attribute
from catalog.queries import attributes, groups, menus, pages, plain, types, variants, warehouses
from catalog.queries.conditions import ALWAYS, NEVER, AnyOf, Condition, Every, Pending

Readers = Mapping[str, Callable[[Any], Pending]]


def either(filter: Any, where: Any) -> None:
    """Raise GraphQLError where both ways of narrowing a list were given."""
    if filter is not None and where is not None:
        raise GraphQLError("Only one filtering argument (filter or where) can be specified.")


def order_of(given: Mapping[str, Any] | None, default: str) -> tuple[str, bool]:
    """Return the field of a list's order, and whether it is descending."""
    if given is None:
        return default, False
    return given["field"].value, given["direction"].value == "DESC"


def read_filter(given: Mapping[str, Any] | None, readers: Readers) -> list[Pending]:
    """Return the conditions of a `filter`; null and empty lists do not narrow."""
    return [readers[name](value) for name, value in (given or {}).items() if value is not None and value != []]


def read_where(given: Mapping[str, Any] | None, readers: Readers) -> list[Pending]:
    """Return the conditions of a `where` with AND and OR; null does not narrow. Raises GraphQLError beyond limits."""
    check_nesting(given or {})
    return _read_where(given or {}, readers)


def _read_where(given: Mapping[str, Any], readers: Readers) -> list[Pending]:
    found: list[Pending] = []
    for name, value in given.items():
        if value is None:
            continue
        if name in ("AND", "OR"):
            parts = tuple(Every(tuple(_read_where(part, readers))) for part in value)
            found.append(Every(parts) if name == "AND" else AnyOf(parts))
        else:
            found.append(readers[name](value))
    return found


def narrow(
    by_filter: Readers, by_where: Readers, *, filter: Any = None, where: Any = None, search: str | None = None
) -> list[Pending]:
    """Return the conditions of a list's arguments; raise GraphQLError where both `filter` and `where` were given."""
    either(filter, where)
    found = [*read_filter(filter, by_filter), *read_where(where, by_where)]
    return [*found, by_filter["search"](search)] if search else found


def apart(filter: Mapping[str, Any] | None, *names: str) -> tuple[dict[str, Any] | None, list[Any]]:
    """Return a `filter` without these fields, and their values, None where they were not given."""
    if filter is None:
        return None, [None for _ in names]
    return {name: value for name, value in filter.items() if name not in names}, [filter.get(name) for name in names]


def with_ids(kind: str, values: Sequence[str]) -> Condition:
    """Return the condition that it is one of these, by global id."""
    return plain.with_ids(ids_of(kind, values))


def has_metadata(pairs: Sequence[Mapping[str, Any]]) -> Every:
    """Return the condition of a list of MetadataFilter."""
    wanted = [(pair["key"], pair.get("value")) for pair in pairs]
    return Every(tuple(plain.has_metadata(key, None if value is None else [value]) for key, value in wanted))


def _metadata_where(given: Mapping[str, Any]) -> Condition:
    value = given.get("value")
    return plain.has_metadata(given["key"], None if value is None else choices("metadata.value", value))


def is_any(column: str, field: str, given: Mapping[str, Any]) -> Condition:
    """Return the condition of a StringFilterInput."""
    return plain.is_any(column, choices(field, given))


def flag(column: str, wanted: bool) -> Condition:
    """Return the condition that a column is true, or that it is not."""
    return Condition(f"c.{column}" if wanted else f"NOT c.{column}")


def _page_types(given: Mapping[str, Any]) -> Condition:
    return plain.is_any("page_type_id", ids_of("PageType", choices("pageType", given)))


def _is_enum(column: str, field: str, given: Mapping[str, Any]) -> Condition:
    return plain.is_any(column, [choice.value for choice in choices(field, given)])


def _with_choices(wanted: bool) -> Condition:
    text = "c.input_type = ANY(%s)"
    return Condition(text if wanted else f"NOT {text}", (sorted(attributes.CHOICES),))


def _having_all(given: Sequence[Mapping[str, Any]]) -> Every:
    return Every(tuple(read_attribute(attribute, pages.having) for attribute in given))


PAGE_FILTER: Readers = {
    "search": pages.matching,
    "metadata": has_metadata,
    "page_types": lambda values: plain.is_any("page_type_id", ids_of("PageType", values)),
    "ids": partial(with_ids, "Page"),
    "slugs": partial(plain.with_slugs, "Page"),
}
PAGE_WHERE: Readers = {
    "metadata": _metadata_where,
    "ids": partial(with_ids, "Page"),
    "slug": lambda given: plain.with_slugs("Page", choices("slug", given)),
    "page_type": _page_types,
    "attributes": _having_all,
}
_ATTRIBUTE: Readers = {
    **{
        name: partial(flag, name)
        for name in (
            "value_required",
            "visible_in_storefront",
            "filterable_in_storefront",
            "filterable_in_dashboard",
            "available_in_grid",
        )
    },
    "ids": partial(with_ids, "Attribute"),
    "metadata": has_metadata,
}
ATTRIBUTE_FILTER: Readers = {
    **_ATTRIBUTE,
    "is_variant_only": attributes.is_variant_only,
    "search": attributes.matching,
    "type": lambda wanted: plain.is_any("kind", [wanted.value]),
    "slugs": partial(plain.is_any, "slug"),
}
ATTRIBUTE_WHERE: Readers = {
    **_ATTRIBUTE,
    "name": partial(is_any, "name", "name"),
    "slug": partial(is_any, "slug", "slug"),
    "with_choices": _with_choices,
    "input_type": partial(_is_enum, "input_type", "inputType"),
    "entity_type": partial(_is_enum, "entity_type", "entityType"),
    "type": partial(_is_enum, "kind", "type"),
}
CHOICE_FILTER: Readers = {
    "search": attributes.matching,
    "ids": partial(with_ids, "AttributeValue"),
    "slugs": partial(plain.is_any, "slug"),
}
CHOICE_WHERE: Readers = {
    "ids": partial(with_ids, "AttributeValue"),
    "name": partial(is_any, "name", "name"),
    "slug": partial(is_any, "slug", "slug"),
}
PAGE_TYPE_FILTER: Readers = {"search": types.matching, "slugs": partial(plain.is_any, "slug")}
PRODUCT_TYPE_FILTER: Readers = {
    **PAGE_TYPE_FILTER,
    "ids": partial(with_ids, "ProductType"),
    "metadata": has_metadata,
}
MENU_FILTER: Readers = {
    "search": menus.matching,
    "slug": partial(plain.is_any, "slug"),
    "slugs": partial(plain.is_any, "slug"),
    "metadata": has_metadata,
}
MENU_ITEM_FILTER: Readers = {"search": menus.item_matching, "metadata": has_metadata}
WAREHOUSE_FILTER: Readers = {
    "search": warehouses.matching,
    "ids": partial(with_ids, "Warehouse"),
    "is_private": partial(flag, "is_private"),
    "slugs": partial(plain.is_any, "slug"),
    "metadata": has_metadata,
}


def _updated(given: Mapping[str, Any]) -> Pending:
    return plain.within("updated_at", given.get("gte"), given.get("lte"))


def _group_filter(kind: str) -> Readers:
    return {
        "search": groups.matching,
        "metadata": has_metadata,
        "ids": partial(with_ids, kind),
        "slugs": partial(plain.with_slugs, kind),
    }


CATEGORY_FILTER: Readers = {**_group_filter("Category"), "updated_at": _updated}
COLLECTION_FILTER: Readers = _group_filter("Collection")
CATEGORY_WHERE: Readers = {"ids": partial(with_ids, "Category"), "metadata": has_metadata}
COLLECTION_WHERE: Readers = {"ids": partial(with_ids, "Collection"), "metadata": has_metadata}
VARIANT_FILTER: Readers = {
    "search": variants.matching,
    "sku": partial(plain.is_any, "sku"),
    "metadata": has_metadata,
    "is_preorder": lambda wanted: NEVER if wanted else ALWAYS,  # there are none yet
    "updated_at": _updated,
}
VARIANT_WHERE: Readers = {
    "ids": partial(with_ids, "ProductVariant"),
    "sku": partial(is_any, "sku", "sku"),
    "updated_at": _updated,
    "metadata": has_metadata,
}
