"""Pages of products: filtered, ordered, by keyset both ways, in one statement of a fixed shape.

A list is read in one of two ways:

- along its order: an index yields products in the list's order, and each is probed for its listing row and
  the conditions, until the page is full. The cost does not depend on the number of products.
- from its members: where a condition has few members (a small category, a rare colour), these are looked
  up one by one and sorted.

The order of a search's hits is that of their relevance: all hits are ranked, then probed in that order. Where there
are too many, a sample of them comes first, and the others are read when a page goes beyond it.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from catalog.queries.conditions import Condition, found_by, with_ids, without_attribute
from catalog.queries.products import IMAGE, LISTING_COLUMNS, PRODUCT_COLUMNS, product_row
from catalog.queries.rows import ProductRow
from catalog.queries.visibility import Sight, listings, sight
from catalog.search import query as search_query
from catalog.search.query import Search
from commerce.db.rows import fetch
from commerce.db.topics import Found, usage_of
from commerce.graphql.paging import InvalidCursor, Page, PageRequest, Position
from tenants.queries import ChannelRow

# Of these a page reads the rows of its products alone, where neither order nor conditions read them.
_SHOWN_TABLES = frozenset({"catalog_product", "catalog_media"})

# So many members are looked up one by one; a list with more is read along its order.
FEW = 2000

_GROUP = Condition(
    "EXISTS (SELECT FROM catalog_productgroup g WHERE g.group_id = parent.id AND g.product_id = l.product_id OFFSET 0)",
    (),
    "SELECT g.product_id FROM catalog_productgroup g WHERE g.group_id = parent.id",
)


@dataclass(frozen=True, slots=True)
class Steps:
    """How to go along an order whose first keys are in one table and whose last is in another one.

    The rows of `table`, as `s`, for which `where` holds (parameters named in `needs`), are taken one by one in the
    order of `along`, which an index has; `place` are the same keys without nulls. Each one has products: rows of
    `products`, as `o`, for which `of` holds, in the order of `last`, which an index has too, and which lies between
    `ends`. `keys` are those of the list in these terms.
    """

    table: str
    along: tuple[str, ...]
    place: tuple[str, ...]
    products: str
    of: str
    product: str
    last: str
    ends: tuple[str, str]
    keys: tuple[str, ...]
    where: str = "true"
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """An order of products: the keys of a list, the last of which tells all products apart.

    `source` is the table that has the keys, as `o`, None where it is the listing itself, with parameters named in
    `source_needs`, and `where` what picks its rows, with parameters named in `needs`: channel, language, group,
    attribute. `product` is its column of the product's id. `shown` are the keys as a cursor keeps them, read back by
    `kinds`.
    `is_ranked`: the source is that of a search, with its parameters, and has no index that is in order.
    `steps`: how to go along the order, where `source` has one that no index is in; it is for single products then.
    """

    keys: tuple[str, ...]
    kinds: tuple[Callable[[str], Any] | type, ...]
    source: str | None = None
    where: str = "true"
    needs: tuple[str, ...] = ()
    source_needs: tuple[str, ...] = ()
    product: str = "l.product_id"
    shown: tuple[str, ...] | None = None
    is_ranked: bool = False
    steps: Steps | None = None


_TYPE_STEPS = Steps(
    table="catalog_producttype s",
    along=("s.name",),
    place=("s.name",),
    products="catalog_product o",
    of="o.product_type_id = s.id",
    product="o.id",
    last="o.slug",
    ends=("''", "(SELECT e.slug FROM catalog_product e ORDER BY e.slug DESC LIMIT 1)"),
    keys=("s.name", "o.slug"),
)
# Of several values the first one counts. Without LIMIT the planner would look for better ones before it looks for any.
_VALUE_STEPS = Steps(
    table="catalog_attributevalue s",
    where="s.attribute_id = %s",
    needs=("attribute",),
    along=("s.position", "s.numeric", "s.name"),
    place=("s.position", "coalesce(s.numeric, 0)", "s.name"),
    products="catalog_productvalue o",
    of="""o.value_id = s.id AND NOT EXISTS (
    SELECT FROM (
      SELECT x.value_id FROM catalog_productvalue x WHERE x.product_id = o.product_id AND x.value_id <> s.id OFFSET 0) x
    CROSS JOIN LATERAL (SELECT v.* FROM catalog_attributevalue v WHERE v.id = x.value_id OFFSET 0) v
    WHERE v.attribute_id = s.attribute_id
    AND (v.position, coalesce(v.numeric, 0), v.name, v.id) < (s.position, coalesce(s.numeric, 0), s.name, s.id)
    OFFSET 0)""",
    product="o.product_id",
    last="o.product_id",
    ends=("'00000000-0000-0000-0000-000000000000'::uuid", "'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid"),
    keys=("0", "s.position", "coalesce(s.numeric, 0)", "s.name", "o.product_id"),
)


def _by_attribute(missing: int) -> Order:
    """Return the order by what products have of an attribute: the place of the value, its number, its name.

    `missing` is what stands in for the place of products that have none: going along, they are read apart.
    """
    return Order(
        keys=("o.missing", "o.place", "o.number", "o.name", "o.id"),
        kinds=(int, int, float, str, UUID),
        source=f"""(
  SELECT p.id, coalesce(held.missing, {missing}) AS missing, coalesce(held.position, 0) AS place,
    coalesce(held.numeric, 0) AS number, coalesce(held.name, '') AS name
  FROM catalog_product p LEFT JOIN LATERAL (
    SELECT 0 AS missing, v.position, v.numeric, v.name
    FROM (SELECT x.value_id FROM catalog_productvalue x WHERE x.product_id = p.id OFFSET 0) x
    CROSS JOIN LATERAL (
      SELECT * FROM catalog_attributevalue v WHERE v.id = x.value_id AND v.attribute_id = %s LIMIT 1) v
    ORDER BY v.position, v.numeric, v.name LIMIT 1) held ON true) o""",
        source_needs=("attribute",),
        product="o.id",
        steps=_VALUE_STEPS,
    )


def _relevance_name(words: int, by_level: bool) -> str:
    return f"RELEVANCE {words}{' BY LEVEL' * by_level}"


def _relevance(source: str) -> Order:
    keys = ("o.tier", "o.score", "o.product_id")
    return Order(keys=keys, kinds=(int, float, UUID), source=source, product="o.product_id", is_ranked=True)


ORDERS = {
    "NAME": Order(
        keys=("o.name_key", "o.product_id"),
        kinds=(bytes.fromhex, UUID),
        source="catalog_listingname o",
        where="o.channel_id = %s AND o.language = %s",
        needs=("channel", "language"),
        product="o.product_id",
        shown=("encode(o.name_key, 'hex')", "o.product_id"),
    ),
    # Without a channel there is no language whose order could have been written down.
    "PLAIN_NAME": Order(keys=("o.name", "o.id"), kinds=(str, UUID), source="catalog_product o", product="o.id"),
    "PRICE": Order(keys=("l.price_min", "l.product_id"), kinds=(int, UUID)),
    "NEWEST": Order(keys=("l.newest_at", "l.product_id"), kinds=(datetime, UUID)),
    "RANK": Order(keys=("l.rank", "l.product_id"), kinds=(float, UUID)),
    # Ids are UUIDs of version 7, whose order is that of their creation.
    "CREATED": Order(keys=("l.product_id",), kinds=(UUID,)),
    "SLUG": Order(keys=("o.slug",), kinds=(str,), source="catalog_product o", product="o.id"),
    "MODIFIED": Order(
        keys=("o.updated_at", "o.id"), kinds=(datetime, UUID), source="catalog_product o", product="o.id"
    ),
    "RATING": Order(keys=("l.rating", "l.product_id"), kinds=(float, UUID)),
    "TYPE": Order(
        keys=("o.type_name", "o.slug"),
        kinds=(str, str),
        source="(SELECT p.id, p.slug, t.name AS type_name FROM catalog_product p"
        " JOIN catalog_producttype t ON t.id = p.product_type_id) o",
        product="o.id",
        steps=_TYPE_STEPS,
    ),
    "POSITION": Order(
        keys=("o.position", "o.product_id"),
        kinds=(int, UUID),
        source="catalog_productgroup o",
        where="o.group_id = %s",
        needs=("group",),
        product="o.product_id",
    ),
    # Those without a value stand last, whatever the direction.
    "ATTRIBUTE": _by_attribute(1),
    "ATTRIBUTE DOWN": _by_attribute(-1),
    # Those alone: the products' own index tells which they are, and rows are read of these alone.
    "WITHOUT ATTRIBUTE": Order(keys=("o.id",), kinds=(UUID,), source="catalog_product o", product="o.id"),
    # RELEVANCE, for searches that rank so many words.
    **{
        _relevance_name(words, by_level): _relevance(search_query.ranked(words, by_level=by_level))
        for words in range(1, search_query.MOST_TOKENS + 2)
        for by_level in (False, True)
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductList:
    """A list of the products that a channel shows at an instant.

    `order` is a name of ORDERS, `language` that of NAME and `group` the collection of POSITION (None in a
    list of each parent: the parent), `attribute` that of ATTRIBUTE, `search` that of RELEVANCE. Conditions must all
    hold, and the search too.
    """

    channel: ChannelRow
    now: datetime
    order: str
    descending: bool = False
    language: str = ""
    group: UUID | None = None
    attribute: UUID | None = None
    conditions: tuple[Condition, ...] = ()
    search: Search | None = None

    @property
    def all_conditions(self) -> tuple[Condition, ...]:
        """The conditions, that of the search among them."""
        return self.conditions if self.search is None else (*self.conditions, found_by(self.search))


@dataclass(frozen=True, slots=True)
class _Shape:
    """Everything that the text of a statement depends on."""

    order: str
    seen: Sight
    conditions: tuple[str, ...]
    members: str | None
    in_parents: bool
    by_parent: bool
    reverse: bool
    started: bool


def get_page(wanted: ProductList, page: PageRequest) -> Page[ProductRow]:
    """Return a page of a list. Two statements where a condition may have few members, otherwise one.

    A search is one more, and the total.
    """
    wanted = _named(wanted)
    start = _start(wanted, page)
    wanted = _searched(wanted)
    few = _few_members(wanted)
    found = _found_in_order(wanted, page, start, few) if page.limit else []
    total = _total(replace(wanted, conditions=wanted.all_conditions), few) if page.with_total else None
    return _page(found, page, total)


def _found_in_order(
    wanted: ProductList, page: PageRequest, start: Position | None, few: Condition | None
) -> list["_Placed"]:
    """Return the rows of a page; of too many hits those of the sample alone, as long as these fill it."""
    is_in_sample = wanted.search is not None and wanted.search.level and few is None and not page.backwards
    if is_in_sample and wanted.descending and (start is None or start[0] >= search_query.FIRST):
        found = _read(wanted, page, start, None, None)[None]
        # What is sold out comes after all others, those beyond the sample too.
        if len(found) > page.limit and found[-1].place[0] >= search_query.FIRST:
            return found
    return _read_in_parts(_by_level(wanted), page, start, few, None)[None]


def _named(wanted: ProductList) -> ProductList:
    """Return the list with the order RELEVANCE named after what its search ranks."""
    if wanted.search is None:
        return wanted
    return replace(wanted, order=_relevance_name(len(wanted.search.ranked), False))


def _by_level(wanted: ProductList) -> ProductList:
    """Return the list in the same order, beyond the sample too."""
    if wanted.search is None or not wanted.search.level:
        return wanted
    return replace(wanted, order=_relevance_name(len(wanted.search.ranked), True))


def list_pages(wanted: ProductList, groups: Sequence[UUID], page: PageRequest) -> dict[UUID, Page[ProductRow]]:
    """Return a page of the list within each category or collection, by its id.

    At most three statements for all of them, and two more for the totals.
    """
    wanted = _named(wanted)
    start = _start(wanted, page)
    wanted = _by_level(_searched(wanted))
    in_order = wanted.order == "POSITION" and wanted.group is None  # the order itself reads the group's members
    small, large = ([], list(dict.fromkeys(groups))) if in_order else _by_size(groups)
    found: dict[Any, list[_Placed]] = defaultdict(list)
    totals: dict[UUID, int] = {}
    for members, part in ((_GROUP, small), (None, large)):
        if part and page.limit:
            found.update(_read_in_parts(wanted, page, start, members, part))
        if part and page.with_total:
            totals.update(_totals(replace(wanted, conditions=wanted.all_conditions), members, part))
    return {group: _page(found[group], page, totals.get(group, 0) if page.with_total else None) for group in groups}


def _start(wanted: ProductList, page: PageRequest) -> Position | None:
    """Return the place to start from, whose keys are never null, or raise InvalidCursor."""
    start = page.position(*ORDERS[wanted.order].kinds)
    if start is not None and None in start:
        raise InvalidCursor
    return start


@dataclass(slots=True)
class _Placed:
    """A product and its place in the list."""

    row: ProductRow
    place: Position


def _page(found: list[_Placed], page: PageRequest, total: int | None) -> Page[ProductRow]:
    places = {id(placed.row): placed.place for placed in found}
    return Page.of([placed.row for placed in found], page, lambda row: places[id(row)], total=total)


_Found = dict[UUID | None, list[_Placed]]


def _read_in_parts(
    wanted: ProductList, page: PageRequest, start: Position | None, members: Condition | None, groups: list[UUID] | None
) -> _Found:
    """Return the rows of a page as `_read` does; in the order of an attribute first those that have a value of it.

    The others are read by a statement of their own, where a page reaches so far.
    """
    if members is not None or wanted.attribute is None or ORDERS[wanted.order].steps is not _VALUE_STEPS:
        return _read(wanted, page, start, members, groups)
    missing = -1 if wanted.descending else 1
    lacking = replace(
        wanted, order="WITHOUT ATTRIBUTE", conditions=(*wanted.conditions, without_attribute(wanted.attribute))
    )
    is_among_lacking = start is not None and start[0] != 0
    found: _Found = defaultdict(list)
    for part in (lacking, wanted) if page.backwards else (wanted, lacking):
        if start is not None and is_among_lacking != (part is lacking):
            continue  # the page begins beyond
        begin = start[-1:] if start is not None and part is lacking else start
        asked = groups if groups is None else [group for group in groups if len(found[group]) <= page.limit]
        if asked == [] or (groups is None and len(found[None]) > page.limit):
            break
        for group, placed in _read(part, page, begin, None, asked).items():
            found[group] += [_among_lacking(one, missing) for one in placed] if part is lacking else placed
        start = None
    return defaultdict(list, {group: placed[: page.limit + 1] for group, placed in found.items()})


def _among_lacking(placed: _Placed, missing: int) -> _Placed:
    return _Placed(placed.row, (missing, 0, 0.0, "", *placed.place))


def _read(
    wanted: ProductList, page: PageRequest, start: Position | None, members: Condition | None, groups: list[UUID] | None
) -> _Found:
    """Return the rows of a page, one too many where there are more, by group (None: no group)."""
    order = ORDERS[wanted.order]
    others = tuple(condition for condition in wanted.conditions if condition is not members)
    by_parent = groups is not None and wanted.group is None and "group" in order.needs
    if groups is not None and members is None and not by_parent:
        others = (*others, _GROUP)
    shape = _Shape(
        order=wanted.order,
        seen=sight(wanted.channel),
        conditions=tuple(condition.probe for condition in others),
        members=members.members if members else None,
        in_parents=groups is not None,
        by_parent=by_parent,
        reverse=wanted.descending != page.backwards,
        started=start is not None,
    )
    along = order.steps if members is None else None
    params = [
        *([groups] if groups is not None else []),
        *(_before(along, wanted, start) if along else ()),
        *_sources(wanted, order, members, by_parent),
        *(value for condition in others for value in condition.params),
        *(_beyond_params(along, start) if along else start or ()),
        *([page.limit + 1] if along else []),
        page.limit + 1,
    ]
    width = len(order.keys)
    found: _Found = defaultdict(list)
    about = {"listing": [wanted.channel.id]}
    for group, *columns in fetch(_statement(shape), params, about=about, found=_found_products(shape)):
        place = tuple(columns[:width])
        found[group].append(_Placed(product_row(columns[width:], wanted.channel), place))
    return found


def _sources(wanted: ProductList, order: Order, members: Condition | None, by_parent: bool) -> list[Any]:
    """Return the parameters of a statement's FROM, in the order in which `_from` writes them."""
    shown = [wanted.channel.id, wanted.now, wanted.now]
    named = {"channel": wanted.channel.id, "language": wanted.language, "group": wanted.group}
    named["attribute"] = wanted.attribute
    picked = [] if by_parent else [named[name] for name in order.needs]
    along = order.steps is not None and members is None
    ranked: list[Any] = [] if along else [named[name] for name in order.source_needs]
    if order.is_ranked and wanted.search is not None:
        by_level = wanted.order.endswith("BY LEVEL")
        ranked = search_query.parameters(wanted.search, wanted.channel.id, by_level=by_level)
    if members is not None:
        return [*members.params, *shown, *ranked, *picked]
    return [*ranked, *shown, *picked]


