"""Warehouses with the channels that they serve, and stock."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from catalog.admin.base import METADATA, CatalogAdmin, TenantForm, few
from catalog.admin.offers import StockForm
from catalog.models import Product, Stock, Warehouse, WarehouseChannel
from commerce.errors import DomainError
from tenants import queries as tenants_queries
from tenants.admin.base import TenantAdmin
from tenants.admin.channels import clean_country

ADDRESS = (
    "company_name",
    "street_address_1",
    "street_address_2",
    "postal_code",
    "city",
    "country_area",
    "country",
    "phone",
)
_AddressForm: Any = type(
    "AddressForm",
    (TenantForm,),
    {
        f"address_{name}": forms.CharField(required=False, max_length=256, label=name.replace("_", " ").capitalize())
        for name in ADDRESS
    },
)


class WarehouseForm(_AddressForm):  # type: ignore[misc]
    """A warehouse; its address is a field per part, its channels are rows beside it."""

    channels = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: Any = self.fields["channels"]
        choices.choices = [(str(channel.id), str(channel)) for channel in tenants_queries.list_channels()]
        served = WarehouseChannel.objects.filter(warehouse=self.instance)
        self.initial["channels"] = [str(channel_id) for channel_id in served.values_list("channel_id", flat=True)]
        for name in ADDRESS:
            self.initial[f"address_{name}"] = (self.instance.address or {}).get(name, "")

    def clean_address_country(self) -> str:
        code: str = self.cleaned_data["address_country"]
        try:
            return clean_country(code) if code else ""
        except DomainError as error:
            raise forms.ValidationError(error.message) from error

    def write(self, page: TenantAdmin, request: HttpRequest) -> None:
        filled = {name: self.cleaned_data.get(f"address_{name}", "") for name in ADDRESS}
        others = {name: text for name, text in (self.instance.address or {}).items() if name not in ADDRESS}
        self.instance.address = {**others, **{name: text for name, text in filled.items() if text}}
        super().write(page, request)
        if "channels" not in self.changed_data:
            return
        served = {str(row.channel_id): row for row in WarehouseChannel.objects.filter(warehouse=self.instance)}
        wanted = set(self.cleaned_data["channels"])
        for channel_id in wanted - set(served):
            page.write(request, WarehouseChannel(warehouse=self.instance, channel_id=channel_id))
        for channel_id in set(served) - wanted:
            page.erase(request, served[channel_id])


@admin.register(Warehouse)
class WarehouseAdmin(CatalogAdmin):
    form = WarehouseForm
    list_display = ("name", "slug", "is_private")
    search_fields = ("name", "slug")
    ordering = ("name", "id")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "email", "is_private", "channels")}),
        ("Address", {"fields": tuple(f"address_{name}" for name in ADDRESS)}),
        ("More", {"classes": ["collapse"], "fields": ("external_reference",)}),
        METADATA,
    )


@admin.register(Stock)
class StockAdmin(CatalogAdmin):
    form = StockForm
    list_display = ("variant", "product", "warehouse", "on_hand", "reserved")
    list_select_related = ("variant__product", "warehouse")
    # A whole SKU comes by its index; `icontains` reads all names of the tenant.
    search_fields = ("variant__sku__exact", "variant__product__name")
    search_help_text = "A whole SKU, or words of the product's name."
    ordering = ("-id",)
    sortable_by = ("on_hand", "reserved")
    autocomplete_fields = ("variant",)
    fields = ("variant", "warehouse", "on_hand", "reserved")
    readonly_fields = ("reserved",)

    @admin.display(description="product")
    def product(self, stock: Stock) -> str:
        return str(stock.variant.product)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("variant", "warehouse", "reserved") if obj is not None else ("reserved",)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        return few(field, Warehouse.objects.order_by("name")) if db_field.name == "warehouse" else field

    def rows_to_lock(self, obj: Stock) -> Any:
        return [Stock.objects.filter(id=obj.id), Product.objects.filter(variants=obj.variant_id)]
