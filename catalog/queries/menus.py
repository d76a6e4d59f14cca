"""Menus and their trees of items."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from catalog.queries import pages
from catalog.queries.conditions import Condition, Every, Pending, contains
from catalog.queries.keyset import Ordering, Source, read_page
from catalog.queries.pages import Viewer
from catalog.queries.visibility import COLLECTIONS, sight
from commerce.db.rows import fetch
from commerce.db.topics import Found
from commerce.graphql.paging import Page, PageRequest
from tenants.queries import ChannelRow


class Onlooker(NamedTuple):
    """Who looks at a menu, in which channel (None: in none, where no collection is shown), and when.

    With `shows_all` items are seen whose target is not.
    """

    now: datetime
    channel: ChannelRow | None
    shows_all: bool = False


class MenuRow(NamedTuple):
    id: UUID
    name: str
    slug: str
    onlooker: Onlooker

    @property
    def metadata_table(self) -> str:
        return "catalog_menu"


class MenuItemRow(NamedTuple):
    id: UUID
    menu_id: UUID
    parent_id: UUID | None
    name: str
    level: int
    url: str
    category_id: UUID | None
    collection_id: UUID | None
    page_id: UUID | None
    onlooker: Onlooker

    @property
    def metadata_table(self) -> str:
        return "catalog_menuitem"


class Tree(NamedTuple):
    """The items of a menu: those of the first level, those below each one, and all that are shown, by id."""

    roots: list[MenuItemRow]
    below: dict[UUID, list[MenuItemRow]]
    by_id: dict[UUID, MenuItemRow]


_COLUMNS = "c.id, c.name, c.slug"
_BY = {"id": "c.id = %s", "slug": "c.slug = %s", "name": "c.name = %s"}
_ONE = Found("menu", 0, frozenset({"catalog_menu"}), wanted=1)
ORDERINGS = {
    "NAME": Ordering(("c.name", "c.slug"), (str, str)),
    "ITEMS_COUNT": Ordering(
        ("(SELECT count(*) FROM catalog_menuitem i WHERE i.menu_id = c.id)", "c.name", "c.slug"), (int, str, str)
    ),
}


def get_menu(by: str, value: Any, onlooker: Onlooker) -> MenuRow | None:
    """Return the menu whose `by` (id, slug, name) is `value`; of several of a name the one whose slug is first."""
    sql = f"SELECT {_COLUMNS} FROM catalog_menu c WHERE {_BY[by]} ORDER BY c.slug LIMIT 1"
    found = fetch(sql, [value], found=_ONE)
    return MenuRow._make((*found[0], onlooker)) if found else None


def list_menus_by_id(ids: Sequence[UUID], onlooker: Onlooker) -> dict[UUID, MenuRow]:
    """Return menus, by id."""
    found = fetch(
        f"""SELECT {_COLUMNS} FROM unnest(%s::uuid[]) AS k(id)
        CROSS JOIN LATERAL (SELECT * FROM catalog_menu c WHERE c.id = k.id LIMIT 1) c""",
        [list(ids)],
        about={"menu": ids},
    )
    return {row[0]: MenuRow._make((*row, onlooker)) for row in found}


def list_menus(
    conditions: Sequence[Pending], ordering: str, page: PageRequest, onlooker: Onlooker, *, descending: bool = False
) -> Page[MenuRow]:
    """Return a page of the menus; `ordering` is a name of ORDERINGS."""
    source = Source("catalog_menu", _COLUMNS, lambda columns: MenuRow._make((*columns, onlooker)))
    where = Every(tuple(conditions)).bind("")
    return read_page(source, ORDERINGS[ordering], where, page, descending=descending)


def matching(text: str) -> Condition:
    """Return the condition that name or slug of the menu `c` contain a text."""
    pattern = contains(text)
    return Condition("(c.name ILIKE %s OR c.slug ILIKE %s)", (pattern, pattern))


def get_menu_of_item(item_id: UUID) -> UUID | None:
    """Return the id of the menu that an item is in."""
    found = fetch("SELECT i.menu_id FROM catalog_menuitem i WHERE i.id = %s", [item_id])
    return found[0][0] if found else None


_ITEM = "i.id, i.menu_id, i.parent_id, i.name, i.level, i.url, i.category_id, i.collection_id, i.page_id"


ITEM_ORDERINGS = {
    "MENU": Ordering(("c.menu_id", "c.level", "c.position", "c.id"), (UUID, int, int, UUID)),
    "NAME": Ordering(("c.name", "c.id"), (str, UUID)),
}


def list_items(
    conditions: Sequence[Pending], ordering: str, page: PageRequest, onlooker: Onlooker, *, descending: bool = False
) -> Page[MenuItemRow]:
    """Return a page of the items of all menus whose own targets are seen; `ordering` is a name of ITEM_ORDERINGS."""
    shown = _is_shown(onlooker)
    source = Source(
        f"(SELECT * FROM catalog_menuitem i WHERE {shown.probe})",
        _ITEM.replace("i.", "c."),
        lambda columns: MenuItemRow._make((*columns, onlooker)),
        shown.params,
    )
    where = Every(tuple(conditions)).bind("")
    return read_page(source, ITEM_ORDERINGS[ordering], where, page, descending=descending)


def item_matching(text: str) -> Condition:
    """Return the condition that the name of the item `c` contains a text."""
    return Condition("c.name ILIKE %s", (contains(text),))


def list_items_by_id(ids: Sequence[UUID], onlooker: Onlooker) -> dict[UUID, MenuItemRow]:
    """Return items, whether their targets are seen or not, by id."""
    found = fetch(f"SELECT {_ITEM} FROM catalog_menuitem i WHERE i.id = ANY(%s)", [list(ids)])
    return {row[0]: MenuItemRow._make((*row, onlooker)) for row in found}


def list_trees(menu_ids: Sequence[UUID], onlooker: Onlooker) -> dict[UUID, Tree]:
    """Return the tree of each menu, its items in the merchant's order, as far as the onlooker sees their targets.

    One statement. What is below an item that is not seen is not seen either.
    """
    shown = _is_shown(onlooker)
    found = fetch(
        f"""SELECT {_ITEM} FROM unnest(%s::uuid[]) AS k(id)
        CROSS JOIN LATERAL (SELECT * FROM catalog_menuitem i WHERE i.menu_id = k.id OFFSET 0) i
        WHERE {shown.probe} ORDER BY i.level, i.position, i.id""",
        [list(menu_ids), *shown.params],
        about={"menu": menu_ids},
    )
    trees: dict[UUID, Tree] = defaultdict(lambda: Tree([], defaultdict(list), {}))
    for columns in found:
        item = MenuItemRow._make((*columns, onlooker))
        tree = trees[item.menu_id]
        if item.parent_id is None:
            tree.roots.append(item)
        elif item.parent_id in tree.by_id:
            tree.below[item.parent_id].append(item)
        else:
            continue
        tree.by_id[item.id] = item
    return trees


def _is_shown(onlooker: Onlooker) -> Condition:
    """Return the condition that the target of the item `i`, if it has one, is seen."""
    if onlooker.shows_all:
        return Condition("true")
    page = pages.is_shown(Viewer(onlooker.now, None))
    at_page = f"""(i.page_id IS NULL OR EXISTS (
          SELECT FROM catalog_page c WHERE c.id = i.page_id AND {page.probe} OFFSET 0))"""
    if onlooker.channel is None:
        return Condition(f"i.collection_id IS NULL AND {at_page}", page.params)
    at_collection = f"""(i.collection_id IS NULL OR EXISTS (
          SELECT FROM (SELECT i.collection_id AS id) c WHERE {COLLECTIONS[sight(onlooker.channel)]}))"""
    params = (onlooker.channel.id, onlooker.now, *page.params)
    return Condition(f"{at_collection} AND {at_page}", params)
