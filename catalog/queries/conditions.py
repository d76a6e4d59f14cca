"""What lists of products are narrowed by. A condition is SQL with its parameters, made for two ways of reading.

`probe` is asked of one row at a time: it speaks of a listing row as `l`. `members`, where there is one,
selects the ids of all products that meet the condition: a list whose condition has few members is read
from there instead of along its order. Both take the same parameters.

`narrows`: the condition is on the listing row alone and may hold for few. `searches`: finding the members
takes a while, so that it is done once. `either`: of these at least one must hold.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any
from uuid import UUID

from catalog.search import query as search_query
from catalog.search.query import Search
from commerce.money import MAX_MINOR, currency_digits


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that needs no more than its parameters."""

    probe: str
    params: tuple[Any, ...] = ()
    members: str | None = None
    narrows: bool = False
    searches: bool = False
    either: tuple["Condition", ...] = ()

    def bind(self, currency: str) -> "Condition":
        """Return the condition for a channel of this currency."""
        return self


@dataclass(frozen=True, slots=True)
class PriceWithin:
    """A price of a product lies in a range or is one of several amounts, in major units of the channel's currency.

    `minimal`: the lowest price now; otherwise the price before reductions of any variant.
    """

    minimal: bool
    least: Decimal | None = None
    most: Decimal | None = None
    amounts: tuple[Decimal, ...] | None = None

    def bind(self, currency: str) -> Condition:
        """Return the condition in minor units of a currency."""
        parts = self.bound(currency)
        return replace(_joined(" AND ", "true", parts), narrows=bool(parts) and all(part.narrows for part in parts))

    def bound(self, currency: str) -> list[Condition]:
        """Return the conditions that it comes to in minor units of a currency."""
        scale = currency_digits(currency)
        if self.amounts is not None:
            exact = [amount.scaleb(scale) for amount in self.amounts]
            return self._one_of([int(a) for a in exact if a == a.to_integral_value() and abs(a) <= MAX_MINOR])
        least = None if self.least is None else _minor(self.least.scaleb(scale), ROUND_CEILING)
        most = None if self.most is None else _minor(self.most.scaleb(scale), ROUND_FLOOR)
        found = _spanning(least, most, "l.price_min", "l.price_min") if self.minimal else _spanning(least, most)
        if not self.minimal and least is not None and most is not None:
            # The range of all variants' prices may span the asked one without a price in it.
            found.append(Condition(_ANY_PRICE.format("price.price BETWEEN %s AND %s"), (least, most)))
        return found

    def _one_of(self, amounts: list[int]) -> list[Condition]:
        if not amounts:
            return [NEVER]
        if self.minimal:
            bounds = _spanning(min(amounts), max(amounts), "l.price_min", "l.price_min")
            return [*bounds, Condition("l.price_min = ANY(%s::bigint[])", (amounts,), narrows=True)]
        bounds = _spanning(min(amounts), max(amounts))
        return [*bounds, Condition(_ANY_PRICE.format("price.price = ANY(%s::bigint[])"), (amounts,))]


def _spanning(
    least: int | None, most: int | None, low: str = "l.undiscounted_max", high: str = "l.undiscounted_min"
) -> list[Condition]:
    """Return the conditions that a product's prices reach into a range of minor units; a bound of None is open."""
    bounds = [(f"{low} >= %s", least), (f"{high} <= %s", most)]
    return [Condition(text, (value,), narrows=True) for text, value in bounds if value is not None]


_ANY_PRICE = """EXISTS (
  SELECT FROM (SELECT v.id FROM catalog_variant v WHERE v.product_id = l.product_id OFFSET 0) v
  CROSS JOIN LATERAL (
    SELECT FROM catalog_variantprice price
    WHERE price.variant_id = v.id AND price.channel_id = l.channel_id AND {} LIMIT 1) price OFFSET 0)"""