def _before(steps: Steps, wanted: ProductList, start: Position | None) -> list[Any]:
    """Return the parameters of the steps."""
    place = _place_of(steps, start)
    return [*(wanted.attribute for _ in steps.needs), *place[:1], *place]


def _beyond_params(steps: Steps, start: Position | None) -> list[Any]:
    """Return the parameters of where to go on within a step."""
    return [] if start is None else [*_place_of(steps, start), start[-1], *_place_of(steps, start), start[-1]]


def _place_of(steps: Steps, start: Position | None) -> Position:
    """Return the keys of a step of the place where a page begins."""
    return () if start is None else start[-1 - len(steps.place) : -1]


@lru_cache(512)
def _found_products(shape: _Shape) -> Found | None:
    """Return how the rows name the products shown, if all that else is read of a page are its listing rows."""
    order = ORDERS[shape.order]
    found = usage_of(_picked(shape, order)).read
    return None if found & _SHOWN_TABLES else Found("product", 1 + len(order.keys), _SHOWN_TABLES)


@lru_cache(512)
def _statement(shape: _Shape) -> str:
    """Return the statement of a page: the ids of the page first, then the products' own columns for these alone."""
    order = ORDERS[shape.order]
    direction = _direction(shape)
    source = f"({_picked(shape, order)}) page"
    if shape.in_parents:
        source = f"unnest(%s::uuid[]) AS parent(id) CROSS JOIN LATERAL {source}"
    columns = [f"page.shown{i}" for i in range(len(order.keys))]
    return f"""
SELECT {"parent.id" if shape.in_parents else "NULL::uuid"}, {", ".join(columns)}, {PRODUCT_COLUMNS},
  {", ".join(f"page.{name}" for name in LISTING_COLUMNS.split(", "))}
FROM {source} CROSS JOIN LATERAL (
  SELECT * FROM catalog_product p WHERE p.id = page.product_id LIMIT 1) p {IMAGE}
ORDER BY {", ".join(f"page.key{i} {direction}" for i in range(len(order.keys)))}"""


