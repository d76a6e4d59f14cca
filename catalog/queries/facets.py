"""Facets of a list of products: how many of all its products have a value, are in a category, in a range of prices.

What somebody chose of a facet does not narrow the facet itself, so that the other choices stay in sight: its counts
are made without the conditions of its own label. Conditions are labelled "price", "stock", "category" or, for an
attribute, `attribute_label` of its slug; others have the label "".
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from catalog.queries import groups
from catalog.queries.attributes import ATTRIBUTE_COLUMNS, VALUE_COLUMNS
from catalog.queries.conditions import Condition
from catalog.queries.lists import ProductList
from catalog.queries.rows import AttributeRow, CategoryRow, ValueRow
from catalog.queries.visibility import Sight, listings, sight
from commerce.db.rows import fetch
from commerce.money import MAX_MINOR, currency_digits

PRICE, STOCK, CATEGORY = "price", "stock", "category"
# Values that may be chosen from; the commonest of all attributes are counted.
CHOICES = ["dropdown", "multiselect", "swatch", "boolean"]
MOST_VALUES = 1000
MOST_CATEGORIES = 200
# Ranges of prices begin at 1, 2 and 5 times a power of ten, in minor units, and there are at most so many.
_BOUNDS = [factor * 10**power for power in range(16) for factor in (1, 2, 5) if factor * 10**power < MAX_MINOR]
MOST_RANGES = 8


@dataclass(frozen=True, slots=True, eq=False)
class ValueCount:
    value: ValueRow
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class AttributeFacet:
    """An attribute with the values that products of the list have, the commonest first."""

    attribute: AttributeRow
    values: list[ValueCount]


@dataclass(frozen=True, slots=True, eq=False)
class CategoryCount:
    category: CategoryRow
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class PriceRange:
    """How many products cost from `gte` to `lte`, both included, in major units of the currency."""

    gte: float
    lte: float
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class StockCounts:
    in_stock: int
    out_of_stock: int


@dataclass(frozen=True, slots=True)
class FacetSource:
    """A list of products, with the label of each of its conditions."""

    products: ProductList
    labels: tuple[str, ...]

    def without(self, label: str) -> list[Condition]:
        """Return the conditions of all labels but one, and those of the search."""
        pairs = zip(self.labels, self.products.conditions, strict=True)
        found = [condition for own, condition in pairs if not label or own != label]
        return [*found, *self.products.all_conditions[len(self.products.conditions) :]]


@dataclass(slots=True)
class Facets:
    """The facets of a list, as far as they were asked for."""

    attributes: list[AttributeFacet] = field(default_factory=list)
    categories: list[CategoryCount] = field(default_factory=list)
    prices: list[PriceRange] = field(default_factory=list)
    stock: StockCounts = field(default_factory=lambda: StockCounts(0, 0))


def attribute_label(slug: str) -> str:
    """Return the label of the conditions on an attribute."""
    return f"attribute {slug}"


def read_facets(source: FacetSource, parts: frozenset[str], *, attributes: Sequence[str] | None = None) -> Facets:
    """Return the facets named in `parts`: attributes, categories, prices, stock.

    `attributes` are the slugs of those that are wanted; None: all, those that something was chosen of first, then
    those that most products have. One statement, one more for each facet that something was chosen of, and one each
    for attributes and categories.
    """
    found = Facets()
    labels = {"categories": CATEGORY, "prices": PRICE, "stock": STOCK, "attributes": ""}
    chosen = set(source.labels)
    runs: dict[str, list[str]] = defaultdict(list)
    for part in sorted(parts):
        runs[labels[part] if labels[part] in chosen else ""].append(part)
    rows: list[tuple[Any, ...]] = []
    for label, wanted in runs.items():
        rows += _count(source, label, tuple(wanted))
    by_part: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for part, *row in rows:
        by_part[part].append(tuple(row))
    if "attributes" in parts:
        found.attributes = _attributes(source, by_part["attributes"], attributes)
    if "categories" in parts:
        found.categories = _categories(by_part["categories"])
    if "prices" in parts:
        found.prices = _prices(by_part["prices"], source.products.channel.currency)
    if "stock" in parts:
        found.stock = StockCounts(*by_part["stock"][0][1:])
    return found


# Few products are asked one by one what they have. Where they are many, each value and category is asked for its
# products, and a hash tells which of them are in the list. Many are more than a quarter of what the channel has.
_FEW, _MANY = "NOT (SELECT m.are_many FROM many m)", "(SELECT m.are_many FROM many m)"
_IS_HIT = "(x.product_id IN (SELECT h.product_id FROM hits h)) IS TRUE"
_HELD = f"""
  SELECT hits.product_id, x.value_id FROM hits
  CROSS JOIN LATERAL (SELECT x.value_id FROM catalog_productvalue x WHERE x.product_id = hits.product_id OFFSET 0) x
  WHERE {_FEW}
  UNION ALL
  SELECT DISTINCT hits.product_id, x.value_id FROM hits
  CROSS JOIN LATERAL (SELECT x.value_id FROM catalog_variantvalue x WHERE x.product_id = hits.product_id OFFSET 0) x
  WHERE {_FEW} AND NOT EXISTS (
    SELECT FROM catalog_productvalue own WHERE own.product_id = hits.product_id AND own.value_id = x.value_id
    OFFSET 0)"""
# OFFSET 0 keeps the hash one for both tables, and the question whether products have a value asked once for all.
_HOLDERS = """
    SELECT x.product_id FROM catalog_productvalue x WHERE x.value_id = v.id
    UNION ALL
    SELECT x.product_id FROM (SELECT DISTINCT x.product_id FROM catalog_variantvalue x WHERE x.value_id = v.id) x
    WHERE NOT v.is_owned OR NOT EXISTS (
      SELECT FROM catalog_productvalue own WHERE own.product_id = x.product_id AND own.value_id = v.id OFFSET 0)
    OFFSET 0"""


def _by_value(few: str, attribute: str) -> str:
    """Return the part that counts values: `few` narrows those of single products, `attribute` the attributes."""
    return f"""
