"""Menus as trees of items."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from catalog.admin.base import METADATA, CatalogAdmin, CatalogTabular, TenantForm
from catalog.admin.translations import NameTranslationInline
from catalog.models import Menu, MenuItem
from tenants.admin.base import is_uuid

# A menu of more items than this shows them as a list of links, not as a table to edit.
MOST_ITEMS = 150


def in_tree_order(items: Iterable[MenuItem]) -> list[MenuItem]:
    """Return the items of one menu depth first, each below its parent, siblings by position."""
    below: dict[UUID | None, list[MenuItem]] = defaultdict(list)
    for item in sorted(items, key=lambda item: (item.position, item.id), reverse=True):
        below[item.parent_id].append(item)
    ordered: list[MenuItem] = []
    waiting = list(below[None])
    while waiting:
        item = waiting.pop()
        ordered.append(item)
        waiting += below[item.id]
    return ordered


class ItemForm(TenantForm):
    """A link of a menu; its words are shifted to the right by its level."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = self.fields.get("name")
        if name is not None:
            name.widget.attrs["class"] = f"vTextField level-{self.instance.level}"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        given = [name for name in (*MenuItem.TARGETS, "url") if cleaned.get(name)]
        if len(given) > 1:
            self.add_error(given[1], f"An item leads to one thing; {' and '.join(given)} were given.")
        return cleaned


class ItemInline(CatalogTabular):
    model = MenuItem
    form = ItemForm
    verbose_name_plural = "Items: each leads to one category, collection, page or address, or is a heading"
    fields = ("name", "parent", "position", "category", "collection", "page", "url")
    autocomplete_fields = ("category", "collection", "page")
    show_change_link = True
    classes = ("menu-items",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the items in the order of the tree, which is known once the menu is."""
        found = super().get_queryset(request).select_related("category", "collection", "page")
        items: list[MenuItem] = getattr(request, "menu_items", [])
        if not items:
            return found
        places = [When(pk=item.pk, then=Value(place)) for place, item in enumerate(items)]
        order = Case(*places, default=Value(len(items)), output_field=IntegerField())
        return found.filter(menu_id=items[0].menu_id).order_by(order, "id")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "parent" and field is not None:
            _offer_parents(field, getattr(request, "menu_items", []))
        return field


def _offer_parents(field: Any, items: Sequence[MenuItem]) -> None:
    """Let a select offer the items of one menu, as a tree."""
    field.queryset = MenuItem.objects.filter(pk__in=[item.pk for item in items])
    shifted = [(item.pk, f"{'   ' * item.level}{item.name}") for item in items]
    field.choices = [("", "- top -"), *shifted]


@admin.register(Menu)
class MenuAdmin(CatalogAdmin):
    list_display = ("name", "slug", "updated_at")
    search_fields = ("name", "slug")
    ordering = ("name",)
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = ((None, {"fields": ("name", "slug")}), METADATA)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        menu = super().get_object(request, object_id, from_field)
        if menu is not None:
            request.menu_items = in_tree_order(MenuItem.objects.filter(menu=menu))  # type: ignore[attr-defined]
        return menu

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return () if len(getattr(request, "menu_items", [])) > MOST_ITEMS else (ItemInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("items_list",) if obj is not None and not self.get_inlines(request, obj) else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        (title, options), *rest = super().get_fieldsets(request, obj)
        shown = self.get_readonly_fields(request, obj)
        return [(title, {**options, "fields": [*options["fields"], *shown]}), *rest]

    @admin.display(description="items")
    def items_list(self, menu: Menu) -> str:
        address = f"{reverse('admin:catalog_menuitem_changelist')}?menu__id__exact={menu.pk}"
        return format_html('<a href="{}">More than {}: see their list</a>', address, MOST_ITEMS)


@admin.register(MenuItem)
class MenuItemAdmin(CatalogAdmin):
    """Items on pages of their own: found from their menu, with the words in other languages."""

    form = ItemForm
    list_display = ("name", "menu", "level", "position", "leads_to")
    list_select_related = ("menu", "category", "collection", "page")
    search_fields = ("name",)
    ordering = ("menu_id", "level", "position", "id")
    autocomplete_fields = ("menu", "parent", "category", "collection", "page")
    inlines = (NameTranslationInline,)
    fieldsets = (
        (None, {"fields": ("name", "menu", "parent", "position")}),
        ("Leads to one of these, or is a heading", {"fields": ("category", "collection", "page", "url")}),
        METADATA,
    )

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """Stay off the front page."""
        return {}

    @admin.display(description="leads to")
    def leads_to(self, item: MenuItem) -> str:
        return str(item.category or item.collection or item.page or item.url or "-")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "menu" and isinstance(field, forms.Field):
            field.help_text = "What is below the item moves along."
        return field

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        found, distinct = super().get_search_results(request, queryset, search_term)
        return found.select_related("menu"), distinct

    def autocomplete_label(self, obj: MenuItem) -> str:
        return f"{obj.menu} › {obj}"

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        known = lookup == "menu__id__exact" and is_uuid(value)
        return known or super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]