def _direction(shape: _Shape) -> str:
    return "DESC" if shape.reverse else "ASC"


def _picked(shape: _Shape, order: Order) -> str:
    """Return the query of a page's ids, with the keys and the listing rows."""
    if order.steps is not None and shape.members is None:
        return _along_steps(shape, order, order.steps)
    conditions = list(shape.conditions)
    if shape.started:
        conditions.append(f"({', '.join(order.keys)}) {'<' if shape.reverse else '>'} ({_marks(order.keys)})")
    return f"""
  SELECT {_columns(order.shown or order.keys, order.keys)}
  {_from(shape, order, conditions)}
  ORDER BY {", ".join(f"{key} {_direction(shape)}" for key in order.keys)} LIMIT %s"""


def _columns(shown: Sequence[str], keys: Sequence[str]) -> str:
    named = [*(f"{text} AS shown{i}" for i, text in enumerate(shown)), *(f"{k} AS key{i}" for i, k in enumerate(keys))]
    return ", ".join([*named, "l.product_id", *(f"l.{name}" for name in LISTING_COLUMNS.split(", "))])


def _marks(keys: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(keys))


def _along_steps(shape: _Shape, order: Order, steps: Steps) -> str:
    """Return the query of a page that goes from step to step, and takes no more than a page of each.

    The steps come in order, so that those of equal keys are sorted among themselves, and the next ones never read
    once the page is full. What is said of the place to go on from twice is what reaches the index.
    """
    direction, beyond = _direction(shape), "<" if shape.reverse else ">"
    steps_where, conditions = [steps.where], [steps.of, *_early(list(shape.conditions), steps.product)]
    place, marks = ", ".join(steps.place), _marks(steps.place)
    if shape.started:
        steps_where += [f"{steps.place[0]} {beyond}= %s", f"({place}) {beyond}= ({marks})"]
        end = steps.ends[shape.reverse]
        conditions += [
            f"{steps.last} {beyond}= CASE WHEN ({place}) = ({marks}) THEN %s ELSE {end} END",
            f"({place}, {steps.last}) {beyond} ({marks}, %s)",
        ]
    along = ", ".join(f"{key} {direction}" for key in steps.along)
    last = len(steps.keys) - 1
    return f"""
  SELECT found.* FROM (SELECT * FROM {steps.table} WHERE {" AND ".join(steps_where)} ORDER BY {along} OFFSET 0) s
  CROSS JOIN LATERAL (
    SELECT {_columns(steps.keys, steps.keys)}
    FROM {steps.products} JOIN LATERAL {_listing(steps.product, shape.seen)} ON true
    WHERE {" AND ".join(conditions)} ORDER BY {steps.last} {direction} LIMIT %s) found
  ORDER BY {along}, found.key{last} {direction} LIMIT %s"""