(SELECT 'attributes', counted.value_id, counted.number, 0 FROM (
  SELECT held.value_id, count(*) AS number FROM ({_HELD}) held WHERE {few} GROUP BY held.value_id
  UNION ALL
  SELECT v.id, n.number FROM (
    SELECT v.id, EXISTS (SELECT FROM catalog_productvalue x WHERE x.value_id = v.id OFFSET 0) AS is_owned
    FROM (SELECT a.id FROM catalog_attribute a WHERE {attribute} OFFSET 0) a
    CROSS JOIN LATERAL (SELECT v.id FROM catalog_attributevalue v WHERE v.attribute_id = a.id OFFSET 0) v
    WHERE {_MANY} OFFSET 0) v
  CROSS JOIN LATERAL (SELECT count(*) AS number FROM ({_HOLDERS}) x WHERE {_IS_HIT}) n WHERE n.number > 0) counted
 ORDER BY counted.number DESC, counted.value_id LIMIT {MOST_VALUES})"""


_PARTS = {
    "attributes": _by_value(
        "true", "a.filterable_in_storefront AND a.visible_in_storefront AND a.input_type = ANY(%s)"
    ),
    "one attribute": _by_value(
        """held.value_id = ANY(ARRAY(
   SELECT v.id FROM catalog_attribute a JOIN catalog_attributevalue v ON v.attribute_id = a.id WHERE a.slug = %s))""",
        "a.slug = %s",
    ),
    "categories": f"""
(SELECT 'categories', counted.group_id, counted.number, 0 FROM (
  SELECT g.group_id, count(*) AS number FROM hits CROSS JOIN LATERAL (
    SELECT g.group_id FROM catalog_productgroup g WHERE g.product_id = hits.product_id OFFSET 0) g
  WHERE {_FEW} GROUP BY g.group_id
  UNION ALL
  SELECT c.id, n.number FROM (SELECT c.id FROM catalog_category c WHERE {_MANY} OFFSET 0) c
  CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM catalog_productgroup x WHERE x.group_id = c.id AND {_IS_HIT}) n
  WHERE n.number > 0) counted
 ORDER BY counted.number DESC, counted.group_id LIMIT {MOST_CATEGORIES})""",
    "prices": """
(SELECT 'prices', NULL::uuid, width_bucket(hits.price_min, %s::bigint[])::bigint, count(*) FROM hits
 WHERE hits.price_min IS NOT NULL GROUP BY 3)""",
    "stock": """