@dataclass(frozen=True, slots=True)
class Every:
    """All of several conditions."""

    parts: tuple["Pending", ...]

    def bind(self, currency: str) -> Condition:
        """Return the condition for a channel of this currency."""
        return _joined(" AND ", "true", [part.bind(currency) for part in self.parts])


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of several conditions."""

    parts: tuple["Pending", ...]

    def bind(self, currency: str) -> Condition:
        """Return the condition for a channel of this currency."""
        parts = [part.bind(currency) for part in self.parts]
        return replace(_joined(" OR ", "false", parts), either=tuple(parts))


Pending = Condition | PriceWithin | Every | AnyOf
ALWAYS, NEVER = Condition("true"), Condition("false")


def _joined(word: str, empty: str, parts: Sequence[Condition]) -> Condition:
    if len(parts) == 1:
        return parts[0]
    text = word.join(f"({part.probe})" for part in parts) or empty
    return Condition(f"({text})", tuple(value for part in parts for value in part.params))


def flatten(conditions: Sequence[Pending], currency: str) -> list[Condition]:
    """Return conditions that must all hold, one by one, for a channel of this currency."""
    found: list[Condition] = []
    for condition in conditions:
        if isinstance(condition, Every):
            found += flatten(condition.parts, currency)
        elif isinstance(condition, PriceWithin):
            found += condition.bound(currency)
        else:
            found.append(condition.bind(currency))
    return found


_OF_LISTING = re.compile(r"\bl\.(?!product_id\b)")


def needs_channel(conditions: Sequence[Pending]) -> bool:
    """Tell whether a condition is on what a product is in a channel: its prices, its stock, its publication."""
    for condition in conditions:
        if isinstance(condition, Every | AnyOf):
            if needs_channel(condition.parts):
                return True
        elif isinstance(condition, PriceWithin) or _OF_LISTING.search(condition.probe):
            return True
    return False


def contains(text: str) -> str:
    """Return the pattern of LIKE for a text that contains this one as it stands."""
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _minor(amount: Decimal, rounding: str) -> int:
    bounded = max(min(amount, Decimal(MAX_MINOR)), Decimal(-MAX_MINOR))
    return int(bounded.to_integral_value(rounding))


def _members(product: str, source: str, *params: Any) -> Condition:
    """Return the condition that a row of `source` (FROM … WHERE …) has the product in its column `product`.

    OFFSET 0 keeps the planner from turning the probe into a join of its own, estimated without knowing
    the tenant.
    """
    probe = f"EXISTS (SELECT {source} AND {product} = l.product_id OFFSET 0)"
    return Condition(probe, params, f"SELECT {product} AS product_id {source}")


def of_product(text: str, *params: Any) -> Condition:
    """Return a condition on the columns of the product, as `p`."""
    return Condition(f"EXISTS (SELECT FROM catalog_product p WHERE p.id = l.product_id AND {text} OFFSET 0)", params)


def of_publication(text: str, *params: Any) -> Condition:
    """Return a condition on the product's publication in the channel, as `pub`."""
    return Condition(
        "EXISTS (SELECT FROM catalog_productpublication pub WHERE pub.product_id = l.product_id"
        f" AND pub.channel_id = l.channel_id AND {text} OFFSET 0)",
        params,
    )


def with_ids(ids: Sequence[UUID]) -> Condition:
    """Return the condition that the product is one of these."""
    wanted = list(ids)
    return Condition("l.product_id = ANY(%s)", (wanted,), "SELECT unnest(%s::uuid[]) AS product_id")


def with_slugs(slugs: Sequence[str]) -> Condition:
    """Return the condition that the product has one of these slugs: its own, or one in some language that is nobody's
    own.
    """
    ids = ids_by_slug("catalog_product", "Product")
    probe, members = f"l.product_id = ANY(ARRAY({ids}))", f"SELECT o.id AS product_id FROM ({ids} OFFSET 0) o"
    return Condition(probe, (list(slugs), list(slugs)), members)


def ids_by_slug(table: str, kind: str) -> str:
    """Return the statement that finds the ids of objects by slugs of any language; its parameters: these, twice."""
    return f"""
  SELECT o.id FROM {table} o WHERE o.slug = ANY(%s)
  UNION ALL
  SELECT t.object_id FROM catalog_translation t WHERE t.object_kind = '{kind}' AND t.slug = ANY(%s)
  AND NOT EXISTS (SELECT FROM {table} o WHERE o.slug = t.slug)"""


def with_names(names: Sequence[str]) -> Condition:
    """Return the condition that the product has one of these names."""
    return replace(of_product("p.name = ANY(%s)", list(names)), members=_along("name", "text"))


def _along(column: str, kind: str) -> str:
    """Return the statement of the products of which a column is one of some values.

    Asked for their order, the planner takes the index that has it, whatever it takes the values for.
    """
    return f"""SELECT p.id AS product_id FROM unnest(%s::{kind}[]) AS k(value) CROSS JOIN LATERAL (
    SELECT p.id FROM catalog_product p WHERE p.{column} >= k.value AND p.{column} <= k.value
    ORDER BY p.{column} OFFSET 0) p"""


def in_groups(ids: Sequence[UUID]) -> Condition:
    """Return the condition that the product is in one of these categories, or below one, or collections."""
    return _members("g.product_id", "FROM catalog_productgroup g WHERE g.group_id = ANY(%s)", list(ids))