def _from(shape: _Shape, order: Order, conditions: list[str]) -> str:
    """Return FROM and WHERE of a page's inner query, which has the listing row as `l` and the order's own row."""
    where = order.where.replace("%s", "parent.id") if shape.by_parent else order.where
    if shape.members is not None:
        picked = "" if order.source is None else f"JOIN LATERAL {_row(order, where)} ON true"
        return f"""FROM (SELECT DISTINCT m.product_id FROM ({shape.members}) m) found
  JOIN LATERAL {_listing("found.product_id", shape.seen)} ON true {picked}
  WHERE {" AND ".join(_early(conditions, "found.product_id")) or "true"}"""
    if order.source is None:
        rows, shown = listings(shape.seen, "is_visible")
        return f"FROM {rows} WHERE {' AND '.join([shown, *conditions])}"
    return f"""FROM {_in_order(order, shape.reverse)} JOIN LATERAL {_listing(order.product, shape.seen)} ON true
  WHERE {" AND ".join([where, *_early(conditions, order.product)])}"""


def _in_order(order: Order, reverse: bool) -> str:
    """Return the order's table such that it yields its rows in order: ranked hits are sorted before they are probed."""
    if not order.is_ranked:
        return order.source or ""
    keys = ", ".join(f"{key} {'DESC' if reverse else 'ASC'}" for key in order.keys)
    return f"(SELECT * FROM {order.source} ORDER BY {keys} OFFSET 0) o"


