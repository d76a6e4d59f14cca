"""Product types with their attributes, attributes with their values."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from catalog.admin.base import METADATA, CatalogAdmin, CatalogTabular, TenantForm
from catalog.admin.translations import NameTranslationInline
from catalog.models import Attribute, AttributeValue, ProductType, ProductTypeAttribute
from catalog.values import choice_slug, parse_value
from commerce.errors import DomainError
from tenants.admin.base import TenantAdmin

# An attribute with more values than this shows a link to their list instead of a table.
MOST_VALUES = 100


class TypeAttributeInline(CatalogTabular):
    model = ProductTypeAttribute
    fields = ("attribute", "on_variants", "variant_selection", "position")
    autocomplete_fields = ("attribute",)
    ordering = ("on_variants", "position", "id")


@admin.register(ProductType)
class ProductTypeAdmin(CatalogAdmin):
    list_display = ("name", "slug", "is_shipping_required", "products")
    search_fields = ("name",)
    ordering = ("name",)
    prepopulated_fields = {"slug": ("name",)}
    inlines = (TypeAttributeInline,)
    fieldsets = ((None, {"fields": ("name", "slug", "is_shipping_required")}), METADATA)

    @admin.display(description="")
    def products(self, product_type: ProductType) -> str:
        return products_link("product_type", product_type)


class ValueForm(TenantForm):
    """A value that can be chosen. Its slug is made once, from its first name: products name it by that."""

    value = forms.CharField(
        required=False, max_length=255, label="Colour", widget=forms.TextInput(attrs={"placeholder": "#a0b1c2"})
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        name, colour = cleaned.get("name"), cleaned.get("value")
        if name and colour:
            try:
                parse_value(Attribute.InputType.SWATCH, f"{name}|{colour}")
            except DomainError as error:
                self.add_error("value", error.message)
        return cleaned

    def write(self, page: TenantAdmin, request: HttpRequest) -> None:
        if self.instance._state.adding:
            self.instance.slug = choice_slug(self.instance.name)
            if not self.instance.position:
                values = AttributeValue.objects.filter(attribute_id=self.instance.attribute_id)
                last = values.aggregate(last=Max("position"))["last"]
                self.instance.position = 0 if last is None else last + 1
        try:
            super().write(page, request)
        except DomainError as error:
            raise DomainError(error.message, code=error.code, field="name") from error


class ValueInline(CatalogTabular):
    model = AttributeValue
    form = ValueForm
    ordering = ("position", "id")
    show_change_link = True

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        colour = ("value",) if obj is not None and obj.input_type == Attribute.InputType.SWATCH else ()
        return ("name", *colour, "position")


@admin.register(Attribute)
class AttributeAdmin(CatalogAdmin):
    list_display = ("name", "slug", "input_type", "unit", "filterable_in_storefront")
    search_fields = ("name", "slug")
    ordering = ("name",)
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "kind", "input_type", "entity_type", "unit", "value_required")}),
        (
            "Storefront",
            {
                "fields": (
                    "visible_in_storefront",
                    "filterable_in_storefront",
                    "available_in_grid",
                    "storefront_search_position",
                    "filterable_in_dashboard",
                )
            },
        ),
        ("More", {"classes": ["collapse"], "fields": ("external_reference",)}),
        METADATA,
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """An attribute keeps its input type: its values are of it."""
        if obj is None:
            return ()
        return ("kind", "input_type", "entity_type", *(() if self._shows_values(obj) else ("values_list",)))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self._shows_values(obj):
            return fieldsets
        (title, options), *rest = fieldsets
        return [(title, {**options, "fields": [*options["fields"], "values_list"]}), *rest]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        if obj is None:
            return ()
        return (ValueInline, NameTranslationInline) if self._shows_values(obj) else (NameTranslationInline,)

    @admin.display(description="values")
    def values_list(self, attribute: Attribute) -> str:
        address = f"{reverse('admin:catalog_attributevalue_changelist')}?attribute__id__exact={attribute.id}"
        return format_html('<a href="{}">See their list</a>', address)

    def _shows_values(self, attribute: Any) -> bool:
        """Return whether the values stand on the page: those that are chosen from, unless there are very many."""
        if attribute.input_type not in Attribute.CHOICE_TYPES:
            return False
        if not hasattr(attribute, "has_few_values"):
            ids = AttributeValue.objects.filter(attribute=attribute).values_list("id")
            attribute.has_few_values = len(ids[: MOST_VALUES + 1]) <= MOST_VALUES
        few: bool = attribute.has_few_values
        return few


@admin.register(AttributeValue)
class AttributeValueAdmin(CatalogAdmin):
    """Values on pages of their own: found from their attribute, and where a product chooses one."""

    form = ValueForm
    list_display = ("name", "attribute", "slug", "position")
    list_select_related = ("attribute",)
    search_fields = ("name",)
    ordering = ("attribute_id", "position", "id")
    sortable_by = ("name",)
    autocomplete_fields = ("attribute",)
    inlines = (NameTranslationInline,)

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """Stay off the front page."""
        return {}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("attribute", "name", "value", "slug", "position") if obj else ("attribute", "name", "value", "position")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("attribute", "slug") if obj is not None else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Numbers, dates and texts are values of themselves: another number is another value."""
        chosen = obj is None or obj.attribute.input_type in Attribute.CHOICE_TYPES
        return super().has_change_permission(request, obj) and chosen

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("attribute")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """Where a product chooses a value, only those of the asked attribute."""
        if "attribute" in request.GET:
            try:
                queryset = queryset.filter(attribute_id=UUID(request.GET["attribute"]))
            except ValueError:
                queryset = queryset.none()
        return super().get_search_results(request, queryset, search_term)

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        return lookup == "attribute__id__exact" or super().lookup_allowed(lookup, value, request)


def products_link(field: str, obj: Any) -> str:
    """Return a link to the list of products that have this object in a field."""
    address = f"{reverse('admin:catalog_product_changelist')}?{field}__id__exact={obj.pk}"
    return format_html('<a href="{}">Products</a>', address)
