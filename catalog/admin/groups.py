"""Categories as a tree, collections with their products."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ALL_VAR, ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from catalog.admin.attributes import products_link
from catalog.admin.base import METADATA, SEARCH_ENGINES, CatalogAdmin, CatalogTabular, few
from catalog.admin.translations import TranslationInline
from catalog.models import Category, Collection, CollectionProduct, CollectionPublication
from tenants import queries as tenants_queries

# A collection of more products than this shows a link to their list instead of a table.
MOST_PRODUCTS = 100


class CategoryTree(ChangeList):
    """The list of categories, each below its parent: two statements, of which one reads the ids of the whole tree.

    What was searched or sorted is shown as a plain list.
    """

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if self.query or set(self.params) - {ALL_VAR}:
            return
        ids = _tree_order(self.queryset)
        if self.multi_page and not self.show_all:
            ids = ids[(self.page_num - 1) * self.list_per_page : self.page_num * self.list_per_page]
        rows = {category.id: category for category in self.queryset.filter(id__in=ids)}
        self.result_list = [rows[identity] for identity in ids if identity in rows]


def _tree_order(categories: "QuerySet[Category]") -> list[UUID]:
    """Return the ids of all categories depth first, siblings by position and name."""
    children: dict[UUID | None, list[UUID]] = defaultdict(list)
    for identity, parent in categories.order_by("position", "name", "id").values_list("id", "parent_id"):
        children[parent].append(identity)
    ordered: list[UUID] = []
    waiting = children[None][::-1]
    while waiting:
        identity = waiting.pop()
        ordered.append(identity)
        waiting += children[identity][::-1]
    return ordered


@admin.register(Category)
class CategoryAdmin(CatalogAdmin):
    list_display = ("indented_name", "slug", "position", "products")
    list_select_related = ("parent",)
    search_fields = ("name", "slug")
    ordering = ("name", "id")
    sortable_by = ("position",)
    autocomplete_fields = ("parent",)
    prepopulated_fields = {"slug": ("name",)}
    inlines = (TranslationInline,)
    fieldsets = (
        (None, {"fields": ("name", "slug", "parent", "position", "description")}),
        ("Picture", {"classes": ["collapse"], "fields": ("background_image", "background_image_alt")}),
        SEARCH_ENGINES,
        ("More", {"classes": ["collapse"], "fields": ("external_reference",)}),
        METADATA,
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return CategoryTree

    @admin.display(description="name")
    def indented_name(self, category: Category) -> str:
        return format_html('<span class="level-{}">{}</span>', min(category.level, 9), category.name)

    @admin.display(description="")
    def products(self, category: Category) -> str:
        return products_link("category", category)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).select_related("parent")

    def autocomplete_label(self, obj: Category) -> str:
        return f"{obj.parent} › {obj}" if obj.parent else str(obj)


class CollectionPublicationInline(CatalogTabular):
    model = CollectionPublication
    fields = ("channel", "is_published", "published_at")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return few(super().formfield_for_foreignkey(db_field, request, **kwargs), tenants_queries.list_channels())


class CollectionProductInline(CatalogTabular):
    model = CollectionProduct
    fields = ("product", "position")
    autocomplete_fields = ("product",)
    ordering = ("position", "id")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).select_related("product")


@admin.register(Collection)
class CollectionAdmin(CatalogAdmin):
    list_display = ("name", "slug", "updated_at")
    search_fields = ("name", "slug")
    ordering = ("name", "id")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "description")}),
        ("Picture", {"classes": ["collapse"], "fields": ("background_image", "background_image_alt")}),
        SEARCH_ENGINES,
        ("More", {"classes": ["collapse"], "fields": ("external_reference",)}),
        METADATA,
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("products_list",) if obj is not None and _has_many_products(obj) else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        (title, options), *rest = super().get_fieldsets(request, obj)
        shown = self.get_readonly_fields(request, obj)
        return [(title, {**options, "fields": [*options["fields"], *shown]}), *rest]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        if obj is not None and _has_many_products(obj):
            return (CollectionPublicationInline, TranslationInline)
        return (CollectionPublicationInline, CollectionProductInline, TranslationInline)

    @admin.display(description="products")
    def products_list(self, collection: Collection) -> str:
        address = f"{reverse('admin:catalog_collectionproduct_changelist')}?collection__id__exact={collection.id}"
        return format_html('<a href="{}">More than {}: see their list</a>', address, MOST_PRODUCTS)


@admin.register(CollectionProduct)
class CollectionProductAdmin(CatalogAdmin):
    """Products of one large collection, found from its page."""

    list_display = ("product", "position")
    list_select_related = ("product",)
    ordering = ("collection_id", "position", "id")
    sortable_by = ()
    autocomplete_fields = ("collection", "product")
    fields = ("collection", "product", "position")

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """Stay off the front page."""
        return {}

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        return lookup == "collection__id__exact" or super().lookup_allowed(lookup, value, request)


def _has_many_products(collection: Any) -> bool:
    if not hasattr(collection, "has_many_products"):
        ids = CollectionProduct.objects.filter(collection=collection).values_list("id")
        collection.has_many_products = len(ids[: MOST_PRODUCTS + 1]) > MOST_PRODUCTS
    found: bool = collection.has_many_products
    return found