def of_types(ids: Sequence[UUID]) -> Condition:
    """Return the condition that the product is of one of these types."""
    return _members("p.id", "FROM catalog_product p WHERE p.product_type_id = ANY(%s)", list(ids))


def has_category(wanted: bool) -> Condition:
    """Return the condition that the product has a category, or has none."""
    if wanted:
        return of_product("p.category_id IS NOT NULL")
    return _members("p.id", "FROM catalog_product p WHERE p.category_id IS NULL")


def updated_within(least: datetime | None, most: datetime | None) -> Pending:
    """Return the condition that the product was changed last in a range of time."""
    given = [(f"p.updated_at {sign} %s", value) for sign, value in ((">=", least), ("<=", most)) if value is not None]
    if not given:
        return ALWAYS
    where = " AND ".join(text for text, _ in given)
    exactly = of_product(where, *(value for _, value in given))
    members = f"SELECT p.id AS product_id FROM catalog_product p WHERE {where} ORDER BY p.updated_at OFFSET 0"
    return replace(exactly, members=members)


def updated_at(instants: Sequence[datetime]) -> Condition:
    """Return the condition that the product was changed last at one of these instants."""
    return replace(of_product("p.updated_at = ANY(%s)", list(instants)), members=_along("updated_at", "timestamptz"))


def has_metadata(key: str, values: Sequence[str] | None) -> Condition:
    """Return the condition that the product has this key in its public metadata, with one of the values if given."""
    # An index has the products that have any metadata; which ones is asked of each. By its order it is chosen.
    source = "FROM catalog_product p WHERE NOT (p.metadata = '{}'::jsonb)"
    if values is None:
        found = _members("p.id", f"{source} AND p.metadata ? %s", key)
    else:
        found = _members("p.id", f"{source} AND p.metadata ->> %s = ANY(%s)", key, list(values))
    return replace(found, members=f"{found.members} ORDER BY p.id", searches=True)


def is_purchasable(wanted: bool) -> Condition:
    """Return the condition that the product is on sale to shoppers, or is not."""
    return Condition("l.is_purchasable" if wanted else "NOT l.is_purchasable", narrows=not wanted)


def in_stock(wanted: bool) -> Condition:
    """Return the condition that a piece of the product is free, or none is."""
    return Condition("l.in_stock" if wanted else "NOT l.in_stock", narrows=not wanted)


def with_stock(warehouses: Sequence[UUID] | None, least: int | None, most: int | None) -> Pending:
    """Return the condition that a variant has so many free pieces in all of these warehouses together."""
    held = "" if warehouses is None else " AND s.warehouse_id = ANY(%s)"
    given = [("total.free >= %s", least), ("total.free <= %s", most)]
    if warehouses is not None:
        given.append(("total.held > %s", 0))
    bounds = "".join(f" AND {text}" for text, value in given if value is not None)
    params: list[Any] = [] if warehouses is None else [list(warehouses)]
    exactly = Condition(
        f"""EXISTS (
  SELECT FROM catalog_variant v CROSS JOIN LATERAL (
    SELECT coalesce(sum(s.on_hand - s.reserved), 0) AS free, count(*) AS held FROM catalog_stock s
    WHERE s.variant_id = v.id{held}) total
  WHERE v.product_id = l.product_id{bounds} OFFSET 0)""",
        (*params, *(value for _, value in given if value is not None)),
    )
    if least is None or least <= 0:
        return exactly
    # Of so many warehouses one has at least its share of so many pieces.
    share = "%s" if warehouses is not None else "greatest((SELECT count(*) FROM catalog_warehouse) * %s, 1)"
    likely = f"""SELECT v.product_id FROM (
    SELECT s.variant_id FROM catalog_stock s WHERE (s.on_hand - s.reserved)::bigint * {share} >= %s{held} OFFSET 0) s
  CROSS JOIN LATERAL (SELECT v.product_id FROM catalog_variant v WHERE v.id = s.variant_id LIMIT 1) v"""
    number = 1 if warehouses is None else max(len(set(warehouses)), 1)
    always = f"num_nonnulls(%s::int, %s::int{', %s::uuid[]' if warehouses is not None else ''}) >= 0"
    return Every((exactly, Condition(always, (number, least, *params), likely, searches=True)))


_ATTRIBUTE = "ARRAY(SELECT a.id FROM catalog_attribute a WHERE a.slug = %s AND a.filterable_in_storefront)"
_HELD = ("catalog_productvalue", "catalog_variantvalue")