def _early(conditions: list[str], product: str) -> list[str]:
    """Return conditions such that those on the product alone are asked before its listing row is looked up."""
    return [condition.replace("l.product_id", product) for condition in conditions]


def _listing(product: str, seen: Sight) -> str:
    rows, shown = listings(seen, "is_visible")
    return f"(SELECT * FROM {rows} WHERE {shown} AND l.product_id = {product} LIMIT 1) l"


def _row(order: Order, where: str) -> str:
    """Return the order's row of one product, as `o`."""
    return f"(SELECT * FROM {order.source} WHERE {where} AND {order.product} = found.product_id LIMIT 1) o"


def _searched(wanted: ProductList) -> ProductList:
    """Return the list with the members of its searches found, as far as they are few."""
    conditions = tuple(_found(condition) if condition.searches else condition for condition in wanted.conditions)
    return wanted if conditions == wanted.conditions else replace(wanted, conditions=conditions)


def _found(search: Condition) -> Condition:
    ids = [row[0] for row in fetch(f"{search.members} LIMIT {FEW + 1}", search.params)]
    return with_ids(ids) if len(ids) <= FEW else Condition(search.probe, search.params)


def _few_members(wanted: ProductList) -> Condition | None:
    """Return the condition with the fewest members, if they are few. One statement, or none without candidates."""
    candidates = [condition for condition in wanted.conditions if condition.members is not None]
    candidates += [one for condition in wanted.conditions if (one := _in_either(wanted, condition)) is not None]
    if candidates and wanted.search is not None:
        candidates.append(found_by(wanted.search))
    narrowing = [condition for condition in wanted.conditions if condition.narrows]
    # The order by price has these products side by side.
    if wanted.order == "PRICE":
        narrowing = [condition for condition in narrowing if "l.price_min" not in condition.probe]
    if narrowing:
        candidates.append(_in_listings(wanted, narrowing))
    if not candidates:
        return None
    sizes = fetch(
        _sizes(tuple(condition.members or "" for condition in candidates)),
        [value for condition in candidates for value in condition.params],
        about={"listing": [wanted.channel.id]},
    )[0]
    size, at = min((size, at) for at, size in enumerate(sizes))
    few = candidates[at] if size <= FEW else None
    return None if few is not None and few.searches else few  # hits are read along their order


