"""Menus: trees of links to categories, collections, pages and addresses."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import graphene
from graphql import GraphQLError

from catalog.graphql.groups import Category, Collection
from catalog.graphql.loading import foretell, load_categories, load_collections, load_pages
from catalog.graphql.pages import Page
from catalog.graphql.translations import MenuItemTranslation, resolve_named_translation, translation_field, word
from catalog.queries import menus
from catalog.queries.menus import MenuItemRow, MenuRow, Onlooker, Tree
from catalog.queries.pages import PageRow
from catalog.queries.rows import CategoryRow, CollectionRow
from commerce.graphql.batch import batch
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from tenants.graphql.context import ShopContext
from tenants.graphql.metadata import ObjectWithMetadata


def onlooker_of(context: ShopContext, channel: str | None) -> Onlooker | None:
    """Return how the caller sees menus, None in a channel that there is not.

    Who manages menus sees every item, and needs no channel. Raises GraphQLError where a shopper names no channel and
    the choice is not clear.
    """
    manages = "MANAGE_MENUS" in context.permissions
    try:
        market = context.channel(channel)
    except GraphQLError:
        if manages and channel is None:
            return Onlooker(context.now, None, shows_all=True)
        raise
    return None if market is None else Onlooker(context.now, market, manages)


def load_trees(context: ShopContext, onlooker: Onlooker, ids: Sequence[Any]) -> list[Tree]:
    """Return the tree of each menu."""
    read = partial(menus.list_trees, onlooker=onlooker)
    found = context.load(("menu trees", onlooker), list(ids), read)
    trees = [found[key] or Tree([], {}, {}) for key in ids]
    if len(context.languages) > 1:
        items = [item for tree in trees for item in tree.by_id.values()]
        led_to = (key for item in items for key in (item.id, item.category_id, item.collection_id, item.page_id))
        foretell(context, led_to)
    return trees


def _trees(info: Info[ShopContext], pairs: Sequence[tuple[Onlooker, Any]]) -> list[Tree]:
    """Return the tree of the menu that each row is or is in, by who looks at it."""
    found: dict[tuple[Onlooker, Any], Tree] = {}
    for onlooker in dict.fromkeys(who for who, _ in pairs):
        keys = list(dict.fromkeys(key for who, key in pairs if who == onlooker))
        trees = load_trees(info.context, onlooker, keys)
        found.update(((onlooker, key), tree) for key, tree in zip(keys, trees, strict=True))
    return [found[pair] for pair in pairs]


class MenuItem(graphene.ObjectType):
    """A link of a menu, or a heading."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (MenuItemRow,)

    id = graphene.ID(required=True, description="The id.")
    name = graphene.String(required=True, description="The words of the link.")
    menu = graphene.Field(lambda: Menu, required=True, description="The menu that it is in.")
    parent = graphene.Field(lambda: MenuItem, description="The item above, null for one of the first level.")
    level = graphene.Int(required=True, description="How deep in the menu it is; the first level is 0.")
    children = graphene.List(
        graphene.NonNull(lambda: MenuItem), description="The items below, in the merchant's order."
    )
    category = graphene.Field(Category, description="The category that it leads to.")
    collection = graphene.Field(Collection, description="The collection that it leads to, if the caller sees it.")
    page = graphene.Field(Page, description="The page that it leads to, if the caller sees it.")
    url = graphene.String(description="The address that it leads to.")
    translation = translation_field(MenuItemTranslation)

    resolve_name = word("name")
    resolve_translation = resolve_named_translation

    @batch
    def resolve_id(rows: Sequence[MenuItemRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("MenuItem", row.id) for row in rows]

    @batch
    def resolve_url(rows: Sequence[MenuItemRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.url or None for row in rows]

    @batch
    def resolve_menu(rows: Sequence[MenuItemRow], info: Info[ShopContext]) -> list[MenuRow | None]:
        found: dict[tuple[Onlooker, Any], MenuRow | None] = {}
        for onlooker in dict.fromkeys(row.onlooker for row in rows):
            read = partial(menus.list_menus_by_id, onlooker=onlooker)
            keys = [row.menu_id for row in rows if row.onlooker == onlooker]
            loaded = info.context.load(("menus", onlooker), keys, read)
            found.update(((onlooker, key), row) for key, row in loaded.items())
        return [found[row.onlooker, row.menu_id] for row in rows]

    @batch
    def resolve_parent(rows: Sequence[MenuItemRow], info: Info[ShopContext]) -> list[MenuItemRow | None]:
        trees = _trees(info, [(row.onlooker, row.menu_id) for row in rows])
        return [tree.by_id.get(row.parent_id) if row.parent_id else None for row, tree in zip(rows, trees, strict=True)]

    @batch
    def resolve_children(rows: Sequence[MenuItemRow], info: Info[ShopContext]) -> list[list[MenuItemRow]]:
        trees = _trees(info, [(row.onlooker, row.menu_id) for row in rows])
        return [tree.below.get(row.id, []) for row, tree in zip(rows, trees, strict=True)]

    @batch
    def resolve_category(rows: Sequence[MenuItemRow], info: Info[ShopContext]) -> list[CategoryRow | None]:
        return load_categories(info.context, [row.category_id for row in rows])

    @batch
    def resolve_collection(rows: Sequence[MenuItemRow], info: Info[ShopContext]) -> list[CollectionRow | None]:
        return load_collections(info.context, [(row.onlooker.channel, row.collection_id) for row in rows])

    @batch
    def resolve_page(rows: Sequence[MenuItemRow], info: Info[ShopContext]) -> list[PageRow | None]:
        return load_pages(info.context, [(row.onlooker.channel, row.page_id) for row in rows])


class Menu(graphene.ObjectType):
    """A tree of links that a storefront shows."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (MenuRow,)

    id = graphene.ID(required=True, description="The id.")
    name = graphene.String(required=True, description="The name for people.")
    slug = graphene.String(required=True, description="The name that storefronts find it by, unique in the shop.")
    items = graphene.List(
        graphene.NonNull(MenuItem),
        description="The items of the first level, in the merchant's order, whose targets the caller sees.",
    )

    @batch
    def resolve_id(rows: Sequence[MenuRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("Menu", row.id) for row in rows]

    @batch
    def resolve_items(rows: Sequence[MenuRow], info: Info[ShopContext]) -> list[list[MenuItemRow]]:
        return [tree.roots for tree in _trees(info, [(row.onlooker, row.id) for row in rows])]
