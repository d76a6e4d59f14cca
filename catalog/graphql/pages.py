"""Pages of text and their types."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import graphene
from graphql import GraphQLError

from catalog.graphql.assigned import assigned, assigned_field, assigned_list, named
from catalog.graphql.attributes import Attribute, SelectedAttribute
from catalog.graphql.loading import rich_text
from catalog.graphql.translations import PageTranslation, in_language, resolve_translation, translation_field, word
from catalog.queries import types
from catalog.queries.pages import PageRow, Viewer, list_page_attributes
from catalog.queries.rows import Assignment, AttributeRow
from catalog.queries.types import PageTypeRow
from commerce.graphql.batch import batch, column
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from commerce.graphql.scalars import Date, DateTime, JSONString
from tenants.graphql.context import ShopContext
from tenants.graphql.metadata import ObjectWithMetadata


def viewer_of(context: ShopContext, channel: str | None = None) -> Viewer | None:
    """Return how the caller sees pages, None in a channel that there is not.

    Pages are of no channel: it is only where what they refer to is looked up. Without one that is the channel taken
    for granted, if there is such a one.
    """
    try:
        market = context.channel(channel)
    except GraphQLError:
        return Viewer(context.now, None, _manages(context))
    if market is None and channel is not None:
        return None
    return Viewer(context.now, market, _manages(context))


def _manages(context: ShopContext) -> bool:
    return "MANAGE_PAGES" in context.permissions


class PageType(graphene.ObjectType):
    """What a kind of page has."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (PageTypeRow,)

    id = graphene.ID(required=True, description="The id.")
    name = graphene.String(required=True, description="The name for people.")
    slug = graphene.String(required=True, description="The name in filters, unique in the shop.")
    attributes = graphene.List(graphene.NonNull(Attribute), description="The attributes that such pages have.")

    @batch
    def resolve_id(rows: Sequence[PageTypeRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("PageType", row.id) for row in rows]

    @batch
    def resolve_attributes(rows: Sequence[PageTypeRow], info: Info[ShopContext]) -> list[list[AttributeRow]]:
        shows_all = _manages(info.context) or "MANAGE_PAGE_TYPES_AND_ATTRIBUTES" in info.context.permissions
        read = partial(types.list_type_attributes, "page", shows_all=shows_all)
        found = info.context.load("page type attributes", [row.id for row in rows], read)
        return [[held.attribute for held in found[row.id] or []] for row in rows]


class Page(graphene.ObjectType):
    """A text of the shop."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (PageRow,)

    id = graphene.ID(required=True, description="The id.")
    title = graphene.String(required=True, description="The title.")
    slug = graphene.String(required=True, description="The name in addresses, unique in the shop.")
    content = JSONString(description="The text, EditorJS.")
    content_json = JSONString(required=True, description="The same as `content`, an empty object where there is none.")
    seo_title = graphene.String(description="The title for search engines.")
    seo_description = graphene.String(description="The description for search engines.")
    is_published = graphene.Boolean(required=True, description="Whether it is shown, from `publishedAt` on.")
    published_at = DateTime(description="From when it is shown.")
    publication_date = Date(description="The day, in UTC, of `publishedAt`.")
    created = graphene.Field(DateTime, required=True, description="When it was made.")
    page_type = graphene.Field(PageType, required=True, description="What kind of page it is.")
    attributes = graphene.List(
        graphene.NonNull(SelectedAttribute), required=True, description="Its attributes with their values."
    )
    attribute = graphene.Field(
        SelectedAttribute,
        slug=graphene.String(required=True, description="The attribute's slug."),
        description="One attribute with its values, null where the page has no such attribute.",
    )
    assigned_attribute = assigned_field()
    assigned_attributes = assigned_list()
    translation = translation_field(PageTranslation)

    resolve_created = column("created_at")
    resolve_title = word("name", "title")
    resolve_slug = word("slug")
    resolve_translation = resolve_translation

    @batch
    def resolve_id(rows: Sequence[PageRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("Page", row.id) for row in rows]

    @batch
    def resolve_content(rows: Sequence[PageRow], info: Info[ShopContext]) -> list[Any]:
        return _contents(rows, info)

    @batch
    def resolve_content_json(rows: Sequence[PageRow], info: Info[ShopContext]) -> list[Any]:
        return [content or {} for content in _contents(rows, info)]

    @batch
    def resolve_seo_title(rows: Sequence[PageRow], info: Info[ShopContext]) -> list[str | None]:
        own = [row.seo_title or None for row in rows]
        return in_language(info, [row.id for row in rows], "seo_title", own)

    @batch
    def resolve_seo_description(rows: Sequence[PageRow], info: Info[ShopContext]) -> list[str | None]:
        own = [row.seo_description or None for row in rows]
        return in_language(info, [row.id for row in rows], "seo_description", own)

    @batch
    def resolve_publication_date(rows: Sequence[PageRow], info: Info[ShopContext]) -> list[Any]:
        return [row.published_at.date() if row.published_at else None for row in rows]

    @batch
    def resolve_page_type(rows: Sequence[PageRow], info: Info[ShopContext]) -> list[PageTypeRow | None]:
        read = partial(types.list_types_by_id, "page")
        found = info.context.load("page types", [row.page_type_id for row in rows], read)
        return [found[row.page_type_id] for row in rows]

    @batch
    def resolve_attributes(rows: Sequence[PageRow], info: Info[ShopContext]) -> list[list[Assignment]]:
        return _attributes(rows, info)

    @batch
    def resolve_attribute(rows: Sequence[PageRow], info: Info[ShopContext], slug: str) -> list[Assignment | None]:
        loaded = _attributes(rows, info)
        return [next((one for one in found if one.attribute.slug == slug), None) for found in loaded]

    @batch
    def resolve_assigned_attribute(
        rows: Sequence[PageRow], info: Info[ShopContext], slug: str
    ) -> list[Assignment | None]:
        return [named(found, slug) for found in _attributes(rows, info)]

    @batch
    def resolve_assigned_attributes(
        rows: Sequence[PageRow], info: Info[ShopContext], limit: int
    ) -> list[list[Assignment]]:
        return [assigned(found)[: max(limit, 0)] for found in _attributes(rows, info)]


def _contents(rows: Sequence[PageRow], info: Info[ShopContext]) -> list[Any]:
    own = [row.content for row in rows]
    return list(map(rich_text, in_language(info, [row.id for row in rows], "description", own)))


def _attributes(rows: Sequence[PageRow], info: Info[ShopContext]) -> list[list[Assignment]]:
    """Return the attributes of each page."""
    found: dict[Viewer, dict[Any, list[Assignment] | None]] = {}
    for viewer in dict.fromkeys(row.viewer for row in rows):
        keys = [row.id for row in rows if row.viewer == viewer]
        read = partial(list_page_attributes, viewer=viewer)
        found[viewer] = info.context.load(("page attributes", viewer), keys, read)
    return [found[row.viewer][row.id] or [] for row in rows]