def _in_listings(wanted: ProductList, narrowing: Sequence[Condition]) -> Condition:
    """Return conditions on the listing row as one whose members are read from the channel's listing rows."""
    params = (wanted.channel.id, wanted.now, wanted.now, *(value for part in narrowing for value in part.params))
    rows, shown = listings(sight(wanted.channel), "is_visible")
    where = " AND ".join([shown, *(part.probe for part in narrowing)])
    # The planner cannot know for how few a condition holds; asked for their order it takes the index that has it.
    column = next((found[0] for part in narrowing if (found := _PRICED.search(part.probe))), None)
    order = f" ORDER BY {column} OFFSET 0" if column else ""
    return Condition("true", params, f"SELECT l.product_id FROM {rows} WHERE {where}{order}")


_PRICED = re.compile(r"l\.(?:price_min|undiscounted_max)\b")


def _in_either(wanted: ProductList, condition: Condition) -> Condition | None:
    """Return a condition of which at least one part must hold as one whose members are those of all its parts."""
    parts = [
        _in_listings(wanted, [part]) if part.narrows else _in_either(wanted, part) if part.either else part
        for part in condition.either
    ]
    known = [part for part in parts if part is not None and part.members is not None and not part.searches]
    if not parts or len(known) < len(parts):
        return None
    params = tuple(value for part in known for value in part.params)
    return Condition("true", params, " UNION ALL ".join(f"({part.members})" for part in known))