(SELECT 'stock', NULL::uuid, count(*) FILTER (WHERE hits.in_stock), count(*) FILTER (WHERE NOT hits.in_stock)
 FROM hits)""",
}


def _count(
    source: FacetSource, label: str, parts: tuple[str, ...], attribute: str | None = None
) -> list[tuple[Any, ...]]:
    """Return rows of part, id and numbers, counted over the list without the conditions of a label."""
    wanted = source.products
    conditions = source.without(label)
    driver = next((one for one in conditions if one.searches), None)
    others = [one for one in conditions if one is not driver]
    sets = [] if driver else [one for one in others if one.members is not None]
    probes = [one for one in others if one not in sets]
    own: dict[str, list[Any]] = {"attributes": [CHOICES], "prices": [_BOUNDS], "one attribute": [attribute, attribute]}
    params = [
        *(driver.params if driver else ()),
        *(wanted.channel.id, wanted.now, wanted.now),
        *(value for one in (*probes, *sets) for value in one.params),
        wanted.channel.id,
        *(value for part in parts for value in own.get(part, ())),
    ]
    sql = _statement(
        tuple(one.probe for one in probes),
        driver.members if driver else None,
        tuple(one.members or "" for one in sets),
        sight(wanted.channel),
        parts,
    )
    return fetch(sql, params, about={"listing": [wanted.channel.id]})


@lru_cache(256)
def _statement(
    probes: tuple[str, ...], driver: str | None, sets: tuple[str, ...], seen: Sight, parts: tuple[str, ...]
) -> str:
    rows, shown = listings(seen, "is_visible")
    where = "".join(f" AND {probe}" for probe in probes)
    if driver is not None:
        hits = f"""SELECT l.product_id, l.price_min, l.in_stock
  FROM (SELECT DISTINCT m.product_id FROM ({driver}) m) found
  JOIN LATERAL (SELECT * FROM {rows} WHERE {shown} AND l.product_id = found.product_id LIMIT 1) l ON true
  WHERE true{where}"""
    else:
        # IS TRUE keeps the planner from joining: each set is hashed once.
        where += "".join(f" AND (l.product_id IN ({text})) IS TRUE" for text in sets)
        hits = f"SELECT l.product_id, l.price_min, l.in_stock FROM {rows} WHERE {shown}{where}"
    every = (
        "catalog_product l WHERE num_nulls(%s::uuid) = 0" if seen == "everywhere" else f"{rows} WHERE l.channel_id = %s"
    )
    return f"""WITH hits AS MATERIALIZED ({hits}), many AS MATERIALIZED (
  SELECT count(*) < 4 * (SELECT count(*) FROM hits) AS are_many
  FROM (SELECT FROM {every} LIMIT 4 * (SELECT count(*) FROM hits)) listed)
{" UNION ALL ".join(_PARTS[part] for part in parts)}"""


_VALUES = f"""
SELECT {ATTRIBUTE_COLUMNS}, {VALUE_COLUMNS} FROM unnest(%s::uuid[]) AS k(id)
CROSS JOIN LATERAL (SELECT * FROM catalog_attributevalue v WHERE v.id = k.id LIMIT 1) v
CROSS JOIN LATERAL (
  SELECT * FROM catalog_attribute a WHERE a.id = v.attribute_id AND a.filterable_in_storefront
  AND a.visible_in_storefront AND a.input_type = ANY(%s) LIMIT 1) a
"""


def _attributes(
    source: FacetSource, rows: Iterable[tuple[Any, ...]], slugs: Sequence[str] | None
) -> list[AttributeFacet]:
    found = _facets_of({row[0]: row[1] for row in rows})
    chosen = dict.fromkeys(
        label.removeprefix("attribute ") for label in source.labels if label.startswith("attribute ")
    )
    for slug in chosen:
        if slugs is None or slug in slugs:
            own = _facets_of(
                {row[1]: row[2] for row in _count(source, attribute_label(slug), ("one attribute",), attribute=slug)}
            )
            found = {**{one: facet for one, facet in found.items() if one != slug}, **own}
    if slugs is not None:
        found = {slug: found[slug] for slug in slugs if slug in found}
        return list(found.values())
    return sorted(found.values(), key=lambda one: (one.attribute.slug not in chosen, -_covered(one)))


def _covered(facet: AttributeFacet) -> int:
    return sum(one.count for one in facet.values)


def _facets_of(counts: dict[UUID, int]) -> dict[str, AttributeFacet]:
    """Return the attributes that may be chosen by, of these values, by slug."""
    found: dict[str, AttributeFacet] = {}
    width = len(AttributeRow._fields)
    if counts:
        for columns in fetch(_VALUES, [list(counts), CHOICES]):
            attribute = AttributeRow(*columns[:width])
            facet = found.setdefault(attribute.slug, AttributeFacet(attribute, []))
            value = ValueRow._make((*columns[width:], facet.attribute))
            facet.values.append(ValueCount(value, counts[value.id]))
    for facet in found.values():
        facet.values.sort(key=lambda one: (-one.count, one.value.position, one.value.name))
    return found


def _categories(rows: Sequence[tuple[Any, ...]]) -> list[CategoryCount]:
    """Return the categories among groups, those of most products first; of as many the higher one first."""
    known = groups.list_categories_by_id([row[0] for row in rows]) if rows else {}
    found = [CategoryCount(known[key], count) for key, count, _ in rows if key in known]
    return sorted(found, key=lambda one: (-one.count, one.category.level, one.category.name))


def _prices(rows: Iterable[tuple[Any, ...]], currency: str) -> list[PriceRange]:
    """Return ranges of prices that have products, neighbours joined until there are few."""
    scale = 10 ** currency_digits(currency) if currency else 1
    found = [[bucket, bucket, count] for _, bucket, count in sorted(rows, key=lambda row: row[1])]
    while len(found) > MOST_RANGES:
        at = min(range(len(found) - 1), key=lambda i: found[i][2] + found[i + 1][2])
        found[at : at + 2] = [[found[at][0], found[at + 1][1], found[at][2] + found[at + 1][2]]]
    return [
        PriceRange((_BOUNDS[first - 1] if first else 0) / scale, _last(last) / scale, count)
        for first, last, count in found
    ]


def _last(bucket: int) -> int:
    """Return the highest price, in minor units, of a range."""
    return _BOUNDS[bucket] - 1 if bucket < len(_BOUNDS) else MAX_MINOR
