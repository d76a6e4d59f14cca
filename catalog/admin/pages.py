"""Page types with their attributes, pages with their values."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from catalog import operations
from catalog.admin.base import METADATA, SEARCH_ENGINES, CatalogAdmin, CatalogTabular
from catalog.admin.products import WithValuesAdmin, WithValuesForm
from catalog.admin.translations import TranslationInline
from catalog.models import Page, PageType, PageTypeAttribute


class PageTypeAttributeInline(CatalogTabular):
    model = PageTypeAttribute
    fields = ("attribute", "position")
    autocomplete_fields = ("attribute",)
    ordering = ("position", "id")


@admin.register(PageType)
class PageTypeAdmin(CatalogAdmin):
    list_display = ("name", "slug", "pages")
    search_fields = ("name", "slug")
    ordering = ("name",)
    prepopulated_fields = {"slug": ("name",)}
    inlines = (PageTypeAttributeInline,)
    fieldsets = ((None, {"fields": ("name", "slug")}), METADATA)

    @admin.display(description="")
    def pages(self, page_type: PageType) -> str:
        address = f"{reverse('admin:catalog_page_changelist')}?page_type__id__exact={page_type.pk}"
        return format_html('<a href="{}">Pages</a>', address)


class PageForm(WithValuesForm):
    def assign(self, values: dict[str, list[Any]]) -> None:
        operations.assign_page_values(page=self.instance, values=values, now=timezone.now())


@admin.register(Page)
class PageAdmin(WithValuesAdmin):
    form = PageForm
    list_display = ("title", "slug", "page_type", "shown", "published_at", "updated_at")
    list_select_related = ("page_type",)
    list_filter = ("is_published",)
    search_fields = ("title", "slug")
    ordering = ("title", "id")
    autocomplete_fields = ("page_type",)
    prepopulated_fields = {"slug": ("title",)}
    inlines = (TranslationInline,)
    fieldsets = (
        (None, {"fields": ("title", "slug", "page_type", "content")}),
        ("Publication", {"fields": (("is_published", "published_at"),)}),
        SEARCH_ENGINES,
        METADATA,
    )

    def product_type_of(self, obj: Page) -> UUID:
        found: UUID = obj.page_type_id
        return found

    @admin.display(description="shown")
    def shown(self, page: Page) -> str:
        if not page.is_published:
            kind, word = "dull", "hidden"
        elif page.published_at is not None and page.published_at > timezone.now():
            kind, word = "warn", "later"
        else:
            kind, word = "good", "shown"
        return format_html('<span class="badge badge-{}">{}</span>', kind, word)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "page_type__id__exact" or super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]
