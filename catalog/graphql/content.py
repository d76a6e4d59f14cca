"""What a shop answers about its pages, menus, attributes, types and warehouses."""

from collections.abc import Sequence
from typing import Any

import graphene

from catalog.graphql.attributes import Attribute
from catalog.graphql.groups import empty_page
from catalog.graphql.inputs.content import (
    AttributeFilterInput,
    AttributeSortingInput,
    AttributeWhereInput,
    MenuFilterInput,
    MenuItemFilterInput,
    MenuItemSortingInput,
    MenuSortingInput,
    PageFilterInput,
    PageSortingInput,
    PageTypeFilterInput,
    PageTypeSortingInput,
    PageWhereInput,
    ProductTypeFilterInput,
    ProductTypeSortingInput,
    WarehouseFilterInput,
)
from catalog.graphql.keys import by_slug, channel_argument, key_of, one_of
from catalog.graphql.menus import Menu, MenuItem, load_trees, onlooker_of
from catalog.graphql.pages import Page, PageType, viewer_of
from catalog.graphql.plain_filters import (
    ATTRIBUTE_FILTER,
    ATTRIBUTE_WHERE,
    MENU_FILTER,
    MENU_ITEM_FILTER,
    PAGE_FILTER,
    PAGE_TYPE_FILTER,
    PAGE_WHERE,
    PRODUCT_TYPE_FILTER,
    WAREHOUSE_FILTER,
    Readers,
    apart,
    narrow,
    order_of,
    read_filter,
)
from catalog.graphql.types import ProductType
from catalog.graphql.warehouses import KEEPERS, Warehouse
from catalog.queries import attributes, menus, pages, types, warehouses
from catalog.queries.conditions import NEVER, Pending
from catalog.queries.menus import MenuItemRow, MenuRow
from catalog.queries.pages import PageRow
from catalog.queries.rows import AttributeRow, ProductTypeRow
from catalog.queries.types import PageTypeRow
from catalog.queries.warehouses import WarehouseRow
from commerce.graphql.batch import root
from commerce.graphql.connections import connection_field, paged
from commerce.graphql.ids import from_global_id
from commerce.graphql.info import Info
from commerce.graphql.paging import Page as Rows
from commerce.graphql.paging import PageRequest
from tenants.graphql.context import ShopContext

# Who sees attributes that shoppers do not.
_ATTRIBUTES = frozenset(
    {"MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES", "MANAGE_PAGE_TYPES_AND_ATTRIBUTES", "MANAGE_PRODUCTS", "MANAGE_PAGES"}
)
_PAGE_ORDERS = {"CREATION_DATE": "CREATED_AT", "PUBLICATION_DATE": "PUBLISHED_AT"}


def _search() -> graphene.String:
    return graphene.String(description="A part of the name or the slug.")