@lru_cache(128)
def _sizes(members: tuple[str, ...]) -> str:
    counts = [f"(SELECT count(*) FROM (SELECT FROM ({text}) m LIMIT {FEW + 1}) few)" for text in members]
    return f"SELECT {', '.join(counts)}"


_GROUP_SIZES = f"""
SELECT parent.id, (SELECT count(*) FROM (SELECT FROM ({_GROUP.members}) m LIMIT {FEW + 1}) few)
FROM unnest(%s::uuid[]) AS parent(id)
"""


def _by_size(groups: Sequence[UUID]) -> tuple[list[UUID], list[UUID]]:
    """Return the groups with few members, and the others."""
    sizes = dict(fetch(_GROUP_SIZES, [list(dict.fromkeys(groups))]))
    return [group for group in sizes if sizes[group] <= FEW], [group for group in sizes if sizes[group] > FEW]


def _total(wanted: ProductList, members: Condition | None) -> int:
    others = [condition for condition in wanted.conditions if condition is not members]
    sets = [] if members else [condition for condition in others if condition.members is not None]
    probes = [condition for condition in others if condition not in sets]
    shown = [wanted.channel.id, wanted.now, wanted.now]
    params = [
        *(members.params if members else ()),
        *shown,
        *(value for condition in (*probes, *sets) for value in condition.params),
    ]
    sql = _count(
        sight(wanted.channel),
        tuple(condition.probe for condition in probes),
        members.members if members else None,
        tuple(condition.members or "" for condition in sets),
        False,
    )
    total: int = fetch(sql, params, about={"listing": [wanted.channel.id]})[0][0]
    return total


def _totals(wanted: ProductList, members: Condition | None, groups: list[UUID]) -> dict[UUID, int]:
    """Return how many products of the list are in each group."""
    conditions = wanted.conditions if members else (*wanted.conditions, _GROUP)
    params = [groups, wanted.channel.id, wanted.now, wanted.now, *(v for c in conditions for v in c.params)]
    probes = tuple(c.probe for c in conditions)
    sql = _count(sight(wanted.channel), probes, members.members if members else None, (), True)
    return dict(fetch(sql, params, about={"listing": [wanted.channel.id]}))


@lru_cache(256)
def _count(seen: Sight, probes: tuple[str, ...], members: str | None, sets: tuple[str, ...], in_parents: bool) -> str:
    """Return the statement that counts a list: few members one by one, many by a hash of them."""
    where = "".join(f" AND {probe}" for probe in probes)
    if members is not None:
        counted = f"""SELECT count(*) FROM (SELECT DISTINCT m.product_id FROM ({members}) m) found
  JOIN LATERAL {_listing("found.product_id", seen)} ON true WHERE true{where}"""
    else:
        rows, shown = listings(seen, "is_visible")
        counted = f"SELECT count(*) FROM {rows} WHERE {shown}{where}"
        # IS TRUE keeps the planner from joining: each set is hashed once.
        counted += "".join(f" AND (l.product_id IN ({text})) IS TRUE" for text in sets)
    if in_parents:
        return f"SELECT parent.id, found.total FROM unnest(%s::uuid[]) AS parent(id), LATERAL ({counted}) found(total)"
    return counted