@dataclass(frozen=True, slots=True)
class ValueTest:
    """The values of an attribute (its slug) that meet `text`, SQL on the value as `v` with its parameters.

    `many`: so many may meet it that they are not found first, but asked one by one.
    """

    attribute: str
    text: str = "true"
    own: tuple[Any, ...] = ()
    many: bool = False

    @property
    def where(self) -> str:
        return f"v.attribute_id = ANY({_ATTRIBUTE}) AND {self.text}"

    @property
    def ids(self) -> str:
        """The statement that finds the ids of the values."""
        return f"SELECT v.id FROM catalog_attributevalue v WHERE {self.where}"

    @property
    def params(self) -> tuple[Any, ...]:
        return (self.attribute, *self.own)


def one_of(attribute: str, column: str, values: Sequence[Any]) -> ValueTest:
    """Return the values of an attribute whose `column` (slug, name, boolean, numeric, reference_id) is one of these."""
    return ValueTest(attribute, f"v.{column} = ANY(%s)", (list(values),))


def within(attribute: str, column: str, least: Any, most: Any) -> ValueTest:
    """Return the values whose `column` (numeric, date, date_time) is in a range; a bound that is None is open."""
    given = [(f"v.{column} >= %s", least), (f"v.{column} <= %s", most)]
    bounds = " AND ".join(text for text, value in given if value is not None) or "true"
    return ValueTest(attribute, bounds, tuple(value for _, value in given if value is not None), many=True)


def any_of(attribute: str) -> ValueTest:
    """Return all values of an attribute."""
    return ValueTest(attribute, many=True)


# The dialect's kind → the table of what an attribute refers to, and the column that names it in filters.
_REFERRED = {
    "Page": ("catalog_page", "slug"),
    "Product": ("catalog_product", "slug"),
    "ProductVariant": ("catalog_variant", "sku"),
    "Category": ("catalog_category", "slug"),
    "Collection": ("catalog_collection", "slug"),
}


def referring(attribute: str, kind: str, names: Sequence[str]) -> ValueTest:
    """Return the values of an attribute that refer to one of the objects of a kind with these slugs or SKUs."""
    table, column = _REFERRED[kind]
    found = f"SELECT o.id FROM {table} o WHERE o.{column} = ANY(%s)"
    return ValueTest(attribute, f"v.reference_kind = %s AND v.reference_id = ANY(ARRAY({found}))", (kind, list(names)))


def having(test: ValueTest) -> Condition:
    """Return the condition that the product, or a variant, has such a value."""
    members = f"""SELECT x.product_id FROM ({test.ids} OFFSET 0) v
  CROSS JOIN LATERAL (SELECT x.product_id FROM {{}} x WHERE x.value_id = v.id OFFSET 0) x"""
    if not test.many:
        probe = f"""EXISTS (
  SELECT FROM {{}} x WHERE x.value_id = ANY(ARRAY({test.ids})) AND x.product_id = l.product_id OFFSET 0)"""
    else:
        probe = f"""EXISTS (
  SELECT FROM (SELECT x.value_id FROM {{}} x WHERE x.product_id = l.product_id OFFSET 0) x CROSS JOIN LATERAL (
    SELECT FROM catalog_attributevalue v WHERE v.id = x.value_id AND {test.where} LIMIT 1) v OFFSET 0)"""
    return Condition(_by_table(" OR ", probe), test.params * 2, _by_table(" UNION ALL ", members))


def without_attribute(attribute: UUID) -> Condition:
    """Return the condition that the product itself has no value of an attribute. All that have one are found first."""
    return Condition(
        """(l.product_id NOT IN (
  SELECT x.product_id FROM (SELECT v.id FROM catalog_attributevalue v WHERE v.attribute_id = %s OFFSET 0) v
  CROSS JOIN LATERAL (SELECT x.product_id FROM catalog_productvalue x WHERE x.value_id = v.id OFFSET 0) x)) IS TRUE""",
        (attribute,),
    )


def _by_table(word: str, text: str) -> str:
    """Return a text on the values of products, and the same on those of variants."""
    return f"({word.join(text.format(table) for table in _HELD)})"


def found_by(search: Search) -> Condition:
    """Return the condition that the product is a hit of a search."""
    probe, every = search_query.members()
    return Condition(probe, (search.found,), every, searches=True)


def published_by(instant: datetime) -> Condition:
    """Return the condition that the product's publication had begun by an instant."""
    return of_publication("(pub.published_at IS NULL OR pub.published_at <= %s)", instant)


def purchasable_by(instant: datetime) -> Condition:
    """Return the condition that the product's sale had begun by an instant."""
    return of_publication(
        "pub.is_available_for_purchase AND "
        "(pub.available_for_purchase_at IS NULL OR pub.available_for_purchase_at <= %s)",
        instant,
    )
