"""Menus with their items, pages, page types."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from catalog import operations
from catalog.models import Menu, MenuItem, Page, PageType, PageTypeAttribute, PageValue
from catalog.operations import Plan
from catalog.rest.base import METADATA, STANDARD, CatalogResource, RichText, sub_list
from catalog.rest.types import find_attributes
from catalog.rest.values import Values, ValuesShape, WithValues
from commerce.rest.changes import Change
from commerce.rest.filters import ID, Filter
from commerce.rest.rows import Metadata, Part, Reference, RowSerializer
from tenants.rest import Need

_BY_SLUG = (
    Filter("ids", "id__in", ID, many=True),
    Filter("slug", "slug__in", many=True, order=("slug",)),
)
_READ_PAGES = Need("content:read", ("MANAGE_PAGES", "MANAGE_PAGE_TYPES_AND_ATTRIBUTES"))
_READ_MENUS, _WRITE_MENUS = (Need(f"content:{verb}", ("MANAGE_MENUS",)) for verb in ("read", "write"))


class MenuSerializer(RowSerializer):
    """A tree of links, found by its slug."""

    metadata = Metadata()
    private_metadata = Metadata()

    class Meta:
        model = Menu
        fields = [*STANDARD, "name", "slug", *METADATA]


class Menus(CatalogResource):
    """Trees of links that storefronts show."""

    model, row, noun, tag = Menu, MenuSerializer, "menu", "Content"
    reads, writes = _READ_MENUS, _WRITE_MENUS
    keys = (("slug",),)
    filters = _BY_SLUG


class MenuItemSerializer(RowSerializer):
    """A link of a menu: to a category, a collection, a page or a URL, or a heading without any."""

    menu = Reference("catalog.Menu", key="slug")
    parent = Reference("catalog.MenuItem", required=False, allow_null=True)  # type: ignore[assignment]
    level = serializers.IntegerField(read_only=True)
    category = Reference("catalog.Category", key="slug", required=False, allow_null=True)
    collection = Reference("catalog.Collection", key="slug", required=False, allow_null=True)
    page = Reference("catalog.Page", key="slug", required=False, allow_null=True)
    metadata = Metadata()
    private_metadata = Metadata()

    class Meta:
        model = MenuItem
        fields = [
            *STANDARD,
            "menu",
            "parent",
            "level",
            "name",
            "position",
            "url",
            "category",
            "collection",
            "page",
            *METADATA,
        ]


class MenuItems(CatalogResource):
    """Links of menus."""

    model, row, noun, tag = MenuItem, MenuItemSerializer, "menu_item", "Content"
    reads, writes = _READ_MENUS, _WRITE_MENUS
    fixed = ("menu_id",)
    filters = (
        Filter("ids", "id__in", ID, many=True),
        Filter("menu", "menu_id", ID, order=("position", "id")),
    )


@extend_schema_field({"type": "array", "items": {"type": "string", "maxLength": 255}, "maxItems": 500})
class AttributeSlugs(Part):
    """The attributes of a page type, in order."""


class PageTypeSerializer(RowSerializer):
    """What a kind of page has."""

    metadata = Metadata()
    private_metadata = Metadata()
    attributes = AttributeSlugs(
        serializers.ListField(child=serializers.CharField(max_length=255), max_length=500),
        empty=(),
        help_text="Takes slugs or ids, in order; shows slugs.",
    )

    class Meta:
        model = PageType
        fields = [*STANDARD, "name", "slug", *METADATA, "attributes"]


class PageTypes(CatalogResource):
    """What kinds of pages have."""

    model, row, noun, tag = PageType, PageTypeSerializer, "page_type", "Content"
    reads, writes = _READ_PAGES, Need("content:write", ("MANAGE_PAGE_TYPES_AND_ATTRIBUTES",))
    keys = (("slug",),)
    filters = _BY_SLUG

    def load(self, instances: Sequence[Any]) -> None:
        held = sub_list(PageTypeAttribute, "page_type_id", instances, "position", "attribute__slug")
        for one in instances:
            one.parts = {"attributes": [slug for _, slug in sorted(held.get(one.id, []))]}

    def fill(self, changes: Sequence[Change]) -> None:
        found = find_attributes({slug for change in changes for slug in change.parts.get("attributes") or ()})
        for change in changes:
            if "attributes" not in change.parts:
                continue
            unknown = [slug for slug in change.parts["attributes"] if slug not in found]
            if unknown:
                told = ErrorDetail(f"There is no attribute {unknown[0]!r}.", "NOT_FOUND")
                change.refuse(ValidationError({"attributes": [told]}))
            else:
                change.parts["attributes"] = list(dict.fromkeys(found[slug] for slug in change.parts["attributes"]))

    def save_parts(self, change: Change) -> None:
        if "attributes" in change.parts:
            wanted = [{"attribute_id": id_, "position": place} for place, id_ in enumerate(change.parts["attributes"])]
            self.replace_rows(change, PageTypeAttribute, "page_type_id", ["attribute_id"], wanted)


class PageSerializer(RowSerializer):
    """A text of the shop, shown in all channels from `published_at` on; a null instant is at once."""

    page_type = Reference("catalog.PageType", key="slug")
    content = RichText()
    metadata = Metadata()
    private_metadata = Metadata()
    attributes = Values(ValuesShape(), empty=None)

    class Meta:
        model = Page
        fields = [
            *STANDARD,
            "title",
            "slug",
            "page_type",
            "content",
            "seo_title",
            "seo_description",
            "is_published",
            "published_at",
            *METADATA,
            "attributes",
        ]


class Pages(WithValues):
    """Texts of the shop."""

    model, row, noun, tag = Page, PageSerializer, "page", "Content"
    reads, writes = _READ_PAGES, Need("content:write", ("MANAGE_PAGES",))
    value_model, value_owner = PageValue, "page_id"
    keys = (("slug",),)
    fixed = ("page_type_id",)
    filters = (*_BY_SLUG, Filter("page_type", "page_type_id", ID))

    def load(self, instances: Sequence[Any]) -> None:
        values = self.load_values(instances)
        for one in instances:
            one.parts = {"attributes": values.get(one.id, {})}

    def type_of(self, instances: Sequence[Any]) -> Mapping[UUID, UUID]:
        return {one.id: one.page_type_id for one in instances}

    def save_parts(self, change: Change) -> None:
        plan = change.parts.get("attributes")
        if not isinstance(plan, Plan):
            return
        id_ = change.instance.id
        values = operations.compare(PageValue, {id_: plan})
        if values.owners:
            values.write({id_: id_})
            if not change.is_written:
                operations.save(change.instance, now=self.now, actor=self.actor)
                change.is_written = True