class ContentQuery:
    """The fields of the root besides products and their groups."""

    page = graphene.Field(Page, args=by_slug(channel=channel_argument(), external=False), description="One page.")
    pages = connection_field(
        Page,
        channel=channel_argument(),
        filter=PageFilterInput(description="What to narrow the list by."),
        where=PageWhereInput(description="What to narrow the list by; not together with `filter`."),
        sort_by=PageSortingInput(description="The order; by slug if not given."),
        search=_search(),
        description="The pages that are published.",
    )
    page_type = graphene.Field(
        PageType, id=graphene.ID(required=True, description="Its id."), description="One page type."
    )
    page_types = connection_field(
        PageType,
        filter=PageTypeFilterInput(description="What to narrow the list by."),
        sort_by=PageTypeSortingInput(description="The order; by name if not given."),
        description="All page types.",
    )
    product_type = graphene.Field(
        ProductType,
        id=graphene.ID(description="Its id."),
        slug=graphene.String(description="Its slug."),
        description="One product type.",
    )
    product_types = connection_field(
        ProductType,
        filter=ProductTypeFilterInput(description="What to narrow the list by."),
        sort_by=ProductTypeSortingInput(description="The order; by name if not given."),
        search=_search(),
        description="All product types.",
    )
    attribute = graphene.Field(
        Attribute, args=one_of(slug=graphene.String(description="Its slug.")), description="One attribute."
    )
    attributes = connection_field(
        Attribute,
        channel=channel_argument(),
        filter=AttributeFilterInput(description="What to narrow the list by."),
        where=AttributeWhereInput(description="What to narrow the list by; not together with `filter`."),
        sort_by=AttributeSortingInput(description="The order; by the place among filters, then slug, if not given."),
        search=_search(),
        description="The attributes that shoppers see.",
    )
    menu = graphene.Field(
        Menu,
        channel=channel_argument(),
        id=graphene.ID(description="Its id."),
        name=graphene.String(description="Its name."),
        slug=graphene.String(description="Its slug."),
        description="One menu, with what the channel shows of it.",
    )
    menus = connection_field(
        Menu,
        channel=channel_argument(),
        filter=MenuFilterInput(description="What to narrow the list by."),
        sort_by=MenuSortingInput(description="The order; by name if not given."),
        description="All menus.",
    )
    menu_item = graphene.Field(
        MenuItem,
        channel=channel_argument(),
        id=graphene.ID(required=True, description="Its id."),
        description="One item of a menu.",
    )
    menu_items = connection_field(
        MenuItem,
        channel=channel_argument(),
        filter=MenuItemFilterInput(description="What to narrow the list by."),
        sort_by=MenuItemSortingInput(description="The order; by menu, level and place if not given."),
        description="The items of all menus whose targets the caller sees.",
    )
    warehouse = graphene.Field(Warehouse, args=one_of(), description="One warehouse; for staff and apps.")
    warehouses = connection_field(
        Warehouse,
        filter=WarehouseFilterInput(description="What to narrow the list by."),
        description="All warehouses, by name; for staff and apps.",
    )

    @root
    def resolve_page(
        info: Info[ShopContext],
        id: str | None = None,
        slug: str | None = None,
        slug_language_code: Any = None,
        channel: str | None = None,
    ) -> PageRow | None:
        by, value = key_of("Page", id=id, slug=slug)
        viewer = viewer_of(info.context, channel)
        if viewer is None:
            return None
        if by == "slug" and slug_language_code is not None:
            return pages.get_page_by_translated_slug(value, slug_language_code.value, viewer)
        found = pages.get_page(by, value, viewer)
        if found is None and by == "slug":
            found = pages.get_page_by_any_slug(value, info.context.languages, viewer)
        return found

    @paged("channel", "filter", "where", "sort_by", "search")
    def resolve_pages(
        rows: Sequence[Any],
        info: Info[ShopContext],
        page: PageRequest,
        channel: str | None = None,
        filter: Any = None,
        where: Any = None,
        sort_by: Any = None,
        search: str | None = None,
    ) -> list[Rows[PageRow]]:
        narrowed = narrow(PAGE_FILTER, PAGE_WHERE, filter=filter, where=where, search=search)
        viewer = viewer_of(info.context, channel)
        if viewer is None:
            return [empty_page()]
        field, descending = order_of(sort_by, "SLUG")
        field = _PAGE_ORDERS.get(field, field)
        return [pages.list_pages(narrowed, field, page, viewer, descending=descending)]

    @root
    def resolve_page_type(info: Info[ShopContext], id: str) -> PageTypeRow | None:
        found: PageTypeRow | None = types.get_type("page", "id", from_global_id(id, "PageType"))
        return found

    @paged("filter", "sort_by")
    def resolve_page_types(
        rows: Sequence[Any], info: Info[ShopContext], page: PageRequest, filter: Any = None, sort_by: Any = None
    ) -> list[Rows[PageTypeRow]]:
        narrowed = read_filter(filter, PAGE_TYPE_FILTER)
        field, descending = order_of(sort_by, "NAME")
        return [types.list_types("page", narrowed, field, page, descending=descending)]

    @root
    def resolve_product_type(
        info: Info[ShopContext], id: str | None = None, slug: str | None = None
    ) -> ProductTypeRow | None:
        found: ProductTypeRow | None = types.get_type("product", *key_of("ProductType", id=id, slug=slug))
        return found

    @paged("filter", "sort_by", "search")
    def resolve_product_types(
        rows: Sequence[Any],
        info: Info[ShopContext],
        page: PageRequest,
        filter: Any = None,
        sort_by: Any = None,
        search: str | None = None,
    ) -> list[Rows[ProductTypeRow]]:
        narrowed = narrow(PRODUCT_TYPE_FILTER, {}, filter=filter, search=search)
        field, descending = order_of(sort_by, "NAME")
        return [types.list_types("product", narrowed, field, page, descending=descending)]

    @root
    def resolve_attribute(
        info: Info[ShopContext], id: str | None = None, slug: str | None = None, external_reference: str | None = None
    ) -> AttributeRow | None:
        by, value = key_of("Attribute", id=id, slug=slug, externalReference=external_reference)
        return attributes.get_attribute(by, value, shows_all=_sees_hidden(info.context))

    @paged("channel", "filter", "where", "sort_by", "search")
    def resolve_attributes(
        rows: Sequence[Any],
        info: Info[ShopContext],
        page: PageRequest,
        channel: str | None = None,
        filter: Any = None,
        where: Any = None,
        sort_by: Any = None,
        search: str | None = None,
    ) -> list[Rows[AttributeRow]]:
        given, (named,) = apart(filter, "channel")
        groups = _groups(info.context, named or channel)
        readers = {**ATTRIBUTE_FILTER, **groups}, {**ATTRIBUTE_WHERE, **groups}
        narrowed = [
            *narrow(*readers, filter=given, where=where, search=search),
            *([] if _sees_hidden(info.context) else [attributes.IS_VISIBLE]),
        ]
        field, descending = order_of(sort_by, "STOREFRONT_SEARCH_POSITION")
        return [attributes.list_attributes(narrowed, field, page, descending=descending)]

    @root
    def resolve_menu(
        info: Info[ShopContext],
        channel: str | None = None,
        id: str | None = None,
        name: str | None = None,
        slug: str | None = None,
    ) -> MenuRow | None:
        by, value = key_of("Menu", id=id, name=name, slug=slug)
        onlooker = onlooker_of(info.context, channel)
        return None if onlooker is None else menus.get_menu(by, value, onlooker)

    @paged("channel", "filter", "sort_by")
    def resolve_menus(
        rows: Sequence[Any],
        info: Info[ShopContext],
        page: PageRequest,
        channel: str | None = None,
        filter: Any = None,
        sort_by: Any = None,
    ) -> list[Rows[MenuRow]]:
        narrowed = read_filter(filter, MENU_FILTER)
        onlooker = onlooker_of(info.context, channel)
        if onlooker is None:
            return [empty_page()]
        field, descending = order_of(sort_by, "NAME")
        return [menus.list_menus(narrowed, field, page, onlooker, descending=descending)]

    @root
    def resolve_menu_item(info: Info[ShopContext], id: str, channel: str | None = None) -> MenuItemRow | None:
        key = from_global_id(id, "MenuItem")
        onlooker = onlooker_of(info.context, channel)
        menu_id = menus.get_menu_of_item(key)
        if onlooker is None or menu_id is None:
            return None
        return load_trees(info.context, onlooker, [menu_id])[0].by_id.get(key)

    @paged("channel", "filter", "sort_by")
    def resolve_menu_items(
        rows: Sequence[Any],
        info: Info[ShopContext],
        page: PageRequest,
        channel: str | None = None,
        filter: Any = None,
        sort_by: Any = None,
    ) -> list[Rows[MenuItemRow]]:
        narrowed = read_filter(filter, MENU_ITEM_FILTER)
        onlooker = onlooker_of(info.context, channel)
        if onlooker is None:
            return [empty_page()]
        field, descending = order_of(sort_by, "MENU")
        return [menus.list_items(narrowed, field, page, onlooker, descending=descending)]

    @root
    def resolve_warehouse(
        info: Info[ShopContext], id: str | None = None, external_reference: str | None = None
    ) -> WarehouseRow | None:
        by, value = key_of("Warehouse", id=id, externalReference=external_reference)
        info.context.require(*KEEPERS)
        return warehouses.get_warehouse(by, value)

    @paged("filter")
    def resolve_warehouses(
        rows: Sequence[Any], info: Info[ShopContext], page: PageRequest, filter: Any = None
    ) -> list[Rows[WarehouseRow]]:
        info.context.require(*KEEPERS)
        return [warehouses.list_warehouses(read_filter(filter, WAREHOUSE_FILTER), page)]


def _sees_hidden(context: ShopContext) -> bool:
    return bool(_ATTRIBUTES & context.permissions)


def _groups(context: ShopContext, channel: str | None) -> Readers:
    """Return how to read inCategory and inCollection, which need a channel."""

    def read(kind: str, value: str) -> Pending:
        key = from_global_id(value, kind)
        market = context.channel(channel)
        return NEVER if market is None else attributes.of_products_in(key, market, context.now)

    return {
        "in_category": lambda value: read("Category", value),
        "in_collection": lambda value: read("Collection", value),
    }
